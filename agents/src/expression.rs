//! Conditions over a run's figures, as in `--fail-if "attacker_net > 0"`, in the same sandbox as strategies.

use std::collections::BTreeMap;

use rhai::{Dynamic, EvalAltResult, ParseErrorType, Scope};

use crate::problem::did_you_mean;
use crate::sandbox::{CALL_FUEL, HostOptions, Outcome, Packages, Sandbox};

/// Whether `expression` holds for the figures `names`; a number counts as true when it is not 0.
///
/// # Errors
/// What is wrong with the expression, with the nearest right name.
pub fn evaluate_flag(expression: &str, names: &BTreeMap<String, f64>) -> Result<bool, String> {
    let value = value(expression, names)?;
    match (value.as_bool(), value.as_float(), value.as_int()) {
        (Ok(flag), ..) => Ok(flag),
        (_, Ok(number), _) if !number.is_nan() => Ok(number != 0.0),
        (_, _, Ok(number)) => Ok(number != 0),
        _ => Err(format!("`{expression}` is neither true nor false: compare two numbers, as in `attacker_net > 0`")),
    }
}

/// The number that `expression` is for the figures `names`; true counts as 1.
///
/// # Errors
/// What is wrong with the expression, with the nearest right name.
#[allow(clippy::cast_precision_loss)]
pub fn evaluate(expression: &str, names: &BTreeMap<String, f64>) -> Result<f64, String> {
    let value = value(expression, names)?;
    match (value.as_float(), value.as_int(), value.as_bool()) {
        (Ok(number), ..) => Ok(number),
        (_, Ok(number), _) => Ok(number as f64),
        (_, _, Ok(flag)) => Ok(f64::from(u8::from(flag))),
        _ => Err(format!("`{expression}` is no number: write one of figures, as in `attacker_net - loss_caused`")),
    }
}

fn value(expression: &str, names: &BTreeMap<String, f64>) -> Result<Dynamic, String> {
    let mut sandbox = Sandbox::new(&Packages::new(), HostOptions::default());
    // Figures are floats: `**` must go through the pinned `libm`.
    sandbox.engine.set_fast_operators(false);
    sandbox.engine.set_optimization_level(rhai::OptimizationLevel::None);
    let mut scope = Scope::new();
    for (name, value) in names {
        scope.push_constant(name.as_str(), *value);
    }
    sandbox.meter.begin(CALL_FUEL);
    let ast = sandbox
        .engine
        .compile_expression_with_scope(&scope, expression)
        .map_err(|error| explain(expression, &(*error.err_type()).clone(), names))?;
    let result: Outcome<Dynamic> = sandbox.engine.eval_ast_with_scope(&mut scope, &ast);
    result.map_err(|error| runtime(expression, &error, names))
}

fn explain(expression: &str, error: &ParseErrorType, names: &BTreeMap<String, f64>) -> String {
    match error {
        ParseErrorType::VariableUndefined(name) => unknown(expression, name, names),
        other => format!("`{expression}`: {other}"),
    }
}

fn runtime(expression: &str, error: &EvalAltResult, names: &BTreeMap<String, f64>) -> String {
    match error {
        EvalAltResult::ErrorVariableNotFound(name, _) => unknown(expression, name, names),
        other => format!("`{expression}`: {other}"),
    }
}

fn unknown(expression: &str, name: &str, names: &BTreeMap<String, f64>) -> String {
    let hint = did_you_mean(name, names.keys().map(String::as_str))
        .unwrap_or_else(|| format!("known: {}", names.keys().cloned().collect::<Vec<_>>().join(", ")));
    format!("`{expression}`: there is no figure `{name}` ({hint})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expression: &str, expected: Result<bool, &str>) {
        let names = BTreeMap::from([("attacker_net".to_owned(), 3.0), ("bad_debt".to_owned(), 0.0)]);
        let found = evaluate_flag(expression, &names);
        match expected {
            Ok(flag) => assert_eq!(found, Ok(flag), "{expression}"),
            Err(part) => {
                let message = found.expect_err(expression);
                assert!(message.contains(part), "{expression}: {message}");
            }
        }
    }

    #[test]
    fn conditions_hold_or_not() {
        check("attacker_net > 0", Ok(true));
        check("attacker_net > 0 && bad_debt > 0", Ok(false));
        check("attacker_net / 2 == 1.5", Ok(true));
        check("bad_debt", Ok(false));
        check("max(attacker_net, bad_debt) >= 3", Ok(true));
        check("attacker_net ** 2 == 9.0", Ok(true));
    }

    #[test]
    fn a_bad_condition_is_explained() {
        check("atacker_net > 0", Err("did you mean `attacker_net`?"));
        check("attacker_net >", Err("attacker_net >"));
        check("\"yes\"", Err("neither true nor false"));
        check("loop {}", Err("loop"));
        check("(|x| { loop {} }).call(1)", Err(""));
    }
}
