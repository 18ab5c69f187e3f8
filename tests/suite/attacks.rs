//! The shipped attacks on stake, oracle and votes: they meet their own expectations over seeds, nothing happens without
//! the attacker, half the dose does less, and half the step changes no headline.

use std::sync::OnceLock;

use palisade_lab::load::{RunRequest, load};
use palisade_lab::report::Report;
use palisade_lab::run::run;
use palisade_lab::verify::verify;

use crate::scenarios::{Quiet, outcome, request};

/// A scenario, its half step, half its dose, and the figures that the dose moves.
struct Attack {
    scenario: &'static str,
    half_step: &'static str,
    half_dose: &'static [&'static str],
    moved: &'static [&'static str],
}

const ATTACKS: [Attack; 5] = [
    Attack {
        scenario: "oracle_collusion.ron",
        half_step: "5s",
        half_dose: &["stake_budget=300000.0", "margin=100000.0"],
        moved: &["attacker_net", "loss_caused", "attacker_bought", "wrongful_harm"],
    },
    Attack {
        scenario: "quorum_capture.ron",
        half_step: "15s",
        half_dose: &["margin=20000.0", "push=350000.0"],
        moved: &["attacker_net", "loss_caused", "withdrawn", "peak_paper_profit", "spot_multiple"],
    },
    Attack {
        scenario: "reflexive_slash.ron",
        half_step: "7500ms",
        half_dose: &["tokens=100000.0", "margin=90000.0"],
        moved: &["attacker_net", "withdrawn", "peak_paper_profit"],
    },
    Attack {
        scenario: "stages/v1_single_pool.ron",
        half_step: "5s",
        half_dose: &["margin=40000.0", "contracts=300000.0", "push=225000.0"],
        moved: &["attacker_net", "loss_caused", "stake_cut", "stake_price_fall", "deficits"],
    },
    Attack {
        scenario: "stages/v2_validator_slashing.ron",
        half_step: "5s",
        half_dose: &["margin=75000.0", "budget=60000.0"],
        moved: &["attacker_net", "loss_caused", "withdrawn"],
    },
];

/// The report of an attack as it is shipped, by its place among them.
fn full(place: usize) -> &'static Report {
    static REPORTS: [OnceLock<Report>; ATTACKS.len()] = [const { OnceLock::new() }; ATTACKS.len()];
    REPORTS[place].get_or_init(|| report(ATTACKS[place].scenario, &[]))
}

fn report(scenario: &str, sets: &[String]) -> Report {
    let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
    let request = request(scenario, &sets);
    run(&load(&request).unwrap_or_else(|error| panic!("{error}")), &request, &Quiet)
        .unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn attacks_meet_their_expectations_over_seeds() {
    for attack in &ATTACKS {
        for seed in 1..3 {
            let request = RunRequest { seed, ..request(attack.scenario, &[]) };
            let found = verify(&request, &Quiet).unwrap_or_else(|error| panic!("{error}"));
            assert!(found.ok(), "{} seed {seed}: {found:#?}", attack.scenario);
            assert!(found.predicted >= 2 && found.counterfactuals.len() >= 3, "{}", attack.scenario);
        }
    }
}

#[test]
fn without_the_attacker_nothing_happens() {
    for attack in &ATTACKS {
        let report = report(attack.scenario, &["attackers.attacker.count=0".to_owned()]);
        for quiet in [
            "insolvent",
            "deficits",
            "socialized",
            "stake_cut",
            "deviation_offences",
            "wrongful_harm",
            "proposals_executed",
            "bribes_paid",
        ] {
            assert_eq!(outcome(&report, quiet), 0.0, "{}: {quiet}", attack.scenario);
        }
        assert!(outcome(&report, "spot_multiple") < 1.05, "{}: price within noise", attack.scenario);
        assert!(outcome(&report, "stake_price_fall") < 0.05, "{}: price within noise", attack.scenario);
    }
}

#[test]
fn half_the_dose_does_less() {
    for (place, attack) in ATTACKS.iter().enumerate() {
        let half: Vec<String> = attack.half_dose.iter().map(|set| format!("attackers.attacker.params.{set}")).collect();
        let half = report(attack.scenario, &half);
        for name in attack.moved {
            let (full, half) = (outcome(full(place), name), outcome(&half, name));
            assert!(half < 0.8 * full, "{} {name}: {half} is not well below {full}", attack.scenario);
        }
    }
}

#[test]
fn half_the_step_keeps_every_headline() {
    for attack in &ATTACKS {
        let step = format!("clock.0.dt=\"{}\"", attack.half_step);
        let found = verify(&request(attack.scenario, &[&step]), &Quiet).unwrap_or_else(|error| panic!("{error}"));
        assert!(found.ok(), "{}: {found:#?}", attack.scenario);
    }
}

/// The measured routes against what the scripted attackers paid on the very venue: within 10 % of the capital, and a
/// round trip that loses no more than twice what was measured.
#[test]
fn routes_are_priced_at_what_attackers_really_pay() {
    for (place, venue, capital, cost) in [
        (0, "liquidity STK/USD", "oracle_majority_capital", "oracle_majority_cost"),
        (1, "liquidity GOV/USD", "quorum_capital", "quorum_cost"),
    ] {
        let (report, scenario) = (full(place), ATTACKS[place].scenario);
        let paid = |from: &str, to: &str| -> f64 {
            let flows =
                report.first.flows.iter().filter(|flow| flow.from == from && flow.to == to && flow.asset == "USD");
            flows.map(|flow| flow.amount).sum()
        };
        let (bought, sold) = (paid("attacker", venue), paid(venue, "attacker"));
        let (capital, cost) = (outcome(report, capital), outcome(report, cost));
        assert!((bought / capital - 1.0).abs() < 0.1, "{scenario}: {bought} for a route of {capital}");
        assert!(bought - sold <= 2.0 * cost + 1.0, "{scenario}: {} lost, {cost} measured", bought - sold);
    }
}
