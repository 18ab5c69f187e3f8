//! What must hold whatever happens: with a player that needs no worlds, so that every operation on files can fail once.

#![allow(clippy::unwrap_used)]
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::disk::Disk;
use super::play::{Playing, play};
use super::player::Player;
use super::*;
use crate::figure::Figure;
use crate::run::{RunError, Watch};

/// What a match of this kind is worth, told from its name alone.
#[allow(clippy::cast_precision_loss)]
fn entry(pairing: &Pairing, order: Order, seed: u64) -> Entry {
    let value = (seed % 1_000) as f64 + 10.0 * f64::from(order.pairing);
    let none = pairing.labels[0] == "impossible";
    Entry {
        order,
        seed,
        status: if none { Status::NotApplicable } else { Status::Done },
        payoffs: if none { Vec::new() } else { vec![value] },
        figures: if none { Vec::new() } else { vec![value, f64::NAN] },
        faults: 0,
        message: if none { "not applicable: no such thing".into() } else { String::new() },
        command: String::new(),
    }
}

/// Counts what is played, and asks to end after so many matches.
struct Toy {
    played: AtomicU64,
    ends_after: u64,
}

impl Toy {
    fn until(ends_after: u64) -> Self {
        Self { played: AtomicU64::new(0), ends_after }
    }
}

impl Player for Toy {
    fn play(&self, _: usize, (pairing, order): (&Pairing, Order), seed: u64) -> Result<Option<Entry>, RunError> {
        self.played.fetch_add(1, Ordering::SeqCst);
        Ok(Some(entry(pairing, order, seed)))
    }
}

impl Watch for Toy {
    fn stepped(&self, _: u64) {}

    fn interrupted(&self) -> bool {
        self.played.load(Ordering::SeqCst) >= self.ends_after
    }
}

fn plan(shard: Option<(u32, u32)>) -> Plan {
    Plan {
        kind: "tournament",
        name: "toy".into(),
        asked: "(a toy)".into(),
        options: serde_json::Value::Null,
        digest: [5; 32],
        axes: vec![Axis::words("thing")],
        payoffs: vec![("worth".into(), "What it is worth.".into())],
        figures: ["one", "none"]
            .map(|name| Figure { name: name.into(), unit: "coins".into(), doc: "A figure.".into() })
            .into(),
        seed: 3,
        command: "palisade tournament toy.ron".into(),
        shard,
    }
}

fn schedule() -> Cross {
    let names = ["a", "b", "impossible", "c", "d"];
    let pairing = |name: &&str| Pairing {
        labels: vec![(*name).to_owned()],
        request: RunRequest { scenario: "toy.ron".into(), ..RunRequest::default() },
        payoffs: vec![Payoff::Figures("one".into())],
        environment: "calm".into(),
    };
    let replicates = Replicates { at_least: 4, at_most: Some(20), width: Some(700.0) };
    Cross { pairings: names.iter().map(pairing).collect(), replicates }
}

/// Plays the toy, or the rest of it, and writes its tables.
fn run(disk: Disk, out: &Path, (plan, jobs): (&Plan, usize), toy: &Toy) -> Result<Vec<String>, RunError> {
    let mut folder = MatchFolder::begin_on(disk, out, plan, true)?;
    let told = folder.told().to_vec();
    let mut schedule = schedule();
    let playing = Playing { plan, player: toy, jobs, watch: toy };
    let played = play(&mut schedule, &playing, Some(&mut folder))?;
    let made = Made {
        pairings: schedule.pairings(),
        complete: !played.interrupted,
        files: &[("toy.json", format!("{{\"matches\": {}}}\n", played.matches))],
        tables: Vec::new(),
        recorded: None,
    };
    assert!(folder.tabulate(plan, made)?);
    Ok(told)
}

/// Everything in a folder but journals and the lock.
fn tables(out: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    walk(out, &mut found);
    let ours = found.into_iter().filter(|path| !path.starts_with(out.join("journal")) && !path.ends_with("lock"));
    ours.map(|path| (path.strip_prefix(out).unwrap().to_owned(), fs::read(&path).unwrap())).collect()
}

fn whole(folder: &Path) -> (BTreeMap<PathBuf, Vec<u8>>, u64) {
    let (out, toy) = (folder.join("whole"), Toy::until(u64::MAX));
    run(Disk::default(), &out, (&plan(None), 1), &toy).unwrap();
    (tables(&out), toy.played.into_inner())
}

#[test]
fn threads_and_interruptions_change_nothing_and_nothing_is_played_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (expected, matches) = whole(folder.path());
    assert!(matches > 30, "pairings differ in how many they need: {matches}");
    for jobs in [1, 4] {
        let out = folder.path().join(format!("in {jobs}"));
        let mut played = 0;
        for after in [0, 1, 2, 3, 5, 8, 13, u64::MAX] {
            let toy = Toy::until(after);
            run(Disk::default(), &out, (&plan(None), jobs), &toy).unwrap();
            played += toy.played.into_inner();
        }
        assert_eq!((tables(&out) == expected, played), (true, matches));
    }
}

