//! Two designs, or two settings of one, over the same seeds: the difference of every figure with its interval, and what the
//! second one costs in volume, open interest and fees.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::command;
use crate::folder::{NewFolder, json, read_json};
use crate::load::{LoadError, Loaded, RunRequest};
use crate::report::Report;
use crate::run::{RunError, Watch, run_worlds};
use crate::stats;
use crate::words::counted;

/// Names of the figures that say what a defence costs.
pub const COSTS: [&str; 3] = ["volume", "mean_open_interest", "fees"];

/// One side of a comparison.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Side {
    /// The scenario's name.
    pub scenario: String,
    /// What it sets, as `--set` takes it.
    pub set: Vec<String>,
    /// How long each of its worlds runs; not known of a comparison that an older version wrote.
    #[serde(default)]
    pub length: Option<Length>,
    /// The command that reproduces it.
    pub command: String,
}

/// How long a world runs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Length {
    /// In steps.
    pub steps: u64,
    /// In simulated time, such as `1h`.
    pub time: String,
}

/// Two designs over the same seeds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Comparison {
    /// Version of the program.
    pub version: String,
    /// The first design.
    pub a: Side,
    /// The second design.
    pub b: Side,
    /// Seeds that both played.
    pub seeds: Vec<u64>,
    /// The settlement asset of the first, in which coins are counted.
    pub settlement: String,
    /// Every figure that both have.
    pub rows: Vec<Difference>,
    /// Whether fewer worlds ran than were asked for.
    pub interrupted: bool,
    /// The command that reproduces it.
    pub command: String,
}

/// One figure of both designs.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Difference {
    /// Its name.
    pub name: String,
    /// Its unit; `flag` marks events, whose means are shares of worlds.
    pub unit: String,
    /// One line.
    pub doc: String,
    /// Worlds in which both have a finite value.
    pub n: u32,
    /// Its mean over these in the first design.
    #[serde(deserialize_with = "crate::report::number")]
    pub a: f64,
    /// And in the second.
    #[serde(deserialize_with = "crate::report::number")]
    pub b: f64,
    /// The mean of `b − a` of the same seed.
    #[serde(deserialize_with = "crate::report::number")]
    pub difference: f64,
    /// The 95 % interval of that mean over paired seeds, by Student's t, of flags by Newcombe's method; `null` below two
    /// worlds.
    pub interval: Option<(f64, f64)>,
    /// Worlds in which the two differ.
    pub differing: u32,
}

impl Difference {
    /// Whether the interval leaves out no difference at all. One without width says that all worlds agree, not how sure
    /// that is.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        self.interval.is_some_and(|(low, high)| low < high && (low > 0.0 || high < 0.0))
    }
}

/// The two requests of a comparison, with what they load.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    /// The first design.
    pub a: (&'a Loaded, &'a RunRequest),
    /// The second design.
    pub b: (&'a Loaded, &'a RunRequest),
}

