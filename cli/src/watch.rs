//! Looking on while worlds run: a bar on stderr, and Ctrl-C.

use std::io::{IsTerminal, stderr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use palisade_lab::run::Watch;

use crate::args::Display;
use crate::exit::Exit;
use crate::output::complain;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static LISTENING: AtomicBool = AtomicBool::new(false);
/// Whether worlds are running, which Ctrl-C lets finish.
static RUNNING: AtomicBool = AtomicBool::new(false);

/// Shows progress to whoever sits at a terminal.
#[derive(Debug)]
pub(crate) struct Onlooker {
    bar: ProgressBar,
}

impl Onlooker {
    /// Starts watching a run of so many steps, where that is known. The first Ctrl-C asks the run to end, the second
    /// ends the program.
    pub(crate) fn start(display: &Display, steps: Option<u64>) -> anyhow::Result<Self> {
        RUNNING.store(true, Ordering::Relaxed);
        listen()?;
        let shown = stderr().is_terminal() && !display.quiet && !display.json;
        let bar = if shown { drawn(steps) } else { ProgressBar::hidden() };
        Ok(Self { bar })
    }
}

/// Listens for Ctrl-C from now on: between runs it ends the program.
pub(crate) fn listen() -> anyhow::Result<()> {
    if LISTENING.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    ctrlc::set_handler(|| {
        if !RUNNING.load(Ordering::Relaxed) || INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(Exit::Interrupted.code()));
        }
        complain("\nfinishing the worlds under way; Ctrl-C again ends at once\n");
    })
    .context("cannot listen for Ctrl-C")
}

fn drawn(steps: Option<u64>) -> ProgressBar {
    let (bar, template) = match steps {
        Some(steps) => (ProgressBar::new(steps), "{bar:40} {percent:>3} % of {human_len} steps, {eta} left"),
        None => (ProgressBar::no_length(), "{spinner} {human_pos} steps, {elapsed}"),
    };
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

impl Watch for Onlooker {
    fn stepped(&self, steps: u64) {
        self.bar.inc(steps);
    }

    fn interrupted(&self) -> bool {
        INTERRUPTED.load(Ordering::Relaxed)
    }
}

/// Shows how many matches are played, how fast, and how long it will take.
#[derive(Debug)]
pub(crate) struct MatchOnlooker {
    bar: ProgressBar,
    /// Matches played by this process, which alone say how fast it is.
    now: AtomicU64,
    begun: Instant,
}

impl MatchOnlooker {
    pub(crate) fn start(display: &Display) -> anyhow::Result<Self> {
        RUNNING.store(true, Ordering::Relaxed);
        listen()?;
        let shown = stderr().is_terminal() && !display.quiet && !display.json;
        let bar = if shown { ProgressBar::no_length() } else { ProgressBar::hidden() };
        // How many come is not always known.
        styled(&bar, "{spinner} {human_pos} matches, {msg}");
        Ok(Self { bar, now: AtomicU64::new(0), begun: Instant::now() })
    }
}

fn styled(bar: &ProgressBar, template: &str) {
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
}

impl Watch for MatchOnlooker {
    fn stepped(&self, _: u64) {}

    fn planned_matches(&self, most: u64) {
        styled(&self.bar, "{bar:40} {human_pos} of at most {human_len} matches, {msg}");
        self.bar.set_length(most);
        self.bar.enable_steady_tick(Duration::from_millis(200));
    }

    #[allow(clippy::cast_precision_loss)]
    fn finished_matches(&self, matches: u64, now: bool) {
        self.bar.inc(matches);
        if now {
            let played = self.now.fetch_add(matches, Ordering::Relaxed) + matches;
            let speed = played as f64 / self.begun.elapsed().as_secs_f64().max(1e-3);
            let left = self.bar.length().map(|most| most.saturating_sub(self.bar.position()) as f64 / speed);
            let left = left.map(|left| format!(", {} left", HumanDuration(Duration::from_secs_f64(left))));
            self.bar.set_message(format!("{speed:.1} a second{}", left.unwrap_or_default()));
        }
    }

    fn interrupted(&self) -> bool {
        INTERRUPTED.load(Ordering::Relaxed)
    }
}

impl Drop for MatchOnlooker {
    fn drop(&mut self) {
        RUNNING.store(false, Ordering::Relaxed);
        self.bar.finish_and_clear();
    }
}

impl Drop for Onlooker {
    fn drop(&mut self) {
        RUNNING.store(false, Ordering::Relaxed);
        self.bar.finish_and_clear();
    }
}
