//! The hardened script engine: what it has, what it is refused, and the meters that end a call that runs away.
//!
//! Everything here follows measured facts about rhai 1.27.0; the hostile samples below it are to be run again at every
//! upgrade. What is left out (sleep, exit, eval, files, time, parse_json) is never registered: a disabled symbol is only
//! a check of the parser.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicIteratorPackage, BasicMapPackage, BasicMathPackage, BasicStringPackage,
    LogicPackage, MoreStringPackage, Package,
};
use rhai::{Array, Dynamic, Engine, EvalAltResult, FnPtr, ImmutableString, Map};

use crate::pure;

/// Operations of one decision.
pub(crate) const CALL_FUEL: u64 = 50_000;
/// Operations of what runs once, at load.
pub(crate) const LOAD_FUEL: u64 = 500_000;
const MAX_TEXT: usize = 1_024;
const MAX_ARRAY: usize = 1_024;
const MAX_MAP: usize = 256;
const MAX_LOG: usize = 4 * 1_024;
const DEADLINE: Duration = Duration::from_secs(2);
/// Fixes the names of anonymous functions, metadata order and iteration, which otherwise differ between processes.
const HASHING_SEED: [u64; 4] = [1, 2, 3, 4];

pub(crate) type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// How a host contains scripts beyond the deterministic limits.
#[derive(Clone, Copy, Debug)]
pub struct HostOptions {
    /// Bytes allocated by this process right now, from a counting allocator; a constant switches the cap off.
    pub live_bytes: fn() -> usize,
    /// How many bytes one call may add.
    pub byte_cap: usize,
    /// Whether to count operations and time by line, for [`crate::ScriptHost::costs`].
    pub profile: bool,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self { live_bytes: || 0, byte_cap: 32 << 20, profile: false }
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
    fn new(options: HostOptions) -> Self {
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

    /// Takes operations off again that are not the script's own.
    pub(crate) fn forgive(&self, operations: u64) {
        self.fuel.set(self.fuel.get().saturating_sub(operations));
    }

    /// Operations of the call so far.
    pub(crate) fn operations(&self) -> u64 {
        self.fuel.get()
    }

    /// What ended the call, if a meter did.
    pub(crate) fn stopped(&self) -> Option<Stop> {
        self.stop.get()
    }

    fn tick(&self) -> Option<Stop> {
        let fuel = self.fuel.get() + 1;
        self.fuel.set(fuel);
        if fuel > self.limit.get() {
            return Some(Stop::Fuel);
        }
        if fuel & 63 == 0 {
            let grown = (self.options.live_bytes)().saturating_sub(self.bytes_before.get());
            if grown > self.options.byte_cap {
                return Some(Stop::Memory);
            }
            if fuel & 4_095 == 0 && self.is_late() {
                return Some(Stop::Deadline);
            }
        }
        None
    }

    /// The watch starts at the first look, so that short calls never ask for the time.
    fn is_late(&self) -> bool {
        let now = Instant::now();
        match self.deadline.get() {
            Some(deadline) => now > deadline,
            None => {
                self.deadline.set(now.checked_add(DEADLINE));
                false
            }
        }
    }
}

/// What scripts print: kept, bounded, escaped; never on the standard output.
#[derive(Debug, Default)]
pub(crate) struct PrintLog {
    lines: RefCell<Vec<String>>,
    bytes: Cell<usize>,
}

impl PrintLog {
    fn push(&self, text: &str) {
        let line: String = text.chars().flat_map(char::escape_default).take(MAX_LOG).collect();
        let bytes = self.bytes.get() + line.len();
        if bytes <= MAX_LOG {
            self.bytes.set(bytes);
            self.lines.borrow_mut().push(line);
        }
    }

    /// Takes what was printed and makes room again.
    pub(crate) fn take(&self) -> Vec<String> {
        self.bytes.set(0);
        self.lines.take()
    }
}

/// The function packages, built once and shared by a host's engines.
pub(crate) struct Packages {
    arithmetic: ArithmeticPackage,
    logic: LogicPackage,
    strings: BasicStringPackage,
    more_strings: MoreStringPackage,
    iterators: BasicIteratorPackage,
    arrays: BasicArrayPackage,
    maps: BasicMapPackage,
    math: BasicMathPackage,
}

impl Packages {
    pub(crate) fn new() -> Self {
        // Refused once the first engine of the process has been made, which then has this seed already.
        let _ = rhai::config::hashing::set_hashing_seed(Some(HASHING_SEED));
        Self {
            arithmetic: ArithmeticPackage::new(),
            logic: LogicPackage::new(),
            strings: BasicStringPackage::new(),
            more_strings: MoreStringPackage::new(),
            iterators: BasicIteratorPackage::new(),
            arrays: BasicArrayPackage::new(),
            maps: BasicMapPackage::new(),
            math: BasicMathPackage::new(),
        }
    }

