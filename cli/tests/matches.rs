//! Tournaments and sweeps as a user meets them: played, killed at any moment, gone on with, brought together, ranked, shown.

mod shell;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use shell::{printed, refused};

/// A tournament that takes a second or so: three attackers against two designs in short worlds.
const SMALL: &str = r#"(
tournament: 1, name: "small", summary: "a small tournament", scenario: "thin_market", steps: 40,
protocols: {"as it is": [], "no borrowing": ["protocol.markets.THIN-PERP.unrealized_weight=0.0"]},
play: Attack(
    seat: "attackers.attacker",
    entrants: [Strategy("thin_market_push"), Strategy("self_liquidation"), Strategy("quorum_capture")],
),
replicates: (at_least: 6),
)"#;

fn small(folder: &Path) {
    fs::write(folder.join("small.ron"), SMALL).expect("a file");
}

/// Everything in a folder but journals and the lock.
fn tables(out: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![out.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let inside = path.strip_prefix(out).expect("inside").to_owned();
            if path.is_dir() {
                waiting.push(path);
            } else if !inside.starts_with("journal") && inside != Path::new("lock") {
                found.insert(inside, fs::read(path).expect("a file"));
            }
        }
    }
    found
}

#[test]
fn a_tournament_is_played_ranked_asked_and_shown() {
    let folder = TempDir::new().expect("a folder");
    small(folder.path());
    let shown = printed(folder.path(), &["tournament", "small.ron", "--out", "t", "-j", "2"]);
    for expected in [
        "pairings pay the attacker beyond chance",
        "thin_market_push",
        "n/a",
        "26 matches of which 24",
        "reproduce: palisade tournament small.ron",
    ] {
        assert!(shown.contains(expected), "no {expected:?} in\n{shown}");
    }
    let ranked = printed(folder.path(), &["rank", "t"]);
    for expected in [
        "ratings from 24 contests",
        "elo",
        "Bradley-Terry",
        "value to the rows",
        "attackers and protocols are not of one population",
    ] {
        assert!(ranked.contains(expected), "no {expected:?} in\n{ranked}");
    }
    let sql = "SELECT attacker, COUNT(*) AS n, AVG(payoff_attacker) AS mean FROM matches WHERE status = 'done' GROUP BY attacker ORDER BY attacker";
    let asked = printed(folder.path(), &["query", "t", sql, "--format", "csv"]);
    let means: Vec<f64> = asked.lines().skip(1).filter_map(|line| line.split(',').next_back()?.parse().ok()).collect();
    let report: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("t/tournament.json")).expect("results"))
            .expect("JSON");
    let standing = |name: &str| {
        let standings = report["standings"].as_array().expect("standings");
        standings.iter().find(|row| row["name"] == name).and_then(|row| row["mean"].as_f64()).expect("a mean")
    };
    // By another path: the table's own mean over matches is that of the two pairings, which have as many worlds each.
    assert_eq!(means.len(), 2, "{asked}");
    for (mean, name) in means.iter().zip(["self_liquidation", "thin_market_push"]) {
        assert!((mean - standing(name)).abs() <= 1e-9 * mean.abs(), "{name}: {mean} and {}", standing(name));
    }
    let page = printed(folder.path(), &["report", "t"]);
    assert!(fs::read_to_string(folder.path().join(page.trim())).expect("a page").contains("What came out"));
    refused(folder.path(), &["tournament", "small.ron", "--out", "t"], &["--resume"]);
    refused(folder.path(), &["tournament", "small.ron", "--resume"], &["--out"]);
    fs::write(folder.path().join("small.ron"), SMALL.replace("at_least: 6", "at_least: 7")).expect("a file");
    refused(folder.path(), &["tournament", "small.ron", "--out", "t", "--resume"], &["has changed"]);
}

#[test]
fn matches_are_recorded_in_full_where_that_is_asked_for() {
    let folder = TempDir::new().expect("a folder");
    small(folder.path());
    printed(folder.path(), &["tournament", "small.ron", "--out", "t", "--record", "every=10,tables=trades"]);
    let count = |sql: &str| {
        let asked = printed(folder.path(), &["query", "t", sql, "--format", "csv"]);
        asked.lines().nth(1).and_then(|line| line.parse::<f64>().ok()).expect("a number")
    };
    assert_eq!(count("SELECT COUNT(DISTINCT run) AS n FROM world"), 24.0);
    assert_eq!(count("SELECT COUNT(*) AS n FROM world"), 24.0 * 5.0, "steps 0, 10, 20, 30 and the last, 39");
    assert!(count("SELECT COUNT(*) AS n FROM trades") > 0.0);
    let joined =
        "SELECT MAX(ABS(w.solvency - m.solvency)) AS d FROM world w JOIN matches m ON w.run = m.run WHERE w.step = 39";
    let parts = fs::read_dir(folder.path().join("t/world")).expect("a folder").count();
    assert_eq!((count(joined), parts), (0.0, 1), "one file, and its last rows are what the matches ended with");
}

