//! One cohort's strategy at work: its own engine, so that a panic in one cannot reach another, and its agents' memory.

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use palisade_engine::domain::AgentId;
use palisade_engine::host::{Ask, Fault, Hook, Replies, Wake};
use palisade_engine::registry::{Handle, Kind};
use palisade_engine::view::Reads;
use rhai::{AST, CallFnOptions, Dynamic, Map, Position, Scope};

use crate::catalog::Catalog;
use crate::check::Checked;
use crate::constants;
use crate::context::{Context, Names};
use crate::declare::Cell;
use crate::draft::{self, Places, Source};
use crate::fault;
use crate::problem::ScriptProblem;
use crate::profile::{self, HookCost, LineCost, Tally};
use crate::records::{self, Me, Thing};
use crate::sandbox::{CALL_FUEL, HostOptions, Outcome, Packages, Sandbox, Stop};
use crate::state;
use crate::trace::{self, TracedCall};

/// How many agents a cohort has, from which id on, with how many margin accounts each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Members {
    pub(crate) first: u32,
    pub(crate) count: u32,
    pub(crate) accounts: u8,
}

/// A cohort's strategy, ready to be asked.
pub(crate) struct CohortScript {
    pub(crate) sandbox: Sandbox,
    ast: AST,
    entries: [String; Hook::ALL.len()],
    context: Rc<Context>,
    sources: Vec<Source>,
    places: Places,
    methods: Vec<&'static str>,
    reads: BTreeMap<Hook, Reads>,
    wake: Wake,
    first: u32,
    width: usize,
    layout: Vec<(String, Cell)>,
    memory: Vec<u64>,
    broken: bool,
    backstop: bool,
    tally: Option<Rc<Tally>>,
    /// Calls, operations and nanoseconds by hook, when they are counted.
    costs: BTreeMap<Hook, (u64, u64, u64)>,
    followed: Option<AgentId>,
    pub(crate) calls: Vec<TracedCall>,
}

/// How one call ended badly.
struct Failed {
    place: Arc<str>,
    message: Arc<str>,
}

impl CohortScript {
    pub(crate) fn new(
        checked: &Checked,
        params: Vec<(String, Dynamic)>,
        members: Members,
        (catalog, names): (Catalog, Names),
        (packages, options): (&Packages, HostOptions),
    ) -> Result<Self, ScriptProblem> {
        let mut sandbox = Sandbox::new(packages, options);
        let context = Rc::new(Context::new(catalog, names, members.accounts));
        let layout = &checked.declarations.memory;
        records::register(&mut sandbox.engine, &context);
        state::register_params(&mut sandbox.engine, params);
        state::register_memory(&mut sandbox.engine, &context, layout);
        let tally = options.profile.then(|| profile::register(&mut sandbox));
        let ast = match tally {
            Some(_) => checked.draft.compile_marked(&mut sandbox.engine)?,
            None => checked.draft.compile(&mut sandbox.engine)?,
        };
        let row: Vec<u64> = layout.iter().map(|(_, cell)| cell.word()).collect();
        Ok(Self {
            sandbox,
            ast,
            entries: Hook::ALL.map(draft::entry),
            sources: checked.draft.sources.clone(),
            places: checked.draft.places(),
            methods: context.catalog.records().flat_map(|(_, members)| members.methods.keys().copied()).collect(),
            context,
            reads: checked.reads.clone(),
            wake: checked.declarations.wake,
            first: members.first,
            width: row.len(),
            layout: layout.clone(),
            memory: row.repeat(members.count as usize),
            broken: false,
            backstop: false,
            tally,
            costs: Default::default(),
            followed: None,
            calls: Vec::new(),
        })
    }

    /// What the first agent remembers, by name.
    pub(crate) fn memory(&self) -> Map {
        self.layout
            .iter()
            .zip(&self.memory)
            .map(|((name, cell), word)| (name.as_str().into(), cell.read(*word)))
            .collect()
    }

