//! Playing one world to its end: built, asked, stepped under a guard that turns a broken invariant into an error with
//! the command that reproduces it, and emptied of its rows often enough to keep memory bounded.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{PoisonError, RwLock};

use palisade_agents::ScriptHost;
use palisade_engine::frame::Frame;
use palisade_engine::host::Fault;
use palisade_engine::{Options, Simulation, mechanisms, valuation};

use crate::command::{Worlds, reproduce};
use crate::load::{LoadError, Loaded, RunRequest};
use crate::run::{RunError, Watch};

/// Stack of a thread that runs scripts: their nesting is bounded, and the bound fits in here.
pub(crate) const STACK: usize = 64 << 20;
/// Held for reading by whoever plays worlds, and for writing by whoever has to play one alone: the machine is the
/// process's, so this is too.
static TURNS: RwLock<()> = RwLock::new(());
/// Steps between two collections of rows.
const COLLECT_EVERY: u64 = 256;

/// Reads a world while it is played.
pub(crate) trait Spectator {
    /// The world before its first step.
    fn begin(&mut self, simulation: &Simulation);

    /// Rows of one of its tables.
    fn see(&mut self, frame: &Frame) -> Result<(), RunError>;

    /// Whether it looks at tables at all: where it does not, there are none.
    fn looks(&self) -> bool {
        true
    }
}

/// Lets a world's rows go by.
pub(crate) struct Nobody;

impl Spectator for Nobody {
    fn begin(&mut self, _: &Simulation) {}

    fn see(&mut self, _: &Frame) -> Result<(), RunError> {
        Ok(())
    }

    fn looks(&self) -> bool {
        false
    }
}

/// A run under way, as every world of it needs it.
#[derive(Clone, Copy)]
pub(crate) struct Session<'a> {
    pub(crate) loaded: &'a Loaded,
    pub(crate) request: &'a RunRequest,
    pub(crate) watch: &'a dyn Watch,
}

/// Who is in the world.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cast {
    /// Everyone.
    Full,
    /// The paired baseline.
    WithoutAttackers,
}

/// A world that has run to its end.
pub(crate) struct Played {
    pub(crate) simulation: Simulation,
    pub(crate) host: ScriptHost,
    /// What every group was worth before the first step.
    pub(crate) start: Vec<(String, f64)>,
    /// And after the last.
    pub(crate) end: Vec<(String, f64)>,
}

