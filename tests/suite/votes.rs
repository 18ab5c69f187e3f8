//! Governance: the course of a proposal, whose tokens count, and what no vote can do.

use palisade_engine::action::{Intent, Rejected, Value};
use palisade_engine::domain::MarketTerms;
use palisade_engine::host::{Ask, Hook, Replies};
use palisade_engine::math::tally;
use palisade_engine::mechanisms::ALL;
use palisade_engine::registry::{Directory, Kind, part};
use palisade_engine::rng::Streams;
use palisade_engine::scenario::{Amounts, Role, Scenario};
use palisade_engine::{Options, Simulation};
use palisade_tests::hosts::{Native, drive, handle, honest_nodes, intent, own, seen};
use palisade_tests::worlds::{cohort, small, wallet};

const TRADER: u32 = 3;
const GUARDIAN: u32 = 9;
const ATTACKER: u32 = 10;
const FOR: Value = Value::Number(1.0);
const AGAINST: Value = Value::Number(0.0);
const PROPOSAL: Value = handle(Kind::Proposal, 0);
const MARKET: Value = handle(Kind::Market, 0);
const VENUE: Value = handle(Kind::Venue, 0);
const IMR: &str = "protocol.markets.TOK-PERP.imr";

/// TOK votes: four traders hold 1000 each, the venue 10,000; a guardian stands by.
fn governed(terms: &str) -> Scenario {
    let block = format!(r#"(token: "TOK", {terms})"#);
    let mut scenario = small(&[("protocol.governance", &block)]);
    scenario.cohorts.insert(3, ("population.guardians".into(), cohort(Role::Guardian, 1)));
    scenario
}

const SLOW: &str = r#"threshold: 0.01, quorum: 0.1, review: "2s", period: "3s", timelock: "4s", grace: "10s""#;

fn start(scenario: &Scenario) -> Simulation {
    let mut simulation = Simulation::new(scenario, &ALL, Options { seed: 1, ..Options::default() }).expect("legal");
    drive(&mut simulation, 1, |_, _| {});
    simulation
}

fn parameter(simulation: &Simulation, path: &str) -> Value {
    let place = simulation.world().resource::<Directory>().find(Kind::Parameter, path).expect("a parameter");
    handle(Kind::Parameter, u32::try_from(place).expect("few"))
}

fn act(simulation: &mut Simulation, agent: u32, action: &str, args: &[Value]) -> Result<(), Rejected> {
    let intent = intent(simulation.registry(), agent, 0, action, args);
    simulation.act(&intent)
}

fn propose(simulation: &mut Simulation, agent: u32, path: &str, value: f64) -> Result<(), Rejected> {
    let parameter = parameter(simulation, path);
    act(simulation, agent, "draft", &[parameter, Value::Number(value)])?;
    act(simulation, agent, "propose", &[])
}

fn imr(simulation: &Simulation) -> f64 {
    part::<MarketTerms>(simulation.world(), Kind::Market, 0).expect("a market").imr
}

fn state(simulation: &Simulation) -> f64 {
    seen(simulation, Kind::Proposal, "state", 0)
}

#[test]
fn a_proposal_is_reviewed_voted_on_queued_and_executed() {
    let mut simulation = start(&governed(SLOW));
    let (imr_path, mmr) = (parameter(&simulation, IMR), parameter(&simulation, "protocol.markets.TOK-PERP.mmr"));
    act(&mut simulation, TRADER, "draft", &[imr_path, Value::Number(0.3)]).expect("one change");
    act(&mut simulation, TRADER, "draft", &[mmr, Value::Number(0.2)]).expect("another");
    act(&mut simulation, TRADER, "propose", &[]).expect("enough tokens");
    assert_eq!(act(&mut simulation, TRADER, "propose", &[]), Err(Rejected::new("nothing_drafted")));
    assert_eq!(propose(&mut simulation, TRADER, IMR, 0.2), Err(Rejected::new("proposal_under_way")));
    assert_eq!((state(&simulation), seen(&simulation, Kind::Proposal, "changes", 0)), (0.0, 2.0));
    let early = act(&mut simulation, TRADER, "cast", &[PROPOSAL, FOR]);
    assert_eq!(early, Err(Rejected::new("vote_is_not_open")));
    // Proposed at 0 s (the last step's time); open from 2 s to 5 s.
    drive(&mut simulation, 2, |_, _| {});
    assert_eq!(state(&simulation), 1.0);
    act(&mut simulation, TRADER, "cast", &[PROPOSAL, FOR]).expect("a vote");
    act(&mut simulation, TRADER + 1, "cast", &[PROPOSAL, FOR]).expect("a vote");
    assert_eq!(act(&mut simulation, TRADER, "cast", &[PROPOSAL, FOR]), Err(Rejected::new("already_voted")));
    assert_eq!(act(&mut simulation, 0, "cast", &[PROPOSAL, FOR]), Err(Rejected::new("no_votes")));
    assert_eq!(act(&mut simulation, TRADER + 2, "cast", &[PROPOSAL, Value::Number(3.0)]), Err(Rejected::ARGUMENT));
    assert_eq!(act(&mut simulation, TRADER, "execute", &[PROPOSAL]), Err(Rejected::new("not_passed")));
    drive(&mut simulation, 3, |_, _| {});
    assert_eq!(state(&simulation), 4.0, "queued");
    assert_eq!(act(&mut simulation, TRADER, "execute", &[PROPOSAL]), Err(Rejected::new("timelock")));
    drive(&mut simulation, 4, |_, _| {});
    assert_eq!(imr(&simulation), 0.1);
    // Anyone may.
    act(&mut simulation, 7, "execute", &[PROPOSAL]).expect("the timelock is over");
    assert_eq!(act(&mut simulation, 7, "execute", &[PROPOSAL]), Err(Rejected::new("not_passed")), "once");
    assert_eq!((imr(&simulation), state(&simulation)), (0.3, 6.0));
    drive(&mut simulation, 1, |_, _| {});
    assert_eq!(seen(&simulation, Kind::Market, "imr", 0), 0.3, "visible in the next step");
    let frames = simulation.take_frames();
    let governance = frames.iter().find(|frame| frame.table == "governance").expect("a table");
    let text = format!("{governance:?}");
    for word in ["proposed", "opened", "passed", "queued", "changed", "executed", IMR] {
        assert!(text.contains(word), "no `{word}` in {text}");
    }
    let params = simulation.closing_frames().into_iter().find(|frame| frame.table == "params").expect("a table");
    let text = format!("{params:?}");
    assert!(text.contains(IMR));
}

#[test]
fn what_nobody_executes_in_time_expires() {
    let mut simulation = start(&governed(SLOW));
    propose(&mut simulation, TRADER, IMR, 0.3).expect("proposed");
    drive(&mut simulation, 2, |_, _| {});
    for voter in 0..2 {
        act(&mut simulation, TRADER + voter, "cast", &[PROPOSAL, FOR]).expect("a vote");
    }
    // Passed at 5 s, executable from 9 s, expired from 19 s.
    drive(&mut simulation, 16, |_, _| {});
    assert_eq!(state(&simulation), 4.0);
    drive(&mut simulation, 1, |_, _| {});
    assert_eq!(state(&simulation), 5.0);
    assert_eq!(act(&mut simulation, TRADER, "execute", &[PROPOSAL]), Err(Rejected::new("not_passed")));
}

#[track_caller]
fn check_vote(terms: &str, votes: &[(u32, Value)], state_after: f64) {
    let mut simulation = start(&governed(&format!(r#"review: "0s", period: "2s", timelock: "10s", {terms}"#)));
    propose(&mut simulation, TRADER, IMR, 0.3).expect("proposed");
    for (voter, choice) in votes {
        act(&mut simulation, TRADER + voter, "cast", &[PROPOSAL, *choice]).expect("a vote");
    }
    drive(&mut simulation, 3, |_, _| {});
    assert_eq!(state(&simulation), state_after, "{terms} {votes:?}");
}

/// 14,000 tokens: one vote is 7.14 %. Kills `>` for the quorum, `>=` for the majority, and for-only against for-and-abstain.
#[test]
fn quorums_and_majorities_count_as_the_terms_say() {
    let abstain = Value::Number(2.0);
    check_vote("quorum: 0.0714285714285", &[(0, FOR)], 4.0);
    check_vote("quorum: 0.0715", &[(0, FOR)], 2.0);
    check_vote("quorum: 0.05", &[(0, FOR), (1, AGAINST)], 2.0);
    check_vote("quorum: 0.05", &[(0, FOR), (1, FOR), (2, AGAINST)], 4.0);
    check_vote("quorum: 0.05, majority: 0.67", &[(0, FOR), (1, FOR), (2, AGAINST)], 2.0);
    check_vote("quorum: 0.1", &[(0, FOR), (1, abstain)], 2.0);
    check_vote("quorum: 0.1, quorum_counts: for_and_abstain", &[(0, FOR), (1, abstain)], 4.0);
    check_vote("quorum: 0.1, quorum_counts: for_and_abstain", &[(0, FOR), (1, AGAINST)], 2.0);
}

/// Kills a quorum that is read when votes are counted: a share of 8 % stays 8 % for what was proposed under it, whatever
/// is voted meanwhile (OpenZeppelin's `GovernorVotesQuorumFraction`).
#[test]
fn a_quorum_changed_by_vote_does_not_move_the_goal_of_what_is_under_way() {
    let terms = r#"threshold: 0.0, quorum: 0.08, super_quorum: 0.2, period: "4s", timelock: "0s""#;
    let mut simulation = start(&governed(terms));
    propose(&mut simulation, TRADER, IMR, 0.3).expect("under way");
    propose(&mut simulation, TRADER + 1, "protocol.governance.quorum", 0.06).expect("a lower quorum");
    let lower = handle(Kind::Proposal, 1);
    for voter in 0..3 {
        act(&mut simulation, TRADER + voter, "cast", &[lower, FOR]).expect("a vote");
    }
    act(&mut simulation, TRADER, "execute", &[lower]).expect("21 % pass it at once");
    assert_eq!(seen(&simulation, Kind::Protocol, "vote_quorum", 0), 840.0);
    // One vote of 7.1 %: enough by the new quorum, not by the one it was proposed under.
    act(&mut simulation, TRADER, "cast", &[PROPOSAL, FOR]).expect("a vote");
    drive(&mut simulation, 5, |_, _| {});
    assert_eq!(state(&simulation), 2.0);
}

#[test]
fn a_late_quorum_keeps_the_vote_open_once() {
    let terms = r#"threshold: 0.01, quorum: 0.1, period: "5s", timelock: "0s", extension: "4s""#;
    let mut simulation = start(&governed(terms));
    propose(&mut simulation, TRADER, IMR, 0.3).expect("proposed");
    drive(&mut simulation, 4, |_, _| {});
    for voter in 0..2 {
        act(&mut simulation, TRADER + voter, "cast", &[PROPOSAL, FOR]).expect("a vote");
    }
    drive(&mut simulation, 4, |_, _| {});
    assert_eq!(state(&simulation), 1.0, "open until 8 s");
    for voter in 2..4 {
        act(&mut simulation, TRADER + voter, "cast", &[PROPOSAL, AGAINST]).expect("the others wake up");
    }
    drive(&mut simulation, 1, |_, _| {});
    assert_eq!(state(&simulation), 2.0, "a tie is no majority");
}

/// All in one step: buy, propose, vote, execute.
fn flash(weight: &str) -> (Result<(), Rejected>, f64) {
    let terms =
        format!(r#"weight: {weight}, threshold: 0.01, quorum: 0.04, super_quorum: 0.5, period: "1h", timelock: "0s""#);
    let mut simulation = start(&governed(&terms));
    act(&mut simulation, ATTACKER, "buy", &[VENUE, Value::Number(40_000.0)]).expect("tokens");
    assert!(own(&simulation, "votes", ATTACKER, 0) > 7_500.0, "more than half of all");
    let proposed = propose(&mut simulation, ATTACKER, IMR, 0.01);
    let result = proposed
        .and_then(|()| act(&mut simulation, ATTACKER, "cast", &[PROPOSAL, FOR]))
        .and_then(|()| act(&mut simulation, ATTACKER, "execute", &[PROPOSAL]));
    act(&mut simulation, ATTACKER, "sell", &[VENUE, Value::All]).expect("gone again");
    (result, imr(&simulation))
}

/// Kills a swap of the two ways of weighing.
#[test]
fn snapshots_defeat_a_purchase_in_the_same_step_and_current_weights_do_not() {
    assert_eq!(flash("snapshot"), (Err(Rejected::new("below_proposal_threshold")), 0.1));
    assert_eq!(flash("current"), (Ok(()), 0.01));
    // Nor can what was bought in the step vote on somebody else's proposal.
    let terms = r#"threshold: 0.01, quorum: 0.04, super_quorum: 0.5, period: "1h", timelock: "0s""#;
    let mut simulation = start(&governed(terms));
    act(&mut simulation, ATTACKER, "buy", &[VENUE, Value::Number(40_000.0)]).expect("tokens");
    propose(&mut simulation, TRADER, IMR, 0.01).expect("an insider");
    assert_eq!(act(&mut simulation, ATTACKER, "cast", &[PROPOSAL, FOR]), Err(Rejected::new("no_votes")));
}

#[test]
fn under_current_weights_a_token_that_changed_hands_votes_once() {
    let terms = r#"weight: current, threshold: 0.01, quorum: 0.1, period: "5s", timelock: "10s""#;
    let mut simulation = start(&governed(terms));
    propose(&mut simulation, TRADER, IMR, 0.3).expect("proposed");
    act(&mut simulation, TRADER, "cast", &[PROPOSAL, FOR]).expect("a vote");
    act(&mut simulation, TRADER, "sell", &[VENUE, Value::All]).expect("sold");
    assert_eq!(seen(&simulation, Kind::Proposal, "for_votes", 0), 0.0, "its tokens are somebody else's now");
    act(&mut simulation, ATTACKER, "buy", &[VENUE, Value::Number(2000.0)]).expect("bought");
    act(&mut simulation, ATTACKER, "cast", &[PROPOSAL, FOR]).expect("a vote");
    let votes = own(&simulation, "votes", ATTACKER, 0);
    assert!((seen(&simulation, Kind::Proposal, "for_votes", 0) - votes).abs() < 1e-6);
}

#[test]
fn staked_tokens_vote_too() {
    let mut scenario = governed(r#"threshold: 0.01, quorum: 0.1, period: "5s""#);
    scenario
        .blocks
        .insert("protocol.vaults".into(), r#"{"nodes": (), "pool": (asset: "TOK", venue: "TOK/USD")}"#.into());
    let mut simulation = start(&scenario);
    act(&mut simulation, TRADER, "stake", &[handle(Kind::Vault, 1), Value::Number(600.0)]).expect("staked");
    assert_eq!(own(&simulation, "votes", TRADER, 0), 1000.0);
}

#[test]
fn no_vote_sets_a_parameter_outside_its_bounds_or_one_that_is_immutable() {
    let terms =
        format!(r#"threshold: 0.01, immutable: ["protocol.markets.TOK-PERP.mmr", "protocol.liquidation"], {SLOW}"#)
            .replacen("threshold: 0.01, immutable", "immutable", 1);
    let mut simulation = start(&governed(&terms));
    assert_eq!(propose(&mut simulation, TRADER, IMR, 11.0), Err(Rejected::new("outside_bounds")));
    assert_eq!(propose(&mut simulation, TRADER, IMR, f64::NAN), Err(Rejected::ARGUMENT));
    let immutable = Err(Rejected::new("immutable"));
    assert_eq!(propose(&mut simulation, TRADER, "protocol.markets.TOK-PERP.mmr", 0.06), immutable);
    assert_eq!(propose(&mut simulation, TRADER, "protocol.liquidation.penalty", 0.02), immutable, "a whole block");
    assert_eq!(propose(&mut simulation, 0, IMR, 0.2), Err(Rejected::new("below_proposal_threshold")));
    assert_eq!(propose(&mut simulation, TRADER, "protocol.governance.quorum", 0.9), Ok(()), "its own terms too");
}

#[test]
fn every_registered_parameter_can_be_voted_on() {
    let terms = r#"weight: current, threshold: 0.0, quorum: 0.01, super_quorum: 0.02, period: "1h", timelock: "0s""#;
    let mut simulation = start(&governed(terms));
    let directory = simulation.world().resource::<Directory>();
    let paths: Vec<String> = directory.names(Kind::Parameter).map(str::to_owned).collect();
    let declared = simulation.registry().params.iter().filter(|param| (param.read)(simulation.world(), 0).is_some());
    assert!(paths.len() >= declared.count() && paths.len() > 40, "{} parameters", paths.len());
    for (number, path) in paths.iter().enumerate().filter(|(_, path)| !path.starts_with("protocol.governance")) {
        let place = u32::try_from(number).expect("few");
        let value = |name| seen(&simulation, Kind::Parameter, name, number);
        let wanted = value("low") + 0.25 * (value("high") - value("low"));
        let proposal = simulation.world().resource::<Directory>().count(Kind::Proposal) as u32;
        let proposal = handle(Kind::Proposal, proposal);
        act(&mut simulation, TRADER, "draft", &[handle(Kind::Parameter, place), Value::Number(wanted)]).expect(path);
        act(&mut simulation, TRADER, "propose", &[]).expect(path);
        act(&mut simulation, TRADER, "cast", &[proposal, FOR]).expect(path);
        act(&mut simulation, TRADER, "execute", &[proposal]).expect(path);
        assert_eq!(seen(&simulation, Kind::Parameter, "value", number), wanted, "{path}");
    }
    drive(&mut simulation, 3, |_, _| {});
}

#[test]
fn a_guardian_vetoes_and_stops_markets_and_nobody_else_does() {
    let mut simulation = start(&governed(SLOW));
    propose(&mut simulation, TRADER, IMR, 0.3).expect("proposed");
    for other in [TRADER, ATTACKER] {
        assert_eq!(act(&mut simulation, other, "veto", &[PROPOSAL]), Err(Rejected::ROLE));
        assert_eq!(act(&mut simulation, other, "halt", &[MARKET]), Err(Rejected::ROLE));
    }
    act(&mut simulation, GUARDIAN, "veto", &[PROPOSAL]).expect("a veto");
    assert_eq!(act(&mut simulation, GUARDIAN, "veto", &[PROPOSAL]), Err(Rejected::new("proposal_has_ended")));
    assert_eq!(state(&simulation), 7.0);
    propose(&mut simulation, TRADER, IMR, 0.2).expect("its proposer may try again");
    let long = [MARKET, Value::Number(100.0)];
    act(&mut simulation, TRADER, "open", &long).expect("live");
    act(&mut simulation, GUARDIAN, "reduce_only", &[MARKET]).expect("stopped for new risk");
    assert_eq!(act(&mut simulation, TRADER, "open", &long), Err(Rejected::REDUCE_ONLY));
    let flip = [MARKET, Value::Number(-150.0)];
    assert_eq!(act(&mut simulation, TRADER, "open", &flip), Err(Rejected::REDUCE_ONLY));
    act(&mut simulation, TRADER, "open", &[MARKET, Value::Number(-40.0)]).expect("smaller");
    act(&mut simulation, GUARDIAN, "halt", &[MARKET]).expect("stopped");
    for (action, args) in [("close", vec![MARKET, Value::All]), ("withdraw", vec![Value::Number(1.0)])] {
        assert_eq!(act(&mut simulation, TRADER, action, &args), Err(Rejected::HALTED), "{action}");
    }
    act(&mut simulation, GUARDIAN, "resume", &[MARKET]).expect("live again");
    act(&mut simulation, TRADER, "close", &[MARKET, Value::All]).expect("closed");
}

/// Answers every `vote` question with `choose`, which sees the agent's draws.
fn ask_votes(simulation: &mut Simulation, steps: u32, choose: impl Fn(u32, &Ask<'_>, usize) -> Option<f64>) {
    let honest = honest_nodes(simulation.registry());
    for _ in 0..steps {
        let mut host = Native::new(simulation, |ask: &Ask<'_>, replies: &mut Replies| {
            honest(ask, replies);
            if ask.hook == Hook::Vote {
                for (row, agent) in ask.agents.iter().enumerate() {
                    replies.values.extend(choose(agent.0, ask, row).map(|choice| (row, choice)));
                }
            }
        });
        simulation.step(&mut host);
    }
}

#[test]
fn voters_are_asked_every_step_until_they_answer_and_see_what_it_means_for_them() {
    let mut simulation = start(&governed(r#"threshold: 0.01, quorum: 0.1, period: "5s", timelock: "0s""#));
    act(&mut simulation, TRADER, "open", &[MARKET, Value::Number(1000.0)]).expect("a long");
    propose(&mut simulation, TRADER + 1, IMR, 0.2).expect("proposed");
    let asked = std::cell::RefCell::new(Vec::new());
    let estimate = palisade_tests::hosts::own_field(simulation.registry(), "estimate");
    ask_votes(&mut simulation, 4, |agent, ask, row| {
        asked.borrow_mut().push((ask.now.step, agent, ask.own.value(estimate, 0, 0, row)));
        (ask.now.step >= 3 || agent != TRADER).then_some(1.0)
    });
    let asked = asked.into_inner();
    let of = |agent| asked.iter().filter(|(_, asked, _)| *asked == agent).map(|(step, ..)| *step).collect::<Vec<_>>();
    assert_eq!(of(TRADER), [1, 2, 3], "until it answers");
    assert_eq!(of(TRADER + 1), [1]);
    assert!(of(0).is_empty(), "no votes, no question");
    let gain = asked.iter().find(|(_, agent, _)| *agent == TRADER).map(|(.., gain)| *gain).expect("asked");
    assert!((gain + 0.1 * 1000.0).abs() < 1.0, "10 % more of 1000 contracts: {gain}");
    assert_eq!(asked.iter().find(|(_, agent, _)| *agent == TRADER + 1).map(|(.., gain)| *gain), Some(0.0));
    assert_eq!(seen(&simulation, Kind::Proposal, "for_votes", 0), 4000.0);
}

/// Kills a quorum that only honest voters can supply, and a majority of all instead of votes cast.
#[test]
fn a_bought_block_captures_apathetic_voters_as_often_as_the_double_binomial_says() {
    // 100 honest units vote with chance 0.3, for it with chance 0.1; an attacker of 20 votes for; quorum 30 of for and
    // abstain would not count, so all votes do here: the row `quorum-100-0.3-20-30` counts turnout.
    let (honest, turnout, support, block, quorum) = (100, 0.3, 0.1, 20.0, 30.0);
    let worlds = 400;
    let mut passed = 0;
    for seed in 0..worlds {
        let supply = f64::from(honest) + block;
        let terms = format!(
            r#"threshold: 0.0, quorum: {}, quorum_counts: all, period: "3s", timelock: "1h""#,
            (quorum - 0.5) / (supply + 10_000.0)
        );
        let mut scenario = governed(&terms);
        scenario.cohorts[1].1.wallet = wallet(&[("TOK", 1.0)]);
        scenario.cohorts[1].1.count = honest;
        let mut block_holder = cohort(Role::Attacker, 1);
        block_holder.wallet.insert("TOK".into(), Amounts::Fixed(block));
        scenario.cohorts[4].1 = block_holder;
        let mut simulation =
            Simulation::new(&scenario, &ALL, Options { seed, ..Options::default() }).expect("a legal scenario");
        drive(&mut simulation, 1, |_, _| {});
        let attacker = 3 + honest + 2 + 1;
        propose(&mut simulation, attacker, IMR, 0.01).expect("proposed");
        act(&mut simulation, attacker, "cast", &[PROPOSAL, FOR]).expect("a vote");
        ask_votes(&mut simulation, 4, |_, ask, row| {
            let mut draw = Streams::new(seed).stream("turnout", ask.keys[row], 0);
            (draw.uniform() < turnout).then(|| if draw.uniform() < support { 1.0 } else { 0.0 })
        });
        passed += u32::from(state(&simulation) == 4.0);
    }
    let expected = tally::capture_probability(tally::Capture { honest, turnout, support, block: 20, quorum: 30 });
    let error = (expected * (1.0 - expected) / f64::from(worlds as u32)).sqrt();
    let found = f64::from(passed) / worlds as f64;
    assert!((found - expected).abs() <= 4.0 * error, "{found} is not {expected} ± {error}");
}

/// Random drafts, votes and executions: parameters stay within bounds, and nobody's votes count twice.
#[test]
fn whatever_is_proposed_parameters_stay_in_bounds_and_votes_count_once() {
    let mut executed = 0.0;
    for case in 0..20 {
        let mut draw = Streams::new(case).stream("votes", 0, 0);
        let weight = if draw.uniform() < 0.5 { "snapshot" } else { "current" };
        let terms = format!(
            r#"weight: {weight}, threshold: 0.001, quorum: 0.05, review: "{}s", period: "2s", timelock: "{}s", super_quorum: 0.3"#,
            (draw.uniform() * 2.0) as u32,
            (draw.uniform() * 3.0) as u32
        );
        let mut simulation = start(&governed(&terms));
        let parameters = simulation.world().resource::<Directory>().count(Kind::Parameter) as f64;
        for _ in 0..60 {
            for _ in 0..8 {
                let attempt = random_vote(&simulation, &mut draw, parameters);
                let _ = simulation.act(&attempt);
            }
            drive(&mut simulation, 1, |_, _| {});
            check_bounds(&simulation);
        }
        let (for_votes, supply) = (largest_tally(&simulation), seen(&simulation, Kind::Protocol, "vote_supply", 0));
        assert!(for_votes <= supply + 1e-9, "{for_votes} votes of {supply}");
        executed += simulation.outcome("proposals_executed").expect("an outcome");
    }
    assert!(executed > 20.0, "{executed} proposals came into force");
}

fn random_vote(simulation: &Simulation, draw: &mut palisade_engine::rng::Stream, parameters: f64) -> Intent {
    let registry = simulation.registry();
    let agent = TRADER + (draw.uniform() * 4.0) as u32;
    let proposals = simulation.world().resource::<Directory>().count(Kind::Proposal) as f64;
    let proposal = handle(Kind::Proposal, (proposals - 1.0 - 3.0 * draw.uniform()).max(0.0) as u32);
    match (draw.uniform() * 16.0) as u32 {
        0..=3 => {
            let place = (draw.uniform() * parameters) as u32;
            let value = [-1.0, 0.0, 0.01, 0.3, 0.9, 5.0, 1e9, 1e300][(draw.uniform() * 8.0) as usize];
            intent(registry, agent, 0, "draft", &[handle(Kind::Parameter, place), Value::Number(value)])
        }
        4 | 5 => intent(registry, agent, 0, "propose", &[]),
        6..=10 => intent(registry, agent, 0, "cast", &[proposal, Value::Number((draw.uniform() * 3.0).floor())]),
        11..=14 => intent(registry, agent, 0, "execute", &[proposal]),
        _ => intent(registry, agent, 0, "sell", &[VENUE, Value::Fraction(0.1 * draw.uniform())]),
    }
}

fn check_bounds(simulation: &Simulation) {
    for param in &simulation.registry().params {
        for place in 0..simulation.world().resource::<Directory>().count(param.kind) {
            let Some(value) = (param.read)(simulation.world(), place) else { continue };
            assert!((param.bounds.0..=param.bounds.1).contains(&value), "{} is {value}", param.name);
        }
    }
}

fn largest_tally(simulation: &Simulation) -> f64 {
    let count = simulation.world().resource::<Directory>().count(Kind::Proposal);
    let all = |place| {
        ["for_votes", "against_votes", "abstain_votes"]
            .iter()
            .map(|name| seen(simulation, Kind::Proposal, name, place))
            .sum()
    };
    (0..count).map(all).fold(0.0, f64::max)
}
