//! What a hunt searches: the bounded numbers of the attackers' strategies, each on a scale of its own, and how a plan becomes
//! changes of the scenario. Nothing is played here.

use std::collections::BTreeMap;

use palisade_agents::{ParamKind, StrategyParam, nearest, outline};
use palisade_engine::scenario::{Amounts, Cohort, Role};
use serde::Serialize;

use crate::load::{LoadError, Loaded};
use crate::session::on_large_stack;
use crate::source::Override;

/// From this upper bound on a number is an amount without a bound of its own: no wallet holds as much.
const UNBOUNDED: f64 = 1e9;
/// A number that may be so many times as large as it is, is searched by ratios and not by differences.
const WIDE: f64 = 100.0;
/// How far from where it starts a number is searched by ratios, up or down, where its bounds lie farther still.
const REACH: f64 = 100.0;
/// How far an amount that no wallet bounds is searched: down to where it fits under caps that others do not know of, and up
/// by less, as margin bounds it soon.
const AMOUNT_REACH: (f64, f64) = (1e5, 10.0);
/// A bound within this ratio of where a number starts is searched up to.
const NEAR: f64 = 1e3;

/// What to search, as it was asked for.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Choice {
    /// The strategy that attackers play, unless it is the one of the scenario.
    pub attacker: Option<String>,
    /// The only parameters to search; all of them when there are none.
    pub params: Vec<String>,
    /// Parameters that stay at a value.
    pub fixed: Vec<(String, f64)>,
    /// Parameters searched between two values.
    pub ranges: Vec<(String, f64, f64)>,
}

/// How a parameter is searched.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// By differences.
    Linear,
    /// By ratios.
    Log,
}

/// A parameter that is searched.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Variable {
    /// Its name, behind its cohort's where several cohorts attack.
    pub name: String,
    /// Its dotted path.
    pub path: String,
    /// The smallest value searched.
    pub low: f64,
    /// The largest value searched.
    pub high: f64,
    /// How.
    pub scale: Scale,
    /// Its value in the scenario, or the strategy's default.
    pub start: f64,
    /// Whether it is an amount, which shrinks with the attackers' capital.
    pub amount: bool,
    /// What it means.
    pub doc: String,
}

/// A parameter that is not searched.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Still {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// Why.
    pub why: &'static str,
    #[serde(skip)]
    pub(crate) path: String,
    #[serde(skip)]
    pub(crate) amount: bool,
}

/// A cohort that attacks.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Attacker {
    /// The cohort.
    pub cohort: String,
    /// The strategy that it plays.
    pub strategy: String,
    /// The strategy's file.
    pub file: String,
}

/// The plans that are searched. A plan is a value for each variable.
#[derive(Clone, Debug)]
pub(crate) struct Space {
    pub(crate) attackers: Vec<Attacker>,
    pub(crate) variables: Vec<Variable>,
    pub(crate) still: Vec<Still>,
    /// Changes of the scenario that every plan makes.
    pub(crate) base: Vec<Override>,
    /// The cohorts that attack, by path.
    pub(crate) cohorts: Vec<(String, Cohort)>,
    settlement: String,
}

impl Space {
    /// The space that a choice leaves in a scenario.
    ///
    /// # Errors
    /// A scenario without attackers; a name that means nothing; nothing to search.
    pub(crate) fn of(loaded: &Loaded, choice: &Choice) -> Result<Self, LoadError> {
        let attacks = |cohort: &Cohort| cohort.role == Role::Attacker && cohort.count > 0;
        let cohorts: Vec<_> = loaded.scenario.cohorts.iter().filter(|(_, cohort)| attacks(cohort)).cloned().collect();
        if cohorts.is_empty() {
            let message = format!("{}: nobody attacks: put a cohort under `attackers`", loaded.scenario.name);
            return Err(LoadError::Usage(message));
        }
        let settlement = loaded.scenario.settlement.clone();
        let mut space = Self {
            attackers: Vec::new(),
            variables: Vec::new(),
            still: Vec::new(),
            base: Vec::new(),
            cohorts,
            settlement,
        };
        for place in 0..space.cohorts.len() {
            space.add(loaded, choice, place)?;
        }
        space.check_names(choice)?;
        Ok(space)
    }

