//! The records that scripts see, as small values, and their members in the engine. Which members there are comes from the
//! catalog alone, so that a mechanism's new field or action needs nothing here.

use std::ops::Range;
use std::rc::Rc;

use palisade_engine::action::{MAX_ARGS, Value};
use palisade_engine::registry::{Handle, Kind};
use palisade_engine::view::FieldKind;
use rhai::{Dynamic, Engine, ImmutableString};

use crate::catalog::{Access, FINDERS, Takes};
use crate::context::{Context, Names};
use crate::portion::Portion;
use crate::problem::did_you_mean;
use crate::pure::{float, number};
use crate::sandbox::Outcome;
use crate::types::{Type, kind_noun, thing_words};

/// The agent that is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Me;

/// One of its margin accounts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account(pub(crate) u8);

/// One of its positions, open or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    account: u8,
    market: u32,
}

/// The draws of the agent that is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rng;

/// Up to here every integer has the same chance of being drawn, as far as 53 bits can tell.
pub(crate) const MAX_BELOW: i64 = 1 << 32;

/// A thing of the world: its handle, and through it its public record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Thing(pub(crate) Handle);

/// Registers every record with its members.
pub(crate) fn register(engine: &mut Engine, context: &Rc<Context>) {
    engine.register_type_with_name::<Me>("me");
    engine.register_type_with_name::<Account>("account");
    engine.register_type_with_name::<Position>("position");
    engine.register_type_with_name::<Rng>("rng");
    engine.register_type_with_name::<Thing>("thing");
    engine.register_fn("==", |one: Thing, two: Thing| one == two);
    engine.register_fn("!=", |one: Thing, two: Thing| one != two);
    public_fields(engine, context);
    own_fields(engine, context);
    actions(engine, context);
    host_members(engine, context);
    unknown_members(engine, context);
}

type Table = [Option<(usize, FieldKind)>; Kind::ALL.len()];

fn public_fields(engine: &mut Engine, context: &Rc<Context>) {
    let mut tables: std::collections::BTreeMap<&'static str, Table> = std::collections::BTreeMap::new();
    for (record, members) in context.catalog.records() {
        let Type::Thing(kind) = record else { continue };
        for (name, property) in &members.properties {
            if let Access::Public(field, field_kind) = property.access {
                tables.entry(name).or_default()[kind as usize] = Some((field, field_kind));
            }
        }
    }
    for (name, table) in tables {
        let shared = Rc::clone(context);
        engine.register_get(name, move |thing: &mut Thing| -> Outcome<Dynamic> {
            match table[thing.0.kind as usize] {
                Some((field, kind)) => shared.public(thing.0, field, kind),
                None => shared.no_member(Type::Thing(thing.0.kind), name),
            }
        });
    }
}

fn own_fields(engine: &mut Engine, context: &Rc<Context>) {
    let records = [Type::Me, Type::Account, Type::Position];
    for (record, members) in context.catalog.records().filter(|(record, _)| records.contains(record)) {
        for (name, property) in &members.properties {
            let Access::Own(field) = property.access else { continue };
            let shared = Rc::clone(context);
            match record {
                Type::Me => engine.register_get(*name, move |_: &mut Me| shared.own(field, 0, 0)),
                Type::Account => engine
                    .register_get(*name, move |account: &mut Account| shared.own(field, usize::from(account.0), 0)),
                _ => engine.register_get(*name, move |position: &mut Position| {
                    shared.own(field, usize::from(position.account), position.market as usize)
                }),
            };
        }
        for (name, method) in &members.methods {
            let (Access::Own(field), Some((_, Takes::Thing(kind)))) = (method.access, method.takes.first()) else {
                continue;
            };
            let (shared, kind, name) = (Rc::clone(context), *kind, *name);
            engine.register_fn(name, move |_: &mut Me, thing: Dynamic| -> Outcome<f64> {
                let thing = expect_thing(name, kind, &thing)?;
                if kind == Kind::Change {
                    return shared.own_of_change((name, field), thing);
                }
                shared.own(field, thing.index as usize, 0)
            });
        }
    }
}

fn expect_thing(method: &str, kind: Kind, value: &Dynamic) -> Outcome<Handle> {
    match value.read_lock::<Thing>() {
        Some(thing) if thing.0.kind == kind => Ok(thing.0),
        _ => Err(format!("`{method}` takes {}, not {}", thing_words(kind), words_of(value)).into()),
    }
}

/// A value in words, for messages.
fn words_of(value: &Dynamic) -> String {
    match value.read_lock::<Thing>() {
        Some(thing) => thing_words(thing.0.kind).to_owned(),
        None if value.is_unit() => "() (there is none)".to_owned(),
        None => value.type_name().to_owned(),
    }
}

