//! Aggregation of reports.

/// Stake-weighted lower median: the first report, in order of price, at which half of the stake is reached.
///
/// `None` without stake. The order of the inputs does not matter.
#[must_use]
pub fn weighted_lower_median(prices: &[f64], stakes: &[f64]) -> Option<f64> {
    weighted_lower_quantile(prices, stakes, 0.5)
}

/// The first report, in order of price, at which a share of the stake is reached.
///
/// `None` without stake. The order of the inputs does not matter.
#[must_use]
pub fn weighted_lower_quantile(prices: &[f64], stakes: &[f64], share: f64) -> Option<f64> {
    let mut reports: Vec<(f64, f64)> = prices.iter().copied().zip(stakes.iter().copied()).collect();
    reports.retain(|(price, stake)| price.is_finite() && *stake > 0.0);
    reports.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let total: f64 = reports.iter().map(|(_, stake)| stake).sum();
    let mut reached = 0.0;
    for (price, stake) in &reports {
        reached += stake;
        if reached >= share * total {
            return Some(*price);
        }
    }
    None
}

/// Stake-weighted mean: what a single node can move as far as it likes.
#[must_use]
pub fn weighted_mean(prices: &[f64], stakes: &[f64]) -> Option<f64> {
    let (mut sum, mut total) = (0.0, 0.0);
    for (price, stake) in prices.iter().zip(stakes) {
        if price.is_finite() && *stake > 0.0 {
            sum += price * stake;
            total += stake;
        }
    }
    (total > 0.0).then(|| sum / total)
}

/// Variance of the median of `nodes` reports with independent normal noise of deviation `own`: π/2 times that of the
/// mean for many nodes, and never more than that of one report.
#[must_use]
pub fn median_noise_variance(own: f64, nodes: u32) -> f64 {
    let factor = std::f64::consts::FRAC_PI_2 / f64::from(nodes.max(1));
    own * own * if factor < 1.0 { factor } else { 1.0 }
}

/// A collar this wide is none.
pub const NO_COLLAR: f64 = 1e6;

/// `price` held within ±`per_minute` a minute, compounding, of `last` published `minutes` ago.
#[must_use]
pub fn collared(price: f64, last: f64, per_minute: f64, minutes: f64) -> f64 {
    if per_minute >= NO_COLLAR {
        return price;
    }
    let reach = libm::pow(1.0 + per_minute, minutes);
    let (low, high) = (last / reach, last * reach);
    if price < low {
        low
    } else if price > high {
        high
    } else {
        price
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_median_needs_half_the_stake() {
        assert_eq!(weighted_lower_median(&[3.0, 1.0, 2.0], &[1.0, 1.0, 1.0]), Some(2.0));
        assert_eq!(weighted_lower_median(&[1.0, 2.0], &[1.0, 1.0]), Some(1.0), "exactly half is enough");
        assert_eq!(weighted_lower_median(&[1.0, 2.0], &[1.0, 1.5]), Some(2.0));
        assert_eq!(weighted_lower_median(&[1.0], &[0.0]), None);
    }

    #[test]
    fn one_bad_feed_of_three_moves_the_mean_and_not_the_median() {
        // Synthetix sKRW 2019: two live feeds of 1 and 1000 averaged to 500.5; three with a median stay at 1.
        assert_eq!(weighted_mean(&[1.0, 1000.0], &[1.0, 1.0]), Some(500.5));
        assert_eq!(weighted_lower_median(&[1.0, 1.0, 1000.0], &[1.0; 3]), Some(1.0));
    }

    #[test]
    fn many_nodes_average_their_noise_out() {
        // Exact variances of the median of 9 and 101 unit normals: 0.1661 and 0.01549 (order statistics).
        assert!((median_noise_variance(1.0, 9) / 0.166_101 - 1.0).abs() < 0.06);
        assert!((median_noise_variance(1.0, 101) / 0.015_486 - 1.0).abs() < 0.01);
        assert_eq!(median_noise_variance(0.1, 1), 0.1 * 0.1);
    }

    #[test]
    fn a_collar_compounds_by_the_minute() {
        assert!((collared(9.0, 1.0, 0.1, 2.0) - 1.21).abs() < 1e-12);
        assert!((collared(0.1, 1.0, 0.1, 1.0) - 1.0 / 1.1).abs() < 1e-12);
        assert_eq!(collared(1.05, 1.0, 0.1, 1.0), 1.05);
        assert_eq!(collared(9.0, 1.0, NO_COLLAR, 0.01), 9.0);
    }
}
