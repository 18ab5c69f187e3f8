//! The base fee of blockspace.

use crate::units::{Amount, Rounding, whole};

/// The most that a base fee becomes, in smallest units: fees and tips of an action never leave 64 bits together.
const MOST: Amount = Amount::MAX / 4;

/// The base fee of the next block: it rises and falls with how far what was `used` is from the `target`, by at most the
/// ratio `change`, rounded down; above the target it rises by one unit at least, so that it can leave 0.
///
/// Source: EIP-1559 (Buterin, Conner, Dudley, Slipper, Norden, Bakhta 2019), where `change` is 1/8 and the target half of
/// the block. There the distance ends at a full block; here it ends at the target's own size, whatever the target.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn next_base_fee(fee: Amount, used: f64, target: f64, change: f64) -> Amount {
    let distance = (used - target).abs().min(target);
    let step = whole(fee as f64 * distance / target * change, Rounding::Down).unwrap_or(MOST);
    if used > target && change > 0.0 {
        fee.saturating_add(step.max(1)).min(MOST)
    } else if used < target {
        fee - step.min(fee)
    } else {
        fee
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(fee: Amount, used: f64, expected: Amount) {
        assert_eq!(next_base_fee(fee, used, 10e6, 0.125), expected, "{fee} after {used}");
    }

    /// The first three are go-ethereum's own (`consensus/misc/eip1559`): a limit of 20 million gas at a target of half.
    #[test]
    fn the_fee_moves_as_ethereums() {
        check(1_000_000_000, 10e6, 1_000_000_000);
        check(1_000_000_000, 9e6, 987_500_000);
        check(1_000_000_000, 11e6, 1_012_500_000);
        check(1_000_000_000, 20e6, 1_125_000_000);
        check(1_000_000_000, 0.0, 875_000_000);
        // 7 × 1/8 is below one unit: a full block moves it all the same, an empty one does not.
        check(7, 20e6, 8);
        check(7, 0.0, 7);
        check(0, 20e6, 1);
        check(MOST, 20e6, MOST);
    }

    #[test]
    fn a_fee_that_may_not_change_stands_still() {
        assert_eq!(next_base_fee(1000, 20.0, 10.0, 0.0), 1000);
        assert_eq!(next_base_fee(1000, 10.0, 1.0, 0.125), 1125, "one target above it is the farthest");
    }
}
