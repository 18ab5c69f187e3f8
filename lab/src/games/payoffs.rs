//! A game as numbers: one payoff for every row against every column. Where the numbers come from, and how sure they are, is
//! [`super::matrix`]'s business.

use serde::Serialize;

use super::{GameError, check_length};

/// Payoffs to one side, rows × columns, all finite.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Payoffs {
    columns: usize,
    values: Vec<f64>,
}

impl Payoffs {
    /// The payoffs of `rows`, each as long as there are columns.
    ///
    /// # Errors
    ///
    /// If there are none, rows differ in length, or a payoff is not finite.
    pub fn new(rows: &[Vec<f64>]) -> Result<Self, GameError> {
        let columns = rows.first().map_or(0, Vec::len);
        if columns == 0 {
            return Err(GameError::Empty);
        }
        for (place, row) in rows.iter().enumerate() {
            check_length("payoffs of a row", columns, row.len())?;
            if let Some(column) = row.iter().position(|payoff| !payoff.is_finite()) {
                return Err(GameError::NotFinite { row: place, column });
            }
        }
        Ok(Self { columns, values: rows.concat() })
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.values.len() / self.columns
    }

    /// Number of columns.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// What `row` against `column` pays.
    ///
    /// # Panics
    ///
    /// If there is no such row or column.
    #[must_use]
    pub fn at(&self, row: usize, column: usize) -> f64 {
        self.values[row * self.columns..][..self.columns][column]
    }

    /// What each row pays against a mix of columns, by row.
    #[must_use]
    pub fn by_row(&self, columns: &[f64]) -> Vec<f64> {
        self.values.chunks(self.columns).map(|row| dot(row, columns)).collect()
    }

    /// What each column pays against a mix of rows, by column.
    #[must_use]
    pub fn by_column(&self, rows: &[f64]) -> Vec<f64> {
        (0..self.columns).map(|column| (0..self.rows()).map(|row| rows[row] * self.at(row, column)).sum()).collect()
    }

    /// What a mix of rows against a mix of columns pays.
    #[must_use]
    pub fn expected(&self, rows: &[f64], columns: &[f64]) -> f64 {
        dot(rows, &self.by_row(columns))
    }

    /// The game seen from the other side: columns become rows.
    #[must_use]
    pub fn transposed(&self) -> Self {
        let values = (0..self.columns).flat_map(|column| (0..self.rows()).map(move |row| self.at(row, column)));
        Self { columns: self.rows(), values: values.collect() }
    }

    /// Every payoff through `change`, which must keep it finite.
    pub(super) fn map(&self, change: impl Fn(f64) -> f64) -> Self {
        Self { columns: self.columns, values: self.values.iter().map(|payoff| change(*payoff)).collect() }
    }

    /// The smallest payoff, and how far the largest is above it.
    pub(super) fn range(&self) -> (f64, f64) {
        let low = self.values.iter().copied().fold(f64::INFINITY, f64::min);
        (low, largest(&self.values) - low)
    }

    pub(super) fn check_square(&self) -> Result<(), GameError> {
        let (rows, columns) = (self.rows(), self.columns);
        if rows == columns { Ok(()) } else { Err(GameError::NotSquare { rows, columns }) }
    }
}

/// The sum of products, in order.
pub(super) fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}

pub(super) fn largest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixes_meet_on_the_right_side() {
        let game = Payoffs::new(&[vec![1.0, 2.0, 3.0], vec![4.0, 5.0, 6.0]]).unwrap();
        assert_eq!((game.rows(), game.columns(), game.at(1, 0)), (2, 3, 4.0));
        assert_eq!(game.by_row(&[0.5, 0.0, 0.5]), [2.0, 5.0]);
        assert_eq!(game.by_column(&[0.25, 0.75]), [3.25, 4.25, 5.25]);
        assert_eq!(game.expected(&[0.25, 0.75], &[1.0, 0.0, 0.0]), 3.25);
        assert_eq!(game.transposed().by_row(&[0.25, 0.75]), game.by_column(&[0.25, 0.75]));
        assert_eq!(game.range(), (1.0, 5.0));
    }

    #[test]
    fn holes_and_ragged_rows_are_refused() {
        assert_eq!(Payoffs::new(&[]), Err(GameError::Empty));
        assert_eq!(Payoffs::new(&[vec![]]), Err(GameError::Empty));
        let ragged = GameError::Length { what: "payoffs of a row", expected: 2, found: 1 };
        assert_eq!(Payoffs::new(&[vec![1.0, 2.0], vec![3.0]]), Err(ragged));
        assert_eq!(Payoffs::new(&[vec![0.0], vec![f64::NAN]]), Err(GameError::NotFinite { row: 1, column: 0 }));
    }
}
