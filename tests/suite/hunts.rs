//! Hunts in shipped scenarios. A few plans are looked at here; `PALISADE_HUNTS=200 cargo test --release --workspace --test
//! suite hunts` looks at so many, on as many seeds as `palisade hunt` does, and under every counterfactual.

use std::path::PathBuf;

use palisade_lab::hunt::{Choice, Hunt, Hunting, Scope, hunt};
use palisade_lab::inventory::{Claim, Described, Inventory};
use palisade_lab::load::RunRequest;
use palisade_lab::run::Watch;

const SCENARIOS: [&str; 3] = ["mango_2022", "quorum_capture", "oracle_collusion"];

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

fn hunted(scenario: &str, set: &[String]) -> Hunt {
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
    for scenario in SCENARIOS {
        let hunt = hunted(scenario, &[]);
        assert!(hunt.found && hunt.start.mean > Some(0.0), "{scenario}: {hunt:?}");
        assert!(hunt.best.mean >= hunt.start.mean && hunt.evaluations > 1, "{scenario}: {hunt:?}");
        assert!(hunt.restarts == 0 || asked().is_some(), "{hunt:?}");
    }
}

/// Counterfactuals that say of the shipped plan alone what becomes of it, and leave attacks that pay. A claim that an attack
/// still pays is not listed.
const OF_THE_PLAN: [(&str, &[&str]); 3] = [
    // Slower and with a larger push: the price follows far enough in the hour there is.
    ("mango_2022", &["protocol.feeds.MNGO.collar_per_minute=0.1"]),
    // It buys half as many votes again, and outvotes those who are careful.
    ("quorum_capture", &["population.careful voters.count=5"]),
    // Honest nodes are cut for deviating from the lie.
    ("oracle_collusion", &["protocol.offences.deviation_slash=0.5", "protocol.offences.deviation_tolerance=0.05"]),
];

/// The changes of a scenario's counterfactuals that end the attack, and those that leave one.
fn counterfactuals(scenario: &'static str) -> (Vec<Vec<String>>, Vec<Vec<String>>) {
    let described = Inventory::load(&[]).expect("what there is").describe(scenario).expect("a scenario");
    let described = described.into_iter().find_map(|found| match found {
        Described::Scenario(described) => Some(described),
        _ => None,
    });
    let leaves = |claim: &Claim| {
        let of_the_plan = OF_THE_PLAN.iter().any(|(name, set)| *name == scenario && claim.set == *set);
        of_the_plan || (claim.outcome == "attack_profitable" && claim.claim.starts_with("above"))
    };
    let (left, stopped): (Vec<Claim>, Vec<Claim>) =
        described.expect("a scenario").counterfactuals.into_iter().partition(leaves);
    let sets = |claims: Vec<Claim>| claims.into_iter().map(|claim| claim.set).collect();
    (sets(stopped), sets(left))
}

#[test]
fn nothing_is_found_under_counterfactuals_that_end_the_attack() {
    for scenario in SCENARIOS {
        let (stopped, _) = counterfactuals(scenario);
        assert!(!stopped.is_empty(), "{scenario}");
        let all = asked().is_some();
        for set in stopped.iter().take(if all { usize::MAX } else { 1 }) {
            let hunt = hunted(scenario, set);
            assert!(!hunt.found && hunt.best.mean <= Some(0.0), "{scenario} {set:?}: {hunt:?}");
        }
    }
}

#[test]
fn what_only_weakens_an_attack_is_seen_to_leave_one() {
    let (_, left) = counterfactuals("quorum_capture");
    assert_eq!(left.len(), 2, "a guardian who comes too late, and five careful voters: {left:?}");
    if asked().is_none() {
        println!("not hunted: set PALISADE_HUNTS to a number of plans");
        return;
    }
    for scenario in SCENARIOS {
        for set in counterfactuals(scenario).1 {
            let hunt = hunted(scenario, &set);
            assert!(hunt.found, "{scenario} {set:?}: {hunt:?}");
        }
    }
}