#[test]
fn what_is_wrong_with_a_tournament_is_said_with_its_place() {
    let folder = TempDir::new().expect("a folder");
    for (from, to, expected) in [
        ("\"thin_market\"", "\"thin_markt\"", &["thin_markt", "thin_market"][..]),
        (
            "Strategy(\"thin_market_push\")",
            "Strategy(\"thin_market_pusch\")",
            &["bad.ron:6:", "did you mean `thin_market_push`?"],
        ),
        ("Strategy(\"thin_market_push\")", "Strategy(\"noise\")", &["`noise` is for trader, the seat is for attacker"]),
        (
            "seat: \"attackers.attacker\"",
            "seat: \"attackers.atacker\"",
            &["no cohort `attackers.atacker`", "attackers.attacker"],
        ),
        ("steps: 40", "stepps: 40", &["bad.ron:2:", "did you mean `steps`?"]),
        ("at_least: 6", "at_least: 0", &["expected 1 to 1000000 worlds"]),
        ("unrealized_weight=0.0", "unrealised_weight=0.0", &["unrealised_weight", "unrealized_weight"]),
        ("replicates: (at_least: 6)", "replicates: (at_least: 6, width: 1.0)", &["an `at_most` to end at"]),
        ("Strategy(\"quorum_capture\")", "File(\"missing.rhai\")", &["missing.rhai"]),
    ] {
        assert!(SMALL.contains(from), "{from}");
        fs::write(folder.path().join("bad.ron"), SMALL.replacen(from, to, 1)).expect("a file");
        refused(folder.path(), &["tournament", "bad.ron", "--out", "t"], expected);
        assert!(!folder.path().join("t").exists(), "{to}: nothing is written");
    }
    refused(folder.path(), &["tournament", "attackers_vs_defenses"], &["attackers_vs_defences"]);
}

