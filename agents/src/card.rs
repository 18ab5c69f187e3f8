//! The card on top of a strategy: `//! key: value` lines that say what it is, for people and for lists.

use palisade_engine::rule::RuleKind;
use palisade_engine::scenario::Role;

use crate::needs;
use crate::problem::{ScriptProblem, did_you_mean};

const KEYS: [&str; 8] = ["name", "role", "decides", "summary", "source", "requires", "capital", "uses"];

/// What a strategy says about itself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Card {
    /// The name in words.
    pub name: String,
    /// Who plays it; none for a library file.
    pub role: Option<Role>,
    /// What a rule decides; none for a strategy.
    pub decides: Option<RuleKind>,
    /// One line on what it does.
    pub summary: String,
    /// The incident, paper or protocol it follows.
    pub source: Option<String>,
    /// What the protocol must have for it to make sense.
    pub requires: Vec<String>,
    /// The capital it is meant for.
    pub capital: Option<String>,
    /// Files of `lib/` that it draws functions from.
    pub uses: Vec<String>,
}

impl Card {
    /// The card of a strategy, which must have a name, a role and a summary.
    pub(crate) fn of_strategy(file: &str, text: &str) -> Result<Self, ScriptProblem> {
        let card = Self::parse(file, text)?;
        card.complete((file, text), ("role", card.role.is_none()))?;
        Ok(card)
    }

    /// The card of a rule, which must have a name, a summary, and say what it decides.
    pub(crate) fn of_rule(file: &str, text: &str) -> Result<Self, ScriptProblem> {
        let card = Self::parse(file, text)?;
        card.complete((file, text), ("decides", card.decides.is_none()))?;
        Ok(card)
    }

    fn complete(&self, (file, text): (&str, &str), kind: (&str, bool)) -> Result<(), ScriptProblem> {
        let missing = [("name", self.name.is_empty()), kind, ("summary", self.summary.is_empty())];
        match missing.iter().find(|(_, absent)| *absent) {
            None => Ok(()),
            Some((key, _)) => Err(at(file, text, (1, 1), format!("the card has no `{key}`"))
                .hinted(Some(format!("add a line `//! {key}: …` on top of the file")))),
        }
    }

    /// The card of a file, with whatever keys it has.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, ScriptProblem> {
        let mut fields: Vec<(&str, String, (usize, usize))> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let Some(rest) = line.strip_prefix("//!") else { break };
            let place = (index + 1, 4 + rest.chars().take_while(|c| c.is_whitespace()).count());
            match (key_of(rest), fields.last_mut()) {
                (Some((key, value)), _) => {
                    let known = KEYS.iter().find(|known| **known == key);
                    let Some(known) = known else {
                        return Err(at(file, text, place, format!("a card has no key `{key}`"))
                            .hinted(did_you_mean(key, KEYS).or_else(|| Some(format!("keys: {}", KEYS.join(", "))))));
                    };
                    if fields.iter().any(|(other, ..)| other == known) {
                        return Err(at(file, text, place, format!("the card has two `{key}` lines")));
                    }
                    fields.push((known, value.to_owned(), place));
                }
                (None, Some((_, value, _))) => {
                    value.push(' ');
                    value.push_str(rest.trim());
                }
                (None, None) => {
                    return Err(at(file, text, place, "expected `//! key: value`".into())
                        .hinted(Some(format!("keys: {}", KEYS.join(", ")))));
                }
            }
        }
        let mut card = Self::default();
        for (key, value, place) in fields {
            card.set(key, value.trim(), &|message| at(file, text, place, message))?;
        }
        Ok(card)
    }

    fn set(&mut self, key: &str, value: &str, fail: &dyn Fn(String) -> ScriptProblem) -> Result<(), ScriptProblem> {
        if value.is_empty() {
            return Err(fail(format!("`{key}` is empty")));
        }
        let list = || value.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect();
        match key {
            "name" => value.clone_into(&mut self.name),
            "summary" => value.clone_into(&mut self.summary),
            "source" => self.source = Some(value.to_owned()),
            "capital" => self.capital = Some(value.to_owned()),
            "requires" => self.requires = required(list(), fail)?,
            "uses" => self.uses = list(),
            "decides" => self.decides = Some(decides(value, fail)?),
            _ => self.role = Some(role(value, fail)?),
        }
        Ok(())
    }
}

