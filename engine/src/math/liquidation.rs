//! How much of a position a liquidation takes, and the price at which an account is exactly bankrupt.

/// Share of a position to close so that health (collateral ÷ maintenance requirement) reaches `target`.
///
/// Closing a share x of notional n costs the account `penalty`·x·n and lowers its requirement by rate·x·n, so
/// c − p·x·n = t·r·(1 − x)·n gives x = (t·r·n − c) ÷ (n·(t·r − p)), within 0…1; 1 when no share restores health.
#[must_use]
pub fn share_to_target(collateral: f64, notional: f64, rate: f64, penalty: f64, target: f64) -> f64 {
    let gain = notional * (target * rate - penalty);
    if gain <= 0.0 {
        return 1.0;
    }
    ((target * rate * notional - collateral) / gain).clamp(0.0, 1.0)
}

/// Penalty as a ratio of notional: none at the maintenance requirement, all of `penalty` once no collateral is left. So
/// dYdX v4 moves the price at which a liquidation order may fill.
#[must_use]
pub fn penalty_by_shortfall(penalty: f64, collateral: f64, requirement: f64) -> f64 {
    if requirement > 0.0 { penalty * (1.0 - collateral / requirement).clamp(0.0, 1.0) } else { penalty }
}

/// Price at which a position of signed `size` (contracts) brings collateral of `collateral` at `mark` to zero.
#[must_use]
pub fn bankruptcy_price(mark: f64, size: f64, collateral: f64) -> f64 {
    mark - collateral / size
}

/// The going price of a descending auction: straight from `start` to `floor` over its duration, and there from then on.
/// `part` is the share of the duration that is over.
#[must_use]
pub fn going_price(start: f64, floor: f64, part: f64) -> f64 {
    if part < 1.0 { start + (floor - start) * part } else { floor }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_liquidation_restores_target_health() {
        let (collateral, notional, rate, penalty, target) = (40.0, 1000.0, 0.05, 0.01, 1.2);
        let share = share_to_target(collateral, notional, rate, penalty, target);
        let after = (collateral - penalty * share * notional) / (rate * (1.0 - share) * notional);
        assert!((after - target).abs() < 1e-12, "{after}");
        assert_eq!(share_to_target(5.0, 1000.0, 0.05, 0.07, 1.2), 1.0, "a penalty above the relief: all of it");
    }

    #[test]
    fn the_going_price_falls_straight_to_its_floor() {
        assert_eq!([0.0, 0.25, 1.0, 7.0].map(|part| going_price(102.0, 98.0, part)), [102.0, 101.0, 98.0, 98.0]);
        assert_eq!(going_price(98.0, 102.0, 0.5), 100.0, "a short is bought back for more and more");
    }

    #[test]
    fn bankruptcy_brings_equity_to_zero() {
        // 483 M contracts short from 0.0382 with 5 M of margin: bankrupt at 0.0382 + 5/483.
        assert!((bankruptcy_price(0.0382, -483e6, 5e6) - 0.048_552).abs() < 1e-6);
        assert!((bankruptcy_price(100.0, 10.0, 50.0) - 95.0).abs() < 1e-12);
    }
}
