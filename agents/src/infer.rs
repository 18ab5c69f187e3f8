//! One type inference over the syntax tree: what it is certain of becomes a finding, what it cannot know stays silent.
//! On the way it notes which fields a hook can read, so that only those are gathered and frozen.

use std::collections::{BTreeMap, BTreeSet};

use palisade_engine::host::Hook;
use rhai::{ASTFlags, Expr, FnCallExpr, FnPtr, ImmutableString, Position};

use crate::catalog::{Access, Catalog};
use crate::constants;
use crate::draft::{self, Draft};
use crate::natives;
use crate::problem::did_you_mean;
use crate::pure;
use crate::types::Type;

/// What `params()` and `memory()` declare; `None` when that cannot be told from the text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layout {
    pub(crate) params: Option<BTreeMap<String, Type>>,
    pub(crate) memory: Option<BTreeMap<String, Type>>,
}

/// Something that is certainly wrong.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Finding {
    pub(crate) source: usize,
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// One function under inference, for one choice of argument types.
pub(crate) struct Frame {
    pub(crate) source: usize,
    pub(crate) is_closure: bool,
    pub(crate) variables: Vec<(ImmutableString, Type)>,
    pub(crate) returns: Type,
}

impl Frame {
    pub(crate) fn variable(&mut self, name: &str) -> Option<&mut Type> {
        self.variables.iter_mut().rev().find(|(known, _)| known == name).map(|(_, ty)| ty)
    }
}

/// Steps of inference after which it gives up, stays silent, and lets every field be gathered.
const MAX_WORK: u32 = 300_000;

/// Findings after which there is no point in more.
const MAX_FINDINGS: usize = 200;

/// The inference under way, from one root function.
pub(crate) struct Inference<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) draft: &'a Draft,
    pub(crate) layout: &'a Layout,
    /// Whether the root is `params()`, where parameters are declared.
    pub(crate) declares: bool,
    pub(crate) findings: BTreeSet<Finding>,
    /// Own fields read.
    pub(crate) reads: BTreeSet<usize>,
    /// Public fields read.
    pub(crate) public: BTreeSet<usize>,
    pub(crate) reached: BTreeSet<usize>,
    pub(crate) gave_up: bool,
    known: BTreeMap<(usize, Vec<Type>), Option<Type>>,
    /// Steps so far, those of inferences before it included.
    pub(crate) work: u32,
}

impl<'a> Inference<'a> {
    pub(crate) fn new(catalog: &'a Catalog, draft: &'a Draft, layout: &'a Layout) -> Self {
        Self {
            catalog,
            draft,
            layout,
            declares: false,
            findings: BTreeSet::new(),
            reads: BTreeSet::new(),
            public: BTreeSet::new(),
            reached: BTreeSet::new(),
            gave_up: false,
            known: BTreeMap::new(),
            work: 0,
        }
    }

    pub(crate) fn find(&mut self, frame: &Frame, at: Position, message: impl Into<String>, hint: Option<String>) {
        self.findings.insert(Finding {
            source: frame.source,
            line: at.line().unwrap_or(0),
            column: at.position().unwrap_or(0),
            message: message.into(),
            hint,
        });
    }

    /// The result of a script function for arguments of the given types.
    pub(crate) fn call(&mut self, function: usize, args: Vec<Type>) -> Type {
        self.reached.insert(function);
        let key = (function, args);
        if let Some(known) = self.known.get(&key) {
            return known.unwrap_or(Type::Unknown);
        }
        self.known.insert(key.clone(), None);
        let callee = &self.draft.functions[function];
        let variables = callee.def.params.iter().cloned().zip(key.1.iter().copied()).collect();
        let mut frame =
            Frame { source: callee.source, is_closure: callee.is_anonymous(), variables, returns: Type::Never };
        let value = self.block(&mut frame, &callee.body);
        let result = value.join(frame.returns);
        self.known.insert(key, Some(result));
        result
    }