/// What is required must be a word that can be looked up in a scenario.
fn required(list: Vec<String>, fail: &dyn Fn(String) -> ScriptProblem) -> Result<Vec<String>, ScriptProblem> {
    match list.iter().find(|word| !needs::words().any(|known| known == *word)) {
        None => Ok(list),
        Some(word) => {
            let known = || Some(format!("what can be required: {}", needs::words().collect::<Vec<_>>().join(", ")));
            let hint = did_you_mean(word, needs::words()).or_else(known);
            Err(fail(format!("nothing is called `{word}` that a strategy could require")).hinted(hint))
        }
    }
}

fn role(name: &str, fail: &dyn Fn(String) -> ScriptProblem) -> Result<Role, ScriptProblem> {
    let found = Role::ALL.iter().find(|(_, known)| *known == name);
    found.map(|(role, _)| *role).ok_or_else(|| {
        let known: Vec<&str> = Role::ALL.iter().map(|(_, known)| *known).collect();
        let hint = did_you_mean(name, known.iter().copied()).or_else(|| Some(format!("roles: {}", known.join(", "))));
        fail(format!("there is no role `{name}`")).hinted(hint)
    })
}

fn decides(word: &str, fail: &dyn Fn(String) -> ScriptProblem) -> Result<RuleKind, ScriptProblem> {
    RuleKind::ALL.into_iter().find(|kind| kind.word() == word).ok_or_else(|| {
        let known: Vec<&str> = RuleKind::ALL.into_iter().map(RuleKind::word).collect();
        let hint = did_you_mean(word, known.iter().copied());
        fail(format!("no rule decides `{word}`"))
            .hinted(hint.or_else(|| Some(format!("rules decide {}", known.join(", ")))))
    })
}

fn key_of(rest: &str) -> Option<(&str, &str)> {
    let (key, value) = rest.split_once(':')?;
    let key = key.trim();
    let is_word = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_word.then_some((key, value))
}

fn at(file: &str, text: &str, (line, column): (usize, usize), message: String) -> ScriptProblem {
    ScriptProblem { line, column, text: text.into(), ..ScriptProblem::of_file(file, message) }
}

impl ScriptProblem {
    pub(crate) fn hinted(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_card_is_read() {
        let text = "//! name: thin push\n//! role:   attacker\n//! summary: lifts\n//!   the spot\n//! requires: perp, spot_venue\nfn decide(me, world) {}";
        let card = Card::of_strategy("a.rhai", text).unwrap();
        assert_eq!((card.name.as_str(), card.role), ("thin push", Some(Role::Attacker)));
        assert_eq!(card.summary, "lifts the spot");
        assert_eq!(card.requires, ["perp", "spot_venue"]);
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(Card::of_strategy("a.rhai", text).unwrap_err().to_string(), expected);
    }

    #[test]
    fn a_bad_card_names_its_line() {
        check("fn f() {}", "a.rhai:1:1: the card has no `name` (add a line `//! name: …` on top of the file)");
        check("//! name: x\n//! sumary: y", "a.rhai:2:5: a card has no key `sumary` (did you mean `summary`?)");
        check("//! name: x\n//! name: y", "a.rhai:2:5: the card has two `name` lines");
        check("//! role: tradr", "a.rhai:1:5: there is no role `tradr` (did you mean `trader`?)");
        check("//! name:", "a.rhai:1:5: `name` is empty");
        check(
            "//! name: x\n//! requires: perp, governence",
            "a.rhai:2:5: nothing is called `governence` that a strategy could require (did you mean `governance`?)",
        );
    }
}