impl Session<'_> {
    /// Builds a world without stepping it.
    pub(crate) fn build(&self, seed: u64, cast: Cast) -> Result<(Simulation, ScriptHost), LoadError> {
        self.built((seed, cast), false)
    }

    fn built(&self, (seed, cast): (u64, Cast), without_tables: bool) -> Result<(Simulation, ScriptHost), LoadError> {
        let (without_attackers, recording) = (cast == Cast::WithoutAttackers, self.request.record.recording);
        let options = Options { seed, without_attackers, recording, without_tables, ..Options::default() };
        let scenario = &self.loaded.scenario;
        let explain = |error| self.loaded.explain(error);
        palisade_agents::begin_rules();
        let simulation = Simulation::new(scenario, &mechanisms::ALL, options).map_err(|error| explain(error.into()))?;
        let scripts = (&self.loaded.library, &self.loaded.sound);
        let host = ScriptHost::of_sound(scripts, scenario, &simulation, self.request.host).map_err(explain)?;
        Ok((simulation, host))
    }

    /// Plays the world of `seed` to its end before a spectator.
    pub(crate) fn play(&self, seed: u64, cast: Cast, spectator: &mut dyn Spectator) -> Result<Played, RunError> {
        let (mut simulation, mut host) = self.built((seed, cast), !spectator.looks())?;
        spectator.begin(&simulation);
        let start = valuation::group_worth(simulation.world());
        let steps = self.loaded.steps(self.request);
        for step in 0..steps {
            self.step((&mut simulation, &mut host), (seed, step))?;
            self.watch.stepped(1);
            if (step + 1) % COLLECT_EVERY == 0 || step + 1 == steps {
                simulation.take_frames().iter().try_for_each(|frame| spectator.see(frame))?;
            }
        }
        simulation.closing_frames().iter().try_for_each(|frame| spectator.see(frame))?;
        let end = valuation::group_worth(simulation.world());
        Ok(Played { simulation, host, start, end })
    }

    /// One step, behind the changes that are asked for before it, with a broken invariant or a tripped back-stop as an
    /// error.
    pub(crate) fn step(
        &self,
        (simulation, host): (&mut Simulation, &mut ScriptHost),
        (seed, step): (u64, u64),
    ) -> Result<(), RunError> {
        let mut due = self.request.forks.iter().filter(|fork| fork.step == step);
        due.try_for_each(|fork| fork.make(simulation))?;
        catch_unwind(AssertUnwindSafe(|| simulation.step(host)))
            .map_err(|panic| self.broken(seed, step, panic.as_ref()))?;
        self.check_backstops(host, (seed, step))
    }

    /// A tripped back-stop as an error.
    pub(crate) fn check_backstops(&self, host: &ScriptHost, (seed, step): (u64, u64)) -> Result<(), RunError> {
        match host.backstop_tripped() {
            None => Ok(()),
            Some(Fault { hook, place, message, .. }) => {
                let command = self.command_of(seed, step);
                let (place, message) = (place.to_string(), message.to_string());
                Err(RunError::Backstop { seed, step, hook, place, message, command })
            }
        }
    }

    /// Does `work`, which plays worlds, beside that of other threads. Back-stops depend on what else the machine does: when
    /// one trips, what was done is void, and is done once more with nothing else of this process beside it.
    ///
    /// # Errors
    /// Those of `work`; a back-stop that trips even then.
    pub(crate) fn unless_tripped<T>(&self, work: impl Fn() -> Result<T, RunError>) -> Result<T, RunError> {
        let result = {
            let _beside_others = TURNS.read().unwrap_or_else(PoisonError::into_inner);
            work()
        };
        match result {
            Err(RunError::Backstop { .. }) => {
                let _alone = TURNS.write().unwrap_or_else(PoisonError::into_inner);
                work()
            }
            result => result,
        }
    }

    /// The shortest command that shows a step of a world again.
    fn command_of(&self, seed: u64, step: u64) -> String {
        let request = RunRequest { fail_if: None, ..self.request.clone() };
        reproduce(&request, Worlds { seed, seeds: 1, steps: Some(step + 1) })
    }

    fn broken(&self, seed: u64, step: u64, panic: &(dyn std::any::Any + Send)) -> RunError {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        let command = self.command_of(seed, step);
        let message = text.unwrap_or("a step ended without a message").to_owned();
        RunError::Invariant { seed, step, message, command }
    }
}

