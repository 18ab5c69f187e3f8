//! A strategy's own tests: `cases()` lists examples, each a situation, and what the strategy must answer in it. An example
//! asks one hook once, in a small standard world of which the situation changes some facts.

mod answer;
mod example;
mod situation;
mod stage;

use palisade_engine::host::Hook;
use palisade_engine::scenario::Role;
use rhai::{AST, Dynamic};

use crate::catalog::Catalog;
use crate::check::{self, Checked};
use crate::draft::When;
use crate::fault;
use crate::library::{Library, Strategy};
use crate::problem::ScriptProblem;
use crate::sandbox::{HostOptions, LOAD_FUEL, Outcome, Packages, Sandbox};

use stage::Stage;

pub(crate) use answer::{Answer, MEMBERS};
pub(crate) use example::{Example, register};

/// The function that lists examples.
pub(crate) const CASES: &str = "cases";

/// How an example ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// As it should.
    Passed,
    /// The strategy answered something else: what, in words.
    Failed(String),
    /// The strategy, or the example itself, failed: where, and why.
    Faulted(String),
}

/// One example and how it ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Case {
    /// What it shows.
    pub title: String,
    /// Where it stands: file, line and column.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// How it ended.
    pub verdict: Verdict,
}

/// Runs the examples of one strategy; none when it has no `cases()`.
///
/// # Errors
/// All problems of its text, or an example that describes an impossible situation.
pub fn cases(library: &Library, strategy: &Strategy) -> Result<Vec<Case>, Vec<ScriptProblem>> {
    let packages = Packages::new();
    let stage = Stage::of(strategy.card.role.unwrap_or(Role::Trader), &strategy.name);
    let catalog = Catalog::of(stage.simulation.registry());
    let contained = (&packages, library.containment());
    let checked = check::checked(library, strategy, &catalog, contained)?;
    if checked.draft.function(CASES, 0).is_none() {
        return Ok(Vec::new());
    }
    let runner = Runner::new(&checked, contained).map_err(|problem| vec![problem])?;
    let examples = runner.examples().map_err(|problem| vec![problem])?;
    let run = |example| runner.run(&stage, &catalog, example);
    examples.into_iter().map(run).collect::<Result<_, _>>().map_err(|problem| vec![problem])
}

/// A strategy with the engine that evaluates its examples.
struct Runner<'a> {
    checked: &'a Checked,
    packages: &'a Packages,
    options: HostOptions,
    sandbox: Sandbox,
    ast: AST,
}

impl<'a> Runner<'a> {
    fn new(checked: &'a Checked, (packages, options): (&'a Packages, HostOptions)) -> Result<Self, ScriptProblem> {
        let mut sandbox = check::loading_sandbox(packages, options);
        let ast = checked.draft.compile(&mut sandbox.engine)?;
        sandbox.watch(&checked.draft.copies(When::Loaded));
        Ok(Self { checked, packages, options, sandbox, ast })
    }

    fn examples(&self) -> Result<Vec<Example>, ScriptProblem> {
        let value = self.sandbox.call((&self.ast, CASES), (), LOAD_FUEL).map_err(|error| self.located(&error))?;
        let examples = value.into_typed_array::<Example>();
        examples.map_err(|_| {
            let hint = "write `[ example(\"what it shows\", #{ … }, |a| a.asks(\"open\")) ]`";
            self.checked.draft.problem(CASES, "`cases()` returns no array of examples", Some(hint.into()))
        })
    }

    fn located(&self, error: &rhai::EvalAltResult) -> ScriptProblem {
        let places = self.checked.draft.places();
        let known = fault::Known { places: &places, methods: &MEMBERS, fuel: LOAD_FUEL };
        let failure = fault::locate(error, self.sandbox.meter.stopped(), CASES, known);
        self.checked.draft.sources[failure.source].problem(failure.at, failure.message, failure.hint)
    }

    fn run(&self, stage: &Stage, catalog: &Catalog, example: Example) -> Result<Case, ScriptProblem> {
        let source = &self.checked.draft.sources[self.checked.draft.source_of(CASES)];
        let wrong = |message: String| source.problem(example.at, message, None);
        let answer =
            stage.answer(self.checked, (self.packages, self.options), (catalog, &example.situation)).map_err(wrong)?;
        let verdict = match answer {
            Ok(answer) => self.judge(&example, answer),
            Err(fault) => Verdict::Faulted(fault),
        };
        Ok(Case {
            title: example.title,
            file: source.file.clone(),
            line: example.at.line().unwrap_or(0),
            column: example.at.position().unwrap_or(0),
            verdict,
        })
    }

    fn judge(&self, example: &Example, answer: Answer) -> Verdict {
        let words = answer.words();
        let check = &example.check;
        let held: Outcome<Dynamic> = self.sandbox.guard(LOAD_FUEL, |engine| check.call(engine, &self.ast, (answer,)));
        match held.map(|value| value.as_bool()) {
            Ok(Ok(true)) => Verdict::Passed,
            Ok(Ok(false)) => Verdict::Failed(words),
            Ok(Err(other)) => Verdict::Faulted(format!("the example returned {other}, not a flag")),
            Err(error) => {
                let problem = self.located(&error);
                Verdict::Faulted(problem.to_string())
            }
        }
    }
}

/// The first hook that a strategy has, for examples that name none.
fn first_hook(checked: &Checked) -> Hook {
    let order = [Hook::Decide, Hook::Vote, Hook::Report, Hook::Liquidate, Hook::Bid, Hook::Order];
    order.into_iter().find(|hook| checked.terms.reads.contains_key(hook)).unwrap_or(Hook::Decide)
}

#[cfg(test)]
mod tests;