impl Pair<'_> {
    /// Runs both over the seeds of the first, and writes both and the comparison into a folder where one is given.
    ///
    /// # Errors
    /// As for running; designs that settle in different assets; a folder that cannot be written.
    pub fn compare(&self, out: Option<&Path>, watch: &dyn Watch) -> Result<Comparison, RunError> {
        let (a, b) = (self.a.0.scenario(), self.b.0.scenario());
        if a.settlement != b.settlement {
            let text = format!(
                "`{}` settles in {}, `{}` in {}: their coins cannot be compared",
                a.name, a.settlement, b.name, b.settlement
            );
            return Err(LoadError::Usage(text).into());
        }
        let folder = out.map(NewFolder::create).transpose()?;
        let play = |(loaded, request): (&Loaded, &RunRequest), name: &str| {
            let out = folder.as_ref().map(|folder| folder.path().join(name));
            run_worlds(loaded, &RunRequest { out, ..request.clone() }, watch)
        };
        let (left, first) = play(self.a, "a")?;
        let (right, second) = play(self.b, "b")?;
        let comparison = self.of((&left, &first), (&right, &second));
        if let Some(folder) = folder {
            folder.write(FILE, &json(&comparison)?)?;
            folder.put()?;
        }
        Ok(comparison)
    }

    fn of(&self, a: (&Report, &[Vec<f64>]), b: (&Report, &[Vec<f64>])) -> Comparison {
        let worlds = a.1.len().min(b.1.len());
        let place = |loaded: &Loaded, name: &str| loaded.outcomes().iter().position(|outcome| outcome.name == name);
        let rows = self.a.0.outcomes().iter().enumerate().filter_map(|(left, outcome)| {
            let right = place(self.b.0, &outcome.name)?;
            let pairs: Vec<(f64, f64)> = (0..worlds)
                .map(|world| (a.1[world][left], b.1[world][right]))
                .filter(|(a, b)| a.is_finite() && b.is_finite())
                .collect();
            let mean = |pick: fn(&(f64, f64)) -> f64| stats::mean(&pairs.iter().map(pick).collect::<Vec<_>>());
            let differences: Vec<f64> = pairs.iter().map(|(a, b)| b - a).collect();
            Some(Difference {
                name: outcome.name.clone(),
                unit: outcome.unit.clone(),
                doc: outcome.doc.clone(),
                n: u32::try_from(pairs.len()).unwrap_or(u32::MAX),
                a: mean(|pair| pair.0),
                b: mean(|pair| pair.1),
                difference: stats::mean(&differences),
                interval: match outcome.unit.as_str() {
                    "flag" => stats::flag_interval(&pairs),
                    _ => stats::mean_interval(&differences),
                },
                differing: u32::try_from(differences.iter().filter(|d| **d != 0.0).count()).unwrap_or(u32::MAX),
            })
        });
        let side = |report: &Report, request: &RunRequest| Side {
            scenario: report.scenario.clone(),
            set: request.sets.iter().map(ToString::to_string).collect(),
            length: Some(Length { steps: report.steps, time: report.time.clone() }),
            command: report.command.clone(),
        };
        Comparison {
            version: a.0.version.clone(),
            a: side(a.0, self.a.1),
            b: side(b.0, self.b.1),
            seeds: a.0.seeds[..worlds].to_vec(),
            settlement: a.0.settlement.clone(),
            rows: rows.collect(),
            interrupted: a.0.interrupted || b.0.interrupted,
            command: command::compare(self.a.1, self.b.1, worlds),
        }
    }
}

/// The file of a comparison beside its two runs.
const FILE: &str = "comparison.json";

impl Comparison {
    /// Reads a comparison back; `None` when the folder holds none.
    ///
    /// # Errors
    /// A comparison that cannot be read.
    pub fn open(folder: &Path) -> Result<Option<Self>, String> {
        read_json(&folder.join(FILE))
    }

    /// A sentence about designs that do not run equally long: what adds up over time differs for that alone.
    #[must_use]
    pub fn uneven(&self) -> Option<String> {
        let (a, b) = (self.a.length.as_ref()?, self.b.length.as_ref()?);
        let told = |length: &Length| format!("{} in {}", length.time, counted(length.steps, "step"));
        (a != b).then(|| {
            format!(
                "A runs {} and B {}: sums over time, such as volume and fees, differ for that alone",
                told(a),
                told(b)
            )
        })
    }

