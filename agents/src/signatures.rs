//! Every function that a script can call, as a list to look through: with values of which types, and what comes back.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use std::rc::Rc;

use palisade_engine::registry::Registry;
use rhai::{Array, Dynamic, FnPtr, FuncMetadata, ImmutableString, Map};

use crate::cases::{self, Answer, Example};
use crate::catalog::Catalog;
use crate::context::Context;
use crate::declare::{self, Declared};
use crate::portion::Portion;
use crate::records::{self, Account, Me, Position, Rng, Thing};
use crate::sandbox::{BY_NAME, HostOptions, Packages, REMOVED, Sandbox};

/// The functions of scripts in the worlds of `registry`, in order: `pad(array, int, any)`, `text.len -> int`,
/// `thing[text] -> any`. Left out are those for values that no script can come by, such as bytes.
#[must_use]
pub fn signatures(registry: &Registry) -> Vec<String> {
    let mut all: Vec<String> =
        callable(registry).iter().map(|((name, types), returns)| line(name, types, returns)).collect();
    all.sort();
    all
}

/// Functions by name and the types that they take; what they return.
type Callable = BTreeMap<(String, Vec<&'static str>), String>;

fn callable(registry: &Registry) -> Callable {
    let mut sandbox = Sandbox::new(&Packages::new(), HostOptions::default());
    let context = Rc::new(Context::new(Catalog::of(registry), 1));
    records::register(&mut sandbox.engine, &context);
    declare::register(&mut sandbox.engine);
    cases::register(&mut sandbox.engine);
    let mut callable = Callable::new();
    for (name, types, returns) in sandbox.engine.collect_fn_metadata(None, |info| signature(info.metadata), true) {
        // What the host registers comes first, and is what rhai finds first.
        callable.entry((name, types)).or_insert(returns);
    }
    callable
}

fn signature(function: &FuncMetadata) -> Option<(String, Vec<&'static str>, String)> {
    let types: Option<Vec<&str>> = function.param_types.iter().map(word).collect();
    let (name, types) = (function.name.to_string(), types?);
    let calls_by_name =
        types.starts_with(&["array", "text"]) && BY_NAME.contains(&(function.name.as_str(), types.len()));
    let is_gone = calls_by_name || REMOVED.contains(&function.name.as_str());
    let returns = match name.as_str() {
        // Rhai registers these two without saying so.
        "to_int" => "int".to_owned(),
        "to_float" => "float".to_owned(),
        _ => plain(&function.return_type),
    };
    if is_gone { None } else { Some((name, types, returns)) }
}

/// A type as a script's author knows it.
fn word(ty: &TypeId) -> Option<&'static str> {
    let known = [
        (TypeId::of::<Dynamic>(), "any"),
        (TypeId::of::<()>(), "()"),
        (TypeId::of::<bool>(), "flag"),
        (TypeId::of::<i64>(), "int"),
        (TypeId::of::<f64>(), "float"),
        (TypeId::of::<char>(), "letter"),
        (TypeId::of::<ImmutableString>(), "text"),
        (TypeId::of::<Array>(), "array"),
        (TypeId::of::<Map>(), "map"),
        (TypeId::of::<FnPtr>(), "closure"),
        (TypeId::of::<Range<i64>>(), "range"),
        (TypeId::of::<RangeInclusive<i64>>(), "range="),
        (TypeId::of::<Portion>(), "amount"),
        (TypeId::of::<Me>(), "me"),
        (TypeId::of::<Rng>(), "rng"),
        (TypeId::of::<Account>(), "account"),
        (TypeId::of::<Position>(), "position"),
        (TypeId::of::<Thing>(), "thing"),
        (TypeId::of::<Declared>(), "parameter"),
        (TypeId::of::<Example>(), "example"),
        (TypeId::of::<Answer>(), "answer"),
    ];
    known.iter().find(|(known, _)| known == ty).map(|(_, word)| *word)
}

