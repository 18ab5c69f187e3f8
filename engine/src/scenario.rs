//! The typed scenario: what every run needs, and the text of each mechanism's own block. No files are read here.

use std::collections::BTreeMap;

use bevy_ecs::prelude::Resource;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::clock::Segment;
use crate::phase::LiquidationTiming;
use crate::population::{MAX_ACCOUNTS, MAX_AGENTS};
use crate::rule::Rule;
use crate::units::Span;

/// The scenario format this engine reads.
pub const FORMAT: u32 = 1;

/// What an agent is, which decides the actions it may take.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Holds positions.
    Trader,
    /// Reports prices to feeds.
    Oracle,
    /// Liquidates.
    Keeper,
    /// Trades price differences away.
    Arbitrageur,
    /// Puts tokens behind markets for a share of their fees.
    Staker,
    /// Votes on risk parameters.
    Voter,
    /// Stakes to propose blocks, and orders the actions in them.
    Validator,
    /// May veto proposals and stop markets.
    Guardian,
    /// Tries to take from the others.
    Attacker,
}

impl Role {
    /// Every role, with its name in scenarios.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::Trader, "trader"),
        (Self::Oracle, "oracle"),
        (Self::Keeper, "keeper"),
        (Self::Arbitrageur, "arbitrageur"),
        (Self::Staker, "staker"),
        (Self::Voter, "voter"),
        (Self::Validator, "validator"),
        (Self::Guardian, "guardian"),
        (Self::Attacker, "attacker"),
    ];

    /// Its name in scenarios and strategy cards.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(role, _)| *role == self).map_or("", |(_, name)| name)
    }
}

/// When things happen within a step.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Timing {
    /// When accounts are margined and liquidated.
    pub liquidation: LiquidationTiming,
}

/// The most digits after the point that an asset may have.
pub(crate) const MAX_DECIMALS: u8 = 18;

/// An asset.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AssetSpec {
    /// Digits after the point of the smallest unit.
    #[schemars(range(max = MAX_DECIMALS))]
    #[serde(default = "six")]
    pub decimals: u8,
}

fn six() -> u8 {
    6
}

/// An amount per agent, in whole coins.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
pub enum Amounts {
    /// The same for everyone.
    Fixed(#[schemars(range(min = 0.0))] f64),
    /// Uniform between two amounts, the lower one first.
    Uniform(#[schemars(range(min = 0.0))] f64, #[schemars(range(min = 0.0))] f64),
    /// Log-normal with a median and the deviation of the logarithm.
    LogNormal(#[schemars(range(min = 0.0))] f64, #[schemars(range(min = 0.0))] f64),
}

/// Agents that share a role, a strategy and a distribution of capital.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cohort {
    /// What they are.
    pub role: Role,
    /// The strategy's name in the script library: a file by its stem.
    pub strategy: String,
    /// How many.
    #[schemars(range(max = MAX_AGENTS))]
    pub count: u32,
    /// Margin accounts each.
    #[schemars(range(min = 1, max = MAX_ACCOUNTS))]
    #[serde(default = "one")]
    pub accounts: u8,
    /// What their wallets hold at the start, by asset.
    #[serde(default)]
    pub wallet: BTreeMap<String, Amounts>,
    /// Collateral on their first margin account at the start, in the settlement asset.
    #[serde(default)]
    pub margin: Option<Amounts>,
    /// What they have at stake at the start, in the asset of their vault: the one bound as `vault`, else the first.
    #[serde(default)]
    pub stake: Option<Amounts>,
    /// Strategy parameters that differ from the strategy's defaults.
    #[serde(default)]
    pub params: BTreeMap<String, f64>,
    /// Things of the protocol that the strategy's handles bind to, by parameter name; besides, `feed` for oracle nodes
    /// that report to one feed only, and `vault` for the one that `stake` goes to.
    #[serde(default)]
    pub bind: BTreeMap<String, String>,
    /// Time between a decision and its execution; for oracle nodes, the age of what they observe.
    #[serde(default)]
    pub latency: Span,
}

fn one() -> u8 {
    1
}

/// Columns of a data file, by header.
pub type DataTable = BTreeMap<String, Vec<f64>>;

/// A scenario, ready to build a simulation from.
#[derive(Resource, Clone, Debug, Default)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// The plan of steps.
    pub clock: Vec<Segment>,
    /// When things happen within a step.
    pub timing: Timing,
    /// Assets, in file order; ids are places in this list.
    pub assets: Vec<(String, AssetSpec)>,
    /// The asset that margin, fees and claims are settled in.
    pub settlement: String,
    /// Cohorts in file order, with the path of each.
    pub cohorts: Vec<(String, Cohort)>,
    /// The text of every mechanism's block, by path.
    pub blocks: BTreeMap<String, String>,
    /// Data files by name.
    pub data: BTreeMap<String, DataTable>,
    /// Rules beside those of the mechanisms.
    pub rules: Vec<Rule>,
    /// What scripts measure beside the mechanisms.
    pub measures: Measures,
}

/// Scripts that measure a world, by name: whoever decides for agents runs them too.
#[derive(Clone, Debug, Default)]
pub struct Measures {
    /// Columns of the table `world`.
    pub probes: Vec<(String, Measure)>,
    /// Figures of a whole run.
    pub outcomes: Vec<(String, Measure)>,
    /// What must hold after every step.
    pub invariants: Vec<(String, Measure)>,
}

/// A script that measures.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// The script: an expression of `world`, or statements that end with one.
    pub script: String,
    /// The unit of what it measures.
    #[serde(default)]
    pub unit: String,
    /// One line.
    #[serde(default)]
    pub doc: String,
}

/// Why a simulation cannot be built: always the scenario's fault, with the dotted path of the culprit.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A block is not what its mechanism expects.
    #[error("{path}: {error}")]
    Block {
        /// The block's path.
        path: String,
        /// Position within the block's text, and what was expected.
        error: Box<ron::error::SpannedError>,
    },
    /// A value makes no sense.
    #[error("{path}: {message}")]
    Value {
        /// The value's path.
        path: String,
        /// What is wrong, and what was expected.
        message: String,
    },
    /// A name refers to nothing.
    #[error("{path}: there is no {what} called `{name}`")]
    Name {
        /// The path of the value that holds the name.
        path: String,
        /// What was looked for.
        what: &'static str,
        /// The name.
        name: String,
        /// The names that exist.
        known: Vec<String>,
    },
}

impl SetupError {
    /// A value that makes no sense.
    #[must_use]
    pub fn value(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Value { path: path.into(), message: message.into() }
    }
}
