//! What a scenario measures with scripts of its own: probes, outcomes and invariants. Each is an expression of `world`, the
//! public view at the end of a step; an outcome also knows the run's figures by name.

use std::collections::BTreeMap;
use std::rc::Rc;

use palisade_engine::host::Fault;
use palisade_engine::probe::Probe;
use palisade_engine::registry::{Directory, Handle, Kind};
use palisade_engine::scenario::{Measure, Measures as Texts, Scenario, SetupError};
use palisade_engine::view::Public;
use palisade_engine::{Simulation, World};
use rhai::{AST, Dynamic, Position};

use crate::card::Card;
use crate::catalog::Catalog;
use crate::check;
use crate::context::Context;
use crate::draft::{Draft, Places, When};
use crate::fault;
use crate::library::{Library, Shelf, Strategy};
use crate::problem::ScriptProblem;
use crate::pure::number;
use crate::records::{self, Thing};
use crate::sandbox::{CALL_FUEL, HostOptions, Packages, Sandbox, Stop};

/// The function that a measure's text becomes the body of.
pub(crate) const ENTRY: &str = "measured";
/// The world as a script holds it.
const WORLD: Thing = Thing(Handle { kind: Kind::Protocol, index: 0 });

/// A scenario's measures, ready to be read.
#[derive(Default)]
pub(crate) struct Measures {
    probes: Vec<Compiled>,
    invariants: Vec<Compiled>,
    outcomes: Vec<(String, Measure)>,
    /// None where nothing is measured: an engine takes longer to make than a small world.
    workshop: Option<Workshop>,
    pub(crate) faults: Vec<Fault>,
    /// The first call that a back-stop ended.
    pub(crate) tripped: Option<Fault>,
}

/// What measures are compiled with and run in.
struct Workshop {
    library: Library,
    catalog: Catalog,
    context: Rc<Context>,
    sandbox: Sandbox,
}

struct Compiled {
    path: String,
    ast: AST,
    places: Places,
}

impl Measures {
    /// Checks and compiles the measures of `scenario`.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(crate) fn new(
        scenario: &Scenario,
        simulation: &Simulation,
        (packages, options): (&Packages, HostOptions),
    ) -> Result<Self, Vec<SetupError>> {
        let Texts { probes, outcomes, invariants } = &scenario.measures;
        if probes.is_empty() && outcomes.is_empty() && invariants.is_empty() {
            return Ok(Self::default());
        }
        let mut workshop = Workshop::new(simulation, (packages, options));
        let registry = simulation.registry();
        let mut wrong = Vec::new();
        let columns: Vec<&str> = registry.probes.iter().filter(is_worlds).map(|probe| probe.name).collect();
        let figures: Vec<&str> = registry.outcomes.iter().map(|outcome| outcome.name).collect();
        for (key, list, taken) in
            [("probes", probes, &columns), ("outcomes", outcomes, &figures), ("invariants", invariants, &Vec::new())]
        {
            wrong.extend(list.iter().filter_map(|(name, _)| misnamed(key, name, taken)));
        }
        let known = figures.iter().map(|name| ((*name).to_owned(), 1.0)).collect();
        let mut compiled = |key: &str, list: &[(String, Measure)], figures: &BTreeMap<String, f64>| {
            let mut all = Vec::new();
            for (name, measure) in list {
                match workshop.compile(&format!("{key}.{name}"), &measure.script, figures) {
                    Ok(compiled) => all.push(compiled),
                    Err(error) => wrong.push(error),
                }
            }
            all
        };
        let (none, all) = (BTreeMap::new(), &known);
        let (probes, invariants) = (compiled("probes", probes, &none), compiled("invariants", invariants, &none));
        compiled("outcomes", outcomes, all);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let (outcomes, workshop) = (outcomes.clone(), Some(workshop));
        Ok(Self { probes, invariants, outcomes, workshop, faults: Vec::new(), tripped: None })
    }

    /// The values of all probes; one that fails is NaN and a fault.
    ///
    /// # Panics
    /// `Invariant:` when an invariant does not hold, or cannot be told.
    pub(crate) fn read(&mut self, world: &World) -> Vec<f64> {
        let Some(workshop) = self.workshop.as_ref().filter(|_| !(self.probes.is_empty() && self.invariants.is_empty()))
        else {
            return Vec::new();
        };
        workshop.show(Public::of(world), world.resource::<Directory>());
        for invariant in &self.invariants {
            let name = invariant.path.trim_start_matches("invariants.");
            match workshop.run(invariant) {
                Ok(value) => assert!(value != 0.0, "Invariant: `{name}` of the scenario does not hold"),
                Err((place, message)) if workshop.has_tripped() => {
                    // The world is void: whether the invariant holds, its repeat will tell.
                    self.tripped.get_or_insert_with(|| fault("invariant", (place, message)));
                }
                Err((place, message)) => {
                    panic!("Invariant: `{name}` of the scenario cannot be told: {place}: {message}")
                }
            }
        }
        let mut values = Vec::with_capacity(self.probes.len());
        for probe in &self.probes {
            values.push(workshop.run(probe).unwrap_or_else(|failed| {
                let fault = fault("probe", failed);
                if workshop.has_tripped() {
                    self.tripped.get_or_insert_with(|| fault.clone());
                }
                self.faults.push(fault);
                f64::NAN
            }));
        }
        values
    }

    /// The scenario's own figures of a run that has ended, in their order; `figures` are those of the mechanisms.
    ///
    /// # Errors
    /// The first that fails, and how.
    pub(crate) fn outcomes(
        &mut self,
        simulation: &Simulation,
        figures: &BTreeMap<String, f64>,
    ) -> Result<Vec<f64>, String> {
        let Some(workshop) = self.workshop.as_mut().filter(|_| !self.outcomes.is_empty()) else {
            return Ok(Vec::new());
        };
        let world = simulation.world();
        workshop.show(Public::of(world), world.resource::<Directory>());
        let mut values = Vec::with_capacity(self.outcomes.len());
        for (name, measure) in &self.outcomes {
            let path = format!("outcomes.{name}");
            let compiled = workshop.compile(&path, &measure.script, figures).map_err(|error| error.to_string())?;
            let value = workshop.run(&compiled);
            if let Err(failed) = &value
                && workshop.has_tripped()
            {
                self.tripped.get_or_insert_with(|| fault("outcome", failed.clone()));
            }
            values.push(value.map_err(|(place, message)| format!("{place}: {message}"))?);
        }
        Ok(values)
    }
}