/// Runs `work` on a thread whose stack is large enough for scripts.
///
/// # Errors
/// Those of `work`, and that no thread could be started.
pub fn on_large_stack<T: Send, E: Send + From<LoadError>>(work: impl FnOnce() -> Result<T, E> + Send) -> Result<T, E> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        let thread = thread.map_err(|error| LoadError::Usage(format!("cannot start a thread: {error}")))?;
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use palisade_agents::{Backend, HostOptions};

    use super::*;
    use crate::load::load;
    use crate::sample;

    #[test]
    fn a_broken_invariant_comes_with_the_command_that_shows_it() {
        let (_folder, request) = sample::calm(&[]);
        let request = RunRequest { seeds: 9, fail_if: Some("insolvent > 0".into()), ..request };
        let loaded = load(&request).unwrap();
        let session = Session { loaded: &loaded, request: &request, watch: &sample::Onlooker::default() };
        let panic = catch_unwind(|| panic!("Invariant: {} coins too many", 3)).unwrap_err();
        let RunError::Invariant { seed, step, message, command } = session.broken(4, 7, panic.as_ref()) else {
            panic!("not an invariant");
        };
        assert_eq!((seed, step, message.as_str()), (4, 7, "Invariant: 3 coins too many"));
        assert!(
            command.starts_with("palisade run ") && command.ends_with("sample.ron --seed 4 --steps 8"),
            "{command}"
        );
    }

    /// A request whose byte cap any call exceeds while `BYTES` grows, with a script that gives the meter time to look.
    fn greedy(live_bytes: fn() -> usize) -> (tempfile::TempDir, RunRequest) {
        let (folder, request) = sample::calm(&[("strategy: \"noise\"", "strategy: \"greedy\"")]);
        let text = "//! name: g\n//! role: trader\n//! summary: s\nfn params() { #{ rate: param(1.0, 0.0, 1.0, \"r\") } }\n\
                    fn decide(me, world) { let n = 0.0; for i in 0..100 { n += me.cash; } }";
        std::fs::create_dir(folder.path().join("my")).unwrap();
        std::fs::write(folder.path().join("my/greedy.rhai"), text).unwrap();
        let host = HostOptions { live_bytes, byte_cap: 1_000, backend: Backend::Rhai, ..request.host };
        let scripts = vec![folder.path().join("my")];
        (folder, RunRequest { host, scripts, steps: Some(3), ..request })
    }

    #[test]
    fn a_world_in_which_a_back_stop_trips_is_void_and_repeated_alone() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        static LOOKS: AtomicUsize = AtomicUsize::new(0);
        static POURING: AtomicUsize = AtomicUsize::new(0);
        // Bytes pour in for so many looks, and never again.
        let pour = |looks: usize| {
            LOOKS.store(0, Ordering::SeqCst);
            POURING.store(looks, Ordering::SeqCst);
        };
        let (folder, request) =
            greedy(|| LOOKS.fetch_add(1, Ordering::SeqCst).min(POURING.load(Ordering::SeqCst)) * 2_000);
        let loaded = load(&request).unwrap();
        let play = |name: &str| {
            let out = cfg!(feature = "parquet").then(|| folder.path().join(name));
            // Far enough for rows to have been written when the call is ended.
            let request = RunRequest { out, steps: Some(COLLECT_EVERY + 2), ..request.clone() };
            crate::run::run(&loaded, &request, &sample::Onlooker::default())
        };
        let text = |mut report: crate::report::Report| {
            report.out = None;
            serde_json::to_string(&report).unwrap()
        };
        let plain = text(play("plain").unwrap());
        // A run looks so often that bytes which pour in from near its end on trip in the last steps.
        let looks = LOOKS.load(Ordering::SeqCst);
        pour(usize::MAX >> 12);
        LOOKS.store(0, Ordering::SeqCst);
        play("twice").unwrap_err();
        assert!(!folder.path().join("twice").exists());
        // Both attempts looked equally often: what pours in during the first alone leaves the second in peace.
        pour(LOOKS.load(Ordering::SeqCst) / 2);
        let repeated = play("once").unwrap();
        assert!(LOOKS.load(Ordering::SeqCst) > looks, "the world was played again");
        assert_eq!(repeated.first.faults.count, 0, "nothing of the void world is left");
        assert_eq!(text(repeated), plain);
    }

    #[test]
    fn a_world_that_fails_for_another_reason_is_played_once() {
        let broken = "outcomes: {\"broken\": (script: \"if world.time > 0.0 { throw 7 } else { 1.0 }\")},\npopulation:";
        let (_folder, request) = sample::calm(&[("population:", broken)]);
        let request = RunRequest { steps: Some(5), ..request };
        let (loaded, onlooker) = (load(&request).unwrap(), sample::Onlooker::default());
        let error = crate::run::run(&loaded, &request, &onlooker).unwrap_err();
        assert!(matches!(&error, RunError::Load(LoadError::Usage(text)) if text.contains("broken")), "{error}");
        assert_eq!(onlooker.steps.into_inner(), 5);
    }

    #[test]
    fn a_back_stop_that_trips_again_ends_the_run_with_the_script_and_the_command() {
        static LOOKS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let (_folder, request) = greedy(|| LOOKS.fetch_add(2_000, std::sync::atomic::Ordering::SeqCst));
        let host = HostOptions { backend: Backend::Rhai, ..HostOptions::default() };
        let loaded = load(&RunRequest { host, ..request.clone() }).unwrap();
        let error = crate::run::run(&loaded, &request, &sample::Onlooker::default()).unwrap_err();
        let RunError::Backstop { hook, place, message, command, step, .. } = error else { panic!("{error}") };
        assert_eq!((hook, step), ("decide", 0));
        assert!(place.contains("greedy.rhai:5:") && message.contains("back-stop"), "{place}: {message}");
        assert!(command.ends_with("--seed 1 --steps 1") || command.contains("--steps 1 "), "{command}");
    }
}
