//! Tournaments that travel with the program can be played, entrants are found by file, folder and card, and a ladder orders
//! what a round-robin ranks.

use std::fs;
use std::path::{Path, PathBuf};

use palisade_agents::HostOptions;
use palisade_lab::matches::How;
use palisade_lab::run::RunError;
use palisade_lab::source::built_in_tournaments;
use palisade_lab::tournament::{Request, TournamentReport, tournament};

use crate::scenarios::Quiet;

fn request(file: PathBuf) -> Request {
    Request {
        file,
        sets: Vec::new(),
        scripts: Vec::new(),
        seed: None,
        steps: None,
        replicates: None,
        how: How { jobs: 2, ..How::default() },
        host: HostOptions::default(),
    }
}

#[test]
fn every_tournament_of_the_program_can_be_played() {
    let names: Vec<&str> = built_in_tournaments().map(|file| file.name()).collect();
    for expected in ["attackers_vs_defences", "oracle_games", "governance_games", "ecology"] {
        assert!(names.contains(&expected), "{names:?}");
    }
    for name in names {
        let request = Request { steps: Some(12), replicates: Some(1), ..request(name.into()) };
        let report = tournament(&request, &Quiet).expect("a tournament");
        assert!(report.complete && report.matches.done > 20, "{name}: {:?}", report.matches);
        assert_eq!((report.matches.failed, report.troubles.as_slice()), (0, &[][..]), "{name}");
    }
}

fn play(folder: &Path, text: &str) -> Result<TournamentReport, RunError> {
    let file = folder.join("t.ron");
    fs::write(&file, text).expect("a file");
    tournament(&request(file), &Quiet)
}

fn attack(entrants: &str) -> String {
    format!(
        "(tournament: 1, name: \"t\", scenario: \"thin_market\", steps: 5, replicates: (at_least: 1), \
         play: Attack(seat: \"attackers.attacker\", entrants: [{entrants}]))"
    )
}

#[test]
fn entrants_are_found_by_file_folder_and_card() {
    let folder = tempfile::tempdir().expect("a folder");
    let mine = folder.path().join("mine");
    fs::create_dir_all(mine.join("deep")).expect("a folder");
    let script = |name: &str, role: &str, capital: &str, body: &str| {
        format!(
            "//! name: {name}\n//! role: {role}\n//! summary: s\n//! capital: {capital}\nfn decide(me, world) {{ {body} }}"
        )
    };
    fs::write(folder.path().join("alone.rhai"), script("alone", "attacker", "5_000 USD", "")).expect("a file");
    fs::write(mine.join("gambler.rhai"), script("gambler", "attacker", "10 USD", "if me.rng.chance(0.5) { return; }"))
        .expect("a file");
    fs::write(mine.join("deep/looker.rhai"), script("looker", "attacker", "7_000 USD", "let x = world.time;"))
        .expect("a file");
    fs::write(mine.join("trader.rhai"), script("t", "trader", "1 USD", "")).expect("a file");
    let entrants = |words: &str| {
        let all = format!("File(\"alone.rhai\"), Folder(\"mine\"), {words}");
        let mut names = play(folder.path(), &attack(&all)).expect("a tournament").entrants;
        names.retain(|name| !["alone", "gambler", "looker"].contains(&name.as_str()));
        names
    };
    let found = play(folder.path(), &attack("File(\"alone.rhai\"), Folder(\"mine\")")).expect("a tournament").entrants;
    assert_eq!(found, ["alone", "looker", "gambler"], "a trader is no attacker");
    assert_eq!(entrants("Card((capital: Some(150_000.0)))"), ["latency_sniper"]);
    assert!(entrants("Card((requires: [\"governance\"]))").contains(&"quorum_capture".to_owned()));
    let nobody = |card: &str| play(folder.path(), &attack(card)).expect_err("nobody").to_string();
    assert!(
        nobody("Card((stochastic: Some(true)))").contains("nobody like this who plays attacker"),
        "only the gambler draws"
    );
    assert!(nobody("Card((requires: [\"governence\"]))").contains("nobody like this"));
    assert!(entrants("Card((stochastic: Some(false)))").contains(&"thin_market_push".to_owned()));
    let known = "Card((information: Some([\"time\", \"rng\"])))";
    assert_eq!(play(folder.path(), &attack(&format!("{known}, Folder(\"mine\")"))).expect("t").entrants.len(), 2);
    let twice = play(
        folder.path(),
        &attack(
            "Strategy(\"thin_market_push\"), Variant(name: \"thin_market_push\", strategy: \"self_liquidation\", set: [])",
        ),
    );
    assert!(twice.expect_err("two of a name").to_string().contains("two entrants are called `thin_market_push`"));
}

/// Two cohorts of traders on a floor: a ladder that begins upside down ends in the order in which a round-robin ranks.
#[test]
fn a_ladder_ends_where_a_round_robin_ranks() {
    let folder = tempfile::tempdir().expect("a folder");
    let base = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/trading_floor.ron"))
        .expect("a scenario");
    let crowd = "\"crowd\": (role: trader, strategy: \"noise\", count: 100, margin: LogNormal(10_000.0, 0.5)),";
    assert!(base.contains(crowd));
    let two = ["left", "right"].map(|name| crowd.replace("crowd", name).replace("100", "10")).concat();
    fs::write(folder.path().join("two.ron"), base.replace(crowd, &two)).expect("a file");
    let text = |play: &str, entrants: &str| {
        format!(
            "(tournament: 1, name: \"t\", scenario: \"two.ron\", steps: 144, replicates: (at_least: 6, at_most: 24), \
             play: {play}(seats: (\"population.left\", \"population.right\"), entrants: [{entrants}]))"
        )
    };
    // One pays fees for nothing, one pays many, one does nothing at all.
    let (calm, busy, busier) = (
        "Variant(name: \"calm\", strategy: \"noise\", set: [\"params={\\\"rate\\\": 0.0}\"])",
        "Variant(name: \"busy\", strategy: \"noise\", set: [\"params={\\\"rate\\\": 0.5, \\\"leverage\\\": 1.0}\"])",
        "Variant(name: \"busier\", strategy: \"noise\", set: [\"params={\\\"rate\\\": 1.0, \\\"leverage\\\": 4.0}\"])",
    );
    let ranked = play(folder.path(), &text("RoundRobin", &[busier, busy, calm].join(", "))).expect("a tournament");
    let names = |report: &TournamentReport| report.standings.iter().map(|row| row.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&ranked), ["calm", "busy", "busier"], "{}", ranked.verdict);
    let ladder = play(folder.path(), &text("Ladder", &[busier, busy, calm].join(", "))).expect("a tournament");
    assert_eq!(names(&ladder), names(&ranked), "{:?}", ladder.meetings);
    assert!(ladder.meetings.iter().filter(|meeting| meeting.swapped).count() >= 3, "{:?}", ladder.meetings);
    let again = play(folder.path(), &text("Ladder", &[calm, busy, busier].join(", "))).expect("a tournament");
    assert!(again.meetings.iter().all(|meeting| !meeting.swapped) && names(&again) == names(&ranked));
}
