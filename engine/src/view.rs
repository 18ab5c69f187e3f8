//! What agents see: public fields frozen once, and own fields gathered as columns for the awake agents that read them.

use std::ops::Range;
use std::sync::Arc;

use bevy_ecs::prelude::{Resource, World};

use crate::domain::{AgentId, Proposal};
use crate::registry::{Directory, Handle, Kind, Registry, part};

/// What a field's number stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldKind {
    /// A plain number.
    Number,
    /// 0 or 1.
    Flag,
    /// The place of another thing; −1 when there is none.
    Handle(Kind),
}

/// A public fact about the protocol (`world.name`), a market, a feed, a venue, or what only those asked about it see: an
/// account open to liquidation, a pending action.
#[derive(Clone, Copy, Debug)]
pub struct PublicField {
    /// The record that carries it.
    pub of: Kind,
    /// Its name.
    pub name: &'static str,
    /// What the number stands for.
    pub kind: FieldKind,
    /// Its unit.
    pub unit: &'static str,
    /// One line.
    pub doc: &'static str,
    /// Reads it.
    pub read: fn(&World, usize) -> f64,
    /// It never changes once the thing is there, so that it is read once.
    pub fixed: bool,
}

impl PublicField {
    /// A fact that may change: the record that carries it, its name, what its number stands for, unit and meaning, and how it
    /// is read.
    #[must_use]
    pub const fn new(
        of: Kind,
        name: &'static str,
        kind: FieldKind,
        unit: &'static str,
        doc: &'static str,
        read: fn(&World, usize) -> f64,
    ) -> Self {
        Self { of, name, kind, unit, doc, read, fixed: false }
    }

    /// The same, of what never changes.
    #[must_use]
    pub const fn fixed(self) -> Self {
        Self { fixed: true, ..self }
    }
}

/// The record an agent's own field hangs on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum OwnScope {
    /// `me.name`
    Agent,
    /// `me.name(asset)`
    Asset,
    /// `me.account(i).name`
    Account,
    /// `me.account(i).position(market).name`
    Position,
    /// `me.name(feed)`
    Feed,
    /// `me.name(vault)`
    Vault,
    /// `me.name(change)`
    Change,
}

/// Whose values, and of which account or thing.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// The agents, one row each.
    pub agents: &'a [AgentId],
    /// The account (for `Account` and `Position`), asset, feed, vault or change.
    pub first: usize,
    /// The market (for `Position`).
    pub second: usize,
}

/// Something an agent knows of itself, gathered for many agents at once.
#[derive(Clone, Copy, Debug)]
pub struct OwnField {
    /// The record it hangs on.
    pub scope: OwnScope,
    /// Its name.
    pub name: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// One line.
    pub doc: &'static str,
    /// Appends one value per agent.
    pub gather: fn(&World, Rows<'_>, &mut Vec<f64>),
}

/// The public view, frozen: `value(field, index)`.
#[derive(Resource, Clone, Debug, Default)]
pub struct Public {
    columns: Arc<Vec<Vec<f64>>>,
    /// Whether a field is shown, by place; all are when this is empty.
    shown: Vec<bool>,
}

impl Public {
    /// The view of the world as it stands.
    #[must_use]
    pub fn of(world: &World) -> Self {
        let mut public = Self::default();
        public.refresh(world);
        public
    }

    /// The view of the world as it stands, of what somebody reads alone.
    #[must_use]
    pub fn shown_to<'a>(world: &World, reads: impl IntoIterator<Item = &'a Reads>) -> Self {
        let mut public = Self::default();
        public.show_only(world.resource::<Registry>().public.len(), reads);
        public.refresh(world);
        public
    }

    /// Brings the view up to the world as it stands, in place where nobody else holds it.
    fn refresh(&mut self, world: &World) {
        let (registry, directory) = (world.resource::<Registry>(), world.resource::<Directory>());
        if Arc::get_mut(&mut self.columns).is_none() {
            let kept = self.columns.iter().zip(&registry.public);
            self.columns =
                Arc::new(kept.map(|(column, field)| if field.fixed { column.clone() } else { Vec::new() }).collect());
        }
        let columns = Arc::make_mut(&mut self.columns);
        columns.resize(registry.public.len(), Vec::new());
        for (place, (column, field)) in columns.iter_mut().zip(&registry.public).enumerate() {
            let is_shown = !field.of.is_momentary() && self.shown.get(place).is_none_or(|shown| *shown);
            let count = if is_shown { directory.count(field.of) } else { 0 };
            column.truncate(if field.fixed { count } else { 0 });
            column.extend((column.len()..count).map(|index| (field.read)(world, index)));
        }
    }

    /// From the next time on, freezes only what somebody reads.
    pub(crate) fn show_only<'a>(&mut self, fields: usize, reads: impl IntoIterator<Item = &'a Reads>) {
        let mut shown = vec![false; fields];
        for reads in reads {
            match &reads.public {
                Some(places) => places.iter().for_each(|place| shown[*place] = true),
                None => shown.fill(true),
            }
        }
        self.shown = shown;
    }

    /// Whether a field, by its place, is among those frozen.
    #[must_use]
    pub fn is_shown(&self, field: usize) -> bool {
        self.shown.get(field).is_none_or(|shown| *shown)
    }

    /// The frozen value of a public field, by its place in [`Registry::public`]; NaN when there is no such thing,
    /// or no hook said that it reads the field.
    #[must_use]
    pub fn value(&self, field: usize, index: usize) -> f64 {
        self.columns.get(field).and_then(|column| column.get(index)).copied().unwrap_or(f64::NAN)
    }

    /// Supposes another value of a public field of one thing, in this copy of the view alone.
    pub fn suppose(&mut self, field: usize, index: usize, value: f64) {
        if let Some(cell) = Arc::make_mut(&mut self.columns).get_mut(field).and_then(|column| column.get_mut(index)) {
            *cell = value;
        }
    }
}

