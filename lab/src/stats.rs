//! Statistics over worlds: quantiles, expected shortfall, intervals of shares, means and medians, each refused below the
//! number of worlds at which it starts to say something. Intervals by resampling are in `bootstrap`, tails of losses in `risk`.

use statrs::distribution::{Binomial, ContinuousCDF, DiscreteCDF, Normal, StudentsT};

use crate::report::{Proportion, Stats};

mod bootstrap;
mod risk;

pub(crate) use bootstrap::bootstrap_sum;
pub use bootstrap::{Draws, Estimate, bootstrap_mean};
pub use risk::{expected_shortfall, value_at_risk};

/// Worlds below which a 95 % quantile is not given: fewer than one would lie above it.
const ENOUGH_FOR_P95: usize = 20;
/// Worlds below which a 99 % quantile and an expected shortfall are not given.
const ENOUGH_FOR_TAIL: usize = 100;

/// The statistics of a figure over worlds; `unit` `flag` adds the share of worlds in which it is not 0.
///
/// Values that are not finite are left out. The tail is the upper one: large losses are the adverse direction.
pub(crate) fn describe(values: &[f64], unit: &str) -> Stats {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    let p95 = quantile(&sorted, 0.95);
    let events = sorted.iter().filter(|value| **value != 0.0).count();
    Stats {
        n: count(n),
        mean: mean(&sorted),
        p50: quantile(&sorted, 0.5),
        p95: if n >= ENOUGH_FOR_P95 { p95 } else { f64::NAN },
        p99: (n >= ENOUGH_FOR_TAIL).then(|| quantile(&sorted, 0.99)),
        expected_shortfall_95: (n >= ENOUGH_FOR_TAIL).then(|| tail_mean(&sorted, p95)),
        probability: (unit == "flag" && n > 0).then(|| wilson(count(events), count(n))),
        too_few: too_few(n),
    }
}

/// A number of values, as reports state it.
pub(crate) fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn too_few(n: usize) -> Option<String> {
    let missing = match n {
        ENOUGH_FOR_TAIL.. => return None,
        ENOUGH_FOR_P95.. => format!("the 99 % quantile and the expected shortfall need {ENOUGH_FOR_TAIL}"),
        _ => format!(
            "the 95 % quantile needs {ENOUGH_FOR_P95}, the 99 % quantile and the expected shortfall {ENOUGH_FOR_TAIL}"
        ),
    };
    Some(format!("too few seeds ({n}): {missing}"))
}

/// The arithmetic mean, added in the given order; NaN of nothing.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The quantile of rising values by linear interpolation (type 7 of Hyndman and Fan 1996); NaN of nothing.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = share * last as f64;
    let below = (place.floor() as usize).min(last);
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

/// The 95 % interval of a mean by Student's t; `None` below two values.
pub(crate) fn mean_interval(values: &[f64]) -> Option<(f64, f64)> {
    mean_interval_among(values, 1)
}

/// The interval of a mean by Student's t that, as one of so many, covers with all the others together in 95 % of cases
/// (Bonferroni); `None` below two values.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn mean_interval_among(values: &[f64], intervals: usize) -> Option<(f64, f64)> {
    let (n, mean) = (values.len() as f64, mean(values));
    let t = StudentsT::new(0.0, 1.0, n - 1.0).ok()?.inverse_cdf(1.0 - 0.025 / intervals.max(1) as f64);
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    let half = t * (squares / (n - 1.0) / n).sqrt();
    (values.len() > 1).then_some((mean - half, mean + half))
}