fn fault(hook: &'static str, (place, message): (String, String)) -> Fault {
    Fault { agent: None, hook, place: place.into(), message: message.into() }
}

fn is_worlds(probe: &&Probe) -> bool {
    probe.kind == Kind::Protocol
}

/// A measure's name is a plain word that nothing else has.
fn misnamed(key: &str, name: &str, taken: &[&str]) -> Option<SetupError> {
    let path = format!("{key}.{name}");
    let is_word = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !is_word {
        return Some(SetupError::value(path, format!("`{name}` is no name of a measure: write it in lower_case")));
    }
    taken.contains(&name).then(|| SetupError::value(path, format!("`{name}` is measured already")))
}

impl Workshop {
    fn new(simulation: &Simulation, (packages, options): (&Packages, HostOptions)) -> Self {
        let catalog = Catalog::of(simulation.registry());
        let context = Rc::new(Context::new(catalog.clone(), 0));
        let mut sandbox = Sandbox::new(packages, options);
        records::register(&mut sandbox.engine, &context);
        Self { library: Library::default(), catalog, context, sandbox }
    }

    fn show(&self, public: Public, directory: &Directory) {
        self.context.show(public, directory);
    }

    fn compile(&mut self, path: &str, text: &str, figures: &BTreeMap<String, f64>) -> Result<Compiled, SetupError> {
        let strategy = Strategy {
            name: path.to_owned(),
            file: path.to_owned(),
            card: Card::default(),
            text: format!("fn {ENTRY}(world) {{\n{text}\n}}").into(),
            shelf: Shelf::Measure,
        };
        let explain = |problem: &ScriptProblem| {
            let place = format!("line {}, column {}", problem.line.saturating_sub(1), problem.column);
            let hint = problem.hint.as_deref().map(|hint| format!(" ({hint})")).unwrap_or_default();
            SetupError::value(format!("{path}.script"), format!("{}{hint}, at {place} of the script", problem.message))
        };
        let mut draft =
            Draft::parse(&self.library, &strategy, &mut self.sandbox.engine).map_err(|found| explain(&found[0]))?;
        draft.constants.extend(figures.iter().map(|(name, value)| (name.as_str().into(), Dynamic::from_float(*value))));
        if let Some(found) = check::findings(&draft, &strategy, &self.catalog).first() {
            return Err(explain(found));
        }
        let ast = draft.compile(&mut self.sandbox.engine).map_err(|problem| explain(&problem))?;
        self.sandbox.watch(&draft.copies(When::Asked));
        Ok(Compiled { path: path.to_owned(), ast, places: draft.places() })
    }

    /// Whether a back-stop ended the last call.
    fn has_tripped(&self) -> bool {
        self.sandbox.meter.stopped().is_some_and(Stop::is_backstop)
    }

    /// The value of a measure, a flag as 0 or 1; or where it failed, and why.
    fn run(&self, measure: &Compiled) -> Result<f64, (String, String)> {
        let result = self.sandbox.call((&measure.ast, ENTRY), (WORLD,), CALL_FUEL);
        let place = |at: Position| {
            format!("{}:{}:{}", measure.path, at.line().unwrap_or(0).saturating_sub(1), at.position().unwrap_or(0))
        };
        let value = result.map_err(|error| {
            let known = fault::Known { places: &measure.places, methods: &[], fuel: CALL_FUEL };
            let failure = fault::locate(&error, self.sandbox.meter.stopped(), ENTRY, known);
            (place(failure.at), failure.line())
        })?;
        let flag = value.as_bool().map(f64::from).ok();
        flag.or_else(|| number(&value)).ok_or_else(|| {
            (measure.path.clone(), fault::printable(&format!("is {}, neither a number nor a flag", value.type_name())))
        })
    }
}

#[cfg(test)]
mod tests;