/// Freezes the public view of everything but accounts, which are gathered when they are up for liquidation.
pub fn freeze(world: &mut World) {
    let mut public = std::mem::take(&mut *world.resource_mut::<Public>());
    public.refresh(world);
    *world.resource_mut::<Public>() = public;
}

/// Public fields of what is asked about as it stands now, by place in [`Registry::public`]; NaN for those of other kinds.
pub(crate) fn of_subject(world: &World, subject: Option<Handle>) -> Vec<f64> {
    let Some(subject) = subject else { return Vec::new() };
    let fields = world.resource::<Registry>().public.iter();
    let read = |field: &PublicField| (field.read)(world, subject.index as usize);
    fields.map(|field| if field.of == subject.kind { read(field) } else { f64::NAN }).collect()
}

/// The fields that a hook reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Own fields, by place in [`Registry::own`].
    pub own: Vec<usize>,
    /// Public fields, by place in [`Registry::public`]; `None` for all of them.
    pub public: Option<Vec<usize>>,
}

impl Reads {
    /// These own fields, and whatever is public.
    #[must_use]
    pub const fn of_own(own: Vec<usize>) -> Self {
        Self { own, public: None }
    }
}

/// The own values of one cohort's awake agents: only what the hook reads.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    fields: Vec<Gathered>,
    columns: Vec<Vec<f64>>,
}

/// The columns of one field: `start + (first − outer.start) × inner + second`.
#[derive(Clone, Debug)]
struct Gathered {
    place: usize,
    start: usize,
    outer: Range<usize>,
    inner: usize,
}

/// Whose values are gathered: agents with so many margin accounts each, asked about `subject`.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The agents.
    pub agents: &'a [AgentId],
    /// Margin accounts each.
    pub accounts: usize,
    /// What they are asked about.
    pub subject: Option<Handle>,
}

impl Columns {
    /// Gathers the fields `reads` of those asked.
    #[must_use]
    pub fn gather(world: &World, reads: &Reads, asked: Asked<'_>) -> Self {
        let (registry, directory) = (world.resource::<Registry>(), world.resource::<Directory>());
        let Asked { agents, accounts, subject } = asked;
        let mut gathered = Self::default();
        for &place in &reads.own {
            let field = &registry.own[place];
            let (outer, inner) = match field.scope {
                OwnScope::Agent => (0..1, 1),
                OwnScope::Asset => (0..directory.count(Kind::Asset), 1),
                OwnScope::Feed => (0..directory.count(Kind::Feed), 1),
                OwnScope::Vault => (0..directory.count(Kind::Vault), 1),
                // Of the proposal asked about alone: old ones pile up.
                OwnScope::Change => (changes(world, subject), 1),
                OwnScope::Account => (0..accounts, 1),
                OwnScope::Position => (0..accounts, directory.count(Kind::Market)),
            };
            gathered.fields.push(Gathered { place, start: gathered.columns.len(), outer: outer.clone(), inner });
            for first in outer {
                for second in 0..inner {
                    let mut column = Vec::with_capacity(agents.len());
                    (field.gather)(world, Rows { agents, first, second }, &mut column);
                    gathered.columns.push(column);
                }
            }
        }
        gathered
    }

    /// Supposes another value of a field, for all agents: of the account or thing at `first`, or of all of them.
    pub fn suppose(&mut self, field: usize, first: Option<usize>, value: f64) {
        for Gathered { start, outer, inner, .. } in self.fields.iter().filter(|gathered| gathered.place == field) {
            for place in outer.clone().filter(|place| first.is_none_or(|first| first == *place)) {
                let columns = start + (place - outer.start) * inner..start + (place + 1 - outer.start) * inner;
                self.columns[columns].iter_mut().for_each(|column| column.fill(value));
            }
        }
    }

    /// The whole column of a field, when the hook declared that it reads it.
    #[must_use]
    pub fn column(&self, field: usize, first: usize, second: usize) -> Option<&[f64]> {
        let Gathered { start, outer, inner, .. } = self.fields.iter().find(|gathered| gathered.place == field)?;
        if !outer.contains(&first) || second >= *inner {
            return None;
        }
        self.columns.get(start + (first - outer.start) * inner + second).map(Vec::as_slice)
    }

    /// One agent's value; NaN when the field was not declared or there is no such account or thing.
    #[must_use]
    pub fn value(&self, field: usize, first: usize, second: usize, row: usize) -> f64 {
        self.column(field, first, second).and_then(|column| column.get(row)).copied().unwrap_or(f64::NAN)
    }
}

/// The changes of the proposal asked about.
fn changes(world: &World, subject: Option<Handle>) -> Range<usize> {
    let asked = subject.filter(|subject| subject.kind == Kind::Proposal);
    let proposal = asked.and_then(|subject| part::<Proposal>(world, Kind::Proposal, subject.index as usize));
    proposal.map_or(0..0, |proposal| proposal.first_change..proposal.first_change + proposal.changes)
}
