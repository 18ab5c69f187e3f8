//! What a hunt found, so that anybody can check it anywhere: the scenario by name and digest, the attackers' scripts, every
//! change of the scenario, the seeds, and what the plan brings in each world to the unit. Nothing of the machine that found
//! it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::field::{Field, Taking};
use super::{Hunt, Hunter, losses};
use crate::folder::write_new;
use crate::load::{LoadError, Loaded, RunRequest, load};
use crate::run::{RunError, Watch};
use crate::session::STACK;

/// The format of certificates that this version writes and reads.
const FORMAT: u32 = 1;
/// The key by which a file is known as a certificate.
const KEY: &str = "palisade_certificate";

/// A plan, and what it brings in every world.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// The format.
    pub palisade_certificate: u32,
    /// Version of the program that wrote it.
    pub version: String,
    /// The scenario, as the hunt was asked for it: a file, or the name of one that travels with the program.
    pub scenario: PathBuf,
    /// The scenario's own name.
    pub name: String,
    /// The digest of the scenario with every change.
    pub scenario_hash: String,
    /// The strategies that attackers play.
    pub scripts: Vec<Script>,
    /// Scripts that do not come with the program: their paths within a folder of scripts, and their texts.
    pub texts: Vec<(String, String)>,
    /// Every change of the scenario, as `--set` takes it.
    pub set: Vec<String>,
    /// Files behind the scenario's data names, as `--data` takes them.
    pub data: Vec<(String, PathBuf)>,
    /// Steps of each world, unless the scenario's clock decides.
    pub steps: Option<u64>,
    /// The plan: the value of each parameter that was searched.
    pub parameters: BTreeMap<String, f64>,
    /// The settlement asset.
    pub settlement: String,
    /// Smallest units in a coin of it.
    pub unit: f64,
    /// What capital costs, as a share of it a year.
    pub capital_cost: f64,
    /// Whether the interval of the mean profit lies above 0.
    pub found: bool,
    /// The mean profit of the worlds, in smallest units, rounded down.
    pub expected_profit: i64,
    /// Its interval, in coins.
    pub interval: Option<(f64, f64)>,
    /// What the plan brings in each world.
    pub worlds: Vec<World>,
    /// Plans looked at.
    pub evaluations: u32,
    /// The seeds on which it was found, which are others.
    pub found_on: Vec<u64>,
    /// The command that plays these worlds.
    pub command: String,
}

/// A strategy that an attacker plays.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// The cohort.
    pub cohort: String,
    /// The strategy's name.
    pub strategy: String,
    /// The digest of its text.
    pub hash: String,
}

/// What a plan brings in one world, in the settlement asset's smallest unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct World {
    /// The seed.
    pub seed: u64,
    /// The attackers' profit, net of everything.
    pub profit: i64,
    /// The most that they had put in.
    pub outlay: i64,
    /// What everyone else lost beyond the paired world without them.
    pub loss_caused: i64,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}", path.display())]
pub struct CertificateError {
    path: PathBuf,
    what: String,
}

/// A certificate against what its worlds bring.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Checked {
    /// The scenario's name.
    pub scenario: String,
    /// Version of the program that wrote the certificate.
    pub written_by: String,
    /// Whether everything is as it says.
    pub ok: bool,
    /// What is another than it says, so that no world was played.
    pub changed: Vec<String>,
    /// The settlement asset.
    pub settlement: String,
    /// Smallest units in a coin of it.
    pub unit: f64,
    /// The mean profit that it states, in smallest units.
    pub expected_profit: i64,
    /// The mean profit found.
    pub found_profit: Option<i64>,
    /// World by world.
    pub worlds: Vec<Compared>,
    /// Whether worlds are missing because the check was ended early.
    pub interrupted: bool,
}

/// One world of a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Compared {
    /// What it states.
    pub expected: World,
    /// What was found; none where the plan cannot be played.
    pub found: Option<World>,
    /// Whether they are the same.
    pub ok: bool,
}

