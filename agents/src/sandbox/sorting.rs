//! Sorting. Rhai's own hides what goes wrong in a comparer, orders what does not compare by an address of the program, and
//! panics on NaN: here every comparer gives an order, a fault in one ends the call, and the array stays as it was.

use std::cmp::Ordering;

use rhai::{Array, Dynamic, Engine, FnPtr, ImmutableString, NativeCallContext};

use crate::sandbox::Outcome;

/// Registers them over the package's own.
pub(crate) fn register(engine: &mut Engine) {
    for name in ["sort", "sort_by"] {
        engine.register_fn(name, |ctx: NativeCallContext<'_>, array: &mut Array, comparer: FnPtr| -> Outcome<()> {
            *array = ordered(array, |one, two| compared(&ctx, &comparer, one, two))?;
            Ok(())
        });
    }
    for name in ["order", "order_by"] {
        engine.register_fn(name, |ctx: NativeCallContext<'_>, array: &mut Array, comparer: FnPtr| {
            ordered(array, |one, two| compared(&ctx, &comparer, one, two))
        });
    }
    engine.register_fn("sort", |array: &mut Array| -> Outcome<()> {
        *array = ordered(array, natural)?;
        Ok(())
    });
    engine.register_fn("sort_desc", |array: &mut Array| -> Outcome<()> {
        *array = ordered(array, |one, two| natural(two, one))?;
        Ok(())
    });
    engine.register_fn("order", |array: &mut Array| ordered(array, natural));
    engine.register_fn("order_desc", |array: &mut Array| ordered(array, |one, two| natural(two, one)));
    engine.register_fn("dedup", |ctx: NativeCallContext<'_>, array: &mut Array, same: FnPtr| -> Outcome<()> {
        let mut kept: Array = Vec::with_capacity(array.len());
        for item in array.iter() {
            let is_same = match kept.last() {
                Some(last) => same.call_raw(&ctx, None, [last.clone(), item.clone()])?.as_bool().unwrap_or(false),
                None => false,
            };
            if !is_same {
                kept.push(item.clone());
            }
        }
        *array = kept;
        Ok(())
    });
}

/// What a comparer says of two items: a number below, at or above 0, or whether the first comes first.
fn compared(ctx: &NativeCallContext<'_>, comparer: &FnPtr, one: &Dynamic, two: &Dynamic) -> Outcome<Ordering> {
    let answer = comparer.call_raw(ctx, None, [one.clone(), two.clone()])?;
    if let Ok(number) = answer.as_int() {
        Ok(number.cmp(&0))
    } else if let Ok(is_first) = answer.as_bool() {
        Ok(if is_first { Ordering::Less } else { Ordering::Greater })
    } else {
        let order = answer.as_float().ok().and_then(|number| number.partial_cmp(&0.0));
        order.ok_or_else(|| format!("sort: the comparer returned {answer}, not a number or a flag").into())
    }
}

/// The order of numbers (NaN last), texts, characters and flags.
fn natural(one: &Dynamic, two: &Dynamic) -> Outcome<Ordering> {
    if let (Ok(one), Ok(two)) = (one.as_int(), two.as_int()) {
        return Ok(one.cmp(&two));
    }
    if let (Ok(one), Ok(two)) = (one.as_float(), two.as_float()) {
        return Ok(one.partial_cmp(&two).unwrap_or_else(|| one.is_nan().cmp(&two.is_nan())));
    }
    if let (Some(one), Some(two)) = (one.read_lock::<ImmutableString>(), two.read_lock::<ImmutableString>()) {
        return Ok(one.as_str().cmp(two.as_str()));
    }
    if let (Ok(one), Ok(two)) = (one.as_char(), two.as_char()) {
        return Ok(one.cmp(&two));
    }
    if let (Ok(one), Ok(two)) = (one.as_bool(), two.as_bool()) {
        return Ok(one.cmp(&two));
    }
    if one.is_unit() && two.is_unit() {
        return Ok(Ordering::Equal);
    }
    Err(format!("sort: {} and {} have no order: give it a comparer", one.type_name(), two.type_name()).into())
}

/// The items in a stable order; merging takes any answers, even such that contradict each other.
fn ordered(array: &Array, mut compare: impl FnMut(&Dynamic, &Dynamic) -> Outcome<Ordering>) -> Outcome<Array> {
    let mut order: Vec<usize> = (0..array.len()).collect();
    let mut merged = Vec::with_capacity(order.len());
    let mut run = 1;
    while run < order.len() {
        merged.clear();
        for pair in order.chunks(2 * run) {
            let (mut left, mut right) = pair.split_at(run.min(pair.len()));
            while let ([first, rest @ ..], [second, others @ ..]) = (left, right) {
                // Asked this way around, "comes first" as a flag keeps the order of equals too.
                if compare(&array[*second], &array[*first])? == Ordering::Less {
                    merged.push(*second);
                    right = others;
                } else {
                    merged.push(*first);
                    left = rest;
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        std::mem::swap(&mut order, &mut merged);
        run *= 2;
    }
    Ok(order.into_iter().map(|place| array[place].clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: &str) {
        let mut engine = Engine::new_raw();
        register(&mut engine);
        engine.register_fn("text", |array: &mut Array| format!("{array:?}"));
        let found: Result<String, _> = engine.eval(&format!("let a = {body}; a.text()"));
        let found = found.unwrap_or_else(|error| error.to_string());
        assert!(found.contains(expected), "{body}: {found}");
    }

    #[test]
    fn everything_that_has_an_order_is_sorted() {
        check("[3, 1, 2].order()", "[1, 2, 3]");
        check("[3, 1, 2].order_desc()", "[3, 2, 1]");
        check("[2.5, 0.0 / 0.0, -1.0].order()", "[-1.0, 2.5, NaN]");
        check("[\"b\", \"a\"].order()", "[\"a\", \"b\"]");
        check("[true, false].order()", "[false, true]");
        check("[9, 8, 7, 6, 5, 4, 3, 2, 1].order(|x, y| x - y)", "[1, 2, 3, 4, 5, 6, 7, 8, 9]");
        check("[2.5, 1.5, 0.5].order(|x, y| x - y)", "[0.5, 1.5, 2.5]");
        check("[[2, 0], [1, 1], [2, 1]].order(|x, y| y[0] - x[0])", "[[2, 0], [2, 1], [1, 1]]");
        check("[1, 2, 3].order(|x, y| x > y)", "[3, 2, 1]");
        check("[[1, 0], [0, 1], [1, 2]].order(|x, y| x[0] < y[0])", "[[0, 1], [1, 0], [1, 2]]");
        check("[[1, 0], [0, 1], [1, 2]].order(|x, y| x[0] - y[0])", "[[0, 1], [1, 0], [1, 2]]");
    }

    #[test]
    fn what_goes_wrong_in_a_comparer_is_not_hidden() {
        check("[1, 2].order(|x, y| throw \"here\")", "here");
        check("[1, 2].order(|x, y| 0.0 / 0.0)", "the comparer returned NaN");
        check("[1, 2].order(|x, y| \"a\")", "not a number or a flag");
        check("[1, \"a\"].order()", "have no order");
        check("[#{}, #{}].order()", "have no order");
    }

    #[test]
    fn a_comparer_that_contradicts_itself_still_ends() {
        check("[5, 3, 4, 1, 2].order(|x, y| true)", "[");
        check("[5, 3, 4, 1, 2].order(|x, y| 1)", "[");
    }
}
