//! Everything that a user can name: scenarios that travel with the program, strategies of the library, and the
//! parameters, actions and rules that the mechanisms declare. Lists, descriptions and reference pages are drawn from here.

mod declared;
mod scenario;
mod strategy;

use std::path::{Path, PathBuf};

use palisade_agents::{Library, nearest};
use palisade_engine::mechanisms::ALL;
use palisade_engine::registry::Registry;
use serde::Serialize;

pub(crate) use declared::noun;
pub use declared::{Action, ActionArg, Looser, Parameter, Rule};
pub use scenario::{Claim, CohortRow, Figure, MarketRow, Scenario, ScenarioRow};
pub use strategy::{DefaultValue, Memory, ParamRow, Strategy, StrategyRow, Wakes};

use crate::load::{LoadError, Wrong};
use crate::session::on_large_stack;
use crate::source::{BuiltIn, Document, built_in, built_in_tournaments};
use crate::tournament::Sheet;

/// One thing that a name meant.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Described {
    /// A scenario.
    Scenario(Scenario),
    /// A strategy.
    Strategy(Strategy),
    /// A risk parameter.
    Parameter(Parameter),
    /// An action.
    Action(Action),
    /// A rule.
    Rule(Rule),
}

impl Described {
    /// Forgets the text of the file, for a description that is short.
    pub fn leave_out_text(&mut self) {
        match self {
            Self::Scenario(scenario) => scenario.text = None,
            Self::Strategy(strategy) => strategy.text = None,
            Self::Parameter(_) | Self::Action(_) | Self::Rule(_) => {}
        }
    }
}

/// Everything that can be named.
#[derive(Debug)]
pub struct Inventory {
    library: Library,
    registry: Registry,
}

impl Inventory {
    /// What travels with the program, and the strategies of `scripts`.
    ///
    /// # Errors
    /// The first script that cannot be read.
    pub fn load(scripts: &[PathBuf]) -> Result<Self, LoadError> {
        let library = Library::load(scripts).map_err(|problem| LoadError::Script(vec![problem]))?;
        Ok(Self { library, registry: Registry::of(&ALL) })
    }

    /// Scenarios that travel with the program, by path.
    ///
    /// # Errors
    /// A scenario that cannot be read.
    pub fn scenarios(&self) -> Result<Vec<ScenarioRow>, LoadError> {
        built_in().map(|scenario| Ok(ScenarioRow::of(scenario)?)).collect()
    }

    /// Tournaments that travel with the program, by path.
    ///
    /// # Errors
    /// A tournament that cannot be read.
    pub fn tournaments(&self) -> Result<Vec<ScenarioRow>, LoadError> {
        let row = |file: BuiltIn| {
            let sheet = Sheet::load(Path::new(file.name()))?;
            Ok(ScenarioRow::tournament(file, sheet.tournament.summary))
        };
        built_in_tournaments().map(row).collect()
    }

    /// Strategies, by role and name.
    #[must_use]
    pub fn strategies(&self) -> Vec<StrategyRow> {
        let mut strategies: Vec<_> = self.library.strategies().collect();
        strategies.sort_by_key(|strategy| strategy.card.role);
        strategies.into_iter().map(StrategyRow::of).collect()
    }

    /// Risk parameters, as their mechanisms declare them.
    #[must_use]
    pub fn parameters(&self) -> Vec<Parameter> {
        self.registry.params.iter().map(Parameter::of).collect()
    }

    /// Actions, as their mechanisms declare them.
    #[must_use]
    pub fn actions(&self) -> Vec<Action> {
        self.registry.actions.iter().map(Action::of).collect()
    }

    /// Rules, as their mechanisms declare them, then those that are scripts.
    #[must_use]
    pub fn rules(&self) -> Vec<Rule> {
        let scripted = self.library.rules().filter_map(Rule::of_script);
        self.registry.rules.iter().map(Rule::of).chain(scripted).collect()
    }

    /// Everything that is called `name`. A scenario may also be a file.
    ///
    /// # Errors
    /// A name that means nothing, with the nearest one that does; a scenario or strategy that cannot be read.
    pub fn describe(&self, name: &str) -> Result<Vec<Described>, LoadError> {
        let mut found = Vec::new();
        if is_file(name) || built_in().any(|scenario| is_called(scenario, name)) {
            let document = Document::load(Path::new(name), &[])?;
            let scenario = Scenario::of(&document, &self.registry).map_err(|problems| Wrong::from(problems).first())?;
            found.push(Described::Scenario(scenario));
        }
        if let Ok(strategy) = self.library.get(name) {
            found.push(Described::Strategy(on_large_stack(|| Strategy::of(&self.library, strategy))?));
        }
        let parameters = self.parameters().into_iter().filter(|parameter| parameter.is_called(name));
        found.extend(parameters.map(Described::Parameter));
        let actions = self.actions().into_iter().filter(|action| action.is_called(name));
        found.extend(actions.map(Described::Action));
        found.extend(self.rules().into_iter().filter(|rule| rule.name == name).map(Described::Rule));
        if found.is_empty() { Err(LoadError::Usage(self.unknown(name))) } else { Ok(found) }
    }

