//! Where along some values a condition ceases to hold: looked for on a grid, so that one that comes and goes is seen, and
//! then by halving. As `threshold` does for each seed, here for the mean of all.

use crate::run::RunError;

/// Which of several places where the condition ceases to hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Which {
    /// The first one along the way.
    First,
    /// The last one.
    Last,
}

/// Where a condition ceases to hold.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Edge {
    /// The last value at which it was seen to hold; none where it does not hold anywhere before.
    pub(super) holds: Option<f64>,
    /// The next value at which it was seen not to; none where it holds to the end.
    pub(super) fails: Option<f64>,
    /// Whether it begins or ceases to hold at other places of the grid as well.
    pub(super) wavers: bool,
}

/// The edge along a grid, halved so often between two of its values, where `middle` says what lies between two.
pub(super) fn edge(
    (grid, halvings): (&[f64], u32),
    which: Which,
    middle: impl Fn(f64, f64) -> f64,
    mut holds: impl FnMut(f64) -> Result<bool, RunError>,
) -> Result<Edge, RunError> {
    let seen = grid.iter().map(|value| holds(*value)).collect::<Result<Vec<bool>, _>>()?;
    let turns = seen.windows(2).filter(|pair| pair[0] != pair[1]).count();
    let last = match which {
        Which::First => seen.iter().take_while(|holds| **holds).count().checked_sub(1),
        Which::Last => seen.iter().rposition(|holds| *holds),
    };
    let next = last.map_or(0, |last| last + 1);
    let (mut held, mut failed) = (last.map(|place| grid[place]), grid.get(next).copied());
    for _ in 0..halvings {
        let (Some(low), Some(high)) = (held, failed) else { break };
        let between = middle(low, high);
        if between == low || between == high {
            break;
        }
        *(if holds(between)? { &mut held } else { &mut failed }) = Some(between);
    }
    let plain = usize::from(last.is_some() && failed.is_some());
    Ok(Edge { holds: held, fails: failed, wavers: turns > plain })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[track_caller]
    fn check(which: Which, holds: impl Fn(f64) -> bool, expected: (Option<f64>, Option<f64>, bool)) {
        let grid = [0.0, 1.0, 2.0, 3.0, 4.0];
        let found = edge((&grid, 3), which, f64::midpoint, |value| Ok(holds(value))).unwrap();
        assert_eq!((found.holds, found.fails, found.wavers), expected);
    }

    #[test]
    fn the_edge_lies_where_the_condition_ceases() {
        check(Which::First, |value| value < 2.3, (Some(2.25), Some(2.375), false));
        check(Which::First, |value| value <= 2.0, (Some(2.0), Some(2.125), false));
        check(Which::First, |_| true, (Some(4.0), None, false));
        check(Which::First, |_| false, (None, Some(0.0), false));
    }

    #[test]
    fn a_condition_that_comes_again_is_told() {
        let twice = |value: f64| value < 0.6 || (value > 1.9 && value < 3.6);
        check(Which::First, twice, (Some(0.5), Some(0.625), true));
        check(Which::Last, twice, (Some(3.5), Some(3.625), true));
        check(Which::First, |value| value > 0.5, (None, Some(0.0), true));
    }

    #[test]
    fn whole_numbers_are_halved_as_far_as_there_are_any() {
        let mut looked = Vec::new();
        let middle = |low: f64, high: f64| f64::midpoint(low, high).round();
        let found = edge((&[0.0, 5.0], 9), Which::First, middle, |value| {
            looked.push(value);
            Ok(value < 4.0)
        });
        assert_eq!((found.unwrap().fails, looked.iter().all(|value| value.fract() == 0.0)), (Some(4.0), true));
    }
}
