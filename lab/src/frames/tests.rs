#![allow(clippy::unwrap_used)]
use std::fs;

use super::*;
use crate::fork::Fork;
use crate::load::{RunRequest, load};
use crate::recording::{Format, Record, Recording};
use crate::run::run;
use crate::sample::{self, Onlooker};

/// Three worlds of the attacked sample in a folder of its own.
fn ran(folder: &tempfile::TempDir, name: &str, request: &RunRequest) -> RunDir {
    let out = folder.path().join(name);
    let request = RunRequest { seeds: 3, jobs: 2, out: Some(out.clone()), ..request.clone() };
    run(&load(&request).unwrap(), &request, &Onlooker::default()).unwrap();
    RunDir::open(&out).unwrap()
}

const ALL: Recording = Recording { every: 1, positions: true, trades: true, reports: true };

fn recorded(request: &RunRequest, recording: Recording, format: Format) -> RunRequest {
    RunRequest { record: Record { recording, format }, ..request.clone() }
}

fn json(run: &RunDir, sql: &str) -> String {
    run.query(sql).unwrap().to_json().to_string()
}

#[test]
fn tables_read_back_alike_from_every_format() {
    let (folder, request) = sample::attacked();
    let runs = Format::ALL.map(|format| ran(&folder, format.word(), &recorded(&request, ALL, format)));
    for table in runs[0].manifest().tables.keys() {
        let [parquet, csv, ipc] = [0, 1, 2].map(|place| runs[place].table(table).unwrap().collect().unwrap());
        assert_eq!(parquet.schema(), csv.schema(), "{table}");
        assert!(parquet.equals_missing(&ipc), "{table}");
        // CSV has no word for a NaN that differs from none at all in a column of words.
        assert_eq!(parquet.height(), csv.height(), "{table}");
        assert_eq!(runs[0].rows(table), parquet.height() as u64, "{table}");
    }
    let sql = "SELECT seed, COUNT(*) AS n, SUM(solvency) AS s FROM world GROUP BY seed ORDER BY seed";
    assert_eq!(json(&runs[0], sql), json(&runs[1], sql));
}

#[test]
fn what_is_recorded_changes_nothing_that_happens() {
    let (folder, request) = sample::attacked();
    let plain = ran(&folder, "plain", &request);
    let all = ran(&folder, "all", &recorded(&request, ALL, Format::Parquet));
    let added: Vec<&str> =
        all.manifest().tables.keys().map(String::as_str).filter(|table| plain.table(table).is_err()).collect();
    assert_eq!(added, ["positions", "reports", "trades"]);
    assert_eq!(all.manifest().record, "tables=positions,trades,reports");
    for file in &plain.manifest().files {
        assert!(all.manifest().files.contains(file), "{}", file.path);
    }
}

/// Every trade of a market moves the open interest that the market's own table gives.
#[test]
fn trades_and_positions_add_up_to_the_open_interest() {
    let (folder, request) = sample::attacked();
    let run = ran(&folder, "run", &recorded(&request, ALL, Format::Parquet));
    let scale =
        "SELECT seed, step, SUM(CASE WHEN size > 0 THEN size ELSE 0 END) AS longs FROM positions GROUP BY seed, step";
    let sql = format!(
        "SELECT COUNT(*) AS n, MAX(ABS(p.longs / 1000000.0 - m.oi_long)) AS off FROM ({scale}) AS p JOIN markets AS m ON p.seed = m.seed AND p.step = m.step"
    );
    let row = run.query(&sql).unwrap().row(0);
    assert!(matches!(row[..], [Cell::Int(100..), Cell::Float(off)] if off < 1e-6), "{row:?}");
    let sql = "SELECT t.seed, t.size AS traded, p.size AS open FROM (SELECT seed, SUM(size) AS size FROM trades WHERE account >= 0 GROUP BY seed) AS t \
               JOIN (SELECT seed, SUM(size) AS size FROM positions WHERE step = 119 GROUP BY seed) AS p ON t.seed = p.seed";
    let answer = run.query(sql).unwrap();
    assert_eq!(answer.rows(), 3);
    for row in (0..3).map(|row| answer.row(row)) {
        assert_eq!(row[1], row[2]);
    }
}

