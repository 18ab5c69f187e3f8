//! What agents and tables see of vaults and of their own stake.

use bevy_ecs::prelude::{Component, World};

use crate::clock::Now;
use crate::domain::{Holding, Vault, VaultTerms};
use crate::ledger::Ledger;
use crate::math::volatility::YEAR_DAYS;
use crate::mechanism::Assets;
use crate::probe::{Cell, Outcome, Probe};
use crate::registry::{Directory, Kind, Registry, part};
use crate::units::{Amount, Millis, Span};
use crate::valuation;
use crate::view::{FieldKind, OwnField, OwnScope, PublicField, Rows};

/// Fees as a rate, weighted by age with a time constant of [`Income::MEMORY`].
#[derive(Component, Clone, Copy, Debug, Default)]
pub(super) struct Income {
    /// Settlement units a second, not yet corrected for the part of the past before the run.
    rate: f64,
    earned: Amount,
    seen: Millis,
}

impl Income {
    const MEMORY: Span = Span(6 * 3_600_000);

    /// Takes in what was earned by `time`.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn follow(&mut self, earned: Amount, time: Millis) {
        let kept = libm::exp(-Span(time - self.seen).seconds() / Self::MEMORY.seconds());
        self.rate = self.rate * kept + (earned - self.earned) as f64 / Self::MEMORY.seconds();
        (self.earned, self.seen) = (earned, time);
    }

    /// Settlement units a second.
    fn a_second(&self) -> f64 {
        let weight = 1.0 - libm::exp(-Span(self.seen).seconds() / Self::MEMORY.seconds());
        if weight > 0.0 { self.rate / weight } else { 0.0 }
    }
}

/// Brings the rates of fees up to the end of the step.
pub(super) fn follow_income(
    mut vaults: bevy_ecs::prelude::Query<'_, '_, (&Vault, &mut Income)>,
    now: bevy_ecs::prelude::Res<'_, Now>,
) {
    for (vault, mut income) in &mut vaults {
        income.follow(vault.earned, now.time + now.dt.0);
    }
}

pub(super) fn declare(registry: &mut Registry) {
    let field = |name, kind, unit, doc, read| PublicField::new(Kind::Vault, name, kind, unit, doc, read);
    let number = FieldKind::Number;
    registry.public.extend([
        field("asset", FieldKind::Handle(Kind::Asset), "", "The asset staked.", |world, place| {
            vault(world, place).map_or(-1.0, |vault| f64::from(vault.asset.0))
        })
        .fixed(),
        #[allow(clippy::cast_precision_loss)]
        field("venue", FieldKind::Handle(Kind::Venue), "", "The venue that trades it.", |world, place| {
            vault(world, place).and_then(|vault| vault.venue).map_or(-1.0, |venue| venue as f64)
        })
        .fixed(),
        field("price", number, "coins", "Market price of the asset staked.", price),
        field("staked", number, "stake coins", "Coins at stake, those cooling down included.", staked),
        field("room", number, "stake coins", "What may still be cut in the present window.", room),
        field(
            "fee_yield",
            number,
            "ratio/year",
            "Fees of the last hours over the stake's value, annualized.",
            fee_yield,
        ),
        field("cut", number, "stake coins", "Stake cut so far.", cut),
        field("cooldown", number, "s", "Time from asking for stake back to getting it.", |world, place| {
            part::<VaultTerms>(world, Kind::Vault, place).map_or(0.0, |terms| terms.cooldown.seconds())
        }),
    ]);
    let own = |name, unit, doc, gather| OwnField { scope: OwnScope::Vault, name, unit, doc, gather };
    registry.own.extend([
        own("staked", "stake coins", "Own stake, what cools down included.", |world, rows, out| {
            gather(world, rows, out, |holding, vault, ledger| {
                (valuation::stake_of_shares(ledger, vault, holding.shares), false)
            });
        }),
        own("cooling", "stake coins", "Own stake that is cooling down or has cooled down.", |world, rows, out| {
            gather(world, rows, out, |holding, vault, ledger| {
                (valuation::stake_of_shares(ledger, vault, holding.cooling_shares()), false)
            });
        }),
        own("cooled", "stake coins", "Own stake that can be redeemed.", |world, rows, out| {
            let now = world.resource::<Now>().time;
            gather(world, rows, out, |holding, vault, ledger| {
                let ready = holding.cooling.iter().filter(|cooling| cooling.until <= now);
                (valuation::stake_of_shares(ledger, vault, ready.map(|cooling| cooling.shares).sum()), false)
            });
        }),
        own("unclaimed", "coins", "Own fees that can be claimed.", |world, rows, out| {
            gather(world, rows, out, |holding, vault, _| (holding.owed_at(vault.index), true));
        }),
    ]);
    let probe = |name, unit, doc, read| Probe { kind: Kind::Vault, name, unit, doc, read };
    registry.probes.extend([
        probe("price", "coins", "Market price of the asset staked.", |world, place| Cell::Float(price(world, place))),
        probe("staked", "stake units", "At stake, in the asset's smallest unit.", |world, place| {
            Cell::Int(vault(world, place).map_or(0, |vault| world.resource::<Ledger>().balance(vault.staked)))
        }),
        probe("shares", "shares", "Shares of all stakers.", |world, place| {
            Cell::Int(vault(world, place).map_or(0, |vault| vault.shares))
        }),
        probe("fees", "settlement units", "Fees earned so far.", |world, place| {
            Cell::Int(vault(world, place).map_or(0, |vault| vault.earned))
        }),
        probe(
            "fee_yield",
            "ratio/year",
            "Fees of the last hours over the stake's value, annualized.",
            |world, place| Cell::Float(fee_yield(world, place)),
        ),
        probe("cut", "stake units", "Stake cut so far.", |world, place| {
            Cell::Int(vault(world, place).map_or(0, |vault| vault.cut))
        }),
    ]);
    registry.outcomes.extend([
        Outcome {
            name: "stake_cut",
            unit: "ratio",
            doc: "Largest share of a vault's stake, of what it held at the end and what was cut, that was cut.",
            read: |world| {
                each_vault(world, |world, place| cut(world, place) / (cut(world, place) + staked(world, place)))
            },
        },
        Outcome {
            name: "stake_price_fall",
            unit: "ratio",
            doc: "Largest fall of a staked asset's market price from its start to its lowest.",
            read: |world| {
                each_vault(world, |world, place| part::<Lowest>(world, Kind::Vault, place).map_or(0.0, Lowest::fall))
            },
        },
    ]);
}

