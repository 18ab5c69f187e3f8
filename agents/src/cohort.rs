//! One cohort's strategy at work: its own engine, so that a panic in one cannot reach another, and its agents' memory.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use palisade_engine::domain::AgentId;
use palisade_engine::host::{Ask, Fault, Hook, Replies, Wake};
use palisade_engine::registry::{Handle, Kind};
use palisade_engine::view::Reads;
use rhai::{AST, Dynamic, Map, Position};

use crate::catalog::Catalog;
use crate::check::Checked;
use crate::constants;
use crate::context::{Context, Names};
use crate::declare::Cell;
use crate::draft::{self, Draft, Places, When};
use crate::fault;
use crate::problem::ScriptProblem;
use crate::profile::{self, HookCost, LineCost, Tally};
use crate::records::{self, Me, Thing};
use crate::sandbox::{CALL_FUEL, HostOptions, Packages, Sandbox, Stop};
use crate::state;
use crate::trace::{self, TracedCall};

/// How many agents a cohort has, from which id on, with how many margin accounts each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Members {
    pub(crate) first: u32,
    pub(crate) count: u32,
    pub(crate) accounts: u8,
}

/// What a strategy's engine is made from.
struct Plan {
    draft: Draft,
    params: Vec<(String, Dynamic)>,
    layout: Vec<(String, Cell)>,
    catalog: Catalog,
    accounts: u8,
    options: HostOptions,
}

/// An engine with the strategy in it, and what its functions share.
struct Machine {
    sandbox: Sandbox,
    ast: AST,
    context: Rc<Context>,
    tally: Option<Rc<Tally>>,
}

impl Machine {
    fn new(plan: &Plan, names: Names, packages: &Packages) -> Result<Self, ScriptProblem> {
        let mut sandbox = Sandbox::new(packages, plan.options);
        let context = Rc::new(Context::new(plan.catalog.clone(), names, plan.accounts));
        records::register(&mut sandbox.engine, &context);
        state::register_params(&mut sandbox.engine, plan.params.clone());
        state::register_memory(&mut sandbox.engine, &context, &plan.layout);
        let tally = plan.options.profile.then(|| profile::register(&mut sandbox));
        let ast = match tally {
            Some(_) => plan.draft.compile_marked(&mut sandbox.engine)?,
            None => plan.draft.compile(&mut sandbox.engine)?,
        };
        sandbox.watch(&plan.draft.copies(When::Asked));
        Ok(Self { sandbox, ast, context, tally })
    }
}

