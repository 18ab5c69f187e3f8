//! Natives of rhai 1.27.0 in their place: those that hang, panic, hide a fault, show a hash, or do the work of a thousand
//! operations for one.

use std::rc::Rc;

use rhai::{Array, Dynamic, Engine, EvalAltResult, FnPtr, ImmutableString, NativeCallContext};

use crate::sandbox::meter::Meter;
use crate::sandbox::{MAX_ARRAY, MAX_TEXT, Outcome, sorting, weight};

type Range = std::ops::Range<i64>;
type RangeInclusive = std::ops::RangeInclusive<i64>;

/// Natives of arrays that would call a function by its name, whatever the checks know of it; with how many arguments.
pub(crate) const BY_NAME: [(&str, usize); 12] = [
    ("all", 2),
    ("dedup", 2),
    ("drain", 2),
    ("filter", 2),
    ("map", 2),
    ("reduce", 2),
    ("reduce", 3),
    ("reduce_rev", 2),
    ("reduce_rev", 3),
    ("retain", 2),
    ("some", 2),
    ("sort", 2),
];

/// Registers them over the packages' own.
pub(crate) fn register(engine: &mut Engine, meter: &Rc<Meter>) {
    padding(engine, meter);
    replacing(engine);
    splitting(engine, meter);
    characters(engine, meter);
    searching(engine, meter);
    sorting::register(engine);
    for (name, count) in BY_NAME {
        let refuse =
            move || -> Outcome<Dynamic> { Err(format!("`{name}` takes a closure, not the name of a function").into()) };
        if count == 2 {
            engine.register_fn(name, move |_: &mut Array, _: &str| refuse());
        } else {
            engine.register_fn(name, move |_: &mut Array, _: &str, _: Dynamic| refuse());
        }
    }
    // The name of an anonymous function holds a hash.
    for name in ["to_string", "to_debug", "print", "debug"] {
        engine.register_fn(name, |_: &mut FnPtr| "Fn");
    }
}

/// `"x".pad(10, "")` never returns in rhai, and `[].pad(2^54, v)` ends the process.
fn padding(engine: &mut Engine, meter: &Rc<Meter>) {
    fn pad(text: &mut ImmutableString, length: i64, with: &str) -> Outcome<()> {
        if with.is_empty() {
            return Err("pad: the padding is empty".into());
        }
        let have = text.chars().count();
        let Ok(length) = usize::try_from(length) else { return Ok(()) };
        if length > MAX_TEXT {
            return Err("pad: longer than a text may be".into());
        }
        let mut padded = String::from(text.as_str());
        padded.extend(with.chars().cycle().take(length.saturating_sub(have)));
        *text = padded.into();
        Ok(())
    }
    engine.register_fn("pad", pad);
    engine.register_fn("pad", |text: &mut ImmutableString, length: i64, with: char| {
        pad(text, length, with.encode_utf8(&mut [0; 4]))
    });
    let meter = Rc::clone(meter);
    engine.register_fn("pad", move |array: &mut Array, length: i64, item: Dynamic| -> Outcome<()> {
        let Ok(length) = usize::try_from(length) else { return Ok(()) };
        let added = length.saturating_sub(array.len());
        if added.saturating_mul(weight::cells(&item)) > MAX_ARRAY {
            return Err("pad: larger than an array may be".into());
        }
        if added > 0 {
            meter.charge(added * weight::of(&item) + weight::of_cells(added));
            array.resize(length, item);
        }
        Ok(())
    });
}

/// Rhai looks at the length of a text only once it is there: a megabyte out of a kilobyte.
fn replacing(engine: &mut Engine) {
    fn replace(text: &mut ImmutableString, from: &str, to: &str) -> Outcome<()> {
        let count = text.matches(from).count();
        let kept = text.len().saturating_sub(count.saturating_mul(from.len()));
        if kept.saturating_add(count.saturating_mul(to.len())) > MAX_TEXT {
            return Err("replace: longer than a text may be".into());
        }
        *text = text.replace(from, to).into();
        Ok(())
    }
    engine.register_fn("replace", replace);
    engine.register_fn("replace", |text: &mut ImmutableString, from: char, to: &str| {
        replace(text, from.encode_utf8(&mut [0; 4]), to)
    });
    engine.register_fn("replace", |text: &mut ImmutableString, from: &str, to: char| {
        replace(text, from, to.encode_utf8(&mut [0; 4]))
    });
    engine.register_fn("replace", |text: &mut ImmutableString, from: char, to: char| {
        replace(text, from.encode_utf8(&mut [0; 4]), to.encode_utf8(&mut [0; 4]))
    });
}

