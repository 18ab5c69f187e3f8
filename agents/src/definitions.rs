//! The script API as definitions for editors: `scripts/palisade.d.rhai`, which language servers read for completion and
//! documentation. Derived from the same catalog that the checks and the runtime use.

use std::fmt::Write;

use palisade_engine::registry::Registry;

use crate::catalog::{Catalog, Members, Takes};
use crate::constants;
use crate::natives;
use crate::types::{Type, kind_noun};

/// Functions outside of records: what they take, what they return, one line.
const FUNCTIONS: [(&str, &str, &str, &str); 17] = [
    ("abs", "x: float", "float", "Without its sign."),
    ("min", "x: float, y: float", "float", "The smaller one."),
    ("max", "x: float, y: float", "float", "The larger one."),
    ("clamp", "x: float, low: float, high: float", "float", "Held between two bounds."),
    ("floor", "x: float", "float", "The next whole number below."),
    ("ceil", "x: float", "float", "The next whole number above."),
    ("sqrt", "x: float", "float", "Square root."),
    ("exp", "x: float", "float", "e to the x."),
    ("ln", "x: float", "float", "Natural logarithm."),
    ("pow", "x: float, y: float", "float", "x to the y."),
    ("sign", "x: float", "float", "-1, 0 or 1."),
    ("fraction", "share: float", "amount", "A share of all there is, as the amount of an action."),
    ("hypot", "x: float, y: float", "float", "Square root of the sum of two squares."),
    ("sum", "values: array", "float", "The sum of numbers."),
    ("sorted", "values: array", "array", "The numbers in rising order."),
    (
        "weighted_quantile",
        "values: array, weights: array, share: float",
        "float",
        "The first value in rising order at which a share of all weight is reached.",
    ),
    (
        natives::EXAMPLE,
        "title: string, situation: map, check: Fn",
        "example",
        "One of a strategy's own cases: what it must answer in a situation.",
    ),
];

/// The definitions of everything a script can name beside rhai's own functions.
#[must_use]
pub fn definitions(registry: &Registry) -> String {
    let catalog = Catalog::of(registry);
    let mut text = String::from(
        "// The script API for editors\n// Generated from the registry; rewrite with PALISADE_BLESS=1 cargo test -p palisade-tests reference.\n\nmodule static;\n",
    );
    for constant in constants::all() {
        item(&mut text, "", &format!("const {}: {};", constant.name, word(constant.ty)));
    }
    for (name, takes, returns, doc) in FUNCTIONS {
        item(&mut text, doc, &format!("fn {name}({takes}) -> {returns};"));
    }
    item(
        &mut text,
        "A number within bounds: a parameter of `params()`.",
        "fn param(default: float, low: float, high: float, doc: string) -> parameter;",
    );
    for (name, ty) in natives::DECLARATIONS.into_iter().filter(|(_, ty)| *ty != Type::Float) {
        let doc = format!("A {} by selector: a parameter of `params()`.", word(ty));
        item(&mut text, &doc, &format!("fn {name}(selector: string, doc: string) -> parameter;"));
    }
    for (record, members) in catalog.records() {
        write_members(&mut text, record, members);
    }
    text
}

fn write_members(text: &mut String, record: Type, members: &Members) {
    let on = word(record);
    for (name, property) in &members.properties {
        item(text, &documented(property.doc), &format!("fn get {name}({on}: {on}) -> {};", word(property.ty)));
    }
    for (name, method) in &members.methods {
        let takes = method.takes.iter().map(|(arg, takes)| format!(", {arg}: {}", taken(*takes)));
        let returns =
            if method.returns == Type::Unit { String::new() } else { format!(" -> {}", word(method.returns)) };
        item(text, &documented(method.doc), &format!("fn {name}({on}: {on}{}){returns};", takes.collect::<String>()));
    }
}

fn documented((unit, doc): (&str, &str)) -> String {
    if unit.is_empty() { doc.to_owned() } else { format!("{doc} [{unit}]") }
}

fn item(text: &mut String, doc: &str, definition: &str) {
    let doc = if doc.is_empty() { String::new() } else { format!("/// {doc}\n") };
    // Writing into a text cannot fail.
    let _ = write!(text, "\n{doc}{definition}\n");
}

/// A type as editors show it.
const fn word(ty: Type) -> &'static str {
    match ty {
        Type::Unknown | Type::Never => "?",
        Type::Unit => "()",
        Type::Flag => "bool",
        Type::Int => "int",
        Type::Float | Type::Number => "float",
        Type::Text => "string",
        Type::Array => "array",
        Type::Map => "map",
        Type::Portion => "amount",
        Type::Me => "me",
        Type::Account => "account",
        Type::Position => "position",
        Type::Rng => "rng",
        Type::Params => "params",
        Type::Memory => "memory",
        Type::Thing(kind) => match kind_noun(kind).as_bytes() {
            b"account" => "offered_account",
            b"risk parameter" => "risk_parameter",
            b"pending action" => "pending_action",
            _ => kind_noun(kind),
        },
    }
}

const fn taken(takes: Takes) -> &'static str {
    match takes {
        Takes::Int => "int",
        Takes::Text => "string",
        Takes::Number => "float",
        Takes::Amount => "amount",
        Takes::Thing(kind) => word(Type::Thing(kind)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use palisade_engine::mechanisms::ALL;

    use super::*;
    use crate::pure;

    #[test]
    fn every_function_of_the_api_is_defined() {
        let defined: BTreeSet<&str> = FUNCTIONS.iter().map(|(name, ..)| *name).collect();
        let known = pure::FUNCTIONS.iter().chain(&pure::COLUMNS).map(|(name, _)| *name).chain([natives::EXAMPLE]);
        assert_eq!(defined, known.collect());
        let text = definitions(&Registry::of(&ALL));
        for expected in [
            "fn get mark(market: market) -> float;",
            "fn open(account: account, market: market, size: float);",
            "fn withdraw(account: account, amount: amount);",
            "fn staked(me: me, vault: vault) -> float;",
            "fn get settlement(world: world) -> asset;",
            "const FOR: int;",
        ] {
            assert!(text.contains(expected), "{expected}");
        }
    }

    #[test]
    fn every_definition_is_documented() {
        let text = definitions(&Registry::of(&ALL));
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines.windows(2).filter(|pair| pair[1].starts_with("fn ")) {
            assert!(pair[0].starts_with("/// "), "{}", pair[1]);
        }
    }
}
