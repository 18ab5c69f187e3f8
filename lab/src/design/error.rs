//! What can be wrong with a design: the user's to correct.

use super::sobol::{LONGEST, MOST_AXES};

/// Why there is no such design.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum DesignError {
    /// An axis that cannot be read, or holds nothing.
    #[error("`{text}`: expected {expected}")]
    Axis {
        /// As it was given.
        text: String,
        /// What was expected.
        expected: String,
    },
    /// A value that cannot be read.
    #[error("`{path}={value}`: {message}")]
    Value {
        /// The path.
        path: String,
        /// The value.
        value: String,
        /// What is wrong with it.
        message: String,
    },
    /// No axis.
    #[error("expected at least one axis, such as `path=0.01..0.5` or `path=[a,b,c]`")]
    NoAxis,
    /// Two axes of one path.
    #[error("`{0}` is varied twice: expected one axis a path")]
    Twice(String),
    /// A range of real numbers in a grid.
    #[error("`{0}` is a range of real numbers: expected the number of its points in the grid, such as `{0}/5`")]
    Unbounded(String),
    /// More points than are allowed.
    #[error(
        "the grid has {points} points: expected at most {limit}; give axes fewer points, or sample the space instead"
    )]
    TooManyPoints {
        /// How many, where that can be told.
        points: String,
        /// The most that are allowed.
        limit: usize,
    },
    /// No rows, or more than the sequence has.
    #[error("{0} rows: expected 1 to {LONGEST}")]
    Rows(usize),
    /// More coordinates than the sequence has.
    #[error("{0} coordinates: expected 1 to {MOST_AXES} (twice the axes where indices are asked for)")]
    Coordinates(usize),
    /// Outputs that are not one a point.
    #[error("{found} outputs: expected {expected}, one for each point of the design")]
    Outputs {
        /// Points of the design.
        expected: usize,
        /// Outputs given.
        found: usize,
    },
}
