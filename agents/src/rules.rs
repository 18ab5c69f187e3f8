//! Rules written in Rhai. A rule can be shared by threads because it is only a text: each thread compiles it once, into a
//! sandbox of its own, and keeps what it had to say of failures until the host asks.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use palisade_engine::host::Fault;
use palisade_engine::mechanisms;
use palisade_engine::registry::{Kind, Registry};
use palisade_engine::rule::{Answers, Rule, RuleKind};
use palisade_engine::view::{Columns, Public};
use rhai::{AST, Array, Dynamic};

use crate::catalog::Catalog;
use crate::check;
use crate::columnar::{Bound, CHUNK, Cells, Columnar, Given, Outcome, Root, Work};
use crate::context::Draws;
use crate::declare::Declarations;
use crate::draft::{self, Draft, Places, When};
use crate::fault;
use crate::library::{Library, Strategy};
use crate::problem::ScriptProblem;
use crate::pure::number;
use crate::sandbox::{CALL_FUEL, MAX_ARRAY, Packages, Sandbox, Stop};

/// Every rule of the library, checked, for a scenario to choose from.
///
/// # Errors
/// All problems of all rules.
pub fn rules(library: &Library) -> Result<Vec<Rule>, Vec<ScriptProblem>> {
    let registry = Registry::of(&mechanisms::ALL);
    let (catalog, packages) = (Catalog::of(&registry), Packages::new());
    let shared = Arc::new(library.clone());
    let (mut rules, mut problems) = (Vec::new(), Vec::new());
    for script in library.rules() {
        let Some(kind) = script.card.decides else { continue };
        if registry.rules.iter().any(|rule| rule.kind == kind && rule.name == script.name) {
            let message = format!("`{}` is the name of a built-in rule: call the file something else", script.name);
            problems.push(ScriptProblem::of_file(&script.file, message));
        }
        match check::checked(library, script, &catalog, (&packages, library.containment())) {
            Ok(checked) => {
                let backend = library.containment().backend;
                match given(&checked.draft, |given| backend.lowered(given, Root::Rule(kind))) {
                    Ok(_) => rules.push(rule(&shared, script, kind)),
                    Err(problem) => problems.push(problem),
                }
            }
            Err(mut found) => problems.append(&mut found),
        }
    }
    if problems.is_empty() { Ok(rules) } else { Err(problems) }
}

fn rule(library: &Arc<Library>, script: &Strategy, kind: RuleKind) -> Rule {
    let (name, doc) = (script.name.clone(), script.card.summary.clone());
    let (library, script) = (Arc::clone(library), script.clone());
    let key: Key = (script.name.clone(), Arc::clone(&script.text));
    let eval = Arc::new(move |columns: &[&[f64]], out: &mut Vec<f64>| {
        let compiled = COMPILED.with(|compiled| compiled.borrow().get(&key).cloned());
        let compiled = compiled.or_else(|| {
            let new = Rc::new(Compiled::new(&library, &script, kind)?);
            COMPILED.with(|compiled| compiled.borrow_mut().insert(key.clone(), Rc::clone(&new)));
            Some(new)
        });
        if let Some(compiled) = compiled {
            compiled.answer(columns, out);
            if compiled.sandbox.is_broken() {
                COMPILED.with(|compiled| compiled.borrow_mut().remove(&key));
            }
        }
    });
    Rule { kind, name, doc, eval }
}

/// What tells two rules apart: name and whole text, as two runs of one process may differ in it.
type Key = (String, Arc<str>);

thread_local! {
    static COMPILED: RefCell<BTreeMap<Key, Rc<Compiled>>> = const { RefCell::new(BTreeMap::new()) };
    static FAULTS: RefCell<Vec<Fault>> = const { RefCell::new(Vec::new()) };
    static TRIPPED: RefCell<Option<Fault>> = const { RefCell::new(None) };
}

/// Forgets what a world before left on this thread: to be called before a world is made whose rules may be scripts.
pub fn begin() {
    COMPILED.with(RefCell::take);
    FAULTS.with(RefCell::take);
    TRIPPED.with(RefCell::take);
}

