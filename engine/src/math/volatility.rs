//! Exponentially weighted volatility on irregular observations, corrected for the noise of what is observed.

/// Days in the year of annualized volatilities.
pub const YEAR_DAYS: f64 = 365.0;

/// Next EWMA variance a day (`RiskMetrics` 1996, with λ a day raised to the elapsed days).
///
/// `log_return` was observed over `days`; each of its two prices carries noise of variance `noise_variance`, so twice
/// that is taken off its square.
#[must_use]
pub fn ewma_variance(variance: f64, log_return: f64, days: f64, lambda: f64, noise_variance: f64) -> f64 {
    if days <= 0.0 {
        return variance;
    }
    let weight = libm::pow(lambda, days);
    let squared = log_return * log_return - 2.0 * noise_variance;
    let observed = if squared > 0.0 { squared / days } else { 0.0 };
    weight * variance + (1.0 - weight) * observed
}

/// Annualized volatility of a variance a day.
#[must_use]
pub fn annualized(variance: f64) -> f64 {
    libm::sqrt(variance * YEAR_DAYS)
}

/// Variance a day of an annualized volatility.
#[must_use]
pub fn daily_variance(volatility: f64) -> f64 {
    volatility * volatility / YEAR_DAYS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_day_is_riskmetrics() {
        let next = ewma_variance(0.0004, 0.03, 1.0, 0.94, 0.0);
        assert!((next - (0.94 * 0.0004 + 0.06 * 0.0009)).abs() < 1e-15);
    }

    #[test]
    fn constant_variance_is_a_fixed_point_at_any_sampling() {
        let daily = 0.0009;
        for days in [1.0, 0.1, 1.0 / 1440.0] {
            let next = ewma_variance(daily, libm::sqrt(daily * days), days, 0.94, 0.0);
            assert!((next / daily - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn noise_is_taken_off() {
        assert_eq!(ewma_variance(0.0, 0.01, 1.0, 0.0, 0.00005), 0.0);
        assert!(ewma_variance(0.0, 0.01, 1.0, 0.0, 0.0) > 0.0);
    }
}
