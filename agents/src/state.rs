//! `me.params` and `me.memory` of one cohort: what a scenario made of the parameters, and every agent's own cells.

use std::rc::Rc;

use rhai::{Dynamic, Engine};

use crate::context::{Context, no_field};
use crate::declare::Cell;
use crate::problem::did_you_mean;
use crate::pure::float;
use crate::sandbox::Outcome;
use crate::types::Type;

/// The read-only parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Params;

/// The handle of the agent's memory: what is written through it stays.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory;

impl Cell {
    /// As one word of an agent's memory.
    pub(crate) fn word(self) -> u64 {
        match self {
            Self::Int(value) => value.cast_unsigned(),
            // Which NaN it is may differ with how it was computed.
            Self::Float(value) if value.is_nan() => f64::NAN.to_bits(),
            Self::Float(value) => value.to_bits(),
            Self::Flag(value) => u64::from(value),
        }
    }

    /// The value that `word` stands for in a cell of this type.
    pub(crate) fn read(self, word: u64) -> Dynamic {
        match self {
            Self::Int(_) => Dynamic::from_int(word.cast_signed()),
            Self::Float(_) => Dynamic::from_float(f64::from_bits(word)),
            Self::Flag(_) => Dynamic::from_bool(word != 0),
        }
    }

    /// `value` as a word of a cell of this type.
    fn accept(self, name: &str, value: &Dynamic) -> Outcome<u64> {
        let word = match self {
            Self::Int(_) => value.as_int().ok().map(i64::cast_unsigned),
            Self::Float(_) => {
                value.as_float().or_else(|_| value.as_int().map(float)).ok().map(|value| Self::Float(value).word())
            }
            Self::Flag(_) => value.as_bool().ok().map(u64::from),
        };
        word.ok_or_else(|| {
            format!("`me.memory.{name}` is {} and cannot become {}", self.words(), value.type_name()).into()
        })
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Int(_) => "an integer",
            Self::Float(_) => "a number",
            Self::Flag(_) => "a flag",
        }
    }
}

/// Registers the fields of `me.params`.
pub(crate) fn register_params(engine: &mut Engine, values: Vec<(String, Dynamic)>) {
    engine.register_type_with_name::<Params>("params");
    engine.register_get("params", |_: &mut crate::records::Me| Params);
    let names: Vec<String> = values.iter().map(|(name, _)| name.clone()).collect();
    for (name, value) in values {
        engine.register_get(name, move |_: &mut Params| value.clone());
    }
    engine.register_indexer_get(move |_: &mut Params, name: &str| -> Outcome<Dynamic> {
        Err(no_field(Type::Params, name, did_you_mean(name, names.iter().map(String::as_str))))
    });
}

/// Registers the fields of `me.memory`; each has its place in the agent's words.
pub(crate) fn register_memory(engine: &mut Engine, context: &Rc<Context>, layout: &[(String, Cell)]) {
    engine.register_type_with_name::<Memory>("memory");
    engine.register_get("memory", |_: &mut crate::records::Me| Memory);
    // rhai feeds a changed temporary back to where it came from; nothing but the handle itself fits here.
    engine.register_set("memory", |_: &mut crate::records::Me, _: Memory| {});
    for (place, (name, cell)) in layout.iter().enumerate() {
        let (shared, cell) = (Rc::clone(context), *cell);
        engine.register_get(name, move |_: &mut Memory| cell.read(shared.memory.borrow()[place]));
        typed_setter(engine, context, (place, name, cell));
    }
    let fields: Rc<[(String, Cell)]> = layout.into();
    let (shared, known) = (Rc::clone(context), Rc::clone(&fields));
    engine.register_indexer_get(move |_: &mut Memory, name: &str| -> Outcome<Dynamic> {
        let (place, cell) = field(&known, name)?;
        Ok(cell.read(shared.memory.borrow()[place]))
    });
    let shared = Rc::clone(context);
    engine.register_indexer_set(move |_: &mut Memory, name: &str, value: Dynamic| -> Outcome<()> {
        let (place, word) = word(&fields, name, &value)?;
        shared.memory.borrow_mut()[place] = word;
        Ok(())
    });
}

/// The quick way for values of the right type; all others reach the indexer, which explains.
fn typed_setter(engine: &mut Engine, context: &Rc<Context>, (place, name, cell): (usize, &str, Cell)) {
    let shared = Rc::clone(context);
    match cell {
        Cell::Int(_) => engine.register_set(name, move |_: &mut Memory, value: i64| {
            shared.memory.borrow_mut()[place] = Cell::Int(value).word();
        }),
        Cell::Float(_) => engine.register_set(name, move |_: &mut Memory, value: f64| {
            shared.memory.borrow_mut()[place] = Cell::Float(value).word();
        }),
        Cell::Flag(_) => engine.register_set(name, move |_: &mut Memory, value: bool| {
            shared.memory.borrow_mut()[place] = Cell::Flag(value).word();
        }),
    };
}

/// The place of a field and the word that `value` is in it.
pub(crate) fn word(fields: &[(String, Cell)], name: &str, value: &Dynamic) -> Outcome<(usize, u64)> {
    let (place, cell) = field(fields, name)?;
    Ok((place, cell.accept(name, value)?))
}

fn field(fields: &[(String, Cell)], name: &str) -> Outcome<(usize, Cell)> {
    match fields.iter().position(|(known, _)| known == name) {
        Some(place) => Ok((place, fields[place].1)),
        None => Err(no_field(Type::Memory, name, did_you_mean(name, fields.iter().map(|(known, _)| known.as_str())))),
    }
}
