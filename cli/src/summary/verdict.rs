//! The headline in words, on fixed reports.

use palisade_lab::report::{Attack, FailIf, Proportion, Report, Solvency};

use crate::summary::sample;
use palisade_lab::verdict::headline;

#[track_caller]
fn check(change: impl FnOnce(&mut Report), expected: &str) {
    let mut report = sample::one_world();
    change(&mut report);
    assert_eq!(headline(&report), expected);
}

fn attack(outlay: f64, gross: f64, loss_caused: f64) -> Option<Attack> {
    let (net, withdrawn, peak_paper_profit) = (gross - outlay, gross, 0.0);
    Some(Attack { outlay, gross, net, withdrawn, peak_paper_profit, loss_caused })
}

fn solvent(report: &mut Report) {
    report.first.solvency = Solvency { assets_minus_claims: 2e6, insolvent: false, ..report.first.solvency };
}

#[test]
fn an_attack_that_pays_succeeded() {
    check(
        |_| (),
        "Attack succeeded: attackers put in 14.00 M USD, carried out 116.00 M, net +102.00 M; \
         the protocol is insolvent by 98.10 M USD.",
    );
}

#[test]
fn an_attack_that_does_not_pay_failed_and_still_may_have_done_harm() {
    check(
        |report| {
            solvent(report);
            report.first.attack = attack(100.0, 40.0, 0.0);
        },
        "Attack failed: attackers put in 100.00 USD, carried out 40.00, net -60.00; \
         the protocol's assets exceed its claims by 2.00 M USD.",
    );
    check(
        |report| {
            solvent(report);
            report.first.attack = attack(0.0, 0.0, 5_000.0);
        },
        "Attack failed: attackers put in nothing, carried out 0.00, net 0.00, yet others lost 5,000.00 USD by it; \
         the protocol's assets exceed its claims by 2.00 M USD.",
    );
}

#[test]
fn without_attackers_only_the_protocol_is_judged() {
    check(
        |report| {
            solvent(report);
            report.first.attack = None;
            report.first.solvency.deficits = 12.5;
        },
        "No attackers: the protocol's assets exceed its claims by 2.00 M USD; \
         bankrupt accounts left deficits of 12.50 USD.",
    );
}

#[test]
fn over_several_worlds_the_share_of_worlds_leads() {
    let mut report = sample::many_worlds();
    assert_eq!(
        headline(&report),
        "Attack succeeded in 87 of 100 worlds (87.0 %, 95 % interval 79.0 % to 92.2 %): attackers' net +90.00 M USD \
         on average, +101.00 M in the median world; the protocol ends insolvent in 85 of 100 worlds \
         (85.0 %, 95 % interval 76.7 % to 90.7 %)."
    );
    report.outcomes.retain(|outcome| outcome.name != "attacker_net");
    assert!(headline(&report).starts_with("First world: Attack succeeded: "), "{}", headline(&report));
    report.first.attack = None;
    assert!(headline(&report).starts_with("No attackers: the protocol ends insolvent in 85 of 100 worlds"));
}

#[test]
fn what_was_never_seen_is_not_ruled_out() {
    let mut report = sample::many_worlds();
    for stats in report.outcomes.iter_mut().filter_map(|outcome| outcome.stats.as_mut()) {
        stats.probability = stats.probability.map(|_| Proportion { events: 0, p: 0.0, low: 0.0, high: 0.037 });
    }
    let text = headline(&report);
    assert!(text.starts_with("Attack failed in all 100 worlds (a chance up to 3.7 % is not ruled out): "), "{text}");
    assert!(text.ends_with("insolvent in none of 100 worlds (a chance up to 3.7 % is not ruled out)."), "{text}");
}

#[test]
fn a_condition_that_hit_and_an_interruption_are_said() {
    let hit = |report: &mut Report, hits, first_seed| {
        report.fail_if = Some(FailIf { expression: "insolvent > 0".to_owned(), hits, first_seed });
    };
    let mut report = sample::many_worlds();
    hit(&mut report, 3, Some(7));
    report.interrupted = true;
    let text = headline(&report);
    assert!(text.starts_with("Interrupted after 100 finished worlds. Attack"), "{text}");
    assert!(text.ends_with(" --fail-if \"insolvent > 0\" hit in 3 of 100 worlds, first with seed 7."), "{text}");
    hit(&mut report, 0, None);
    assert!(headline(&report).ends_with(" --fail-if \"insolvent > 0\" did not hit."));
}