    /// Adds the parameters of one cohort.
    fn add(&mut self, loaded: &Loaded, choice: &Choice, place: usize) -> Result<(), LoadError> {
        let (path, cohort) = self.cohorts[place].clone();
        let name = path.split_once('.').map_or(path.as_str(), |(_, name)| name).to_owned();
        let played = choice.attacker.as_ref().unwrap_or(&cohort.strategy);
        let strategy = loaded.library().get(played).map_err(|error| LoadError::Usage(error.to_string()))?;
        if strategy.card.role != Some(Role::Attacker) {
            let role = strategy.card.role.map_or("", Role::name);
            return Err(LoadError::Usage(format!("`{played}` is a strategy of the role `{role}`, not of an attacker")));
        }
        let told = on_large_stack(|| outline(loaded.library(), strategy).map_err(LoadError::Script))?;
        self.replace(&path, (&cohort, played), &told.params)?;
        self.attackers.push(Attacker { cohort: name.clone(), strategy: played.clone(), file: strategy.file.clone() });
        let several = self.cohorts.len() > 1;
        let money = [cohort.wallet.get(&self.settlement), cohort.margin.as_ref()].into_iter().flatten();
        let money: f64 = money.copied().map(usual).sum();
        for param in told.params {
            let ParamKind::Number { default, low, high } = param.kind else { continue };
            let given = cohort.params.get(&param.name).copied().filter(|given| (low..=high).contains(given));
            let asked = Asked {
                name: if several { format!("{name}.{}", param.name) } else { param.name.clone() },
                short: &param.name,
                path: format!("{path}.params.{}", param.name),
                doc: param.doc,
                bounds: (low, high),
                start: given.unwrap_or(default),
                money,
            };
            match asked.variable(choice)? {
                Ok(variable) => self.variables.push(variable),
                Err(still) => self.still.push(still),
            }
        }
        Ok(())
    }

    /// Has a cohort play another strategy, with what it sets of that strategy's parameters and handles.
    fn replace(
        &mut self,
        path: &str,
        (cohort, played): (&Cohort, &str),
        params: &[StrategyParam],
    ) -> Result<(), LoadError> {
        if cohort.strategy != played {
            self.set(format!("{path}.strategy={played:?}"))?;
        }
        let takes = |name: &str, number: bool| {
            let same = |param: &&StrategyParam| param.name == name;
            params.iter().find(same).is_some_and(|param| matches!(param.kind, ParamKind::Number { .. }) == number)
        };
        let in_bounds = |name: &str, value: f64| {
            params.iter().any(|param| match param.kind {
                ParamKind::Number { low, high, .. } => param.name == name && (low..=high).contains(&value),
                ParamKind::Thing { .. } => false,
            })
        };
        let numbers: BTreeMap<_, _> = cohort
            .params
            .iter()
            .filter(|(name, value)| in_bounds(name, **value))
            .map(|(name, value)| (name, *value))
            .collect();
        let is_kept = |name: &str| matches!(name, "feed" | "market" | "vault") || takes(name, false);
        let things: BTreeMap<_, _> = cohort.bind.iter().filter(|(name, _)| is_kept(name)).collect();
        if numbers.len() < cohort.params.len() {
            self.set(format!("{path}.params={}", map(numbers.iter().map(|(name, value)| (name, value.to_string())))))?;
        }
        if things.len() < cohort.bind.len() {
            self.set(format!("{path}.bind={}", map(things.iter().map(|(name, thing)| (name, format!("{thing:?}"))))))?;
        }
        Ok(())
    }

    fn set(&mut self, text: String) -> Result<(), LoadError> {
        self.base.push(text.parse()?);
        Ok(())
    }

    fn check_names(&self, choice: &Choice) -> Result<(), LoadError> {
        let known =
            self.variables.iter().map(|variable| &variable.name).chain(self.still.iter().map(|still| &still.name));
        let known: Vec<&str> = known.map(String::as_str).collect();
        let asked = choice.params.iter().map(|name| ("params", name));
        let asked = asked.chain(choice.fixed.iter().map(|(name, _)| ("fix", name)));
        let asked = asked.chain(choice.ranges.iter().map(|(name, ..)| ("range", name)));
        for (flag, name) in asked {
            let is_called = |known: &&str| *known == name || known.rsplit('.').next() == Some(name);
            if !known.iter().any(is_called) {
                let hint = nearest(name, known.iter().copied()).map(|near| format!(" (did you mean `{near}`?)"));
                let message = format!(
                    "--{flag} {name}: the attacker has no such number{}; it has {}",
                    hint.unwrap_or_default(),
                    known.join(", ")
                );
                return Err(LoadError::Usage(message));
            }
        }
        Ok(())
    }

