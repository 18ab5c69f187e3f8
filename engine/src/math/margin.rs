//! Margin requirements: tiers by notional, and scaling with volatility.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// From `above` of notional on, the requirement's rates are these.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Notional from which the rates hold, in settlement coins.
    pub above: f64,
    /// Initial rate.
    pub imr: f64,
    /// Maintenance rate.
    pub mmr: f64,
}

/// Requirement of `notional`: each stretch of it at its own tier's rate, so that crossing a tier never jumps.
///
/// `base` is the rate below the first tier; `tiers` are in rising order of `above`.
#[must_use]
pub fn tiered(notional: f64, base: f64, tiers: &[Tier], rate: fn(&Tier) -> f64) -> f64 {
    let mut requirement = 0.0;
    let (mut from, mut current) = (0.0, base);
    for tier in tiers {
        if notional <= tier.above {
            break;
        }
        requirement += (tier.above - from) * current;
        (from, current) = (tier.above, rate(tier));
    }
    requirement + (notional - from) * current
}

/// Requirement of `notional` at a rate that rises from `base` to the whole of it while open interest goes from half of its
/// cap to the cap: as dYdX v4 scales initial margin, with the lower end at half of the upper one.
#[must_use]
pub fn scaled_by_open_interest(notional: f64, base: f64, open_interest: f64, cap: f64) -> f64 {
    let lower = 0.5 * cap;
    let part = if cap > 0.0 { ((open_interest - lower) / lower).clamp(0.0, 1.0) } else { 0.0 };
    notional * (base + (1.0 - base).max(0.0) * part)
}

/// Factor on the base requirement: σ̂ ÷ σ_ref within a floor and a cap; 1 when no reference is set.
#[must_use]
pub fn volatility_factor(estimate: f64, reference: f64, floor: f64, cap: f64) -> f64 {
    if reference <= 0.0 {
        return 1.0;
    }
    let ratio = estimate / reference;
    if ratio < floor {
        floor
    } else if ratio > cap {
        cap
    } else {
        ratio
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers_are_continuous_and_marginal() {
        let tiers = [Tier { above: 100.0, imr: 0.2, mmr: 0.1 }, Tier { above: 300.0, imr: 0.5, mmr: 0.3 }];
        let check = |notional: f64, expected: f64| {
            assert!((tiered(notional, 0.1, &tiers, |tier| tier.imr) - expected).abs() < 1e-12, "{notional}");
        };
        check(50.0, 5.0);
        check(100.0, 10.0);
        check(200.0, 30.0);
        check(400.0, 10.0 + 40.0 + 50.0);
    }

    #[test]
    fn the_factor_stays_in_its_bounds() {
        assert_eq!(volatility_factor(0.8, 0.4, 1.0, 4.0), 2.0);
        assert_eq!(volatility_factor(0.2, 0.4, 1.0, 4.0), 1.0);
        assert_eq!(volatility_factor(9.0, 0.4, 1.0, 4.0), 4.0);
        assert_eq!(volatility_factor(9.0, 0.0, 1.0, 4.0), 1.0);
    }
}
