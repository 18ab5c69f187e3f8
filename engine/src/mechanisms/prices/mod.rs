//! Prices made outside the world: diffusions with constant or switching volatility and jumps, or replayed data; and the
//! outside market's finite inventory that agents trade with at those prices.
//!
//! Assets whose price is made by trades have no block here.

mod process;

use std::collections::BTreeMap;

use bevy_ecs::prelude::{Component, Query, Res};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::{ActionSpec, Actor, ArgKind, ArgSpec, Args, Receiver, Rejected, Who};
use crate::clock::Now;
use crate::domain::{External, History};
use crate::ledger::{AssetId, Bucket, Slot};
use crate::mechanism::{Assets, Mechanism, Setup, price_at};
use crate::params;
use crate::phase::{Half, Phase};
use crate::probe::{Cell, Probe};
use crate::registry::{BlockSpec, Kind, Registry, part};
use crate::rng::{Streams, name_key};
use crate::scenario::{DataTable, Role, SetupError};
use crate::tx::Tx;
use crate::units::{Amount, Millis, Price, Rounding, Span, whole};
use process::{PriceBlock, Process, check_process};

const PRICES: &str = "market.prices";
const OUTSIDE: &str = "market.outside";

/// Exogenous prices and the outside market.
pub(super) struct Prices;

/// The running process of one asset.
#[derive(Component, Clone, Debug)]
struct Path {
    key: u64,
    start: f64,
    process: Process,
    /// Log of price over start for diffusions.
    log: f64,
    regime: usize,
    /// When it last moved.
    moved: Millis,
    /// (seconds, price) of replays, in rising order of time.
    points: Vec<(f64, f64)>,
}

/// The block `market.outside`.
#[derive(Component, Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct OutsideTerms {
    /// Coins of each asset that the rest of the world will part with.
    inventory: BTreeMap<String, f64>,
    /// Cost of trading with it, as a ratio of the price on each side.
    spread: f64,
}

/// Where the outside inventory lies, by asset.
#[derive(Component, Clone, Debug)]
struct Outside {
    first: Slot,
}

impl Mechanism for Prices {
    fn name(&self) -> &'static str {
        "prices"
    }

    fn declare(&self, registry: &mut Registry) {
        registry.blocks.extend([
            BlockSpec::of::<BTreeMap<String, PriceBlock>>(
                PRICES,
                "Assets priced outside the world: a start and a process each. An asset without an entry is priced by trades alone.",
            ),
            BlockSpec::of::<OutsideTerms>(
                OUTSIDE,
                "The rest of the world's inventory and its spread: what it will trade at the prices made outside.",
            ),
        ]);
        registry.params.extend(params![OutsideTerms, Kind::Protocol, "market.outside";
            spread: "ratio", 0.0, 0.5, Neither, "Cost of trading outside, on each side of the external price.";
        ]);
        registry.probes.push(Probe {
            kind: Kind::Asset,
            name: "external_price",
            unit: "coins",
            doc: "Price made outside the world, NaN for assets priced by trades.",
            read: |world, place| {
                Cell::Float(
                    part::<External>(world, Kind::Asset, place).map_or(f64::NAN, |external| external.price.get()),
                )
            },
        });
        registry.actions.extend([
            ActionSpec {
                name: "buy_outside",
                receiver: Receiver::Me,
                who: Who::Public(&[Role::Arbitrageur, Role::Trader]),
                args: &[ASSET, SPENT],
                doc: "Buys an asset from the rest of the world at its external price plus the spread.",
                run: buy_outside,
            },
            ActionSpec {
                name: "sell_outside",
                receiver: Receiver::Me,
                who: Who::Public(&[Role::Arbitrageur, Role::Trader]),
                args: &[ASSET, SOLD],
                doc: "Sells an asset to the rest of the world at its external price minus the spread.",
                run: sell_outside,
            },
        ]);
    }

    fn build(&self, setup: &mut Setup<'_>) -> Result<(), SetupError> {
        let blocks: BTreeMap<String, PriceBlock> = setup.block(PRICES)?.unwrap_or_default();
        for (name, block) in blocks {
            let path = format!("{PRICES}.{name}");
            let asset = setup.asset(&name, &path)?;
            if asset == setup.world.resource::<Assets>().settlement() {
                return Err(SetupError::value(path, "the settlement asset is what prices are counted in"));
            }
            let (external, running) = start(setup, &name, block, &path)?;
            let mut history = History::default();
            history.push(0, external.price.get());
            if let Some(entity) =
                setup.world.resource::<crate::registry::Directory>().entity(Kind::Asset, usize::from(asset.0))
            {
                setup.world.entity_mut(entity).insert((external, running, history));
            }
        }
        let terms: OutsideTerms = setup.block(OUTSIDE)?.unwrap_or_default();
        let group = setup.group("outside");
        let first = setup.world.resource_mut::<crate::ledger::Ledger>().open_all(group, Bucket::Outside);
        for (name, coins) in &terms.inventory {
            let path = format!("{OUTSIDE}.inventory.{name}");
            let asset = setup.asset(name, &path)?;
            let units = crate::mechanism::coins_to_units(setup.world.resource::<Assets>().scale(asset), *coins, &path)?;
            let slot = first.asset(asset);
            let minted = setup.world.resource_mut::<crate::ledger::Ledger>().mint(slot, units);
            minted.map_err(|_| SetupError::value(path, "more than the asset can hold"))?;
        }
        setup.protocol((terms, Outside { first }));
        setup.state::<External>();
        setup.state::<Path>();
        setup.system(Phase::Environment, Half::Prepare, move_prices);
        Ok(())
    }
}