    fn register(&self, engine: &mut Engine) {
        self.arithmetic.register_into_engine(engine);
        self.logic.register_into_engine(engine);
        self.strings.register_into_engine(engine);
        self.more_strings.register_into_engine(engine);
        self.iterators.register_into_engine(engine);
        self.arrays.register_into_engine(engine);
        self.maps.register_into_engine(engine);
        self.math.register_into_engine(engine);
    }
}

/// A contained engine with its meters.
pub(crate) struct Sandbox {
    pub(crate) engine: Engine,
    pub(crate) meter: Rc<Meter>,
    pub(crate) log: Rc<PrintLog>,
}

impl Sandbox {
    /// An engine with the pure functions and nothing of the world.
    pub(crate) fn new(packages: &Packages, options: HostOptions) -> Self {
        let meter = Rc::new(Meter::new(options));
        let log = Rc::new(PrintLog::default());
        let mut engine = Engine::new_raw();
        packages.register(&mut engine);
        limit(&mut engine);
        replace_unsafe_natives(&mut engine);
        pure::register(&mut engine);
        pure::register_columns(&mut engine);
        let (prints, debugs, ticks) = (Rc::clone(&log), Rc::clone(&log), Rc::clone(&meter));
        engine.on_print(move |text| prints.push(text));
        engine.on_debug(move |text, _, _| debugs.push(text));
        engine.on_progress(move |_| {
            let stop = ticks.tick()?;
            ticks.stop.set(Some(stop));
            Some(Dynamic::UNIT)
        });
        Self { engine, meter, log }
    }
}

fn limit(engine: &mut Engine) {
    // The meter decides; the engine's own count is the net below it.
    engine.set_max_operations(2 * LOAD_FUEL);
    // Set always: rhai's defaults differ between debug and release builds.
    engine.set_max_call_levels(32).set_max_expr_depths(64, 64);
    engine.set_max_string_size(MAX_TEXT).set_max_array_size(MAX_ARRAY).set_max_map_size(MAX_MAP);
    engine.set_max_variables(256).set_max_functions(128).set_max_strings_interned(256);
    // `curry` takes unbounded memory; `try` would hide faults and show hashes.
    for symbol in ["eval", "import", "export", "curry", "try"] {
        engine.disable_symbol(symbol);
    }
    engine.set_strict_variables(true).set_fail_on_invalid_map_property(true).set_fast_operators(true);
}

/// Replaces natives of rhai 1.27.0 that hang, wrap around or allocate far above the limits.
fn replace_unsafe_natives(engine: &mut Engine) {
    engine.register_fn("pad", |text: &mut ImmutableString, length: i64, with: &str| -> Outcome<()> {
        if with.is_empty() {
            return Err("pad: the padding is empty".into());
        }
        let have = text.chars().count();
        let Ok(length) = usize::try_from(length) else { return Ok(()) };
        if length > MAX_TEXT {
            return Err("pad: longer than a text may be".into());
        }
        let mut padded = String::from(text.as_str());
        padded.extend(with.chars().cycle().take(length.saturating_sub(have)));
        *text = padded.into();
        Ok(())
    });
    engine.register_fn("pad", |array: &mut Array, length: i64, item: Dynamic| -> Outcome<()> {
        let Ok(length) = usize::try_from(length) else { return Ok(()) };
        let added = length.saturating_sub(array.len());
        if added.saturating_mul(cells(&item)) > MAX_ARRAY {
            return Err("pad: larger than an array may be".into());
        }
        if added > 0 {
            array.resize(length, item);
        }
        Ok(())
    });
    engine.register_fn("replace", |text: &mut ImmutableString, from: &str, to: &str| -> Outcome<()> {
        let count = text.matches(from).count();
        let kept = text.len().saturating_sub(count.saturating_mul(from.len()));
        if kept.saturating_add(count.saturating_mul(to.len())) > MAX_TEXT {
            return Err("replace: longer than a text may be".into());
        }
        *text = text.replace(from, to).into();
        Ok(())
    });
    // The name of an anonymous function holds a hash.
    for name in ["to_string", "to_debug", "print", "debug"] {
        engine.register_fn(name, |_: &mut FnPtr| "Fn");
    }
}

fn cells(value: &Dynamic) -> usize {
    if let Some(array) = value.read_lock::<Array>() {
        array.iter().map(cells).fold(1, usize::saturating_add)
    } else if let Some(map) = value.read_lock::<Map>() {
        map.values().map(cells).fold(1, usize::saturating_add)
    } else {
        1
    }
}

#[cfg(test)]
mod tests;
