//! Sobol sequences: points that fill the unit cube evenly, as many as there are and as many more as are wanted.
//!
//! Direction numbers of Joe and Kuo 2008 (SIAM J. Sci. Comput. 30:2635), as `scipy.stats.qmc.Sobol` has them; points stand
//! in the order of their index, not of its Gray code, so that any first 2^k are the same set. Scrambling is Owen's (1995),
//! by the hash of Burley 2020 (JCGT 9:4): it keeps every stratum and makes means unbiased over seeds.

use palisade_engine::rng::Streams;
use sobol_burley::parts::{owen_scramble_rev, sobol_rev};

use super::error::DesignError;

/// Points of the sequence.
pub const LONGEST: usize = 1 << 16;
/// Coordinates of its points.
pub const MOST_AXES: usize = sobol_burley::NUM_DIMENSIONS as usize;

/// How the points of the sequence are moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scramble {
    /// Not at all: the first point is the origin, and coordinates of early points repeat.
    Plain,
    /// By nested permutations that follow from a seed.
    Owen(u64),
}

/// The first `rows` points of `axes` coordinates each, in [0, 1): a power of two of them is balanced. A longer sequence
/// begins with a shorter one, and a further axis leaves the coordinates on the others as they are.
///
/// # Errors
/// No rows or axes, or more than the sequence has.
pub fn sobol(rows: usize, axes: usize, scramble: Scramble) -> Result<Vec<Vec<f64>>, DesignError> {
    let length = u32::try_from(rows).ok().filter(|_| (1..=LONGEST).contains(&rows));
    let length = length.ok_or(DesignError::Rows(rows))?;
    let width = u32::try_from(axes).ok().filter(|_| (1..=MOST_AXES).contains(&axes));
    let width = width.ok_or(DesignError::Coordinates(axes))?;
    let words: Vec<Option<u32>> = (0..width).map(|axis| scramble.word(axis)).collect();
    let point = |row: u32| (0..width).zip(&words).map(|(axis, word)| coordinate((row, axis), *word)).collect();
    Ok((0..length).map(point).collect())
}

impl Scramble {
    /// The word that stands for the permutations of an axis.
    #[allow(clippy::cast_possible_truncation)]
    fn word(self, axis: u32) -> Option<u32> {
        match self {
            Self::Plain => None,
            Self::Owen(seed) => Some(Streams::new(seed).mix("design.sobol", u64::from(axis), 0) as u32),
        }
    }
}

