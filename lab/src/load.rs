//! Loading: everything that can be wrong with a scenario, its scripts or the request is found here, before a step is
//! run and before anything is written.

use std::path::{Path, PathBuf};

use palisade_agents::{HostOptions, Library, NOT_APPLICABLE, ScriptHost, ScriptProblem, Sound, evaluate_flag};
use palisade_engine::clock::Clock;
use palisade_engine::ledger::Ledger;
use palisade_engine::mechanism::Assets;
use palisade_engine::registry::Registry;
use palisade_engine::scenario::{Role, Scenario, SetupError};
use palisade_engine::units::{Amount, pow10};
use palisade_engine::{Options, Simulation, mechanisms};

use crate::assemble;
use crate::expect::{self, Expectations, Names};
use crate::figure::{Figure, figures};
use crate::fork::Fork;
use crate::recording::Record;
use crate::session::on_large_stack;
use crate::source::{Document, Override, Problem, named_files};

/// The seed of a run that names none.
pub const DEFAULT_SEED: u64 = 1;

/// What to run.
#[derive(Clone, Debug)]
pub struct RunRequest {
    /// The scenario file, or the name of a built-in scenario.
    pub scenario: PathBuf,
    /// `--set path=value`, in order.
    pub sets: Vec<Override>,
    /// `--data NAME=FILE`.
    pub data: Vec<(String, PathBuf)>,
    /// Folders of scripts.
    pub scripts: Vec<PathBuf>,
    /// Scripts that are no files: their paths within a folder of scripts, and their texts.
    pub texts: Vec<(String, String)>,
    /// The first seed.
    pub seed: u64,
    /// How many seeds from there.
    pub seeds: u32,
    /// Steps, unless the scenario's clock decides.
    pub steps: Option<u64>,
    /// Worlds at the same time.
    pub jobs: usize,
    /// The run directory to write.
    pub out: Option<PathBuf>,
    /// What is written there.
    pub record: Record,
    /// `--set-at STEP path=value`, in order.
    pub forks: Vec<Fork>,
    /// A condition on outcomes that should not hold.
    pub fail_if: Option<String>,
    /// How scripts are contained.
    pub host: HostOptions,
}

impl Default for RunRequest {
    fn default() -> Self {
        Self {
            scenario: PathBuf::new(),
            sets: Vec::new(),
            data: Vec::new(),
            scripts: Vec::new(),
            texts: Vec::new(),
            seed: DEFAULT_SEED,
            seeds: 1,
            steps: None,
            jobs: 1,
            out: None,
            record: Record::default(),
            forks: Vec::new(),
            fail_if: None,
            host: HostOptions::default(),
        }
    }
}

/// Why a request cannot be run: the user's to correct.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The scenario is wrong, at a place in its files.
    #[error(transparent)]
    Problem(#[from] Box<Problem>),
    /// Scripts are wrong: all that was found.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Script(Vec<ScriptProblem>),
    /// The request itself makes no sense.
    #[error("{0}")]
    Usage(String),
}

impl LoadError {
    /// Whether a strategy requires what the scenario has not got: no mistake, but a pairing that makes no sense.
    #[must_use]
    pub fn is_not_applicable(&self) -> bool {
        matches!(self, Self::Problem(problem) if problem.message().starts_with(NOT_APPLICABLE))
    }
}

impl From<Problem> for LoadError {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

/// A scenario with its scripts, checked and ready to run.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub(crate) scenario: Scenario,
    pub(crate) library: Library,
    pub(crate) sound: Sound,
    pub(crate) expectations: Expectations,
    pub(crate) outcomes: Vec<Figure>,
    pub(crate) clock: Clock,
    document: Document,
    summary: String,
    scenario_hash: String,
    scripts_hash: String,
}

impl Loaded {
    /// The scenario.
    #[must_use]
    pub const fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// Its one-line summary.
    #[must_use]
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// The composed text of the scenario.
    #[must_use]
    pub const fn document(&self) -> &Document {
        &self.document
    }