/// Whatever fails, at whatever moment: what was played stays, there is no wrong table, and going on ends the same.
#[test]
fn every_operation_on_files_may_fail_once() {
    let folder = tempfile::tempdir().unwrap();
    let (expected, matches) = whole(folder.path());
    let (disk, done) = Disk::failing_at(u64::MAX);
    run(disk, &folder.path().join("counted"), (&plan(None), 1), &Toy::until(u64::MAX)).unwrap();
    let operations = done.load(Ordering::SeqCst);
    assert!(operations > 60, "{operations}");
    for at in 0..operations {
        let out = folder.path().join(format!("failing {at}"));
        let (disk, _) = Disk::failing_at(at);
        let first = Toy::until(u64::MAX);
        let error = run(disk, &out, (&plan(None), 1), &first).unwrap_err().to_string();
        assert!(error.contains("no space left on device") && error.contains("failing"), "{at}: {error}");
        #[cfg(feature = "parquet")]
        if let Ok(tables) = crate::frames::RunDir::open(&out) {
            tables.query("SELECT COUNT(*) FROM matches").unwrap();
        }
        let second = Toy::until(u64::MAX);
        let told = run(Disk::default(), &out, (&plan(None), 2), &second).unwrap();
        assert!(told.is_empty(), "{at}: {told:?}");
        let again = first.played.into_inner() + second.played.into_inner() - matches;
        assert!(again <= 1, "operation {at}: {again} matches were played again");
        assert!(tables(&out) == expected, "operation {at}");
        fs::remove_dir_all(&out).unwrap();
    }
}

#[test]
fn a_damaged_journal_is_told_kept_and_played_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (expected, matches) = whole(folder.path());
    let out = folder.path().join("whole");
    let journal = out.join("journal/worker-000.log");
    let bytes = fs::read(&journal).unwrap();
    for at in (0..bytes.len() - 200).step_by(97) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        fs::write(&journal, &damaged).unwrap();
        let toy = Toy::until(u64::MAX);
        let told = run(Disk::default(), &out, (&plan(None), 1), &toy).unwrap();
        assert!(told.len() == 1 && told[0].contains("the damaged file is now"), "{at}: {told:?}");
        assert!(toy.played.into_inner() <= 1 && tables(&out) == expected, "{at}");
    }
    assert!(fs::read_dir(out.join("journal")).unwrap().count() as u64 > matches / 10, "every damaged file is kept");
}

#[cfg(feature = "parquet")]
#[test]
fn a_damaged_table_is_refused_and_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let (expected, _) = whole(folder.path());
    let out = folder.path().join("whole");
    let table = out.join("matches/part-0.parquet");
    let mut bytes = fs::read(&table).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&table, bytes).unwrap();
    let ask = || crate::frames::RunDir::open(&out).unwrap().query("SELECT AVG(worth) FROM matches");
    assert!(ask().unwrap_err().to_string().contains("damaged"));
    let toy = Toy::until(u64::MAX);
    run(Disk::default(), &out, (&plan(None), 1), &toy).unwrap();
    assert_eq!((toy.played.into_inner(), tables(&out) == expected), (0, true));
    ask().unwrap();
}

#[test]
fn one_process_at_a_time_and_only_what_was_begun() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let held = MatchFolder::begin(&out, &plan(None), false).unwrap();
    let refused = |plan: &Plan, goes_on: bool| MatchFolder::begin(&out, plan, goes_on).unwrap_err().to_string();
    assert!(refused(&plan(None), true).contains("another process is at work here"));
    drop(held);
    drop(MatchFolder::begin(&out, &plan(None), true).unwrap());
    assert!(refused(&plan(None), false).contains("--resume"));
    assert!(refused(&Plan { digest: [6; 32], ..plan(None) }, true).contains("has changed"));
    assert!(refused(&Plan { name: "other".into(), ..plan(None) }, true).contains("holds the tournament `toy`"));
    assert!(refused(&plan(Some((1, 2))), true).contains("holds the whole of `toy`, not shard 1 of 2"));
    let mine = folder.path().join("mine");
    fs::create_dir(&mine).unwrap();
    fs::write(mine.join("notes.txt"), "mine").unwrap();
    let error = MatchFolder::begin(&mine, &plan(None), true).unwrap_err().to_string();
    assert!(error.contains("is not empty"), "{error}");
    assert_eq!(fs::read_dir(&mine).unwrap().count(), 1);
}

