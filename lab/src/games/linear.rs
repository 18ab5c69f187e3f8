//! Small dense systems of linear equations.

/// A pivot below this share of the largest coefficient means a singular system.
const SINGULAR: f64 = 1e-12;

/// Solves A·X = B in place, where `augmented` holds the `size` rows of [A | B]: afterwards X stands where B stood. By Gauss
/// and Jordan with partial pivoting; `None` of a system that is singular to working precision.
pub(super) fn solve(augmented: &mut [f64], size: usize) -> Option<()> {
    let width = augmented.len() / size;
    let coefficients = augmented.chunks(width).flat_map(|row| &row[..size]);
    let largest = coefficients.fold(0.0_f64, |largest, value| largest.max(value.abs()));
    for pivot in 0..size {
        let at = |row: usize| augmented[row * width + pivot].abs();
        let best = (pivot..size).fold(pivot, |best, row| if at(row) > at(best) { row } else { best });
        if at(best) <= SINGULAR * largest {
            return None;
        }
        if best != pivot {
            let (above, below) = augmented.split_at_mut(best * width);
            above[pivot * width..][..width].swap_with_slice(&mut below[..width]);
        }
        clear(augmented, pivot, width);
    }
    Some(())
}

/// Scales the row of `pivot` to 1 there, and takes it out of all others.
fn clear(augmented: &mut [f64], pivot: usize, width: usize) {
    let (above, rest) = augmented.split_at_mut(pivot * width);
    let (own, below) = rest.split_at_mut(width);
    let scale = own[pivot];
    own[pivot..].iter_mut().for_each(|value| *value /= scale);
    for row in above.chunks_mut(width).chain(below.chunks_mut(width)) {
        let share = row[pivot];
        row[pivot..].iter_mut().zip(&own[pivot..]).for_each(|(value, own)| *value -= share * own);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_are_solved_and_singular_ones_refused() {
        // The first pivot is 0: kills the mutant without exchange of rows. 2y = 4, x + y = 5, inverse beside.
        let mut augmented = [0.0, 2.0, 4.0, 1.0, 0.0, 1.0, 1.0, 5.0, 0.0, 1.0];
        assert_eq!(solve(&mut augmented, 2), Some(()));
        assert_eq!(augmented, [1.0, 0.0, 3.0, -0.5, 1.0, 0.0, 1.0, 2.0, 0.5, 0.0]);
        assert_eq!(solve(&mut [1.0, 2.0, 1.0, 2.0, 4.0, 1.0], 2), None);
        assert_eq!(solve(&mut [0.0, 1.0], 1), None);
    }
}
