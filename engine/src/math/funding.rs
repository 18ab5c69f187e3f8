//! Funding on pools: proportional to the skew, up to a cap.

/// Funding rate a day: the cap times skew ÷ scale, within ±cap. Longs pay when it is positive.
#[must_use]
pub fn skew_rate(skew: f64, scale: f64, cap: f64) -> f64 {
    let ratio = skew / scale;
    if ratio > 1.0 {
        cap
    } else if ratio < -1.0 {
        -cap
    } else {
        cap * ratio
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_follows_the_skew_up_to_its_cap() {
        assert_eq!(skew_rate(50.0, 100.0, 0.1), 0.05);
        assert_eq!(skew_rate(-500.0, 100.0, 0.1), -0.1);
    }
}
