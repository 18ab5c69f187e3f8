//! The pure functions of numbers. Every transcendental goes through `libm`, so that all machines get the same bits.

use palisade_engine::math::oracle;
use rhai::{Array, Dynamic, Engine};

use crate::portion::Portion;
use crate::sandbox::Outcome;

/// The documented functions, with how many arguments they take; all return a float when given one.
pub(crate) const FUNCTIONS: [(&str, usize); 13] = [
    ("abs", 1),
    ("min", 2),
    ("max", 2),
    ("clamp", 3),
    ("floor", 1),
    ("ceil", 1),
    ("sqrt", 1),
    ("exp", 1),
    ("ln", 1),
    ("pow", 2),
    ("sign", 1),
    ("fraction", 1),
    ("hypot", 2),
];

type Unary = fn(f64) -> f64;
type Binary = fn(f64, f64) -> f64;

const UNARY: [(&str, Unary); 22] = [
    ("abs", f64::abs),
    ("floor", libm::floor),
    ("ceil", libm::ceil),
    ("sqrt", libm::sqrt),
    ("exp", libm::exp),
    ("ln", libm::log),
    ("log", libm::log10),
    ("sign", sign),
    ("sin", libm::sin),
    ("cos", libm::cos),
    ("tan", libm::tan),
    ("sinh", libm::sinh),
    ("cosh", libm::cosh),
    ("tanh", libm::tanh),
    ("asin", libm::asin),
    ("acos", libm::acos),
    ("atan", libm::atan),
    ("asinh", libm::asinh),
    ("acosh", libm::acosh),
    ("atanh", libm::atanh),
    ("to_degrees", f64::to_degrees),
    ("to_radians", f64::to_radians),
];

const BINARY: [(&str, Binary); 7] = [
    ("min", smaller),
    ("max", larger),
    ("pow", libm::pow),
    ("**", libm::pow),
    ("hypot", libm::hypot),
    ("atan", libm::atan2),
    ("log", |x, base| libm::log(x) / libm::log(base)),
];

/// Those of one float that take an integer too.
pub(crate) const TAKES_INT: [&str; 5] = ["sqrt", "exp", "ln", "floor", "ceil"];

/// The function of one float called `name`.
pub(crate) fn unary(name: &str) -> Option<Unary> {
    UNARY.iter().find(|(known, _)| *known == name).map(|(_, function)| *function)
}

/// The function of two floats called `name`.
pub(crate) fn binary(name: &str) -> Option<Binary> {
    BINARY.iter().find(|(known, _)| *known == name).map(|(_, function)| *function)
}

/// Registers them over rhai's own.
pub(crate) fn register(engine: &mut Engine) {
    for (name, function) in UNARY {
        engine.register_fn(name, move |x: f64| function(x));
    }
    for name in TAKES_INT {
        if let Some(function) = unary(name) {
            engine.register_fn(name, move |x: i64| function(float(x)));
        }
    }
    for (name, function) in BINARY {
        engine.register_fn(name, move |x: f64, y: f64| function(x, y));
        engine.register_fn(name, move |x: f64, y: i64| function(x, float(y)));
        engine.register_fn(name, move |x: i64, y: f64| function(float(x), y));
    }
    // Where there is none, rhai takes its own for `x **= y`, whatever `**` is.
    engine.register_fn("**=", |x: &mut f64, y: f64| *x = libm::pow(*x, y));
    engine.register_fn("**=", |x: &mut f64, y: i64| *x = libm::pow(*x, float(y)));
    engine.register_fn("pow", |x: i64, y: i64| libm::pow(float(x), float(y)));
    engine.register_fn("clamp", |x: f64, low: f64, high: f64| larger(low, smaller(x, high)));
    engine.register_fn("clamp", |x: f64, low: i64, high: i64| larger(float(low), smaller(x, float(high))));
    engine.register_fn("clamp", |x: f64, low: i64, high: f64| larger(float(low), smaller(x, high)));
    engine.register_fn("clamp", |x: f64, low: f64, high: i64| larger(low, smaller(x, float(high))));
    engine.register_fn("clamp", |x: i64, low: f64, high: f64| larger(low, smaller(float(x), high)));
    engine.register_fn("clamp", |x: i64, low: i64, high: i64| x.min(high).max(low));
    engine.register_type_with_name::<Portion>("amount");
    engine.register_fn("fraction", |x: f64| Portion::Fraction(x));
    engine.register_fn("fraction", |x: i64| Portion::Fraction(float(x)));
}

/// Functions of columns: arrays of numbers.
pub(crate) const COLUMNS: [(&str, usize); 3] = [("sum", 1), ("sorted", 1), ("weighted_quantile", 3)];

/// Registers them.
pub(crate) fn register_columns(engine: &mut Engine) {
    engine.register_fn("sum", |values: Array| -> Outcome<f64> { Ok(sum(&numbers("sum", &values)?)) });
    engine.register_fn("sorted", |values: Array| -> Outcome<Array> {
        Ok(sorted(numbers("sorted", &values)?).into_iter().map(Dynamic::from_float).collect())
    });
    engine.register_fn("weighted_quantile", |values: Array, weights: Array, share: Dynamic| -> Outcome<f64> {
        let (values, weights) = (numbers("weighted_quantile", &values)?, numbers("weighted_quantile", &weights)?);
        let share = number(&share).filter(|share| (0.0..=1.0).contains(share));
        let share = share.ok_or("`weighted_quantile` takes a share in 0…1")?;
        if values.len() != weights.len() {
            return Err("`weighted_quantile` takes as many weights as values".into());
        }
        let found = oracle::weighted_lower_quantile(&values, &weights, share);
        found.ok_or_else(|| "`weighted_quantile` of no weight at all".into())
    });
}

pub(crate) fn sum(values: &[f64]) -> f64 {
    values.iter().sum()
}

/// NaN last: its sign, which `total_cmp` goes by, is the machine's.
pub(crate) fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(|one, two| one.partial_cmp(two).unwrap_or_else(|| one.is_nan().cmp(&two.is_nan())));
    values
}

fn numbers(name: &str, values: &Array) -> Outcome<Vec<f64>> {
    let all: Option<Vec<f64>> = values.iter().map(number).collect();
    all.ok_or_else(|| format!("`{name}` takes an array of numbers").into())
}

/// A float, or an integer as one.
pub(crate) fn number(value: &Dynamic) -> Option<f64> {
    value.as_float().or_else(|_| value.as_int().map(float)).ok()
}

#[allow(clippy::cast_precision_loss)]
pub(crate) fn float(value: i64) -> f64 {
    value as f64
}

/// −1, 0 or 1, as a float.
fn sign(x: f64) -> f64 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else {
        0.0
    }
}

// Not `f64::min`, which leaves the sign of a zero to the machine.
pub(crate) fn smaller(x: f64, y: f64) -> f64 {
    if y < x { y } else { x }
}

pub(crate) fn larger(x: f64, y: f64) -> f64 {
    if y > x { y } else { x }
}
