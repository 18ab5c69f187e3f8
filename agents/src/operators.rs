//! Operators in the inference: what rhai passes over in silence, or answers with a fault, is a finding here.

use rhai::Position;

use crate::infer::{Frame, Inference};
use crate::types::Type;

impl Inference<'_> {
    /// An operator; the findings here are those that rhai passes over in silence or answers with a fault.
    pub(crate) fn operator(&mut self, frame: &Frame, name: &str, args: &[Type], at: Position) -> Type {
        match (name, args) {
            ("!", [ty]) => {
                if *ty != Type::Flag && !ty.is_silent() {
                    self.find(frame, at, format!("`!` needs a flag, this is {}", ty.words()), None);
                }
                Type::Flag
            }
            ("-" | "+", [ty]) => *ty,
            ("==" | "!=", [one, two]) => {
                if !one.can_equal(*two) {
                    let message = format!("compares {} with {}: they are never equal", one.words(), two.words());
                    self.find(frame, at, message, unlike_hint(*one, *two));
                }
                Type::Flag
            }
            ("<" | "<=" | ">" | ">=", [one, two]) => {
                if !one.can_compare(*two) {
                    let message = format!("compares {} with {}: neither is larger", one.words(), two.words());
                    self.find(frame, at, message, unlike_hint(*one, *two));
                }
                Type::Flag
            }
            ("+" | "-" | "*" | "/" | "%" | "**", [one, two]) => self.arithmetic(frame, name, (*one, *two), at),
            ("in" | "!in" | "contains", _) => Type::Flag,
            _ => Type::Unknown,
        }
    }

    fn arithmetic(&mut self, frame: &Frame, name: &str, (one, two): (Type, Type), at: Position) -> Type {
        if name == "/" && one == Type::Int && two == Type::Int {
            let hint = "integers drop the fraction: write `1.0 / 2.0`, or `.to_float()`";
            self.find(frame, at, "divides an integer by an integer", Some(hint.into()));
            return Type::Int;
        }
        // A text takes anything behind a `+`.
        if one == Type::Text || two == Type::Text || one == Type::Array {
            return if name == "+" && one != Type::Array { Type::Text } else { Type::Unknown };
        }
        if let Some(bad) = [one, two].into_iter().find(|ty| !ty.is_arithmetic(name)) {
            self.find(frame, at, format!("`{name}` needs numbers, this is {}", bad.words()), None);
            return Type::Unknown;
        }
        match (one, two) {
            (Type::Int, Type::Int) => Type::Int,
            (Type::Float, other) | (other, Type::Float) if other.is_number() => Type::Float,
            (one, two) if one.is_number() && two.is_number() => Type::Number,
            _ => Type::Unknown,
        }
    }
}

fn unlike_hint(one: Type, two: Type) -> Option<String> {
    match (one, two) {
        (Type::Unit, other) | (other, Type::Unit) if other.is_number() => {
            Some("a number is always there: compare it with a number".into())
        }
        (Type::Portion, _) | (_, Type::Portion) => Some("`all` and fractions are amounts of actions only".into()),
        _ => None,
    }
}
