//! The command line that reproduces a run: canonical, without what changes no figure (`--out` and what is
//! written there, `--jobs`, output).

use crate::load::RunRequest;

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
    let mut words = vec!["palisade".to_owned(), "run".to_owned(), quoted(&request.scenario.display().to_string())];
    let mut option = |name: &str, value: String| words.extend([format!("--{name}"), quoted(&value)]);
    option("seed", worlds.seed.to_string());
    if worlds.seeds > 1 {
        option("seeds", worlds.seeds.to_string());
    }
    if let Some(steps) = worlds.steps {
        option("steps", steps.to_string());
    }
    for set in &request.sets {
        option("set", format!("{}={}", set.path, set.value));
    }
    for fork in &request.forks {
        words.extend(["--set-at".to_owned(), fork.step.to_string(), quoted(&format!("{}={}", fork.path, fork.value))]);
    }
    let mut option = |name: &str, value: String| words.extend([format!("--{name}"), quoted(&value)]);
    for (name, file) in &request.data {
        option("data", format!("{name}={}", file.display()));
    }
    for folder in &request.scripts {
        option("scripts", folder.display().to_string());
    }
    if let Some(expression) = &request.fail_if {
        option("fail-if", expression.clone());
    }
    words.join(" ")
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
}
