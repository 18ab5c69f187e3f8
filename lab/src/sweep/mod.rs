//! Sweeps: one scenario over many points of its parameters, each played with the same seeds, what came out at each, and which
//! parameter it is owed to.

mod document;
#[cfg(feature = "parquet")]
mod file;
mod report;

use std::path::{Path, PathBuf};

use palisade_agents::HostOptions;
use serde::{Deserialize, Serialize};

pub use self::document::{Method, Sweep};
pub use self::report::{IndexRow, PointRow, SweepReport, Tail};
use crate::command;
use crate::design::{DesignError, Point, Saltelli, Scramble, Space, grid, latin, sobol};
use crate::folder::json;
use crate::load::{LoadError, Loaded, RunRequest, load, outside};
use crate::matches::{
    self, Axis, Cross, How, Made, MatchFolder, Pairing, Payoff, Plan, RECORDING_INTERRUPTED, Recorded, Replicates,
    carry_out, gather, replay,
};
use crate::run::{RunError, Watch};
use crate::source::Override;

/// What a folder of matches says that holds a sweep.
pub const KIND: &str = "sweep";
/// The file in a sweep's folder that says what came out.
pub(crate) const FILE: &str = "sweep.json";
/// The most points of a grid.
const MOST: usize = 1_000_000;

/// What to play, and how.
#[derive(Clone, Debug)]
pub struct Request {
    /// The sweep's file, or the scenario that is swept.
    pub file: PathBuf,
    /// Axes, as `--vary` takes them; none where a file or a design names them.
    pub vary: Vec<String>,
    /// How points are chosen, instead of what a file says.
    pub method: Option<Method>,
    /// A table of points: a column for each path.
    pub design: Option<PathBuf>,
    /// What is swept for, of figures, instead of what a file says.
    pub outcome: Option<String>,
    /// What counts as loss, of figures, instead of what a file says.
    pub loss: Option<String>,
    /// `--set`, for every world.
    pub sets: Vec<Override>,
    /// Folders of scripts.
    pub scripts: Vec<PathBuf>,
    /// Data files by name.
    pub data: Vec<(String, PathBuf)>,
    /// The seed that those of all worlds, and every sample, are made of.
    pub seed: Option<u64>,
    /// Steps of each world.
    pub steps: Option<u64>,
    /// Worlds of each point, exactly.
    pub replicates: Option<u32>,
    /// How and where it is played.
    pub how: How,
    /// How scripts are contained.
    pub host: HostOptions,
}

/// What of a request is kept with the matches, so that they can be made whole again.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Options {
    file: PathBuf,
    vary: Vec<String>,
    method: Option<Method>,
    design: Option<PathBuf>,
    outcome: Option<String>,
    loss: Option<String>,
    sets: Vec<String>,
    scripts: Vec<PathBuf>,
    data: Vec<(String, PathBuf)>,
    seed: Option<u64>,
    steps: Option<u64>,
    replicates: Option<u32>,
}

impl Options {
    fn of(request: Request) -> Self {
        let sets = request.sets.iter().map(ToString::to_string).collect();
        let Request { file, vary, method, design, outcome, loss, scripts, data, seed, steps, replicates, .. } = request;
        Self { file, vary, method, design, outcome, loss, sets, scripts, data, seed, steps, replicates }
    }

    fn request(self, out: &Path) -> Result<Request, LoadError> {
        let Self { file, vary, method, design, outcome, loss, sets, scripts, data, seed, steps, replicates } = self;
        let how = How { out: Some(out.to_owned()), ..How::default() };
        let sets = sets.iter().map(|set| set.parse()).collect::<Result<_, _>>()?;
        let host = HostOptions::default();
        Ok(Request {
            file,
            vary,
            method,
            design,
            outcome,
            loss,
            sets,
            scripts,
            data,
            seed,
            steps,
            replicates,
            how,
            host,
        })
    }
}

/// A sweep ready to be played.
struct Prepared {
    plan: Plan,
    cross: Cross,
    sweep: Sweep,
    points: Vec<Point>,
    scheme: Option<Saltelli>,
    settlement: String,
}

