//! The engine's host in Rhai: one checked strategy per cohort, asked in its own sandbox. It lives on one thread.

use std::collections::BTreeMap;
use std::rc::Rc;

use palisade_engine::domain::{AgentId, CohortId, Cohorts};
use palisade_engine::host::{Ask, Fault, Hook, Host, Replies, Wake};
use palisade_engine::scenario::{Cohort, Role, Scenario, SetupError};
use palisade_engine::view::Reads;
use palisade_engine::{Simulation, World};

use crate::bind::{self, Surroundings};
use crate::catalog::Catalog;
use crate::check::{self, Checked, Terms};
use crate::cohort::{CohortScript, Members};
use crate::draft::Draft;
use crate::library::{Library, UnknownStrategy};
use crate::measure::Measures;
use crate::needs;
use crate::problem::{LoadError, ScriptProblem};
use crate::profile::{HookCost, LineCost};
use crate::rules;
use crate::sandbox::{HostOptions, Packages, Sandbox};
use crate::trace::TracedCall;

/// Strategies of a library, deciding for the agents of a simulation.
pub struct ScriptHost {
    cohorts: Vec<CohortScript>,
    measures: Measures,
    sound: Sound,
}

/// The strategies of a scenario that have been found sound, for its other worlds: what a strategy declares, it is asked
/// once.
#[derive(Clone, Debug, Default)]
pub struct Sound(BTreeMap<String, Terms>);

impl ScriptHost {
    /// Checks and compiles the strategy of every cohort of `simulation`, which was built from `scenario`.
    ///
    /// # Errors
    /// All problems of the scripts together; or everything the scenario asks for that is not there.
    pub fn new(
        library: &Library,
        scenario: &Scenario,
        simulation: &Simulation,
        options: HostOptions,
    ) -> Result<Self, LoadError> {
        rules::begin();
        Self::of_sound((library, &Sound::default()), scenario, simulation, options)
    }

    /// The same, without looking again at strategies that another world of the same library and scenario found sound. What
    /// rules had to say since [`crate::begin_rules`] counts, so that nothing is lost of the making of the world.
    ///
    /// # Errors
    /// Those of [`ScriptHost::new`].
    pub fn of_sound(
        (library, sound): (&Library, &Sound),
        scenario: &Scenario,
        simulation: &Simulation,
        options: HostOptions,
    ) -> Result<Self, LoadError> {
        let around = Surroundings::of(simulation);
        let catalog = Catalog::of(around.registry);
        let packages = Packages::new();
        let cohorts = in_engine_order(scenario, simulation.world().resource::<Cohorts>());
        let checked = check_all((library, sound), &cohorts, &catalog, (&packages, options))?;
        let (mut scripts, mut missing) = (Vec::with_capacity(cohorts.len()), Vec::new());
        for (path, cohort, members) in cohorts {
            let Some(strategy) = checked.get(cohort.strategy.as_str()) else { continue };
            let params = &strategy.terms.declarations.params;
            let values = needs::check(simulation, path, &cohort.strategy, &strategy.terms.requires)
                .and_then(|()| bind::check_engine_bindings(around, path, cohort, params))
                .and_then(|()| bind::values(around, params, (path, cohort)));
            match values {
                Ok(values) => {
                    let view = (catalog.clone(), around.directory);
                    scripts.push(CohortScript::new(strategy, values, members, view, (&packages, options))?);
                }
                Err(error) => missing.push(error),
            }
        }
        let measures = Measures::new(scenario, simulation, (&packages, options));
        match measures {
            Ok(measures) if missing.is_empty() => {
                let sound = checked.into_iter().map(|(name, checked)| (name.to_owned(), checked.terms)).collect();
                Ok(Self { cohorts: scripts, measures, sound: Sound(sound) })
            }
            measures => {
                missing.extend(measures.err().into_iter().flatten());
                Err(LoadError::Setup(missing))
            }
        }
    }

    /// The strategies of its world, which are sound.
    #[must_use]
    pub fn into_sound(self) -> Sound {
        self.sound
    }

    /// The first call that a back-stop (byte cap or deadline) ended: the world is void then, and to be repeated alone.
    #[must_use]
    pub fn backstop_tripped(&self) -> Option<Fault> {
        let cohorts = self.cohorts.iter().find_map(|cohort| cohort.tripped.clone());
        cohorts.or_else(|| self.measures.tripped.clone()).or_else(rules::tripped)
    }