/// The first call of this thread's rules that a back-stop ended since the world began.
pub(crate) fn tripped() -> Option<Fault> {
    TRIPPED.with(|tripped| tripped.borrow().clone())
}

/// Failures of this thread's rules since the last call.
pub(crate) fn take_faults() -> Vec<Fault> {
    FAULTS.with(RefCell::take)
}

/// What lowering a rule looks at: nothing of the world.
fn given<T>(draft: &Draft, work: impl FnOnce(Given<'_>) -> T) -> T {
    let (catalog, declarations) = (Catalog::default(), Declarations::default());
    work(Given { draft, catalog: &catalog, declarations: &declarations, accounts: 0, directory: None })
}

fn rows(columns: &[&[f64]]) -> usize {
    columns.first().map_or(0, |column| column.len())
}

/// A rule ready to run on this thread.
struct Compiled {
    kind: RuleKind,
    sandbox: Sandbox,
    ast: AST,
    draft: Draft,
    places: Places,
    /// The rule over columns, where it can be.
    columnar: Option<RefCell<(Columnar, Work)>>,
}

impl Compiled {
    fn new(library: &Library, script: &Strategy, kind: RuleKind) -> Option<Self> {
        let mut sandbox = Sandbox::new(&Packages::new(), library.containment());
        let draft = Draft::parse(library, script, &mut sandbox.engine).ok()?;
        let ast = draft.compile(&mut sandbox.engine).ok()?;
        sandbox.watch(&draft.copies(When::Asked).given_arrays());
        let backend = library.containment().backend;
        let columnar = given(&draft, |given| backend.lowered(given, Root::Rule(kind))).ok()?;
        let columnar = columnar.map(|columnar| RefCell::new((columnar, Work::default())));
        Some(Self { kind, sandbox, ast, places: draft.places(), draft, columnar })
    }

    /// Fills `out`, or leaves it empty and notes why.
    fn answer(&self, columns: &[&[f64]], out: &mut Vec<f64>) {
        let result = match (&self.columnar, self.kind.answers()) {
            // A larger array is more than the interpreter takes.
            (Some(columnar), _) if rows(columns) <= MAX_ARRAY => {
                self.by_columns(&mut columnar.borrow_mut(), columns, out)
            }
            (_, Answers::Once) => self.once(columns).map(|value| out.extend(value)),
            (_, Answers::PerRow) => (0..rows(columns)).try_for_each(|row| self.one(columns, row, out)),
        };
        if let Err(fault) = result {
            out.clear();
            // A rule is asked again and again in a step: what is wrong with it is said once.
            FAULTS.with_borrow_mut(|faults| {
                if !faults.contains(&fault) {
                    faults.push(fault);
                }
            });
        }
    }

    fn once(&self, columns: &[&[f64]]) -> Result<Option<f64>, Fault> {
        let array = |column: &&[f64]| Dynamic::from_array(column.iter().copied().map(Dynamic::from_float).collect());
        self.call(columns.iter().map(array).collect())
    }

    /// Answers for one row.
    fn one(&self, columns: &[&[f64]], row: usize, out: &mut Vec<f64>) -> Result<(), Fault> {
        let args: Array = columns.iter().map(|column| Dynamic::from_float(column[row])).collect();
        let rank = self.call(args)?;
        out.push(rank.ok_or_else(|| self.fault("the rule returned nothing".to_owned()))?);
        Ok(())
    }

    /// Answers by the chunk, and the rows that are left over by the interpreter.
    fn by_columns(
        &self,
        (columnar, work): &mut (Columnar, Work),
        columns: &[&[f64]],
        out: &mut Vec<f64>,
    ) -> Result<(), Fault> {
        let (public, own) = (Public::default(), Columns::default());
        let bound = Bound {
            public: &public,
            own: &own,
            subject: None,
            subject_values: &[],
            counts: [0; Kind::ALL.len()],
            changes: (0, 0),
            params: &[],
            agents: &[],
            keys: &[],
            draws: Draws::none(),
            arguments: columns,
        };
        let cells = Cells { columns: &[], first: 0 };
        let is_once = self.kind.answers() == Answers::Once;
        let count = if is_once { 1 } else { rows(columns) };
        for start in (0..count).step_by(CHUNK) {
            let chunk = start..count.min(start + CHUNK);
            let outcome = given(&self.draft, |given| columnar.run(work, (&bound, cells), &chunk, given));
            for row in chunk {
                let lane = row - start;
                let answer = work.answer(columnar.program(), &bound, (lane, row));
                match answer {
                    _ if outcome == Outcome::Interpret || work.is_left(lane) || (answer.is_none() && !is_once) => {
                        if is_once {
                            out.extend(self.once(columns)?);
                        } else {
                            self.one(columns, row, out)?;
                        }
                    }
                    answer => out.extend(answer),
                }
            }
        }
        Ok(())
    }

    fn call(&self, args: Array) -> Result<Option<f64>, Fault> {
        let word = self.kind.word();
        let value = self.sandbox.call((&self.ast, word), args, CALL_FUEL).map_err(|error| {
            let known = fault::Known { places: &self.places, methods: &[], fuel: CALL_FUEL };
            let failure = fault::locate(&error, self.sandbox.meter.stopped(), word, known);
            let place = draft::place(&self.draft.sources, failure.source, failure.at);
            let fault = Fault { agent: None, hook: word, place, message: failure.line().into() };
            if self.sandbox.meter.stopped().is_some_and(Stop::is_backstop) {
                TRIPPED.with(|tripped| {
                    tripped.borrow_mut().get_or_insert_with(|| fault.clone());
                });
            }
            fault
        })?;
        match number(&value) {
            None if value.is_unit() => Ok(None),
            Some(found) if found.is_finite() => Ok(Some(found)),
            found => {
                let found = found.map_or_else(|| value.type_name().to_owned(), |found| found.to_string());
                Err(self.fault(format!("the rule returned {found}, not a finite number")))
            }
        }
    }

    fn fault(&self, message: String) -> Fault {
        let word = self.kind.word();
        let (source, at) = self.places.get(word).copied().unwrap_or((0, rhai::Position::NONE));
        let place = draft::place(&self.draft.sources, source, at);
        Fault { agent: None, hook: word, place, message: fault::printable(&message).into() }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{Backend, HostOptions};

    const CARD: &str = "//! name: r\n//! decides: aggregate\n//! summary: s\n";

    fn library(body: &str) -> Library {
        Library::of_texts(&[("rules/r.rhai", &format!("{CARD}{body}"))]).unwrap()
    }

    /// What a rule of a kind makes of three rows, and how it failed: the same whichever way it runs.
    #[track_caller]
    fn run_as(library: impl Fn() -> Library, columns: &[&[f64]]) -> (Vec<f64>, Option<String>) {
        let [one, two] = [Backend::Auto, Backend::Rhai].map(|backend| {
            begin();
            let library = library().contained(HostOptions { backend, ..HostOptions::default() });
            let (rules, mut out) = (rules(&library).unwrap(), Vec::new());
            (rules[0].eval)(columns, &mut out);
            (out, take_faults().first().map(|fault| format!("{}: {}", fault.place, fault.message)))
        });
        assert_eq!(one, two, "over columns and interpreted");
        one
    }

    fn run(body: &str) -> (Vec<f64>, Option<String>) {
        run_as(|| library(body), &[&[3.0, 1.0, 2.0], &[1.0, 1.0, 5.0]])
    }

    #[test]
    fn a_rule_of_rows_answers_for_each_and_fails_as_a_whole() {
        let columns: [&[f64]; 4] = [&[3.0, 1.0, 2.0], &[1.0, 0.0, 5.0], &[2.0, 1.0, 0.0], &[1.0, 4.0, 2.0]];
        let rank = |body: &str| {
            let text = format!(
                "//! name: r\n//! decides: deleverage_rank\n//! summary: s\nfn deleverage_rank(profit, entry, notional, equity) {{ {body} }}"
            );
            run_as(|| Library::of_texts(&[("rules/r.rhai", &text)]).unwrap(), &columns)
        };
        assert_eq!(rank("if entry > 0.5 { profit / equity } else { return 7; }"), (vec![3.0, 7.0, 1.0], None));
        let fault = "rules/r.rhai:4:4: the rule returned inf, not a finite number";
        assert_eq!(rank("profit / entry"), (vec![], Some(fault.into())));
        let fault = "rules/r.rhai:4:4: the rule returned nothing";
        assert_eq!(rank("if entry > 0.5 { profit }"), (vec![], Some(fault.into())));
    }

    #[test]
    fn rules_over_lists_are_lowered() {
        for (body, lowers) in [
            ("fn aggregate(prices, stakes) { sorted(prices)[1] + sum(stakes) }", true),
            (
                "fn aggregate(prices, stakes) { let x = 0.0; for (price, i) in prices { x += price * stakes[i]; } x }",
                true,
            ),
            ("fn aggregate(prices, stakes) { prices.push(1.0); prices[0] }", false),
        ] {
            let library = library(body).contained(HostOptions { backend: Backend::Columnar, ..HostOptions::default() });
            assert_eq!(rules(&library).is_ok(), lowers, "{body}");
        }
    }

    #[test]
    fn a_rule_answers_with_one_number_or_nothing() {
        assert_eq!(run("fn aggregate(prices, stakes) { sorted(prices)[1] + sum(stakes) }"), (vec![9.0], None));
        assert_eq!(run("fn aggregate(prices, stakes) { weighted_quantile(prices, stakes, 0.5) }"), (vec![2.0], None));
        assert_eq!(run("fn aggregate(prices, stakes) { if prices.len() > 9 { 1.0 } }"), (vec![], None));
        let weighted =
            "fn aggregate(prices, stakes) { let x = 0.0; for (price, i) in prices { x += price * stakes[i]; } x }";
        assert_eq!(run(weighted), (vec![14.0], None));
    }

    #[test]
    fn a_rule_that_fails_has_no_answer_and_a_place() {
        let check = |body: &str, expected: &str| {
            let (out, fault) = run(&format!("fn aggregate(prices, stakes) {{\n {body} }}"));
            assert_eq!((out, fault.as_deref()), (vec![], Some(expected)), "{body}");
        };
        check("throw \"no\"", "rules/r.rhai:5:2: no");
        check("prices[3]", "rules/r.rhai:5:9: Array index 3 out of bounds: only 3 elements in array");
        check("weighted_quantile(prices, stakes, 1.5)", "rules/r.rhai:5:2: `weighted_quantile` takes a share in 0…1");
        check("[0.0][0] / 0.0", "rules/r.rhai:4:4: the rule returned NaN, not a finite number");
        check("loop {}", "rules/r.rhai:4:4: more than 50000 operations (is there a loop that does not end?)");
        check("[prices][0]", "rules/r.rhai:4:4: the rule returned array, not a finite number");
    }

    #[test]
    fn a_rule_is_checked_before_it_runs() {
        let check = |text: &str, expected: &str| {
            let library = Library::of_texts(&[("rules/r.rhai", text)]);
            let found = library.map_or_else(
                |problem| problem.to_string(),
                |library| rules(&library).unwrap_err().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
            );
            assert_eq!(found, expected);
        };
        check(
            "//! name: r\n//! decides: agregate\n//! summary: s\n",
            "rules/r.rhai:2:5: no rule decides `agregate` (did you mean `aggregate`?)",
        );
        check(
            &format!("{CARD}fn aggregate(prices) {{ 1.0 }}"),
            "rules/r.rhai:4:4: `aggregate` takes 2 arguments, not 1 (write `fn aggregate(prices, stakes)`)",
        );
        check(
            &format!("{CARD}fn f() {{}}"),
            "rules/r.rhai:1:1: the rule has no function (write `fn aggregate(prices, stakes)`)",
        );
        check(
            &format!("{CARD}fn aggregate(prices, stakes) {{ sume(prices) }}"),
            "rules/r.rhai:4:32: there is no function `sume` (did you mean `sum`?)",
        );
    }
}
