//! The backing of vaults: market value of the token, stake, and what stake would raise under stress, over the open
//! interest and the stressed deficit of the markets they guarantee.

use bevy_ecs::prelude::{Component, World};

use super::{SafetyTerms, pool};
use crate::book::Book;
use crate::clock::Now;
use crate::domain::{Disposal, Holders, Market, Position, Vault, VaultTerms};
use crate::ledger::{Bucket, Ledger};
use crate::math::attack_cost::Pool;
use crate::mechanism::Assets;
use crate::mechanisms::vaults;
use crate::probe::{Cell, Outcome, Probe};
use crate::registry::{Directory, Kind, Registry, part};
use crate::units::{Amount, Millis, Price, Span};
use crate::valuation::{self, Pricing};
use crate::view::{FieldKind, PublicField};

/// The backing of a vault's markets, in settlement coins.
#[derive(Component, Clone, Copy, Debug)]
struct Backing {
    open_interest: f64,
    market_cap: f64,
    stake: f64,
    deficit: f64,
    realizable: f64,
}

impl Backing {
    fn cap_ratio(&self) -> f64 {
        ratio(self.market_cap, self.open_interest)
    }

    fn stake_ratio(&self) -> f64 {
        ratio(self.stake, self.open_interest)
    }

    fn cover(&self) -> f64 {
        ratio(self.realizable, self.deficit)
    }
}

/// NaN where there is nothing to compare with.
fn ratio(value: f64, base: f64) -> f64 {
    if base > 0.0 { value / base } else { f64::NAN }
}

/// Lowest values of the run over all vaults, and when the alarm went first.
#[derive(Component, Clone, Copy, Debug)]
pub(super) struct Lows {
    cap_ratio: f64,
    stake_ratio: f64,
    cover: f64,
    alarm: Option<Millis>,
}

impl Default for Lows {
    fn default() -> Self {
        Self { cap_ratio: f64::NAN, stake_ratio: f64::NAN, cover: f64::NAN, alarm: None }
    }
}

/// Declares figures of a vault's backing, seen by agents and recorded alike.
macro_rules! gauges {
    ($registry:expr; $($name:literal, $unit:literal, $doc:literal, $pick:expr;)*) => {
        $registry.public.extend([$(PublicField::new(Kind::Vault, $name, FieldKind::Number, $unit, $doc, |world, place| backing(world, place, $pick))),*]);
        $registry.probes.extend([$(Probe {
            kind: Kind::Vault,
            name: $name,
            unit: $unit,
            doc: $doc,
            read: |world, place| Cell::Float(backing(world, place, $pick)),
        }),*]);
    };
}

pub(super) fn declare(registry: &mut Registry) {
    gauges![registry;
        "open_interest", "coins", "Open interest of the markets it guarantees, the fuller side of each.", |backing| backing.open_interest;
        "cap_ratio", "ratio", "Market value of all of the staked asset over that open interest.", Backing::cap_ratio;
        "stake_ratio", "ratio", "Value of the stake over that open interest.", Backing::stake_ratio;
        "stressed_deficit", "coins", "Loss beyond margin of those markets' accounts when all marks move by the stress.", |backing| backing.deficit;
        "realizable", "coins", "What stake that is not leaving would raise, within its cap, after the stake's own stress.", |backing| backing.realizable;
        "cover", "ratio", "Realizable stake over the stressed deficit.", Backing::cover;
    ];
    let outcome = |name, unit, doc, read| Outcome { name, unit, doc, read };
    registry.outcomes.extend([
        outcome(
            "lowest_cap_ratio",
            "ratio",
            "Lowest market value of a staked asset over the open interest it guarantees.",
            |world| low(world, |lows| lows.cap_ratio),
        ),
        outcome(
            "lowest_stake_ratio",
            "ratio",
            "Lowest value of stake over the open interest it guarantees.",
            |world| low(world, |lows| lows.stake_ratio),
        ),
        outcome(
            "lowest_cover",
            "ratio",
            "Lowest stressed cover: realizable stake over the stressed deficit.",
            |world| low(world, |lows| lows.cover),
        ),
        outcome("alarm_time", "s", "When market value over open interest first fell below the alarm.", |world| {
            low(world, |lows| lows.alarm.map_or(f64::NAN, |time| Span(time).seconds()))
        }),
    ]);
}

fn backing(world: &World, place: usize, pick: fn(&Backing) -> f64) -> f64 {
    part::<Backing>(world, Kind::Vault, place).map_or(f64::NAN, pick)
}

fn low(world: &World, pick: fn(&Lows) -> f64) -> f64 {
    part::<Lows>(world, Kind::Protocol, 0).map_or(f64::NAN, pick)
}

/// Measures every vault that guarantees a market, and keeps the lowest values.
pub(super) fn measure(world: &mut World) {
    Book::follow(world);
    let Some(terms) = part::<SafetyTerms>(world, Kind::Protocol, 0).copied() else { return };
    let end = *world.resource::<Now>();
    let end = end.time + end.dt.0;
    let directory = world.resource::<Directory>();
    let Some(protocol) = directory.entity(Kind::Protocol, 0) else { return };
    let vaults: Vec<_> = directory.entities(Kind::Vault).enumerate().collect();
    for (place, entity) in vaults {
        let guarantees = world.get::<VaultTerms>(entity).is_some_and(|terms| !terms.markets.is_empty());
        let Some(backing) = guarantees.then(|| backing_of(world, place, terms)).flatten() else { continue };
        world.entity_mut(entity).insert(backing);
        if let Some(mut lows) = world.get_mut::<Lows>(protocol) {
            lows.cap_ratio = lower(lows.cap_ratio, backing.cap_ratio());
            lows.stake_ratio = lower(lows.stake_ratio, backing.stake_ratio());
            lows.cover = lower(lows.cover, backing.cover());
            if backing.cap_ratio() < terms.alarm {
                lows.alarm.get_or_insert(end);
            }
        }
    }
}

