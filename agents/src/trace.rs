//! What happened in the calls of one agent that somebody follows: what it read, remembered and asked for, in names.

use palisade_engine::action::Intent;
use palisade_engine::host::Hook;
use palisade_engine::registry::{Handle, Kind};
use palisade_engine::units::Millis;
use palisade_engine::view::FieldKind;

use crate::catalog::Access;
use crate::context::{Context, Seen, handle};
use crate::declare::Cell;
use crate::types::{Type, kind_noun};

/// One call of a hook.
#[derive(Clone, PartialEq, Debug)]
pub struct TracedCall {
    /// The step, from 0.
    pub step: u64,
    /// Simulated time at its start.
    pub time: Millis,
    /// Which hook.
    pub hook: Hook,
    /// The thing that it was asked about.
    pub subject: Option<String>,
    /// What it read, each fact once, in the order of reading.
    pub saw: Vec<Fact>,
    /// Its memory, before and after.
    pub memory: Vec<Kept>,
    /// The actions that it asked for; none when it failed.
    pub asked: Vec<Intent>,
    /// The price or the vote that it returned.
    pub value: Option<f64>,
    /// How it failed: place and message.
    pub fault: Option<String>,
    /// Operations that it took.
    pub operations: u64,
}

/// One fact that a strategy read.
#[derive(Clone, PartialEq, Debug)]
pub struct Fact {
    /// Of what, such as `TOK-PERP.mark` or `me.cash`.
    pub name: String,
    /// Its value.
    pub value: Shown,
}

/// A field of an agent's memory.
#[derive(Clone, PartialEq, Debug)]
pub struct Kept {
    /// Its name.
    pub name: String,
    /// Before the call.
    pub before: Shown,
    /// And after it.
    pub after: Shown,
}

/// A value as the strategy met it.
#[derive(Clone, PartialEq, Debug)]
pub enum Shown {
    /// A number.
    Number(f64),
    /// A flag.
    Flag(bool),
    /// A thing, by name; empty when there is none.
    Thing(String),
}

/// The name of a thing, or its kind and place where it has none.
pub(crate) fn name(context: &Context, thing: Handle) -> String {
    let names = context.names.borrow();
    match names.all(thing.kind).get(thing.index as usize) {
        Some(name) if !name.is_empty() => name.to_string(),
        _ if thing.kind == Kind::Protocol => kind_noun(thing.kind).to_owned(),
        _ => format!("{} {}", kind_noun(thing.kind), thing.index),
    }
}

pub(crate) fn fact(context: &Context, seen: Seen) -> Fact {
    match seen {
        Seen::Draw(value) => Fact { name: "me.rng".to_owned(), value: Shown::Number(value) },
        Seen::Public { thing, field, kind, value } => {
            let found = context.catalog.named(|access| matches!(access, Access::Public(place, _) if place == field));
            let field = found.map_or("", |(_, field)| field);
            let value = match kind {
                FieldKind::Number => Shown::Number(value),
                FieldKind::Flag => Shown::Flag(value > 0.0),
                FieldKind::Handle(kind) => {
                    Shown::Thing(handle(kind, value).map(|thing| name(context, thing)).unwrap_or_default())
                }
            };
            Fact { name: format!("{}.{field}", name(context, thing)), value }
        }
        Seen::Own { field, first, second, value } => {
            let found = context.catalog.named(|access| access == Access::Own(field));
            let (record, field) = found.unwrap_or((Type::Me, ""));
            Fact { name: own(context, (record, field), first, second), value: Shown::Number(value) }
        }
    }
}

/// An own field as a script writes it.
fn own(context: &Context, (record, field): (Type, &str), first: usize, second: usize) -> String {
    let thing = |kind, place| name(context, Handle::new(kind, place));
    let takes = context.catalog.members(record).and_then(|members| members.methods.get(field)?.takes.first().copied());
    match (record, takes) {
        (_, Some((_, crate::catalog::Takes::Thing(kind)))) => format!("me.{field}({})", thing(kind, first)),
        (Type::Account, _) => format!("me.account({first}).{field}"),
        (Type::Position, _) => format!("me.account({first}).position({}).{field}", thing(Kind::Market, second)),
        _ => format!("me.{field}"),
    }
}

#[allow(clippy::cast_precision_loss)]
pub(crate) fn kept(name: &str, cell: Cell, (before, after): (u64, u64)) -> Kept {
    let shown = |word: u64| match cell {
        Cell::Int(_) => Shown::Number(word.cast_signed() as f64),
        Cell::Float(_) => Shown::Number(f64::from_bits(word)),
        Cell::Flag(_) => Shown::Flag(word != 0),
    };
    Kept { name: name.to_owned(), before: shown(before), after: shown(after) }
}
