//! The reference workload as a mechanism of the engine: its fields and its action, the systems around the decision, and
//! a scenario with nothing else in it.

use std::collections::BTreeMap;

use bevy_ecs::prelude::{Component, Entity, World};
use palisade_engine::action::{ActionSpec, Actor, ArgKind, ArgSpec, Args, Receiver, Rejected, Who};
use palisade_engine::clock::{Now, Segment};
use palisade_engine::domain::Roster;
use palisade_engine::mechanism::{Mechanism, Setup};
use palisade_engine::phase::{Half, Phase};
use palisade_engine::registry::{Directory, Kind, Registry, part};
use palisade_engine::scenario::{AssetSpec, Cohort, Role, Scenario, SetupError};
use palisade_engine::tx::Tx;
use palisade_engine::units::Span;
use palisade_engine::view::{FieldKind, OwnField, OwnScope, PublicField, Rows};
use palisade_tests::worlds::cohort;

use crate::workload::{Digest, Workload};

/// The mechanism.
pub(crate) struct Reference;

/// The state of the workload, which the protocol carries.
#[derive(Component, Clone, Debug)]
pub(crate) struct Crowd(pub(crate) Workload);

impl Mechanism for Reference {
    fn name(&self) -> &'static str {
        "reference"
    }

    fn declare(&self, registry: &mut Registry) {
        let own = |name, unit, doc, gather| OwnField { scope: OwnScope::Agent, name, unit, doc, gather };
        registry.own.extend([
            own("margin", "coins", "Collateral.", |world, rows, out| gather(world, rows, out, |all| &all.margin)),
            own("pos", "contracts", "Signed size.", |world, rows, out| gather(world, rows, out, |all| &all.pos)),
            own("thr", "ratio", "The move that counts.", |world, rows, out| gather(world, rows, out, |all| &all.thr)),
        ]);
        let public = |name, unit, doc, read| PublicField::new(Kind::Protocol, name, FieldKind::Number, unit, doc, read);
        registry.public.extend([
            public("price", "coins", "The oracle.", |world, _| market(world, |all| all.market.oracle)),
            public("ret", "ratio", "Its change since the last step.", |world, _| market(world, |all| all.market.ret)),
        ]);
        registry.actions.push(ActionSpec {
            name: "trade",
            receiver: Receiver::Me,
            who: Who::Everyone,
            args: &[ArgSpec { name: "size", kind: ArgKind::Number, unit: "contracts", doc: "The change." }],
            doc: "Changes the position.",
            run: trade,
        });
    }

    fn build(&self, setup: &mut Setup<'_>) -> Result<(), SetupError> {
        let traders = setup.world.resource::<Roster>().agents().len();
        setup.protocol(Crowd(Workload::new(u32::try_from(traders).unwrap_or(u32::MAX))));
        setup.system(Phase::Oracle, Half::Settle, |world: &mut World| change(world, Workload::advance));
        setup.system(Phase::Liquidate, Half::Settle, |world: &mut World| {
            change(world, |all, step| all.settle(0..all.traders(), step));
        });
        setup.system(Phase::Govern, Half::Settle, |world: &mut World| change(world, Workload::vote));
        Ok(())
    }
}

/// Neighbors are copied as a whole: cohorts are asked in the order of their ids.
fn gather(world: &World, rows: Rows<'_>, out: &mut Vec<f64>, column: fn(&Workload) -> &Vec<f64>) {
    let Some(column) = part::<Crowd>(world, Kind::Protocol, 0).map(|crowd| column(&crowd.0)) else { return };
    let (Some(first), Some(last)) = (rows.agents.first(), rows.agents.last()) else { return };
    let (first, last) = (first.0 as usize, last.0 as usize);
    if last + 1 - first == rows.agents.len() {
        out.extend_from_slice(&column[first..=last]);
    } else {
        out.extend(rows.agents.iter().map(|agent| column[agent.0 as usize]));
    }
}

fn market(world: &World, read: fn(&Workload) -> f64) -> f64 {
    part::<Crowd>(world, Kind::Protocol, 0).map_or(f64::NAN, |crowd| read(&crowd.0))
}

fn trade(tx: &mut Tx<'_>, actor: Actor, args: &Args<'_>) -> Result<(), Rejected> {
    let (size, trader) = (args.number(0)?, actor.agent.0 as usize);
    let protocol = tx.protocol()?;
    let image = tx.get::<Crowd>(protocol)?.0.image(trader);
    tx.amend::<Crowd>(protocol, |all| all.0.trade(trader, size), move |all| all.0.restore(trader, image))
}

/// Steps are counted from 1.
fn change(world: &mut World, system: impl FnOnce(&mut Workload, u64)) {
    let step = world.resource::<Now>().step + 1;
    let Some(protocol) = protocol(world) else { return };
    if let Some(mut crowd) = world.get_mut::<Crowd>(protocol) {
        system(&mut crowd.0, step);
    }
}

/// The entity of the protocol.
pub(crate) fn protocol(world: &World) -> Option<Entity> {
    world.resource::<Directory>().entity(Kind::Protocol, 0)
}

/// Traders of one cohort and nobody else.
#[must_use]
pub(crate) fn scenario(traders: u32) -> Scenario {
    let crowd = Cohort { strategy: "reference".to_owned(), ..cohort(Role::Trader, traders) };
    Scenario {
        name: "reference".to_owned(),
        clock: vec![Segment { length: Span(1_000_000_000), dt: Span(1_000) }],
        assets: vec![("USD".to_owned(), AssetSpec { decimals: 6 })],
        settlement: "USD".to_owned(),
        cohorts: vec![("population.crowd".to_owned(), crowd)],
        blocks: BTreeMap::new(),
        ..Scenario::default()
    }
}

/// What the world came to.
pub(crate) fn digest(world: &World) -> Option<Digest> {
    part::<Crowd>(world, Kind::Protocol, 0).map(|crowd| crowd.0.digest())
}
