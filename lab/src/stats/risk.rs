//! How bad it gets: value at risk and expected shortfall of losses over worlds, with 95 % intervals. Losses count upwards; those
//! that are not finite are left out.

use super::bootstrap::bootstrap;
use super::{Draws, Estimate, quantile, quantile_interval, tail_mean};

/// Values above the level that an expected shortfall needs, at least.
const ENOUGH_IN_TAIL: f64 = 5.0;
/// What rounding may take off a number of values.
const ROUNDING: f64 = 1e-9;

/// The loss that a share `level` of worlds stays below (type 7 of Hyndman and Fan 1996), with an interval by order statistics
/// that assumes nothing about losses (Conover 1999, 3.2), where there are enough for one. `None` where less than one world
/// would lie above, or the level is not inside 0…1.
#[must_use]
pub fn value_at_risk(losses: &[f64], level: f64) -> Option<Estimate> {
    let sorted = rising(losses, level, 1.0)?;
    Some(Estimate { value: quantile(&sorted, level), interval: quantile_interval(&sorted, level) })
}

/// The mean of the losses at or above the value at risk at `level` (Rockafellar and Uryasev 2002), with an interval by
/// resampling; a short tail makes both too small. `None` where fewer than five worlds would lie above.
#[must_use]
pub fn expected_shortfall(losses: &[f64], level: f64, draws: &Draws) -> Option<Estimate> {
    let sorted = rising(losses, level, ENOUGH_IN_TAIL)?;
    Some(bootstrap(&sorted, draws, |sorted| tail_mean(sorted, quantile(sorted, level))))
}

#[allow(clippy::cast_precision_loss)]
fn rising(losses: &[f64], level: f64, above: f64) -> Option<Vec<f64>> {
    let mut sorted: Vec<f64> = losses.iter().copied().filter(|loss| loss.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let enough = sorted.len() as f64 * (1.0 - level) + ROUNDING >= above;
    (enough && level > 0.0 && level < 1.0).then_some(sorted)
}

#[cfg(test)]
mod tests {
    use palisade_engine::rng::Streams;

    use super::*;

    fn losses(n: u32) -> Vec<f64> {
        (1..=n).rev().map(f64::from).collect()
    }

    /// Ranks by the binomial distribution of scipy 1.17.1: of 1,000 losses the 936th and the 964th hold the 95 % quantile, of
    /// 100 the 90th and the 100th, of 73 the 65th and the 73rd; of 72 none above does. Kills ranks one off.
    #[test]
    fn the_value_at_risk_lies_between_ranks_of_the_binomial() {
        let interval = |n, level| value_at_risk(&losses(n), level).and_then(|found| found.interval);
        assert_eq!(interval(1000, 0.95), Some((936.0, 964.0)));
        assert_eq!(interval(100, 0.95), Some((90.0, 100.0)));
        assert_eq!(interval(73, 0.95), Some((65.0, 73.0)));
        assert_eq!(interval(72, 0.95), Some((64.0, 72.0)));
        assert_eq!(interval(71, 0.95), None);
        assert_eq!(interval(500, 0.99), Some((490.0, 500.0)));
    }

    #[test]
    fn what_few_worlds_cannot_show_is_left_out() {
        assert!(value_at_risk(&losses(19), 0.95).is_none());
        assert!(value_at_risk(&losses(20), 0.95).is_some_and(|found| found.value == 19.05 && found.interval.is_none()));
        let shortfall = |n| expected_shortfall(&losses(n), 0.95, &Draws::default());
        assert!(shortfall(99).is_none() && shortfall(100).is_some());
        assert!(value_at_risk(&losses(200), 1.0).is_none() && value_at_risk(&[f64::NAN; 50], 0.5).is_none());
    }

    /// For exponential losses the shortfall is the value at risk plus one: 1 + ln 20 at 95 %. The interval holds it about as
    /// often as it says. Kills a tail taken from the other side and a mean of all losses.
    #[test]
    fn the_shortfall_of_exponential_losses_is_one_above_their_value_at_risk() {
        let truth = 1.0 + libm::log(20.0);
        let found = |sample: u64| {
            let mut stream = Streams::new(9).stream("losses", sample, 0);
            let losses: Vec<f64> = (0..1000).map(|_| -libm::log(1.0 - stream.uniform())).collect();
            expected_shortfall(&losses, 0.95, &Draws { count: 200, seed: sample }).unwrap()
        };
        let all: Vec<Estimate> = (0..200).map(found).collect();
        let mean = all.iter().map(|found| found.value).sum::<f64>() / 200.0;
        assert!((mean - truth).abs() < 0.05, "{mean} is not {truth}");
        let holds = |found: &&Estimate| found.interval.is_some_and(|(low, high)| low <= truth && truth <= high);
        let held = all.iter().filter(holds).count();
        assert!((176..=197).contains(&held), "{held}");
    }
}
