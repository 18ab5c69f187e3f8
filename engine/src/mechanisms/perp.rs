//! Linear perpetual markets against a pool: the pool takes the other side at the oracle price moved by skew, within
//! open-interest caps, and the heavier side pays funding.

use std::collections::BTreeMap;

use bevy_ecs::prelude::{Query, World};
use bevy_ecs::system::Res;
use serde::Deserialize;

use crate::action::{ActionSpec, Actor, ArgKind, ArgSpec, Args, Receiver, Rejected};
use crate::clock::Now;
use crate::domain::{Account, AccountId, Feed, Funds, Market, MarketTerms, Position, Positions, Roster, Venue};
use crate::ledger::{Bucket, Ledger};
use crate::math::{funding, impact};
use crate::mechanism::{Assets, Mechanism, Setup};
use crate::params;
use crate::phase::{Half, Phase};
use crate::probe::{Cell, Probe};
use crate::registry::{BlockSpec, Directory, Kind, Registry, part};
use crate::scenario::SetupError;
use crate::settlement::{self, Trade};
use crate::tx::Tx;
use crate::units::{Amount, Price, Rounding, whole};
use crate::valuation::{self, DEPOSITS, INSURANCE, POOL};
use crate::view::{FieldKind, OwnField, OwnScope, PublicField, Rows};

const MARKETS: &str = "protocol.markets";
const FUNDS: &str = "protocol.funds";

/// Perpetual markets.
pub(super) struct Perp;

/// The block `protocol.funds`, in settlement coins.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FundsBlock {
    pool: f64,
    insurance: f64,
    deposits: f64,
}

const MARKET: ArgSpec = ArgSpec { name: "market", kind: ArgKind::Handle(Kind::Market), unit: "", doc: "The market." };
const SIZE: ArgSpec = ArgSpec {
    name: "size",
    kind: ArgKind::Number,
    unit: "contracts",
    doc: "Signed change: positive buys, negative sells.",
};
const PART: ArgSpec =
    ArgSpec { name: "size", kind: ArgKind::Amount, unit: "contracts", doc: "How much of the position to close." };

impl Mechanism for Perp {
    fn name(&self) -> &'static str {
        "perp"
    }

    fn declare(&self, registry: &mut Registry) {
        registry.blocks.extend([
            BlockSpec { path: MARKETS, doc: "Perpetual markets: feed, base, venues and terms each." },
            BlockSpec { path: FUNDS, doc: "The protocol's own money: pool, insurance and deposits." },
        ]);
        registry.params.extend(params![MarketTerms, Kind::Market, "protocol.markets";
            fee: "ratio", 0.0, 0.1, "Fee on notional.";
            fee_insurance_share: "ratio", 0.0, 1.0, "Share of fees that goes to the insurance fund.";
            skew_scale: "contracts", 1e-6, 1e18, "Skew at which the price impact is 100 %.";
            funding_cap: "ratio/day", 0.0, 10.0, "Largest funding rate a day.";
            funding_scale: "contracts", 1e-6, 1e18, "Skew at which funding reaches its cap.";
            oi_cap: "coins", 0.0, 1e15, "Largest notional of either side.";
            oi_cap_depth_share: "ratio", 0.0, 1e15, "Largest notional of either side as a multiple of the venues' 2 % depth.";
        ]);
        declare_view(registry);
        declare_probes(registry);
        registry.actions.extend([
            ActionSpec {
                name: "open",
                receiver: Receiver::Account,
                roles: &[],
                args: &[MARKET, SIZE],
                doc: "Changes the position by a signed size.",
                run: open,
            },
            ActionSpec {
                name: "close",
                receiver: Receiver::Account,
                roles: &[],
                args: &[MARKET, PART],
                doc: "Closes some or all of the position.",
                run: close,
            },
        ]);
    }

    fn build(&self, setup: &mut Setup<'_>) -> Result<(), SetupError> {
        let block: FundsBlock = setup.block(FUNDS)?.unwrap_or_default();
        let settlement = setup.world.resource::<Assets>().settlement();
        let mut fund = |name: &str, bucket, coins, key: &str| {
            let group = setup.group(name);
            setup.fund(group, bucket, settlement, coins, &format!("{FUNDS}.{key}"))
        };
        let pool = fund(POOL, Bucket::Pool, block.pool, "pool")?;
        let insurance = fund(INSURANCE, Bucket::Insurance, block.insurance, "insurance")?;
        let deposits = fund(DEPOSITS, Bucket::Deposits, block.deposits, "deposits")?;
        let deposit_claims = setup.world.resource::<Ledger>().balance(deposits);
        setup.protocol(Funds { pool, insurance, deposits, deposit_claims });
        let blocks: BTreeMap<String, MarketTerms> = setup.block(MARKETS)?.unwrap_or_default();
        for (name, terms) in blocks {
            open_market(setup, &name, terms)?;
        }
        setup.state::<Funds>();
        setup.state::<MarketTerms>();
        setup.state::<Market>();
        setup.state::<Account>();
        setup.state::<Positions>();
        // Marks follow the feed at once, so that under either timing agents decide and trade on the new ones.
        setup.system(Phase::Oracle, Half::Settle, mark_markets);
        setup.system(Phase::Fund, Half::Settle, pay_funding);
        setup.system(Phase::Record, Half::Prepare, assert_open_interest);
        Ok(())
    }
}

