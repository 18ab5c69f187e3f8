//! Latin hypercubes (McKay, Beckman and Conover 1979, Technometrics 21:239): each of `n` equal strata of every axis holds
//! one of `n` points.

use palisade_engine::rng::Streams;

/// `rows` points of `axes` coordinates each, in [0, 1). Each axis has its own stream, so that a further axis leaves the
/// coordinates on the others as they are; a further row does not.
#[must_use]
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub fn latin(rows: usize, axes: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut points = vec![Vec::with_capacity(axes); rows];
    for axis in 0..axes {
        let mut stream = Streams::new(seed).stream("design.latin", axis as u64, 0);
        let mut strata: Vec<usize> = (0..rows).collect();
        // Fisher and Yates 1938, from the last.
        for last in (1..rows).rev() {
            strata.swap(last, (stream.uniform() * (last + 1) as f64) as usize);
        }
        for (point, stratum) in points.iter_mut().zip(strata) {
            let place = (stratum as f64 + stream.uniform()) / rows as f64;
            // The sum may round up to the next stratum.
            point.push(place.min((stratum + 1) as f64 / rows as f64 - f64::EPSILON));
        }
    }
    points
}

#[cfg(test)]
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
mod tests {
    use super::*;

    /// Kills a draw that ignores its stratum, and one permutation for all axes.
    #[test]
    fn every_stratum_of_every_axis_holds_one_point() {
        for rows in [1, 2, 7, 64, 1000] {
            let points = latin(rows, 3, 5);
            assert_eq!(points.len(), rows);
            let columns: Vec<Vec<usize>> =
                (0..3).map(|axis| points.iter().map(|point| (point[axis] * rows as f64) as usize).collect()).collect();
            for column in &columns {
                let mut strata = column.clone();
                strata.sort_unstable();
                assert!(strata.iter().copied().eq(0..rows), "{rows}: {strata:?}");
            }
            assert!(rows < 7 || (columns[0] != columns[1] && columns[1] != columns[2]), "{rows}");
        }
    }

    /// Places within a stratum are not its middle: their mean square from it is 1/12 of a squared width.
    #[test]
    fn places_within_strata_are_uniform() {
        let rows = 4000;
        let squares: f64 = latin(rows, 1, 9)
            .iter()
            .map(|point| (point[0] * rows as f64).fract() - 0.5)
            .map(|offset| offset * offset)
            .sum();
        let mean = squares / rows as f64;
        assert!((mean - 1.0 / 12.0).abs() < 4.0 * (1.0_f64 / 180.0).sqrt() / (rows as f64).sqrt(), "{mean}");
    }

    #[test]
    fn designs_follow_from_their_seed_and_axes_do_not_meddle() {
        assert_eq!(latin(16, 2, 1), latin(16, 2, 1));
        assert_ne!(latin(16, 2, 1), latin(16, 2, 2));
        let more = latin(16, 3, 1);
        assert!(latin(16, 2, 1).iter().zip(&more).all(|(few, more)| few[..] == more[..2]));
        assert!(latin(0, 2, 1).is_empty());
    }
}