/// The 95 % interval of a difference of shares of paired flags, second minus first: method 10 of Newcombe (1998, Statistics
/// in Medicine 17:2635), from the Wilson intervals of both and the correlation between them. `None` of no pairs.
pub(crate) fn flag_interval(pairs: &[(f64, f64)]) -> Option<(f64, f64)> {
    let count = |first: bool, second: bool| {
        let is = |pair: &&(f64, f64)| ((pair.0 != 0.0) == first) && ((pair.1 != 0.0) == second);
        count(pairs.iter().filter(is).count())
    };
    let [both, first, second, neither] =
        [(true, true), (true, false), (false, true), (false, false)].map(|(a, b)| count(a, b));
    let n = both + first + second + neither;
    if n < 2 {
        return None;
    }
    let (one, two) = (wilson(both + first, n), wilson(both + second, n));
    let [a, b, c, d, all] = [both, first, second, neither, n].map(f64::from);
    let margins = (a + b) * (c + d) * (a + c) * (b + d);
    let cross = a * d - b * c;
    let corrected = if cross > all / 2.0 {
        cross - all / 2.0
    } else if cross > 0.0 {
        0.0
    } else {
        cross
    };
    let phi = if margins > 0.0 { corrected / margins.sqrt() } else { 0.0 };
    let reach = |up: f64, down: f64| (up * up - 2.0 * phi * up * down + down * down).max(0.0).sqrt();
    let difference = two.p - one.p;
    Some((difference - reach(two.p - two.low, one.high - one.p), difference + reach(two.high - two.p, one.p - one.low)))
}

/// An interval of the median of rising values, as [`quantile_interval`].
pub(crate) fn median_interval(sorted: &[f64]) -> Option<(f64, f64)> {
    quantile_interval(sorted, 0.5)
}

/// An interval of the quantile of rising values with at least 95 % coverage by order statistics, free of any assumption on
/// their distribution (Conover 1999, 3.2); `None` where so few values allow none.
fn quantile_interval(sorted: &[f64], share: f64) -> Option<(f64, f64)> {
    let n = u64::try_from(sorted.len()).ok()?;
    let below = Binomial::new(share, n).ok()?;
    // The k-th value from below is above the quantile with the chance of fewer than k below that, and the k-th from above
    // below it with the chance of more than n − k.
    let low = ranks_while(n, |k| below.cdf(k - 1) <= 0.025);
    let high = ranks_while(n, |k| below.sf(n - k) <= 0.025);
    let value = |rank: u64| sorted.get(usize::try_from(rank).ok()?).copied();
    (high > 0).then_some((value(low.checked_sub(1)?)?, value(n - high)?))
}

/// How many of the ranks 1…`n` hold, where those that do come first.
fn ranks_while(n: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut from, mut to) = (0, n);
    while from < to {
        let middle = (from + to).div_ceil(2);
        if holds(middle) { from = middle } else { to = middle - 1 }
    }
    from
}

/// The mean of the values at or above `from`: the expected shortfall when `from` is the quantile of losses.
fn tail_mean(sorted: &[f64], from: f64) -> f64 {
    mean(&sorted[sorted.partition_point(|value| *value < from)..])
}