    /// The type of an expression.
    pub(crate) fn infer(&mut self, frame: &mut Frame, expression: &Expr) -> Type {
        self.work += 1;
        if self.work > MAX_WORK || self.findings.len() > MAX_FINDINGS {
            self.gave_up = true;
            return Type::Unknown;
        }
        match expression {
            Expr::BoolConstant(..) => Type::Flag,
            Expr::IntegerConstant(..) => Type::Int,
            Expr::FloatConstant(..) => Type::Float,
            Expr::CharConstant(..) | Expr::StringConstant(..) => Type::Text,
            Expr::Unit(..) => Type::Unit,
            Expr::DynamicConstant(value, _) => self.constant(value),
            Expr::InterpolatedString(parts, _) => self.all(frame, parts.iter(), Type::Text),
            Expr::Array(items, _) => self.all(frame, items.iter(), Type::Array),
            Expr::Map(map, _) => self.all(frame, map.0.iter().map(|(_, value)| value), Type::Map),
            Expr::Variable(variable, _, at) => self.variable(frame, &variable.1, *at),
            Expr::Stmt(block) => self.block(frame, block.statements()),
            Expr::FnCall(call, at) => self.function(frame, call, *at),
            Expr::Dot(chain, flags, _) => {
                let receiver = self.infer(frame, &chain.lhs);
                self.chain(frame, receiver, (&chain.rhs, *flags, true), None)
            }
            Expr::Index(chain, flags, _) => {
                let receiver = self.infer(frame, &chain.lhs);
                self.chain(frame, receiver, (&chain.rhs, *flags, false), None)
            }
            Expr::And(terms, _) | Expr::Or(terms, _) => {
                for term in terms.iter() {
                    self.condition(frame, term);
                }
                Type::Flag
            }
            Expr::Coalesce(terms, _) => self.all(frame, terms.iter(), Type::Unknown),
            _ => Type::Unknown,
        }
    }

