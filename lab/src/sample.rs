//! A small scenario and an onlooker, for tests.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;

use crate::load::RunRequest;
use crate::run::Watch;

/// A thin market with traders; two minutes in steps of a second.
pub(crate) const CALM: &str = r#"(
format: 1, name: "sample", summary: "a sample", clock: [(for: "2m", dt: "1s")],
protocol: Inline((
  assets: {"USD": (decimals: 6), "THIN": (decimals: 6)}, settlement: "USD",
  feeds: {"THIN": (sources: ["THIN/USD"], heartbeat: "10s", own_noise: 0.001)},
  markets: {"THIN-PERP": (feed: "THIN", base: "THIN", venues: ["THIN/USD"], unrealized_weight: 0.8, imr: 0.2, mmr: 0.1)},
  funds: (pool: 1000000.0, insurance: 10000.0, deposits: 500000.0),
)),
market: Inline((venues: {"THIN/USD": (base: "THIN", quote: "USD", price: 1.0, depth: 100000.0)})),
population: Inline({
  "nodes": (role: oracle, strategy: "honest", count: 3, stake: Fixed(1000.0)),
  "some traders": (role: trader, strategy: "noise", count: 5, margin: LogNormal(2000.0, 0.5), params: {"rate": 1.0}),
}),
//attackers
expect: [
  (outcome: "insolvent", value: 0, tolerance: Exact, kind: predicted, why: "calm"),
  (outcome: "insurance_fund", at: "1m", tolerance: Above(20000), kind: fitted),
],
counterfactuals: [(set: ["protocol.funds.insurance=30000.0"], outcome: "insurance_fund", at: "1m", claim: Rises)],
fitted: ["protocol.funds.pool"],
)"#;

/// Who buys the market up and withdraws against the profit.
const ATTACKERS: &str = r#"attackers: Inline({"thief": (role: attacker, strategy: "thin_market_push", count: 1, accounts: 2,
  wallet: {"USD": Fixed(600000.0)}, params: {"margin": 100000.0, "push": 300000.0, "push_minutes": 0.5})}),"#;

/// A file with the calm scenario, changed by replacements, and a request to run it.
pub(crate) fn calm(changes: &[(&str, &str)]) -> (TempDir, RunRequest) {
    let folder = tempfile::tempdir().expect("a folder for tests");
    let scenario: PathBuf = folder.path().join("sample.ron");
    let text = changes.iter().fold(CALM.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    });
    std::fs::write(&scenario, text).expect("a file for tests");
    (folder, RunRequest { scenario, ..RunRequest::default() })
}

/// The scenario with an attacker.
pub(crate) fn attacked() -> (TempDir, RunRequest) {
    calm(&[("//attackers", ATTACKERS)])
}

/// Counts steps and interrupts from the start, or never.
#[derive(Debug, Default)]
pub(crate) struct Onlooker {
    pub(crate) steps: AtomicU64,
    pub(crate) interrupts: bool,
}

impl Watch for Onlooker {
    fn stepped(&self, steps: u64) {
        self.steps.fetch_add(steps, Ordering::Relaxed);
    }

    fn interrupted(&self) -> bool {
        self.interrupts
    }
}
