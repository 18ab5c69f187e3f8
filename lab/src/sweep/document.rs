//! The file of a sweep, or what a command line says instead of one.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Request;
use crate::design::{Axis, Point};
use crate::load::LoadError;
use crate::matches::Replicates;
use crate::source::{Document, beside};

/// The version of sweep files that this program reads.
const FORMAT: u32 = 1;
const KEYS: [&str; 12] = [
    "sweep",
    "name",
    "summary",
    "scenario",
    "seed",
    "steps",
    "scripts",
    "vary",
    "method",
    "replicates",
    "outcome",
    "loss",
];
/// What counts as loss where nothing is said: what bankrupt accounts owe beyond their own margin.
const LOSS: &str = "deficits";

/// How points are chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub enum Method {
    /// Every value of an axis with every one of all others.
    #[default]
    Grid,
    /// A Latin hypercube: every stratum of every axis once.
    Latin {
        /// Points.
        points: usize,
    },
    /// A scrambled Sobol sequence.
    Sobol {
        /// Points.
        points: usize,
    },
    /// Points from which Sobol indices are told: (axes + 2) for each row.
    Indices {
        /// Rows of each sample, best a power of two.
        rows: usize,
    },
}

/// A sweep as its file or the command line says it.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// Its name.
    pub name: String,
    /// One line.
    pub summary: String,
    /// What is swept.
    pub scenario: PathBuf,
    /// The seed that all others are made of.
    pub seed: u64,
    /// Steps of each world, unless the scenario's clock decides.
    pub steps: Option<u64>,
    /// Folders and files of scripts.
    pub scripts: Vec<PathBuf>,
    /// What varies.
    pub vary: Vec<Axis>,
    /// How points are chosen.
    pub method: Method,
    /// The points themselves, where a table names them.
    pub points: Option<Vec<Point>>,
    /// How many worlds each point plays.
    pub replicates: Replicates,
    /// The figure that is told of.
    pub outcome: Option<String>,
    /// What counts as loss, of figures.
    pub loss: String,
    /// The text it was read from.
    pub(crate) text: String,
}

impl Sweep {
    /// What a request asks for.
    pub(super) fn read(request: &Request) -> Result<Self, LoadError> {
        let mut sweep = match std::fs::read_to_string(&request.file) {
            Ok(text) if is_sweep(&text) => Self::of_file(&request.file, &text)?,
            _ => Self::of_scenario(&request.file),
        };
        for axis in &request.vary {
            sweep.vary.push(axis.parse::<Axis>().map_err(|error| LoadError::Usage(format!("--vary {error}")))?);
        }
        sweep.method = request.method.unwrap_or(sweep.method);
        sweep.outcome = request.outcome.clone().or(sweep.outcome);
        sweep.loss = request.loss.clone().unwrap_or(sweep.loss);
        if let Some(design) = &request.design {
            if !sweep.vary.is_empty() {
                return Err(LoadError::Usage("--design names the points itself: leave out --vary".into()));
            }
            sweep.points = Some(points_of(design)?);
        } else if sweep.vary.is_empty() {
            return Err(LoadError::Usage("nothing varies: say --vary PATH=FROM..TO, or name a --design".into()));
        }
        Ok(sweep)
    }

    fn of_scenario(scenario: &Path) -> Self {
        let name = scenario.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        Self {
            name,
            summary: String::new(),
            scenario: scenario.to_owned(),
            seed: 1,
            steps: None,
            scripts: Vec::new(),
            vary: Vec::new(),
            method: Method::Grid,
            points: None,
            replicates: Replicates::default(),
            outcome: None,
            loss: LOSS.to_owned(),
            text: String::new(),
        }
    }

    fn of_file(path: &Path, text: &str) -> Result<Self, LoadError> {
        let document = Document::from_text(&path.display().to_string(), text, &[])?;
        document.check_kind("sweep", FORMAT, &KEYS)?;
        let beside = |file: &str| beside(path.parent(), file);
        let axes: Vec<String> = document.parse("vary")?;
        let axis = |(place, text): (usize, &String)| {
            text.parse::<Axis>().map_err(|error| document.problem(&format!("vary.{place}"), error.to_string(), None))
        };
        let replicates: Replicates = document.optional("replicates")?.unwrap_or_default();
        if let Some((key, what)) = replicates.fault() {
            return Err(document.problem(&format!("replicates.{key}"), what, None).into());
        }
        Ok(Self {
            name: document.parse("name")?,
            summary: document.optional("summary")?.unwrap_or_default(),
            scenario: beside(&document.parse::<String>("scenario")?),
            seed: document.optional("seed")?.unwrap_or(1),
            steps: document.optional("steps")?,
            scripts: document
                .optional::<Vec<String>>("scripts")?
                .unwrap_or_default()
                .iter()
                .map(|path| beside(path))
                .collect(),
            vary: axes.iter().enumerate().map(axis).collect::<Result<_, _>>()?,
            method: document.optional("method")?.unwrap_or_default(),
            points: None,
            replicates,
            outcome: document.optional("outcome")?,
            loss: document.optional("loss")?.unwrap_or_else(|| LOSS.to_owned()),
            text: text.to_owned(),
        })
    }
}

/// Whether a text says that it is a sweep.
fn is_sweep(text: &str) -> bool {
    Document::from_text("", text, &[]).is_ok_and(|document| document.raw("sweep").is_some())
}

#[cfg(feature = "parquet")]
fn points_of(design: &Path) -> Result<Vec<Point>, LoadError> {
    super::file::points(design)
}

#[cfg(not(feature = "parquet"))]
fn points_of(_: &Path) -> Result<Vec<Point>, LoadError> {
    Err(LoadError::Usage("--design: this build reads no tables, it was made without the feature `parquet`".into()))
}