    /// The row of a figure.
    #[must_use]
    pub fn row(&self, name: &str) -> Option<&Difference> {
        self.rows.iter().find(|row| row.name == name)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::load::load;
    use crate::sample::{self, Onlooker};

    fn with(request: &RunRequest, set: &str) -> RunRequest {
        RunRequest { sets: vec![set.parse().unwrap()], ..request.clone() }
    }

    #[test]
    fn a_design_compared_with_itself_differs_in_nothing() {
        let (_folder, request) = sample::attacked();
        let request = RunRequest { seeds: 3, jobs: 2, ..request };
        let loaded = load(&request).unwrap();
        let pair = Pair { a: (&loaded, &request), b: (&loaded, &request) };
        let found = pair.compare(None, &Onlooker::default()).unwrap();
        assert_eq!((found.seeds.as_slice(), found.interrupted), (&[1, 2, 3][..], false));
        assert!(found.rows.len() > 40);
        for row in found.rows.iter().filter(|row| row.n > 0) {
            // Of flags, no difference in three worlds leaves room for one.
            let (low, high) = row.interval.unwrap();
            let around = if row.unit == "flag" { low < 0.0 && high > 0.0 } else { (low, high) == (0.0, 0.0) };
            assert!(row.difference == 0.0 && row.differing == 0 && around && !row.is_certain(), "{row:?}");
        }
    }

    /// Kills a look at steps alone, and one at time alone.
    #[test]
    fn designs_that_do_not_run_equally_long_are_said_to() {
        let (_folder, request) = sample::calm(&[]);
        let request = RunRequest { seeds: 1, ..request };
        let of = |clock: &str| {
            let changed = with(&request, &format!("clock={clock}"));
            let (a, b) = (load(&request).unwrap(), load(&changed).unwrap());
            Pair { a: (&a, &request), b: (&b, &changed) }.compare(None, &Onlooker::default()).unwrap()
        };
        assert_eq!(of("[(for: \"1m\", dt: \"1s\"), (for: \"1m\", dt: \"1s\")]").uneven(), None);
        let sums = "sums over time, such as volume and fees, differ for that alone";
        let coarse = of("[(for: \"2m\", dt: \"2s\")]").uneven();
        assert_eq!(coarse, Some(format!("A runs 2m in 120 steps and B 2m in 60 steps: {sums}")));
        let found = of("[(for: \"4m\", dt: \"2s\")]");
        assert_eq!(found.uneven(), Some(format!("A runs 2m in 120 steps and B 4m in 120 steps: {sums}")));
        let mut older = serde_json::to_value(&found).unwrap();
        older["a"].as_object_mut().unwrap().remove("length");
        assert_eq!(serde_json::from_value::<Comparison>(older).unwrap().uneven(), None);
    }

    /// What a fee of ten times costs, and the interval by hand: mean ± t · s / √n with t = 4.302653 for two degrees of
    /// freedom.
    #[test]
    fn differences_are_of_paired_seeds_and_written_with_their_runs() {
        let (folder, request) = sample::attacked();
        let request = RunRequest { seeds: 3, jobs: 2, ..request };
        let changed = with(&request, "protocol.markets.THIN-PERP.fee=0.01");
        let (a, b) = (load(&request).unwrap(), load(&changed).unwrap());
        let pair = Pair { a: (&a, &request), b: (&b, &changed) };
        let out = folder.path().join("compared");
        let found = pair.compare(Some(&out), &Onlooker::default()).unwrap();
        let fees = found.row("fees").unwrap();
        assert!(
            fees.difference > 0.0 && fees.is_certain() && (fees.b - fees.a - fees.difference).abs() < 1e-6,
            "{fees:?}"
        );
        let value = |loaded: &Loaded, request: &RunRequest, seed: u64| {
            let request = RunRequest { seed, seeds: 1, ..request.clone() };
            let report = crate::run::run(loaded, &request, &Onlooker::default()).unwrap();
            report.outcomes.iter().find(|outcome| outcome.name == "fees").unwrap().first
        };
        let d: Vec<f64> = [1, 2, 3].map(|seed| value(&b, &changed, seed) - value(&a, &request, seed)).into();
        let mean = (d[0] + d[1] + d[2]) / 3.0;
        let s = (d.iter().map(|d| (d - mean) * (d - mean)).sum::<f64>() / 2.0).sqrt();
        let half = 4.302_652_729_911_275 * s / 3f64.sqrt();
        let (low, high) = fees.interval.unwrap();
        assert!((low - (mean - half)).abs() < 1e-6 * half && (high - (mean + half)).abs() < 1e-6 * half, "{fees:?}");
        let read = Comparison::open(&out).unwrap().unwrap();
        assert_eq!(read.row("fees"), found.row("fees"));
        assert_eq!(read.b.set, ["protocol.markets.THIN-PERP.fee=0.01"]);
        assert!(["a", "b"].iter().all(|side| out.join(side).join("manifest.json").is_file()));
        assert!(Comparison::open(&out.join("a")).unwrap().is_none());
        assert!(pair.compare(Some(&out), &Onlooker::default()).is_err(), "nothing is written over");
    }
}