fn actions(engine: &mut Engine, context: &Rc<Context>) {
    for (record, members) in context.catalog.records() {
        for (name, method) in &members.methods {
            let Access::Action(action) = method.access else { continue };
            let spec = Rc::new(Action { name, action, takes: method.takes.clone() });
            match record {
                Type::Account => receiver::<Account>(engine, context, &spec, |account| account.0),
                _ => receiver::<Me>(engine, context, &spec, |_| 0),
            }
        }
    }
}

struct Action {
    name: &'static str,
    action: u16,
    takes: Vec<(&'static str, Takes)>,
}

impl Action {
    fn ask(&self, context: &Context, account: u8, values: &[&Dynamic]) -> Outcome<()> {
        let mut args = [None; MAX_ARGS];
        for ((slot, (arg, takes)), value) in args.iter_mut().zip(&self.takes).zip(values) {
            *slot =
                Some(convert(*takes, value).ok_or_else(|| {
                    format!("`{arg}` of `{}` is {}, not {}", self.name, takes.words(), words_of(value))
                })?);
        }
        context.act(account, self.action, args)
    }
}

fn convert(takes: Takes, value: &Dynamic) -> Option<Value> {
    if let Takes::Thing(kind) = takes {
        return value.read_lock::<Thing>().filter(|thing| thing.0.kind == kind).map(|thing| Value::Handle(thing.0));
    }
    let number = number(value).map(Value::Number);
    let portion = || value.read_lock::<Portion>().filter(|_| takes == Takes::Amount).map(|portion| (*portion).into());
    number.or_else(portion)
}

/// Registers an action under the number of arguments it takes.
fn receiver<R: Clone + 'static>(engine: &mut Engine, context: &Rc<Context>, spec: &Rc<Action>, account: fn(&R) -> u8) {
    let (context, spec, name) = (Rc::clone(context), Rc::clone(spec), spec.name);
    match spec.takes.len() {
        0 => engine.register_fn(name, move |on: &mut R| spec.ask(&context, account(on), &[])),
        1 => engine.register_fn(name, move |on: &mut R, a: Dynamic| spec.ask(&context, account(on), &[&a])),
        2 => engine
            .register_fn(name, move |on: &mut R, a: Dynamic, b: Dynamic| spec.ask(&context, account(on), &[&a, &b])),
        3 => engine.register_fn(name, move |on: &mut R, a: Dynamic, b: Dynamic, c: Dynamic| {
            spec.ask(&context, account(on), &[&a, &b, &c])
        }),
        _ => engine.register_fn(name, move |on: &mut R, a: Dynamic, b: Dynamic, c: Dynamic, d: Dynamic| {
            spec.ask(&context, account(on), &[&a, &b, &c, &d])
        }),
    };
}

fn host_members(engine: &mut Engine, context: &Rc<Context>) {
    let accounts = context.accounts;
    engine.register_get("accounts", move |_: &mut Me| i64::from(accounts));
    engine.register_fn("account", move |_: &mut Me, index: i64| -> Outcome<Account> {
        let found = u8::try_from(index).ok().filter(|index| *index < accounts).map(Account);
        found.ok_or_else(|| format!("there is no account({index}): the agent has {accounts}, counted from 0").into())
    });
    draws(engine, context);
    engine.register_fn("position", |account: &mut Account, market: Dynamic| -> Outcome<Position> {
        let market = expect_thing("position", Kind::Market, &market)?;
        Ok(Position { account: account.0, market: market.index })
    });
    if let Some(size) = context.catalog.position_size() {
        let shared = Rc::clone(context);
        engine.register_fn("has_position", move |account: &mut Account, market: Dynamic| -> Outcome<bool> {
            let market = expect_thing("has_position", Kind::Market, &market)?;
            Ok(shared.own(size, usize::from(account.0), market.index as usize)? != 0.0)
        });
    }
    let shared = Rc::clone(context);
    engine.register_get("name", move |thing: &mut Thing| -> ImmutableString {
        shared.names.borrow().all(thing.0.kind).get(thing.0.index as usize).cloned().unwrap_or_default()
    });
    finders(engine, context);
    counted(engine, context);
}

/// What `me.rng` draws, each from the agent's own stream of this hook and step.
fn draws(engine: &mut Engine, context: &Rc<Context>) {
    engine.register_get("rng", |_: &mut Me| Rng);
    let shared = Rc::clone(context);
    engine.register_fn("uniform", move |_: &mut Rng| shared.uniform());
    let shared = Rc::clone(context);
    engine.register_fn("normal", move |_: &mut Rng| shared.normal());
    let shared = Rc::clone(context);
    engine.register_fn("chance", move |_: &mut Rng, probability: Dynamic| -> Outcome<bool> {
        let probability = number(&probability).filter(|probability| (0.0..=1.0).contains(probability));
        let probability = probability.ok_or("`chance` takes a probability in 0…1")?;
        Ok(shared.uniform() < probability)
    });
    let shared = Rc::clone(context);
    engine.register_fn("below", move |_: &mut Rng, count: i64| -> Outcome<i64> {
        if !(1..=MAX_BELOW).contains(&count) {
            return Err(format!("`below` takes an integer from 1 to {MAX_BELOW}, not {count}").into());
        }
        #[allow(clippy::cast_possible_truncation)]
        let place = (shared.uniform() * float(count)) as i64;
        Ok(place.min(count - 1))
    });
}