/// The 95 % interval of Wilson (1927) for `events` of `n`, which keeps within 0…1 and is honest about 0 events.
fn wilson(events: u32, n: u32) -> Proportion {
    let z = Normal::standard().inverse_cdf(0.975);
    let (p, n) = (f64::from(events) / f64::from(n), f64::from(n));
    let center = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    Proportion { events, p, low: (center - half).clamp(0.0, p), high: (center + half).clamp(p, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_wilson(events: u32, n: u32, low: f64, high: f64) {
        let found = wilson(events, n);
        assert!((found.low - low).abs() < 5e-5 && (found.high - high).abs() < 5e-5, "{found:?}");
    }

    /// Newcombe 1998, table I, method 3, and the closed form z²/(n+z²) for no events.
    #[test]
    fn wilson_intervals_match_published_ones() {
        check_wilson(81, 263, 0.2553, 0.3662);
        check_wilson(15, 148, 0.0624, 0.1605);
        check_wilson(0, 20, 0.0, 0.1611);
        check_wilson(1, 29, 0.0061, 0.1718);
        let z2 = 1.959_963_985_f64 * 1.959_963_985;
        check_wilson(0, 10, 0.0, z2 / (10.0 + z2));
        check_wilson(10, 10, 10.0 / (10.0 + z2), 1.0);
    }

    /// R: t.test(c(1, 2, 4, 8))$conf.int
    #[test]
    fn intervals_of_means_are_those_of_the_t_test() {
        let (low, high) = mean_interval(&[1.0, 2.0, 4.0, 8.0]).unwrap_or_default();
        assert!((low - -1.175_943).abs() < 1e-5 && (high - 8.675_943).abs() < 1e-5, "{low} {high}");
        assert_eq!(mean_interval(&[3.0; 5]), Some((3.0, 3.0)));
        assert_eq!(mean_interval(&[3.0]), None);
        // R: mean(x) + c(-1, 1) * qt(1 - 0.05 / 2 / 5, 3) * sd(x) / 2
        let (low, high) = mean_interval_among(&[1.0, 2.0, 4.0, 8.0], 5).unwrap_or_default();
        assert!((low - -5.290_84).abs() < 1e-4 && (high - 12.790_84).abs() < 1e-4, "{low} {high}");
    }

    /// Newcombe 1998, table II, method 10: 36, 12, 2 and 0 of 50 pairs give 0.0569 to 0.3404 for first minus second.
    #[test]
    fn intervals_of_paired_flags_match_published_ones() {
        let pairs = |counts: [usize; 4]| -> Vec<(f64, f64)> {
            let kinds = [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)];
            kinds.iter().zip(counts).flat_map(|(kind, count)| vec![*kind; count]).collect()
        };
        let (low, high) = flag_interval(&pairs([36, 12, 2, 0])).unwrap_or_default();
        assert!((low - -0.3404).abs() < 5e-5 && (high - -0.0569).abs() < 5e-5, "{low} {high}");
        let (low, high) = flag_interval(&pairs([0, 2, 0, 0])).unwrap_or_default();
        assert!(low >= -1.0 && high > -0.3, "two worlds are not certain: {low} {high}");
        let (low, high) = flag_interval(&pairs([3, 0, 0, 0])).unwrap_or_default();
        assert!(low < 0.0 && high > 0.0, "{low} {high}");
        assert_eq!(flag_interval(&[]), None);
    }

    /// The table of ranks for the median: none below 6 values, (1, 6) of 6, (2, 9) of 10, (6, 15) of 20.
    #[test]
    fn intervals_of_medians_are_those_of_the_sign_test() {
        let of = |n: u32| median_interval(&(1..=n).map(f64::from).collect::<Vec<_>>());
        assert_eq!((of(5), of(6), of(10), of(20)), (None, Some((1.0, 6.0)), Some((2.0, 9.0)), Some((6.0, 15.0))));
    }

    #[test]
    fn quantiles_interpolate_like_r() {
        // R: quantile(c(1, 2, 4, 8, 16), c(.1, .5, .95))
        let values = [1.0, 2.0, 4.0, 8.0, 16.0];
        for (share, expected) in [(0.0, 1.0), (0.1, 1.4), (0.5, 4.0), (0.95, 14.4), (1.0, 16.0)] {
            assert!((quantile(&values, share) - expected).abs() < 1e-12, "{share}");
        }
        assert!(quantile(&[], 0.5).is_nan());
    }

    /// For 1…n the tail above the 95 % quantile is an arithmetic series.
    #[test]
    fn the_shortfall_is_the_mean_of_the_tail() {
        let values: Vec<f64> = (1..=1000).rev().map(f64::from).collect();
        let stats = describe(&values, "coins");
        assert_eq!((stats.n, stats.mean, stats.p50), (1000, 500.5, 500.5));
        assert!((stats.p95 - 950.05).abs() < 1e-9, "{}", stats.p95);
        assert_eq!(stats.expected_shortfall_95, Some(975.5));
        assert_eq!((stats.probability, stats.too_few), (None, None));
    }

    #[test]
    fn what_few_worlds_cannot_show_is_left_out() {
        let few = |n: u32| describe(&(0..n).map(f64::from).collect::<Vec<_>>(), "flag");
        let (nineteen, twenty, hundred) = (few(19), few(20), few(100));
        assert!(nineteen.p95.is_nan() && nineteen.p50 == 9.0);
        assert!(twenty.p95.is_finite() && twenty.p99.is_none() && twenty.expected_shortfall_95.is_none());
        assert!(hundred.p99.is_some() && hundred.too_few.is_none());
        assert!(nineteen.too_few.as_deref().is_some_and(|text| text.starts_with("too few seeds (19)")));
        assert_eq!(twenty.probability.map(|share| share.events), Some(19));
    }

    #[test]
    fn values_that_are_not_finite_are_left_out() {
        let stats = describe(&[1.0, f64::NAN, f64::INFINITY, 3.0], "coins");
        assert_eq!((stats.n, stats.mean), (2, 2.0));
        assert_eq!(serde_json::to_value(describe(&[], "flag")).map(|json| json["mean"].is_null()).ok(), Some(true));
    }
}