/// A cohort's strategy, ready to be asked.
pub(crate) struct CohortScript {
    plan: Plan,
    machine: Machine,
    entries: [String; Hook::ALL.len()],
    places: Places,
    methods: Vec<&'static str>,
    reads: BTreeMap<Hook, Reads>,
    wake: Wake,
    first: u32,
    width: usize,
    memory: Vec<u64>,
    /// Calls, operations and nanoseconds by hook, when they are counted.
    costs: BTreeMap<Hook, (u64, u64, u64)>,
    /// Agents in whose call the engine itself failed.
    disqualified: BTreeSet<AgentId>,
    /// The first call that a back-stop ended.
    pub(crate) tripped: Option<Fault>,
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
        let methods = catalog.records().flat_map(|(_, members)| members.methods.keys().copied()).collect();
        let layout = checked.terms.declarations.memory.clone();
        let row: Vec<u64> = layout.iter().map(|(_, cell)| cell.word()).collect();
        let (draft, accounts) = (checked.draft.clone(), members.accounts);
        let plan = Plan { draft, params, layout, catalog, accounts, options };
        Ok(Self {
            machine: Machine::new(&plan, names, packages)?,
            entries: Hook::ALL.map(draft::entry),
            places: plan.draft.places(),
            plan,
            methods,
            reads: checked.terms.reads.clone(),
            wake: checked.terms.declarations.wake,
            first: members.first,
            width: row.len(),
            memory: row.repeat(members.count as usize),
            costs: BTreeMap::new(),
            disqualified: BTreeSet::new(),
            tripped: None,
            followed: None,
            calls: Vec::new(),
        })
    }

    /// What the first agent remembers, by name.
    pub(crate) fn memory(&self) -> Map {
        self.plan
            .layout
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
            let word = state::word(&self.plan.layout, name, value).map_err(|error| error.to_string())?;
            self.memory[word.0] = word.1;
        }
        Ok(())
    }

    /// Supposes what the next calls draw: uniform and normal.
    pub(crate) fn suppose_draws(&self, draws: [Option<f64>; 2]) {
        self.machine.context.supposed.set(draws);
    }

    pub(crate) const fn wake(&self) -> Wake {
        self.wake
    }

    pub(crate) fn reads(&self, hook: Hook) -> Option<Reads> {
        self.reads.get(&hook).cloned()
    }

    #[cfg(test)]
    pub(crate) fn engine(&mut self) -> &mut rhai::Engine {
        &mut self.machine.sandbox.engine
    }

    /// Takes what the strategy printed since the last call.
    pub(crate) fn take_log(&self) -> Vec<String> {
        self.machine.sandbox.log.take()
    }

    /// Asks every agent of the question in turn.
    pub(crate) fn ask(&mut self, ask: &Ask<'_>, replies: &mut Replies) {
        if !self.reads.contains_key(&ask.hook) {
            return;
        }
        self.machine.context.begin(ask);
        let subject = ask.subject.unwrap_or(Handle { kind: Kind::Protocol, index: 0 });
        for (row, agent) in ask.agents.iter().enumerate() {
            if self.disqualified.contains(agent) {
                continue;
            }
            let key = ask.keys.get(row).copied().unwrap_or_default();
            let is_followed = self.followed == Some(*agent);
            let before = if is_followed { self.words_of(*agent).to_vec() } else { Vec::new() };
            if is_followed {
                self.machine.context.watch();
            }
            let result = self.turn(ask.hook, (row, *agent, key), Thing(subject));
            if is_followed {
                let call = self.traced(ask, &before, &result);
                self.calls.push(call);
            }
            match result {
                Ok(value) => {
                    replies.intents.append(&mut self.machine.context.intents.borrow_mut());
                    replies.values.extend(value.map(|value| (row, value)));
                }
                Err(Failed { place, message }) => {
                    let fault = Fault { agent: Some(*agent), hook: ask.hook.name(), place, message };
                    if self.machine.sandbox.meter.stopped().is_some_and(Stop::is_backstop) {
                        self.tripped.get_or_insert_with(|| fault.clone());
                    }
                    replies.faults.push(fault);
                }
            }
            if self.machine.sandbox.is_broken() {
                self.disqualify(*agent);
                self.machine.context.begin(ask);
            }
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
            backend: "rhai",
            calls: *calls,
            operations: *operations,
            nanoseconds: *nanoseconds,
        };
        let lines = self.machine.tally.as_ref().map(|tally| tally.lines(&files)).unwrap_or_default();
        (self.costs.iter().map(hook).collect(), lines)
    }

    /// What the engine was doing when it failed is lost: nothing of it is used again, and the agent not asked again.
    fn disqualify(&mut self, agent: AgentId) {
        self.disqualified.insert(agent);
        let machine = Machine::new(&self.plan, Names::default(), &Packages::new());
        self.machine = machine.expect("it was made from the same plan before");
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
        let asked = if result.is_ok() { self.machine.context.intents.borrow().clone() } else { Vec::new() };
        let memory = self.plan.layout.iter().zip(before).zip(self.words_of(agent));
        TracedCall {
            step: ask.now.step,
            time: ask.now.time,
            hook: ask.hook,
            subject: ask.subject.map(|subject| trace::name(&self.machine.context, subject)),
            saw: self
                .machine
                .context
                .take_seen()
                .into_iter()
                .map(|seen| trace::fact(&self.machine.context, seen))
                .collect(),
            memory: memory.map(|(((name, cell), before), after)| trace::kept(name, *cell, (*before, *after))).collect(),
            asked,
            value: result.as_ref().ok().copied().flatten(),
            fault: result.as_ref().err().map(|Failed { place, message }| format!("{place}: {message}")),
            operations: self.machine.sandbox.meter.operations(),
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
        self.machine.context.turn_to(row, agent, key, &self.memory[words.clone()]);
        let Machine { sandbox, ast, tally, .. } = &self.machine;
        let started = tally.is_some().then(Instant::now);
        let result = sandbox.call((ast, &self.entries[hook as usize]), (Me, subject), CALL_FUEL);
        if let (Some(tally), Some(started)) = (tally, started) {
            tally.end(&sandbox.meter);
            let (calls, operations, nanoseconds) = self.costs.entry(hook).or_default();
            *calls += 1;
            *operations += sandbox.meter.operations();
            *nanoseconds += u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        }
        let value = result.map_err(|error| {
            let known = fault::Known { places: &self.places, methods: &self.methods, fuel: CALL_FUEL };
            let failure = fault::locate(&error, sandbox.meter.stopped(), hook.name(), known);
            Failed { place: self.place(failure.source, failure.at), message: failure.line().into() }
        })?;
        let value = match hook {
            Hook::Report => self.price(&value)?,
            Hook::Vote => self.vote(&value)?,
            Hook::Liquidate | Hook::Decide => None,
        };
        self.memory[words].copy_from_slice(&self.machine.context.memory.borrow());
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
        Failed { place: self.place(source, at), message: fault::printable(message).into() }
    }

    fn place(&self, source: usize, at: Position) -> Arc<str> {
        draft::place(&self.plan.draft.sources, source, at)
    }
}
