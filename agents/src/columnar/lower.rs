//! Lowers the functions of a strategy: statements, branches and loops. A branch is lowered on both sides, each for the
//! agents that take it, and what it changed is chosen by mask where the sides meet; a call is lowered where it stands.

use palisade_engine::host::Hook;
use palisade_engine::registry::{Directory, Kind};
use palisade_engine::rule::{Answers, RuleKind};
use rhai::{ASTFlags, Expr, ImmutableString, Position, Stmt};

use super::build::{Builder, MAX_OPS};
use super::code::{Answer, Bank, Code, Comparison, IntBinary, List, Logic, Op, Reg, Site, Test};
use super::tidy;
use super::value::Val;
use crate::catalog::Catalog;
use crate::check;
use crate::constants;
use crate::context::MAX_ACTIONS;
use crate::declare::{Cell, Declarations};
use crate::draft::Draft;
use crate::sandbox::CALL_FUEL;

/// Why a function is not lowered.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Unsupported {
    pub(crate) source: usize,
    pub(crate) at: Position,
    pub(crate) what: String,
}

pub(super) type Lowered<T> = Result<T, Unsupported>;

/// Everything about a strategy that lowering looks at.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    pub(crate) draft: &'a Draft,
    pub(crate) catalog: &'a Catalog,
    pub(crate) declarations: &'a Declarations,
    pub(crate) accounts: u8,
    /// The names of things, where there is a world already.
    pub(crate) directory: Option<&'a Directory>,
}

/// What is lowered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Root {
    Hook(Hook),
    Rule(RuleKind),
}

impl Root {
    fn name(self) -> &'static str {
        match self {
            Self::Hook(hook) => hook.name(),
            Self::Rule(kind) => kind.word(),
        }
    }
}

/// Functions within functions: well below what rhai allows.
const MAX_DEPTH: usize = 24;
/// Operations of rhai for one node of the syntax tree, at most.
const FUEL_PER_NODE: u64 = 4;
/// What a copy of the largest array costs, in nodes of the syntax tree.
pub(super) const LIST_NODES: u64 = 64;
/// Variables of all functions under way: below what rhai allows.
const MAX_VARIABLES: usize = 200;

#[derive(Clone, PartialEq, Debug)]
pub(super) struct Variable {
    pub(super) name: ImmutableString,
    pub(super) value: Val,
    pub(super) is_constant: bool,
}

/// The agents that have left a loop, or its present round.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Left {
    pub(super) broken: Reg,
    pub(super) continued: Reg,
}

/// What the two sides of a branch may change and those that have left the function must keep, beside the variables.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct State {
    pub(super) variables: Vec<Variable>,
    pub(super) loops: Vec<Left>,
    pub(super) result: Option<Val>,
    pub(super) memory: Vec<Reg>,
    pub(super) answered: Reg,
}

/// One function under lowering.
pub(super) struct Frame {
    function: usize,
    source: usize,
}

pub(super) struct Lowering<'a> {
    pub(super) given: Given<'a>,
    pub(super) build: Builder,
    root: Root,
    pub(super) frames: Vec<Frame>,
    pub(super) state: State,
    /// The agents that come by here.
    pub(super) live: Reg,
    /// Those at the beginning of the branch: what is changed for all of them needs no choice before its end.
    pub(super) region: Reg,
    pub(super) sites: Vec<Site>,
    pub(super) rounds: Vec<u32>,
    /// Rounds of loops found so far.
    pub(super) loops: usize,
    pub(super) nodes: u64,
}

/// Lowers a hook or a rule; loops without a constant count of rounds are unrolled to `rounds`, in their order, or once.
pub(super) fn lower(given: Given<'_>, root: Root, rounds: Vec<u32>) -> Lowered<Code> {
    let arity = match root {
        Root::Hook(_) => 2,
        Root::Rule(kind) => kind.columns().len(),
    };
    let nowhere = |what: &str| Unsupported { source: 0, at: Position::NONE, what: what.into() };
    let function = given.draft.function(root.name(), arity).ok_or_else(|| nowhere("there is no such function"))?;
    if given.draft.has_power {
        let at = given.draft.functions[function].at;
        return Err(Unsupported { source: 0, at, what: "`**` (write `pow(x, y)`)".into() });
    }
    let mut build = Builder::new();
    let all = build.flag(true);
    let none = build.flag(false);
    let cells = given.declarations.memory.iter().enumerate();
    let memory = cells.map(|(cell, (_, kind))| build.emit(Op::Memory { cell, bank: bank(*kind) })).collect();
    let state = State { variables: Vec::new(), loops: Vec::new(), result: None, memory, answered: none };
    let lowering = Lowering {
        given,
        build,
        root,
        frames: Vec::new(),
        state,
        live: all,
        region: all,
        sites: Vec::new(),
        rounds,
        loops: 0,
        nodes: 0,
    };
    lowering.root(function)
}