/// Without its plan a folder is known by its journals alone; journals of something else are left as they are.
#[test]
fn a_plan_that_is_lost_is_written_anew_and_foreign_journals_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (expected, _) = whole(folder.path());
    let out = folder.path().join("whole");
    let file = out.join("plan.json");
    let text = fs::read_to_string(&file).unwrap();
    let flipped = text.replace("\"digest\": \"05", "\"digest\": \"15");
    assert_ne!(flipped, text);
    for damaged in [Some(flipped.as_str()), Some(&text[..text.len() / 2]), None] {
        match damaged {
            Some(damaged) => fs::write(&file, damaged).unwrap(),
            None => fs::remove_file(&file).unwrap(),
        }
        let toy = Toy::until(u64::MAX);
        let told = run(Disk::default(), &out, (&plan(None), 1), &toy).unwrap();
        assert!(told.len() == 1 && told[0].contains("plan.json: damaged or missing"), "{told:?}");
        assert_eq!((toy.played.into_inner(), tables(&out) == expected), (0, true));
    }
    fs::remove_file(&file).unwrap();
    let journal = fs::read(out.join("journal/worker-000.log")).unwrap();
    let other = Plan { digest: [9; 32], ..plan(None) };
    let mine = folder.path().join("mine");
    fs::create_dir_all(mine.join("journal")).unwrap();
    fs::write(mine.join("journal/mine.log"), "notes").unwrap();
    for (out, plan) in [(&out, &other), (&mine, &other)] {
        let error = MatchFolder::begin(out, plan, true).unwrap_err().to_string();
        assert!(error.contains("is not empty"), "{error}");
    }
    assert_eq!(fs::read(out.join("journal/worker-000.log")).unwrap(), journal);
    assert_eq!(fs::read_to_string(mine.join("journal/mine.log")).unwrap(), "notes");
}

#[test]
fn shards_together_are_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (expected, matches) = whole(folder.path());
    let shard = |part: u32, until: u64| {
        let (out, toy) = (folder.path().join(format!("shard {part}")), Toy::until(until));
        run(Disk::default(), &out, (&plan(Some((part, 3))), 2), &toy).unwrap();
        (out, toy.played.into_inner())
    };
    let parts: Vec<(PathBuf, u64)> = (1..=3).map(|part| shard(part, if part == 2 { 1 } else { u64::MAX })).collect();
    let paths: Vec<PathBuf> = parts.iter().map(|(path, _)| path.clone()).collect();
    let target = folder.path().join("merged");
    // As a merge goes through its journals: nothing is played.
    let merged = |paths: &[PathBuf]| -> Result<Played, RunError> {
        let (gathered, begun) = gather(paths, &target)?;
        plan(None).is(&begun).unwrap();
        let (mut schedule, toy) = (schedule(), Toy::until(u64::MAX));
        let (played, matches) = replay(&plan(None), &mut schedule, (gathered.path(), &begun), &toy)?;
        assert_eq!(matches.told(), [""; 0]);
        let files = [("toy.json", format!("{{\"matches\": {}}}\n", played.matches))];
        let made =
            Made { pairings: schedule.pairings(), complete: true, files: &files, tables: Vec::new(), recorded: None };
        assert!(matches.tabulate(&plan(None), made)?);
        drop(matches);
        gathered.put()?;
        Ok(played)
    };
    assert!(merged(&paths[..2]).unwrap_err().to_string().contains("shard 3 of 3 is missing"));
    assert!(merged(&[paths[0].clone(), paths[0].clone()]).unwrap_err().to_string().contains("are the same shard, 1"));
    assert!(merged(&[folder.path().join("whole")]).unwrap_err().to_string().contains("is no shard"));
    assert!(merged(&paths).unwrap_err().to_string().contains("matches are missing"), "the second is not complete");
    assert!(!target.exists());
    let rest = shard(2, u64::MAX).1;
    assert_eq!(parts.iter().map(|(_, played)| played).sum::<u64>() + rest, matches);
    assert_eq!(merged(&paths).unwrap().matches, matches);
    assert!(tables(&target) == expected);
}

#[test]
fn seeds_are_shared_by_all_entrants_and_keys_stay_when_others_come() {
    assert_eq!(seed(1, "calm", 3), seed(1, "calm", 3));
    let other = [seed(2, "calm", 3), seed(1, "wild", 3), seed(1, "calm", 4)];
    assert!(other.iter().all(|other| *other != seed(1, "calm", 3)) && seed(1, "calm", 3) < 1 << 53);
    let axes = [Axis::words("a"), Axis::words("b")];
    let of = |labels: [&str; 2], replicate| key(&axes, &labels.map(str::to_owned), replicate);
    assert_eq!(of(["x", "y"], 0), of(["x", "y"], 0));
    assert!(of(["x", "y"], 0) != of(["x", "y"], 1) && of(["xy", ""], 0) != of(["x", "y"], 0));
}