/// The lower of two values, of which NaN is none.
fn lower(low: f64, value: f64) -> f64 {
    if low.is_nan() || value < low { value } else { low }
}

#[allow(clippy::cast_precision_loss)]
fn backing_of(world: &World, place: usize, terms: SafetyTerms) -> Option<Backing> {
    let vault = part::<Vault>(world, Kind::Vault, place)?;
    let (assets, ledger) = (world.resource::<Assets>(), world.resource::<Ledger>());
    let scale = assets.settlement_scale();
    let markets = world.resource::<Directory>().entities(Kind::Market).filter_map(|entity| world.get::<Market>(entity));
    let guaranteed = markets.filter(|market| market.vaults.contains(&place));
    let open_interest: f64 =
        guaranteed.map(|market| valuation::notional(market, market.long.max(market.short)) / scale).sum();
    let circulating = ledger.issued(vault.asset) - ledger.in_buckets(&[Bucket::Burned], vault.asset);
    let price = valuation::price(world, vault.asset);
    let coins = |units: f64| units / assets.scale(vault.asset);
    Some(Backing {
        open_interest,
        market_cap: coins(circulating as f64) * price,
        stake: coins(ledger.balance(vault.staked) as f64) * price,
        deficit: stressed_deficit(world, place, terms.stress) / scale,
        realizable: realizable(world, place, Exit { price: 1.0 - terms.stake_stress, depth: 1.0 }),
    })
}

/// Loss beyond margin of the accounts in a vault's markets when all of these move up or down by `stress`: the larger.
#[allow(clippy::cast_precision_loss)]
fn stressed_deficit(world: &World, vault: usize, stress: f64) -> f64 {
    let moved = |market: &Market, factor: f64| {
        let factor = if market.vaults.contains(&vault) { factor } else { 1.0 };
        market.mark.map(|mark| Price::saturating(mark.get() * factor))
    };
    let pricings =
        |factor: f64| -> Vec<Option<Pricing<'_>>> { Pricing::all(world, |market| moved(market, factor)).collect() };
    let (up, down) = (pricings(1.0 + stress), pricings(1.0 - stress));
    let markets = world.resource::<Directory>().entities(Kind::Market).map(|entity| world.get::<Market>(entity));
    let exposed: Vec<bool> =
        markets.map(|market| market.is_some_and(|market| market.vaults.contains(&vault))).collect();
    let is_exposed = |position: &Position| exposed.get(usize::from(position.market)).is_some_and(|exposed| *exposed);
    let mut deficits = [0_i128; 2];
    for row in world.resource::<Book>().rows().iter().filter(|row| row.positions().any(is_exposed)) {
        for (deficit, pricings) in deficits.iter_mut().zip([&up, &down]) {
            *deficit += i128::from((-row.net_collateral(pricings)).max(0));
        }
    }
    deficits[0].max(deficits[1]) as f64
}

/// On what terms stake is sold, as factors on what they are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exit {
    pub(super) price: f64,
    pub(super) depth: f64,
}

impl Exit {
    /// A pool once its price and depth have moved.
    pub(super) fn of(self, pool: Pool) -> Pool {
        let fall = libm::sqrt(self.price);
        Pool { base: pool.base / fall * self.depth, quote: pool.quote * fall * self.depth, ..pool }
    }
}

/// Stake that a vault would give up, in coins of its asset.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer {
    pub(super) coins: f64,
    /// Where it is sold; nowhere when it pays losses as it is.
    pub(super) venue: Option<usize>,
}

/// What the stake of a vault would raise, sold alone.
fn realizable(world: &World, place: usize, exit: Exit) -> f64 {
    let Some(offer) = offer(world, place) else { return 0.0 };
    match offer.venue.and_then(|venue| pool(world, venue)) {
        None => offer.coins,
        Some(pool) => exit.of(pool).sell(offer.coins),
    }
}

/// What a vault would give up: stake that is not on its way out, within its cap; `None` when it holds what it cuts.
#[allow(clippy::cast_precision_loss)]
pub(super) fn offer(world: &World, place: usize) -> Option<Offer> {
    let (vault, terms) = (part::<Vault>(world, Kind::Vault, place)?, part::<VaultTerms>(world, Kind::Vault, place)?);
    let (ledger, scale) = (world.resource::<Ledger>(), world.resource::<Assets>().scale(vault.asset));
    let holders = world.resource::<Holders>().iter().filter_map(|agent| valuation::holding(world, agent, place));
    let cooling: Amount = holders.map(|(holding, _)| holding.cooling_shares()).sum();
    let leaving = valuation::stake_of_shares(ledger, vault, cooling);
    let staying = (ledger.balance(vault.staked) - leaving).min(vaults::room(world, place)).max(0);
    match terms.disposal {
        Disposal::Hold => None,
        Disposal::Sell => Some(Offer { coins: staying as f64 / scale, venue: vault.venue }),
    }
}