fn open_market(setup: &mut Setup<'_>, name: &str, terms: MarketTerms) -> Result<(), SetupError> {
    let path = format!("{MARKETS}.{name}");
    let base = setup.asset(&terms.base, &format!("{path}.base"))?;
    let feed = setup.find(Kind::Feed, "feed", &terms.feed, &format!("{path}.feed"))?;
    let find_venue = |venue: &String| setup.find(Kind::Venue, "venue", venue, &format!("{path}.venues"));
    let venues = terms.venues.iter().map(find_venue).collect::<Result<Vec<_>, _>>()?;
    if venues.is_empty() && terms.oi_cap_depth_share < crate::domain::UNLIMITED {
        return Err(SetupError::value(format!("{path}.oi_cap_depth_share"), "a cap by depth needs `venues`"));
    }
    if terms.tiers.windows(2).any(|pair| pair[0].above >= pair[1].above) {
        return Err(SetupError::value(format!("{path}.tiers"), "expected tiers in rising order of `above`"));
    }
    if terms.mmr > terms.imr {
        return Err(SetupError::value(
            format!("{path}.mmr"),
            format!("expected at most the initial ratio {}, found {}", terms.imr, terms.mmr),
        ));
    }
    let assets = setup.world.resource::<Assets>();
    let base_scale = assets.scale(base);
    let market = Market {
        base,
        feed,
        venues,
        mark: None,
        stale: true,
        unit: assets.settlement_scale() / base_scale,
        base_scale,
        long: 0,
        short: 0,
        cost: 0,
        margin_factor: 1.0,
    };
    setup.spawn(Kind::Market, name, (market, terms));
    Ok(())
}

fn mark_markets(mut markets: Query<'_, '_, &mut Market>, feeds: Query<'_, '_, &Feed>, directory: Res<'_, Directory>) {
    for mut market in &mut markets {
        let feed = directory.entity(Kind::Feed, market.feed).and_then(|entity| feeds.get(entity).ok());
        let (mark, stale) = feed.map_or((None, true), |feed| (feed.price, feed.stale));
        if market.mark != mark || market.stale != stale {
            market.mark = mark;
            market.stale = stale;
        }
    }
}

/// The price at which the pool trades `size`: the mark moved by the mean skew over the trade, as a ratio of the scale.
#[allow(clippy::cast_precision_loss)]
pub(super) fn fill_price(market: &Market, terms: &MarketTerms, size: Amount) -> Result<f64, Rejected> {
    let mark = market.mark.ok_or(Rejected::STALE)?;
    let skew = (market.skew() as f64 + size as f64 / 2.0) / market.base_scale;
    let price = mark.get() * (1.0 + skew / terms.skew_scale);
    Price::new(price).map(Price::get).ok_or(Rejected::LIQUIDITY)
}

fn market_of(tx: &Tx<'_>, args: &Args<'_>) -> Result<(usize, Market, MarketTerms), Rejected> {
    let place = args.handle(0, Kind::Market)? as usize;
    let entity = tx.entity(Kind::Market, place).ok_or(Rejected::NOT_FOUND)?;
    let market = tx.get::<Market>(entity)?.clone();
    if market.stale {
        return Err(Rejected::STALE);
    }
    Ok((place, market, tx.get::<MarketTerms>(entity)?.clone()))
}

