//! What the scripts of one world cost, by hook and by line.

use palisade_agents::{Backend, HookCost, HostOptions, LineCost};

use crate::load::{Loaded, RunRequest};
use crate::run::{RunError, Watch};
use crate::session::{Cast, Nobody, Session, on_large_stack};

/// The costs of one world's scripts.
#[derive(Clone, Debug)]
pub struct Profile {
    /// By strategy and hook, dearest first.
    pub hooks: Vec<HookCost>,
    /// By line, as interpreted, dearest first.
    pub lines: Vec<LineCost>,
}

/// Plays the world of the request's seed and counts. Lines are told apart by the interpreter alone: where hooks run over
/// columns the world is played again without them.
///
/// # Errors
/// A broken invariant.
pub fn profile(loaded: &Loaded, request: &RunRequest, watch: &dyn Watch) -> Result<Profile, RunError> {
    on_large_stack(|| {
        let costs = |backend| {
            let host = HostOptions { profile: true, backend, ..request.host };
            let request = RunRequest { host, ..request.clone() };
            let session = Session { loaded, request: &request, watch };
            let played = session.unless_tripped(|| session.play(request.seed, Cast::Full, &mut Nobody))?;
            Ok::<_, RunError>(played.host.costs())
        };
        let (mut hooks, mut lines) = costs(request.host.backend)?;
        if hooks.iter().any(|cost| cost.backend == Backend::Columnar.word()) {
            lines = costs(Backend::Rhai)?.1;
        }
        hooks.sort_by_key(|cost| std::cmp::Reverse(cost.operations));
        lines.sort_by_key(|cost| std::cmp::Reverse(cost.operations));
        Ok(Profile { hooks, lines })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::load::load;
    use crate::run::run;
    use crate::sample::{self, Onlooker};

    #[test]
    fn lines_add_up_to_their_hooks_and_the_run_is_the_same() {
        let (_folder, plain) = sample::attacked();
        let host = HostOptions { backend: Backend::Rhai, ..plain.host };
        let request = RunRequest { host, ..plain.clone() };
        let loaded = load(&request).unwrap();
        let lines = |profile: &Profile| -> Vec<(usize, u64)> {
            profile.lines.iter().map(|cost| (cost.line, cost.operations)).collect()
        };
        let over_columns = super::profile(&loaded, &plain, &Onlooker::default()).unwrap();
        assert!(over_columns.hooks.iter().any(|cost| cost.backend == "columnar"), "{:?}", over_columns.hooks);
        let profile = profile(&loaded, &request, &Onlooker::default()).unwrap();
        assert_eq!(lines(&over_columns), lines(&profile), "the lines are those of the interpreter");
        let names: Vec<_> = profile.hooks.iter().map(|cost| (cost.strategy.as_str(), cost.hook)).collect();
        assert!(names.contains(&("scripts/traders/noise.rhai", "decide")), "{names:?}");
        assert!(names.contains(&("scripts/oracles/honest.rhai", "report")), "{names:?}");
        let of_hooks: u64 = profile.hooks.iter().map(|cost| cost.operations).sum();
        let of_lines: u64 = profile.lines.iter().map(|cost| cost.operations).sum();
        // Entering a hook costs an operation or two before its first statement.
        let calls: u64 = profile.hooks.iter().map(|cost| cost.calls).sum();
        assert!(of_lines <= of_hooks && of_hooks <= of_lines + 3 * calls, "{of_lines} of {of_hooks} in {calls} calls");
        let line = profile.lines.iter().find(|cost| cost.text.contains("me.rng.chance(me.params.rate)")).unwrap();
        assert_eq!((line.file.as_str(), line.text.starts_with("if !me.rng")), ("scripts/traders/noise.rhai", true));
        let host = HostOptions { profile: true, ..request.host };
        let [plain, profiled] = [request.clone(), RunRequest { host, ..request.clone() }]
            .map(|request| serde_json::to_string(&run(&loaded, &request, &Onlooker::default()).unwrap()).unwrap());
        assert_eq!(plain, profiled);
    }
}