    fn all<'e>(&mut self, frame: &mut Frame, parts: impl Iterator<Item = &'e Expr>, result: Type) -> Type {
        for part in parts {
            self.infer(frame, part);
        }
        result
    }

    /// A condition must be a flag.
    pub(crate) fn condition(&mut self, frame: &mut Frame, expression: &Expr) {
        let ty = self.infer(frame, expression);
        if ty != Type::Flag && !ty.is_silent() {
            let hint = ty.is_number().then(|| "compare it, as in `x > 0.0`".to_owned());
            self.find(
                frame,
                expression.start_position(),
                format!("a condition is a flag, this is {}", ty.words()),
                hint,
            );
        }
    }

    /// A constant that the parser made: of interest is only the name of an anonymous function.
    fn constant(&mut self, value: &rhai::Dynamic) -> Type {
        let name = value.read_lock::<FnPtr>().map(|pointer| pointer.fn_name().to_owned());
        if let Some(name) = name {
            self.call_anyhow(|function| function == name);
        }
        Type::Unknown
    }

    fn call_anyhow(&mut self, chosen: impl Fn(&str) -> bool) {
        for (place, function) in self.draft.functions.iter().enumerate() {
            if chosen(function.name()) {
                self.call(place, vec![Type::Unknown; function.def.params.len()]);
            }
        }
    }

    fn variable(&mut self, frame: &mut Frame, name: &str, at: Position) -> Type {
        if let Some(ty) = frame.variable(name) {
            return *ty;
        }
        if let Some(constant) = constants::find(name) {
            return constant.ty;
        }
        if let Some((_, value)) = self.draft.constants.iter().find(|(known, _)| known == name) {
            return if value.is_int() {
                Type::Int
            } else if value.is_float() {
                Type::Float
            } else if value.is_bool() {
                Type::Flag
            } else {
                Type::Text
            };
        }
        let known = frame.variables.iter().map(|(known, _)| known.as_str());
        let own = self.draft.constants.iter().map(|(known, _)| known.as_str());
        let hosts = constants::all().map(|constant| constant.name);
        let closure = || frame.is_closure.then(|| "a closure sees only its own arguments".to_owned());
        let hint = did_you_mean(name, known.chain(own).chain(hosts)).or_else(closure);
        self.find(frame, at, format!("there is no variable `{name}`"), hint);
        Type::Unknown
    }

    /// Walks `receiver.a.b(c)[d]`, which rhai nests to the right; `write` is the type assigned to the last part.
    pub(crate) fn chain(
        &mut self,
        frame: &mut Frame,
        receiver: Type,
        link: (&Expr, ASTFlags, bool),
        write: Option<Type>,
    ) -> Type {
        let (rest, flags, is_dot) = link;
        let next = match rest {
            Expr::Dot(next, next_flags, _) if !flags.contains(ASTFlags::BREAK) => Some((next, *next_flags, true)),
            Expr::Index(next, next_flags, _) if !flags.contains(ASTFlags::BREAK) => Some((next, *next_flags, false)),
            _ => None,
        };
        match next {
            Some((next, next_flags, next_is_dot)) => {
                let part = self.link(frame, receiver, &next.lhs, is_dot);
                self.chain(frame, part, (&next.rhs, next_flags, next_is_dot), write)
            }
            None => match (rest, write) {
                (Expr::Property(property, at), Some(value)) if is_dot => {
                    self.write(frame, receiver, (&property.2, *at), value);
                    Type::Unit
                }
                _ => self.link(frame, receiver, rest, is_dot),
            },
        }
    }

    fn link(&mut self, frame: &mut Frame, receiver: Type, part: &Expr, is_dot: bool) -> Type {
        match part {
            Expr::Property(property, at) if is_dot => self.property(frame, receiver, &property.2, *at),
            Expr::MethodCall(call, at) if is_dot => {
                let args: Vec<Type> = call.args.iter().map(|arg| self.infer(frame, arg)).collect();
                self.method(frame, receiver, (call, *at), &args)
            }
            _ => {
                self.infer(frame, part);
                Type::Unknown
            }
        }
    }

    fn declared(&self, record: Type) -> Option<Option<&'a BTreeMap<String, Type>>> {
        let layout = self.layout;
        match record {
            Type::Params => Some(layout.params.as_ref()),
            Type::Memory => Some(layout.memory.as_ref()),
            _ => None,
        }
    }

    pub(crate) fn property(&mut self, frame: &Frame, record: Type, name: &str, at: Position) -> Type {
        if let Some(fields) = self.declared(record) {
            let Some(fields) = fields else { return Type::Unknown };
            return fields.get(name).copied().unwrap_or_else(|| {
                let hint = did_you_mean(name, fields.keys().map(String::as_str));
                self.find(frame, at, format!("{} has no field `{name}`", record.words()), hint);
                Type::Unknown
            });
        }
        if !record.is_record() {
            self.note_called(name);
            return Type::Unknown;
        }
        let Some(members) = self.catalog.members(record) else { return Type::Unknown };
        if let Some(property) = members.properties.get(name) {
            self.note(property.access);
            return property.ty;
        }
        let hint = if members.methods.contains_key(name) {
            Some(format!("`{name}` is a method: write `{name}(…)`"))
        } else {
            did_you_mean(name, members.names())
        };
        self.find(frame, at, format!("{} has no field `{name}`", record.words()), hint);
        Type::Unknown
    }

    fn note(&mut self, access: Access) {
        match access {
            Access::Own(place) => drop(self.reads.insert(place)),
            Access::Public(place, _) => drop(self.public.insert(place)),
            _ => {}
        }
    }

    /// Notes whatever a member of an unknown record may stand for.
    fn note_called(&mut self, name: &str) {
        let catalog = self.catalog;
        catalog.called(name).for_each(|access| self.note(access));
    }

    fn method(&mut self, frame: &Frame, record: Type, (call, at): (&FnCallExpr, Position), args: &[Type]) -> Type {
        let name = call.name.as_str();
        // To rhai every function of a script is a method too, of whatever it is called on, and goes before the host's own.
        let own = self.draft.function(name, args.len());
        if let Some(function) = own.filter(|_| draft::hook_of(name, args.len()).is_none()) {
            return self.call(function, args.to_vec());
        }
        if name == "has_position" {
            self.reads.extend(self.catalog.position_size());
        }
        let all: Vec<Type> = std::iter::once(record).chain(args.iter().copied()).collect();
        if !record.is_record() {
            self.note_called(name);
            return natives::returns(name, &all);
        }
        let found = self.catalog.members(record).and_then(|members| members.methods.get(name));
        let Some(method) = found else {
            if !self.draft.defines(name) && !natives::is_native(name) {
                let members = self.catalog.members(record);
                let hint = if members.is_some_and(|members| members.properties.contains_key(name)) {
                    Some(format!("`{name}` is a field: write it without parentheses"))
                } else {
                    did_you_mean(name, members.into_iter().flat_map(|members| members.names()))
                };
                self.find(frame, at, format!("{} has no method `{name}`", record.words()), hint);
            }
            return natives::returns(name, &all);
        };
        self.note(method.access);
        let signature = || {
            let names: Vec<&str> = method.takes.iter().map(|(name, _)| *name).collect();
            format!("`{name}({})`", names.join(", "))
        };
        if args.len() != method.takes.len() {
            self.find(
                frame,
                at,
                format!("{} takes {} arguments, not {}", signature(), method.takes.len(), args.len()),
                None,
            );
        } else {
            for (index, ((arg, takes), ty)) in method.takes.iter().zip(args).enumerate() {
                if !takes.admits(*ty) {
                    let place = call.args[index].start_position();
                    self.find(
                        frame,
                        place,
                        format!("`{arg}` of {} is {}, not {}", signature(), takes.words(), ty.words()),
                        None,
                    );
                }
            }
        }
        method.returns
    }

    fn function(&mut self, frame: &mut Frame, call: &FnCallExpr, at: Position) -> Type {
        let args: Vec<Type> = call.args.iter().map(|arg| self.infer(frame, arg)).collect();
        let name = call.name.as_str();
        if call.is_operator_call() {
            return self.operator(frame, name, &args, at);
        }
        if let Some(hook) = Hook::ALL.into_iter().find(|hook| hook.name() == name && self.draft.defines(name)) {
            let hint = "put what both need into a function of its own";
            self.find(frame, at, format!("only the host calls `{}`", hook.name()), Some(hint.into()));
            return Type::Unknown;
        }
        if let Some(function) = self.draft.function(name, args.len()) {
            return self.call(function, args);
        }
        if let Some((_, count)) =
            pure::FUNCTIONS.iter().chain(&pure::COLUMNS).find(|(known, count)| *known == name && *count != args.len())
        {
            self.find(frame, at, format!("`{name}` takes {count} arguments, not {}", args.len()), None);
        } else if natives::DECLARATIONS.iter().any(|(known, _)| *known == name) && !self.declares {
            let hint = "read it as `me.params.name`";
            self.find(
                frame,
                at,
                format!("`{name}` declares a parameter: it belongs into `params()`"),
                Some(hint.into()),
            );
        } else if let Some(method) = self.catalog.any_method(name) {
            // `method(record, …)` is the same call as `record.method(…)` to rhai.
            let returns = method.returns;
            self.note_called(name);
            self.reads.extend(self.catalog.position_size());
            return returns;
        } else if !natives::is_native(name) && frame.variable(name).is_none() {
            self.unknown_function(frame, name, args.len(), at);
        }
        natives::returns(name, &args)
    }

    fn unknown_function(&mut self, frame: &Frame, name: &str, count: usize, at: Position) {
        let own = self.draft.functions.iter().filter(|function| !function.is_anonymous());
        if let Some(other) = own.clone().find(|function| function.name() == name) {
            let takes = other.def.params.len();
            self.find(frame, at, format!("`{name}` takes {takes} arguments, not {count}"), None);
            return;
        }
        let hint = did_you_mean(
            name,
            own.map(|function| function.name()).chain(natives::names().map(|known| -> &str { known })),
        );
        self.find(frame, at, format!("there is no function `{name}`"), hint);
    }
}