    /// Supposes that the first agent remembers other values.
    ///
    /// # Errors
    /// Which of them its memory cannot hold.
    pub(crate) fn suppose(&mut self, values: &Map) -> Result<(), String> {
        for (name, value) in values {
            let word = state::word(&self.layout, name, value).map_err(|error| error.to_string())?;
            self.memory[word.0] = word.1;
        }
        Ok(())
    }

    pub(crate) const fn wake(&self) -> Wake {
        self.wake
    }

    pub(crate) fn reads(&self, hook: Hook) -> Option<Reads> {
        self.reads.get(&hook).cloned()
    }

    /// Whether a back-stop ended any call so far.
    pub(crate) const fn tripped_backstop(&self) -> bool {
        self.backstop
    }

    /// Asks every agent of the question in turn.
    pub(crate) fn ask(&mut self, ask: &Ask<'_>, replies: &mut Replies) {
        if self.broken || !self.reads.contains_key(&ask.hook) {
            return;
        }
        self.context.begin(ask);
        let subject = ask.subject.unwrap_or(Handle { kind: Kind::Protocol, index: 0 });
        for (row, agent) in ask.agents.iter().enumerate() {
            let key = ask.keys.get(row).copied().unwrap_or_default();
            let is_followed = self.followed == Some(*agent);
            let before = if is_followed { self.words_of(*agent).to_vec() } else { Vec::new() };
            if is_followed {
                self.context.watch();
            }
            let result = self.turn(ask.hook, (row, *agent, key), Thing(subject));
            if is_followed {
                let call = self.traced(ask, &before, &result);
                self.calls.push(call);
            }
            match result {
                Ok(value) => {
                    replies.intents.append(&mut self.context.intents.borrow_mut());
                    replies.values.extend(value.map(|value| (row, value)));
                }
                Err(Failed { place, message }) => {
                    replies.faults.push(Fault { agent: Some(*agent), hook: ask.hook.name(), place, message });
                }
            }
            if self.broken {
                return;
            }
        }
    }

    /// What its hooks and lines cost so far, when that is counted.
    pub(crate) fn costs(&self) -> (Vec<HookCost>, Vec<LineCost>) {
        let files: Vec<(&str, &str)> = self.sources.iter().map(|source| (&*source.file, &*source.text)).collect();
        let strategy = files.first().map_or("", |(file, _)| file);
        let hook = |(hook, (calls, operations, nanoseconds)): (&Hook, &(u64, u64, u64))| HookCost {
            strategy: strategy.to_owned(),
            hook: hook.name(),
            backend: "rhai",
            calls: *calls,
            operations: *operations,
            nanoseconds: *nanoseconds,
        };
        let lines = self.tally.as_ref().map(|tally| tally.lines(&files)).unwrap_or_default();
        (self.costs.iter().map(hook).collect(), lines)
    }

    /// From now on keeps what happens in the calls of one agent.
    pub(crate) fn follow(&mut self, agent: AgentId) {
        self.followed = Some(agent);
    }

    fn words_of(&self, agent: AgentId) -> &[u64] {
        &self.memory[self.words(agent)]
    }

    fn words(&self, agent: AgentId) -> Range<usize> {
        let start = (agent.0 - self.first) as usize * self.width;
        start..start + self.width
    }

    fn traced(&self, ask: &Ask<'_>, before: &[u64], result: &Result<Option<f64>, Failed>) -> TracedCall {
        let agent = self.followed.unwrap_or(AgentId(self.first));
        let asked = if result.is_ok() { self.context.intents.borrow().clone() } else { Vec::new() };
        let memory = self.layout.iter().zip(before).zip(self.words_of(agent));
        TracedCall {
            step: ask.now.step,
            time: ask.now.time,
            hook: ask.hook,
            subject: ask.subject.map(|subject| trace::name(&self.context, subject)),
            saw: self.context.take_seen().into_iter().map(|seen| trace::fact(&self.context, seen)).collect(),
            memory: memory.map(|(((name, cell), before), after)| trace::kept(name, *cell, (*before, *after))).collect(),
            asked,
            value: result.as_ref().ok().copied().flatten(),
            fault: result.as_ref().err().map(|Failed { place, message }| format!("{place}: {message}")),
            operations: self.sandbox.meter.operations(),
        }
    }