impl From<DesignError> for LoadError {
    fn from(error: DesignError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<DesignError> for RunError {
    fn from(error: DesignError) -> Self {
        LoadError::from(error).into()
    }
}

/// Plays a sweep, or what is missing of one.
///
/// # Errors
/// A file, an axis or a design that is wrong; a folder that holds something else or cannot be written.
pub fn sweep(request: &Request, watch: &dyn Watch) -> Result<SweepReport, RunError> {
    let mut prepared = prepare(request)?;
    let (played, folder) = carry_out(&prepared.plan, &mut prepared.cross, &request.how, watch)?;
    let notes = folder.as_ref().map(|folder| folder.told().to_vec()).unwrap_or_default();
    let mut report = SweepReport::of(&prepared, &played, request.how.out.as_deref(), notes)?;
    if let Some(folder) = folder
        && !tabulate(&folder, &prepared, &report, request.how.recorded(watch))?
    {
        report.notes.push(RECORDING_INTERRUPTED.to_owned());
        (report.complete, report.interrupted) = (false, true);
    }
    Ok(report)
}

/// Brings the shards of a sweep together in a folder that is new, as if it had been played whole.
///
/// # Errors
/// Folders that are not all shards of one sweep, or in which matches are missing.
pub fn merge(shards: &[PathBuf], target: &Path, watch: &dyn Watch) -> Result<SweepReport, RunError> {
    let (folder, begun) = gather(shards, target)?;
    let options: Options = serde_json::from_value(begun.options.clone())
        .map_err(|error| RunError::Output(format!("{}: {error}", shards[0].display())))?;
    let mut prepared = prepare(&options.request(folder.path())?)?;
    let (played, matches) = replay(&prepared.plan, &mut prepared.cross, (folder.path(), &begun), watch)?;
    let report = SweepReport::of(&prepared, &played, Some(target), matches.told().to_vec())?;
    tabulate(&matches, &prepared, &report, None)?;
    drop(matches);
    folder.put()?;
    Ok(report)
}

/// Writes everything that is made of the worlds; says whether it is all there, for recording may end early.
fn tabulate(
    folder: &MatchFolder,
    prepared: &Prepared,
    report: &SweepReport,
    recorded: Option<Recorded<'_>>,
) -> Result<bool, RunError> {
    let text = json(&SweepReport { out: None, notes: Vec::new(), ..report.clone() })?;
    let (pairings, tables) = (&prepared.cross.pairings, vec![report.table()]);
    let made = Made { pairings, complete: report.complete, files: &[(FILE, text)], tables, recorded };
    folder.tabulate(&prepared.plan, made)
}

fn prepare(request: &Request) -> Result<Prepared, RunError> {
    let mut sweep = Sweep::read(request)?;
    sweep.seed = request.seed.unwrap_or(sweep.seed);
    sweep.steps = request.steps.or(sweep.steps);
    if let Some(replicates) = request.replicates {
        sweep.replicates = Replicates { at_least: replicates, at_most: None, width: None };
    }
    let base = RunRequest {
        scenario: sweep.scenario.clone(),
        sets: request.sets.clone(),
        data: request.data.clone(),
        scripts: request.scripts.iter().chain(&sweep.scripts).cloned().collect(),
        steps: sweep.steps,
        host: request.host,
        ..RunRequest::default()
    };
    let loaded = load(&base)?;
    let outcome = outcome(&sweep, &loaded)?;
    sweep.outcome = Some(outcome.clone());
    let (points, scheme) = points(&sweep)?;
    let pairing = |point: &Point| {
        let mut request = base.clone();
        request.sets.extend(point.sets());
        Pairing {
            labels: point.values().iter().map(|(_, value)| value.trim_matches('"').to_owned()).collect(),
            request,
            payoffs: vec![Payoff::Figures(outcome.clone()), Payoff::Figures(sweep.loss.clone())],
            // All points meet the same weather.
            environment: String::new(),
        }
    };
    let pairings: Vec<Pairing> = points.iter().map(pairing).collect();
    check(&pairings)?;
    let sets = points.iter().flat_map(Point::sets).collect();
    let plan = Plan {
        kind: KIND,
        name: sweep.name.clone(),
        asked: sweep.text.clone(),
        options: serde_json::to_value(Options::of(request.clone())).map_err(|e| RunError::Output(e.to_string()))?,
        digest: digest(&sweep, request, &loaded, (&points, &outside(&base, sets)?)),
        axes: axes(&points),
        payoffs: vec![
            ("swept_for".to_owned(), format!("What is swept for: {outcome}.")),
            ("loss".to_owned(), format!("What counts as loss: {}.", sweep.loss)),
        ],
        figures: loaded.outcomes().to_vec(),
        seed: sweep.seed,
        command: command::sweep(request),
        shard: request.how.shard,
    };
    let cross = Cross { pairings, replicates: sweep.replicates };
    let settlement = loaded.scenario().settlement.clone();
    Ok(Prepared { plan, cross, sweep, points, scheme, settlement })
}

/// What is swept for: what was asked, or what an attacker gains, or how solvent the protocol is.
fn outcome(sweep: &Sweep, loaded: &Loaded) -> Result<String, LoadError> {
    let given = sweep.outcome.clone();
    let outcome =
        given.unwrap_or_else(|| if loaded.has_attackers() { "attacker_profit" } else { "solvency" }.to_owned());
    let values = loaded.outcomes().iter().map(|outcome| (outcome.name.clone(), 1.0)).collect();
    for (option, text) in [("outcome", &outcome), ("loss", &sweep.loss)] {
        palisade_agents::evaluate(text, &values)
            .map_err(|message| LoadError::Usage(format!("--{option} {text:?}: {message}")))?;
    }
    Ok(outcome)
}

/// The points, and the scheme they follow where indices are asked for.
fn points(sweep: &Sweep) -> Result<(Vec<Point>, Option<Saltelli>), LoadError> {
    if let Some(points) = &sweep.points {
        return Ok((points.clone(), None));
    }
    if matches!(sweep.method, Method::Latin { points: 0 } | Method::Sobol { points: 0 }) {
        return Err(LoadError::Usage("a sweep of no points: expected 1 at least".into()));
    }
    let space = Space::new(sweep.vary.clone())?;
    let count = space.axes().len();
    let (coordinates, scheme) = match sweep.method {
        Method::Grid => return Ok((grid(&space, MOST)?, None)),
        Method::Latin { points } => (latin(points, count, sweep.seed), None),
        Method::Sobol { points } => (sobol(points, count, Scramble::Owen(sweep.seed))?, None),
        Method::Indices { rows } => {
            let scheme = Saltelli::new(rows, count)?;
            (scheme.points(Scramble::Owen(sweep.seed))?, Some(scheme))
        }
    };
    Ok((coordinates.iter().map(|coordinates| space.at(coordinates)).collect(), scheme))
}

/// The ends of a sweep are loaded before anything is played, so that a wrong path or value is found at once.
fn check(pairings: &[Pairing]) -> Result<(), LoadError> {
    let ends = [pairings.first(), pairings.last()];
    ends.into_iter().flatten().try_for_each(|pairing| load(&pairing.request).map(drop))
}

/// A column for each path, of numbers where all values are.
fn axes(points: &[Point]) -> Vec<Axis> {
    let Some(first) = points.first() else { return Vec::new() };
    let is_number = |place: usize| points.iter().all(|point| point.values()[place].1.parse::<f64>().is_ok());
    let paths = first.values().iter().enumerate();
    paths.map(|(place, (path, _))| Axis { name: path.clone(), is_number: is_number(place) }).collect()
}

fn digest(sweep: &Sweep, request: &Request, loaded: &Loaded, (points, outside): (&[Point], &[String])) -> [u8; 32] {
    let words = [
        "palisade sweep 1".to_owned(),
        env!("CARGO_PKG_VERSION").to_owned(),
        loaded.scenario_hash().to_owned(),
        loaded.scripts_hash().to_owned(),
        format!("{} {:?} {:?} {:?} {}", sweep.seed, sweep.steps, sweep.replicates, sweep.outcome, sweep.loss),
    ];
    let sets = request.sets.iter().map(ToString::to_string);
    let keys = points.iter().map(|point| point.key().to_owned());
    matches::digest(words.into_iter().chain(sets).chain(outside.iter().cloned()).chain(keys))
}
