//! Lowers what is called by name: members of the records, actions, the pure functions, and the strategy's own.

use palisade_engine::host::Hook;
use palisade_engine::registry::Kind;
use palisade_engine::view::FieldKind;
use rhai::{Expr, FnCallExpr, Position};

use super::code::{Arg, Binary, Comparison, Draw, IntBinary, List, Logic, Op, Reg, Site, Test, Unary};
use super::lower::{Lowered, Lowering};
use super::value::Val;
use crate::catalog::{Access, FINDERS, Takes};
use crate::pure;
use crate::records::MAX_BELOW;
use crate::types::Type;

/// A call and its arguments, and where it stands.
type Args<'a> = (&'a [Val], Position);

impl Lowering<'_> {
    pub(super) fn call(&mut self, call: &FnCallExpr, at: Position) -> Lowered<Val> {
        let name = call.name.as_str();
        let args = self.args(&call.args)?;
        if call.is_operator_call() {
            return self.operator(name, &args, at);
        }
        match self.given.draft.function(name, args.len()) {
            Some(function) => self.function(function, args, at),
            None => self.native(name, (&args, at)),
        }
    }

    /// A field of a record.
    pub(super) fn property(&mut self, on: Val, name: &str, at: Position) -> Lowered<Val> {
        let record = match on {
            Val::Params => return self.param(name, at),
            Val::Memory => {
                let cell = self.given.declarations.memory.iter().position(|(known, _)| known == name);
                return match cell {
                    Some(cell) => Ok(self.recall(cell)),
                    None => self.refuse(at, format!("`me.memory.{name}`")),
                };
            }
            Val::Unit => {
                self.bail();
                return Ok(Val::Unit);
            }
            other => other,
        };
        let access = record_of(record)
            .and_then(|record| self.given.catalog.members(record))
            .and_then(|members| members.properties.get(name))
            .map(|property| property.access);
        match (record, access, name) {
            (Val::Me, _, "params") => Ok(Val::Params),
            (Val::Me, _, "memory") => Ok(Val::Memory),
            (Val::Me, _, "rng") => Ok(Val::Rng),
            (Val::Me, _, "accounts") => Ok(Val::Int(self.build.int(i64::from(self.given.accounts)))),
            (_, Some(Access::Own(field)), _) => {
                let none = self.build.int(0);
                Ok(match record {
                    Val::Account(account) => self.own(field, (Some(account), none), false),
                    Val::Position(account, market) => self.own(field, (Some(account), market), false),
                    _ => self.own(field, (None, none), false),
                })
            }
            (Val::Thing(of, thing), Some(Access::Public(field, kind)), _) => {
                self.need_thing(thing);
                let reg = self.build.emit(Op::Public { field, kind, of, thing });
                Ok(match kind {
                    FieldKind::Number => Val::Float(reg),
                    FieldKind::Flag => Val::Flag(reg),
                    FieldKind::Handle(kind) => Val::Thing(kind, reg),
                })
            }
            _ => self.refuse(at, format!("`{name}` of {}", record.words())),
        }
    }

    /// An own field: of an account and a market, or of a thing.
    fn own(&mut self, field: usize, (account, thing): (Option<u8>, Reg), is_change: bool) -> Val {
        let none = self.build.int(0);
        let (first, second) = match account {
            Some(account) => (self.build.int(i64::from(account)), thing),
            None => (thing, none),
        };
        Val::Float(self.build.emit(Op::Own { field, first, second, is_change, mask: self.live }))
    }

    /// A method of a record, or a pure function written behind its first argument.
    pub(super) fn method(&mut self, on: Val, call: &FnCallExpr, (args, at): Args<'_>) -> Lowered<Val> {
        let name = call.name.as_str();
        // Hooks are compiled under other names.
        if self.given.draft.defines(name) && !Hook::ALL.iter().any(|hook| hook.name() == name) {
            return self.refuse(at, format!("`.{name}(…)` of the strategy's own (write `{name}(…)`)"));
        }
        let Some(record) = record_of(on) else {
            let all: Vec<Val> = std::iter::once(on).chain(args.iter().copied()).collect();
            return self.native(name, (&all, at));
        };
        let found = self.given.catalog.members(record).and_then(|members| members.methods.get(name)).cloned();
        let Some(method) = found else {
            return self.refuse(at, format!("`.{name}(…)` of {}", on.words()));
        };
        match (method.access, on) {
            (Access::Action(action), Val::Me) => self.action((action, 0), &method.takes, (args, at)),
            (Access::Action(action), Val::Account(account)) => {
                self.action((action, account), &method.takes, (args, at))
            }
            (Access::Own(field), _) => match (method.takes.first(), args) {
                (Some((_, Takes::Thing(kind))), [Val::Thing(found, thing)]) if found == kind => {
                    self.need_thing(*thing);
                    Ok(self.own(field, (None, *thing), *kind == Kind::Change))
                }
                _ => self.failing(Val::Float(Reg(0))),
            },
            (Access::Host, _) => self.host_method((on, name), call, (args, at)),
            _ => self.refuse(at, format!("`.{name}(…)`")),
        }
    }

    fn host_method(&mut self, (on, name): (Val, &str), call: &FnCallExpr, (args, at): Args<'_>) -> Lowered<Val> {
        match (on, name, args) {
            (Val::Me, "account", [Val::Int(index)]) => match self.build.known_int(*index) {
                Some(index) => match u8::try_from(index).ok().filter(|index| *index < self.given.accounts) {
                    Some(account) => Ok(Val::Account(account)),
                    None => self.failing(Val::Account(0)),
                },
                None => self.refuse(at, "an account whose number is not written out"),
            },
            (Val::Account(account), "position", [Val::Thing(Kind::Market, market)]) => {
                self.need_thing(*market);
                Ok(Val::Position(account, *market))
            }
            (Val::Account(account), "has_position", [Val::Thing(Kind::Market, market)]) => {
                self.need_thing(*market);
                let Some(size) = self.given.catalog.position_size() else {
                    return self.refuse(at, "`has_position`");
                };
                let Val::Float(size) = self.own(size, (Some(account), *market), false) else {
                    return self.refuse(at, "`has_position`");
                };
                Ok(Val::Flag(self.build.emit(Op::Test(Test::NonZero, size))))
            }
            (Val::Rng, _, _) => self.draw(name, (args, at)),
            (Val::Thing(Kind::Protocol, _), "proposal", [Val::Int(index)]) => {
                let count = self.build.emit(Op::Count(Kind::Proposal));
                self.need_place(*index, count);
                Ok(Val::Thing(Kind::Proposal, *index))
            }
            (Val::Thing(Kind::Proposal, proposal), "change", [Val::Int(index)]) => self.change((proposal, *index), at),
            (Val::Thing(Kind::Protocol, _), _, []) => self.find(name, call, at),
            _ => self.refuse(at, format!("`.{name}(…)` of {}", on.words())),
        }
    }

    /// Leaves those to the interpreter for whom there is nothing at a place among so many.
    fn need_place(&mut self, index: Reg, count: Reg) {
        let fits = self.between(index, 0, (Comparison::Less, count));
        self.need(fits);
    }

    /// Whether an integer is `low` at least and compares so with another at the upper end.
    pub(super) fn between(&mut self, number: Reg, low: i64, (below, high): (Comparison, Reg)) -> Reg {
        let low = self.build.int(low);
        let low = self.build.emit(Op::CompareInts(Comparison::GreaterOrEqual, number, low));
        let high = self.build.emit(Op::CompareInts(below, number, high));
        self.build.logic(Logic::And, low, high)
    }

    /// `proposal.change(i)`: they lie in a row.
    fn change(&mut self, (proposal, index): (Reg, Reg), at: Position) -> Lowered<Val> {
        let of = Kind::Proposal;
        let [Some(first), Some(count)] = self.given.catalog.changes_fields() else {
            return self.refuse(at, "`.change(…)`");
        };
        let [first, count] = [first, count].map(|field| {
            let number = self.build.emit(Op::Public { field, kind: FieldKind::Number, of, thing: proposal });
            // A proposal that is not in view yet has no numbers.
            let is_known = self.build.emit(Op::Test(Test::Finite, number));
            self.need(is_known);
            self.build.emit(Op::IntOf(number))
        });
        self.need_place(index, count);
        Ok(Val::Thing(Kind::Change, self.int_binary(IntBinary::Add, first, index)))
    }

    /// A thing looked up by its name, which is the same one for ever.
    fn find(&mut self, name: &str, call: &FnCallExpr, at: Position) -> Lowered<Val> {
        let kind = FINDERS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
        let (Some(kind), [Expr::StringConstant(wanted, _)]) = (kind, &*call.args) else {
            return self.refuse(at, format!("`.{name}(…)` (bind the thing as a parameter)"));
        };
        let directory = self.given.directory;
        let place = directory.and_then(|directory| directory.find(kind, wanted));
        match (directory, place.and_then(|place| i64::try_from(place).ok())) {
            (Some(_), None) => self.failing(Val::Thing(kind, Reg(0))),
            (_, place) => Ok(Val::Thing(kind, self.build.int(place.unwrap_or(0)))),
        }
    }

    /// A call that fails for all that come by: they are left to the interpreter, and what follows is void.
    fn failing(&mut self, like: Val) -> Lowered<Val> {
        self.bail();
        let reg = if matches!(like, Val::Float(_)) { self.build.float(f64::NAN) } else { self.build.int(0) };
        Ok(like.with(reg))
    }

    fn draw(&mut self, name: &str, (args, at): Args<'_>) -> Lowered<Val> {
        let draw = |this: &mut Self, draw: Draw| this.build.emit(Op::Draw { draw, mask: this.live });
        match (name, args) {
            ("uniform", []) => Ok(Val::Float(draw(self, Draw::Uniform))),
            ("normal", []) => Ok(Val::Float(draw(self, Draw::Normal))),
            ("chance", [probability]) => {
                let Some(probability) = self.float_of(*probability) else {
                    self.bail();
                    return Ok(Val::Flag(self.build.flag(false)));
                };
                let fits = self.build.emit(Op::Test(Test::Probability, probability));
                self.need(fits);
                let drawn = draw(self, Draw::Uniform);
                Ok(Val::Flag(self.build.emit(Op::Below(drawn, probability))))
            }
            ("below", [Val::Int(count)]) => {
                let (one, most) = (self.build.int(1), self.build.int(MAX_BELOW));
                let fits = self.between(*count, 1, (Comparison::LessOrEqual, most));
                self.need(fits);
                let (drawn, number) = (draw(self, Draw::Uniform), self.build.emit(Op::FloatOf(*count)));
                let scaled = self.build.emit(Op::Binary(Binary::Multiply, drawn, number));
                let place = self.build.emit(Op::IntOf(scaled));
                let last = self.int_binary(IntBinary::Subtract, *count, one);
                Ok(Val::Int(self.int_binary(IntBinary::Smaller, place, last)))
            }
            _ => self.refuse(at, format!("`me.rng.{name}`")),
        }
    }

    fn action(
        &mut self,
        (action, account): (u16, u8),
        takes: &[(&'static str, Takes)],
        (args, at): Args<'_>,
    ) -> Lowered<Val> {
        let mut given = Vec::with_capacity(args.len());
        if args.contains(&Val::Mixed) {
            return self.refuse(at, Val::Mixed.words());
        }
        for ((_, takes), value) in takes.iter().zip(args) {
            let arg = match (*takes, *value) {
                (Takes::Thing(kind), Val::Thing(found, thing)) if kind == found => {
                    self.need_thing(thing);
                    Some(Arg::Thing(kind, thing))
                }
                (Takes::Thing(_), _) => None,
                (Takes::Amount, Val::All) => Some(Arg::All),
                (Takes::Amount, Val::Fraction(share)) => Some(Arg::Fraction(share)),
                (_, value) => self.float_of(value).map(Arg::Number),
            };
            given.extend(arg);
        }
        if given.len() == takes.len() && args.len() == takes.len() {
            self.site(Site { action, account, args: given, mask: self.live });
        } else {
            self.bail();
        }
        Ok(Val::Unit)
    }

    /// A function of rhai's or the host's packages.
    fn native(&mut self, name: &str, (args, at): Args<'_>) -> Lowered<Val> {
        if let Some(mixed) = args.iter().find(|arg| **arg == Val::Mixed) {
            return self.refuse(at, mixed.words());
        }
        let value = match *args {
            [Val::List(list)] => self.of_list(name, list),
            [Val::List(values), Val::List(weights), share] if name == "weighted_quantile" => {
                self.float_of(share).map(|share| {
                    let fits = self.build.emit(Op::Test(Test::Probability, share));
                    self.need(fits);
                    Val::Float(self.build.emit(Op::Quantile { values, weights, share, mask: self.live }))
                })
            }
            [Val::Int(one)] => self.of_int(name, one),
            [Val::Int(one), Val::Int(two)] if matches!(name, "min" | "max") => {
                let op = if name == "min" { IntBinary::Smaller } else { IntBinary::Larger };
                Some(Val::Int(self.int_binary(op, one, two)))
            }
            [Val::Int(_), Val::Int(_)] if name != "pow" => None,
            [Val::Float(one)] => self.of_float(name, one),
            [one, two] => match (pure::binary(name), self.float_of(one), self.float_of(two)) {
                (Some(function), Some(one), Some(two)) => {
                    let op = match name {
                        "min" => Binary::Smaller,
                        "max" => Binary::Larger,
                        _ => Binary::Call(function),
                    };
                    Some(Val::Float(self.build.emit(Op::Binary(op, one, two))))
                }
                _ => None,
            },
            [one, low, high] if name == "clamp" => self.clamp(one, low, high),
            _ => None,
        };
        match value {
            Some(value) => Ok(value),
            None => self.refuse(at, format!("`{name}` of {}", words(args))),
        }
    }

    fn of_list(&mut self, name: &str, list: List) -> Option<Val> {
        match (name, list) {
            ("len", _) => Some(Val::Int(self.build.emit(Op::Length(list)))),
            ("is_empty", _) => {
                let (length, none) = (self.build.emit(Op::Length(list)), self.build.int(0));
                Some(Val::Flag(self.build.emit(Op::CompareInts(Comparison::Equal, length, none))))
            }
            ("sum", _) => Some(Val::Float(self.build.emit(Op::Sum(list)))),
            ("sorted", List::Given(place) | List::Sorted(place)) => Some(Val::List(List::Sorted(place))),
            _ => None,
        }
    }

    fn of_int(&mut self, name: &str, one: Reg) -> Option<Val> {
        match name {
            "to_int" => Some(Val::Int(one)),
            "abs" => {
                let none = self.build.int(0);
                let opposite = self.int_binary(IntBinary::Subtract, none, one);
                Some(Val::Int(self.int_binary(IntBinary::Larger, one, opposite)))
            }
            "sign" => {
                let (least, most) = (self.build.int(-1), self.build.int(1));
                let high = self.int_binary(IntBinary::Smaller, one, most);
                Some(Val::Int(self.int_binary(IntBinary::Larger, high, least)))
            }
            "to_float" => Some(Val::Float(self.build.emit(Op::FloatOf(one)))),
            "fraction" => Some(Val::Fraction(self.build.emit(Op::FloatOf(one)))),
            name if pure::TAKES_INT.contains(&name) => {
                let number = self.build.emit(Op::FloatOf(one));
                self.of_float(name, number)
            }
            _ => None,
        }
    }

    fn of_float(&mut self, name: &str, one: Reg) -> Option<Val> {
        let test = match name {
            "is_nan" => Some(Test::Nan),
            "is_finite" => Some(Test::Finite),
            "is_infinite" => Some(Test::Infinite),
            _ => None,
        };
        if let Some(test) = test {
            return Some(Val::Flag(self.build.emit(Op::Test(test, one))));
        }
        match name {
            "to_float" => Some(Val::Float(one)),
            "to_int" => {
                let fits = self.build.emit(Op::Test(Test::FitsInt, one));
                self.need(fits);
                Some(Val::Int(self.build.emit(Op::IntOf(one))))
            }
            "fraction" => Some(Val::Fraction(one)),
            "abs" => Some(Val::Float(self.build.emit(Op::Unary(Unary::Abs, one)))),
            "sqrt" => Some(Val::Float(self.build.emit(Op::Unary(Unary::Sqrt, one)))),
            name => {
                pure::unary(name).map(|function| Val::Float(self.build.emit(Op::Unary(Unary::Call(function), one))))
            }
        }
    }

    /// As the host has it for every mixture of types but three integers and an integer between floats and integers.
    fn clamp(&mut self, one: Val, low: Val, high: Val) -> Option<Val> {
        match (one, low, high) {
            (Val::Int(one), Val::Int(low), Val::Int(high)) => {
                let below = self.int_binary(IntBinary::Smaller, one, high);
                Some(Val::Int(self.int_binary(IntBinary::Larger, below, low)))
            }
            (Val::Int(_), Val::Float(_), Val::Float(_)) | (Val::Float(_), ..) => {
                let (one, low, high) = (self.float_of(one)?, self.float_of(low)?, self.float_of(high)?);
                let below = self.build.emit(Op::Binary(Binary::Smaller, one, high));
                Some(Val::Float(self.build.emit(Op::Binary(Binary::Larger, low, below))))
            }
            _ => None,
        }
    }
}

/// The record of the view that a value is.
const fn record_of(value: Val) -> Option<Type> {
    match value {
        Val::Me => Some(Type::Me),
        Val::Rng => Some(Type::Rng),
        Val::Account(_) => Some(Type::Account),
        Val::Position(..) => Some(Type::Position),
        Val::Thing(kind, _) => Some(Type::Thing(kind)),
        Val::Params => Some(Type::Params),
        Val::Memory => Some(Type::Memory),
        _ => None,
    }
}

fn words(args: &[Val]) -> String {
    args.iter().map(|arg| arg.words()).collect::<Vec<_>>().join(" and ")
}
