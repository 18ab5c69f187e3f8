//! Many worlds with a name each: the matches of a tournament, the points of a sweep. A schedule says round by round which
//! are to be played; they are played on all cores, written to journals as they end, and put into tables in an order
//! that depends on neither threads nor interruptions.

mod cross;
mod disk;
mod folder;
mod isolate;
mod journal;
mod play;
mod player;
mod record;
mod table;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub(crate) use self::cross::Cross;
pub use self::cross::Replicates;
pub(crate) use self::folder::gather;
pub use self::folder::{Begun, MatchFolder};
pub use self::isolate::{IsolateError, Isolation, serve};
pub(crate) use self::play::{Axis, Plan, Played, carry_out, replay};
pub(crate) use self::record::Recorded;
pub(crate) use self::table::Made;
use crate::load::RunRequest;
use crate::recording::Recording;
use crate::run::Watch;

/// What a verdict says of results that are not whole.
pub(crate) fn part_of(shard: Option<(u32, u32)>, is_complete: bool) -> String {
    match (shard, is_complete) {
        (Some((part, of)), _) => format!(" This is shard {part} of {of} alone: `palisade merge` brings them together."),
        (None, false) => " Not complete: the same command with --resume goes on.".to_owned(),
        (None, true) => String::new(),
    }
}

/// What is told when matches are all there, and their full tables are not.
pub(crate) const RECORDING_INTERRUPTED: &str = "recording was interrupted: every match is kept, the full tables are not; the same command with --resume writes them";

/// How and where matches are played.
#[derive(Clone, Debug, Default)]
pub struct How {
    /// The folder to write.
    pub out: Option<PathBuf>,
    /// Whether to go on with what is there.
    pub goes_on: bool,
    /// The part to play: which, from 1, of how many.
    pub shard: Option<(u32, u32)>,
    /// Matches at the same time.
    pub jobs: usize,
    /// Whether full tables of all matches are written too, and what of them.
    pub record: Option<Recording>,
    /// Whether matches are played by processes of their own, and how these are held.
    pub isolation: Option<Isolation>,
}

impl How {
    /// How matches are recorded in full, where they are.
    pub(crate) fn recorded<'a>(&self, watch: &'a dyn Watch) -> Option<Recorded<'a>> {
        self.record.map(|recording| Recorded { recording, jobs: self.jobs, watch })
    }
}

/// What worlds are made of: one of everything that is crossed.
#[derive(Clone, Debug)]
pub(crate) struct Pairing {
    /// What was taken of each axis, in the order of [`Plan`]'s.
    pub(crate) labels: Vec<String>,
    /// What it is run by.
    pub(crate) request: RunRequest,
    /// What it is worth to whom, in the order of [`Plan`]'s.
    pub(crate) payoffs: Vec<Payoff>,
    /// The labels that seeds depend on: what all entrants meet alike.
    pub(crate) environment: String,
}

/// What a match is worth to a side.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Payoff {
    /// A number made of figures, such as `attacker_net` or `-loss_caused`.
    Figures(String),
    /// What the cohort at a path gained, per agent.
    Group(String),
    /// What a group gained, as a share of what it began with; NaN where it is empty.
    Return(String),
}

/// A match that is to be played.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// The round, from 0.
    pub(crate) round: u32,
    /// Which pairing, by its place.
    pub(crate) pairing: u32,
    /// Which of its worlds, from 0.
    pub(crate) replicate: u32,
}

/// How a match ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It was played to its end.
    Done,
    /// A strategy requires what the protocol has not got.
    NotApplicable,
    /// It could not be loaded, or broke a law of the world.
    Failed,
    /// The process that played it ended, or made no headway, at the same step each time.
    EngineFault,
}

impl Status {
    /// Its word in tables.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::NotApplicable => "not_applicable",
            Self::Failed => "failed",
            Self::EngineFault => "engine_fault",
        }
    }
}