const ASSET: ArgSpec =
    ArgSpec { name: "asset", kind: ArgKind::Handle(Kind::Asset), unit: "", doc: "An asset with an external price." };
const SPENT: ArgSpec =
    ArgSpec { name: "spend", kind: ArgKind::Amount, unit: "coins", doc: "Settlement coins to spend." };
const SOLD: ArgSpec =
    ArgSpec { name: "amount", kind: ArgKind::Amount, unit: "coins", doc: "Coins of the asset to sell." };

fn start(setup: &Setup<'_>, name: &str, block: PriceBlock, path: &str) -> Result<(External, Path), SetupError> {
    let price = price_at(block.start, &format!("{path}.start"))?;
    check_process(&block.process, path)?;
    let points = match &block.process {
        Process::Replay { points } => points.iter().map(|point| (point.at.seconds(), point.price)).collect(),
        Process::Csv { data, time, price } => columns(&setup.scenario.data, (data, time, price), path)?,
        _ => Vec::new(),
    };
    check_points(&points, path)?;
    let running =
        Path { key: name_key(name), start: block.start, process: block.process, log: 0.0, regime: 0, moved: 0, points };
    let price = running.points.first().and_then(|(_, price)| Price::new(*price)).unwrap_or(price);
    Ok((External { price }, running))
}

fn columns(
    data: &BTreeMap<String, DataTable>,
    names: (&str, &str, &str),
    path: &str,
) -> Result<Vec<(f64, f64)>, SetupError> {
    let path = format!("{path}.process");
    let table = data.get(names.0).ok_or_else(|| SetupError::Name {
        path: path.clone(),
        what: "data file",
        name: names.0.to_owned(),
        known: data.keys().cloned().collect(),
    })?;
    let column = |name: &str| {
        table.get(name).ok_or_else(|| SetupError::Name {
            path: path.clone(),
            what: "numeric column",
            name: name.to_owned(),
            known: table.keys().cloned().collect(),
        })
    };
    let (times, prices) = (column(names.1)?, column(names.2)?);
    let origin = times.first().copied().unwrap_or(0.0);
    Ok(times.iter().map(|time| time - origin).zip(prices.iter().copied()).collect())
}

fn check_points(points: &[(f64, f64)], path: &str) -> Result<(), SetupError> {
    let path = format!("{path}.process");
    if let Some((time, price)) = points.iter().find(|(_, price)| Price::new(*price).is_none()) {
        return Err(SetupError::value(path, format!("the price at {time} s is {price}: expected 1e-12…1e18")));
    }
    if points.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
        return Err(SetupError::value(path, "expected points in rising order of time"));
    }
    Ok(())
}

fn move_prices(
    mut paths: Query<'_, '_, (&mut Path, &mut External, &mut History)>,
    now: Res<'_, Now>,
    streams: Res<'_, Streams>,
) {
    for (mut path, mut external, mut history) in &mut paths {
        if now.step > 0 || !path.points.is_empty() {
            external.price = Price::saturating(advance(&mut path, *now, *streams));
        }
        history.push(now.time, external.price.get());
    }
}

