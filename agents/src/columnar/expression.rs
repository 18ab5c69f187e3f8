//! Lowers expressions: operators by the types of their operands, and chains of members.

use rhai::{ASTFlags, ASTNode, Expr, FnCallExpr, ImmutableString, Position, Stmt};

use super::code::{Binary, Comparison, IntBinary, Logic, Op, Reg, Unary};
use super::lower::{Lowered, Lowering};
use super::value::Val;

/// One part of a chain: `.name`, or `.name(args)` with its arguments lowered already.
enum Link<'e> {
    Property(&'e ImmutableString, Position),
    Method(&'e FnCallExpr, Vec<Val>, Position),
    Index(Val, Position),
}

impl Lowering<'_> {
    pub(super) fn expression(&mut self, expression: &Expr) -> Lowered<Val> {
        let at = expression.start_position();
        self.count(at)?;
        match expression {
            Expr::BoolConstant(flag, _) => Ok(Val::Flag(self.build.flag(*flag))),
            Expr::IntegerConstant(number, _) => Ok(Val::Int(self.build.int(*number))),
            Expr::FloatConstant(number, _) => Ok(Val::Float(self.build.float(**number))),
            Expr::Unit(_) => Ok(Val::Unit),
            Expr::Variable(variable, ..) => self.variable(&variable.1, at),
            Expr::Stmt(block) => self.block(block.statements(), false),
            Expr::FnCall(call, at) => self.call(call, *at),
            Expr::Dot(..) | Expr::Index(..) => self.chain(expression),
            Expr::And(terms, _) => self.terms(terms, Logic::And),
            Expr::Or(terms, _) => self.terms(terms, Logic::Or),
            Expr::StringConstant(..) | Expr::CharConstant(..) | Expr::InterpolatedString(..) => {
                self.refuse(at, "a text")
            }
            Expr::Array(..) => self.refuse(at, "an array"),
            Expr::Map(..) => self.refuse(at, "a map"),
            Expr::Coalesce(..) => self.refuse(at, "`??`"),
            _ => self.refuse(at, "a closure"),
        }
    }

    /// A flag; agents for which it is none are left to the interpreter.
    pub(super) fn condition(&mut self, expression: &Expr) -> Lowered<Reg> {
        match self.expression(expression)? {
            Val::Flag(flag) => Ok(flag),
            Val::Mixed => self.refuse(expression.start_position(), Val::Mixed.words()),
            _ => {
                self.bail();
                Ok(self.build.flag(false))
            }
        }
    }

    /// `a && b && c`: each only where those before it leave the matter open.
    fn terms(&mut self, terms: &[Expr], op: Logic) -> Lowered<Val> {
        let mut so_far = self.build.flag(op == Logic::And);
        for term in terms {
            let open = if op == Logic::And { Logic::And } else { Logic::AndNot };
            let live = self.build.logic(open, self.live, so_far);
            if self.build.known_flag(live) == Some(false) {
                break;
            }
            let flag = self.condition_for(live, term)?;
            so_far = self.build.logic(op, so_far, flag);
        }
        Ok(Val::Flag(so_far))
    }

    /// The arguments of a call, in order.
    pub(super) fn args(&mut self, args: &[Expr]) -> Lowered<Vec<Val>> {
        if let Some(arg) = args.iter().find(|arg| assigns(arg)) {
            return self.refuse(arg.start_position(), "an assignment within an argument");
        }
        let mut values = Vec::with_capacity(args.len());
        for arg in args {
            let live = self.live;
            values.push(self.expression(arg)?);
            if self.live != live {
                return self.refuse(arg.start_position(), "a return within an argument");
            }
        }
        Ok(values)
    }

    /// `root.a.b(c).d`: all arguments are evaluated before the first member is read, as in rhai.
    fn chain(&mut self, expression: &Expr) -> Lowered<Val> {
        let (root, links) = self.links(expression)?;
        self.follow(root, links)
    }

    fn follow(&mut self, root: &Expr, links: Vec<Link<'_>>) -> Lowered<Val> {
        let mut value = self.expression(root)?;
        for link in links {
            value = match link {
                Link::Property(name, at) => self.property(value, name, at)?,
                Link::Method(call, args, at) => self.method(value, call, (&args, at))?,
                Link::Index(index, at) => match (value, index) {
                    (Val::List(list), Val::Int(index)) => {
                        Val::Float(self.build.emit(Op::At { list, index, mask: self.live }))
                    }
                    _ => return self.refuse(at, format!("an index of {}", value.words())),
                },
            };
        }
        Ok(value)
    }

    fn links<'e>(&mut self, expression: &'e Expr) -> Lowered<(&'e Expr, Vec<Link<'e>>)> {
        let (Expr::Dot(chain, flags, at) | Expr::Index(chain, flags, at)) = expression else {
            return self.refuse(expression.position(), "this expression");
        };
        let (root, mut rest, mut flags, mut at) = (&chain.lhs, &chain.rhs, *flags, *at);
        let mut is_dot = matches!(expression, Expr::Dot(..));
        let mut links = Vec::new();
        loop {
            if flags.contains(ASTFlags::NEGATED) {
                return self.refuse(at, "`?.`");
            }
            let next = match rest {
                Expr::Dot(next, ..) | Expr::Index(next, ..) if !flags.contains(ASTFlags::BREAK) => Some(next),
                _ => None,
            };
            let part = next.map_or(rest, |next| &next.lhs);
            self.count(at)?;
            links.push(match part {
                Expr::Property(property, at) if is_dot => Link::Property(&property.2, *at),
                Expr::MethodCall(call, at) if is_dot => {
                    // A name is looked up, not computed.
                    let is_text = |arg: &Expr| matches!(arg, Expr::StringConstant(..));
                    let args = if call.args.iter().any(is_text) { Vec::new() } else { self.args(&call.args)? };
                    Link::Method(call, args, *at)
                }
                index if !is_dot => {
                    let index = self.args(std::slice::from_ref(index))?;
                    Link::Index(index[0], at)
                }
                other => return self.refuse(other.position(), "this member"),
            });
            let Some(next) = next else { return Ok((root, links)) };
            match rest {
                Expr::Dot(_, next_flags, next_at) => (is_dot, flags, at) = (true, *next_flags, *next_at),
                Expr::Index(_, next_flags, next_at) => (is_dot, flags, at) = (false, *next_flags, *next_at),
                _ => {}
            }
            rest = &next.rhs;
        }
    }

    /// The cell of the memory that is assigned to.
    pub(super) fn cell(&mut self, target: &Expr) -> Lowered<(usize, Position)> {
        let (root, mut links) = self.links(target)?;
        let Some(Link::Property(name, at)) = links.pop() else {
            return self.refuse(target.position(), "this assignment");
        };
        let value = self.follow(root, links)?;
        let cell = self.given.declarations.memory.iter().position(|(known, _)| known == name);
        match cell.filter(|_| value == Val::Memory) {
            Some(cell) => Ok((cell, at)),
            None => self.refuse(at, format!("an assignment to `{name}`")),
        }
    }

    /// An operator, as rhai has it for values of these types.
    pub(super) fn operator(&mut self, name: &str, args: &[Val], at: Position) -> Lowered<Val> {
        if let Some(mixed) = args.iter().find(|arg| **arg == Val::Mixed) {
            return self.refuse(at, mixed.words());
        }
        match *args {
            [one] => self.prefix(name, one, at),
            [one, two] => match COMPARISONS.iter().find(|(known, _)| *known == name) {
                Some((_, comparison)) => self.comparison(*comparison, (one, two), at),
                None => self.arithmetic(name, (one, two), at),
            },
            _ => self.refuse(at, format!("`{name}`")),
        }
    }

    fn prefix(&mut self, name: &str, one: Val, at: Position) -> Lowered<Val> {
        Ok(match (name, one) {
            ("!", Val::Flag(reg)) => Val::Flag(self.build.not(reg)),
            ("-", Val::Float(reg)) => Val::Float(self.build.emit(Op::Unary(Unary::Negate, reg))),
            ("-", Val::Int(reg)) => {
                let none = self.build.int(0);
                Val::Int(self.int_binary(IntBinary::Subtract, none, reg))
            }
            ("+", Val::Float(_) | Val::Int(_)) => one,
            _ => return self.refuse(at, format!("`{name}` of {}", one.words())),
        })
    }

    fn comparison(&mut self, op: Comparison, (one, two): (Val, Val), at: Position) -> Lowered<Val> {
        let is_equality = matches!(op, Comparison::Equal | Comparison::NotEqual);
        let equal = match (one, two) {
            (Val::Int(one), Val::Int(two)) => return Ok(Val::Flag(self.build.emit(Op::CompareInts(op, one, two)))),
            (Val::Float(_) | Val::Int(_), Val::Float(_) | Val::Int(_)) => {
                let (Some(one), Some(two)) = (self.float_of(one), self.float_of(two)) else {
                    return self.refuse(at, "this comparison");
                };
                return Ok(Val::Flag(self.build.emit(Op::Compare(op, one, two))));
            }
            (Val::Flag(one), Val::Flag(two)) if is_equality => {
                let differ = self.build.logic(Logic::Xor, one, two);
                self.build.not(differ)
            }
            (Val::Thing(first, one), Val::Thing(second, two)) if is_equality && first == second => {
                self.build.emit(Op::CompareInts(Comparison::Equal, one, two))
            }
            (Val::Thing(_, thing), Val::Unit) | (Val::Unit, Val::Thing(_, thing)) if is_equality => self.is_none(thing),
            _ => {
                return self.refuse(at, format!("a comparison of {} with {}", one.words(), two.words()));
            }
        };
        Ok(Val::Flag(if op == Comparison::Equal { equal } else { self.build.not(equal) }))
    }

    pub(super) fn is_none(&mut self, thing: Reg) -> Reg {
        let none = self.build.int(-1);
        self.build.emit(Op::CompareInts(Comparison::Equal, thing, none))
    }

    fn arithmetic(&mut self, name: &str, (one, two): (Val, Val), at: Position) -> Lowered<Val> {
        match (one, two) {
            (Val::Int(one), Val::Int(two)) => {
                let op = match name {
                    "+" => IntBinary::Add,
                    "-" => IntBinary::Subtract,
                    "*" => IntBinary::Multiply,
                    "/" => IntBinary::Divide,
                    "%" => IntBinary::Remainder,
                    "&" => IntBinary::And,
                    "|" => IntBinary::Or,
                    "^" => IntBinary::Xor,
                    _ => return self.refuse(at, format!("`{name}`")),
                };
                Ok(Val::Int(self.int_binary(op, one, two)))
            }
            (Val::Flag(one), Val::Flag(two)) => {
                let op = match name {
                    "&" => Logic::And,
                    "|" => Logic::Or,
                    "^" => Logic::Xor,
                    _ => return self.refuse(at, format!("`{name}` of flags")),
                };
                Ok(Val::Flag(self.build.logic(op, one, two)))
            }
            _ => {
                let op = match name {
                    "+" => Binary::Add,
                    "-" => Binary::Subtract,
                    "*" => Binary::Multiply,
                    "/" => Binary::Divide,
                    "%" => Binary::Remainder,
                    _ => return self.refuse(at, format!("`{name}`")),
                };
                match (self.float_of(one), self.float_of(two)) {
                    (Some(one), Some(two)) => Ok(Val::Float(self.build.emit(Op::Binary(op, one, two)))),
                    _ => self.refuse(at, format!("`{name}` of {} and {}", one.words(), two.words())),
                }
            }
        }
    }

    /// Leaves those to the interpreter for whom there is no such thing, where that can be.
    pub(super) fn need_thing(&mut self, thing: Reg) {
        if self.may_be_none(thing) {
            let is_none = self.is_none(thing);
            let is_there = self.build.not(is_none);
            self.need(is_there);
        }
    }

    fn may_be_none(&self, thing: Reg) -> bool {
        match self.build.op(thing) {
            Op::Int(place) => place < 0,
            Op::ThingParam(_) | Op::Subject => false,
            Op::Select(_, one, two) => self.may_be_none(one) || self.may_be_none(two),
            _ => true,
        }
    }
}

const COMPARISONS: [(&str, Comparison); 6] = [
    ("<", Comparison::Less),
    ("<=", Comparison::LessOrEqual),
    (">", Comparison::Greater),
    (">=", Comparison::GreaterOrEqual),
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
];

/// Whether something is assigned within an expression.
fn assigns(expression: &Expr) -> bool {
    let mut found = false;
    expression.walk(&mut Vec::new(), &mut |path| {
        found |= matches!(path.last(), Some(ASTNode::Stmt(Stmt::Assignment(_))));
        !found
    });
    found
}