    /// What hooks and lines cost so far, all cohorts together, when the host counts it: see [`HostOptions::profile`].
    #[must_use]
    pub fn costs(&self) -> (Vec<HookCost>, Vec<LineCost>) {
        let (mut hooks, mut lines) = (BTreeMap::new(), BTreeMap::new());
        for (of_hooks, of_lines) in self.cohorts.iter().map(CohortScript::costs) {
            for cost in of_hooks {
                let key = (cost.strategy.clone(), cost.hook);
                hooks.entry(key).and_modify(|known: &mut HookCost| known.add(&cost)).or_insert(cost);
            }
            for cost in of_lines {
                let key = (cost.file.clone(), cost.line);
                lines.entry(key).and_modify(|known: &mut LineCost| known.add(&cost)).or_insert(cost);
            }
        }
        (hooks.into_values().collect(), lines.into_values().collect())
    }

    /// The scenario's own figures of a run that has ended, in their order; `figures` are all others.
    ///
    /// # Errors
    /// The first that fails, and how.
    pub fn outcomes(&mut self, simulation: &Simulation, figures: &BTreeMap<String, f64>) -> Result<Vec<f64>, String> {
        self.measures.outcomes(simulation, figures)
    }

    /// From now on keeps what one agent sees and asks for.
    pub fn follow(&mut self, agent: AgentId) {
        self.cohorts.iter_mut().for_each(|cohort| cohort.follow(agent));
    }

    /// The calls of the followed agent since the last one of this.
    pub fn take_calls(&mut self) -> Vec<TracedCall> {
        self.cohorts.iter_mut().flat_map(|cohort| std::mem::take(&mut cohort.calls)).collect()
    }

    /// What strategies printed since the last call, escaped and at most 4 KiB per cohort.
    pub fn take_log(&mut self) -> Vec<String> {
        self.cohorts.iter().flat_map(CohortScript::take_log).collect()
    }
}

impl Host for ScriptHost {
    fn wake(&mut self, cohort: CohortId) -> Wake {
        self.cohorts.get(usize::from(cohort.0)).map_or_else(Wake::default, CohortScript::wake)
    }

    fn reads(&mut self, cohort: CohortId, hook: Hook) -> Option<Reads> {
        self.cohorts.get(usize::from(cohort.0))?.reads(hook)
    }

    fn ask(&mut self, ask: &Ask<'_>, replies: &mut Replies) {
        if let Some(cohort) = self.cohorts.get_mut(usize::from(ask.cohort.0)) {
            cohort.ask(ask, replies);
        }
    }

    fn measure(&mut self, world: &World) -> Vec<f64> {
        self.measures.read(world)
    }

    fn script_faults(&mut self) -> Vec<Fault> {
        let mut faults = rules::take_faults();
        faults.append(&mut self.measures.faults);
        faults
    }
}

/// The scenario's cohorts in the order of the engine's ids, which puts attackers last and may leave them out.
fn in_engine_order<'a>(scenario: &'a Scenario, known: &Cohorts) -> Vec<(&'a str, &'a Cohort, Members)> {
    let mut sorted: Vec<&(String, Cohort)> = scenario.cohorts.iter().collect();
    sorted.sort_by_key(|(_, cohort)| cohort.role == Role::Attacker);
    let infos = &known.0;
    sorted
        .into_iter()
        .zip(infos)
        .map(|((path, cohort), info)| {
            let members = Members {
                first: info.agents.start,
                count: info.agents.end - info.agents.start,
                accounts: info.accounts,
            };
            (path.as_str(), cohort, members)
        })
        .collect()
}

fn check_all<'a>(
    (library, sound): (&Library, &Sound),
    cohorts: &[(&str, &'a Cohort, Members)],
    catalog: &Catalog,
    packages: (&Packages, HostOptions),
) -> Result<BTreeMap<&'a str, Checked>, LoadError> {
    let mut checked = BTreeMap::new();
    let (mut problems, mut missing): (Vec<ScriptProblem>, Vec<SetupError>) = Default::default();
    for (path, cohort, _) in cohorts {
        if checked.contains_key(cohort.strategy.as_str()) {
            continue;
        }
        let strategy = match library.get(&cohort.strategy) {
            Ok(strategy) => strategy,
            Err(UnknownStrategy { name, known, .. }) => {
                missing.push(SetupError::Name { path: format!("{path}.strategy"), what: "strategy", name, known });
                continue;
            }
        };
        let found = match sound.0.get(&cohort.strategy) {
            Some(terms) => Draft::parse(library, strategy, &mut Sandbox::parser())
                .map(|draft| Checked { draft: Rc::new(draft), terms: terms.clone() }),
            None => check::checked(library, strategy, catalog, packages),
        };
        match found {
            Ok(strategy) => {
                checked.insert(cohort.strategy.as_str(), strategy);
            }
            Err(mut found) => problems.append(&mut found),
        }
    }
    problems.dedup();
    match (problems.is_empty(), missing.is_empty()) {
        (true, true) => Ok(checked),
        (true, false) => Err(LoadError::Setup(missing)),
        (false, _) => Err(LoadError::Script(problems)),
    }
}

#[cfg(test)]
mod tests;