    fn unknown(&self, name: &str) -> String {
        let hint = self.near(name).map(|near| format!(" (did you mean `{near}`?)"));
        let hint = hint.unwrap_or_else(|| " (`palisade list` shows what there is)".to_owned());
        format!("there is no scenario, strategy, parameter, action or rule called `{name}`{hint}")
    }

    /// The known name that was probably meant: of a path, the last part is what may be wrong.
    fn near(&self, name: &str) -> Option<String> {
        let parameters = self.parameters();
        let of_block: Vec<&Parameter> = parameters.iter().filter(|parameter| parameter.within(name)).collect();
        if let Some(last) = name.rsplit('.').next().filter(|_| !of_block.is_empty()) {
            let near = nearest(last, of_block.iter().map(|parameter| parameter.name.as_str()))?;
            return of_block.iter().find(|parameter| parameter.name == near).map(|parameter| parameter.short_path());
        }
        let mut known: Vec<String> = built_in().map(|scenario| scenario.name().to_owned()).collect();
        known.extend(self.library.names().map(str::to_owned));
        known.extend(self.actions().into_iter().map(|action| action.name));
        known.extend(self.rules().into_iter().map(|rule| rule.name));
        known.extend(parameters.iter().map(|parameter| parameter.name.clone()));
        known.extend(parameters.iter().map(Parameter::short_path));
        nearest(name, known.iter().map(String::as_str)).map(str::to_owned)
    }
}

/// What is written like a file, or is one.
fn is_file(name: &str) -> bool {
    let path = Path::new(name);
    path.is_file() || path.extension().is_some_and(|extension| extension == "ron")
}

fn is_called(scenario: BuiltIn, name: &str) -> bool {
    scenario.name() == name || scenario.path().strip_suffix(".ron") == Some(name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn kinds(name: &str) -> Vec<String> {
        let word = |found: &Described| match found {
            Described::Scenario(scenario) => format!("scenario {}", scenario.name),
            Described::Strategy(strategy) => format!("strategy {}", strategy.name),
            Described::Parameter(parameter) => format!("parameter {}", parameter.path),
            Described::Action(action) => format!("action {}", action.call),
            Described::Rule(rule) => format!("rule {}", rule.name),
        };
        Inventory::load(&[]).unwrap().describe(name).unwrap().iter().map(word).collect()
    }

    #[track_caller]
    fn check(name: &str, expected: &[&str]) {
        assert_eq!(kinds(name), expected, "{name}");
    }

    #[test]
    fn a_name_means_everything_that_bears_it() {
        check("calm", &["scenario calm"]);
        check("incidents/mango_2022", &["scenario mango_2022"]);
        check("trend", &["strategy trend"]);
        check("oracle_collusion", &["scenario oracle_collusion", "strategy oracle_collusion"]);
        check("open", &["action me.account(i).open(market, size)"]);
        check("me.buy", &["action me.buy(venue, spend)"]);
        check("profit", &["rule profit"]);
        for name in ["protocol.markets.imr", "protocol.markets.NAME.imr", "protocol.markets.ETH-PERP.imr", "imr"] {
            check(name, &["parameter protocol.markets.NAME.imr"]);
        }
        check("protocol.safety.alarm", &["parameter protocol.safety.alarm"]);
        assert!(kinds("fee").len() > 1, "{:?}", kinds("fee"));
    }

    #[track_caller]
    fn check_unknown(name: &str, expected: &str) {
        let error = Inventory::load(&[]).unwrap().describe(name).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn an_unknown_name_has_a_neighbor() {
        check_unknown("tred", "called `tred` (did you mean `trend`?)");
        check_unknown("mango_202", "did you mean `mango_2022`?");
        check_unknown("withdrw", "did you mean `withdraw`?");
        check_unknown("protocol.markets.imrr", "did you mean `protocol.markets.imr`?");
        check_unknown("protocol.markets.ETH-PERP.imrr", "did you mean `protocol.markets.imr`?");
        check_unknown("protocol.market.imr", "did you mean `protocol.markets.imr`?");
        check_unknown("protocol.markets.ETH-PERP", "(`palisade list` shows what there is)");
        check_unknown("nothing_like_it", "(`palisade list` shows what there is)");
        check_unknown("mine.ron", "mine.ron: no such file");
    }
}
