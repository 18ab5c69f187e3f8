//! What the operations do to single values, as rhai 1.27 and the host's own functions do it. Folding, words that all agents
//! share, and columns all go through here.

use super::code::{Binary, Comparison, IntBinary, Logic, Test, Unary};
use crate::pure;

/// All bits of a flag that is set.
pub(super) const SET: u64 = u64::MAX;

pub(super) const fn flag(is_set: bool) -> u64 {
    if is_set { SET } else { 0 }
}

#[inline(always)]
pub(super) fn unary(op: Unary, x: f64) -> f64 {
    match op {
        Unary::Negate => -x,
        Unary::Abs => x.abs(),
        Unary::Sqrt => x.sqrt(),
        Unary::Call(function) => function(x),
    }
}

#[inline(always)]
pub(super) fn binary(op: Binary, x: f64, y: f64) -> f64 {
    match op {
        Binary::Add => x + y,
        Binary::Subtract => x - y,
        Binary::Multiply => x * y,
        Binary::Divide => x / y,
        Binary::Remainder => x % y,
        Binary::Smaller => pure::smaller(x, y),
        Binary::Larger => pure::larger(x, y),
        Binary::Call(function) => function(x, y),
    }
}

/// Rhai compares floats by their distance relative to the larger of the two, so that any comparison with an infinity fails,
/// and one with a NaN too, `!=` included; but a NaN and 0 are equal.
///
/// Rhai divides the distance by the scale and looks whether the quotient exceeds 2⁻⁵². To ask whether the distance exceeds
/// the scale times 2⁻⁵² is the same, to the bit: that product is exact, as the scale is never below 10⁻¹⁶², and no float
/// lies so close to it that the quotient would be rounded to 2⁻⁵².
#[inline(always)]
pub(super) fn compare(op: Comparison, x: f64, y: f64) -> bool {
    let scale = if x * y == 0.0 { 1.0 } else { x.abs().max(y.abs()) };
    let near = scale * f64::EPSILON;
    let (is_zero, is_finite) = (scale == 0.0, near < f64::INFINITY);
    match op {
        Comparison::Less => y - x > near,
        Comparison::LessOrEqual => is_zero | ((y - x > -near) & is_finite),
        Comparison::Greater => x - y > near,
        Comparison::GreaterOrEqual => is_zero | ((x - y > -near) & is_finite),
        Comparison::Equal => is_zero | (((x - y).abs() <= near) & is_finite),
        Comparison::NotEqual => (x - y).abs() > near,
    }
}

pub(super) const fn compare_ints(op: Comparison, x: i64, y: i64) -> bool {
    match op {
        Comparison::Less => x < y,
        Comparison::LessOrEqual => x <= y,
        Comparison::Greater => x > y,
        Comparison::GreaterOrEqual => x >= y,
        Comparison::Equal => x == y,
        Comparison::NotEqual => x != y,
    }
}

/// Nothing where rhai fails.
#[inline]
pub(super) fn int_binary(op: IntBinary, x: i64, y: i64) -> Option<i64> {
    match op {
        IntBinary::Add => x.checked_add(y),
        IntBinary::Subtract => x.checked_sub(y),
        IntBinary::Multiply => x.checked_mul(y),
        IntBinary::Divide => x.checked_div(y),
        IntBinary::Remainder => x.checked_rem(y),
        IntBinary::Smaller => Some(x.min(y)),
        IntBinary::Larger => Some(x.max(y)),
        IntBinary::And => Some(x & y),
        IntBinary::Or => Some(x | y),
        IntBinary::Xor => Some(x ^ y),
    }
}

#[inline(always)]
pub(super) const fn logic(op: Logic, x: u64, y: u64) -> u64 {
    match op {
        Logic::And => x & y,
        Logic::Or => x | y,
        Logic::AndNot => x & !y,
        Logic::Xor => x ^ y,
    }
}

#[inline(always)]
pub(super) fn test(op: Test, x: f64) -> bool {
    match op {
        Test::Nan => x.is_nan(),
        Test::Finite => x.is_finite(),
        Test::Infinite => x.is_infinite(),
        Test::NonZero => x != 0.0,
        Test::Probability => (0.0..=1.0).contains(&x),
        Test::FitsInt => !(x > pure::float(i64::MAX) || x < pure::float(i64::MIN)),
        Test::Within(low, high) => (low..high).contains(&x),
        Test::WithinInclusive(low, high) => (low..=high).contains(&x),
        Test::Same(bits) => x.to_bits() == bits,
    }
}

#[allow(clippy::cast_possible_truncation)]
pub(super) const fn truncated(x: f64) -> i64 {
    x as i64
}

#[cfg(test)]
mod tests {
    use palisade_engine::rng::splitmix;

    use super::*;

    const ALL: [Comparison; 6] = [
        Comparison::Less,
        Comparison::LessOrEqual,
        Comparison::Greater,
        Comparison::GreaterOrEqual,
        Comparison::Equal,
        Comparison::NotEqual,
    ];

    /// As rhai 1.27 has it.
    fn rhai(op: Comparison, x: f64, y: f64) -> bool {
        let max = if x * y == 0.0 { 1.0 } else { x.abs().max(y.abs()) };
        if max == 0.0 {
            return matches!(op, Comparison::LessOrEqual | Comparison::GreaterOrEqual | Comparison::Equal);
        }
        match op {
            Comparison::Less => (y - x) / max > f64::EPSILON,
            Comparison::LessOrEqual => (y - x) / max > -f64::EPSILON,
            Comparison::Greater => (x - y) / max > f64::EPSILON,
            Comparison::GreaterOrEqual => (x - y) / max > -f64::EPSILON,
            Comparison::Equal => (x - y).abs() / max <= f64::EPSILON,
            Comparison::NotEqual => (x - y).abs() / max > f64::EPSILON,
        }
    }

    #[test]
    fn comparisons_are_those_of_rhai_for_neighbors_and_for_all_bits() {
        let odd =
            [0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE, 5e-324, 1e-162, 1.0];
        let check = |x: f64, y: f64| {
            for op in ALL {
                assert_eq!(compare(op, x, y), rhai(op, x, y), "{op:?} of {x:e} and {y:e}");
            }
        };
        for round in 0..200_000 {
            let bits = splitmix(round);
            let (x, other) = (f64::from_bits(bits), f64::from_bits(splitmix(bits)));
            // A few steps away from each other.
            let near = f64::from_bits(bits.wrapping_add(splitmix(bits) % 7).wrapping_sub(3));
            for y in [other, near, -near, odd[round as usize % odd.len()]] {
                check(x, y);
                check(y, x);
            }
        }
        odd.iter().for_each(|x| odd.iter().for_each(|y| check(*x, *y)));
    }
}
