//! What a hook call sees and leaves behind. The registered functions of a cohort's engine share it; between calls it
//! holds nothing that a script could reach.

use std::cell::{Cell, RefCell};
use std::ops::Range;

use palisade_engine::action::{ActionId, Actor, Intent, MAX_ARGS, Value};
use palisade_engine::domain::AgentId;
use palisade_engine::host::{Ask, Hook};
use palisade_engine::registry::{Directory, Handle, Kind};
use palisade_engine::rng::{Stream, Streams, splitmix};
use palisade_engine::view::{Columns, FieldKind, Public};
use rhai::{Dynamic, ImmutableString};

use crate::catalog::Catalog;
use crate::problem::did_you_mean;
use crate::records::Thing;
use crate::sandbox::Outcome;
use crate::types::{Type, kind_noun};

/// The most actions a hook may ask for in one call.
pub(crate) const MAX_ACTIONS: usize = 64;

/// The names of all things, ready to hand to scripts.
#[derive(Debug, Default)]
pub(crate) struct Names([Vec<ImmutableString>; Kind::ALL.len()]);

impl Names {
    /// Adds what came into being since.
    fn follow(&mut self, directory: &Directory) {
        for kind in Kind::ALL {
            let known = &mut self.0[kind as usize];
            if known.len() < directory.count(kind) {
                let new = directory.names(kind).skip(known.len()).map(Into::into);
                known.extend(new.collect::<Vec<ImmutableString>>());
            }
        }
    }

    pub(crate) fn all(&self, kind: Kind) -> &[ImmutableString] {
        &self.0[kind as usize]
    }
}

/// One fact that a followed call read.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Seen {
    Public { thing: Handle, field: usize, kind: FieldKind, value: f64 },
    Own { field: usize, first: usize, second: usize, value: f64 },
    Draw(f64),
}

/// The most facts kept of one call.
const MAX_SEEN: usize = 1_000;

/// The draws of a question: a stream for each agent, hook, subject and step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draws {
    streams: Streams,
    name: &'static str,
    subject: u64,
    step: u64,
}

impl Draws {
    pub(crate) fn of(ask: &Ask<'_>) -> Self {
        let name = match ask.hook {
            Hook::Report => "script.report",
            Hook::Liquidate => "script.liquidate",
            Hook::Decide => "script.decide",
            Hook::Vote => "script.vote",
            Hook::Bid => "script.bid",
            Hook::Order => "script.order",
        };
        let subject = ask.subject.map_or(0, |subject| splitmix(u64::from(subject.index) + 1));
        Self { streams: ask.streams, name, subject, step: ask.now.step }
    }

    /// Those of nobody, for calls that draw nothing.
    pub(crate) const fn none() -> Self {
        Self { streams: Streams::new(0), name: "", subject: 0, step: 0 }
    }

    /// The stream of the agent with this key.
    pub(crate) fn stream(&self, key: u64) -> Stream {
        self.streams.stream(self.name, key ^ self.subject, self.step)
    }
}

/// Which changes are a proposal's, by place among all changes; nothing when the view was frozen before it came up.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(crate) fn changes(catalog: &Catalog, public: &Public, proposal: Handle) -> Outcome<Range<u32>> {
    let [Some(first), Some(count)] = catalog.changes_fields() else {
        return Err("proposals have no changes in this world".into());
    };
    let [first, count] = [first, count].map(|field| public.value(field, proposal.index as usize));
    if !(first >= 0.0 && count >= 0.0 && first + count <= f64::from(u32::MAX)) {
        return Err("this proposal is not in view yet".into());
    }
    Ok(first as u32..(first + count) as u32)
}

/// The call under way.
pub(crate) struct Context {
    pub(crate) catalog: Catalog,
    pub(crate) names: RefCell<Names>,
    pub(crate) accounts: u8,
    /// The agent's memory as 64-bit words; written back only when the call ends well.
    pub(crate) memory: RefCell<Vec<u64>>,
    pub(crate) intents: RefCell<Vec<Intent>>,
    public: RefCell<Public>,
    own: RefCell<Columns>,
    subject: Cell<Option<Handle>>,
    subject_values: RefCell<Vec<f64>>,
    draws: RefCell<Option<Stream>>,
    drawing: Cell<Draws>,
    agent: Cell<AgentId>,
    key: Cell<u64>,
    row: Cell<usize>,
    /// What is drawn instead of the stream's numbers, in a supposed situation: uniform and normal.
    pub(crate) supposed: Cell<[Option<f64>; 2]>,
    /// What the call under way has read, when it is followed.
    seen: RefCell<Option<Vec<Seen>>>,
}

impl Context {
    pub(crate) fn new(catalog: Catalog, accounts: u8) -> Self {
        Self {
            catalog,
            names: RefCell::default(),
            accounts,
            memory: RefCell::default(),
            intents: RefCell::default(),
            public: RefCell::default(),
            own: RefCell::default(),
            subject: Cell::new(None),
            subject_values: RefCell::default(),
            draws: RefCell::default(),
            drawing: Cell::new(Draws::none()),
            agent: Cell::new(AgentId(0)),
            key: Cell::new(0),
            row: Cell::new(0),
            supposed: Cell::default(),
            seen: RefCell::default(),
        }
    }

    /// From here on notes what is read.
    pub(crate) fn watch(&self) {
        self.seen.replace(Some(Vec::new()));
    }

    /// What was read since, each fact once; nothing when nobody watches.
    pub(crate) fn take_seen(&self) -> Vec<Seen> {
        let mut seen = self.seen.take().unwrap_or_default();
        let mut known = Vec::new();
        seen.retain(|fact| {
            let is_new = !known.contains(fact) || matches!(fact, Seen::Draw(_));
            known.push(*fact);
            is_new
        });
        seen
    }

