//! A fork of a run: a risk parameter that takes another value from some step on (`--set-at STEP path=value`). Before that
//! step the run is the unbroken one; the table of governance has a row for each change.

use std::fmt;

use palisade_engine::Simulation;
use palisade_engine::scenario::SetupError;

use crate::load::LoadError;
use crate::source::suggestion;

/// One change of a risk parameter, made before a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Fork {
    /// The step before which it is made, from 0.
    pub step: u64,
    /// The parameter's dotted path.
    pub path: String,
    /// Its value from there on, unless a vote changes it again.
    pub value: f64,
}

impl fmt::Display for Fork {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}={}", self.step, self.path, self.value)
    }
}

impl Fork {
    /// Reads the two words behind `--set-at`.
    ///
    /// # Errors
    /// Words that are no step, or no `path=number`.
    pub fn parse(step: &str, change: &str) -> Result<Self, LoadError> {
        let wrong = |expected: &str| LoadError::Usage(format!("--set-at {step} {change}: expected {expected}"));
        let (path, value) = change.split_once('=').ok_or_else(|| wrong("a step and `path=value`"))?;
        Ok(Self {
            step: step.parse().map_err(|_| wrong("a step first, a whole number from 0"))?,
            path: path.trim().to_owned(),
            value: value
                .trim()
                .parse()
                .ok()
                .filter(|value: &f64| value.is_finite())
                .ok_or_else(|| wrong("a number"))?,
        })
    }

    /// Makes the change.
    ///
    /// # Errors
    /// A path that leads to no risk parameter; a value outside its bounds.
    pub(crate) fn make(&self, simulation: &mut Simulation) -> Result<(), LoadError> {
        simulation.set_parameter(&self.path, self.value).map_err(|error| {
            let help = match &error {
                SetupError::Name { name, known, .. } => {
                    suggestion(name, &known.iter().map(String::as_str).collect::<Vec<_>>())
                }
                _ => None,
            };
            LoadError::Usage(format!(
                "--set-at {self}: {error}{}",
                help.map(|help| format!("; {help}")).unwrap_or_default()
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::load::{RunRequest, load};
    use crate::run::run;
    use crate::sample::{self, Onlooker};

    /// Without governance too, where no vote could have changed anything.
    #[test]
    fn a_fork_is_a_key_moment_of_its_run() {
        let (_folder, request) = sample::calm(&[("imr: 0.2", "imr: 0.2, fee: 0.001")]);
        let fork = Fork::parse("40", "protocol.markets.THIN-PERP.fee=0.05").unwrap();
        let forked = RunRequest { forks: vec![fork], ..request.clone() };
        let told = |request: &RunRequest| {
            let report = run(&load(request).unwrap(), request, &Onlooker::default()).unwrap();
            report.first.story.into_iter().map(|line| (line.time_ms, line.text)).collect::<Vec<_>>()
        };
        let (whole, forked) = (told(&request), told(&forked));
        let line = "protocol.markets.THIN-PERP.fee is set from 0.001 to 0.05 from outside";
        assert!(forked.contains(&(41_000, line.to_owned())), "{forked:?}");
        assert!(whole.iter().all(|(_, text)| !text.contains("outside")), "{whole:?}");
    }
}