    /// The script library.
    #[must_use]
    pub const fn library(&self) -> &Library {
        &self.library
    }

    /// Digest of the composed scenario and its data files.
    #[must_use]
    pub fn scenario_hash(&self) -> &str {
        &self.scenario_hash
    }

    /// Digest of the script library.
    #[must_use]
    pub fn scripts_hash(&self) -> &str {
        &self.scripts_hash
    }

    /// The same scenario, in which strategies have other parameters: those at the paths of cohorts, each a name and a value.
    /// Whether these are within bounds is found when a world is built; digest and document are those without them.
    pub(crate) fn with_params<'a>(&self, params: impl Iterator<Item = (&'a str, &'a str, f64)>) -> Self {
        let mut changed = self.clone();
        for (path, name, value) in params {
            let cohort = changed.scenario.cohorts.iter_mut().find(|(known, _)| known == path);
            if let Some((_, cohort)) = cohort {
                cohort.params.insert(name.to_owned(), value);
            }
        }
        changed
    }

    /// Whether worlds are paired with one without attackers.
    #[must_use]
    pub fn has_attackers(&self) -> bool {
        self.scenario.cohorts.iter().any(|(_, cohort)| cohort.role == Role::Attacker)
    }

    /// Steps of each world.
    #[must_use]
    pub fn steps(&self, request: &RunRequest) -> u64 {
        request.steps.unwrap_or_else(|| self.clock.steps())
    }

    /// Steps of all worlds of a run together, paired ones included: what [`crate::run::Watch::stepped`] adds up to.
    #[must_use]
    pub fn all_steps(&self, request: &RunRequest) -> u64 {
        let worlds = u64::from(request.seeds) * if self.has_attackers() { 2 } else { 1 };
        self.steps(request).saturating_mul(worlds)
    }

    /// The smallest units of the settlement asset in a coin.
    pub(crate) fn settlement_scale(&self) -> f64 {
        let spec = self.scenario.assets.iter().find(|(name, _)| *name == self.scenario.settlement);
        spec.map_or(1.0, |(_, spec)| pow10(spec.decimals))
    }

    /// The figures of a run: those of the mechanisms, then those of the run itself, then the scenario's own.
    #[must_use]
    pub fn outcomes(&self) -> &[Figure] {
        &self.outcomes
    }

    /// An error of building a world, at its place in the files.
    pub(crate) fn explain(&self, error: palisade_agents::LoadError) -> LoadError {
        explain(&self.document, error).first()
    }
}

/// Loads a request, building one world with its scripts to find everything that is wrong.
///
/// # Errors
/// What is wrong, and where.
pub fn load(request: &RunRequest) -> Result<Loaded, LoadError> {
    on_large_stack(|| load_here(request))
}

/// The same on this thread, whose stack must be large.
pub(crate) fn load_here(request: &RunRequest) -> Result<Loaded, LoadError> {
    check_request(request)?;
    read(request).map_err(Wrong::first)
}

/// The files on disk that a request is made of, there or not, but for scripts.
#[must_use]
pub fn files(request: &RunRequest) -> Vec<PathBuf> {
    let mut files = named_files(&request.scenario);
    let tables = Document::load(&request.scenario, &request.sets).and_then(|document| document.tables(&request.data));
    files.extend(tables.iter().flat_map(|tables| tables.values()).filter_map(|file| file.path().map(Path::to_owned)));
    files.extend(request.data.iter().map(|(_, file)| file.clone()));
    files
}

/// Everything that is wrong with a scenario and its scripts.
#[derive(Debug, Default)]
pub(crate) struct Wrong {
    pub(crate) scenario: Vec<Problem>,
    pub(crate) scripts: Vec<ScriptProblem>,
    pub(crate) usage: Option<String>,
}

impl Wrong {
    /// What a user is told of first: the problem that stands first in the files.
    pub(crate) fn first(mut self) -> LoadError {
        self.scenario.sort_by_key(|problem| problem.place().offset);
        match (self.scenario.into_iter().next(), self.scripts.is_empty()) {
            (Some(problem), _) => problem.into(),
            (None, false) => LoadError::Script(self.scripts),
            (None, true) => LoadError::Usage(self.usage.unwrap_or_default()),
        }
    }