    /// One agent's call; its memory changes only when the call ends well.
    fn turn(
        &mut self,
        hook: Hook,
        (row, agent, key): (usize, AgentId, u64),
        subject: Thing,
    ) -> Result<Option<f64>, Failed> {
        let words = self.words(agent);
        self.context.turn_to(row, agent, key, &self.memory[words.clone()]);
        self.sandbox.meter.begin(CALL_FUEL);
        let started = self.tally.is_some().then(Instant::now);
        let (engine, ast, entry) = (&self.sandbox.engine, &self.ast, &self.entries[hook as usize]);
        let result = catch_unwind(AssertUnwindSafe(|| {
            let options = CallFnOptions::new().eval_ast(false);
            let result: Outcome<Dynamic> =
                engine.call_fn_with_options(options, &mut Scope::new(), ast, entry, (Me, subject));
            result
        }));
        let Ok(result) = result else {
            // What the engine was doing is lost: nothing of it may be used again.
            self.broken = true;
            return Err(self.failed(hook, "internal fault in the script engine; the cohort is disabled"));
        };
        if let (Some(tally), Some(started)) = (&self.tally, started) {
            tally.end(&self.sandbox.meter);
            let (calls, operations, nanoseconds) = self.costs.entry(hook).or_default();
            *calls += 1;
            *operations += self.sandbox.meter.operations();
            *nanoseconds += u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        }
        let stop = self.sandbox.meter.stopped();
        self.backstop |= matches!(stop, Some(Stop::Memory | Stop::Deadline));
        let value = result.map_err(|error| {
            let known = fault::Known { places: &self.places, methods: &self.methods, fuel: CALL_FUEL };
            let failure = fault::locate(&error, stop, hook.name(), known);
            Failed { place: self.place(failure.source, failure.at), message: failure.line().into() }
        })?;
        let value = match hook {
            Hook::Report => self.price(&value)?,
            Hook::Vote => self.vote(&value)?,
            Hook::Liquidate | Hook::Decide => None,
        };
        self.memory[words].copy_from_slice(&self.context.memory.borrow());
        Ok(value)
    }

    /// The answer of `report`: a finite number or nothing.
    fn price(&self, value: &Dynamic) -> Result<Option<f64>, Failed> {
        if value.is_unit() {
            return Ok(None);
        }
        match value.as_float().or_else(|_| value.as_int().map(crate::pure::float)) {
            Ok(price) if price.is_finite() => Ok(Some(price)),
            Ok(price) => Err(self.failed(Hook::Report, &format!("`report` returned {price}"))),
            Err(other) => Err(self.failed(Hook::Report, &format!("`report` returned {other}, not a price"))),
        }
    }

    /// The answer of `vote`: one of the three votes, or nothing yet.
    fn vote(&self, value: &Dynamic) -> Result<Option<f64>, Failed> {
        if value.is_unit() {
            return Ok(None);
        }
        let found = match value.as_int() {
            Ok(number) => match constants::vote(number) {
                Some(vote) => return Ok(Some(vote)),
                None => number.to_string(),
            },
            Err(other) => other.to_owned(),
        };
        Err(self.failed(Hook::Vote, &format!("`vote` returned {found}, not FOR, AGAINST or ABSTAIN")))
    }

    /// A failure of the hook as a whole.
    fn failed(&self, hook: Hook, message: &str) -> Failed {
        let (source, at) = self.places.get(hook.name()).copied().unwrap_or((0, Position::NONE));
        Failed { place: self.place(source, at), message: message.into() }
    }

    fn place(&self, source: usize, at: Position) -> Arc<str> {
        let file = self.sources.get(source).map_or("", |source| &source.file);
        format!("{file}:{}:{}", at.line().unwrap_or(0), at.position().unwrap_or(0)).into()
    }
}