fn finders(engine: &mut Engine, context: &Rc<Context>) {
    let named = FINDERS.iter().map(|(_, kind)| *kind).chain([Kind::Proposal]).collect();
    let mut finder = |name: &'static str, kinds: Vec<Kind>| {
        let shared = Rc::clone(context);
        engine.register_fn(name, move |on: &mut Thing, wanted: &str| -> Outcome<Thing> {
            expect_receiver(*on, Kind::Protocol, name)?;
            find(&shared.names.borrow(), &kinds, wanted)
        });
    };
    for (name, kind) in FINDERS {
        finder(name, vec![kind]);
    }
    finder("find", named);
}

/// All things share one type in rhai: each method looks itself whether it belongs to the receiver.
fn expect_receiver(on: Thing, kind: Kind, name: &str) -> Outcome<()> {
    if on.0.kind == kind {
        return Ok(());
    }
    Err(format!("{} has no method `{name}`", thing_words(on.0.kind)).into())
}

/// `world.proposal(i)` and `proposal.change(i)`.
fn counted(engine: &mut Engine, context: &Rc<Context>) {
    let shared = Rc::clone(context);
    engine.register_fn("proposal", move |on: &mut Thing, index: i64| -> Outcome<Thing> {
        expect_receiver(*on, Kind::Protocol, "proposal")?;
        let count = u32::try_from(shared.count(Kind::Proposal)).unwrap_or(u32::MAX);
        nth((on.0, Kind::Proposal), 0..count, index)
    });
    let shared = Rc::clone(context);
    engine.register_fn("change", move |on: &mut Thing, index: i64| -> Outcome<Thing> {
        expect_receiver(*on, Kind::Proposal, "change")?;
        nth((on.0, Kind::Change), shared.changes(on.0)?, index)
    });
}

/// One of the things `among` that are the owner's.
fn nth((owner, kind): (Handle, Kind), among: Range<u32>, index: i64) -> Outcome<Thing> {
    let count = among.len();
    let found = usize::try_from(index).ok().and_then(|index| among.into_iter().nth(index));
    found.map(|index| Thing(Handle { kind, index })).ok_or_else(|| {
        let (what, owner) = (kind_noun(kind), kind_noun(owner.kind));
        format!("there is no {what}({index}): the {owner} has {count}, counted from 0").into()
    })
}

fn find(names: &Names, kinds: &[Kind], wanted: &str) -> Outcome<Thing> {
    for kind in kinds {
        if let Some(index) = names.all(*kind).iter().position(|name| name == wanted) {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            return Ok(Thing(Handle { kind: *kind, index }));
        }
    }
    let known = kinds.iter().flat_map(|kind| names.all(*kind)).map(ImmutableString::as_str);
    let hint = did_you_mean(wanted, known).map(|hint| format!(" ({hint})")).unwrap_or_default();
    let what = if let [kind] = kinds { kind_noun(*kind) } else { "thing" };
    Err(format!("there is no {what} called `{wanted}`{hint}").into())
}

/// Where rhai finds no getter it tries the indexer: the place to name the nearest field.
fn unknown_members(engine: &mut Engine, context: &Rc<Context>) {
    let shared = Rc::clone(context);
    engine.register_indexer_get(move |thing: &mut Thing, name: &str| -> Outcome<Dynamic> {
        shared.no_member(Type::Thing(thing.0.kind), name)
    });
    let shared = Rc::clone(context);
    engine.register_indexer_get(move |_: &mut Me, name: &str| -> Outcome<Dynamic> { shared.no_member(Type::Me, name) });
    let shared = Rc::clone(context);
    engine.register_indexer_get(move |_: &mut Account, name: &str| -> Outcome<Dynamic> {
        shared.no_member(Type::Account, name)
    });
    let shared = Rc::clone(context);
    engine.register_indexer_get(move |_: &mut Position, name: &str| -> Outcome<Dynamic> {
        shared.no_member(Type::Position, name)
    });
    let shared = Rc::clone(context);
    engine
        .register_indexer_get(move |_: &mut Rng, name: &str| -> Outcome<Dynamic> { shared.no_member(Type::Rng, name) });
}
