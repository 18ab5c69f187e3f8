//! A strategy as people choose it: its card, and on a closer look its hooks, parameters, memory and text.

use palisade_agents::{Library, MemoryCell, ParamKind, StrategyParam, outline};
use palisade_engine::host::Wake;
use serde::Serialize;

use super::declared::noun;
use crate::load::LoadError;

/// A strategy in a list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct StrategyRow {
    /// How scenarios name it.
    pub name: String,
    /// Who plays it.
    pub role: String,
    /// What it does.
    pub summary: String,
    /// Its file.
    pub file: String,
}

impl StrategyRow {
    pub(super) fn of(strategy: &palisade_agents::Strategy) -> Self {
        Self {
            name: strategy.name.clone(),
            role: role(strategy),
            summary: strategy.card.summary.clone(),
            file: strategy.file.clone(),
        }
    }
}

fn role(strategy: &palisade_agents::Strategy) -> String {
    strategy.card.role.map(|role| role.name().to_owned()).unwrap_or_default()
}

/// A strategy described.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Strategy {
    /// How scenarios name it.
    pub name: String,
    /// Its name in words.
    pub title: String,
    /// Who plays it.
    pub role: String,
    /// What it does.
    pub summary: String,
    /// The incident, paper or protocol it follows.
    pub source: Option<String>,
    /// What the protocol must have for it to make sense.
    pub requires: Vec<String>,
    /// The capital it is meant for.
    pub capital: Option<String>,
    /// Files of `lib/` that it draws functions from.
    pub uses: Vec<String>,
    /// Its file.
    pub file: String,
    /// Its hooks as they are written.
    pub hooks: Vec<String>,
    /// When it is asked to decide.
    pub wakes: Wakes,
    /// Its parameters.
    pub params: Vec<ParamRow>,
    /// What it remembers.
    pub memory: Vec<Memory>,
    /// Its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// When a strategy is asked to decide; with no condition at all, every step.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Wakes {
    /// At the latest this long after it was last asked.
    pub every: Option<String>,
    /// When the mark has moved by this ratio.
    pub moves: Option<f64>,
    /// When something happened to its own accounts.
    pub own: bool,
}

/// A parameter of a strategy.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ParamRow {
    /// Its name.
    pub name: String,
    /// `number`, or the kind of thing it is bound to.
    pub takes: String,
    /// What it is where a scenario is silent.
    pub default: DefaultValue,
    /// The smallest legal number.
    pub low: Option<f64>,
    /// The largest legal number.
    pub high: Option<f64>,
    /// What it means.
    pub doc: String,
}

/// What a parameter is where a scenario is silent.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(untagged)]
pub enum DefaultValue {
    /// A number.
    Number(f64),
    /// The thing that this picks: a name, `first`, `thinnest` or `deepest`.
    Thing(String),
}

/// A field of a strategy's memory, and what it holds at first.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Memory {
    /// Its name.
    pub name: String,
    /// `integer`, `number` or `flag`.
    pub holds: &'static str,
    /// Its first value, as scripts write it.
    pub start: String,
}

impl Strategy {
    pub(super) fn of(library: &Library, strategy: &palisade_agents::Strategy) -> Result<Self, LoadError> {
        let outline = outline(library, strategy).map_err(LoadError::Script)?;
        let palisade_agents::Strategy { name, file, card, text, .. } = strategy;
        Ok(Self {
            name: name.clone(),
            title: card.name.clone(),
            role: role(strategy),
            summary: card.summary.clone(),
            source: card.source.clone(),
            requires: card.requires.clone(),
            capital: card.capital.clone(),
            uses: card.uses.clone(),
            file: file.clone(),
            hooks: outline.hooks,
            wakes: Wakes::of(outline.wake),
            params: outline.params.into_iter().map(ParamRow::of).collect(),
            memory: outline.memory.into_iter().map(Memory::of).collect(),
            text: Some(text.to_string()),
        })
    }
}

impl Wakes {
    fn of(wake: Wake) -> Self {
        Self { every: wake.every.map(|every| every.to_string()), moves: wake.moves, own: wake.own }
    }
}

impl ParamRow {
    fn of(param: StrategyParam) -> Self {
        let (takes, default, bounds) = match param.kind {
            ParamKind::Number { default, low, high } => {
                ("number".to_owned(), DefaultValue::Number(default), Some((low, high)))
            }
            ParamKind::Thing { kind, selector } => (noun(kind), DefaultValue::Thing(selector), None),
        };
        let (low, high) = bounds.unzip();
        Self { name: param.name, takes, default, low, high, doc: param.doc }
    }
}

impl Memory {
    fn of((name, cell): (String, MemoryCell)) -> Self {
        let (holds, start) = match cell {
            MemoryCell::Int(value) => ("integer", value.to_string()),
            // A number keeps its point, as only that makes it one.
            MemoryCell::Float(value) => ("number", format!("{value:?}")),
            MemoryCell::Flag(value) => ("flag", value.to_string()),
        };
        Self { name, holds, start }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_strategy_of_the_library_can_be_described() {
        let library = Library::load(&[]).unwrap();
        for strategy in library.strategies() {
            let described = Strategy::of(&library, strategy).unwrap();
            assert!(!described.hooks.is_empty() && !described.title.is_empty(), "{}", strategy.name);
            assert!(described.params.iter().all(|param| param.low.is_some() == (param.takes == "number")));
        }
    }

    #[test]
    fn a_strategy_is_told_with_its_declarations() {
        let library = Library::load(&[]).unwrap();
        let trend = Strategy::of(&library, library.get("trend").unwrap()).unwrap();
        assert_eq!((trend.role.as_str(), trend.hooks.as_slice()), ("trader", &["decide(me, world)".to_owned()][..]));
        assert_eq!(trend.wakes, Wakes { every: Some("1m".into()), moves: Some(0.005), own: false });
        let market = trend.params.iter().find(|param| param.name == "market").unwrap();
        assert_eq!((market.takes.as_str(), &market.default), ("market", &DefaultValue::Thing("first".into())));
        let leverage = trend.params.iter().find(|param| param.name == "leverage").unwrap();
        assert_eq!((&leverage.default, leverage.high), (&DefaultValue::Number(2.0), Some(50.0)));
        let average = Memory { name: "average".into(), holds: "number", start: "0.0".into() };
        assert!(trend.memory.contains(&average), "{:?}", trend.memory);
    }
}
