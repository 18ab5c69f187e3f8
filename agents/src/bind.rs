//! What a scenario makes of a strategy's parameters: overridden numbers, and handles bound to things of the protocol.

use palisade_engine::Simulation;
use palisade_engine::registry::{Directory, Handle, Kind, Registry};
use palisade_engine::scenario::{Cohort, SetupError};
use palisade_engine::view::Public;
use rhai::Dynamic;

use crate::declare::{ParamKind, StrategyParam};
use crate::records::Thing;
use crate::types::kind_noun;

/// The world as it stands when strategies are loaded.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) directory: &'a Directory,
    pub(crate) public: &'a Public,
}

impl<'a> Surroundings<'a> {
    pub(crate) fn of(simulation: &'a Simulation) -> Self {
        let world = simulation.world();
        Self {
            registry: simulation.registry(),
            directory: world.resource::<Directory>(),
            public: world.resource::<Public>(),
        }
    }
}

/// Bindings that the engine itself reads, whatever the strategy declares: the feed that nodes report to, the market whose
/// moves wake the cohort, and the vault of its stake.
const ENGINE_BINDINGS: [(&str, Kind); 3] = [("feed", Kind::Feed), ("market", Kind::Market), ("vault", Kind::Vault)];

/// The values of a cohort's parameters; `path` is the cohort's, for errors.
pub(crate) fn values(
    around: Surroundings<'_>,
    params: &[StrategyParam],
    (path, cohort): (&str, &Cohort),
) -> Result<Vec<(String, Dynamic)>, SetupError> {
    refuse_unknown(params, path, cohort)?;
    params
        .iter()
        .map(|param| {
            let value = match &param.kind {
                ParamKind::Number { default, low, high } => {
                    let at = format!("{path}.params.{}", param.name);
                    Dynamic::from_float(bounded(cohort.params.get(&param.name).copied(), (*default, *low, *high), &at)?)
                }
                ParamKind::Thing { kind, selector } => {
                    let bound = cohort.bind.get(&param.name);
                    let handle = match bound {
                        Some(name) => named(around, *kind, name, &format!("{path}.bind.{}", param.name))?,
                        None => selected(around, *kind, selector, &format!("{path}.strategy"))?,
                    };
                    Dynamic::from(Thing(handle))
                }
            };
            Ok((param.name.clone(), value))
        })
        .collect()
}

fn bounded(given: Option<f64>, (default, low, high): (f64, f64, f64), path: &str) -> Result<f64, SetupError> {
    let value = given.unwrap_or(default);
    if (low..=high).contains(&value) {
        Ok(value)
    } else {
        Err(SetupError::value(path, format!("expected {low} to {high}, found {value}")))
    }
}

fn refuse_unknown(params: &[StrategyParam], path: &str, cohort: &Cohort) -> Result<(), SetupError> {
    let is_number = |param: &&StrategyParam| matches!(param.kind, ParamKind::Number { .. });
    let numbers: Vec<&str> = params.iter().filter(is_number).map(|param| param.name.as_str()).collect();
    let things: Vec<&str> = params.iter().filter(|param| !is_number(param)).map(|param| param.name.as_str()).collect();
    if let Some(name) = cohort.params.keys().find(|name| !numbers.contains(&name.as_str())) {
        let at = format!("{path}.params.{name}");
        if things.contains(&name.as_str()) {
            let message = format!("`{name}` is a thing: bind it with `bind: {{\"{name}\": \"…\"}}`");
            return Err(SetupError::value(at, message));
        }
        return Err(unknown(at, "strategy parameter", name, &numbers));
    }
    let is_engines = |name: &str| ENGINE_BINDINGS.iter().any(|(known, _)| *known == name);
    match cohort.bind.keys().find(|name| !things.contains(&name.as_str()) && !is_engines(name)) {
        None => Ok(()),
        Some(name) => {
            let mut known = things;
            known.extend(ENGINE_BINDINGS.iter().map(|(engines, _)| *engines));
            Err(unknown(format!("{path}.bind.{name}"), "handle parameter", name, &known))
        }
    }
}

