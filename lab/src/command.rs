//! The command line that reproduces a run: canonical, without what changes no figure (`--out` and what is
//! written there, `--jobs`, output).

use std::path::Path;

use crate::load::RunRequest;
use crate::sweep::{Method, Request as Sweep};
use crate::tournament::Request;

/// Which worlds to reproduce.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Worlds {
    /// The first seed.
    pub(crate) seed: u64,
    /// How many seeds from there.
    pub(crate) seeds: u32,
    /// Steps, unless the scenario's clock decides.
    pub(crate) steps: Option<u64>,
}

/// `palisade run …` for `worlds` of a request.
pub(crate) fn reproduce(request: &RunRequest, worlds: Worlds) -> String {
    let mut line = Line::of("run", &[&request.scenario]);
    line.option("seed", &worlds.seed.to_string());
    if worlds.seeds > 1 {
        line.option("seeds", &worlds.seeds.to_string());
    }
    line.world(request, worlds.steps);
    if let Some(expression) = &request.fail_if {
        line.option("fail-if", expression);
    }
    line.0
}

/// `palisade compare …` over so many seeds of two requests, of which the second sets what the first sets, and more.
pub(crate) fn compare(a: &RunRequest, b: &RunRequest, seeds: usize) -> String {
    let with = b.sets.get(a.sets.len()..).unwrap_or_default();
    let mut scenarios = vec![a.scenario.as_path()];
    if b.scenario != a.scenario || with.is_empty() {
        scenarios.push(&b.scenario);
    }
    let mut line = Line::of("compare", &scenarios);
    line.option("seed", &a.seed.to_string());
    line.option("seeds", &seeds.to_string());
    line.world(a, a.steps);
    for set in with {
        line.option("with", &set.to_string());
    }
    line.0
}

/// `palisade tournament …` for what a request asks, wherever it is written to.
pub(crate) fn tournament(request: &Request) -> String {
    let mut line = Line::of("tournament", &[&request.file]);
    line.many((request.seed, request.replicates), request.how.shard);
    let (sets, scripts, steps) = (request.sets.clone(), request.scripts.clone(), request.steps);
    line.world(&RunRequest { sets, scripts, ..RunRequest::default() }, steps);
    line.0
}

/// `palisade sweep …` for what a request asks, wherever it is written to.
pub(crate) fn sweep(request: &Sweep) -> String {
    let mut line = Line::of("sweep", &[&request.file]);
    request.vary.iter().for_each(|axis| line.option("vary", axis));
    if let Some(design) = &request.design {
        line.option("design", &design.display().to_string());
    }
    match request.method {
        None | Some(Method::Grid) => {}
        Some(Method::Latin { points }) => line.option("latin", &points.to_string()),
        Some(Method::Sobol { points }) => line.option("sobol", &points.to_string()),
        Some(Method::Indices { rows }) => line.option("indices", &rows.to_string()),
    }
    for (name, text) in [("outcome", &request.outcome), ("loss", &request.loss)] {
        text.iter().for_each(|text| line.option(name, text));
    }
    line.many((request.seed, request.replicates), request.how.shard);
    let Sweep { sets, scripts, data, .. } = request.clone();
    line.world(&RunRequest { sets, scripts, data, ..RunRequest::default() }, request.steps);
    line.0
}

/// A command line being written.
struct Line(String);

impl Line {
    fn of(command: &str, scenarios: &[&Path]) -> Self {
        let mut line = Self(format!("palisade {command}"));
        scenarios.iter().for_each(|scenario| line.word(&scenario.display().to_string()));
        line
    }

    fn word(&mut self, word: &str) {
        self.0 += &format!(" {}", quoted(word));
    }

    fn option(&mut self, name: &str, value: &str) {
        self.word(&format!("--{name}"));
        self.word(value);
    }

    /// What many matches are made of.
    fn many(&mut self, (seed, replicates): (Option<u64>, Option<u32>), shard: Option<(u32, u32)>) {
        if let Some(seed) = seed {
            self.option("seed", &seed.to_string());
        }
        if let Some(replicates) = replicates {
            self.option("replicates", &replicates.to_string());
        }
        if let Some((part, of)) = shard {
            self.option("shard", &format!("{part}/{of}"));
        }
    }

    /// What a world is made of.
    fn world(&mut self, request: &RunRequest, steps: Option<u64>) {
        if let Some(steps) = steps {
            self.option("steps", &steps.to_string());
        }
        for set in &request.sets {
            self.option("set", &set.to_string());
        }
        for fork in &request.forks {
            self.option("set-at", &fork.step.to_string());
            self.word(&format!("{}={}", fork.path, fork.value));
        }
        for (name, file) in &request.data {
            self.option("data", &format!("{name}={}", file.display()));
        }
        for folder in &request.scripts {
            self.option("scripts", &folder.display().to_string());
        }
    }
}

/// A word as a POSIX shell reads it back.
#[must_use]
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn everything_that_changes_figures_is_in_the_command_and_nothing_else() {
        let request = RunRequest {
            scenario: "scenarios/it's.ron".into(),
            sets: vec!["protocol.a=(x: 1)".parse().unwrap(), "name=b".parse().unwrap()],
            data: vec![("ETH".into(), "a b.csv".into())],
            scripts: vec!["mine".into()],
            seeds: 3,
            jobs: 2,
            out: Some("runs/x".into()),
            fail_if: Some("withdrawn > 1".into()),
            ..RunRequest::default()
        };
        let worlds = Worlds { seed: 7, seeds: 3, steps: Some(9) };
        assert_eq!(
            reproduce(&request, worlds),
            r"palisade run 'scenarios/it'\''s.ron' --seed 7 --seeds 3 --steps 9 --set 'protocol.a=(x: 1)' --set name=b --data 'ETH=a b.csv' --scripts mine --fail-if 'withdrawn > 1'"
        );
    }

    #[test]
    fn a_comparison_names_what_both_are_made_of_and_what_the_second_alone_sets() {
        let set = |text: &str| text.parse().unwrap();
        let scripts = vec!["mine".into()];
        let a = RunRequest { scenario: "x.ron".into(), sets: vec![set("a=1")], scripts, ..RunRequest::default() };
        let b = RunRequest { sets: vec![set("a=1"), set("b=2")], ..a.clone() };
        assert_eq!(compare(&a, &b, 5), "palisade compare x.ron --seed 1 --seeds 5 --set a=1 --scripts mine --with b=2");
        let other = RunRequest { scenario: "y.ron".into(), ..a.clone() };
        assert_eq!(compare(&a, &other, 1), "palisade compare x.ron y.ron --seed 1 --seeds 1 --set a=1 --scripts mine");
    }
}
