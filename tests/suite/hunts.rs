//! Hunts in shipped scenarios. A few plans are looked at here; `PALISADE_HUNTS=200 cargo test --release --workspace --test
//! suite hunts` looks at so many, on as many seeds as `palisade hunt` does, and under every counterfactual.

use std::path::PathBuf;

use palisade_lab::hunt::{Choice, Hunt, Hunting, Scope, hunt};
use palisade_lab::load::RunRequest;
use palisade_lab::run::Watch;

/// Plans to look at when nothing is said.
const FEW: u32 = 5;

struct Nobody;

impl Watch for Nobody {
    fn stepped(&self, _: u64) {}

    fn interrupted(&self) -> bool {
        false
    }
}

/// How many plans were asked for.
fn asked() -> Option<u32> {
    let text = std::env::var("PALISADE_HUNTS").ok()?;
    Some(text.parse().expect("PALISADE_HUNTS is a number of plans"))
}

fn hunted(scenario: &str, set: &[&str]) -> Hunt {
    let (seeds, held_out) = if asked().is_some() { (4, 16) } else { (1, 4) };
    let request = RunRequest {
        scenario: PathBuf::from(scenario),
        sets: set.iter().map(|set| set.parse().expect("a change")).collect(),
        seeds,
        jobs: std::thread::available_parallelism().map_or(1, usize::from),
        ..RunRequest::default()
    };
    let hunting = Hunting {
        choice: Choice::default(),
        budget: asked().unwrap_or(FEW),
        held_out,
        capital_cost: 0.1,
        defences: Vec::new(),
        scope: Scope::Plan,
    };
    let (hunt, certificate) = hunt(&request, &hunting, &Nobody).expect("a hunt");
    let certificate = certificate.expect("a certificate");
    let checked = certificate.check(&RunRequest { jobs: 1, ..RunRequest::default() }, &Nobody).expect("a check");
    assert!(checked.ok, "{checked:?}");
    println!(
        "{scenario} {set:?}: found {}, {:?} {:?}, plan {:?}",
        hunt.found, hunt.best.mean, hunt.best.interval, hunt.best.plan
    );
    hunt
}

#[test]
fn shipped_attacks_pay_and_what_is_found_pays_at_least_as_much() {
    for scenario in ["mango_2022", "quorum_capture", "oracle_collusion"] {
        let hunt = hunted(scenario, &[]);
        assert!(hunt.found && hunt.start.mean > Some(0.0), "{scenario}: {hunt:?}");
        assert!(hunt.best.mean >= hunt.start.mean && hunt.evaluations > 1, "{scenario}: {hunt:?}");
        assert!(hunt.restarts == 0 || asked().is_some(), "{hunt:?}");
    }
}

/// Counterfactuals that stop the attack, not only the shipped plan, as far as so many plans can tell.
const STOPPED: [(&str, &[&str]); 6] = [
    ("mango_2022", &["protocol.markets.MNGO-PERP.unrealized_weight=0.0"]),
    ("mango_2022", &["protocol.markets.MNGO-PERP.oi_cap_depth_share=0.1"]),
    ("quorum_capture", &["protocol.governance.quorum=0.4"]),
    ("quorum_capture", &["population.guardians.count=1"]),
    ("quorum_capture", &["protocol.governance.immutable=[\"protocol.markets\"]"]),
    ("oracle_collusion", &["population.nodes.stake=Fixed(150000.0)"]),
];

/// And those that only make it smaller, or that a plan gets around which nobody shipped.
const WEAKENED: [(&str, &[&str]); 6] = [
    // Slower and with a larger push: the price follows far enough in the hour there is.
    ("mango_2022", &["protocol.feeds.MNGO.collar_per_minute=0.1"]),
    // It buys half as many votes again, and outvotes those who are careful.
    ("quorum_capture", &["population.careful voters.count=5"]),
    ("quorum_capture", &["protocol.feeds.THIN.collar_per_minute=0.002"]),
    ("oracle_collusion", &["protocol.markets.ETH-PERP.oi_cap=500000.0"]),
    ("oracle_collusion", &["protocol.offences.deviation_slash=0.5"]),
    ("oracle_collusion", &["protocol.feeds.ETH.collar_per_minute=0.01"]),
];

#[test]
fn nothing_is_found_where_the_attack_is_stopped() {
    let cases = if asked().is_some() { &STOPPED[..] } else { &STOPPED[..1] };
    for (scenario, set) in cases {
        let hunt = hunted(scenario, set);
        assert!(!hunt.found && hunt.best.mean <= Some(0.0), "{scenario} {set:?}: {hunt:?}");
    }
}

#[test]
fn what_only_weakens_an_attack_is_seen_to_leave_one() {
    if asked().is_none() {
        println!("not run: set PALISADE_HUNTS to a number of plans");
        return;
    }
    for (scenario, set) in WEAKENED {
        let hunt = hunted(scenario, set);
        assert!(hunt.found, "{scenario} {set:?}: {hunt:?}");
    }
}
