//! The search itself: CMA-ES (Hansen, arXiv:1604.00772) from a starting point, begun anew from a random one with twice the
//! population whenever it has converged (as IPOP does), until the budget is spent. What is searched is a function on points;
//! what points mean is for others.

use cmaes::{CMAESOptions, DVector};
use palisade_engine::rng::Streams;

/// The first standard deviation.
const STEP: f64 = 0.2;
/// Where the spread of coordinates is smaller, nothing is left to be found: plans have four digits.
const CONVERGED: f64 = 1e-3;
/// The smallest population there is.
const FEWEST: u32 = 4;

/// How far a search went.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Walk {
    /// Points looked at.
    pub(super) evaluations: u32,
    /// How often it began anew.
    pub(super) restarts: u32,
    /// Whether it was ended early.
    pub(super) ended: bool,
}

/// Looks at up to `budget` points for a high value, from `start` on and later from anywhere between 0 and `widths`. Points of a generation are looked at beside each other, on the threads of
/// the present pool; which points they are depends on seed and values alone. A value that is NaN ends the search.
pub(super) fn walk(
    (start, widths): (&[f64], &[f64]),
    (budget, seed): (u32, u64),
    value: impl Fn(&[f64]) -> f64 + Sync,
) -> Walk {
    let mut walk = Walk::default();
    let streams = Streams::new(seed);
    let mut population = FEWEST + whole(3.0 * libm::log(count(start.len())));
    for round in 0.. {
        let left = budget - walk.evaluations;
        let size = population.min(left);
        if size < FEWEST || start.is_empty() {
            break;
        }
        let mut stream = streams.stream("hunt.start", round, 0);
        let from: Vec<f64> =
            if round == 0 { start.to_vec() } else { widths.iter().map(|width| width * stream.uniform()).collect() };
        let goal = |point: &DVector<f64>| -value(point.as_slice());
        let built = CMAESOptions::new(from, STEP)
            .population_size(size as usize)
            .seed(streams.mix("hunt.search", round, 0))
            .tol_x(CONVERGED)
            .build(goal);
        let Ok(mut state) = built else { break };
        walk.restarts += u32::from(round > 0);
        loop {
            let reasons = state.next_parallel().map(|end| end.reasons);
            if reasons.as_ref().is_some_and(|reasons| reasons.contains(&cmaes::TerminationReason::InvalidFunctionValue))
            {
                walk.ended = true;
                return walk;
            }
            walk.evaluations += size;
            if reasons.is_some() || budget - walk.evaluations < size {
                break;
            }
        }
        // The middle of the last generation is often better than any of it.
        if walk.evaluations < budget {
            let middle = value(state.mean().as_slice());
            walk.evaluations += 1;
            if middle.is_nan() {
                walk.ended = true;
                return walk;
            }
        }
        population = population.saturating_mul(2);
    }
    walk
}

#[allow(clippy::cast_precision_loss)]
fn count(n: usize) -> f64 {
    n as f64
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn whole(value: f64) -> u32 {
    value.max(0.0) as u32
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// The best point of a walk, and all points in the order of their bits.
    fn best(
        threads: usize,
        start: &[f64],
        walked: (u32, u64),
        value: impl Fn(&[f64]) -> f64 + Sync + Send,
    ) -> (Vec<f64>, Vec<Vec<u64>>, Walk) {
        let seen = Mutex::new(Vec::new());
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let walk = pool.install(|| {
            let widths = vec![1.0; start.len()];
            walk((start, &widths), walked, |point| {
                let found = value(point);
                seen.lock().unwrap().push((point.to_vec(), found));
                found
            })
        });
        let seen = seen.into_inner().unwrap();
        let best = seen.iter().max_by(|one, two| one.1.total_cmp(&two.1)).unwrap().0.clone();
        let mut bits: Vec<Vec<u64>> =
            seen.iter().map(|(point, _)| point.iter().map(|at| at.to_bits()).collect()).collect();
        bits.sort();
        (best, bits, walk)
    }

    /// A tilted narrow ridge whose top is at (0.7, 0.3, 0.5).
    fn ridge(point: &[f64]) -> f64 {
        let [x, y, z] = [point[0] - 0.7, point[1] - 0.3, point[2] - 0.5];
        -(x * x + 100.0 * (x + y) * (x + y) + 10.0 * z * z)
    }

    #[test]
    fn the_top_of_a_ridge_is_found() {
        let (top, _, walk) = best(2, &[0.1, 0.1, 0.9], (400, 1), ridge);
        for (found, expected) in top.iter().zip([0.7, 0.3, 0.5]) {
            assert!((found - expected).abs() < 0.01, "{top:?}");
        }
        assert!(walk.evaluations <= 400 && walk.evaluations > 390 && !walk.ended, "{walk:?}");
    }

    #[test]
    fn the_same_points_are_looked_at_on_any_number_of_threads() {
        let one = best(1, &[0.5; 3], (150, 7), ridge);
        assert_eq!(one, best(4, &[0.5; 3], (150, 7), ridge));
        assert_ne!(one.1, best(1, &[0.5; 3], (150, 8), ridge).1);
    }

    /// From the lower of two hills the higher one, far away, is found once the first has been climbed.
    #[test]
    fn what_has_converged_begins_anew() {
        let hill = |x: f64, at: f64, height: f64| height - 400.0 * (x - at) * (x - at);
        let two = |point: &[f64]| hill(point[0], 0.1, 1.0).max(hill(point[0], 0.9, 2.0));
        let (top, _, walk) = best(2, &[0.1], (400, 3), two);
        assert!(walk.restarts > 0 && (top[0] - 0.9).abs() < 0.01, "{top:?} {walk:?}");
    }

    #[test]
    fn budgets_are_kept_and_nothing_to_search_is_no_search() {
        for (budget, expected) in [(0, 0), (3, 0), (4, 4), (5, 5), (23, 22)] {
            let looked = AtomicU32::new(0);
            let walk = walk((&[0.5; 3], &[1.0; 3]), (budget, 1), |point| {
                looked.fetch_add(1, Ordering::SeqCst);
                ridge(point)
            });
            assert_eq!((walk.evaluations, looked.into_inner()), (expected, expected), "of {budget}");
        }
        assert_eq!(walk((&[], &[]), (100, 1), |_| 0.0), Walk::default());
    }

    #[test]
    fn a_value_that_is_no_number_ends_it() {
        let (_, _, walk) = best(1, &[0.5; 2], (100, 1), |_| f64::NAN);
        assert!(walk.ended && walk.evaluations == 0);
    }
}
