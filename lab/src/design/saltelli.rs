//! The scheme of points from which Sobol indices are read (Saltelli 2002, Comput. Phys. Commun. 145:280; Saltelli et al.
//! 2010, ibid. 181:259): two independent samples A and B, and for each axis A with that axis's coordinate taken from B.

use super::error::DesignError;
use super::sobol::{LONGEST, MOST_AXES, Scramble, sobol};

/// Rows of A, A_B^1 … A_B^k and B, each row together: what has been played of a design that was broken off is a design of
/// fewer rows, and one of more rows begins with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Saltelli {
    rows: usize,
    axes: usize,
}

/// What a point of the scheme is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// A point of the first sample.
    A,
    /// That point with the coordinate of one axis, from 0, taken from the second.
    Mixed(usize),
    /// A point of the second sample.
    B,
}

impl Saltelli {
    /// A scheme of some rows, best a power of two, over some axes.
    ///
    /// # Errors
    /// No rows or axes, or more than the Sobol sequence has for both samples.
    pub fn new(rows: usize, axes: usize) -> Result<Self, DesignError> {
        if !(1..=LONGEST).contains(&rows) {
            return Err(DesignError::Rows(rows));
        }
        let coordinates = axes.saturating_mul(2);
        match (1..=MOST_AXES).contains(&coordinates) {
            true => Ok(Self { rows, axes }),
            false => Err(DesignError::Coordinates(coordinates)),
        }
    }

    /// Rows of each sample.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Axes.
    #[must_use]
    pub const fn axes(&self) -> usize {
        self.axes
    }

    /// Points of a row.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.axes + 2
    }

    /// Points in all.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.rows * self.width()
    }

    /// The row and the role of a point, by its place in the design.
    #[must_use]
    pub const fn role(&self, place: usize) -> (usize, Role) {
        let (row, within) = (place / self.width(), place % self.width());
        if within == 0 {
            (row, Role::A)
        } else if within <= self.axes {
            (row, Role::Mixed(within - 1))
        } else {
            (row, Role::B)
        }
    }

    /// The points, in order. An axis has a pair of neighboring coordinates of a Sobol sequence, one for A and one for B:
    /// neighbors fill their square more evenly than coordinates that are half the sequence apart, and a further axis leaves
    /// those of the others as they are.
    ///
    /// # Errors
    /// As for [`Saltelli::new`].
    pub fn points(&self, scramble: Scramble) -> Result<Vec<Vec<f64>>, DesignError> {
        let sequence = sobol(self.rows, 2 * self.axes, scramble)?;
        let point = |place: usize| {
            let (row, role) = self.role(place);
            let from_b = |axis: usize| match role {
                Role::A => false,
                Role::B => true,
                Role::Mixed(mixed) => axis == mixed,
            };
            sequence[row].chunks(2).enumerate().map(|(axis, pair)| pair[usize::from(from_b(axis))]).collect()
        };
        Ok((0..self.count()).map(point).collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// scipy 1.17.1: the point of index 5 of `qmc.Sobol(4, scramble=False)` is (0.625, 0.125, 0.875, 0.625).
    #[test]
    fn rows_mix_neighboring_coordinates() {
        let points = Saltelli::new(6, 2).unwrap().points(Scramble::Plain).unwrap();
        assert_eq!(points[..4], [[0.0; 2]; 4]);
        assert_eq!(points[20..], [[0.625, 0.875], [0.125, 0.875], [0.625, 0.625], [0.125, 0.625]]);
    }

    #[test]
    fn every_point_has_its_role() {
        let scheme = Saltelli::new(4, 3).unwrap();
        let points = scheme.points(Scramble::Owen(1)).unwrap();
        assert_eq!((points.len(), scheme.count(), scheme.width()), (20, 20, 5));
        for (place, point) in points.iter().enumerate() {
            let (row, role) = scheme.role(place);
            let (a, b) = (&points[row * 5], &points[row * 5 + 4]);
            let from_b: Vec<bool> = (0..3).map(|i| point[i] == b[i]).collect();
            let expected = match role {
                Role::A => [false; 3],
                Role::B => [true; 3],
                Role::Mixed(axis) => [0, 1, 2].map(|i| i == axis),
            };
            assert_eq!(from_b, expected, "point {place}");
            assert!((0..3).all(|i| point[i] == a[i] || point[i] == b[i]), "point {place}");
        }
    }

    #[test]
    fn more_rows_begin_with_fewer_and_axes_do_not_meddle() {
        let points = |rows, axes| Saltelli::new(rows, axes).unwrap().points(Scramble::Owen(1)).unwrap();
        let few = points(4, 2);
        assert_eq!(few, points(8, 2)[..few.len()]);
        let wider = points(4, 3);
        assert!(
            few.chunks(4)
                .zip(wider.chunks(5))
                .all(|(few, wider)| few[0][..] == wider[0][..2] && few[3][..] == wider[4][..2])
        );
    }

    #[test]
    fn a_scheme_needs_rows_and_axes_of_the_sequence() {
        assert_eq!(Saltelli::new(0, 1), Err(DesignError::Rows(0)));
        assert_eq!(Saltelli::new(65_537, 1), Err(DesignError::Rows(65_537)));
        assert_eq!(Saltelli::new(1, 0), Err(DesignError::Coordinates(0)));
        assert_eq!(Saltelli::new(1, 129), Err(DesignError::Coordinates(258)));
        assert!(Saltelli::new(65_536, 128).is_ok());
    }
}