fn open(tx: &mut Tx<'_>, actor: Actor, args: &Args<'_>) -> Result<(), Rejected> {
    let (place, market, _) = market_of(tx, args)?;
    let size = whole(args.number(1)? * market.base_scale, Rounding::Down).ok_or(Rejected::AMOUNT)?;
    let account = tx.account_of(actor.agent, actor.account)?;
    let before = position(tx, account, place)?.map_or(0, |position| position.size);
    take(tx, account, place, size)?;
    let after = before + size;
    if after.abs() > before.abs() || (after > 0) != (before > 0) {
        check_caps(tx, place, size)?;
        check_initial(tx, account)?;
    }
    Ok(())
}

fn close(tx: &mut Tx<'_>, actor: Actor, args: &Args<'_>) -> Result<(), Rejected> {
    let (place, market, _) = market_of(tx, args)?;
    let account = tx.account_of(actor.agent, actor.account)?;
    let open = position(tx, account, place)?.ok_or(Rejected::NOT_FOUND)?;
    let amount = args.amount(1, market.base_scale, open.size.abs())?.min(open.size.abs());
    take(tx, account, place, -amount * open.size.signum())
}

pub(super) fn position(tx: &Tx<'_>, account: AccountId, market: usize) -> Result<Option<Position>, Rejected> {
    Ok(tx.get::<Positions>(tx.account_entity(account)?)?.in_market(market).copied())
}

/// Trades `size` with the pool at its price, and pays the fee.
fn take(tx: &mut Tx<'_>, account: AccountId, place: usize, size: Amount) -> Result<(), Rejected> {
    if size == 0 {
        return Err(Rejected::AMOUNT);
    }
    let entity = tx.entity(Kind::Market, place).ok_or(Rejected::NOT_FOUND)?;
    let (market, terms) = (tx.get::<Market>(entity)?, tx.get::<MarketTerms>(entity)?);
    let price = fill_price(market, terms, size)?;
    let cost = valuation::value(market, size, price, Rounding::Up).ok_or(Rejected::OVERFLOW)?;
    let (rate, insured) = (terms.fee, terms.fee_insurance_share);
    settlement::trade(tx, Trade { account, market: place, size, cost })?;
    pay_fee(tx, account, (cost, rate, insured))
}

#[allow(clippy::cast_precision_loss)]
fn pay_fee(tx: &mut Tx<'_>, account: AccountId, terms: (Amount, f64, f64)) -> Result<(), Rejected> {
    let (cost, rate, insured) = terms;
    let fee = whole(cost.abs() as f64 * rate, Rounding::Up).ok_or(Rejected::OVERFLOW)?;
    let to_insurance = whole(fee as f64 * insured, Rounding::Down).ok_or(Rejected::OVERFLOW)?;
    let margin = tx.account(account)?.margin;
    let funds = tx.get::<Funds>(tx.protocol()?)?.clone();
    tx.transfer(margin, funds.insurance, to_insurance, "fee").map_err(|_| Rejected::MARGIN)?;
    tx.transfer(margin, funds.pool, fee - to_insurance, "fee").map_err(|_| Rejected::MARGIN)
}

/// Refuses when the side that `size` added to exceeds a cap.
fn check_caps(tx: &Tx<'_>, place: usize, size: Amount) -> Result<(), Rejected> {
    let world = tx.world();
    let market = part::<Market>(world, Kind::Market, place).ok_or(Rejected::NOT_FOUND)?;
    let side = if size > 0 { market.long } else { market.short };
    let notional = valuation::notional(market, side) / world.resource::<Assets>().settlement_scale();
    if notional > cap(world, place) { Err(Rejected::CAP) } else { Ok(()) }
}

/// The largest notional of either side, in coins.
fn cap(world: &World, place: usize) -> f64 {
    let Some(terms) = part::<MarketTerms>(world, Kind::Market, place) else { return 0.0 };
    let by_depth = terms.oi_cap_depth_share * venue_depth(world, place);
    if terms.oi_cap_depth_share < crate::domain::UNLIMITED && by_depth < terms.oi_cap { by_depth } else { terms.oi_cap }
}

