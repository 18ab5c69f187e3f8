//! The processes that prices made outside the world follow, as scenarios write them, and the bounds of their figures.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::scenario::SetupError;
use crate::units::{Price, Span};

/// A price made outside the world, under `market.prices`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PriceBlock {
    /// The price at the start, in settlement coins; a replay starts at its own first price.
    #[schemars(with = "Price")]
    pub(super) start: f64,
    /// How it moves.
    pub(super) process: Process,
}

/// The largest drift and volatility, annualized.
const MAX_RATE: f64 = 100.0;
const MAX_JUMPS: f64 = 10_000.0;
/// The largest mean and deviation of a jump's logarithm.
const MAX_JUMP: f64 = 5.0;

/// How a price moves. Volatilities and drifts are annualized.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) enum Process {
    /// Not at all.
    Fixed,
    /// Geometric Brownian motion.
    Gbm {
        /// Expected growth of the price.
        #[schemars(range(min = -MAX_RATE, max = MAX_RATE))]
        drift: f64,
        /// Deviation of its logarithm.
        #[schemars(range(min = 0.0, max = MAX_RATE))]
        volatility: f64,
    },
    /// Geometric Brownian motion whose volatility switches between regimes.
    Regimes {
        /// Expected growth of the price.
        #[schemars(range(min = -MAX_RATE, max = MAX_RATE))]
        drift: f64,
        /// The regimes, one after the other and around again; the first one is that of the start.
        #[schemars(length(min = 1))]
        regimes: Vec<Regime>,
    },
    /// Geometric Brownian motion with jumps (Merton 1976).
    Merton {
        /// Expected growth of the price, jumps included.
        #[schemars(range(min = -MAX_RATE, max = MAX_RATE))]
        drift: f64,
        /// Deviation of its logarithm between jumps.
        #[schemars(range(min = 0.0, max = MAX_RATE))]
        volatility: f64,
        /// Expected number of jumps a day.
        #[schemars(range(min = 0.0, max = MAX_JUMPS))]
        jumps_per_day: f64,
        /// Mean of a jump's logarithm.
        #[schemars(range(min = -MAX_JUMP, max = MAX_JUMP))]
        jump_mean: f64,
        /// Deviation of a jump's logarithm.
        #[schemars(range(min = 0.0, max = MAX_JUMP))]
        jump_deviation: f64,
    },
    /// Along given points.
    Replay {
        /// The points, in rising order of time: straight lines between them, constant beyond.
        points: Vec<Point>,
    },
    /// Along the rows of a data file.
    Csv {
        /// Its name under `data`.
        data: String,
        /// The column of times: dates, or seconds.
        time: String,
        /// The column of prices.
        price: String,
    },
}

/// A regime of volatility, left for the next one (cyclically) after an exponential time.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Regime {
    /// Its volatility, annualized.
    #[schemars(range(min = 0.0, max = MAX_RATE))]
    pub(super) volatility: f64,
    /// Mean time until it is left.
    pub(super) mean_stay: Span,
}

/// A price at a time of a replay.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Point {
    /// Time since the start of the run.
    pub(super) at: Span,
    /// The price then, in settlement coins.
    #[schemars(with = "Price")]
    pub(super) price: f64,
}

/// Refuses figures outside their bounds, found at `path`.
pub(super) fn check_process(process: &Process, path: &str) -> Result<(), SetupError> {
    let in_range = |what: &str, value: f64, low: f64, high: f64| {
        if (low..=high).contains(&value) {
            Ok(())
        } else {
            Err(SetupError::value(
                format!("{path}.process"),
                format!("{what}: expected {low} to {high}, found {value}"),
            ))
        }
    };
    match process {
        Process::Gbm { drift, volatility } => {
            in_range("drift", *drift, -MAX_RATE, MAX_RATE)?;
            in_range("volatility", *volatility, 0.0, MAX_RATE)
        }
        Process::Regimes { drift, regimes } => {
            in_range("drift", *drift, -MAX_RATE, MAX_RATE)?;
            if regimes.is_empty() || regimes.iter().any(|regime| regime.mean_stay.0 == 0) {
                return Err(SetupError::value(
                    format!("{path}.process"),
                    "expected at least one regime, each with a mean_stay above zero",
                ));
            }
            regimes.iter().try_for_each(|regime| in_range("volatility", regime.volatility, 0.0, MAX_RATE))
        }
        Process::Merton { drift, volatility, jumps_per_day, jump_mean, jump_deviation } => {
            in_range("drift", *drift, -MAX_RATE, MAX_RATE)?;
            in_range("volatility", *volatility, 0.0, MAX_RATE)?;
            in_range("jumps_per_day", *jumps_per_day, 0.0, MAX_JUMPS)?;
            in_range("jump_mean", *jump_mean, -MAX_JUMP, MAX_JUMP)?;
            in_range("jump_deviation", *jump_deviation, 0.0, MAX_JUMP)
        }
        Process::Fixed | Process::Replay { .. } | Process::Csv { .. } => Ok(()),
    }
}
