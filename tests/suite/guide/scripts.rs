//! Blocks of Rhai: whole files, bodies of hooks, functions, and measures.

use std::fs;

use palisade_agents::{Library, ScriptHost, ScriptProblem, Strategy, Verdict, cases, check};
use palisade_engine::mechanisms::ALL;
use palisade_engine::registry::Registry;
use palisade_engine::scenario::Measure;
use palisade_engine::{Options, Simulation};
use palisade_tests::markdown::Block;
use palisade_tests::worlds::small;

use super::{Page, must_fail};

/// The hooks, with the parameter that their question is about and a role that has them.
const HOOKS: [(&str, &str, &str); 6] = [
    ("decide", "world", "trader"),
    ("vote", "proposal", "voter"),
    ("report", "feed", "oracle"),
    ("liquidate", "account", "keeper"),
    ("bid", "auction", "keeper"),
    ("order", "pool", "validator"),
];

/// What bodies of hooks may use.
const DECLARED: &str = r#"
fn params() {
    #{
        market: market_param("first"), venue: venue_param("first"), feed: feed_param("first"),
        vault: vault_param("first"), size: param(1.0, 0.0, 1.0e9, "a size")
    }
}
fn memory() { #{ phase: 0, spent: 0.0, done: false } }
"#;

pub(super) fn run(page: &Page, block: &Block) -> Result<(), String> {
    let info = &block.info;
    if info.has("measure") {
        return measured(&block.text);
    }
    let is_part = info.has("functions") || HOOKS.iter().any(|(hook, ..)| info.has(hook));
    let whole = if is_part { Block { text: completed(block), ..block.clone() } } else { block.clone() };
    let path = page.keep(&whole, "rhai");
    let told = match Library::load(&[page.folder.path().to_owned()]) {
        Ok(library) => {
            let file = path.display().to_string();
            let mut all = library.strategies().chain(library.rules());
            all.find(|script| script.file == file).map_or(Ok(()), |script| judged(&library, script))
        }
        Err(problem) => Err(Told::Refused(problem.to_string())),
    };
    if !info.has("file") || info.has("refused") {
        fs::remove_file(path).expect("a writable folder");
    }
    let words = |told: Told| match told {
        Told::Refused(why) => format!("is refused: {why}"),
        Told::Fault(why) => format!("fails: {why}"),
    };
    match (info.get("refused"), info.get("fault"), told) {
        (Some(expected), _, Err(Told::Refused(why))) => must_fail(expected, Err(why)),
        (_, Some(expected), Err(Told::Fault(why))) => must_fail(expected, Err(why)),
        (Some(expected), ..) | (_, Some(expected), Ok(())) => must_fail(expected, Ok(())),
        (None, _, told) => told.map_err(words),
    }
}

/// Why a script is not as it should be.
enum Told {
    Refused(String),
    Fault(String),
}

fn judged(library: &Library, script: &Strategy) -> Result<(), Told> {
    let refused = |problems: &[ScriptProblem]| {
        Told::Refused(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    };
    let problems = check(library, script, &Registry::of(&ALL));
    if !problems.is_empty() {
        return Err(refused(&problems));
    }
    if script.card.decides.is_some() {
        return Ok(());
    }
    let cases = cases(library, script).map_err(|problems| refused(&problems))?;
    let wrong = cases.iter().find_map(|case| match &case.verdict {
        Verdict::Passed => None,
        Verdict::Failed(found) => Some(format!("{}: {found}", case.title)),
        Verdict::Faulted(fault) => Some(format!("{}: {fault}", case.title)),
    });
    wrong.map_or(Ok(()), |wrong| Err(Told::Fault(wrong)))
}

/// A strategy around a part of one.
fn completed(block: &Block) -> String {
    let (info, text) = (&block.info, &block.text);
    let hook = HOOKS.iter().find(|(hook, ..)| info.has(hook));
    let role = info.get("role").or(hook.map(|(_, _, role)| *role)).unwrap_or("trader");
    let card = format!("//! name: part\n//! role: {role}\n//! summary: a part of a strategy\n");
    match hook {
        Some((hook, about, _)) => format!(
            "{card}{DECLARED}fn {hook}(me, {about}) {{\n{text}}}\n\
             fn cases() {{ [ example(\"is asked once\", #{{ hook: \"{hook}\" }}, |a| a.count(\"open\") >= 0) ] }}\n"
        ),
        None if HOOKS.iter().any(|(hook, ..)| text.contains(&format!("fn {hook}("))) => format!("{card}{text}"),
        None => format!("{card}{text}fn decide(me, world) {{}}\n"),
    }
}

fn measured(script: &str) -> Result<(), String> {
    let mut scenario = small(&[]);
    // Its nodes alone: what is measured is the world.
    scenario.cohorts.truncate(1);
    scenario.cohorts[0].1.strategy = "honest".into();
    let measure = Measure { script: script.to_owned(), unit: String::new(), doc: String::new() };
    scenario.measures.probes.push(("shown".to_owned(), measure));
    let options = Options { seed: 1, ..Options::default() };
    let mut simulation = Simulation::new(&scenario, &ALL, options).map_err(|error| error.to_string())?;
    let library = Library::load(&[]).map_err(|problem| problem.to_string())?;
    let host = ScriptHost::new(&library, &scenario, &simulation, Default::default());
    let mut host = host.map_err(|error| error.to_string())?;
    simulation.step(&mut host);
    if simulation.fault_count() == 0 { Ok(()) } else { Err("fails when it is measured".to_owned()) }
}
