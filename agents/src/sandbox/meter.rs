//! The meters of a call: its operations, which are part of a result, and the two back-stops, which never are. Natives and
//! the watch over copies charge here what rhai itself takes for one operation, however much work it is.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::backend::Backend;

/// Operations of one decision.
pub(crate) const CALL_FUEL: u64 = 50_000;
/// Operations of what runs once, at load.
pub(crate) const LOAD_FUEL: u64 = 500_000;
/// Bytes that may be copied for one operation of a decision.
const COPY_BYTES: u64 = 512;
/// Operations between two looks at the live bytes.
const LOOK_AT_BYTES: u64 = 64;
/// Operations between two looks at the watch.
const LOOK_AT_TIME: u64 = 4_096;

/// How a host contains scripts beyond the deterministic limits.
#[derive(Clone, Copy, Debug)]
pub struct HostOptions {
    /// Bytes that the calling thread holds right now, from a counting allocator; only differences count, so that it may
    /// wrap. A constant switches the cap off.
    pub live_bytes: fn() -> usize,
    /// How many bytes one call may add.
    pub byte_cap: usize,
    /// How long one call may take.
    pub deadline: Duration,
    /// Whether to count operations and time by line, for [`crate::ScriptHost::costs`].
    pub profile: bool,
    /// How strategies are run.
    pub backend: Backend,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self {
            live_bytes: || 0,
            byte_cap: 32 << 20,
            deadline: Duration::from_secs(2),
            profile: false,
            backend: Backend::Auto,
        }
    }
}

/// Which meter ended a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    /// The operation budget, which is part of a result.
    Fuel,
    /// The byte cap: a back-stop, as it depends on what else the process does.
    Memory,
    /// The deadline: a back-stop, as it depends on the machine.
    Deadline,
    /// None: the engine itself failed, and nothing of it may be used again.
    Panic,
}

impl Stop {
    /// Whether what it depends on lies outside of the script.
    pub(crate) const fn is_backstop(self) -> bool {
        matches!(self, Self::Memory | Self::Deadline)
    }
}

/// Counts a call's operations itself: rhai loses those made inside native callbacks such as `sort` and `map`.
#[derive(Debug)]
pub(crate) struct Meter {
    fuel: Cell<u64>,
    limit: Cell<u64>,
    stop: Cell<Option<Stop>>,
    bytes_before: Cell<usize>,
    deadline: Cell<Option<Instant>>,
    options: HostOptions,
}

impl Meter {
    pub(crate) fn new(options: HostOptions) -> Self {
        Self {
            fuel: Cell::new(0),
            limit: Cell::new(CALL_FUEL),
            stop: Cell::new(None),
            bytes_before: Cell::new(0),
            deadline: Cell::new(None),
            options,
        }
    }

    /// Begins a call of at most `limit` operations.
    pub(crate) fn begin(&self, limit: u64) {
        self.fuel.set(0);
        self.limit.set(limit);
        self.stop.set(None);
        self.bytes_before.set((self.options.live_bytes)());
        self.deadline.set(None);
    }

    /// What ended the call, if a meter did. A native may have swallowed the error by which it did.
    pub(crate) fn stopped(&self) -> Option<Stop> {
        let spent = self.fuel.get() > self.limit.get();
        self.stop.get().or(spent.then_some(Stop::Fuel))
    }

    /// Takes operations off again that are not the script's own.
    pub(crate) fn forgive(&self, operations: u64) {
        self.fuel.set(self.fuel.get().saturating_sub(operations));
    }

    /// Operations of the call so far.
    pub(crate) fn operations(&self) -> u64 {
        self.fuel.get()
    }

    /// Notes what ended the call.
    pub(crate) fn end(&self, stop: Stop) {
        self.stop.set(Some(stop));
    }

    /// Notes that so many bytes are copied or built by what counts as one operation. At load a byte costs more, as there
    /// are more operations to spend but no more memory.
    pub(crate) fn charge(&self, bytes: usize) {
        let share = (2 * self.limit.get() / CALL_FUEL).saturating_sub(1).max(1);
        let units = (bytes as u64).saturating_mul(share) / COPY_BYTES;
        self.spend(units);
    }

    /// One operation; what ends the call, if anything does.
    pub(crate) fn tick(&self) -> Option<Stop> {
        self.spend(1);
        if self.stop.get().is_none() && self.fuel.get() > self.limit.get() {
            self.stop.set(Some(Stop::Fuel));
        }
        self.stop.get()
    }

    fn spend(&self, units: u64) {
        let before = self.fuel.get();
        let fuel = before.saturating_add(units);
        self.fuel.set(fuel);
        if before / LOOK_AT_BYTES != fuel / LOOK_AT_BYTES {
            self.look(before / LOOK_AT_TIME != fuel / LOOK_AT_TIME);
        }
    }

    fn look(&self, at_time: bool) {
        // A thread may give back what others allocated: it can hold less than before, and less than nothing.
        let grown = (self.options.live_bytes)().wrapping_sub(self.bytes_before.get()).cast_signed();
        if usize::try_from(grown).is_ok_and(|grown| grown > self.options.byte_cap) {
            self.stop.set(Some(Stop::Memory));
        } else if at_time && self.is_late() {
            self.stop.set(Some(Stop::Deadline));
        }
    }

    /// The watch starts at the first look, so that short calls never ask for the time.
    fn is_late(&self) -> bool {
        let now = Instant::now();
        match self.deadline.get() {
            Some(deadline) => now > deadline,
            None => {
                self.deadline.set(now.checked_add(self.options.deadline));
                false
            }
        }
    }
}
