//! Stopping a market, wholly or for new risk: for guardians alone.

use super::MARKET;
use crate::action::{ActionSpec, Actor, Args, Receiver, Rejected, Who};
use crate::domain::{Market, MarketState};
use crate::event::{Event, EventTable};
use crate::probe::{Cell, Outcome, Probe};
use crate::registry::{Directory, Handle, Kind, Registry, part};
use crate::scenario::Role;
use crate::tx::Tx;
use crate::view::{FieldKind, PublicField};

pub(super) fn declare(registry: &mut Registry) {
    let action = |name, doc, run| ActionSpec {
        name,
        receiver: Receiver::Me,
        who: Who::Appointed(&[Role::Guardian]),
        args: &[MARKET],
        doc,
        run,
    };
    registry.actions.extend([
        action("reduce_only", "Lets positions of a market only shrink.", |tx, actor, args| {
            set(tx, actor, args, MarketState::ReduceOnly)
        }),
        action("halt", "Stops trades, liquidations and withdrawals of a market.", |tx, actor, args| {
            set(tx, actor, args, MarketState::Halted)
        }),
        action("resume", "Lets everything be done on a market again.", |tx, actor, args| {
            set(tx, actor, args, MarketState::Live)
        }),
    ]);
    let flag = |name, doc, read| PublicField::new(Kind::Market, name, FieldKind::Flag, "", doc, read);
    registry.public.extend([
        flag("halted", "Whether nothing may be done on it.", |world, place| is(world, place, MarketState::Halted)),
        flag("reduce_only", "Whether positions may only shrink.", |world, place| {
            is(world, place, MarketState::ReduceOnly)
        }),
    ]);
    registry.probes.push(Probe {
        kind: Kind::Market,
        name: "state",
        unit: "",
        doc: "0 live, 1 reduce-only, 2 halted.",
        read: |world, place| {
            Cell::Int(part::<Market>(world, Kind::Market, place).map_or(0, |market| market.state as i64))
        },
    });
    registry.outcomes.push(Outcome {
        name: "markets_stopped",
        unit: "markets",
        doc: "Markets that are halted or reduce-only at the end.",
        #[allow(clippy::cast_precision_loss)]
        read: |world| {
            let markets = world.resource::<Directory>().entities(Kind::Market);
            let stopped = markets.filter_map(|entity| world.get::<Market>(entity));
            stopped.filter(|market| market.state != MarketState::Live).count() as f64
        },
    });
}

fn is(world: &bevy_ecs::prelude::World, place: usize, state: MarketState) -> f64 {
    if part::<Market>(world, Kind::Market, place).is_some_and(|market| market.state == state) { 1.0 } else { 0.0 }
}

fn set(tx: &mut Tx<'_>, actor: Actor, args: &Args<'_>, state: MarketState) -> Result<(), Rejected> {
    let place = args.handle(0, Kind::Market)? as usize;
    let entity = tx.entity(Kind::Market, place).ok_or(Rejected::NOT_FOUND)?;
    if tx.get::<Market>(entity)?.state == state {
        return Err(Rejected::new("nothing_to_change"));
    }
    tx.write::<Market>(entity).ok_or(Rejected::NOT_FOUND)?.state = state;
    let word = match state {
        MarketState::Live => "market_resumed",
        MarketState::ReduceOnly => "market_reduce_only",
        MarketState::Halted => "market_halted",
    };
    let thing = Some(Handle::new(Kind::Market, place));
    tx.note(Event { agent: Some(actor.agent), thing, ..Event::new(EventTable::Events, word) });
    Ok(())
}