    fn note(&self, fact: Seen) {
        if let Some(seen) = self.seen.borrow_mut().as_mut().filter(|seen| seen.len() < MAX_SEEN) {
            seen.push(fact);
        }
    }

    /// Takes over what one question shows to all its agents.
    pub(crate) fn begin(&self, ask: &Ask<'_>) {
        self.show(ask.public.clone(), ask.directory);
        self.own.replace(ask.own.clone());
        self.subject.set(ask.subject);
        self.subject_values.replace(ask.subject_values.to_vec());
        self.drawing.set(Draws::of(ask));
    }

    /// Takes over a public view.
    pub(crate) fn show(&self, public: Public, directory: &Directory) {
        self.names.borrow_mut().follow(directory);
        self.public.replace(public);
    }

    /// Turns to one of its agents.
    pub(crate) fn turn_to(&self, row: usize, agent: AgentId, key: u64, memory: impl Iterator<Item = u64>) {
        self.row.set(row);
        self.agent.set(agent);
        self.key.set(key);
        self.draws.replace(None);
        self.intents.borrow_mut().clear();
        let mut words = self.memory.borrow_mut();
        words.clear();
        words.extend(memory);
    }

    /// A public field of a thing.
    pub(crate) fn public(&self, thing: Handle, field: usize, kind: FieldKind) -> Outcome<Dynamic> {
        let index = thing.index as usize;
        let value = if thing.kind.is_momentary() {
            if self.subject.get() != Some(thing) {
                return Err(format!("this {} is no longer what is asked about", kind_noun(thing.kind)).into());
            }
            self.subject_values.borrow().get(field).copied().unwrap_or(f64::NAN)
        } else {
            let public = self.public.borrow();
            if !public.is_shown(field) {
                return Err("this field was not looked up: read it by its name".into());
            }
            public.value(field, index)
        };
        self.note(Seen::Public { thing, field, kind, value });
        Ok(match kind {
            FieldKind::Number => Dynamic::from_float(value),
            FieldKind::Flag => Dynamic::from_bool(value > 0.0),
            FieldKind::Handle(kind) => handle(kind, value).map_or(Dynamic::UNIT, |handle| Dynamic::from(Thing(handle))),
        })
    }

    /// An own field of the agent.
    pub(crate) fn own(&self, field: usize, first: usize, second: usize) -> Outcome<f64> {
        let own = self.own.borrow();
        let value = own.column(field, first, second).and_then(|column| column.get(self.row.get()));
        let value = *value.ok_or("this field was not gathered: read it by its name")?;
        self.note(Seen::Own { field, first, second, value });
        Ok(value)
    }

    /// How many things of a kind there are.
    pub(crate) fn count(&self, kind: Kind) -> usize {
        self.names.borrow().all(kind).len()
    }

    /// Which changes are a proposal's, by place among all changes.
    ///
    /// # Errors
    /// When no mechanism tells, or the view was frozen before the proposal came up.
    pub(crate) fn changes(&self, proposal: Handle) -> Outcome<Range<u32>> {
        changes(&self.catalog, &self.public.borrow(), proposal)
    }

    /// An own field of one change of the proposal under vote; of other proposals' changes nothing is gathered.
    pub(crate) fn own_of_change(&self, (name, field): (&str, usize), change: Handle) -> Outcome<f64> {
        let asked = self.subject.get().filter(|subject| subject.kind == Kind::Proposal);
        let is_asked =
            asked.and_then(|proposal| self.changes(proposal).ok()).is_some_and(|of| of.contains(&change.index));
        if !is_asked {
            return Err(format!("`{name}` of a change is known only while voting on its proposal").into());
        }
        self.own(field, change.index as usize, 0)
    }

    /// A uniform draw.
    pub(crate) fn uniform(&self) -> f64 {
        self.supposed.get()[0].unwrap_or_else(|| self.draw(Stream::uniform))
    }

    /// A normal draw.
    pub(crate) fn normal(&self) -> f64 {
        self.supposed.get()[1].unwrap_or_else(|| self.draw(Stream::normal))
    }

    /// The agent's draws: its own stream for every hook, subject and step.
    fn draw(&self, sample: fn(&mut Stream) -> f64) -> f64 {
        let mut draws = self.draws.borrow_mut();
        let stream = draws.get_or_insert_with(|| self.drawing.get().stream(self.key.get()));
        let value = sample(stream);
        self.note(Seen::Draw(value));
        value
    }

    /// Notes an action.
    pub(crate) fn act(&self, account: u8, action: u16, args: [Option<Value>; MAX_ARGS]) -> Outcome<()> {
        let mut intents = self.intents.borrow_mut();
        if intents.len() >= MAX_ACTIONS {
            return Err(format!("more than {MAX_ACTIONS} actions in one call").into());
        }
        let actor = Actor { agent: self.agent.get(), account };
        intents.push(Intent { actor, action: ActionId(action), args });
        Ok(())
    }

    /// What to say about a member that a record has not got.
    pub(crate) fn no_member<T>(&self, record: Type, name: &str) -> Outcome<T> {
        let members = self.catalog.members(record);
        let hint = did_you_mean(name, members.into_iter().flat_map(|members| members.names()));
        Err(no_field(record, name, hint))
    }
}

pub(crate) fn no_field(record: Type, name: &str, hint: Option<String>) -> Box<rhai::EvalAltResult> {
    let hint = hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!("{} has no field `{name}`{hint}", record.words()).into()
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(crate) fn handle(kind: Kind, value: f64) -> Option<Handle> {
    (value >= 0.0 && value <= f64::from(u32::MAX)).then_some(Handle { kind, index: value as u32 })
}
