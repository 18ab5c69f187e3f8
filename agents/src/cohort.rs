//! One cohort's strategy at work: its own engine, so that a panic in one cannot reach another, and its agents' memory.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use palisade_engine::domain::AgentId;
use palisade_engine::host::{Ask, Fault, Hook, Replies, Wake};
use palisade_engine::registry::{Directory, Handle, Kind};
use palisade_engine::view::Reads;
use rhai::{Dynamic, Map, Position};

use crate::backend::Backend;
use crate::catalog::Catalog;
use crate::check::Checked;
use crate::columnar::{Batches, Bound, CHUNK, Cells, Columnar, Outcome, Root, Work};
use crate::constants;
use crate::context::{self, Draws};
use crate::declare::Cell;
use crate::draft::{self, Places};
use crate::fault;
use crate::interpreter::{Interpreter, Plan};
use crate::problem::ScriptProblem;
use crate::profile::{HookCost, LineCost};
use crate::records::Thing;
use crate::sandbox::{CALL_FUEL, HostOptions, Packages, Stop};
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
    plan: Plan,
    interpreter: Option<Rc<Interpreter>>,
    places: Places,
    methods: Vec<&'static str>,
    reads: BTreeMap<Hook, Reads>,
    wake: Wake,
    first: u32,
    /// The cells of all agents, a column each.
    memory: Vec<Vec<u64>>,
    /// Hooks that run over columns.
    columnar: [Option<Columnar>; Hook::ALL.len()],
    work: Work,
    params: Rc<[u64]>,
    /// Calls, operations and nanoseconds by hook, when they are counted.
    costs: Costs,
    /// Agents in whose call the engine itself failed.
    disqualified: BTreeSet<AgentId>,
    /// The first call that a back-stop ended.
    pub(crate) tripped: Option<Fault>,
    followed: Option<AgentId>,
    pub(crate) calls: Vec<TracedCall>,
}

type Costs = BTreeMap<Hook, (u64, u64, u64)>;

