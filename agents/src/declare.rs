//! What a strategy declares once, at load: its parameters, its memory, and when it wants to be woken. The three functions
//! run in the sandbox, with nothing of the world in reach.

use std::collections::BTreeMap;

use palisade_engine::host::Wake;
use palisade_engine::registry::Kind;
use palisade_engine::units::Span;
use rhai::{AST, Dynamic, Engine, ImmutableString, Map, is_valid_identifier};

use crate::draft::Draft;
use crate::fault::{self, printable};
use crate::natives;
use crate::problem::{ScriptProblem, did_you_mean};
use crate::pure::float;
use crate::sandbox::{LOAD_FUEL, Outcome, Sandbox};
use crate::types::Type;

/// What a parameter may be.
#[derive(Clone, PartialEq, Debug)]
pub enum ParamKind {
    /// A number within bounds.
    Number {
        /// Its value when a scenario is silent.
        default: f64,
        /// The smallest legal value.
        low: f64,
        /// The largest legal value.
        high: f64,
    },
    /// A thing of the protocol.
    Thing {
        /// Of which kind.
        kind: Kind,
        /// Which one when a scenario is silent: a name, `first`, `thinnest`, `deepest` or `traded`;
        /// of risk parameters always a path, of actions always a name.
        selector: String,
    },
}

/// A parameter of a strategy.
#[derive(Clone, PartialEq, Debug)]
pub struct StrategyParam {
    /// Its name.
    pub name: String,
    /// What it may be.
    pub kind: ParamKind,
    /// One line.
    pub doc: String,
}

impl StrategyParam {
    /// Whether it stands for a thing of this kind.
    #[must_use]
    pub fn is_kind(&self, wanted: Kind) -> bool {
        matches!(self.kind, ParamKind::Thing { kind, .. } if kind == wanted)
    }
}

/// What a declaration function returns to the map of `params()`.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    kind: ParamKind,
    doc: String,
}

/// The first value of a field of `me.memory`, which fixes its type.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Cell {
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A flag.
    Flag(bool),
}

/// Everything declared.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Declarations {
    pub(crate) params: Vec<StrategyParam>,
    pub(crate) memory: Vec<(String, Cell)>,
    pub(crate) wake: Wake,
}

/// Registers the functions that `params()` calls.
pub(crate) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Declared>("parameter");
    engine.register_fn("param", |default: Dynamic, low: Dynamic, high: Dynamic, doc: &str| -> Outcome<Declared> {
        let (default, low, high) = (number(&default)?, number(&low)?, number(&high)?);
        if !(low <= default && default <= high) {
            return Err(format!("param: the default {default} is not within {low} to {high}").into());
        }
        Ok(Declared { kind: ParamKind::Number { default, low, high }, doc: printable(doc) })
    });
    for (name, kind) in things() {
        engine.register_fn(name, move |selector: &str| thing(kind, selector, ""));
        engine.register_fn(name, move |selector: &str, doc: &str| thing(kind, selector, doc));
    }
}

/// The declarations of things, and the kinds that they take.
fn things() -> impl Iterator<Item = (&'static str, Kind)> {
    natives::DECLARATIONS.into_iter().filter_map(|(name, ty)| match ty {
        Type::Thing(kind) => Some((name, kind)),
        _ => None,
    })
}

fn thing(kind: Kind, selector: &str, doc: &str) -> Declared {
    Declared { kind: ParamKind::Thing { kind, selector: printable(selector) }, doc: printable(doc) }
}

fn number(value: &Dynamic) -> Outcome<f64> {
    let number = value.as_float().or_else(|_| value.as_int().map(float));
    match number {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err("param: expected param(default, low, high, \"what it is\")".into()),
    }
}

