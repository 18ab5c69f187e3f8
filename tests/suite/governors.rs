//! States of proposals and counts of votes against the own tests of Compound's and OpenZeppelin's governors
//! (`tests/vectors/governance.json`).

use std::collections::BTreeSet;

use palisade_engine::math::tally::{self, Calendar, Choice, ProposalState, QuorumCounts, Tally, Thresholds, Weight};
use serde_json::Value;

fn all_rows() -> Vec<Value> {
    serde_json::from_str(include_str!("../vectors/governance.json")).expect("rows")
}

fn whole(value: &Value) -> Weight {
    value.as_str().expect("a number as a text").parse().expect("a whole number")
}

fn time(value: &Value) -> i64 {
    i64::try_from(whole(value)).expect("a time")
}

/// `8% of 100` or a plain number.
fn votes(value: &Value) -> Weight {
    let text = value.as_str().expect("votes");
    let Some((share, supply)) = text.split_once("% of ") else { return whole(value) };
    tally::quorum(supply.parse().expect("a supply"), share.parse::<f64>().expect("a share") / 100.0)
}

fn cast(value: &Value) -> Tally {
    let mut tally = Tally::default();
    for vote in value.as_array().expect("votes") {
        let choice = match vote["support"].as_str().expect("a choice") {
            "for" => Choice::For,
            "against" => Choice::Against,
            _ => Choice::Abstain,
        };
        tally.add(choice, whole(&vote["weight"]));
    }
    tally
}

fn word(state: ProposalState) -> &'static str {
    match state {
        ProposalState::Pending => "Pending",
        ProposalState::Active => "Active",
        ProposalState::Defeated => "Defeated",
        ProposalState::Succeeded => "Succeeded",
        ProposalState::Queued => "Queued",
        ProposalState::Expired => "Expired",
    }
}

/// Bravo's defaults: a quorum of 400,000 tokens of 18 decimals and a grace of 14 days.
const BRAVO: Thresholds = Thresholds {
    quorum: 400_000 * 1_000_000_000_000_000_000,
    super_quorum: None,
    counts: QuorumCounts::For,
    majority: 0.5,
};
const GRACE: i64 = 14 * 86_400;

fn bravo_state(inputs: &Value) -> &'static str {
    let optional = |name: &str| inputs.get(name).map(time);
    let calendar = Calendar {
        start: time(&inputs["start_block"]),
        end: time(&inputs["end_block"]),
        eta: optional("eta"),
        grace: GRACE,
    };
    let tally = Tally {
        for_votes: whole(&inputs["for_votes"]),
        against_votes: whole(&inputs["against_votes"]),
        abstain_votes: 0,
    };
    word(tally::state(calendar, tally, BRAVO, (time(&inputs["block"]), optional("timestamp").unwrap_or(0))))
}

/// A vote from 1 to 10, seen at 5, or at 11 once its deadline has passed.
fn super_quorum_state(inputs: &Value) -> &'static str {
    let needs = Thresholds {
        quorum: votes(&inputs["quorum"]),
        super_quorum: Some(votes(&inputs["super_quorum"])),
        counts: QuorumCounts::ForAndAbstain,
        majority: 0.5,
    };
    let flag = |name: &str| inputs[name].as_bool().expect("a flag");
    let eta = flag("queued").then_some(100);
    let now = if flag("deadline_passed") { 11 } else { 5 };
    let calendar = Calendar { start: 0, end: 10, eta, grace: GRACE };
    word(tally::state(calendar, cast(&inputs["votes"]), needs, (now, now)))
}

#[test]
fn governors_agree() {
    let mut seen = BTreeSet::new();
    for row in all_rows() {
        let (id, case) = (row["id"].as_str().expect("an id"), row["case"].as_str().expect("a case"));
        let (inputs, expected) = (&row["inputs"], &row["expected"]);
        match case {
            "bravo_state" => assert_eq!(bravo_state(inputs), expected["state"], "{id}"),
            "bravo_proposal_window" => {
                let (delay, period) = (time(&inputs["voting_delay"]), time(&inputs["voting_period"]));
                let window = tally::window(time(&inputs["block"]), delay, period);
                assert_eq!(window, (time(&expected["start_block"]), time(&expected["end_block"])), "{id}");
            }
            "bravo_vote_weight" => {
                let mut tally = Tally::default();
                tally.add(Choice::Against, whole(&inputs["delegated_votes_at_start_block"]));
                assert_eq!(tally.against_votes, whole(&expected["against_votes_delta"]), "{id}");
                assert_eq!((tally.for_votes, tally.abstain_votes), (0, 0), "{id}");
            }
            "oz_quorum" => {
                let share = whole(&inputs["numerator"]) as f64 / whole(&inputs["denominator"]) as f64;
                let found = tally::quorum(whole(&inputs["total_supply_at_snapshot"]), share);
                assert_eq!(found, whole(&expected["quorum"]), "{id}");
            }
            "oz_outcome" => {
                let needs = Thresholds {
                    quorum: whole(&inputs["quorum"]),
                    super_quorum: None,
                    counts: QuorumCounts::ForAndAbstain,
                    majority: 0.5,
                };
                let tally = Tally {
                    for_votes: whole(&inputs["for_votes"]),
                    against_votes: whole(&inputs["against_votes"]),
                    abstain_votes: whole(&inputs["abstain_votes"]),
                };
                let over = Calendar { start: 0, end: 1, eta: None, grace: GRACE };
                assert_eq!(word(tally::state(over, tally, needs, (2, 2))), expected["state"], "{id}");
            }
            "oz_super_quorum_state" => assert_eq!(super_quorum_state(inputs), expected["state"], "{id}"),
            "oz_tally" => {
                let tally = cast(&inputs["votes"]);
                assert_eq!(tally.for_votes, whole(&expected["for_"]), "{id}");
                assert_eq!(tally.against_votes, whole(&expected["against"]), "{id}");
                assert_eq!(tally.abstain_votes, whole(&expected["abstain"]), "{id}");
            }
            "oz_late_quorum_extension" => {
                let (made, delay) = (time(&inputs["propose_clock"]), time(&inputs["voting_delay"]));
                let (snapshot, end) = tally::window(made, delay, time(&inputs["voting_period"]));
                assert_eq!(snapshot, time(&expected["snapshot"]), "{id}");
                assert_eq!(end, time(&expected["original_deadline"]), "{id}");
                let reached = time(&inputs["quorum_reached_clock"]);
                let found = tally::extended_end(end, reached, time(&inputs["extension"]));
                assert_eq!(found, time(&expected["extended_deadline"]), "{id}");
            }
            other => panic!("no check for `{other}` of {id}"),
        }
        seen.insert(case.to_owned());
    }
    assert_eq!(seen.len(), 8, "{seen:?}");
}