/// 2 % depth of the market's venues together, in coins.
#[allow(clippy::cast_precision_loss)]
fn venue_depth(world: &World, place: usize) -> f64 {
    let Some(market) = part::<Market>(world, Kind::Market, place) else { return 0.0 };
    let ledger = world.resource::<Ledger>();
    let depth = |place: &usize| {
        let venue = part::<Venue>(world, Kind::Venue, *place)?;
        Some(impact::two_percent_depth(ledger.balance(venue.quote_slot) as f64 / venue.quote_scale))
    };
    market.venues.iter().filter_map(depth).sum()
}

/// Refuses when an account's counted collateral is below its initial requirement.
pub(super) fn check_initial(tx: &Tx<'_>, id: AccountId) -> Result<(), Rejected> {
    let entity = tx.account_entity(id)?;
    let (account, positions) = (tx.get::<Account>(entity)?, tx.get::<Positions>(entity)?);
    let needed = valuation::risk(tx.world(), account, positions).imr;
    if valuation::initial_collateral(tx.world(), account, positions) < needed { Err(Rejected::MARGIN) } else { Ok(()) }
}

/// Charges every position its funding for the period that ends in this step; the pool is the party between the sides.
///
/// Payers pay from margin as far as it reaches; what they cannot pay is added to their position's cost, so that it is
/// settled when the position closes. Receivers are paid from the pool in the same way.
fn pay_funding(world: &mut World) {
    let now = *world.resource::<Now>();
    for place in 0..world.resource::<Directory>().count(Kind::Market) {
        let Some(terms) = part::<MarketTerms>(world, Kind::Market, place) else { continue };
        if !now.crosses(terms.funding_period) {
            continue;
        }
        let rate = funding_rate(world, place) * terms.funding_period.days();
        if rate == 0.0 {
            continue;
        }
        for id in 0..world.resource::<Roster>().accounts().len() {
            let account = AccountId(u32::try_from(id).unwrap_or(u32::MAX));
            // A payment that overflows is left out whole; everyone else's is unaffected.
            let _ = Tx::new(world).scope(|tx| charge_funding(tx, account, place, rate));
        }
    }
}

fn charge_funding(tx: &mut Tx<'_>, id: AccountId, place: usize, rate: f64) -> Result<(), Rejected> {
    let entity = tx.account_entity(id)?;
    let Some(position) = tx.get::<Positions>(entity)?.in_market(place).copied() else { return Ok(()) };
    let market_entity = tx.entity(Kind::Market, place).ok_or(Rejected::NOT_FOUND)?;
    let market = tx.get::<Market>(market_entity)?;
    let Some(mark) = market.mark else { return Ok(()) };
    let owed = valuation::value(market, position.size, mark.get() * rate, Rounding::Up).ok_or(Rejected::OVERFLOW)?;
    let (margin, pool) = (tx.account(id)?.margin, tx.get::<Funds>(tx.protocol()?)?.pool);
    let paid = if owed >= 0 {
        tx.transfer_up_to(margin, pool, owed, "funding")?
    } else {
        -tx.transfer_up_to(pool, margin, -owed, "funding")?
    };
    let rest = owed - paid;
    if rest != 0 {
        let mut positions = tx.write::<Positions>(entity).ok_or(Rejected::NOT_FOUND)?;
        if let Some(position) = positions.0.iter_mut().find(|position| usize::from(position.market) == place) {
            position.cost = position.cost.checked_add(rest).ok_or(Rejected::OVERFLOW)?;
        }
        tx.write::<Market>(market_entity).ok_or(Rejected::NOT_FOUND)?.cost += i128::from(rest);
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss)]
fn funding_rate(world: &World, place: usize) -> f64 {
    let (Some(market), Some(terms)) =
        (part::<Market>(world, Kind::Market, place), part::<MarketTerms>(world, Kind::Market, place))
    else {
        return 0.0;
    };
    funding::skew_rate(market.skew() as f64 / market.base_scale, terms.funding_scale, terms.funding_cap)
}

