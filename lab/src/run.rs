//! Running worlds over seeds: each with its baseline as one task, on as many threads as asked for, collected in the
//! order of seeds so that nothing depends on which ended first.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use palisade_agents::evaluate_flag;
use palisade_engine::units::Span;

use crate::command::{Worlds, reproduce};
use crate::figure::Figure;
use crate::load::{LoadError, Loaded, RunRequest};
use crate::report::{FailIf, OutcomeRow, Report};
use crate::session::{STACK, Session};
use crate::stats;
use crate::store::Store;
use crate::verdict::headline;
use crate::world::{Order, WorldResult};

/// Follows a run, and may ask it to end early.
pub trait Watch: Sync {
    /// So many more steps are done; [`Loaded::all_steps`] is what they add up to.
    fn stepped(&self, steps: u64);

    /// So many matches will be played at most.
    fn planned_matches(&self, _most: u64) {}

    /// So many matches have ended: played now, or known from before.
    fn finished_matches(&self, _matches: u64, _now: bool) {}

    /// The world of a seed has ended.
    fn finished_world(&self, _seed: u64) {}

    /// Whether to finish the worlds under way and start no others.
    fn interrupted(&self) -> bool;
}

/// Why a run has no report.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A step broke a law of the world: a fault of the engine, never of the scenario.
    #[error("seed {seed}, step {step}: {message}\nreproduce with: {command}")]
    Invariant {
        /// The seed.
        seed: u64,
        /// The step, from 0.
        step: u64,
        /// What broke.
        message: String,
        /// The shortest command that shows it again.
        command: String,
    },
    /// A back-stop ended a script's call even when its world was played alone: what the script does depends on the machine.
    #[error("seed {seed}, step {step}: {place}: `{hook}`: {message}\nreproduce with: {command}")]
    Backstop {
        /// The seed.
        seed: u64,
        /// The step, from 0.
        step: u64,
        /// The hook.
        hook: &'static str,
        /// `file:line:column` of the script.
        place: String,
        /// Which back-stop.
        message: String,
        /// The shortest command that shows it again.
        command: String,
    },
    /// What cannot be done by halves was ended early.
    #[error("interrupted")]
    Interrupted,
    /// The run directory cannot be written, or is not empty.
    #[error("{0}")]
    Output(String),
    /// The scenario cannot be built.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// Runs the worlds of a request.
///
/// # Errors
/// A broken invariant, of the lowest seed that breaks one; a run directory that cannot be written.
pub fn run(loaded: &Loaded, request: &RunRequest, watch: &dyn Watch) -> Result<Report, RunError> {
    run_worlds(loaded, request, watch).map(|(report, _)| report)
}

/// The same, with the figures of every world, in the order of [`Loaded::outcomes`].
pub(crate) fn run_worlds(
    loaded: &Loaded,
    request: &RunRequest,
    watch: &dyn Watch,
) -> Result<(Report, Vec<Vec<f64>>), RunError> {
    let store = request.out.as_deref().map(|out| Store::create(out, request, loaded)).transpose()?;
    let session = Session { loaded, request, watch };
    let worlds = in_order((request.seeds as usize, request.jobs), watch, |place| {
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        let seed = request.seed + u64::from(place);
        let world = session.world(&Order { place, seed, paired: true, trackers: Vec::new(), store: store.as_ref() })?;
        watch.finished_world(seed);
        Ok(world)
    })?;
    // An interrupted run is reproduced by the worlds it finished.
    let seeds = u32::try_from(worlds.len()).unwrap_or(u32::MAX);
    let command = reproduce(request, Worlds { seed: request.seed, seeds, steps: request.steps });
    let report = report(loaded, request, &worlds, command)?;
    let (figures, written): (_, Vec<_>) = worlds.into_iter().map(|world| (world.figures, world.written)).unzip();
    if let Some(store) = store {
        store.finish(&report, written.into_iter().flatten().collect())?;
    }
    Ok((report, figures))
}