fn unknown(path: String, what: &'static str, name: &str, known: &[&str]) -> SetupError {
    SetupError::Name {
        path,
        what,
        name: name.to_owned(),
        known: known.iter().map(|known| (*known).to_owned()).collect(),
    }
}

/// Checks the bindings that only the engine reads.
pub(crate) fn check_engine_bindings(
    around: Surroundings<'_>,
    path: &str,
    cohort: &Cohort,
    params: &[StrategyParam],
) -> Result<(), SetupError> {
    for (key, kind) in ENGINE_BINDINGS {
        let is_own = params.iter().any(|param| param.name == key);
        if let Some(name) = cohort.bind.get(key).filter(|_| !is_own) {
            named(around, kind, name, &format!("{path}.bind.{key}"))?;
        }
    }
    Ok(())
}

fn named(around: Surroundings<'_>, kind: Kind, name: &str, path: &str) -> Result<Handle, SetupError> {
    let index = around.directory.find(kind, name).ok_or_else(|| SetupError::Name {
        path: path.to_owned(),
        what: kind_noun(kind),
        name: name.to_owned(),
        known: around.directory.names(kind).map(str::to_owned).collect(),
    })?;
    Ok(handle(kind, index))
}

fn handle(kind: Kind, index: usize) -> Handle {
    Handle { kind, index: u32::try_from(index).unwrap_or(u32::MAX) }
}

/// The thing that a selector picks: the only candidate, the one it names, or by depth. Risk parameters and actions must be
/// named.
fn selected(around: Surroundings<'_>, kind: Kind, selector: &str, path: &str) -> Result<Handle, SetupError> {
    match around.directory.count(kind) {
        0 => {
            Err(SetupError::value(path, format!("the strategy needs a {}, and the scenario has none", kind_noun(kind))))
        }
        // Which one is meant is the point of the strategy: never a guess.
        _ if kind == Kind::Parameter && !selector.contains('.') => {
            let such = around.directory.name(kind, 0);
            let message = format!(
                "the strategy leaves open which risk parameter it means: bind one by its path, such as `{such}`"
            );
            Err(SetupError::value(path, message))
        }
        _ if matches!(kind, Kind::Parameter | Kind::Action) => named(around, kind, selector, path),
        1 => Ok(handle(kind, 0)),
        count => match selector {
            "first" => Ok(handle(kind, 0)),
            "traded" => traded(around, kind).ok_or_else(|| {
                let message = format!("the strategy needs a {} whose asset is traded on a venue", kind_noun(kind));
                SetupError::value(path, message)
            }),
            "thinnest" | "deepest" => {
                let sign = if selector == "thinnest" { 1.0 } else { -1.0 };
                let Some(field) = depth_field(around.registry, kind) else {
                    let message = format!("`{selector}` picks markets and venues, not a {}", kind_noun(kind));
                    return Err(SetupError::value(path, message));
                };
                let depth = |index: &usize| {
                    let depth = around.public.value(field, *index) * sign;
                    // What has no depth at all is neither thin nor deep.
                    if depth.is_nan() { f64::INFINITY } else { depth }
                };
                let first = (0..count).min_by(|a, b| depth(a).total_cmp(&depth(b)));
                Ok(handle(kind, first.unwrap_or(0)))
            }
            name => named(around, kind, name, path),
        },
    }
}

/// The first vault whose asset a venue trades.
fn traded(around: Surroundings<'_>, kind: Kind) -> Option<Handle> {
    let field = around.registry.public.iter().position(|field| field.of == kind && field.name == "venue")?;
    let all = 0..around.directory.count(kind);
    all.into_iter().find(|index| around.public.value(field, *index) >= 0.0).map(|index| handle(kind, index))
}

fn depth_field(registry: &Registry, kind: Kind) -> Option<usize> {
    let name = match kind {
        Kind::Market => "venue_depth",
        Kind::Venue => "depth",
        _ => return None,
    };
    registry.public.iter().position(|field| field.of == kind && field.name == name)
}