/// Σ positions = open interest and cost, in every market, every step.
fn assert_open_interest(
    positions: Query<'_, '_, &Positions>,
    markets: Query<'_, '_, &Market>,
    directory: Res<'_, Directory>,
) {
    let mut sums = vec![(0_i128, 0_i128, 0_i128); directory.count(Kind::Market)];
    for position in positions.iter().flat_map(|positions| &positions.0) {
        let sum = &mut sums[usize::from(position.market)];
        sum.0 += i128::from(position.size.max(0));
        sum.1 += i128::from((-position.size).max(0));
        sum.2 += i128::from(position.cost);
    }
    for (place, entity) in directory.entities(Kind::Market).enumerate() {
        let Ok(market) = markets.get(entity) else { continue };
        let known = (i128::from(market.long), i128::from(market.short), market.cost);
        assert!(
            sums[place] == known,
            "Invariant: positions of `{}` sum to {:?}, the market says {known:?}",
            directory.name(Kind::Market, place),
            sums[place]
        );
    }
}

#[allow(clippy::cast_precision_loss)]
fn contracts(world: &World, place: usize, pick: fn(&Market) -> Amount) -> f64 {
    part::<Market>(world, Kind::Market, place).map_or(0.0, |market| pick(market) as f64 / market.base_scale)
}

fn mark(world: &World, place: usize) -> f64 {
    part::<Market>(world, Kind::Market, place).and_then(|market| market.mark).map_or(0.0, Price::get)
}

/// Contracts that the fuller side may still grow by.
fn room(world: &World, place: usize) -> f64 {
    let mark = mark(world, place);
    if mark <= 0.0 {
        return 0.0;
    }
    let fuller = contracts(world, place, |market| market.long.max(market.short));
    let room = cap(world, place) / mark - fuller;
    if room > 0.0 { room } else { 0.0 }
}

fn term(world: &World, place: usize, pick: fn(&MarketTerms) -> f64) -> f64 {
    part::<MarketTerms>(world, Kind::Market, place).map_or(0.0, pick)
}

#[allow(clippy::cast_precision_loss)]
fn pool_liquid(world: &World) -> f64 {
    let scale = world.resource::<Assets>().settlement_scale();
    part::<Funds>(world, Kind::Protocol, 0)
        .map_or(0.0, |funds| world.resource::<Ledger>().balance(funds.pool) as f64 / scale)
}

fn declare_view(registry: &mut Registry) {
    let number = FieldKind::Number;
    let field = |name, kind, unit, doc, read| PublicField { of: Kind::Market, name, kind, unit, doc, read };
    registry.public.extend([
        PublicField {
            of: Kind::Protocol,
            name: "time",
            kind: number,
            unit: "s",
            doc: "Simulated time at the start of this step.",
            read: |world, _| crate::units::Span(world.resource::<Now>().time).seconds(),
        },
        PublicField {
            of: Kind::Protocol,
            name: "dt",
            kind: number,
            unit: "s",
            doc: "Length of this step.",
            read: |world, _| world.resource::<Now>().dt.seconds(),
        },
        #[allow(clippy::cast_precision_loss)]
        PublicField {
            of: Kind::Protocol,
            name: "step",
            kind: number,
            unit: "steps",
            doc: "The step, from 0.",
            read: |world, _| world.resource::<Now>().step as f64,
        },
        PublicField {
            of: Kind::Protocol,
            name: "settlement",
            kind: FieldKind::Handle(Kind::Asset),
            unit: "",
            doc: "The asset that margin is settled in.",
            read: |world, _| f64::from(world.resource::<Assets>().settlement().0),
        },
        field("mark", number, "coins", "The mark price, 0 before the feed has published.", mark),
        field("index", number, "coins", "The feed's price, which this market marks to.", mark),
        field("stale", FieldKind::Flag, "", "Whether the price is too old to trade on.", |world, place| {
            if part::<Market>(world, Kind::Market, place).is_none_or(|market| market.stale) { 1.0 } else { 0.0 }
        }),
        field("oi_long", number, "contracts", "Sum of long positions.", |world, place| {
            contracts(world, place, |market| market.long)
        }),
        field("oi_short", number, "contracts", "Sum of short positions.", |world, place| {
            contracts(world, place, |market| market.short)
        }),
        field("oi_room", number, "contracts", "What the fuller side may still grow by under the caps.", room),
        field("skew", number, "contracts", "Longs minus shorts.", |world, place| contracts(world, place, Market::skew)),
        field("funding_rate", number, "ratio/day", "What longs pay to shorts.", funding_rate),
        field("imr", number, "ratio", "Initial margin ratio before tiers and volatility.", |world, place| {
            term(world, place, |terms| terms.imr)
        }),
        field("mmr", number, "ratio", "Maintenance margin ratio before tiers and volatility.", |world, place| {
            term(world, place, |terms| terms.mmr)
        }),
        field("fee", number, "ratio", "Fee on notional.", |world, place| term(world, place, |terms| terms.fee)),
        field("pool_liquid", number, "coins", "What the pool can pay at once.", |world, _| pool_liquid(world)),
        field("venue_depth", number, "coins", "2 % depth of the market's venues together.", venue_depth),
        field("spot", FieldKind::Handle(Kind::Venue), "", "The venue that trades the base asset.", |world, place| {
            let first = part::<Market>(world, Kind::Market, place).and_then(|market| market.venues.first());
            #[allow(clippy::cast_precision_loss)]
            first.map_or(-1.0, |venue| *venue as f64)
        }),
        #[allow(clippy::cast_precision_loss)]
        field("feed", FieldKind::Handle(Kind::Feed), "", "The feed of its index.", |world, place| {
            part::<Market>(world, Kind::Market, place).map_or(-1.0, |market| market.feed as f64)
        }),
    ]);
    let own = |name, unit, doc, gather| OwnField { scope: OwnScope::Position, name, unit, doc, gather };
    registry.own.extend([
        own("size", "contracts", "Signed size, 0 when there is no position.", |world, rows, out| {
            gather_position(world, rows, out, |position, market| units(position.size) / market.base_scale);
        }),
        own("entry", "coins", "Mean price of what is open, 0 when there is no position.", |world, rows, out| {
            gather_position(world, rows, out, |position, market| {
                units(position.cost) / units(position.size) / market.unit
            });
        }),
        own("profit", "coins", "Unrealized profit at the mark.", |world, rows, out| {
            let scale = world.resource::<Assets>().settlement_scale();
            gather_position(world, rows, out, |position, market| units(valuation::profit(market, position)) / scale);
        }),
        own("notional", "coins", "Size at the mark, without sign.", |world, rows, out| {
            let scale = world.resource::<Assets>().settlement_scale();
            gather_position(world, rows, out, |position, market| valuation::notional(market, position.size) / scale);
        }),
    ]);
}