    fn add(&mut self, error: LoadError) {
        match error {
            LoadError::Problem(problem) => self.scenario.push(*problem),
            LoadError::Script(mut problems) => self.scripts.append(&mut problems),
            LoadError::Usage(message) => self.usage = Some(message),
        }
    }
}

impl<E: Into<LoadError>> From<E> for Wrong {
    fn from(error: E) -> Self {
        let mut wrong = Self::default();
        wrong.add(error.into());
        wrong
    }
}

impl From<Vec<Problem>> for Wrong {
    fn from(scenario: Vec<Problem>) -> Self {
        Self { scenario, ..Self::default() }
    }
}

fn check_request(request: &RunRequest) -> Result<(), LoadError> {
    let refuse = |text: String| Err(LoadError::Usage(text));
    if request.seeds == 0 {
        return refuse("--seeds: expected at least 1".into());
    }
    if request.seed.checked_add(u64::from(request.seeds) - 1).is_none() {
        return refuse(format!("--seed {}: {} seeds from there exceed 64 bits", request.seed, request.seeds));
    }
    match request.steps {
        Some(steps) if !(1..=Clock::MAX_STEPS).contains(&steps) => {
            refuse(format!("--steps {steps}: expected 1 to {}", Clock::MAX_STEPS))
        }
        _ => Ok(()),
    }
}

pub(crate) fn read(request: &RunRequest) -> Result<Loaded, Wrong> {
    let document = Document::load(&request.scenario, &request.sets)?;
    let mut scenario = assemble::scenario(&document, &request.data)?;
    let summary = assemble::optional(&document, "summary")?;
    let library = Library::load(&request.scripts).and_then(|library| library.with(&request.texts));
    let library = library.map_err(|problem| LoadError::Script(vec![problem]))?.contained(request.host);
    scenario.rules = palisade_agents::rules(&library).map_err(LoadError::Script)?;
    let options = Options { seed: request.seed, ..Options::default() };
    let mut simulation = Simulation::new(&scenario, &mechanisms::ALL, options)
        .map_err(|error| explain(&document, all_of_setup(&scenario, error).into()))?;
    check_supply(&document, &simulation)?;
    let host = ScriptHost::new(&library, &scenario, &simulation, request.host);
    let (sound, mut wrong) = match host {
        Ok(host) => (host.into_sound(), Wrong::default()),
        Err(error) => (Sound::default(), explain(&document, error)),
    };
    let outcomes = figures(simulation.registry(), &scenario.measures);
    let clock = assemble::clock(&document)?;
    check_forks(request, &mut simulation, &clock)?;
    check_condition(request, &outcomes)?;
    let names = Names::of(&outcomes, (simulation.registry(), &scenario.measures), clock.length());
    let expectations = expect::read(&document, &names).unwrap_or_else(|mut problems| {
        wrong.scenario.append(&mut problems);
        Expectations::default()
    });
    if !(wrong.scenario.is_empty() && wrong.scripts.is_empty()) {
        return Err(wrong);
    }
    Ok(Loaded {
        expectations,
        outcomes,
        clock,
        summary,
        scenario_hash: digest(&document, &request.data)?,
        scripts_hash: library.hash(),
        scenario,
        library,
        sound,
        document,
    })
}

/// The error that ended the building of a world, and those of other blocks that cannot be read either. What else is wrong
/// with blocks that can be read may follow from the first error, and so is left for the next time.
fn all_of_setup(scenario: &Scenario, error: SetupError) -> Vec<SetupError> {
    let first = match &error {
        SetupError::Block { path, .. } => Some(path.clone()),
        _ => None,
    };
    let registry = Registry::of(&mechanisms::ALL);
    let others = registry.blocks.iter().filter(|block| first.as_deref() != Some(block.path));
    let unreadable = others.filter_map(|block| {
        let error = (block.check)(scenario.blocks.get(block.path)?).err()?;
        Some(SetupError::Block { path: block.path.to_owned(), error: Box::new(error) })
    });
    std::iter::once(error).chain(unreadable).collect()
}