/// A match that was played: a record of a journal.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) order: Order,
    pub(crate) seed: u64,
    pub(crate) status: Status,
    /// A value for each payoff; none of a match that was not played to its end.
    pub(crate) payoffs: Vec<f64>,
    /// A value for each figure of the scenario.
    pub(crate) figures: Vec<f64>,
    /// How often strategies failed.
    pub(crate) faults: u64,
    /// What was in the way, of matches that did not end well.
    pub(crate) message: String,
    /// How to see that again.
    pub(crate) command: String,
}

/// What a schedule needs of a match that was played.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Brief {
    pub(crate) replicate: u32,
    pub(crate) status: Status,
    pub(crate) payoffs: Vec<f64>,
    /// How often strategies failed.
    pub(crate) faults: u64,
    /// What was in the way, and the command that shows it.
    pub(crate) trouble: Option<Box<(String, String)>>,
}

impl Brief {
    fn of(entry: &Entry) -> Self {
        let Entry { order, status, payoffs, faults, message, command, .. } = entry;
        let trouble = (*status != Status::Done).then(|| Box::new((message.clone(), command.clone())));
        Self { replicate: order.replicate, status: *status, payoffs: payoffs.clone(), faults: *faults, trouble }
    }
}

/// All matches so far, by pairing, in the order of replicates.
#[derive(Clone, Debug, Default)]
pub(crate) struct Results(Vec<Vec<Brief>>);

impl Results {
    fn add(&mut self, pairing: u32, brief: Brief) {
        let place = pairing as usize;
        if self.0.len() <= place {
            self.0.resize_with(place + 1, Vec::new);
        }
        self.0[place].push(brief);
    }

    /// The matches of a pairing.
    pub(crate) fn of(&self, pairing: usize) -> &[Brief] {
        self.0.get(pairing).map_or(&[], Vec::as_slice)
    }

    /// The matches of a pairing that were played to their end.
    pub(crate) fn done(&self, pairing: usize) -> impl Iterator<Item = &Brief> + Clone {
        self.of(pairing).iter().filter(|brief| brief.status == Status::Done)
    }

    /// One payoff of these, where it has a value: a group that is empty has no return.
    pub(crate) fn payoffs(&self, pairing: usize, side: usize) -> Vec<f64> {
        let values = self.done(pairing).filter_map(|brief| brief.payoffs.get(side).copied());
        values.filter(|value| value.is_finite()).collect()
    }
}

/// Says what is to be played, from what was played alone: the same results give the same next round.
pub(crate) trait Schedule {
    /// All pairings so far.
    fn pairings(&self) -> &[Pairing];

    /// The matches of the next round, `round` from 0, rising; none when all is played. It may add pairings.
    fn next(&mut self, round: u32, results: &Results) -> Vec<Order>;

    /// The most matches that may still come, where that is known.
    fn most(&self) -> Option<u64>;

    /// Whether pairings can be played apart from each other, in shards.
    fn is_shardable(&self) -> bool;
}

/// A digest of words, none of which can pass for part of another.
pub(crate) fn digest(words: impl IntoIterator<Item = impl AsRef<str>>) -> journal::Key {
    let mut hasher = blake3::Hasher::new();
    for word in words {
        let word = word.as_ref();
        hasher.update(&(word.len() as u64).to_le_bytes());
        hasher.update(word.as_bytes());
    }
    *hasher.finalize().as_bytes()
}

/// The seed of a replicate in an environment: the same for all entrants, so that they meet the same weather.
pub(crate) fn seed(of_all: u64, environment: &str, replicate: u32) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"palisade match seed 1");
    hasher.update(&of_all.to_le_bytes());
    hasher.update(&replicate.to_le_bytes());
    hasher.update(environment.as_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    // What a float holds exactly, and every reader of a table.
    u64::from_le_bytes(bytes) >> 11
}

/// A key of a match that stays the same when others come or go.
pub(crate) fn key(axes: &[Axis], labels: &[String], replicate: u32) -> String {
    let mut hasher = blake3::Hasher::new();
    for word in axes.iter().map(|axis| &axis.name).chain(labels) {
        hasher.update(&(word.len() as u64).to_le_bytes());
        hasher.update(word.as_bytes());
    }
    hasher.update(&replicate.to_le_bytes());
    hasher.finalize().to_hex()[..16].to_owned()
}