impl Certificate {
    /// The certificate of a hunt's best plan, with what others lost by it in each world.
    pub(super) fn of(hunter: &Hunter<'_>, hunt: &Hunt, losses: &[f64]) -> Result<Self, RunError> {
        let plan = &hunt.best.plan;
        let request = hunter.field.with(&hunter.space.sets(plan, 1.0)?);
        let loaded = load(&request)?;
        let names = hunt.searched.iter().map(|variable| variable.name.clone());
        let cohorts = hunt.attackers.iter().map(|attacker| (&attacker.cohort, &attacker.strategy));
        let scripts = cohorts.map(|(cohort, strategy)| script(&loaded, cohort, strategy)).collect::<Result<_, _>>()?;
        Ok(Self {
            palisade_certificate: FORMAT,
            version: hunt.version.clone(),
            scenario: request.scenario.clone(),
            name: hunt.scenario.clone(),
            scenario_hash: loaded.scenario_hash().to_owned(),
            scripts,
            texts: loaded.library().own().map_err(|problem| LoadError::Script(vec![problem]))?,
            set: request.sets.iter().map(ToString::to_string).collect(),
            data: request.data.clone(),
            steps: request.steps,
            parameters: names.zip(plan.iter().copied()).collect(),
            settlement: hunt.settlement.clone(),
            unit: hunt.unit,
            capital_cost: hunt.capital_cost,
            found: hunt.found,
            expected_profit: mean_of(hunt.best.worlds.iter().map(|world| world.profit)),
            interval: hunt.best.interval,
            worlds: worlds(&hunt.best.worlds, losses, hunt.unit),
            evaluations: hunt.evaluations,
            found_on: hunt.seeds.clone(),
            command: hunt.command.clone(),
        })
    }

