//! What proposers see of actions that wait, what everyone sees of blockspace, and its figures.

use bevy_ecs::prelude::World;

use super::block::Block;
use super::{BlockspaceTerms, Visibility};
use crate::action::Value;
use crate::clock::Now;
use crate::ledger::Ledger;
use crate::mechanism::Assets;
use crate::probe::{Cell, Outcome, Probe};
use crate::queue::{Pending, Queue};
use crate::registry::{Kind, Registry, part};
use crate::units::Span;
use crate::view::{FieldKind, PublicField};

pub(super) fn declare(registry: &mut Registry) {
    let field = PublicField::new;
    let number = FieldKind::Number;
    registry.public.extend([
        field(
            Kind::Protocol,
            "base_fee",
            number,
            "coins",
            "What a place in a block costs an action, beside the tip.",
            |world, _| base_fee(world),
        ),
        #[allow(clippy::cast_precision_loss)]
        field(Kind::Protocol, "fullness", number, "ratio", "Share of the last block that was used.", |world, _| {
            block(world).map_or(0.0, |block| block.included as f64 / block.room.max(1) as f64)
        }),
        #[allow(clippy::cast_precision_loss)]
        field(Kind::Pending, "fee", number, "coins", "The tip that its agent offers.", |world, place| {
            pending(world, place).map_or(0.0, |pending| coins(world, i128::from(pending.tip)))
        }),
        field(Kind::Pending, "waited", number, "s", "How long it has been ready for a block.", |world, place| {
            pending(world, place).map_or(0.0, |pending| waited(world, pending))
        }),
        field(Kind::Pending, "sealed", FieldKind::Flag, "", "Whether all that follows is hidden.", |world, _| {
            flag(is_sealed(world))
        }),
        field(Kind::Pending, "action", FieldKind::Handle(Kind::Action), "", "What is asked for.", |world, place| {
            opened(world, place).map_or(-1.0, |pending| f64::from(pending.intent.action.0))
        }),
        field(Kind::Pending, "market", FieldKind::Handle(Kind::Market), "", "In which market.", |world, place| {
            thing(world, place, Kind::Market)
        }),
        field(Kind::Pending, "venue", FieldKind::Handle(Kind::Venue), "", "On which venue.", |world, place| {
            thing(world, place, Kind::Venue)
        }),
        field(
            Kind::Pending,
            "size",
            number,
            "",
            "The first number among its arguments, such as contracts or coins; 0 when there is none.",
            |world, place| opened(world, place).map_or(0.0, size),
        ),
        field(
            Kind::Pending,
            "share",
            number,
            "ratio",
            "Where it asks for a share of all there is: how much, 1 for all.",
            |world, place| opened(world, place).map_or(0.0, share),
        ),
        field(Kind::Pending, "own", FieldKind::Flag, "", "Whether it is the proposer's own.", |world, place| {
            let proposer = block(world).and_then(|block| block.proposer);
            flag(opened(world, place).is_some_and(|pending| Some(pending.intent.actor.agent) == proposer))
        }),
    ]);
    declare_figures(registry);
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_wrap)]
fn declare_figures(registry: &mut Registry) {
    let outcome = |name, unit, doc, read| Outcome { name, unit, doc, read };
    registry.outcomes.extend([
        outcome("not_included", "actions", "Actions that got into no block.", |world| {
            block(world).map_or(0.0, |block| block.missed as f64)
        }),
        outcome("censored", "actions", "Those among them that a proposer left out.", |world| {
            block(world).map_or(0.0, |block| block.censored as f64)
        }),
        outcome("base_fees", "coins", "Base fees paid.", |world| paid(world, "base_fee")),
        outcome("tips", "coins", "Tips that proposers took.", |world| paid(world, "tip")),
    ]);
    let probe = |name, unit, doc, read| Probe { kind: Kind::Protocol, name, unit, doc, read };
    registry.probes.extend([
        probe("base_fee", "coins", "Base fee of an action in the next step.", |world, _| {
            block(world).map_or(Cell::Absent, |_| Cell::Float(base_fee(world)))
        }),
        probe("block_actions", "actions", "Actions in the block.", |world, _| {
            block(world).map_or(Cell::Absent, |block| Cell::Int(block.included as i64))
        }),
        probe("not_included", "actions", "Actions that got into no block so far.", |world, _| {
            block(world).map_or(Cell::Absent, |block| Cell::Int(block.missed as i64))
        }),
        probe("censored", "actions", "Those among them that a proposer left out, so far.", |world, _| {
            block(world).map_or(Cell::Absent, |block| Cell::Int(block.censored as i64))
        }),
        probe("proposer", "", "Agent id of the block's proposer, −1 for none.", |world, _| {
            let agent = |block: &Block| block.proposer.map_or(-1, |agent| i64::from(agent.0));
            block(world).map_or(Cell::Absent, |block| Cell::Int(agent(block)))
        }),
    ]);
}

fn block(world: &World) -> Option<&Block> {
    part::<Block>(world, Kind::Protocol, 0)
}

#[allow(clippy::cast_precision_loss)]
fn coins(world: &World, units: i128) -> f64 {
    units as f64 / world.resource::<Assets>().settlement_scale()
}

fn base_fee(world: &World) -> f64 {
    block(world).map_or(0.0, |block| coins(world, i128::from(block.base_fee)))
}

fn paid(world: &World, reason: &'static str) -> f64 {
    coins(world, world.resource::<Ledger>().moved_for(reason, world.resource::<Assets>().settlement()))
}

fn flag(value: bool) -> f64 {
    if value { 1.0 } else { 0.0 }
}

fn is_sealed(world: &World) -> bool {
    part::<BlockspaceTerms>(world, Kind::Protocol, 0).is_some_and(|terms| terms.visibility == Visibility::Sealed)
}

fn pending(world: &World, place: usize) -> Option<&Pending> {
    world.resource::<Queue>().ready.get(place)
}

/// A pending action whose content may be seen.
fn opened(world: &World, place: usize) -> Option<&Pending> {
    pending(world, place).filter(|_| !is_sealed(world))
}

fn thing(world: &World, place: usize, kind: Kind) -> f64 {
    let args = opened(world, place).into_iter().flat_map(|pending| pending.intent.args);
    let mut things = args.filter_map(|arg| match arg {
        Some(Value::Handle(handle)) if handle.kind == kind => Some(f64::from(handle.index)),
        _ => None,
    });
    things.next().unwrap_or(-1.0)
}

/// Seconds to the end of the step since an action was due.
pub(super) fn waited(world: &World, pending: &Pending) -> f64 {
    let now = world.resource::<Now>();
    Span((now.time + now.dt.0).saturating_sub(pending.due)).seconds()
}

/// The first number among an action's arguments, if it makes sense.
pub(super) fn size(pending: &Pending) -> f64 {
    let mut numbers = pending.intent.args.iter().filter_map(|arg| match arg {
        Some(Value::Number(number)) if number.is_finite() => Some(*number),
        _ => None,
    });
    numbers.next().unwrap_or(0.0)
}

fn share(pending: &Pending) -> f64 {
    let mut shares = pending.intent.args.iter().filter_map(|arg| match arg {
        Some(Value::All) => Some(1.0),
        Some(Value::Fraction(share)) => Some(*share),
        _ => None,
    });
    shares.next().unwrap_or(0.0)
}