/// The price at the start of this step: on from where it last moved, by the time that has passed since.
fn advance(path: &mut Path, now: Now, streams: Streams) -> f64 {
    let passed = Span(now.time - std::mem::replace(&mut path.moved, now.time));
    let years = passed.days() / crate::math::volatility::YEAR_DAYS;
    let mut draw = streams.stream("price", path.key, now.step);
    match path.process.clone() {
        Process::Fixed => {}
        Process::Gbm { drift, volatility } => path.log += diffuse(&mut draw, drift, volatility, years),
        Process::Regimes { drift, regimes } => {
            let regime = regimes[path.regime];
            path.log += diffuse(&mut draw, drift, regime.volatility, years);
            if draw.uniform() < 1.0 - libm::exp(-passed.seconds() / regime.mean_stay.seconds()) {
                path.regime = (path.regime + 1) % regimes.len();
            }
        }
        Process::Merton { drift, volatility, jumps_per_day, jump_mean, jump_deviation } => {
            // The compensator keeps the expected return at `drift` (Merton 1976).
            let mean_size = libm::exp(jump_mean + 0.5 * jump_deviation * jump_deviation) - 1.0;
            let compensated = drift - jumps_per_day * crate::math::volatility::YEAR_DAYS * mean_size;
            path.log += diffuse(&mut draw, compensated, volatility, years);
            for _ in 0..draw.poisson(jumps_per_day * passed.days()) {
                path.log += jump_mean + jump_deviation * draw.normal();
            }
        }
        Process::Replay { .. } | Process::Csv { .. } => {
            return interpolate(&path.points, Span(now.time).seconds()).unwrap_or(path.start);
        }
    }
    path.start * libm::exp(path.log)
}

fn diffuse(draw: &mut crate::rng::Stream, drift: f64, volatility: f64, years: f64) -> f64 {
    (drift - 0.5 * volatility * volatility) * years + volatility * libm::sqrt(years) * draw.normal()
}

/// Linear between points, constant beyond them.
fn interpolate(points: &[(f64, f64)], time: f64) -> Option<f64> {
    let after = points.partition_point(|(at, _)| *at <= time);
    let Some((before_time, before)) = after.checked_sub(1).map(|place| points[place]) else {
        return points.first().map(|(_, price)| *price);
    };
    let Some((after_time, next)) = points.get(after) else { return Some(before) };
    Some(before + (next - before) * (time - before_time) / (after_time - before_time))
}

struct Counterparty {
    asset: AssetId,
    wallet: Slot,
    outside: Slot,
    /// Settlement units per unit of the asset.
    price: f64,
    spread: f64,
}

fn counterparty(tx: &Tx<'_>, actor: Actor, args: &Args<'_>) -> Result<Counterparty, Rejected> {
    let place = args.handle(0, Kind::Asset)? as usize;
    let external = tx.get::<External>(tx.entity(Kind::Asset, place).ok_or(Rejected::NOT_FOUND)?)?;
    let asset = AssetId(u16::try_from(place).map_err(|_| Rejected::NOT_FOUND)?);
    let protocol = tx.protocol()?;
    let assets = tx.world().resource::<Assets>();
    Ok(Counterparty {
        asset,
        wallet: tx.agent(actor.agent)?.wallet,
        outside: tx.get::<Outside>(protocol)?.first,
        price: external.price.get() * assets.settlement_scale() / assets.scale(asset),
        spread: tx.get::<OutsideTerms>(protocol)?.spread,
    })
}

#[allow(clippy::cast_precision_loss)]
fn buy_outside(tx: &mut Tx<'_>, actor: Actor, args: &Args<'_>) -> Result<(), Rejected> {
    let other = counterparty(tx, actor, args)?;
    let assets = tx.world().resource::<Assets>();
    let (settlement, scale) = (assets.settlement(), assets.settlement_scale());
    let spent = args.amount(1, scale, tx.balance(other.wallet.asset(settlement)))?;
    let bought =
        whole(spent as f64 / (other.price * (1.0 + other.spread)), Rounding::Down).ok_or(Rejected::OVERFLOW)?;
    swap(tx, &other, settlement, spent, bought)
}

#[allow(clippy::cast_precision_loss)]
fn sell_outside(tx: &mut Tx<'_>, actor: Actor, args: &Args<'_>) -> Result<(), Rejected> {
    let other = counterparty(tx, actor, args)?;
    let assets = tx.world().resource::<Assets>();
    let (settlement, scale) = (assets.settlement(), assets.scale(other.asset));
    let sold = args.amount(1, scale, tx.balance(other.wallet.asset(other.asset)))?;
    let received = whole(sold as f64 * other.price * (1.0 - other.spread), Rounding::Down).ok_or(Rejected::OVERFLOW)?;
    tx.transfer(other.wallet.asset(other.asset), other.outside.asset(other.asset), sold, "outside_trade")?;
    tx.transfer(other.outside.asset(settlement), other.wallet.asset(settlement), received, "outside_trade")
        .map_err(|_| Rejected::LIQUIDITY)
}

fn swap(
    tx: &mut Tx<'_>,
    other: &Counterparty,
    settlement: AssetId,
    spent: Amount,
    bought: Amount,
) -> Result<(), Rejected> {
    tx.transfer(other.wallet.asset(settlement), other.outside.asset(settlement), spent, "outside_trade")?;
    tx.transfer(other.outside.asset(other.asset), other.wallet.asset(other.asset), bought, "outside_trade")
        .map_err(|_| Rejected::LIQUIDITY)
}