#[allow(clippy::cast_precision_loss)]
fn units(amount: Amount) -> f64 {
    amount as f64
}

fn gather_position(world: &World, rows: Rows<'_>, out: &mut Vec<f64>, read: impl Fn(&Position, &Market) -> f64) {
    let Some(market) = part::<Market>(world, Kind::Market, rows.second) else { return };
    out.extend(rows.agents.iter().map(|agent| {
        let account =
            valuation::agent(world, *agent).and_then(|agent| valuation::accounts(world, agent).nth(rows.first));
        account
            .and_then(|(_, positions)| positions.in_market(rows.second))
            .map_or(0.0, |position| read(position, market))
    }));
}

fn declare_probes(registry: &mut Registry) {
    let probe = |name, unit, doc, read| Probe { kind: Kind::Market, name, unit, doc, read };
    registry.probes.extend([
        probe("mark", "coins", "The mark price, 0 before the feed has published.", |world, place| {
            Cell::Float(mark(world, place))
        }),
        probe("oi_long", "contracts", "Sum of long positions.", |world, place| {
            Cell::Float(contracts(world, place, |market| market.long))
        }),
        probe("oi_short", "contracts", "Sum of short positions.", |world, place| {
            Cell::Float(contracts(world, place, |market| market.short))
        }),
        probe("oi_notional", "coins", "Notional of the fuller side.", |world, place| {
            Cell::Float(contracts(world, place, |market| market.long.max(market.short)) * mark(world, place))
        }),
        probe("oi_cap", "coins", "Largest notional of either side that is allowed.", |world, place| {
            Cell::Float(cap(world, place))
        }),
        probe("funding_rate", "ratio/day", "What longs pay to shorts.", |world, place| {
            Cell::Float(funding_rate(world, place))
        }),
        probe("margin_factor", "ratio", "Factor that volatility puts on requirements.", |world, place| {
            Cell::Float(part::<Market>(world, Kind::Market, place).map_or(f64::NAN, |market| market.margin_factor))
        }),
        Probe {
            kind: Kind::Protocol,
            name: "pool_liquid",
            unit: "coins",
            doc: "What the pool can pay at once.",
            read: |world, _| Cell::Float(pool_liquid(world)),
        },
    ]);
}