/// Runs `params()`, `memory()` and `wake()`, as far as the strategy has them.
pub(crate) fn evaluate(draft: &Draft, sandbox: &Sandbox, ast: &AST) -> Result<Declarations, ScriptProblem> {
    let mut declared = Declarations::default();
    let run = Runner { draft, sandbox, ast };
    for (name, value) in run.map("params")? {
        let Some(Declared { kind, doc }) = value.clone().try_cast::<Declared>() else {
            let things: Vec<&str> = things().map(|(declaration, _)| declaration).collect();
            let hint = format!("param(default, low, high, \"what it is\"), or {}", things.join(", "));
            return Err(run.problem("params", format!("`{name}` is not declared as a parameter"), Some(hint)));
        };
        declared.params.push(StrategyParam { name: name.to_string(), kind, doc });
    }
    for (name, value) in run.map("memory")? {
        let cell = if let Ok(int) = value.as_int() {
            Cell::Int(int)
        } else if let Some(float) = value.as_float().ok().filter(|float| float.is_finite()) {
            Cell::Float(float)
        } else if let Ok(flag) = value.as_bool() {
            Cell::Flag(flag)
        } else {
            let found = value.as_float().map_or_else(|_| value.type_name().to_owned(), |float| float.to_string());
            let message = format!("`{name}` of `memory()` is {found}");
            return Err(run.problem("memory", message, Some("memory holds numbers and flags".into())));
        };
        declared.memory.push((name.to_string(), cell));
    }
    declared.wake = wake(&run)?;
    Ok(declared)
}

/// Whether a script can write `record.name`: most words, but not those that the language keeps for itself.
pub(crate) fn is_field(name: &str) -> bool {
    is_valid_identifier(name) && Engine::new_raw().compile_expression(format!("#{{ {name}: 0 }}.{name}")).is_ok()
}

struct Runner<'a> {
    draft: &'a Draft,
    sandbox: &'a Sandbox,
    ast: &'a AST,
}

impl Runner<'_> {
    /// The map that the function `name` returns; empty when the strategy has no such function.
    fn map(&self, name: &str) -> Result<BTreeMap<ImmutableString, Dynamic>, ScriptProblem> {
        if self.draft.function(name, 0).is_none() {
            return Ok(BTreeMap::new());
        }
        let value = self.sandbox.call((self.ast, name), (), LOAD_FUEL).map_err(|error| {
            let places = self.draft.places();
            let known = fault::Known { places: &places, methods: &[], fuel: LOAD_FUEL };
            let failure = fault::locate(&error, self.sandbox.meter.stopped(), name, known);
            self.draft.sources[failure.source].problem(failure.at, failure.message, failure.hint)
        })?;
        let Some(map) = value.try_cast::<Map>() else {
            let hint = format!("write `fn {name}() {{ #{{ … }} }}`");
            return Err(self.problem(name, format!("`{name}()` returns no map"), Some(hint)));
        };
        if let Some(unspeakable) = map.keys().find(|key| !is_field(key)) {
            let message = format!("`{unspeakable}` of `{name}()` is no name: no script could write it behind a point");
            return Err(self.problem(name, message, Some("choose another name".into())));
        }
        Ok(map.into_iter().map(|(key, value)| (key.as_str().into(), value)).collect())
    }

    fn problem(&self, name: &str, message: String, hint: Option<String>) -> ScriptProblem {
        self.draft.problem(name, message, hint)
    }
}

fn wake(run: &Runner<'_>) -> Result<Wake, ScriptProblem> {
    let mut wake = Wake::default();
    for (name, value) in run.map("wake")? {
        let fail = |message: String, hint: Option<String>| run.problem("wake", message, hint);
        match name.as_str() {
            "every" => {
                let text = value.into_string().unwrap_or_default();
                let span: Span = text.parse().map_err(|error| fail(format!("`every` of `wake()`: {error}"), None))?;
                wake.every = Some(span);
            }
            "moves" => {
                let ratio = number(&value).ok().filter(|ratio| *ratio > 0.0);
                let ratio = ratio.ok_or_else(|| {
                    fail("`moves` of `wake()` is a positive ratio".into(), Some("as in `moves: 0.01`".into()))
                })?;
                wake.moves = Some(ratio);
            }
            "own" => {
                wake.own = value
                    .as_bool()
                    .map_err(|_| fail("`own` of `wake()` is a flag".into(), Some("as in `own: true`".into())))?;
            }
            other => {
                let hint = did_you_mean(other, ["every", "moves", "own"]);
                return Err(fail(format!("`wake()` has no condition `{other}`"), hint));
            }
        }
    }
    Ok(wake)
}
