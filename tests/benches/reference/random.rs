//! Random numbers of the reference workload: a pure function of stream and two numbers, in any language the same bits.

use std::ops::Range;

const SEED: u64 = 42;

/// The words of the key, one for the seed and one for each coordinate.
const KEY: [u64; 4] = [0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb, 0xd6e8_feb8_6659_fd93];

/// What a number is drawn for.
#[derive(Clone, Copy)]
#[repr(u64)]
pub(crate) enum Stream {
    /// A trader's collateral.
    Margin = 1,
    /// A trader's leverage.
    Leverage,
    /// Which way a trader stands.
    Side,
    /// The move that counts for a trader.
    Threshold,
    /// A trader's votes.
    TraderStake,
    /// The price.
    Price,
    /// What nodes observe.
    Noise,
    /// Which nodes are off.
    Outlier,
    /// Collateral of who comes after a liquidation.
    NewMargin,
    /// What nodes have at stake.
    NodeStake,
    /// Leverage of who comes after a liquidation.
    NewLeverage,
    /// Which way they stand.
    NewSide,
}

/// The mixer of SplitMix64, without its step.
#[must_use]
pub(crate) const fn mix64(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(KEY[1]);
    let word = (word ^ (word >> 27)).wrapping_mul(KEY[2]);
    word ^ (word >> 31)
}

/// Uniform in [0, 1).
#[allow(clippy::cast_precision_loss)]
#[must_use]
pub(crate) fn uniform(stream: Stream, a: u64, b: u64) -> f64 {
    let key = SEED.wrapping_mul(KEY[0])
        ^ (stream as u64).wrapping_mul(KEY[1])
        ^ a.wrapping_mul(KEY[2])
        ^ b.wrapping_mul(KEY[3]);
    (mix64(mix64(key)) >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
}

/// The sum of the draws `places`, left to right.
#[must_use]
pub(crate) fn sum(stream: Stream, a: u64, places: Range<u64>) -> f64 {
    places.map(|place| uniform(stream, a, place)).fold(0.0, |sum, draw| sum + draw)
}
