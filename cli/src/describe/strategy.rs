//! The description of a strategy: its card, when it is asked, its parameters and its memory.

use palisade_lab::inventory::{DefaultValue, ParamRow, Strategy, Wakes};

use super::Page;
use crate::table::{Align, table};
use palisade_lab::words::{exact, range};

pub(super) fn page(strategy: &Strategy) -> Page {
    let Strategy { name, title, role, summary, file, .. } = strategy;
    let mut facts = vec![
        ("role", role.clone()),
        ("source", strategy.source.clone().unwrap_or_default()),
        ("requires", strategy.requires.join(", ")),
        ("capital", strategy.capital.clone().unwrap_or_default()),
        ("uses", strategy.uses.join(", ")),
        ("file", file.clone()),
    ];
    facts.extend(strategy.hooks.iter().map(|hook| ("hooks", hook.clone())));
    if strategy.hooks.iter().any(|hook| hook.starts_with("decide(")) {
        facts.push(("decides", wakes(&strategy.wakes)));
    }
    let params = [("name", Align::Name), ("default", Align::Name), ("bounds", Align::Name), ("meaning", Align::Left)];
    let memory =
        strategy.memory.iter().map(|field| vec![field.name.clone(), field.holds.to_owned(), field.start.clone()]);
    let fields = [("name", Align::Name), ("holds", Align::Name), ("at first", Align::Left)];
    Page {
        title: format!("strategy {name}: {title}"),
        summary: summary.clone(),
        facts,
        sections: vec![
            ("Parameters", table(&params, strategy.params.iter().map(param).collect())),
            ("Memory", table(&fields, memory.collect())),
        ],
        text: strategy.text.clone(),
    }
}

fn param(row: &ParamRow) -> Vec<String> {
    let default = match &row.default {
        DefaultValue::Number(value) => exact(*value),
        DefaultValue::Thing(selector) => format!("{selector:?}"),
    };
    let bounds = match (row.low, row.high) {
        (Some(low), Some(high)) => range(low, high),
        _ if row.takes.starts_with('a') => format!("an {}", row.takes),
        _ => format!("a {}", row.takes),
    };
    vec![row.name.clone(), default, bounds, row.doc.clone()]
}

fn wakes(wakes: &Wakes) -> String {
    let every = wakes.every.as_ref().map(|every| format!("every {every}"));
    let moves = wakes.moves.map(|moves| format!("when the mark has moved by {} %", exact((moves * 1e6).round() / 1e4)));
    let own = wakes.own.then(|| "when something happened to its accounts".to_owned());
    let conditions: Vec<String> = [every, moves, own].into_iter().flatten().collect();
    if conditions.is_empty() { "every step".to_owned() } else { conditions.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(every: Option<&str>, moves: Option<f64>, own: bool, expected: &str) {
        assert_eq!(wakes(&Wakes { every: every.map(str::to_owned), moves, own }), expected);
    }

    #[test]
    fn wakes_are_said_in_words() {
        check(None, None, false, "every step");
        check(Some("1m"), Some(0.005), false, "every 1m, when the mark has moved by 0.5 %");
        check(None, None, true, "when something happened to its accounts");
    }
}