/// As many kills as asked for, each of a process that plays, at a moment of its own: what it had finished is there, and going on
/// to the end gives the bytes of a tournament that nobody disturbed.
#[test]
fn a_tournament_that_is_killed_anywhere_loses_nothing() {
    let kills: u32 = std::env::var("PALISADE_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(100);
    let folder = TempDir::new().expect("a folder");
    small(folder.path());
    printed(folder.path(), &["tournament", "small.ron", "--out", "whole", "-j", "2", "--replicates", "40"]);
    let expected = tables(&folder.path().join("whole"));
    let mut killed = 0;
    let mut attempt = 0_u32;
    // Moments spread over a whole run, in no particular order.
    while killed < kills {
        attempt += 1;
        let out = folder.path().join(format!("out{attempt}"));
        loop {
            let mut child = Command::new(env!("CARGO_BIN_EXE_palisade"))
                .args([
                    "tournament",
                    "small.ron",
                    "--out",
                    &out.display().to_string(),
                    "--resume",
                    "--quiet",
                    "-j",
                    "2",
                    "--replicates",
                    "40",
                ])
                .current_dir(folder.path())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .expect("the program");
            let moment = Duration::from_millis(u64::from((killed * 7_919 + attempt * 104_729) % 400));
            let begun = Instant::now();
            let ended = loop {
                if let Some(status) = child.try_wait().expect("a status") {
                    break Some(status);
                }
                if begun.elapsed() >= moment && killed < kills {
                    break None;
                }
                std::thread::sleep(Duration::from_millis(1));
            };
            if let Some(status) = ended {
                assert!(status.success(), "after {killed} kills: {:?}", child.wait_with_output());
                break;
            }
            let before = finished(&out);
            child.kill().expect("a kill");
            child.wait().expect("an end");
            killed += 1;
            assert!(finished(&out) >= before, "a finished match was lost");
        }
        assert!(tables(&out) == expected, "attempt {attempt} after {killed} kills");
        fs::remove_dir_all(&out).expect("gone");
    }
    assert!(killed >= kills && attempt >= 1);
}

/// Bytes of all journals, which only grow but for a torn end.
fn finished(out: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(out.join("journal")) else { return 0 };
    // A record is some 600 bytes: what may be torn at the end is less than two of them in each journal.
    entries.flatten().map(|entry| entry.metadata().map_or(0, |about| about.len()).saturating_sub(1_200)).sum()
}

#[test]
fn shards_are_brought_together_and_a_missing_one_is_named() {
    let folder = TempDir::new().expect("a folder");
    small(folder.path());
    printed(folder.path(), &["tournament", "small.ron", "--out", "whole"]);
    for part in ["1/2", "2/2"] {
        let out = format!("part{}", &part[..1]);
        printed(folder.path(), &["tournament", "small.ron", "--out", &out, "--shard", part]);
    }
    refused(folder.path(), &["merge", "part1", "--out", "merged"], &["shard 2 of 2 is missing"]);
    refused(folder.path(), &["merge", "part1", "whole", "--out", "merged"], &["whole: is no shard"]);
    let merged = printed(folder.path(), &["merge", "part1", "part2", "--out", "merged"]);
    assert!(merged.contains("26 matches of which 24"), "{merged}");
    assert!(tables(&folder.path().join("merged")) == tables(&folder.path().join("whole")));
    refused(folder.path(), &["merge", "part1", "part2", "--out", "merged"], &["is not empty"]);
}

/// In processes of their own the results are the same; one that exceeds its memory costs its match alone.
#[test]
fn isolated_matches_give_the_same_bytes_and_a_process_that_dies_is_a_row() {
    let folder = TempDir::new().expect("a folder");
    small(folder.path());
    printed(folder.path(), &["tournament", "small.ron", "--out", "here"]);
    printed(folder.path(), &["tournament", "small.ron", "--out", "apart", "--isolate", "-j", "2"]);
    assert!(tables(&folder.path().join("apart")) == tables(&folder.path().join("here")));
    let output = Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(["tournament", "small.ron", "--out", "poor", "--isolate", "--isolate-memory", "64", "--replicates", "1"])
        .current_dir(folder.path())
        .output()
        .expect("the program");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let asked =
        printed(folder.path(), &["query", "poor", "SELECT status, message, command FROM matches", "--format", "csv"]);
    assert!(
        asked.contains("engine_fault") && asked.contains("behind step 0") && asked.contains("palisade run thin_market"),
        "{asked}"
    );
}

#[test]
fn a_sweep_tells_points_and_what_the_variance_is_owed_to() {
    let folder = TempDir::new().expect("a folder");
    let axis = "protocol.markets.THIN-PERP.unrealized_weight=0.0..0.8";
    let grid = ["sweep", "thin_market", "--steps", "60", "--replicates", "2", "--vary"];
    let with = |last: &[&str]| -> String {
        let words: Vec<&str> = grid.iter().chain(last).copied().collect();
        printed(folder.path(), &words)
    };
    let shown = with(&["protocol.markets.THIN-PERP.unrealized_weight=0.0..0.8/3", "--out", "s"]);
    for expected in
        ["Over 3 points, mean attacker_profit goes from", "THIN-PERP.unrealized_weight", "6 worlds of which 6"]
    {
        assert!(shown.contains(expected), "no {expected:?} in\n{shown}");
    }
    let sql = "SELECT \"protocol.markets.THIN-PERP.unrealized_weight\" AS x, worlds FROM points ORDER BY x";
    assert_eq!(printed(folder.path(), &["query", "s", sql, "--format", "csv"]).lines().count(), 4);
    printed(folder.path(), &["report", "s"]);
    let indices = with(&[axis, "--vary", "protocol.markets.THIN-PERP.fee=0.0..0.001", "--indices", "8"]);
    assert!(indices.contains("Sobol indices") && indices.contains("64 worlds"), "{indices}");
    fs::write(folder.path().join("design.csv"), "protocol.markets.THIN-PERP.imr\n0.2\n0.4\n").expect("a file");
    let words = ["sweep", "thin_market", "--steps", "20", "--replicates", "1", "--design", "design.csv"];
    assert!(printed(folder.path(), &words).contains("Over 2 points"));
    refused(folder.path(), &["sweep", "thin_market"], &["nothing varies"]);
    refused(folder.path(), &["sweep", "thin_market", "--vary", "protocol.markets.THIN-PERP.imr=1..0.1"], &["expected"]);
    refused(
        folder.path(),
        &["sweep", "thin_market", "--vary", "protocol.markets.THIN-PERP.imrr=0.1..0.2/2"],
        &["imrr"],
    );
    refused(folder.path(), &["sweep", "thin_market", "--vary", axis, "--outcome", "atacker_net"], &["atacker_net"]);
}