const fn bank(cell: Cell) -> Bank {
    match cell {
        Cell::Int(_) => Bank::Int,
        Cell::Float(_) => Bank::Float,
        Cell::Flag(_) => Bank::Flag,
    }
}

impl Lowering<'_> {
    fn root(mut self, function: usize) -> Lowered<Code> {
        let args = match self.root {
            Root::Hook(hook) => {
                let (_, kind) = check::subject(hook);
                let place = if kind == Kind::Protocol { self.build.int(0) } else { self.build.emit(Op::Subject) };
                vec![Val::Me, Val::Thing(kind, place)]
            }
            Root::Rule(kind) => {
                let arg = |index| match kind.answers() {
                    Answers::Once => Val::List(List::Given(index)),
                    Answers::PerRow => Val::Float(self.build.emit(Op::Argument(index))),
                };
                (0..kind.columns().len()).map(arg).collect()
            }
        };
        let first: Vec<Reg> = self.state.memory.clone();
        self.function(function, args, Position::NONE)?;
        let at = self.given.draft.functions[function].at;
        if self.nodes.saturating_mul(FUEL_PER_NODE) > CALL_FUEL {
            return self.refuse_in(0, at, "more operations than a call has, perhaps");
        }
        if self.sites.len() > MAX_ACTIONS {
            return self.refuse_in(0, at, "more actions than a call may ask for, perhaps");
        }
        let answer = match (self.answers(), self.state.result) {
            (true, Some(Val::Float(value))) => Some(Answer { mask: self.state.answered, value }),
            _ => None,
        };
        let changed = self.state.memory.iter().zip(first).enumerate().filter(|(_, (now, before))| *now != before);
        let memory = changed.map(|(cell, (now, _))| (cell, *now)).collect();
        let Builder { ops, shapes, .. } = self.build;
        let rounds = self.rounds[..self.loops].to_vec();
        Ok(tidy::tidied(Code { ops, shapes, sites: self.sites, answer, memory, rounds }))
    }

    /// Whether what the root returns matters.
    pub(super) const fn answers(&self) -> bool {
        !matches!(self.root, Root::Hook(Hook::Decide | Hook::Liquidate))
    }

    pub(super) fn refuse<T>(&self, at: Position, what: impl Into<String>) -> Lowered<T> {
        self.refuse_in(self.frames.last().map_or(0, |frame| frame.source), at, what)
    }

    fn refuse_in<T>(&self, source: usize, at: Position, what: impl Into<String>) -> Lowered<T> {
        Err(Unsupported { source, at, what: what.into() })
    }

    /// Counts a node of the syntax tree.
    pub(super) fn count(&mut self, at: Position) -> Lowered<()> {
        self.nodes += 1;
        if self.build.ops.len() > MAX_OPS {
            return self.refuse(at, "too much to unroll");
        }
        Ok(())
    }

    /// Lowers a call of a script function where it stands.
    pub(super) fn function(&mut self, function: usize, args: Vec<Val>, at: Position) -> Lowered<Val> {
        let callee = &self.given.draft.functions[function];
        if self.frames.iter().any(|frame| frame.function == function) {
            return self.refuse(at, format!("a function that calls itself, `{}`", callee.name()));
        }
        if self.frames.len() >= MAX_DEPTH {
            return self.refuse(at, "functions call each other too deeply");
        }
        let names = callee.def.params.iter().cloned();
        let variables =
            names.zip(args).map(|(name, value)| Variable { name, value, is_constant: false }).collect::<Vec<_>>();
        self.frames.push(Frame { function, source: callee.source });
        let outer = (
            std::mem::replace(&mut self.state.variables, variables),
            std::mem::take(&mut self.state.loops),
            self.state.result.take(),
            self.live,
        );
        let value = self.block(&callee.body, true)?;
        self.leave(value)?;
        let result = self.state.result.take();
        self.frames.pop();
        if self.frames.is_empty() {
            self.state.result = result;
            return Ok(Val::Unit);
        }
        let (variables, loops, kept, live) = outer;
        (self.state.variables, self.state.loops, self.state.result, self.live) = (variables, loops, kept, live);
        Ok(result.unwrap_or(Val::Unit))
    }

    /// Whether nobody comes by here.
    pub(super) fn is_dead(&self) -> bool {
        self.build.known_flag(self.live) == Some(false)
    }

    pub(super) fn nobody(&mut self) {
        self.live = self.build.flag(false);
    }

    /// Returns from the function, for all agents that come by.
    pub(super) fn leave(&mut self, value: Val) -> Lowered<()> {
        if self.is_dead() {
            return Ok(());
        }
        if self.frames.len() > 1 {
            self.state.result = Some(match self.state.result {
                None => value,
                Some(before) => self.choose(self.live, value, before),
            });
        } else if self.answers() {
            if value == Val::Mixed {
                let at = self.given.draft.functions[self.frames[0].function].at;
                return self.refuse(at, value.words());
            }
            self.answer(value);
        }
        self.nobody();
        Ok(())
    }

    /// An answer of the root: what the host takes, or a failure.
    fn answer(&mut self, value: Val) {
        let number = match (self.root, value) {
            (_, Val::Unit) => return,
            (Root::Hook(Hook::Vote), Val::Int(vote)) => {
                let mut fits = self.build.flag(false);
                for known in constants::VOTES {
                    let known = self.build.int(known);
                    let is_it = self.build.emit(Op::CompareInts(Comparison::Equal, vote, known));
                    fits = self.build.logic(Logic::Or, fits, is_it);
                }
                self.need(fits);
                self.build.emit(Op::FloatOf(vote))
            }
            (Root::Hook(Hook::Report | Hook::Bid | Hook::Order) | Root::Rule(_), Val::Float(_) | Val::Int(_)) => {
                let number = self.float_of(value).expect("a number");
                let is_finite = self.build.emit(Op::Test(Test::Finite, number));
                self.need(is_finite);
                number
            }
            _ => return self.bail(),
        };
        let before = self.state.result.and_then(Val::register);
        let chosen = before.map_or(number, |before| self.build.emit(Op::Select(self.live, number, before)));
        self.state.result = Some(Val::Float(chosen));
        self.state.answered = self.build.logic(Logic::Or, self.state.answered, self.live);
    }

    /// Leaves the agents that come by to the interpreter.
    pub(super) fn bail(&mut self) {
        self.bail_for(self.live);
    }

    fn bail_for(&mut self, mask: Reg) {
        if self.build.known_flag(mask) != Some(false) {
            self.build.emit(Op::Bail(mask));
        }
    }

    /// Leaves those to the interpreter that come by without a flag.
    pub(super) fn need(&mut self, flag: Reg) {
        let without = self.build.logic(Logic::AndNot, self.live, flag);
        self.bail_for(without);
    }

    /// The first value where the mask is set, the second elsewhere.
    pub(super) fn choose(&mut self, mask: Reg, one: Val, two: Val) -> Val {
        match (one.register(), two.register()) {
            _ if one == two => one,
            (Some(first), Some(second)) if one.is_like(two) => {
                one.with(self.build.emit(Op::Select(mask, first, second)))
            }
            (Some(first), _) if matches!((one, two), (Val::Thing(..), Val::Unit)) => {
                let none = self.build.int(-1);
                one.with(self.build.emit(Op::Select(mask, first, none)))
            }
            (_, Some(second)) if matches!((one, two), (Val::Unit, Val::Thing(..))) => {
                let none = self.build.int(-1);
                two.with(self.build.emit(Op::Select(mask, none, second)))
            }
            _ => Val::Mixed,
        }
    }

    /// The value of a block's last statement. With `is_body` it is a whole function, whose branches at the end may
    /// return values of unlike types.
    pub(super) fn block(&mut self, statements: &[Stmt], is_body: bool) -> Lowered<Val> {
        let depth = self.state.variables.len();
        let mut value = Val::Unit;
        for (place, statement) in statements.iter().enumerate() {
            if self.is_dead() {
                value = Val::Unit;
                break;
            }
            value = self.statement(statement, is_body && place + 1 == statements.len())?;
        }
        self.state.variables.truncate(depth);
        Ok(value)
    }

    fn statement(&mut self, statement: &Stmt, is_last: bool) -> Lowered<Val> {
        self.count(statement.position())?;
        match statement {
            Stmt::Noop(_) => Ok(Val::Unit),
            Stmt::Expr(expression) => match &**expression {
                Expr::Stmt(block) => self.block(block.statements(), is_last),
                expression => self.expression(expression),
            },
            Stmt::FnCall(call, at) => self.call(call, *at),
            Stmt::Block(block) => self.block(block.statements(), is_last),
            Stmt::If(parts, _) => self.branch(parts, is_last),
            Stmt::Switch(parts, at) => self.switch(&parts.0, &parts.1, (*at, is_last)),
            Stmt::For(parts, at) => self.rounds(parts, *at),
            Stmt::Var(parts, flags, at) => {
                let value = self.expression(&parts.1)?;
                if self.state.variables.len() + self.nesting() >= MAX_VARIABLES {
                    return self.refuse(*at, "too many variables");
                }
                let is_constant = flags.contains(ASTFlags::CONSTANT);
                self.state.variables.push(Variable { name: parts.0.name.clone(), value, is_constant });
                Ok(Val::Unit)
            }
            Stmt::Assignment(parts) => self.assignment(&parts.0, &parts.1.lhs, &parts.1.rhs),
            Stmt::Return(_, flags, _) if flags.contains(ASTFlags::BREAK) => {
                self.bail();
                self.nobody();
                Ok(Val::Unit)
            }
            Stmt::Return(value, ..) => {
                let value = value.as_ref().map_or(Ok(Val::Unit), |value| self.expression(value))?;
                self.leave(value)?;
                Ok(Val::Unit)
            }
            Stmt::BreakLoop(None, flags, at) => {
                let live = self.live;
                let Some(left) = self.state.loops.last().copied() else {
                    return self.refuse(*at, "a break outside of a loop");
                };
                let left = if flags.contains(ASTFlags::BREAK) {
                    Left { broken: self.build.logic(Logic::Or, left.broken, live), ..left }
                } else {
                    Left { continued: self.build.logic(Logic::Or, left.continued, live), ..left }
                };
                if let Some(last) = self.state.loops.last_mut() {
                    *last = left;
                }
                self.nobody();
                Ok(Val::Unit)
            }
            Stmt::BreakLoop(Some(_), _, at) => self.refuse(*at, "a loop with a value"),
            Stmt::While(_, at) | Stmt::Do(_, _, at) => {
                self.refuse(*at, "a loop without a count of rounds (write `for i in 0..n`)")
            }
            other => self.refuse(other.position(), "this statement"),
        }
    }

    /// Variables of functions that wait for the present one, roughly.
    fn nesting(&self) -> usize {
        self.frames.len() * 8
    }

    pub(super) fn site(&mut self, site: Site) {
        self.sites.push(site);
        let place = self.sites.len() - 1;
        self.build.emit(Op::Act(place));
    }

    pub(super) fn int_binary(&mut self, op: IntBinary, one: Reg, two: Reg) -> Reg {
        self.build.emit(Op::IntBinary { op, one, two, mask: self.live })
    }

    /// A number as a float.
    pub(super) fn float_of(&mut self, value: Val) -> Option<Reg> {
        match value {
            Val::Float(reg) => Some(reg),
            Val::Int(reg) => Some(self.build.emit(Op::FloatOf(reg))),
            _ => None,
        }
    }

    /// Lowers a condition for some of those that come by, as the right side of `&&` is.
    pub(super) fn condition_for(&mut self, live: Reg, expression: &Expr) -> Lowered<Reg> {
        let outer = std::mem::replace(&mut self.live, live);
        let value = self.condition(expression)?;
        if self.live != live {
            return self.refuse(expression.start_position(), "a return within a condition");
        }
        self.live = outer;
        Ok(value)
    }
}
