//! The oracle of the reference workload: nodes report with noise, the median by stake counts, and who is off is slashed.

use crate::random::{Stream, sum, uniform};

const NODES: u64 = 21;
const NOISE: f64 = 0.001;
const OUTLIERS: f64 = 0.01;
const OUTLIER_FACTOR: f64 = 1.05;
const BOUND: f64 = 0.01;
/// One twentieth of a node's stake is lost.
const SLASH: u64 = 20;

/// The nodes.
#[derive(Clone, Debug)]
pub(crate) struct Nodes {
    stakes: Vec<u64>,
    /// What they have lost.
    pub(crate) slashed: u64,
}

impl Nodes {
    /// All nodes with their stakes.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    #[must_use]
    pub(crate) fn new() -> Self {
        let stake = |node| 1_000_000 + (1_000_000.0 * uniform(Stream::NodeStake, node, 0)).floor() as u64;
        Self { stakes: (0..NODES).map(stake).collect(), slashed: 0 }
    }

    /// Every node reports the price; the report at half of the stake is what they agree on.
    pub(crate) fn agree(&mut self, price: f64, step: u64) -> f64 {
        let reports: Vec<f64> = (0..NODES).map(|node| report(price, step, node)).collect();
        let mut sorted: Vec<(f64, usize)> = reports.iter().copied().zip(0..).collect();
        sorted.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
        let total: u64 = self.stakes.iter().sum();
        let mut below = 0;
        let median = sorted.iter().find(|(_, node)| {
            below += self.stakes[*node];
            2 * below >= total
        });
        let median = median.map_or(price, |(report, _)| *report);
        for (stake, report) in self.stakes.iter_mut().zip(reports) {
            if (report / median - 1.0).abs() > BOUND {
                let lost = *stake / SLASH;
                *stake -= lost;
                self.slashed += lost;
            }
        }
        median
    }
}

#[allow(clippy::approx_constant)]
fn report(price: f64, step: u64, node: u64) -> f64 {
    let noise = (sum(Stream::Noise, step, 4 * node..4 * node + 4) - 2.0) * 1.732_050_807_568_877_2;
    let report = price * (1.0 + NOISE * noise);
    if uniform(Stream::Outlier, step, node) < OUTLIERS { report * OUTLIER_FACTOR } else { report }
}