/// What Rust calls a result, in the same words.
fn plain(returns: &str) -> String {
    let text: String = returns.chars().filter(|c| !c.is_whitespace()).collect();
    let inner = ["core::result::Result<", "RhaiResultOf<"].iter().find_map(|head| text.strip_prefix(head));
    let text = inner.map_or(text.as_str(), |inner| inner.split(",alloc::boxed").next().unwrap_or(inner));
    let text = if inner.is_some() { text.strip_suffix('>').unwrap_or(text) } else { text };
    let last = text.split('<').next().unwrap_or(text).rsplit("::").next().unwrap_or(text);
    match last {
        "" | "()" => "()".to_owned(),
        "bool" => "flag".to_owned(),
        "INT" | "i64" => "int".to_owned(),
        "FLOAT" | "f64" => "float".to_owned(),
        "char" => "letter".to_owned(),
        "ImmutableString" | "string" => "text".to_owned(),
        "Vec" => "array".to_owned(),
        "BTreeMap" => "map".to_owned(),
        "Dynamic" | "RhaiResult" => "any".to_owned(),
        "Range" | "StepRange" | "BitRange" => "range".to_owned(),
        "Declared" => "parameter".to_owned(),
        other => other.to_lowercase(),
    }
}

fn line(name: &str, types: &[&str], returns: &str) -> String {
    let head = match (name.split_once('$'), types) {
        (Some(("get", field)), [receiver]) => format!("{receiver}.{field}"),
        (Some(("set", field)), [receiver, value]) => format!("{receiver}.{field} = {value}"),
        (Some(("index", "get$")), [receiver, place]) => format!("{receiver}[{place}]"),
        (Some(("index", "set$")), [receiver, place, value]) => format!("{receiver}[{place}] = {value}"),
        _ => format!("{name}({})", types.join(", ")),
    };
    if returns == "()" { head } else { format!("{head} -> {returns}") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use palisade_engine::mechanisms;

    use super::*;
    use crate::natives;

    #[track_caller]
    fn check(returns: &str, expected: &str) {
        assert_eq!(plain(returns), expected, "{returns}");
    }

    #[test]
    fn results_are_named_in_words() {
        check("RhaiResultOf<bool >", "flag");
        check("core::result::Result<f64, alloc::boxed::Box<rhai::types::error::EvalAltResult>>", "float");
        check(
            "core::result::Result<alloc::vec::Vec<rhai::types::dynamic::Dynamic>, alloc::boxed::Box<rhai::types::error::EvalAltResult>>",
            "array",
        );
        check("core::result::Result<palisade_agents::records::Account, alloc::boxed::Box<x>>", "account");
        check("RhaiResultOf<StepRange<i64>>", "range");
        check("", "()");
    }

    #[test]
    fn the_list_of_natives_is_what_the_engine_has() {
        let registry = Registry::of(&mechanisms::ALL);
        let catalog = Catalog::of(&registry);
        let is_word = |name: &&str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let callable = callable(&registry);
        let of_records = |name: &&str| {
            let receivers = callable.keys().filter(|(known, _)| known == name).map(|(_, types)| types.first().copied());
            let is_records = |receiver: Option<&str>| {
                receiver.is_some_and(|word| ["me", "rng", "account", "position", "thing", "answer"].contains(&word))
            };
            receivers.into_iter().all(is_records)
        };
        let found: BTreeSet<&str> =
            callable.keys().map(|(name, _)| name.as_str()).filter(is_word).filter(|name| !of_records(name)).collect();
        let listed: BTreeSet<&str> = natives::names().filter(|name| !natives::LANGUAGE.contains(name)).collect();
        let language: BTreeSet<&str> = natives::LANGUAGE.iter().copied().collect();
        let missing: Vec<_> = found.difference(&listed).filter(|name| !language.contains(**name)).collect();
        let extra: Vec<_> = listed.difference(&found).collect();
        assert!(missing.is_empty() && extra.is_empty(), "missing {missing:?}, extra {extra:?}");
        assert!(catalog.any_method("open").is_some());
    }
}
