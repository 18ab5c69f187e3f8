//! Blocks of RON: whole scenarios, keys for a head, and values at a path.

use std::fs;
use std::path::{Path, PathBuf};

use palisade_lab::load::{LoadError, RunRequest, load};
use palisade_lab::run::run as run_worlds;
use palisade_lab::tournament::Sheet;
use palisade_tests::markdown::Block;

use super::{Page, must_fail, root};
use crate::scenarios::Quiet;

/// Steps that every scenario of the guide runs.
const STEPS: u64 = 20;

pub(super) fn run(page: &Page, block: &Block) -> Result<(), String> {
    let info = &block.info;
    if info.has("matches") {
        return matches(&page.keep(block, "ron"), &block.text);
    }
    let mut request =
        RunRequest { scripts: vec![page.folder.path().to_owned()], steps: Some(STEPS), ..RunRequest::default() };
    if info.has("scenario") {
        request.scenario = page.keep(block, "ron");
    } else {
        let base = named(page, info.get("in").ok_or("names no scenario: add `in=`")?);
        match info.get("set") {
            Some(path) => {
                let set = format!("{path}={}", block.text.trim().trim_end_matches(','));
                request.sets = vec![set.parse().map_err(|problem| format!("{problem}"))?];
                request.scenario = base;
            }
            None => request.scenario = with_head(page, block, &base)?,
        }
    }
    let told = played(&request);
    match info.get("refused") {
        Some(expected) => must_fail(expected, told),
        None => told,
    }
}

/// A tournament must be readable; a sweep says so itself, and is read by the command that plays it.
fn matches(file: &Path, text: &str) -> Result<(), String> {
    if text.contains("sweep: 1") {
        return Ok(());
    }
    Sheet::load(file).map(drop).map_err(|error| error.to_string())
}

/// A scenario of the page, or one of the repository by its name.
fn named(page: &Page, name: &str) -> PathBuf {
    let own = page.folder.path().join(name);
    if own.exists() { own } else { root().join("scenarios").join(format!("{name}.ron")) }
}

fn with_head(page: &Page, block: &Block, base: &PathBuf) -> Result<PathBuf, String> {
    let text = fs::read_to_string(base).map_err(|error| format!("{}: {error}", base.display()))?;
    let format = "format: 1,";
    if !text.contains(format) {
        return Err(format!("{} has no `{format}`", base.display()));
    }
    let text = text.replacen(format, &format!("{format}\n{}", block.text), 1);
    Ok(page.keep(&Block { text, ..block.clone() }, "ron"))
}

/// Runs it; a scenario of the guide has no faults.
fn played(request: &RunRequest) -> Result<(), String> {
    let loaded = load(request).map_err(|error| match &error {
        LoadError::Problem(problem) => format!("{problem} ({})", problem.help().unwrap_or_default()),
        other => other.to_string(),
    })?;
    let report = run_worlds(&loaded, request, &Quiet).map_err(|error| error.to_string())?;
    let places: Vec<_> =
        report.first.faults.places.iter().map(|fault| format!("{}: {}", fault.place, fault.message)).collect();
    if places.is_empty() { Ok(()) } else { Err(places.join("\n")) }
}