fn coordinate((row, axis): (u32, u32), scramble: Option<u32>) -> f64 {
    let plain = sobol_rev(row.reverse_bits(), axis);
    let bits = scramble.map_or(plain, |word| owen_scramble_rev(plain, word)).reverse_bits();
    f64::from(bits) / 4_294_967_296.0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    use super::*;

    fn plain(row: u32, axis: u32) -> u32 {
        (coordinate((row, axis), None) * 4_294_967_296.0) as u32
    }

    /// scipy 1.17.1, `qmc.Sobol(256, scramble=False, bits=32)`, in units of 2^-32: axes 0, 1, 2, 7, 63 and 255 of the
    /// points whose Gray code is the index.
    #[test]
    fn points_are_those_of_scipy() {
        let expected = [
            (1, [2_147_483_648_u32; 6]),
            (2, [1_073_741_824, 3_221_225_472, 3_221_225_472, 1_073_741_824, 1_073_741_824, 1_073_741_824]),
            (3, [3_221_225_472, 1_073_741_824, 1_073_741_824, 3_221_225_472, 3_221_225_472, 3_221_225_472]),
            (5, [2_684_354_560, 536_870_912, 3_758_096_384, 536_870_912, 3_758_096_384, 2_684_354_560]),
            (1000, [398_458_880, 692_060_160, 1_933_574_144, 2_747_269_120, 4_290_772_992, 1_413_480_448]),
            (40961, [2_147_811_328, 3_006_464_000, 3_502_833_664, 1_197_277_184, 1_834_680_320, 41_484_288]),
        ];
        for (row, point) in expected {
            assert_eq!([0, 1, 2, 7, 63, 255].map(|axis| plain(row, axis)), point, "point {row}");
        }
    }

    /// Every other point is an exclusive or of those of the powers of two, so these are all direction numbers that the
    /// sequence uses. BLAKE3 of them as little-endian words, axes within points, from the same scipy.
    #[test]
    fn direction_numbers_are_those_of_scipy() {
        let mut hasher = blake3::Hasher::new();
        for power in 0..16 {
            for axis in 0..256 {
                hasher.update(&plain(1 << power, axis).to_le_bytes());
            }
        }
        let expected = "40a153f2dce1bf903182c6ef85284a728c9f5c94114c74d00828a009dfdf2d27";
        assert_eq!(hasher.finalize().to_hex().as_str(), expected);
        assert_eq!((MOST_AXES, LONGEST), (256, 65_536));
    }

    /// The first two coordinates are a (0, 2)-sequence: each of the 2^k boxes of one shape holds one of 2^k points. A shift
    /// that does not nest, such as adding a number modulo 1, breaks that.
    #[track_caller]
    fn check_boxes(points: &[Vec<f64>]) {
        let power = points.len().ilog2();
        for wide in 0..=power {
            let (columns, rows) = (f64::from(1 << wide), f64::from(1 << (power - wide)));
            let mut boxes: Vec<u64> = points
                .iter()
                .map(|point| {
                    (point[0] * columns).floor() as u64 * (1 << (power - wide)) + (point[1] * rows).floor() as u64
                })
                .collect();
            boxes.sort_unstable();
            assert!(boxes.iter().copied().eq(0..points.len() as u64), "2^{wide} columns");
        }
    }

    #[test]
    fn scrambled_points_stay_one_a_box() {
        check_boxes(&sobol(256, 2, Scramble::Plain).unwrap());
        for seed in 0..20 {
            check_boxes(&sobol(256, 2, Scramble::Owen(seed)).unwrap());
        }
    }

    /// Over seeds a scrambled point is uniform: its mean is ½ and its mean square ⅓.
    #[test]
    fn scrambled_points_are_uniform_over_seeds() {
        let (mut sum, mut squares) = (0.0, 0.0);
        let seeds = 4000_u32;
        for seed in 0..seeds {
            let first = sobol(1, 3, Scramble::Owen(u64::from(seed))).unwrap()[0][2];
            sum += first;
            squares += first * first;
        }
        let n = f64::from(seeds);
        assert!((sum / n - 0.5).abs() < 4.0 * (1.0 / 12.0 / n).sqrt(), "{}", sum / n);
        assert!((squares / n - 1.0 / 3.0).abs() < 4.0 * (4.0 / 45.0 / n).sqrt(), "{}", squares / n);
    }

    #[test]
    fn longer_and_wider_designs_begin_with_the_smaller_one() {
        let small = sobol(8, 2, Scramble::Owen(3)).unwrap();
        let large = sobol(64, 5, Scramble::Owen(3)).unwrap();
        assert!(small.iter().zip(&large).all(|(small, large)| small[..] == large[..2]));
        assert_ne!(small, sobol(8, 2, Scramble::Owen(4)).unwrap());
        assert!(large.iter().flatten().all(|u| (0.0..1.0).contains(u)));
    }

    #[test]
    fn what_the_sequence_does_not_have_is_refused() {
        assert_eq!(sobol(0, 2, Scramble::Plain).unwrap_err().to_string(), "0 rows: expected 1 to 65536");
        assert_eq!(sobol(65_537, 2, Scramble::Plain).unwrap_err(), DesignError::Rows(65_537));
        assert_eq!(sobol(1, 257, Scramble::Plain).unwrap_err(), DesignError::Coordinates(257));
        assert_eq!(sobol(1, 0, Scramble::Plain).unwrap_err(), DesignError::Coordinates(0));
        assert_eq!(sobol(65_536, 1, Scramble::Plain).unwrap().len(), 65_536);
    }
}