    /// The plan of the scenario, or of the strategy's defaults.
    pub(crate) fn start(&self) -> Vec<f64> {
        self.variables.iter().map(|variable| variable.start).collect()
    }

    /// How far the coordinates of points go, from 0.
    pub(crate) fn widths(&self) -> Vec<f64> {
        self.variables.iter().map(Variable::width).collect()
    }

    /// Where a plan lies.
    pub(crate) fn point(&self, plan: &[f64]) -> Vec<f64> {
        self.variables.iter().zip(plan).map(|(variable, value)| variable.coordinate(*value)).collect()
    }

    /// The plan at a point, within bounds and in four digits, and how far the point lies outside: the sum of squares.
    pub(crate) fn plan(&self, point: &[f64]) -> (Vec<f64>, f64) {
        let placed = self.variables.iter().zip(point);
        let plan = placed.clone().map(|(variable, at)| variable.value(*at)).collect();
        let outside = placed.map(|(variable, at)| at - at.clamp(0.0, variable.width()));
        (plan, outside.map(|distance| distance * distance).sum())
    }

    /// The changes of the scenario that a plan makes, every amount of it and all that attackers start with being a share of
    /// what they are.
    pub(crate) fn sets(&self, plan: &[f64], share: f64) -> Result<Vec<Override>, LoadError> {
        let scaled = |amount: bool, value: f64| if amount { value * share } else { value };
        let searched = self.variables.iter().zip(plan);
        let searched = searched.map(|(variable, value)| (&variable.path, scaled(variable.amount, *value)));
        // What stays as the scenario has it need not be said again.
        let still = self.still.iter().filter(|still| still.why == FIXED || (share != 1.0 && still.amount));
        let still = still.map(|still| (&still.path, scaled(still.amount, still.value)));
        let mut sets = self.base.clone();
        for (path, value) in searched.chain(still) {
            sets.push(format!("{path}={value}").parse()?);
        }
        if share != 1.0 {
            for text in self.cohorts.iter().flat_map(|(path, cohort)| endowments(path, cohort, share)) {
                sets.push(text.parse()?);
            }
        }
        Ok(sets)
    }

    /// The scenario with a plan: what [`Space::sets`] makes of it at a share of 1, without reading it again.
    pub(crate) fn played(&self, loaded: &Loaded, plan: &[f64]) -> Loaded {
        let searched = self.variables.iter().zip(plan).map(|(variable, value)| (variable.path.as_str(), *value));
        loaded.with_params(searched.filter_map(|(path, value)| {
            let (cohort, name) = path.rsplit_once('.')?;
            Some((cohort.strip_suffix(".params")?, name, value))
        }))
    }

    /// What all attackers start with of the settlement asset, as far as their cohorts' distributions say: medians.
    pub(crate) fn wallets(&self) -> f64 {
        let of = |cohort: &Cohort| {
            let money = [cohort.wallet.get(&self.settlement), cohort.margin.as_ref()].into_iter().flatten();
            f64::from(cohort.count) * money.copied().map(usual).sum::<f64>()
        };
        self.cohorts.iter().map(|(_, cohort)| of(cohort)).sum()
    }
}

/// What was fixed by request.
const FIXED: &str = "fixed";

/// A parameter as it is declared, set and asked for.
struct Asked<'a> {
    name: String,
    short: &'a str,
    path: String,
    doc: String,
    bounds: (f64, f64),
    start: f64,
    money: f64,
}