#[test]
fn thinned_tables_keep_every_so_many_steps_and_every_event() {
    let (folder, request) = sample::attacked();
    let whole = ran(&folder, "whole", &recorded(&request, ALL, Format::Parquet));
    let thin = ran(&folder, "thin", &recorded(&request, Recording { every: 7, ..ALL }, Format::Parquet));
    for table in ["world", "markets", "positions", "reports"] {
        let sql = |run: &RunDir, filter: &str| {
            json(run, &format!("SELECT * FROM {table} WHERE step % {filter} = 0 ORDER BY run, step"))
        };
        assert_eq!(sql(&thin, "1"), sql(&whole, "7"), "{table}");
    }
    for table in ["trades", "liquidations", "runs", "events"] {
        assert_eq!(thin.rows(table), whole.rows(table), "{table}");
    }
}

#[test]
fn damage_is_found_before_a_row_is_used() {
    let (folder, request) = sample::attacked();
    let run = ran(&folder, "run", &request);
    let file = folder.path().join("run/world/part-2.parquet");
    let whole = fs::read(&file).unwrap();
    let sql = "SELECT COUNT(step) FROM world";
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for (bytes, expected) in [(flipped, "its bytes are not"), (whole[1..].to_vec(), "bytes, the manifest says")] {
        fs::write(&file, bytes).unwrap();
        let error = run.query(sql).unwrap_err();
        assert!(
            matches!(&error, FramesError::Damaged { path, what, command } if path.ends_with("world/part-2.parquet")
                && what.contains(expected) && command.starts_with("palisade run")),
            "{error}"
        );
        // Other tables are not in the way.
        run.query("SELECT COUNT(*) FROM runs").unwrap();
    }
    fs::remove_file(&file).unwrap();
    assert!(matches!(run.query(sql), Err(FramesError::Damaged { .. })));
    fs::write(&file, whole).unwrap();
    run.query(sql).unwrap();
}

#[test]
fn what_cannot_be_answered_says_why() {
    let (folder, request) = sample::attacked();
    let run = ran(&folder, "run", &request);
    let said = |error: FramesError| error.to_string();
    assert!(said(run.query("SELECT solvncy FROM world").unwrap_err()).contains("solvncy"));
    assert!(said(run.query("SELEC 1").unwrap_err()).starts_with("the query cannot be answered"));
    assert!(said(run.table("wrld").err().unwrap()).contains("did you mean `world`?"));
    assert!(said(run.analysis("atack").unwrap_err()).contains("did you mean `attack`?"));
    assert!(said(RunDir::open(folder.path()).unwrap_err()).contains("is no run directory"));
    let manifest = folder.path().join("run/manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replacen(&format!("\"schema\": {SCHEMA}"), "\"schema\": 99", 1)).unwrap();
    assert!(said(RunDir::open(&folder.path().join("run")).unwrap_err()).contains("have layout 99"));
}

/// Every ready analysis answers on every kind of run, and the figures are those of the report.
#[test]
fn ready_analyses_give_the_figures_of_the_report() {
    let (folder, request) = sample::attacked();
    let run = ran(&folder, "run", &request);
    for analysis in ANALYSES {
        run.analysis(analysis.name).unwrap_or_else(|error| panic!("{}: {error}", analysis.name));
    }
    let report = crate::run::run(&load(&request).unwrap(), &request, &Onlooker::default()).unwrap();
    let of = |name: &str| report.outcomes.iter().find(|outcome| outcome.name == name).unwrap().first;
    let row = run.analysis("attack").unwrap().row(0);
    let expected = ["attacker_outlay", "attacker_gross", "attacker_net"].map(|name| Cell::Float(of(name)));
    assert_eq!(row[2..5], expected);
    let attacker = report.first.groups.iter().find(|group| group.role == "attacker").unwrap();
    let losses = run.query("SELECT \"end\" - start AS c FROM groups WHERE role = 'attacker' AND run = 0").unwrap();
    assert_eq!(losses.row(0), [Cell::Float(attacker.change)]);
}

#[test]
fn answers_are_written_in_the_format_their_name_ends_with_and_over_nothing() {
    let (folder, request) = sample::attacked();
    let run = ran(&folder, "run", &request);
    let answer = run.query("SELECT seed, 'a,b' AS word, 0.1 AS x FROM runs ORDER BY seed").unwrap();
    assert_eq!(answer.to_csv().unwrap().lines().nth(1), Some("1,\"a,b\",0.1"));
    for format in Format::ALL {
        let file = folder.path().join(format!("answer.{}", format.word()));
        answer.write(&file).unwrap();
        let before = fs::read(&file).unwrap();
        assert!(answer.write(&file).unwrap_err().to_string().contains("exists"));
        assert_eq!(fs::read(&file).unwrap(), before);
    }
    let error = answer.write(&folder.path().join("answer.xlsx")).unwrap_err().to_string();
    assert!(error.contains(".parquet, .csv, .ipc"), "{error}");
}

