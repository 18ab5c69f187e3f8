#![allow(clippy::unwrap_used)]
use super::*;
use crate::load::{RunRequest, load};
use crate::recording::{Record, Recording};
use crate::run::run;
use crate::sample::{self, Onlooker};

fn ran(request: &RunRequest, folder: &tempfile::TempDir) -> RunDir {
    let out = folder.path().join("run");
    let request = RunRequest { seeds: 2, jobs: 2, out: Some(out.clone()), ..request.clone() };
    run(&load(&request).unwrap(), &request, &Onlooker::default()).unwrap();
    RunDir::open(&out).unwrap()
}

fn built_in(name: &str, steps: u64) -> (tempfile::TempDir, RunDir) {
    let folder = tempfile::tempdir().unwrap();
    let request = RunRequest { scenario: name.into(), steps: Some(steps), ..RunRequest::default() };
    let run = ran(&request, &folder);
    (folder, run)
}

fn told(run: &RunDir, question: &Question) -> String {
    let found = explain(run, None, question).unwrap();
    let lines = found.sentences.iter().map(|sentence| format!("{} {}\n", sentence.when(), sentence.text));
    format!("{}\n{}", found.title, lines.collect::<String>())
}

/// Every figure of the course stands in the tables: what the vote changed, what attackers put in, who paid.
#[test]
fn the_course_of_a_captured_quorum_names_vote_money_and_who_paid() {
    let (_folder, run) = built_in("quorum_capture", 600);
    let text = told(&run, &Question::Course);
    let report = run.report().unwrap();
    let attack = report.first.attack.unwrap();
    for part in [
        "changed protocol.markets.THIN-PERP.imr from 1 to 0.02; `attacker` put it into force",
        &format!("attackers had put in {} USD", crate::words::money(attack.outlay)),
        &format!("{} USD had come back to them", crate::words::money(attack.gross)),
        "depositors and solvent accounts bore losses",
        "Who paid, in USD: depositors",
        "Who gained: attacker",
    ] {
        assert!(text.contains(part), "no `{part}` in:\n{text}");
    }
    let steps: Vec<u64> =
        explain(&run, None, &Question::Course).unwrap().sentences.iter().filter_map(|s| s.step).collect();
    assert!(steps.is_sorted() && steps.len() > 6, "{steps:?}");
    let proposal = told(&run, &Question::Proposal("0".into()));
    assert!(proposal.contains("voted for from here on, with ") && proposal.contains("It was changed"), "{proposal}");
    let loss = told(&run, &Question::Loss);
    assert!(loss.contains("depositors and solvent accounts") && loss.contains("was resolved for"), "{loss}");
    let liquidation = told(&run, &Question::Liquidation(0));
    assert!(
        liquidation.contains("THIN-PERP was last marked at") && liquidation.contains("A vote had changed"),
        "{liquidation}"
    );
}

#[test]
fn a_parameter_set_from_outside_is_told_where_it_was_set() {
    let (folder, request) = sample::attacked();
    let fork = crate::fork::Fork::parse("40", "protocol.markets.THIN-PERP.fee=0.05").unwrap();
    let text = told(&ran(&RunRequest { forks: vec![fork], ..request }, &folder), &Question::Course);
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("`--set-at` changed")).collect();
    let [line] = lines[..] else { panic!("{text}") };
    let expected = "`--set-at` changed protocol.markets.THIN-PERP.fee from ";
    assert!(line.starts_with("step 40 (41s) ") && line.contains(expected) && line.ends_with(" to 0.05."), "{line}");
}

#[test]
fn an_agent_is_told_by_what_it_traded() {
    let (folder, request) = sample::attacked();
    let recording = Recording { trades: true, ..Recording::default() };
    let run = ran(&RunRequest { record: Record { recording, ..Record::default() }, ..request }, &folder);
    let thief =
        run.query("SELECT agent FROM agents WHERE role = 'attacker' AND run = 0").unwrap().row(0)[0].to_string();
    let text = told(&run, &Question::Agent(thief.parse().unwrap()));
    for part in
        ["of `thief`, attacker", "opened a position in THIN-PERP", "It bought on THIN/USD", "At the end it was worth"]
    {
        assert!(text.contains(part), "no `{part}` in:\n{text}");
    }
    assert!(explain(&run, None, &Question::Course).unwrap().missing.is_empty());
}

#[test]
fn what_is_not_there_is_named_with_what_is() {
    let (folder, request) = sample::attacked();
    let run = ran(&request, &folder);
    let refused = |question| explain(&run, None, &question).unwrap_err().to_string();
    assert!(refused(Question::Agent(999)).contains("they are 0 to 8"), "{}", refused(Question::Agent(999)));
    assert!(refused(Question::Liquidation(999)).contains("there is no liquidation `999`; th"));
    assert!(refused(Question::Proposal("x".into())).contains("there was none in this world"));
    assert!(explain(&run, Some(9), &Question::Course).unwrap_err().to_string().contains("the run has 1, 2"));
    assert!(explain(&run, Some(2), &Question::Course).unwrap().missing[0].contains("--record tables=trades"));
}