impl Asked<'_> {
    fn is_called(&self, name: &str) -> bool {
        name == self.name || name == self.short
    }

    /// How it is searched, or why it is not.
    fn variable(self, choice: &Choice) -> Result<Result<Variable, Still>, LoadError> {
        let (low, high) = self.bounds;
        let amount = high >= UNBOUNDED;
        let within = |flag: &str, value: f64| {
            let message = format!("--{flag} {}: expected {low} to {high}, found {value}", self.name);
            if (low..=high).contains(&value) { Ok(()) } else { Err(LoadError::Usage(message)) }
        };
        let still = |value: f64, why| Still { name: self.name.clone(), value, why, path: self.path.clone(), amount };
        if let Some((_, value)) = choice.fixed.iter().find(|(name, _)| self.is_called(name)) {
            return within("fix", *value).map(|()| Err(still(*value, FIXED)));
        }
        let range = choice.ranges.iter().find(|(name, ..)| self.is_called(name));
        if range.is_none() && !choice.params.is_empty() && !choice.params.iter().any(|name| self.is_called(name)) {
            return Ok(Err(still(self.start, "not asked for")));
        }
        if let Some((_, from, to)) = range {
            within("range", *from)?;
            within("range", *to)?;
            if from >= to {
                return Err(LoadError::Usage(format!(
                    "--range {}={from}..{to}: expected the lower end first",
                    self.name
                )));
            }
        }
        let found = match range {
            Some((_, from, to)) if *from > 0.0 && *to > WIDE * from => Some((*from, *to, Scale::Log)),
            Some((_, from, to)) => Some((*from, *to, Scale::Linear)),
            None => self.range(),
        };
        let Some((low, high, scale)) = found.filter(|(low, high, _)| low < high) else {
            return Ok(Err(still(self.start, "starts at 0 and may be anything: give it a --range")));
        };
        Ok(Ok(Variable {
            name: self.name,
            path: self.path,
            low,
            high,
            scale,
            start: self.start,
            amount,
            doc: self.doc,
        }))
    }

    /// The values to search and how, where that follows from bounds, start and wallet.
    fn range(&self) -> Option<(f64, f64, Scale)> {
        let ((low, high), start) = (self.bounds, self.start);
        let is_money = high >= UNBOUNDED && self.doc.split_whitespace().any(|word| word == "coins");
        // Nobody spends more than the wallet holds.
        let most = if self.money > start { self.money } else { start };
        let high = if is_money && most < high { most } else { high };
        let is_wide = high - low > WIDE * (start - low) || (low > 0.0 && high > WIDE * low);
        if is_wide && start > 0.0 && low >= 0.0 {
            let (down, up) = if high >= UNBOUNDED { AMOUNT_REACH } else { (REACH, REACH) };
            let from = if low > 0.0 && low * NEAR >= start { low } else { start / down };
            let to = if high <= NEAR * start { high } else { up * start };
            return Some((from, to, Scale::Log));
        }
        (is_money || high - low <= WIDE || !is_wide).then_some((low, high, Scale::Linear))
    }
}

impl Variable {
    /// How far its coordinate goes, from 0: as far as two decades of ratios, or as all differences.
    fn width(&self) -> f64 {
        match self.scale {
            Scale::Linear => 1.0,
            Scale::Log => {
                let width = libm::log10(self.high / self.low) / 2.0;
                if width > 1.0 { width } else { 1.0 }
            }
        }
    }

    fn coordinate(&self, value: f64) -> f64 {
        let at = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log => libm::log(value / self.low) / libm::log(self.high / self.low),
        };
        // A start outside of the range begins at its end.
        at.clamp(0.0, 1.0) * self.width()
    }

    fn value(&self, at: f64) -> f64 {
        let at = (at / self.width()).clamp(0.0, 1.0);
        let value = match self.scale {
            Scale::Linear => self.low + at * (self.high - self.low),
            Scale::Log => self.low * libm::exp(at * libm::log(self.high / self.low)),
        };
        four_digits(value).clamp(self.low, self.high)
    }
}

/// A number in four digits: what is found by search is not worth more, and commands stay short.
pub(super) fn four_digits(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

/// An amount as most agents of a distribution have it.
fn usual(amounts: Amounts) -> f64 {
    match amounts {
        Amounts::Fixed(coins) | Amounts::LogNormal(coins, _) => coins,
        Amounts::Uniform(low, high) => f64::midpoint(low, high),
    }
}

/// Everything that a cohort starts with, as a share of what it is.
fn endowments(path: &str, cohort: &Cohort, share: f64) -> Vec<String> {
    let scaled = |amounts: Amounts| match amounts {
        Amounts::Fixed(coins) => format!("Fixed({})", coins * share),
        Amounts::Uniform(low, high) => format!("Uniform({}, {})", low * share, high * share),
        Amounts::LogNormal(median, sigma) => format!("LogNormal({}, {sigma})", median * share),
    };
    let wallets = cohort.wallet.iter().map(|(asset, amounts)| format!("{path}.wallet.{asset}={}", scaled(*amounts)));
    let others = [("margin", cohort.margin), ("stake", cohort.stake)];
    let others = others.into_iter().filter_map(|(key, amounts)| Some(format!("{path}.{key}={}", scaled(amounts?))));
    wallets.chain(others).collect()
}

/// A map as scenarios write it.
fn map<'a>(entries: impl Iterator<Item = (&'a &'a String, String)>) -> String {
    let entries: Vec<String> = entries.map(|(name, value)| format!("{name:?}: {value}")).collect();
    format!("{{{}}}", entries.join(", "))
}