/// Calls `work` for the places below a count on some threads. What it returns is in order; an early end leaves out the
/// last places, never one in the middle, and the first error in that order wins.
pub(crate) fn in_order<T: Send>(
    (count, jobs): (usize, usize),
    watch: &dyn Watch,
    work: impl Fn(usize) -> Result<T, RunError> + Sync,
) -> Result<Vec<T>, RunError> {
    let threads = jobs.clamp(1, count.max(1));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).stack_size(STACK).build();
    let pool = pool.map_err(|error| LoadError::Usage(format!("cannot start {threads} threads: {error}")))?;
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let results = Mutex::new(BTreeMap::new());
    pool.broadcast(|_| {
        loop {
            // A place that was taken is always worked on, so that those left out are the last ones. The first always is.
            let may_end = next.load(Ordering::SeqCst) > 0;
            if may_end && (watch.interrupted() || failed.load(Ordering::SeqCst)) {
                break;
            }
            let place = next.fetch_add(1, Ordering::SeqCst);
            if place >= count {
                break;
            }
            let result = work(place);
            failed.fetch_or(result.is_err(), Ordering::SeqCst);
            results.lock().unwrap_or_else(PoisonError::into_inner).insert(place, result);
        }
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect()
}

fn report(loaded: &Loaded, request: &RunRequest, worlds: &[WorldResult], command: String) -> Result<Report, RunError> {
    let first = worlds.first().and_then(|world| Some((world, world.details.clone()?)));
    let (first, details) = first.ok_or_else(|| LoadError::Usage("no world has run".into()))?;
    let finished = u32::try_from(worlds.len()).unwrap_or(u32::MAX);
    let mut report = Report {
        verdict: String::new(),
        scenario: loaded.scenario.name.clone(),
        summary: loaded.summary().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        scenario_hash: loaded.scenario_hash().to_owned(),
        scripts_hash: loaded.scripts_hash().to_owned(),
        command,
        seeds: worlds.iter().map(|world| world.seed).collect(),
        worlds: finished,
        interrupted: finished < request.seeds,
        steps: loaded.steps(request),
        time: Span(first.time).to_string(),
        settlement: loaded.scenario.settlement.clone(),
        first: details,
        outcomes: outcomes(loaded, worlds),
        fail_if: request.fail_if.as_deref().map(|text| fail_if(loaded, text, worlds)).transpose()?,
        out: request.out.as_ref().map(|out| out.display().to_string()),
    };
    report.verdict = headline(&report);
    Ok(report)
}

fn outcomes(loaded: &Loaded, worlds: &[WorldResult]) -> Vec<OutcomeRow> {
    let row = |(place, outcome): (usize, &Figure)| {
        let values: Vec<f64> = worlds.iter().map(|world| world.figures[place]).collect();
        OutcomeRow {
            name: outcome.name.clone(),
            unit: outcome.unit.clone(),
            doc: outcome.doc.clone(),
            first: values.first().copied().unwrap_or(f64::NAN),
            stats: (values.len() > 1).then(|| stats::describe(&values, &outcome.unit)),
        }
    };
    loaded.outcomes.iter().enumerate().map(row).collect()
}

fn fail_if(loaded: &Loaded, expression: &str, worlds: &[WorldResult]) -> Result<FailIf, RunError> {
    let mut found = FailIf { expression: expression.to_owned(), hits: 0, first_seed: None };
    for world in worlds {
        let names = loaded.outcomes.iter().map(|outcome| outcome.name.clone());
        let values = names.zip(world.figures.iter().copied()).collect();
        let holds = evaluate_flag(expression, &values)
            .map_err(|message| LoadError::Usage(format!("--fail-if {expression:?}: {message}")))?;
        if holds {
            found.hits += 1;
            found.first_seed.get_or_insert(world.seed);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::load::load;
    use crate::sample::{self, Onlooker};

    fn outcome(report: &Report, name: &str) -> OutcomeRow {
        report.outcomes.iter().find(|outcome| outcome.name == name).cloned().unwrap()
    }

    #[test]
    fn a_calm_world_is_neither_paired_nor_attacked() {
        let (_folder, request) = sample::calm(&[]);
        let loaded = load(&request).unwrap();
        let watch = Onlooker::default();
        let report = run(&loaded, &request, &watch).unwrap();
        assert_eq!((report.worlds, report.steps, report.time.as_str()), (1, 120, "2m"));
        assert_eq!(watch.steps.into_inner(), loaded.all_steps(&request));
        assert!(report.first.attack.is_none() && report.first.faults.count == 0);
        assert_eq!(outcome(&report, "loss_caused").first, 0.0);
        assert!(outcome(&report, "executed_actions").first > 0.0, "{:?}", report.first.refusals);
        let roles: Vec<&str> = report.first.groups.iter().map(|group| group.role.as_str()).collect();
        assert_eq!(
            roles,
            ["oracle", "trader", "outside", "liquidity", "vault", "pool", "insurance", "depositors", "escrow"]
        );
    }

    #[test]
    fn an_attacked_world_is_paired_with_one_without_attackers() {
        let (_folder, request) = sample::attacked();
        let loaded = load(&request).unwrap();
        let watch = Onlooker::default();
        let report = run(&loaded, &request, &watch).unwrap();
        assert_eq!(watch.steps.into_inner(), 240);
        let attack = report.first.attack.unwrap();
        assert!(attack.outlay > 0.0, "{attack:?}");
        let others = report.first.groups.iter().filter(|group| group.role != "attacker");
        let caused: f64 = others.map(|group| group.caused.unwrap()).sum();
        assert_eq!(attack.loss_caused, -caused);
        assert_eq!(outcome(&report, "loss_caused").first, -caused);
        assert!(
            report.first.story.iter().any(|line| line.text.starts_with("attackers put in")),
            "{:?}",
            report.first.story
        );
        let thief = report.first.groups.iter().find(|group| group.group == "thief").unwrap();
        assert_eq!((thief.role.as_str(), thief.without_attack, thief.caused), ("attacker", None, None));
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let (_folder, request) = sample::attacked();
        let request = RunRequest { seeds: 3, seed: 5, fail_if: Some("executed_actions > 0".into()), ..request };
        let loaded = load(&request).unwrap();
        let reports =
            [1, 2].map(|jobs| run(&loaded, &RunRequest { jobs, ..request.clone() }, &Onlooker::default()).unwrap());
        let [one, two] = reports.each_ref().map(|report| serde_json::to_string(report).unwrap());
        assert_eq!(one, two);
        assert_eq!(reports[0].seeds, [5, 6, 7]);
        assert_eq!(outcome(&reports[0], "withdrawn").stats.unwrap().n, 3);
        let hit = FailIf { expression: "executed_actions > 0".into(), hits: 3, first_seed: Some(5) };
        assert_eq!(reports[0].fail_if, Some(hit));
    }

    #[test]
    fn an_interrupted_run_keeps_what_has_ended() {
        let (_folder, request) = sample::calm(&[]);
        let request = RunRequest { seeds: 4, steps: Some(3), ..request };
        let watch = Onlooker { interrupts: true, ..Onlooker::default() };
        let report = run(&load(&request).unwrap(), &request, &watch).unwrap();
        assert!(report.interrupted);
        assert!(!report.command.contains("--seeds"), "one world reproduces it: {}", report.command);
        assert_eq!((report.seeds, report.worlds), (vec![1], 1));
    }

    #[test]
    fn results_are_in_order_and_the_first_error_wins() {
        let watch = Onlooker::default();
        assert_eq!(in_order((50, 4), &watch, Ok).unwrap(), (0..50).collect::<Vec<_>>());
        let fails = |place: usize| match place {
            7 | 9 => Err(RunError::Output(place.to_string())),
            _ => Ok(()),
        };
        assert_eq!(in_order((50, 4), &watch, fails).unwrap_err().to_string(), "7");
    }
}