/// All of an asset together must fit one balance, so that value that changes hands never meets the end of 64 bits.
#[allow(clippy::cast_precision_loss)]
fn check_supply(document: &Document, simulation: &Simulation) -> Result<(), Problem> {
    let assets = simulation.world().resource::<Assets>();
    let ledger = simulation.world().resource::<Ledger>();
    let limit = Amount::MAX / 4;
    let Some(asset) = assets.ids().find(|asset| ledger.issued(*asset) > i128::from(limit)) else { return Ok(()) };
    let in_coins = |units: f64| units / assets.scale(asset);
    let message = format!(
        "{:.4e} coins are issued in all: at most {:.4e} fit",
        in_coins(ledger.issued(asset) as f64),
        in_coins(limit as f64)
    );
    let hint = "fewer `decimals` leave room for more coins".to_owned();
    Err(document.problem(&format!("protocol.assets.{}", assets.name(asset)), message, Some(hint)))
}

/// Every fork must change a parameter there is to a value it may have, before a step there is.
fn check_forks(request: &RunRequest, simulation: &mut Simulation, clock: &Clock) -> Result<(), LoadError> {
    let steps = request.steps.unwrap_or(clock.steps());
    for fork in &request.forks {
        if fork.step >= steps {
            return Err(LoadError::Usage(format!("--set-at {fork}: the run ends after step {}", steps - 1)));
        }
        fork.make(simulation)?;
    }
    Ok(())
}

/// The condition must be one on figures there are; which values they take does not matter yet.
fn check_condition(request: &RunRequest, outcomes: &[Figure]) -> Result<(), LoadError> {
    let Some(expression) = &request.fail_if else { return Ok(()) };
    let values = outcomes.iter().map(|outcome| (outcome.name.clone(), 1.0)).collect();
    match evaluate_flag(expression, &values) {
        Ok(_) => Ok(()),
        Err(message) => Err(LoadError::Usage(format!("--fail-if {expression:?}: {message}"))),
    }
}

/// Digests of the scenarios that some overrides make of files, each by itself: what those files hold is in no text.
pub(crate) fn outside(base: &RunRequest, sets: Vec<Override>) -> Result<Vec<String>, LoadError> {
    let names_a_file = |set: &Override| set.path.starts_with("data.") || set.value.trim_start().starts_with("File(");
    let mut named: Vec<Override> = sets.into_iter().filter(names_a_file).collect();
    named.sort_by(|a, b| (&a.path, &a.value).cmp(&(&b.path, &b.value)));
    named.dedup();
    let of = |set: Override| {
        let sets: Vec<Override> = base.sets.iter().cloned().chain([set]).collect();
        Ok(digest(&Document::load(&base.scenario, &sets)?, &base.data)?)
    };
    named.into_iter().map(of).collect()
}

/// The digest of the composed text and, when there are any, of the data files.
fn digest(document: &Document, data: &[(String, PathBuf)]) -> Result<String, Problem> {
    let tables = document.tables(data)?;
    if tables.is_empty() {
        return Ok(document.hash());
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(document.hash().as_bytes());
    for (name, file) in tables {
        let unreadable = |error: std::io::Error| Problem::file(file.shown(), error.to_string());
        hasher.update(blake3::hash(name.as_bytes()).as_bytes());
        hasher.update(blake3::hash(&file.bytes().map_err(unreadable)?).as_bytes());
    }
    Ok(hasher.finalize().to_hex().to_string())
}

fn explain(document: &Document, error: palisade_agents::LoadError) -> Wrong {
    match error {
        palisade_agents::LoadError::Script(scripts) => Wrong { scripts, ..Wrong::default() },
        palisade_agents::LoadError::Setup(errors) => {
            errors.iter().map(|error| assemble::explain(document, error)).collect::<Vec<_>>().into()
        }
    }
}

#[cfg(test)]
mod tests;
