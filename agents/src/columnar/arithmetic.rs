//! What the operations do to single values, as rhai 1.27 and the host's own functions do it. Folding, words that all agents
//! share, and columns all go through here.

use super::code::{Binary, Comparison, IntBinary, Logic, Test, Unary};
use crate::pure;

/// All bits of a flag that is set.
pub(super) const SET: u64 = u64::MAX;

pub(super) const fn flag(is_set: bool) -> u64 {
    if is_set { SET } else { 0 }
}

#[inline]
pub(super) fn unary(op: Unary, x: f64) -> f64 {
    match op {
        Unary::Negate => -x,
        Unary::Abs => x.abs(),
        Unary::Sqrt => x.sqrt(),
        Unary::Call(function) => function(x),
    }
}

#[inline]
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
#[inline]
pub(super) fn compare(op: Comparison, x: f64, y: f64) -> bool {
    const NEAR: f64 = f64::EPSILON;
    let scale = if x * y == 0.0 { 1.0 } else { x.abs().max(y.abs()) };
    let is_zero = scale == 0.0;
    match op {
        Comparison::Less => (y - x) / scale > NEAR,
        Comparison::LessOrEqual => is_zero | ((y - x) / scale > -NEAR),
        Comparison::Greater => (x - y) / scale > NEAR,
        Comparison::GreaterOrEqual => is_zero | ((x - y) / scale > -NEAR),
        Comparison::Equal => is_zero | ((x - y).abs() / scale <= NEAR),
        Comparison::NotEqual => (x - y).abs() / scale > NEAR,
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

#[inline]
pub(super) const fn logic(op: Logic, x: u64, y: u64) -> u64 {
    match op {
        Logic::And => x & y,
        Logic::Or => x | y,
        Logic::AndNot => x & !y,
        Logic::Xor => x ^ y,
    }
}

#[inline]
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