/// A text falls into as many new texts as it has characters.
fn splitting(engine: &mut Engine, meter: &Rc<Meter>) {
    type Split = fn(&str, &str, usize) -> Vec<ImmutableString>;
    let ways: [(&str, Split); 2] = [
        ("split", |text, by, most| text.splitn(most, by).map(Into::into).collect()),
        ("split_rev", |text, by, most| text.rsplitn(most, by).map(Into::into).collect()),
    ];
    for (name, split) in ways {
        let meter = Rc::clone(meter);
        let pieces = Rc::new(move |text: &ImmutableString, by: &str, most: i64| -> Array {
            if most <= 1 || text.is_empty() {
                return vec![text.clone().into()];
            }
            let pieces = split(text, by, usize::try_from(most).unwrap_or(usize::MAX));
            meter.charge(pieces.len() * weight::TEXT);
            pieces.into_iter().map(Into::into).collect()
        });
        let of = Rc::clone(&pieces);
        engine.register_fn(name, move |text: &mut ImmutableString, by: &str| of(text, by, i64::MAX));
        let of = Rc::clone(&pieces);
        engine.register_fn(name, move |text: &mut ImmutableString, by: &str, most: i64| of(text, by, most));
        let of = Rc::clone(&pieces);
        engine.register_fn(name, move |text: &mut ImmutableString, by: char| {
            of(text, by.encode_utf8(&mut [0; 4]), i64::MAX)
        });
        engine.register_fn(name, move |text: &mut ImmutableString, by: char, most: i64| {
            pieces(text, by.encode_utf8(&mut [0; 4]), most)
        });
    }
    let meter = Rc::clone(meter);
    engine.register_fn("split", move |text: &mut ImmutableString| -> Array {
        let words: Array = text.split_whitespace().map(Into::into).collect();
        meter.charge(words.len() * weight::TEXT);
        words
    });
}

/// Rhai's stream of characters is a value that is copied whole for one operation: here they are an array.
fn characters(engine: &mut Engine, meter: &Rc<Meter>) {
    let meter = Rc::clone(meter);
    let chars = Rc::new(move |text: &str, start: i64, length: i64| -> Array {
        let from_end =
            || text.chars().count().saturating_sub(usize::try_from(start.unsigned_abs()).unwrap_or(usize::MAX));
        let skipped = usize::try_from(start).unwrap_or_else(|_| from_end());
        let length = usize::try_from(length).unwrap_or(0);
        let chars: Array = text.chars().skip(skipped).take(length).map(Dynamic::from_char).collect();
        meter.charge(weight::of_cells(chars.len()));
        chars
    });
    for name in ["chars", "to_chars"] {
        let of = Rc::clone(&chars);
        engine.register_fn(name, move |text: &str| of(text, 0, i64::MAX));
    }
    let of = Rc::clone(&chars);
    engine.register_get("chars", move |text: &mut ImmutableString| of(text, 0, i64::MAX));
    let of = Rc::clone(&chars);
    engine.register_fn("chars", move |text: &str, start: i64| of(text, start, i64::MAX));
    let of = Rc::clone(&chars);
    engine.register_fn("chars", move |text: &str, start: i64, length: i64| of(text, start, length));
    let of = Rc::clone(&chars);
    engine.register_fn("chars", move |text: &str, range: Range| {
        let start = range.start.max(0);
        of(text, start, range.end.saturating_sub(start))
    });
    engine.register_fn("chars", move |text: &str, range: RangeInclusive| {
        let start = (*range.start()).max(0);
        chars(text, start, range.end().saturating_sub(start).saturating_add(1))
    });
}

/// Rhai copies what is looked for once for every item.
fn searching(engine: &mut Engine, meter: &Rc<Meter>) {
    let of = Rc::clone(meter);
    let find = Rc::new(move |ctx: &NativeCallContext<'_>, array: &mut Array, wanted: &Dynamic, start: i64| {
        let weight = weight::of(wanted);
        let from_end =
            |length: usize| length.saturating_sub(usize::try_from(start.unsigned_abs()).unwrap_or(usize::MAX));
        let skipped = usize::try_from(start).unwrap_or_else(|_| from_end(array.len()));
        for (place, item) in array.iter_mut().enumerate().skip(skipped) {
            of.charge(weight);
            if is_equal(ctx, item, wanted.clone())? {
                return Ok(Some(place));
            }
        }
        Ok::<_, Box<EvalAltResult>>(None)
    });
    let index = |place: Option<usize>| place.and_then(|place| i64::try_from(place).ok()).unwrap_or(-1);
    let shared = Rc::clone(&find);
    engine.register_fn("contains", move |ctx: NativeCallContext<'_>, array: &mut Array, wanted: Dynamic| {
        shared(&ctx, array, &wanted, 0).map(|place| place.is_some())
    });
    let shared = Rc::clone(&find);
    engine.register_fn("index_of", move |ctx: NativeCallContext<'_>, array: &mut Array, wanted: Dynamic| {
        shared(&ctx, array, &wanted, 0).map(index)
    });
    let shared = Rc::clone(&find);
    engine.register_fn(
        "index_of",
        move |ctx: NativeCallContext<'_>, array: &mut Array, wanted: Dynamic, start: i64| {
            shared(&ctx, array, &wanted, start).map(index)
        },
    );
    // A text is looked for like anything else: rhai takes it for the name of a function first.
    let shared = Rc::clone(&find);
    engine.register_fn("index_of", move |ctx: NativeCallContext<'_>, array: &mut Array, wanted: ImmutableString| {
        shared(&ctx, array, &wanted.into(), 0).map(index)
    });
    engine.register_fn(
        "index_of",
        move |ctx: NativeCallContext<'_>, array: &mut Array, wanted: ImmutableString, start: i64| {
            find(&ctx, array, &wanted.into(), start).map(index)
        },
    );
}

/// `==` as a script has it, between values of any types.
fn is_equal(ctx: &NativeCallContext<'_>, one: &mut Dynamic, mut two: Dynamic) -> Outcome<bool> {
    let unlike = one.type_id() != two.type_id();
    match ctx.call_native_fn_raw("==", true, &mut [one, &mut two]) {
        Ok(equal) => Ok(equal.as_bool().unwrap_or(false)),
        Err(error) if unlike && matches!(*error, EvalAltResult::ErrorFunctionNotFound(..)) => Ok(false),
        Err(error) => Err(error),
    }
}
