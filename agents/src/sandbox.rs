//! The hardened script engine: what it has, what it is refused, and the meters that end a call that runs away.
//!
//! Everything here follows measured facts about rhai 1.27.0; the hostile samples below it and those of `tests/hostile` are
//! to be run again at every upgrade. What is left out (sleep, exit, eval, files, time, parse_json) is never registered: a
//! disabled symbol is only a check of the parser.

use std::cell::{Cell, OnceCell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicIteratorPackage, BasicMapPackage, BasicMathPackage, BasicStringPackage,
    LogicPackage, MoreStringPackage, Package,
};
use rhai::{AST, Caches, CallFnOptions, Dynamic, Engine, EvalAltResult, FuncArgs, LexError, Position, Scope, Token};

use crate::draft::CompiledHook;
use crate::pure;

pub(crate) mod constants;
pub(crate) mod copies;
mod log;
mod meter;
mod replaced;
mod sorting;
mod weight;

pub use meter::HostOptions;
pub(crate) use meter::{CALL_FUEL, LOAD_FUEL, Stop};
#[cfg(feature = "signatures")]
pub(crate) use replaced::BY_NAME;

use copies::Copies;
use log::PrintLog;
pub(crate) use meter::Meter;

const MAX_TEXT: usize = 1_024;
pub(crate) const MAX_ARRAY: usize = 1_024;
const MAX_MAP: usize = 256;
/// What an agent remembers comes from one map of words.
const _: () = assert!(MAX_MAP * size_of::<u64>() <= 64 << 10, "an agent's memory takes at most 64 KiB");
/// Fixes the names of anonymous functions, metadata order and iteration, which otherwise differ between processes.
const HASHING_SEED: [u64; 4] = [1, 2, 3, 4];
/// Words of the language that strategies do without: `curry` takes unbounded memory, `try` would hide faults and show
/// hashes, `Fn` calls by a name that no check has seen, `this` is copied where no watch looks.
pub(crate) const DISABLED: [&str; 7] = ["eval", "import", "export", "curry", "try", "Fn", "this"];
/// Natives of the packages that nobody needs: bytes of a text, and a text form of maps that shows hashes.
pub(crate) const REMOVED: [&str; 2] = ["to_blob", "to_json"];

pub(crate) type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// The function packages, built when the first engine needs them and shared by all engines of a host.
#[derive(Clone)]
pub(crate) struct Packages(Rc<OnceCell<Built>>);

struct Built {
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
        Self(Rc::default())
    }

    fn register(&self, engine: &mut Engine) {
        let built = self.0.get_or_init(|| Built {
            arithmetic: ArithmeticPackage::new(),
            logic: LogicPackage::new(),
            strings: BasicStringPackage::new(),
            more_strings: MoreStringPackage::new(),
            iterators: BasicIteratorPackage::new(),
            arrays: BasicArrayPackage::new(),
            maps: BasicMapPackage::new(),
            math: BasicMathPackage::new(),
        });
        built.arithmetic.register_into_engine(engine);
        built.logic.register_into_engine(engine);
        built.strings.register_into_engine(engine);
        built.more_strings.register_into_engine(engine);
        built.iterators.register_into_engine(engine);
        built.arrays.register_into_engine(engine);
        built.maps.register_into_engine(engine);
        built.math.register_into_engine(engine);
    }
}

/// A contained engine with its meters.
pub(crate) struct Sandbox {
    pub(crate) engine: Engine,
    pub(crate) meter: Rc<Meter>,
    pub(crate) log: Rc<PrintLog>,
    copies: Copies,
    is_broken: Cell<bool>,
}

impl Sandbox {
    /// An engine with the pure functions and nothing of the world.
    pub(crate) fn new(packages: &Packages, options: HostOptions) -> Self {
        let meter = Rc::new(Meter::new(options));
        let log = Rc::new(PrintLog::default());
        let mut engine = Self::parser();
        packages.register(&mut engine);
        replaced::register(&mut engine, &meter);
        pure::register(&mut engine);
        pure::register_columns(&mut engine);
        let (prints, debugs, ticks) = (Rc::clone(&log), Rc::clone(&log), Rc::clone(&meter));
        engine.on_print(move |text| prints.push(text));
        engine.on_debug(move |text, _, _| debugs.push(text));
        engine.on_progress(move |_| ticks.tick().map(|_| Dynamic::UNIT));
        Self { engine, meter, log, copies: Copies::default(), is_broken: Cell::new(false) }
    }

    /// An engine that parses as the others do, and has nothing to run.
    pub(crate) fn parser() -> Engine {
        let mut engine = Engine::new_raw();
        limit(&mut engine);
        read_words(&mut engine);
        engine
    }

