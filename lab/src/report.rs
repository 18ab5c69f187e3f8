//! What a run reports, exactly as `--json` prints it. Figures that are no finite number become `null`.

use serde::{Deserialize, Deserializer, Serialize};

/// What is no finite number is `null` in JSON.
pub(crate) fn number<'de, D: Deserializer<'de>>(source: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(source)?.unwrap_or(f64::NAN))
}

/// A run over one seed or more.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The scenario's name.
    pub scenario: String,
    /// The scenario's summary.
    pub summary: String,
    /// What came out, in a sentence or two.
    pub verdict: String,
    /// Version of the program.
    pub version: String,
    /// Digest of the composed scenario and its data files.
    pub scenario_hash: String,
    /// Digest of the script library.
    pub scripts_hash: String,
    /// The command that reproduces these figures.
    pub command: String,
    /// The seeds of the finished worlds, in order.
    pub seeds: Vec<u64>,
    /// Finished worlds.
    pub worlds: u32,
    /// Whether fewer worlds ran than were asked for.
    pub interrupted: bool,
    /// Steps of each world.
    pub steps: u64,
    /// Simulated time of each world, such as `1h`.
    pub time: String,
    /// Name of the settlement asset, in which all coins are counted.
    pub settlement: String,
    /// Details of the first seed.
    pub first: World,
    /// Figures of the run, by name.
    pub outcomes: Vec<OutcomeRow>,
    /// How often the condition of `--fail-if` held.
    pub fail_if: Option<FailIf>,
    /// The run directory that was written.
    pub out: Option<String>,
}

/// Details of one world.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct World {
    /// Its seed.
    pub seed: u64,
    /// Key moments in order of time.
    pub story: Vec<StoryLine>,
    /// Who gained and who lost.
    pub groups: Vec<GroupRow>,
    /// Who paid whom, between different groups.
    pub flows: Vec<FlowRow>,
    /// Actions that were refused.
    pub refusals: Vec<RefusalRow>,
    /// Strategies that failed.
    pub faults: Faults,
    /// The attack, when the scenario has attackers.
    pub attack: Option<Attack>,
    /// Whether claims are covered, and who bore losses.
    pub solvency: Solvency,
}

/// One key moment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StoryLine {
    /// Simulated time in milliseconds.
    pub time_ms: u64,
    /// What happened.
    pub text: String,
}

/// What a group was worth, in settlement coins at market prices.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GroupRow {
    /// The group's name: a cohort or a party of the protocol.
    pub group: String,
    /// A cohort's role, or `pool`, `insurance`, `depositors`, `liquidity`, `outside`.
    pub role: String,
    /// Worth before the first step.
    #[serde(deserialize_with = "number")]
    pub start: f64,
    /// Worth after the last step.
    #[serde(deserialize_with = "number")]
    pub end: f64,
    /// `end − start`.
    #[serde(deserialize_with = "number")]
    pub change: f64,
    /// The change in the paired world without attackers.
    pub without_attack: Option<f64>,
    /// `change − without_attack`.
    pub caused: Option<f64>,
}

/// What one group paid another.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FlowRow {
    /// The group that paid.
    pub from: String,
    /// The group that received.
    pub to: String,
    /// Why.
    pub reason: String,
    /// In which asset.
    pub asset: String,
    /// How much, in coins of that asset.
    #[serde(deserialize_with = "number")]
    pub amount: f64,
}

/// Refused actions of one kind.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RefusalRow {
    /// Who asked.
    pub cohort: String,
    /// For what.
    pub action: String,
    /// Why it was refused.
    pub reason: String,
    /// How often.
    pub count: u64,
}

/// Strategies that failed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Faults {
    /// All faults.
    pub count: u64,
    /// The places they happened at, most frequent first.
    pub places: Vec<FaultPlace>,
    /// Cohorts that are no longer asked because they kept failing.
    pub benched: Vec<String>,
}

/// Faults of one place.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FaultPlace {
    /// `file:line:column`.
    pub place: String,
    /// The first message from there.
    pub message: String,
    /// How often.
    pub count: u64,
}

/// What attackers put in, got out and caused, in settlement coins.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Attack {
    /// The most they had put in at any moment.
    #[serde(deserialize_with = "number")]
    pub outlay: f64,
    /// What came back to their wallets after that moment.
    #[serde(deserialize_with = "number")]
    pub gross: f64,
    /// Wallets at the end minus wallets and margin at the start.
    #[serde(deserialize_with = "number")]
    pub net: f64,
    /// Taken out of margin accounts, what was borrowed included.
    #[serde(deserialize_with = "number")]
    pub withdrawn: f64,
    /// Largest unrealized profit.
    #[serde(deserialize_with = "number")]
    pub peak_paper_profit: f64,
    /// What everyone else lost beyond the paired world without attackers.
    #[serde(deserialize_with = "number")]
    pub loss_caused: f64,
}

/// Whether claims are covered, and who bore losses, in settlement coins.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Solvency {
    /// Assets of the protocol minus all claims on it.
    #[serde(deserialize_with = "number")]
    pub assets_minus_claims: f64,
    /// Whether that is negative.
    pub insolvent: bool,
    /// Losses of bankrupt accounts beyond their own margin.
    #[serde(deserialize_with = "number")]
    pub deficits: f64,
    /// Borne by the insurance fund.
    #[serde(deserialize_with = "number")]
    pub insurance_paid: f64,
    /// Raised by cutting stake.
    #[serde(deserialize_with = "number")]
    pub stake_paid: f64,
    /// Given up by winners.
    #[serde(deserialize_with = "number")]
    pub deleveraged: f64,
    /// Borne by depositors and solvent accounts.
    #[serde(deserialize_with = "number")]
    pub socialized: f64,
    /// Covered by nobody.
    #[serde(deserialize_with = "number")]
    pub written_off: f64,
}

/// One figure of the run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OutcomeRow {
    /// Its name in `--fail-if` and expectations.
    pub name: String,
    /// Its unit; `flag` marks events.
    pub unit: String,
    /// One line.
    pub doc: String,
    /// Its value in the first world.
    #[serde(deserialize_with = "number")]
    pub first: f64,
    /// Over all worlds, when there are several.
    pub stats: Option<Stats>,
}

/// Statistics over worlds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stats {
    /// Worlds with a finite value.
    pub n: u32,
    /// Mean.
    #[serde(deserialize_with = "number")]
    pub mean: f64,
    /// Median.
    #[serde(deserialize_with = "number")]
    pub p50: f64,
    /// 95 % quantile; `null` when there are too few worlds.
    #[serde(deserialize_with = "number")]
    pub p95: f64,
    /// 99 % quantile, when there are enough worlds.
    pub p99: Option<f64>,
    /// Mean of the values at or above the 95 % quantile, when there are enough worlds.
    pub expected_shortfall_95: Option<f64>,
    /// For flags: how often.
    pub probability: Option<Proportion>,
    /// What is left out for want of worlds.
    pub too_few: Option<String>,
}

/// A share of worlds with its 95 % Wilson interval.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Proportion {
    /// Worlds in which it happened.
    pub events: u32,
    /// Share of worlds.
    #[serde(deserialize_with = "number")]
    pub p: f64,
    /// Lower bound.
    #[serde(deserialize_with = "number")]
    pub low: f64,
    /// Upper bound.
    #[serde(deserialize_with = "number")]
    pub high: f64,
}

/// How often the condition of `--fail-if` held.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FailIf {
    /// The condition.
    pub expression: String,
    /// In how many worlds it held.
    pub hits: u32,
    /// The first seed with which it held.
    pub first_seed: Option<u64>,
}
