//! Why a run came out as it did, in sentences with their steps: what enabled it, who did it, which layers paid. Everything
//! is read off the tables of a run directory; what would have stopped it is for runs with other parameters to say.

mod cause;
mod subject;

use serde::Serialize;

use crate::frames::{FramesError, Row, RunDir, whole};
use crate::words::time;

/// What to explain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Question {
    /// How the run came out as it did.
    Course,
    /// Who bore losses, account by account.
    Loss,
    /// What one agent did and what became of it.
    Agent(u32),
    /// One liquidation, by its place in the table.
    Liquidation(usize),
    /// One proposal, by its name or its place.
    Proposal(String),
}

/// An answer in sentences.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Explanation {
    /// What is explained.
    pub title: String,
    /// The world.
    pub seed: u64,
    /// Sentences, in the order in which they are read.
    pub sentences: Vec<Sentence>,
    /// What the tables do not hold and another run could.
    pub missing: Vec<String>,
}

/// One sentence.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Sentence {
    /// The step it is about, where it is about one.
    pub step: Option<u64>,
    /// Simulated time at the end of that step, in milliseconds.
    pub time_ms: Option<u64>,
    /// What it says.
    pub text: String,
}

/// A world of a run, to be asked.
struct Telling<'a> {
    run: &'a RunDir,
    /// Its place in the run.
    place: usize,
    /// Name of the settlement asset, and its smallest units in a coin.
    coin: String,
    scale: f64,
}

/// Explains a world of a run: that of `seed`, or the first.
///
/// # Errors
/// A seed, an agent, a liquidation or a proposal that is not there; a file that is damaged.
pub fn explain(run: &RunDir, seed: Option<u64>, question: &Question) -> Result<Explanation, FramesError> {
    let seeds = &run.manifest().seeds;
    let seed = seed.or_else(|| seeds.first().copied()).unwrap_or_default();
    let Some(place) = seeds.iter().position(|known| *known == seed) else {
        let known = seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        let help = Some(format!("the run has {known}"));
        return Err(FramesError::Unknown { what: "world of seed", name: seed.to_string(), help });
    };
    let coin = run.report()?.settlement;
    let telling = Telling { run, place, coin, scale: run.manifest().settlement_scale };
    let (title, sentences) = match question {
        Question::Course => (format!("{}, seed {seed}", run.manifest().scenario), telling.course()?),
        Question::Loss => ("Losses beyond margin, and who bore them".to_owned(), telling.losses()?),
        Question::Agent(agent) => telling.agent(*agent)?,
        Question::Liquidation(place) => telling.liquidation(*place)?,
        Question::Proposal(name) => telling.proposal(name)?,
    };
    let manifest = run.manifest();
    let mut missing = Vec::new();
    if manifest.record.contains("every=") {
        missing.push(format!(
            "Of the tables of every step, only some are recorded here (`{}`): first and highest mean those.",
            manifest.record
        ));
    }
    let wants_trades = matches!(question, Question::Course | Question::Agent(_) | Question::Liquidation(_));
    if wants_trades && !manifest.tables.contains_key("trades") {
        let again = format!("{} --out DIR --record tables=trades,positions", manifest.command);
        missing.push(format!("Who traded what is not recorded here: `{again}`"));
    }
    Ok(Explanation { title, seed, sentences, missing })
}

impl Telling<'_> {
    /// Rows of this world; `{}` stands for the condition on it.
    fn rows(&self, sql: &str) -> Result<Vec<Row>, FramesError> {
        // The first one alone: names behind it may hold anything.
        let sql = sql.replacen("{}", &format!("run = {}", self.place), 1);
        self.run.rows_of(&sql)
    }

    fn coins(&self, units: f64) -> String {
        format!("{} {}", crate::words::money(units / self.scale), self.coin)
    }

    fn money(&self, coins: f64) -> String {
        format!("{} {}", crate::words::money(coins), self.coin)
    }
}

/// A name as a literal of SQL.
fn literal(name: &str) -> String {
    format!("'{}'", name.replace('\'', "''"))
}

/// A sentence about the step of a row.
fn at(row: &Row, text: String) -> Sentence {
    Sentence { step: Some(whole(row, "step")), time_ms: Some(whole(row, "time_ms")), text }
}

/// A sentence about no step in particular.
fn said(text: String) -> Sentence {
    Sentence { step: None, time_ms: None, text }
}

impl Sentence {
    /// `step 42 (3m 30s)`, or nothing.
    #[must_use]
    pub fn when(&self) -> String {
        match (self.step, self.time_ms) {
            (Some(step), Some(millis)) => format!("step {step} ({})", time(millis)),
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests;