fn charge(costs: &mut Costs, hook: Hook, (calls, operations): (usize, usize), started: Instant) {
    let cost = costs.entry(hook).or_default();
    cost.0 += calls as u64;
    cost.1 += operations as u64;
    cost.2 += u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
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
        (catalog, directory): (Catalog, &Directory),
        (packages, options): (&Packages, HostOptions),
    ) -> Result<Self, ScriptProblem> {
        let methods = catalog.records().flat_map(|(_, members)| members.methods.keys().copied()).collect();
        let (draft, declarations) = (Rc::clone(&checked.draft), checked.terms.declarations.clone());
        let (accounts, packages) = (members.accounts, packages.clone());
        let plan = Plan { draft, declarations, params, catalog, accounts, packages, options };
        let mut columnar = [const { None }; Hook::ALL.len()];
        for hook in Hook::ALL.into_iter().filter(|hook| checked.terms.reads.contains_key(hook)) {
            columnar[hook as usize] = options.backend.lowered(plan.given(Some(directory)), Root::Hook(hook))?;
        }
        let is_interpreted = |hook: &Hook| columnar[*hook as usize].is_none();
        let interpreter =
            checked.terms.reads.keys().any(is_interpreted).then(|| Interpreter::new(&plan).map(Rc::new)).transpose()?;
        let cell = |(_, cell): &(String, Cell)| vec![cell.word(); members.count as usize];
        Ok(Self {
            interpreter,
            places: plan.draft.places(),
            memory: plan.layout().iter().map(cell).collect(),
            params: plan.words(),
            columnar,
            work: Work::default(),
            plan,
            methods,
            reads: checked.terms.reads.clone(),
            wake: checked.terms.declarations.wake,
            first: members.first,
            costs: BTreeMap::new(),
            disqualified: BTreeSet::new(),
            tripped: None,
            followed: None,
            calls: Vec::new(),
        })
    }

    /// What the first agent remembers, by name.
    pub(crate) fn memory(&self) -> Map {
        let cells = self.plan.layout().iter().zip(&self.memory);
        cells.map(|((name, cell), words)| (name.as_str().into(), cell.read(words[0]))).collect()
    }

    /// Supposes that the first agent remembers other values.
    ///
    /// # Errors
    /// Which of them its memory cannot hold.
    pub(crate) fn suppose(&mut self, values: &Map) -> Result<(), String> {
        for (name, value) in values {
            let (cell, word) = state::word(self.plan.layout(), name, value).map_err(|error| error.to_string())?;
            self.memory[cell][0] = word;
        }
        Ok(())
    }

    /// Supposes what the next calls draw: uniform and normal.
    pub(crate) fn suppose_draws(&mut self, draws: [Option<f64>; 2]) {
        self.interpreter().context.supposed.set(draws);
    }

    pub(crate) const fn wake(&self) -> Wake {
        self.wake
    }

    pub(crate) fn reads(&self, hook: Hook) -> Option<Reads> {
        self.reads.get(&hook).cloned()
    }

    /// How many hooks run over columns.
    #[cfg(test)]
    pub(crate) fn lowered(&self) -> usize {
        self.columnar.iter().flatten().count()
    }

    /// What all agents remember, a column for each cell.
    #[cfg(test)]
    pub(crate) fn remembered(&self) -> &[Vec<u64>] {
        &self.memory
    }

    #[cfg(test)]
    pub(crate) fn engine(&mut self) -> &mut rhai::Engine {
        drop(self.interpreter());
        let interpreter = self.interpreter.as_mut().and_then(Rc::get_mut);
        &mut interpreter.expect("nobody shares it").sandbox.engine
    }

    /// Takes what the strategy printed since the last call.
    pub(crate) fn take_log(&self) -> Vec<String> {
        self.interpreter.as_ref().map(|interpreter| interpreter.sandbox.log.take()).unwrap_or_default()
    }

    /// Asks every agent of the question.
    pub(crate) fn ask(&mut self, ask: &Ask<'_>, replies: &mut Replies) {
        if !self.reads.contains_key(&ask.hook) {
            return;
        }
        // What is supposed to be drawn, the interpreter alone knows.
        let supposed = self.interpreter.as_ref().map(|interpreter| interpreter.context.supposed.get());
        let is_supposed = supposed.is_some_and(|supposed| supposed != [None; 2]);
        match self.columnar[ask.hook as usize].take() {
            Some(mut columnar) => {
                if is_supposed {
                    self.ask_in_turn(ask, replies);
                } else {
                    self.ask_by_columns(&mut columnar, ask, replies);
                }
                self.columnar[ask.hook as usize] = Some(columnar);
            }
            None => self.ask_in_turn(ask, replies),
        }
    }

    fn ask_in_turn(&mut self, ask: &Ask<'_>, replies: &mut Replies) {
        self.interpreter().context.begin(ask);
        for row in 0..ask.agents.len() {
            self.ask_one(ask, row, replies);
        }
    }

    /// Asks by the chunk, and in turn those that are left over.
    fn ask_by_columns(&mut self, columnar: &mut Columnar, ask: &Ask<'_>, replies: &mut Replies) {
        let proposal = ask.subject.filter(|subject| subject.kind == Kind::Proposal);
        let changes = proposal.and_then(|proposal| context::changes(&self.plan.catalog, ask.public, proposal).ok());
        let params = Rc::clone(&self.params);
        let bound = Bound {
            public: ask.public,
            own: ask.own,
            subject: ask.subject,
            subject_values: ask.subject_values,
            counts: Kind::ALL.map(|kind| ask.directory.count(kind)),
            changes: changes.map_or((0, 0), |changes| (changes.start, changes.end)),
            params: &params,
            agents: ask.agents,
            keys: ask.keys,
            draws: Draws::of(ask),
            arguments: &[],
        };
        let (mut has_begun, mut batches, count) = (false, Some(Batches::default()), ask.agents.len());
        for start in (0..count).step_by(CHUNK) {
            let rows = start..count.min(start + CHUNK);
            let before = columnar.current();
            let outcome = self.run(columnar, (ask, &bound), &rows);
            let staying = self.staying(ask, &rows, outcome);
            let program = columnar.program();
            let is_like_before = start == 0 || before == columnar.current();
            let fits = staying.is_empty() && is_like_before && program.is_batchable();
            if let Some(gathered) = batches.as_mut().filter(|_| !fits) {
                replies.batches.extend(gathered.take(start, count));
                replies.unpack(ask.agents);
                batches = None;
            }
            if let Some(batches) = &mut batches {
                self.work.gather(program, (&rows, count), batches);
            }
            self.work.remember(program, (&bound, self.first), &rows, (&mut self.memory, &staying));
            if batches.is_some() && !program.answers() {
                continue;
            }
            for (lane, row) in rows.enumerate() {
                if staying.binary_search(&lane).is_ok() {
                    if !std::mem::replace(&mut has_begun, true) {
                        self.interpreter().context.begin(ask);
                    }
                    self.ask_one(ask, row, replies);
                    continue;
                }
                if batches.is_none() {
                    self.work.intents(program, &bound, (lane, row), &mut replies.intents);
                }
                replies.values.extend(self.work.answer(program, &bound, (lane, row)).map(|value| (row, value)));
            }
        }
        replies.batches.extend(batches.into_iter().flat_map(|mut batches| batches.take(count, count)));
    }

    /// Runs a chunk through the hook's program.
    fn run(&mut self, columnar: &mut Columnar, (ask, bound): (&Ask<'_>, &Bound<'_>), rows: &Range<usize>) -> Outcome {
        let started = self.plan.options.profile.then(Instant::now);
        let cells = Cells { columns: &self.memory, first: self.first };
        let outcome = columnar.run(&mut self.work, (bound, cells), rows, self.plan.given(Some(ask.directory)));
        if let Some(started) = started {
            charge(&mut self.costs, ask.hook, (rows.len(), columnar.program().len()), started);
        }
        outcome
    }

    /// The lanes of a chunk in which its results do not count: their agents are asked in turn, or not at all.
    fn staying(&self, ask: &Ask<'_>, rows: &Range<usize>, outcome: Outcome) -> Vec<usize> {
        let agents = &ask.agents[rows.clone()];
        let is_whole = outcome == Outcome::Done
            && !self.work.has_left()
            && self.disqualified.is_empty()
            && self.followed.is_none_or(|followed| !agents.contains(&followed));
        if is_whole {
            return Vec::new();
        }
        let stays = |lane: &usize| {
            outcome == Outcome::Interpret
                || self.work.is_left(*lane)
                || self.followed == Some(agents[*lane])
                || self.disqualified.contains(&agents[*lane])
        };
        (0..agents.len()).filter(stays).collect()
    }

    /// The interpreter, made now if it has not been.
    fn interpreter(&mut self) -> Rc<Interpreter> {
        let Self { interpreter, plan, .. } = self;
        let new = || Rc::new(Interpreter::new(plan).expect("the strategy compiled when it was checked"));
        Rc::clone(interpreter.get_or_insert_with(new))
    }

    /// Asks one agent through the interpreter.
    fn ask_one(&mut self, ask: &Ask<'_>, row: usize, replies: &mut Replies) {
        let agent = ask.agents[row];
        if self.disqualified.contains(&agent) {
            return;
        }
        let subject = ask.subject.unwrap_or(Handle { kind: Kind::Protocol, index: 0 });
        let key = ask.keys.get(row).copied().unwrap_or_default();
        let is_followed = self.followed == Some(agent);
        let before = if is_followed { self.words_of(agent) } else { Vec::new() };
        let interpreter = self.interpreter();
        if is_followed {
            interpreter.context.watch();
        }
        let result = self.turn(ask.hook, (row, agent, key), Thing(subject));
        if is_followed {
            let call = self.traced(ask, &before, &result);
            self.calls.push(call);
        }
        match result {
            Ok(value) => {
                replies.intents.append(&mut interpreter.context.intents.borrow_mut());
                replies.values.extend(value.map(|value| (row, value)));
            }
            Err(Failed { place, message }) => {
                let fault = Fault { agent: Some(agent), hook: ask.hook.name(), place, message };
                if interpreter.sandbox.meter.stopped().is_some_and(Stop::is_backstop) {
                    self.tripped.get_or_insert_with(|| fault.clone());
                }
                replies.faults.push(fault);
            }
        }
        // What the engine was doing when it failed is lost: nothing of it is used again, and the agent not asked again.
        if interpreter.sandbox.is_broken() {
            self.disqualified.insert(agent);
            self.interpreter = None;
            self.interpreter().context.begin(ask);
        }
    }

    /// What its hooks and lines cost so far, when that is counted.
    pub(crate) fn costs(&self) -> (Vec<HookCost>, Vec<LineCost>) {
        let sources = &self.plan.draft.sources;
        let files: Vec<(&str, &str)> = sources.iter().map(|source| (&*source.file, &*source.text)).collect();
        let strategy = files.first().map_or("", |(file, _)| file);
        let hook = |(hook, (calls, operations, nanoseconds)): (&Hook, &(u64, u64, u64))| HookCost {
            strategy: strategy.to_owned(),
            hook: hook.name(),
            backend: if self.columnar[*hook as usize].is_some() { Backend::Columnar } else { Backend::Rhai }.word(),
            calls: *calls,
            operations: *operations,
            nanoseconds: *nanoseconds,
        };
        let lines = self
            .interpreter
            .as_ref()
            .and_then(|interpreter| interpreter.tally.as_ref())
            .map(|tally| tally.lines(&files))
            .unwrap_or_default();
        (self.costs.iter().map(hook).collect(), lines)
    }

    /// From now on keeps what happens in the calls of one agent.
    pub(crate) fn follow(&mut self, agent: AgentId) {
        self.followed = Some(agent);
    }

    fn words_of(&self, agent: AgentId) -> Vec<u64> {
        self.memory.iter().map(|column| column[(agent.0 - self.first) as usize]).collect()
    }

    fn traced(&mut self, ask: &Ask<'_>, before: &[u64], result: &Result<Option<f64>, Failed>) -> TracedCall {
        let agent = self.followed.unwrap_or(AgentId(self.first));
        let interpreter = self.interpreter();
        let Interpreter { context, sandbox, .. } = &*interpreter;
        let asked = if result.is_ok() { context.intents.borrow().clone() } else { Vec::new() };
        let memory = self.plan.layout().iter().zip(before).zip(self.words_of(agent));
        TracedCall {
            step: ask.now.step,
            time: ask.now.time,
            hook: ask.hook,
            subject: ask.subject.map(|subject| trace::name(context, subject)),
            saw: context.take_seen().into_iter().map(|seen| trace::fact(context, seen)).collect(),
            memory: memory.map(|(((name, cell), before), after)| trace::kept(name, *cell, (*before, after))).collect(),
            asked,
            value: result.as_ref().ok().copied().flatten(),
            fault: result.as_ref().err().map(|Failed { place, message }| format!("{place}: {message}")),
            operations: sandbox.meter.operations(),
        }
    }

    /// One agent's call; its memory changes only when the call ends well.
    fn turn(
        &mut self,
        hook: Hook,
        (row, agent, key): (usize, AgentId, u64),
        subject: Thing,
    ) -> Result<Option<f64>, Failed> {
        let interpreter = self.interpreter();
        let Interpreter { sandbox, context, tally, .. } = &*interpreter;
        let place = (agent.0 - self.first) as usize;
        context.turn_to(row, agent, key, self.memory.iter().map(|column| column[place]));
        let started = tally.is_some().then(Instant::now);
        let result = interpreter.call(hook, subject);
        if let (Some(tally), Some(started)) = (tally, started) {
            tally.end(&sandbox.meter);
            let operations = usize::try_from(sandbox.meter.operations()).unwrap_or(usize::MAX);
            charge(&mut self.costs, hook, (1, operations), started);
        }
        let value = result.map_err(|error| {
            let known = fault::Known { places: &self.places, methods: &self.methods, fuel: CALL_FUEL };
            let failure = fault::locate(&error, sandbox.meter.stopped(), hook.name(), known);
            Failed { place: self.place(failure.source, failure.at), message: failure.line().into() }
        })?;
        let value = match hook {
            Hook::Report | Hook::Bid => self.number(&value, (hook, "a price"))?,
            Hook::Order => self.number(&value, (hook, "a rank"))?,
            Hook::Vote => self.vote(&value)?,
            Hook::Liquidate | Hook::Decide => None,
        };
        for (column, word) in self.memory.iter_mut().zip(&*context.memory.borrow()) {
            column[place] = *word;
        }
        Ok(value)
    }

    /// The answer of a hook that gives a finite number or nothing.
    fn number(&self, value: &Dynamic, (hook, wanted): (Hook, &str)) -> Result<Option<f64>, Failed> {
        if value.is_unit() {
            return Ok(None);
        }
        let name = hook.name();
        match value.as_float().or_else(|_| value.as_int().map(crate::pure::float)) {
            Ok(number) if number.is_finite() => Ok(Some(number)),
            Ok(number) => Err(self.failed(hook, &format!("`{name}` returned {number}"))),
            Err(other) => Err(self.failed(hook, &format!("`{name}` returned {other}, not {wanted}"))),
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
        Failed { place: self.place(source, at), message: fault::printable(message).into() }
    }

    fn place(&self, source: usize, at: Position) -> Arc<str> {
        draft::place(&self.plan.draft.sources, source, at)
    }
}