    /// Reads a certificate; `None` where the file is none, or is not there.
    ///
    /// # Errors
    /// A certificate that cannot be read, or is of another format.
    pub fn open(path: &Path) -> Result<Option<Self>, CertificateError> {
        let Ok(text) = fs::read_to_string(path) else { return Ok(None) };
        if !(text.trim_start().starts_with('{') && text.contains(&format!("\"{KEY}\""))) {
            return Ok(None);
        }
        let wrong = |what: String| CertificateError { path: path.to_owned(), what };
        let value: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| wrong(format!("is no whole certificate: {error}")))?;
        if value[KEY] != FORMAT {
            return Err(wrong(format!("format {} is not known: this version reads format {FORMAT}", value[KEY])));
        }
        let found: Self =
            serde_json::from_value(value).map_err(|error| wrong(format!("is no whole certificate: {error}")))?;
        if found.worlds.is_empty() {
            return Err(wrong("has no worlds".into()));
        }
        Ok(Some(found))
    }

    /// Writes it into a file that does not exist.
    ///
    /// # Errors
    /// A file that is there already, or that cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), CertificateError> {
        let wrong = |what: String| CertificateError { path: path.to_owned(), what };
        let text = serde_json::to_string_pretty(self).map_err(|error| wrong(error.to_string()))? + "\n";
        write_new(path, text.as_bytes()).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => wrong("exists already, and is not written over".into()),
            _ => wrong(format!("cannot be written: {error}")),
        })
    }

    /// Plays every world again, on as many threads as the request has jobs, and compares to the unit.
    ///
    /// # Errors
    /// As for loading and running; a scenario or a data file that is gone.
    pub fn check(&self, asked: &RunRequest, watch: &dyn Watch) -> Result<Checked, RunError> {
        let request = self.request(asked)?;
        let loaded = load(&request)?;
        let mut checked = Checked {
            scenario: self.name.clone(),
            written_by: self.version.clone(),
            ok: false,
            changed: self.changes(&loaded)?,
            settlement: self.settlement.clone(),
            unit: self.unit,
            expected_profit: self.expected_profit,
            found_profit: None,
            worlds: Vec::new(),
            interrupted: false,
        };
        if !checked.changed.is_empty() {
            return Ok(checked);
        }
        match self.play((&loaded, &request), watch) {
            Ok(found) => {
                let compared = |(place, expected): (usize, &World)| {
                    let found = found.as_ref().and_then(|found| found.get(place)).copied();
                    Compared { expected: *expected, found, ok: found.as_ref() == Some(expected) }
                };
                checked.worlds = self.worlds.iter().enumerate().map(compared).collect();
                checked.found_profit = found.as_deref().map(|worlds| mean_of(worlds.iter().map(|world| world.profit)));
                checked.ok = checked.worlds.iter().all(|world| world.ok);
            }
            Err(RunError::Interrupted) => checked.interrupted = true,
            Err(error) => return Err(error),
        }
        Ok(checked)
    }

    /// The request that plays its plan, with jobs and containment of another. Its scripts are its own: folders that are
    /// given otherwise could hold others of the same name.
    fn request(&self, asked: &RunRequest) -> Result<RunRequest, LoadError> {
        let mut data = self.data.clone();
        data.retain(|(name, _)| !asked.data.iter().any(|(given, _)| given == name));
        data.extend(asked.data.iter().cloned());
        Ok(RunRequest {
            scenario: self.scenario.clone(),
            sets: self.set.iter().map(|set| set.parse()).collect::<Result<_, _>>()?,
            data,
            texts: self.texts.clone(),
            seed: self.worlds.first().map_or(asked.seed, |world| world.seed),
            steps: self.steps,
            jobs: asked.jobs,
            host: asked.host,
            ..RunRequest::default()
        })
    }

    /// What is another than it was when the certificate was written.
    fn changes(&self, loaded: &Loaded) -> Result<Vec<String>, LoadError> {
        let mut changed = Vec::new();
        if loaded.scenario_hash() != self.scenario_hash {
            changed.push(format!("the scenario {} is not the one that the certificate is of", self.scenario.display()));
        }
        for stated in &self.scripts {
            let found = script(loaded, &stated.cohort, &stated.strategy)?;
            if found.hash != stated.hash {
                changed.push(format!("the script of `{}` is not the one that the certificate is of", stated.strategy));
            }
        }
        if mean_of(self.worlds.iter().map(|world| world.profit)) != self.expected_profit {
            changed.push("the expected profit is not the mean of the certificate's own worlds".to_owned());
        }
        Ok(changed)
    }

    fn play(
        &self,
        (loaded, request): (&Loaded, &RunRequest),
        watch: &dyn Watch,
    ) -> Result<Option<Vec<World>>, RunError> {
        let field = Field { request, watch, capital_cost: self.capital_cost };
        let seeds: Vec<u64> = self.worlds.iter().map(|world| world.seed).collect();
        let threads = request.jobs.max(1);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).stack_size(STACK).build();
        let pool = pool.map_err(|error| LoadError::Usage(format!("cannot start {threads} threads: {error}")))?;
        let Some(takings) = pool.install(|| field.play_loaded((loaded, request), &seeds))? else { return Ok(None) };
        let losses = losses((request, &seeds), watch)?;
        if losses.len() < takings.len() {
            return Err(RunError::Interrupted);
        }
        Ok(Some(worlds(&takings, &losses, self.unit)))
    }
}

fn script(loaded: &Loaded, cohort: &str, strategy: &str) -> Result<Script, LoadError> {
    let found = loaded.library().get(strategy).map_err(|error| LoadError::Usage(error.to_string()))?;
    let hash = blake3::hash(found.text.as_bytes()).to_hex().to_string();
    Ok(Script { cohort: cohort.to_owned(), strategy: strategy.to_owned(), hash })
}

#[allow(clippy::cast_possible_truncation)]
fn worlds(takings: &[Taking], losses: &[f64], unit: f64) -> Vec<World> {
    let world = |(taking, loss): (&Taking, &f64)| World {
        seed: taking.seed,
        profit: taking.profit,
        outlay: taking.outlay,
        loss_caused: (loss * unit).round() as i64,
    };
    takings.iter().zip(losses).map(world).collect()
}

/// The mean of profits, rounded down.
fn mean_of(profits: impl ExactSizeIterator<Item = i64>) -> i64 {
    let count = i128::try_from(profits.len().max(1)).unwrap_or(1);
    i64::try_from(profits.map(i128::from).sum::<i128>().div_euclid(count)).unwrap_or(i64::MAX)
}
