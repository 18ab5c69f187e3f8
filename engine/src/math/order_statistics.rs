//! Medians of up to about a thousand reports with independent normal noise and equal stake, exactly: their variance, how
//! far a minority moves them, and how often an honest report falls outside a band around them. By numerical integration;
//! running worlds are held against these.

/// Φ, the standard normal distribution.
#[must_use]
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z / std::f64::consts::SQRT_2)
}

fn normal_density(z: f64) -> f64 {
    libm::exp(-0.5 * z * z) / libm::sqrt(std::f64::consts::TAU)
}

/// Φ⁻¹: by bisection on Φ, to the last digits it resolves.
#[must_use]
pub fn normal_quantile(p: f64) -> f64 {
    // The tails are symmetric, and only the lower one keeps its digits.
    if p > 0.5 {
        return -normal_quantile(1.0 - p);
    }
    let (mut low, mut high) = (-40.0, 0.0);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if normal_cdf(middle) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// How far a share ε of stake that reports +∞ moves the median of many reports with noise σ: σ·Φ⁻¹(1 ÷ (2(1 − ε))).
#[must_use]
pub fn minority_shift(sigma: f64, share: f64) -> f64 {
    sigma * normal_quantile(1.0 / (2.0 * (1.0 - share)))
}

/// Mean of the lower median of `nodes` reports of equal stake, `colluders` of them +∞, in units of the noise of the
/// honest ones: the ⌈n/2⌉-th smallest of those.
#[must_use]
pub fn minority_shift_finite(nodes: u32, colluders: u32) -> f64 {
    let (rank, honest) = (nodes.div_ceil(2), nodes - colluders);
    integrate(|z| z * order_density(rank, honest, z))
}

/// Variance of the median of `nodes` standard normal reports, for an odd number of them.
#[must_use]
pub fn median_variance(nodes: u32) -> f64 {
    integrate(|z| z * z * order_density(nodes.div_ceil(2), nodes, z))
}

/// Variance of a report less the median it is part of: 1 − 2/n + Var(median), as mean and median have covariance 1/n
/// (Basu's theorem).
#[must_use]
pub fn deviation_variance(nodes: u32) -> f64 {
    1.0 - 2.0 / f64::from(nodes) + median_variance(nodes)
}

/// Chance that an honest report lies more than `band` standard deviations from the median of the `nodes` (2m + 1)
/// reports it is one of: of the other 2m, the m-th smallest is above it by more, or the (m+1)-th smallest below it.
#[must_use]
pub fn false_positive_rate(nodes: u32, band: f64) -> f64 {
    let m = nodes / 2;
    if m == 0 {
        return 0.0;
    }
    // Both tails are alike: twice the chance that at most m − 1 of the others are below x + band.
    2.0 * integrate(|z| normal_density(z) * fewer_than(m, 2 * m, normal_cdf(z + band)))
}

/// Chance that fewer than `limit` of `trials` succeed, at chance `p` each.
fn fewer_than(limit: u32, trials: u32, p: f64) -> f64 {
    let q = 1.0 - p;
    (0..limit)
        .map(|hits| choose(trials, hits) * libm::pow(p, f64::from(hits)) * libm::pow(q, f64::from(trials - hits)))
        .sum()
}

/// Density of the `rank`-th smallest of `count` standard normal values.
fn order_density(rank: u32, count: u32, z: f64) -> f64 {
    let (below, above) = (normal_cdf(z), normal_cdf(-z));
    f64::from(rank)
        * choose(count, rank)
        * libm::pow(below, f64::from(rank - 1))
        * libm::pow(above, f64::from(count - rank))
        * normal_density(z)
}

fn choose(n: u32, k: u32) -> f64 {
    (0..k).fold(1.0, |product, i| product * f64::from(n - i) / f64::from(i + 1))
}

/// Simpson's rule over ±12 standard deviations, far beyond which normal densities vanish.
fn integrate(f: impl Fn(f64) -> f64) -> f64 {
    const HALF_STEPS: u32 = 4_000;
    let (low, high) = (-12.0, 12.0);
    let step = (high - low) / f64::from(2 * HALF_STEPS);
    let at = |i: u32| f(low + f64::from(i) * step);
    let inner: f64 = (1..2 * HALF_STEPS).map(|i| at(i) * if i % 2 == 1 { 4.0 } else { 2.0 }).sum();
    (at(0) + inner + at(2 * HALF_STEPS)) * step / 3.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_invert_the_distribution() {
        for p in [1e-12, 0.001, 0.3, 0.5, 0.75, 0.999] {
            assert!((normal_cdf(normal_quantile(p)) / p - 1.0).abs() < 1e-12, "{p}");
        }
        assert!((normal_quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-12);
    }

    #[test]
    fn without_colluders_nothing_moves_and_many_nodes_come_near_the_limit() {
        assert!(minority_shift_finite(21, 0).abs() < 1e-12);
        assert!((minority_shift_finite(901, 180) - minority_shift(1.0, 180.0 / 901.0)).abs() < 2e-3);
    }
}