/// The largest value over all vaults, 0 when there is none.
fn each_vault(world: &World, read: fn(&World, usize) -> f64) -> f64 {
    let values = (0..world.resource::<Directory>().count(Kind::Vault)).map(|place| read(world, place));
    values.filter(|value| value.is_finite()).fold(0.0, |most, value| if value > most { value } else { most })
}

/// First and lowest market price of a vault's asset, at the ends of steps.
#[derive(Component, Clone, Copy, Debug)]
pub(super) struct Lowest {
    first: f64,
    lowest: f64,
}

impl Lowest {
    fn fall(&self) -> f64 {
        1.0 - self.lowest / self.first
    }
}

/// Notes how far the prices of staked assets have fallen.
pub(super) fn note_prices(world: &mut World) {
    for place in 0..world.resource::<Directory>().count(Kind::Vault) {
        let now = price(world, place);
        let Some(entity) = world.resource::<Directory>().entity(Kind::Vault, place) else { continue };
        let first = Lowest { first: now, lowest: now };
        let mut seen = world.get::<Lowest>(entity).copied().unwrap_or(first);
        if now < seen.lowest {
            seen.lowest = now;
        }
        world.entity_mut(entity).insert(seen);
    }
}

fn vault(world: &World, place: usize) -> Option<&Vault> {
    part::<Vault>(world, Kind::Vault, place)
}

fn price(world: &World, place: usize) -> f64 {
    vault(world, place).map_or(f64::NAN, |vault| valuation::price(world, vault.asset))
}

/// Coins of the staked asset.
#[allow(clippy::cast_precision_loss)]
fn coins(world: &World, place: usize, units: impl Fn(&Vault) -> Amount) -> f64 {
    vault(world, place).map_or(0.0, |vault| units(vault) as f64 / world.resource::<Assets>().scale(vault.asset))
}

fn staked(world: &World, place: usize) -> f64 {
    coins(world, place, |vault| world.resource::<Ledger>().balance(vault.staked))
}

fn cut(world: &World, place: usize) -> f64 {
    coins(world, place, |vault| vault.cut)
}

fn room(world: &World, place: usize) -> f64 {
    coins(world, place, |_| super::cuts::room(world, place))
}

fn fee_yield(world: &World, place: usize) -> f64 {
    let Some(income) = part::<Income>(world, Kind::Vault, place) else { return 0.0 };
    let value = staked(world, place) * price(world, place);
    let a_year = income.a_second() * YEAR_DAYS * 86_400.0 / world.resource::<Assets>().settlement_scale();
    if value > 0.0 { a_year / value } else { 0.0 }
}

/// Appends an amount per agent: of the staked asset, or of the settlement asset where the flag says so.
#[allow(clippy::cast_precision_loss)]
fn gather(
    world: &World,
    rows: Rows<'_>,
    out: &mut Vec<f64>,
    read: impl Fn(&Holding, &Vault, &Ledger) -> (Amount, bool),
) {
    let (assets, ledger) = (world.resource::<Assets>(), world.resource::<Ledger>());
    out.extend(rows.agents.iter().map(|agent| {
        let Some((holding, vault)) = valuation::holding(world, *agent, rows.first) else { return 0.0 };
        let (units, settled) = read(holding, vault, ledger);
        let scale = if settled { assets.settlement_scale() } else { assets.scale(vault.asset) };
        units as f64 / scale
    }));
}