#[test]
fn a_fork_is_the_unbroken_run_before_its_step_and_another_one_behind_it() {
    let (folder, request) = sample::attacked();
    let whole = ran(&folder, "whole", &request);
    let fork = Fork::parse("40", "protocol.markets.THIN-PERP.fee=0.05").unwrap();
    let forked = ran(&folder, "forked", &RunRequest { forks: vec![fork], ..request.clone() });
    assert!(forked.manifest().command.contains("--set-at 40 protocol.markets.THIN-PERP.fee=0.05"));
    let part =
        |run: &RunDir, filter: &str| json(run, &format!("SELECT * FROM world WHERE step {filter} ORDER BY run, step"));
    assert_eq!(part(&whole, "< 40"), part(&forked, "< 40"));
    assert_ne!(part(&whole, ">= 40"), part(&forked, ">= 40"));
    let value = "SELECT start, \"value\" FROM params WHERE path = 'protocol.markets.THIN-PERP.fee' AND run = 0";
    assert_eq!(forked.query(value).unwrap().row(0)[1], Cell::Float(0.05));
    let set = "SELECT step, what, agent, proposal, path, after FROM governance WHERE run = 0";
    let row: Vec<String> = forked.query(set).unwrap().row(0).iter().map(ToString::to_string).collect();
    assert_eq!(row, ["40", "set_from_outside", "-1", "", "protocol.markets.THIN-PERP.fee", "0.05"]);
    assert_eq!((whole.rows("governance"), forked.rows("governance")), (0, 3));
}

#[test]
fn forks_that_cannot_be_made_are_refused_before_anything_runs() {
    let (_folder, request) = sample::attacked();
    let refused = |step: &str, change: &str| {
        let fork = Fork::parse(step, change);
        fork.and_then(|fork| load(&RunRequest { forks: vec![fork], ..request.clone() })).unwrap_err().to_string()
    };
    assert!(
        refused("40", "protocol.markets.THIN-PERP.fe=0.1").contains("did you mean `protocol.markets.THIN-PERP.fee`?")
    );
    assert!(refused("40", "protocol.markets.THIN-PERP.fee=7").contains("expected 0 to 0.1 (ratio), found 7"));
    assert!(refused("4000", "protocol.markets.THIN-PERP.fee=0.1").contains("the run ends after step 119"));
    assert!(refused("x", "a=1").contains("a whole number from 0"));
    assert!(refused("1", "a").contains("`path=value`"));
    assert!(refused("1", "a=b").contains("expected a number"));
}

#[test]
fn directories_differ_from_the_first_row_that_a_change_moves() {
    let (folder, request) = sample::attacked();
    let whole = ran(&folder, "whole", &request);
    let again = ran(&folder, "again", &request);
    let same = diff(&whole, &again).unwrap();
    assert!(same.is_equal() && same.manifest.is_empty(), "{same:?}");
    let fork = Fork::parse("40", "protocol.markets.THIN-PERP.fee=0.05").unwrap();
    let forked = ran(&folder, "forked", &RunRequest { forks: vec![fork], ..request.clone() });
    let found = diff(&whole, &forked).unwrap();
    assert_eq!(found.manifest.iter().map(|(name, ..)| *name).collect::<Vec<_>>(), ["command"]);
    let world = found.tables.iter().find(|table| table.table == "world").unwrap();
    let key = |name: &str| world.first.iter().find(|(key, _)| key == name).unwrap().1.parse::<u64>().unwrap();
    assert!(key("step") >= 40 && key("seed") == 1 && world.rows.0 == world.rows.1, "{world:?}");
    assert!(world.columns.iter().all(|column| column.values.0 != column.values.1));
    assert!(found.equal.iter().any(|table| table == "assets"));
    let params = found.tables.iter().find(|table| table.table == "params").unwrap();
    assert_eq!((params.differing, params.columns[0].column.as_str()), (3, "value"));
    // Equal rows in another format are equal, whatever their bytes.
    let csv = ran(&folder, "csv", &recorded(&request, Recording::default(), Format::Ipc));
    assert!(diff(&whole, &csv).unwrap().is_equal());
}
