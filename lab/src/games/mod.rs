//! The mathematics of tournaments: what entrants earn against one another, which mixes of them are in equilibrium, which
//! survive selection, and how they rank. Plain values in, plain values out, the same bits for the same seed; no files, no
//! worlds, no tables. A method that needs every pairing refuses a game in which one was not played.

pub mod alpha_rank;
pub mod bradley_terry;
mod contest;
pub mod fixation;
mod linear;
pub mod matrix;
pub mod nash;
mod payoffs;
pub mod ratings;
pub mod replicator;
pub mod support;
#[cfg(test)]
mod vectors;

use serde::Serialize;
use thiserror::Error;

pub use contest::{Contest, Outcome};
pub use payoffs::Payoffs;

/// One of the two sides of a game.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Those who choose a row.
    Row,
    /// Those who choose a column.
    Column,
}

/// Why a game has no answer.
#[derive(Clone, PartialEq, Debug, Error)]
pub enum GameError {
    /// There is nobody on one side.
    #[error("a game needs at least one row and one column")]
    Empty,
    /// A list is not as long as it should be.
    #[error("{what}: expected {expected}, found {found}")]
    Length {
        /// What the list holds.
        what: &'static str,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A payoff is infinite or not a number.
    #[error("the payoff of row {row} against column {column} is not finite")]
    NotFinite {
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
    },
    /// A pairing was not played, or nothing is known of what it paid to one side.
    #[error("no payoffs to the {side:?} side of `{row}` against `{column}`")]
    Missing {
        /// The row's name.
        row: String,
        /// The column's name.
        column: String,
        /// Whose payoffs are asked for.
        side: Side,
    },
    /// A name occurs twice among the rows, or among the columns.
    #[error("`{0}` is entered twice")]
    Twice(String),
    /// A row, a column or an entrant that there is not.
    #[error("there is no {what} {index}, only {among}, counted from 0")]
    Unknown {
        /// What was looked for.
        what: &'static str,
        /// Its place.
        index: usize,
        /// How many there are.
        among: usize,
    },
    /// The method needs a game of one population.
    #[error("one population needs a square game; this one is {rows} × {columns}")]
    NotSquare {
        /// Its rows.
        rows: usize,
        /// Its columns.
        columns: usize,
    },
    /// The method would take too long.
    #[error("{rows} × {columns} is too large: at most {limit} × {limit}")]
    TooLarge {
        /// Its rows.
        rows: usize,
        /// Its columns.
        columns: usize,
        /// The most of either.
        limit: usize,
    },
    /// Shares below 0, or that do not sum to 1.
    #[error("shares must be at least 0 and sum to 1: {0:?}")]
    NotAMix(Vec<f64>),
    /// A parameter outside its range.
    #[error("{what} must be {range}, not {found}")]
    Parameter {
        /// The parameter.
        what: &'static str,
        /// What it may be.
        range: &'static str,
        /// What it is.
        found: f64,
    },
    /// The numbers did not settle.
    #[error("no solution to working precision: {0}")]
    Unsolved(String),
}

/// How far from 1 the sum of shares may be.
const SLACK: f64 = 1e-9;

fn check_mix(shares: &[f64], entrants: usize) -> Result<(), GameError> {
    check_length("shares of a mix", entrants, shares.len())?;
    let sum: f64 = shares.iter().sum();
    let sound = shares.iter().all(|share| *share >= 0.0) && (sum - 1.0).abs() <= SLACK;
    if sound { Ok(()) } else { Err(GameError::NotAMix(shares.to_vec())) }
}

fn check_length(what: &'static str, expected: usize, found: usize) -> Result<(), GameError> {
    if expected == found { Ok(()) } else { Err(GameError::Length { what, expected, found }) }
}

fn check_range(what: &'static str, found: f64, within: bool, range: &'static str) -> Result<(), GameError> {
    if within { Ok(()) } else { Err(GameError::Parameter { what, range, found }) }
}
