//! A tournament as it was played: for every row against every column the payoffs of each replicate, and what can be said from
//! them of cells, of entrants and of differences between two. A cell that was not played stays missing and is never taken for
//! 0: what needs it answers `None` or an error that names it.

use serde::Serialize;

use super::{GameError, Payoffs, Side, check_length};
use crate::stats::{Draws, Estimate, bootstrap_mean, bootstrap_sum};

/// Payoffs of rows against columns.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Matrix {
    rows: Vec<String>,
    columns: Vec<String>,
    cells: Vec<Option<Cell>>,
    replicates: Replicates,
}

/// How replicates of different cells belong together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Replicates {
    /// The n-th replicate of every cell ran on the same seed (common random numbers): all cells have as many, and are
    /// resampled together, so that what a seed did to both entrants drops out of their difference.
    Paired,
    /// Every cell has its own.
    Independent,
}

/// One pairing that was played.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Cell {
    /// Payoff to the row, by replicate.
    pub to_row: Vec<f64>,
    /// Payoff to the column by replicate, where it is known.
    pub to_column: Option<Vec<f64>>,
}

/// How an entrant did.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Standing {
    /// The mean over opponents of its mean payoff, each opponent counting alike.
    pub payoff: Estimate,
    /// Opponents it met.
    pub met: usize,
}

impl Matrix {
    /// A tournament of `rows` against `columns` of which nothing has been played.
    ///
    /// # Errors
    ///
    /// If one side has no entrants, or two of the same name.
    pub fn new(rows: Vec<String>, columns: Vec<String>, replicates: Replicates) -> Result<Self, GameError> {
        if rows.is_empty() || columns.is_empty() {
            return Err(GameError::Empty);
        }
        for names in [&rows, &columns] {
            let twice = names.iter().enumerate().find(|(place, name)| names[..*place].contains(name));
            if let Some((_, name)) = twice {
                return Err(GameError::Twice(name.clone()));
            }
        }
        let cells = vec![None; rows.len() * columns.len()];
        Ok(Self { rows, columns, cells, replicates })
    }

    /// Names of the rows.
    #[must_use]
    pub fn rows(&self) -> &[String] {
        &self.rows
    }

    /// Names of the columns.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Enters what `row` against `column` paid, in place of what was there.
    ///
    /// # Errors
    ///
    /// If there is no such row or column, no replicate, not as many to both sides, not as many as elsewhere where they are
    /// paired, or a payoff is not finite.
    pub fn enter(&mut self, row: usize, column: usize, cell: Cell) -> Result<(), GameError> {
        for (what, index, among) in [("row", row, self.rows.len()), ("column", column, self.columns.len())] {
            if index >= among {
                return Err(GameError::Unknown { what, index, among });
            }
        }
        let replicates = self.settled().unwrap_or(cell.to_row.len()).max(1);
        for payoffs in [Some(&cell.to_row), cell.to_column.as_ref()].into_iter().flatten() {
            check_length("replicates", replicates, payoffs.len())?;
            if payoffs.iter().any(|payoff| !payoff.is_finite()) {
                return Err(GameError::NotFinite { row, column });
            }
        }
        self.cells[row * self.columns.len() + column] = Some(cell);
        Ok(())
    }

    /// The number of replicates that one cell sets for all.
    fn settled(&self) -> Option<usize> {
        let first = self.cells.iter().flatten().next().map(|cell| cell.to_row.len());
        first.filter(|_| self.replicates == Replicates::Paired)
    }

    /// What was played; `None` if it was not.
    ///
    /// # Panics
    ///
    /// If there is no such row or column.
    #[must_use]
    pub fn cell(&self, row: usize, column: usize) -> Option<&Cell> {
        self.cells[row * self.columns.len()..][..self.columns.len()][column].as_ref()
    }

    /// The mean payoff of a cell to one side, with its interval; `None` of one that was not played, or whose payoffs to that
    /// side are not known.
    #[must_use]
    pub fn mean(&self, to: Side, row: usize, column: usize, draws: &Draws) -> Option<Estimate> {
        bootstrap_mean(self.cell(row, column)?.payoffs(to)?, draws)
    }

    /// The game of mean payoffs to one side.
    ///
    /// # Errors
    ///
    /// If a cell was not played, or its payoffs to that side are not known: it is named.
    pub fn payoffs(&self, to: Side) -> Result<Payoffs, GameError> {
        let mean = |row: usize, column: usize| {
            let missing =
                || GameError::Missing { row: self.rows[row].clone(), column: self.columns[column].clone(), side: to };
            self.cell(row, column).and_then(|cell| cell.payoffs(to)).map(crate::stats::mean).ok_or_else(missing)
        };
        let row = |row: usize| (0..self.columns.len()).map(|column| mean(row, column)).collect();
        Payoffs::new(&(0..self.rows.len()).map(row).collect::<Result<Vec<Vec<f64>>, _>>()?)
    }

    /// How an entrant did against those it met; `None` if it met nobody.
    #[must_use]
    pub fn standing(&self, side: Side, entrant: usize, draws: &Draws) -> Option<Standing> {
        let lists: Vec<&[f64]> = self.met(side, entrant).into_iter().flatten().collect();
        let payoff = self.estimate(&weighted(&lists, 1.0), draws)?;
        Some(Standing { payoff, met: lists.len() })
    }

    /// How much more `first` earned than `second`, both of one side, on average over the opponents that both met; `None` if
    /// there are none.
    #[must_use]
    pub fn difference(&self, side: Side, first: usize, second: usize, draws: &Draws) -> Option<Estimate> {
        let pairs = self.met(side, first).into_iter().zip(self.met(side, second));
        let (firsts, seconds): (Vec<&[f64]>, Vec<&[f64]>) = pairs.filter_map(|(one, other)| one.zip(other)).unzip();
        let lists = [weighted(&firsts, 1.0), weighted(&seconds, -1.0)].concat();
        self.estimate(&lists, draws)
    }

    /// An entrant's payoffs by opponent and replicate.
    fn met(&self, side: Side, entrant: usize) -> Vec<Option<&[f64]>> {
        let cell = |opponent: usize| match side {
            Side::Row => self.cell(entrant, opponent),
            Side::Column => self.cell(opponent, entrant),
        };
        let opponents = match side {
            Side::Row => self.columns.len(),
            Side::Column => self.rows.len(),
        };
        (0..opponents).map(|opponent| cell(opponent).and_then(|cell| cell.payoffs(side))).collect()
    }

    /// A weighted sum of means of replicates, with its interval.
    fn estimate(&self, lists: &[(f64, &[f64])], draws: &Draws) -> Option<Estimate> {
        let (_, first) = lists.first()?;
        Some(match self.replicates {
            Replicates::Independent => bootstrap_sum(lists, draws),
            Replicates::Paired => {
                let seed = |replicate: usize| lists.iter().map(|(weight, values)| weight * values[replicate]).sum();
                bootstrap_sum(&[(1.0, &(0..first.len()).map(seed).collect::<Vec<f64>>())], draws)
            }
        })
    }
}

impl Cell {
    fn payoffs(&self, to: Side) -> Option<&[f64]> {
        match to {
            Side::Row => Some(&self.to_row),
            Side::Column => self.to_column.as_deref(),
        }
    }
}

/// Lists with equal weights that sum to `sum`.
#[allow(clippy::cast_precision_loss)]
fn weighted<'a>(lists: &[&'a [f64]], sum: f64) -> Vec<(f64, &'a [f64])> {
    lists.iter().map(|values| (sum / lists.len() as f64, *values)).collect()
}

#[cfg(test)]
mod tests;
