//! When cheating does not pay, how often it is looked for, and how slashed funds are shared among victims.

use crate::units::{Amount, share};

/// Chance of being caught at which a gain is worth nothing: g ÷ (g + s) (G. Becker, 1968).
#[must_use]
pub fn deterring_probability(gain: f64, slash: f64) -> f64 {
    gain / (gain + slash)
}

/// The mixed equilibrium of inspecting and cheating.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Inspection {
    /// Chance that the inspector looks.
    pub inspect: f64,
    /// Chance that the inspected cheats.
    pub cheat: f64,
    /// What the inspected gains on average.
    pub cheater_value: f64,
    /// What the inspector gains on average.
    pub inspector_value: f64,
}

/// Equilibrium of the two-by-two inspection game (M. Dresher, R. Avenhaus): the cheater gains `gain` or loses `slash`,
/// inspection costs `cost`, and cheating that is missed costs the inspector `missed`. A larger slash lowers inspection,
/// not cheating.
#[must_use]
pub fn inspection((gain, slash): (f64, f64), (cost, missed): (f64, f64)) -> Inspection {
    let inspect = deterring_probability(gain, slash);
    let cheat = cost / missed;
    Inspection {
        inspect,
        cheat,
        cheater_value: (1.0 - inspect) * gain - inspect * slash,
        inspector_value: -(1.0 - inspect) * cheat * missed - inspect * cost,
    }
}

/// Payments out of `available` toward `claims`: everybody in full where it suffices, else pro rata rounded down, so that
/// nobody gets more than claimed and the sum is never above what is there (after STAKESURE, arXiv:2401.05797).
#[must_use]
pub fn compensate(available: Amount, claims: &[Amount]) -> Vec<Amount> {
    let total: i128 = claims.iter().map(|claim| i128::from(*claim)).sum();
    match Amount::try_from(total) {
        Ok(total) if total > available => claims.iter().map(|claim| share(*claim, available, total)).collect(),
        Ok(_) => claims.to_vec(),
        // More than 64 bits are claimed: nothing that is there could tell the claims apart.
        Err(_) => vec![0; claims.len()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Streams;

    #[test]
    fn claims_are_paid_in_full_or_pro_rata_and_never_beyond() {
        assert_eq!(compensate(100, &[30, 50, 10]), [30, 50, 10]);
        assert_eq!(compensate(45, &[30, 50, 10]), [15, 25, 5]);
        assert_eq!(compensate(0, &[30]), [0]);
        let mut draw = Streams::new(1).stream("claims", 0, 0);
        for _ in 0..500 {
            #[allow(clippy::cast_possible_truncation)]
            let mut amount = || (draw.uniform() * 1e12) as Amount;
            let (available, claims) = (amount(), [amount(), amount() / 1_000, amount() / 1_000_000]);
            let paid = compensate(available, &claims);
            assert!(paid.iter().zip(&claims).all(|(paid, claim)| (0..=*claim).contains(paid)));
            let (sum, owed): (Amount, Amount) = (paid.iter().sum(), claims.iter().sum());
            assert!(sum <= available && sum >= available.min(owed) - 3, "{sum} of {available} for {owed}");
        }
    }
}
