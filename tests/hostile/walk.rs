//! Walks the corpus: every file is played twice beside an innocent cohort, and must come out as it says, in time, within
//! memory, leaving nothing, the same again, and unnoticed by its neighbor.

use std::time::{Duration, Instant};

use palisade_agents::{Backend, Library};
use palisade_engine::scenario::Role;

use crate::corpus::{self, Expected, File};
use crate::place::{HOSTILE, Place};
use crate::stage::{self, Intruder, Played};
use crate::{ALLOCATOR, alone};

/// The longest that anything may take.
const LONGEST: Duration = Duration::from_secs(2);
/// The most bytes that a file may take above what there was before.
const MOST_BYTES: usize = 64 << 20;
/// The most bytes that may be left of it.
const MOST_LEFT: usize = 64 << 10;
/// The longest message.
const MOST_LETTERS: usize = 300;

#[test]
fn every_file_comes_out_as_it_says() {
    let wrong = alone(|| {
        let place = Place::new();
        let neighbor = stage::play(&place.library().expect("sound parts"), None, Backend::Auto)
            .expect("a sound neighbor")
            .neighbor;
        assert!(neighbor.len() > 100, "the neighbor does something: {neighbor}");
        let (files, before) = (corpus::files(), ALLOCATOR.allocated());
        assert!(files.len() >= 200, "only {} files", files.len());
        let mut wrong: Vec<String> = files.iter().flat_map(|file| wrong_with(&place, file, &neighbor)).collect();
        // Not only between operations, as the peaks of single files are.
        let most = ALLOCATOR.max_allocated().saturating_sub(before);
        wrong.extend((most > MOST_BYTES).then(|| format!("one of them took {most} bytes for a moment")));
        wrong
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What came of a file.
type Outcome = Result<Played, String>;

fn wrong_with(place: &Place, file: &File, neighbor: &str) -> Vec<String> {
    place.put(&file.bytes);
    let library = place.library();
    let play = |backend| played(library.as_ref().map_err(Clone::clone)?, file, backend);
    // Whatever is made once in a process is there before the repeat, which is looked at.
    let one = play(Backend::Auto);
    let mut wrong = complaints(file, &one, neighbor);
    let (before, start) = (stage::watch_bytes(), Instant::now());
    let two = play(Backend::Rhai);
    let (took, peak) = (start.elapsed(), stage::peak_bytes().saturating_sub(before));
    let is_repeat = match (&one, &two) {
        (Ok(one), Ok(two)) => one.rows == two.rows && one.faults == two.faults,
        (one, two) => one.as_ref().err() == two.as_ref().err(),
    };
    if !is_repeat {
        wrong.push("differs from its repeat in the interpreter".to_owned());
    }
    let slowest = [&one, &two].into_iter().flatten().map(|played| played.slowest).max().unwrap_or_default();
    drop(two);
    let left = ALLOCATOR.allocated().saturating_sub(before);
    if slowest > LONGEST || (one.is_err() && took > LONGEST) {
        wrong.push(format!("took {took:?}, its longest call {slowest:?}"));
    }
    if peak > MOST_BYTES || left > MOST_LEFT {
        wrong.push(format!("took {peak} bytes and left {left}"));
    }
    wrong.into_iter().map(|complaint| format!("{}: {complaint}", file.name)).collect()
}

fn played(library: &Library, file: &File, backend: Backend) -> Outcome {
    let role = library.get(HOSTILE).expect("just written").card.role.unwrap_or(Role::Trader);
    // Only where agents could learn of each other do two of them play.
    let agents = if file.name.starts_with("leak/") { 2 } else { 1 };
    stage::play(library, Some(Intruder { strategy: HOSTILE, role, agents }), backend)
}

fn complaints(file: &File, outcome: &Outcome, neighbor: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    match (&file.expected, outcome) {
        (Expected::Refused(part), Err(reason)) if reason.contains(part) => {}
        (Expected::Fault(part), Ok(played))
            if !played.faults.is_empty() && played.faults.iter().all(|fault| fault.contains(part)) => {}
        (Expected::Harmless, Ok(played)) if played.faults.is_empty() => {}
        (expected, Ok(played)) => wrong.push(format!("{expected:?}, but {:?}", first_unlike(expected, played))),
        (expected, Err(reason)) => wrong.push(format!("{expected:?}, but refused: {reason}")),
    }
    if let Ok(played) = outcome {
        if played.neighbor != neighbor {
            wrong.push("its neighbor does something else than without it".to_owned());
        }
        wrong.extend(played.tripped.as_ref().map(|trip| format!("tripped a back-stop: {trip}")));
        wrong.extend(
            played.faults.iter().find(|fault| !is_message(fault)).map(|fault| format!("no message: {fault:?}")),
        );
    } else if let Err(reason) = outcome {
        wrong.extend(reason.lines().find(|line| !is_message(line)).map(|line| format!("no message: {line:?}")));
    }
    wrong
}

fn first_unlike<'a>(expected: &Expected, played: &'a Played) -> Option<&'a String> {
    let part = if let Expected::Fault(part) = expected { part.as_str() } else { "\0" };
    played.faults.iter().find(|fault| !fault.contains(part))
}

/// One short line of letters that show; its place comes before it, and a hint may come behind.
fn is_message(text: &str) -> bool {
    let hidden = |c: char| c.is_control() || "\u{200b}\u{202e}\u{2028}".contains(c);
    !text.contains(hidden) && text.chars().count() <= 2 * MOST_LETTERS + 100
}