    /// Charges from now on for what a program copies, beside those it has been told of before.
    pub(crate) fn watch(&mut self, copies: &Copies) {
        self.copies.join(copies);
        self.copies.clone().watch(&mut self.engine, &self.meter);
    }

    /// Calls a function of a program with at most `fuel` operations; [`Meter::stopped`] tells what ended it.
    pub(crate) fn call(&self, (ast, name): (&AST, &str), args: impl FuncArgs, fuel: u64) -> Outcome<Dynamic> {
        self.guard(fuel, |engine| {
            let options = CallFnOptions::new().eval_ast(false);
            engine.call_fn_with_options(options, &mut Scope::new(), ast, name, args)
        })
    }

    /// Calls a hook, which is called again and again: what the engine finds out about the functions that it calls in turn is
    /// kept in `found`, for this engine and this program alone. Everything else is as in [`Sandbox::call`].
    #[allow(deprecated)] // not deprecated but "volatile", as all that is pinned with rhai
    pub(crate) fn call_hook(
        &self,
        (ast, hook): (&AST, &CompiledHook),
        found: &RefCell<Caches>,
        args: [Dynamic; 2],
        fuel: u64,
    ) -> Outcome<Dynamic> {
        self.guard(fuel, |engine| {
            let mut global = engine.new_global_runtime_state();
            global.lib.push(ast.shared_lib().clone());
            // The call itself is a level, and an operation.
            global.level = 1;
            self.meter.tick();
            let mut scope = Scope::new();
            for (param, value) in hook.params.iter().zip(args) {
                scope.push_dynamic(param.clone(), value);
            }
            let result = engine.eval_statements_raw(&mut global, &mut found.borrow_mut(), &mut scope, &hook.statements);
            result.map_err(|mut error| {
                if error.is_system_exception() {
                    error.set_position(Position::NONE);
                }
                error
            })
        })
    }

    /// Has the engine work within the limits of one call. A panic is an error, and the last that this engine did.
    pub(crate) fn guard<T>(&self, fuel: u64, work: impl FnOnce(&Engine) -> Outcome<T>) -> Outcome<T> {
        self.meter.begin(fuel);
        let result =
            if self.is_broken.get() { None } else { catch_unwind(AssertUnwindSafe(|| work(&self.engine))).ok() };
        let Some(result) = result else {
            self.is_broken.set(true);
            self.meter.end(Stop::Panic);
            return Err("internal fault in the script engine".into());
        };
        match (result, self.meter.stopped()) {
            // A native swallowed the error by which the meter ended the call.
            (Ok(_), Some(_)) => Err(EvalAltResult::ErrorTooManyOperations(Position::NONE).into()),
            (result, _) => result,
        }
    }

    /// Whether the engine has failed and cannot be used any more.
    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken.get()
    }
}

fn limit(engine: &mut Engine) {
    // The meter decides; the engine's own count is the net below it.
    engine.set_max_operations(2 * LOAD_FUEL);
    // Set always: rhai's defaults differ between debug and release builds.
    engine.set_max_call_levels(32).set_max_expr_depths(64, 64);
    engine.set_max_string_size(MAX_TEXT).set_max_array_size(MAX_ARRAY).set_max_map_size(MAX_MAP);
    engine.set_max_variables(256).set_max_functions(128).set_max_strings_interned(256);
    for symbol in DISABLED {
        engine.disable_symbol(symbol);
    }
    engine.set_strict_variables(true).set_fail_on_invalid_map_property(true).set_fast_operators(true);
}

/// The most parameters of a function: finding one's name among thousands takes rhai long.
const MAX_PARAMETERS: u32 = 32;

/// Looks at the words of a script as they are read. The names of removed natives are none: as nothing in the language calls
/// by a name that is put together, that is enough.
#[allow(deprecated)] // not deprecated but "volatile", as all that is pinned with rhai
fn read_words(engine: &mut Engine) {
    let parameters = Cell::new(None);
    engine.on_parse_token(move |token, _, _| {
        parameters.set(match (&token, parameters.get()) {
            (Token::Fn, _) => Some(0),
            (Token::Comma, Some(count)) => Some(count + 1),
            (Token::LeftBrace, _) => None,
            (_, count) => count,
        });
        match token {
            Token::Identifier(name) if REMOVED.contains(&name.as_str()) => Token::Reserved(name),
            Token::Comma if parameters.get().is_some_and(|count| count >= MAX_PARAMETERS) => {
                let message = format!("a function has at most {MAX_PARAMETERS} parameters");
                Token::LexError(Box::new(LexError::ImproperSymbol(",".into(), message)))
            }
            token => token,
        }
    });
}

#[cfg(test)]
mod tests;
