//! Lowers the functions of a strategy: statements, branches and loops. A branch is lowered on both sides, each for the
//! agents that take it, and what it changed is chosen by mask where the sides meet; a call is lowered where it stands.

use palisade_engine::host::Hook;
use palisade_engine::registry::{Directory, Kind};
use palisade_engine::rule::{Answers, RuleKind};
use rhai::{ASTFlags, Expr, FlowControl, ImmutableString, OpAssignment, Position, Stmt};

use super::build::{Builder, MAX_OPS};
use super::code::{Answer, Arg, Bank, Code, Comparison, IntBinary, List, Logic, Op, Reg, Site, Test};
use super::tidy;
use super::value::Val;
use crate::catalog::Catalog;
use crate::constants;
use crate::context::MAX_ACTIONS;
use crate::declare::{Cell, Declarations, ParamKind};
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

/// Rounds that a loop is unrolled to at most.
const MAX_ROUNDS: i64 = 256;
/// Functions within functions: well below what rhai allows.
const MAX_DEPTH: usize = 24;
/// Operations of rhai for one node of the syntax tree, at most.
const FUEL_PER_NODE: u64 = 4;
/// What a copy of the largest array costs, in nodes of the syntax tree.
const LIST_NODES: u64 = 64;
/// Variables of all functions under way: below what rhai allows.
const MAX_VARIABLES: usize = 200;

#[derive(Clone, PartialEq, Debug)]
struct Variable {
    name: ImmutableString,
    value: Val,
    is_constant: bool,
}

/// The agents that have left a loop, or its present round.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Left {
    broken: Reg,
    continued: Reg,
}

/// What the two sides of a branch may change and those that have left the function must keep, beside the variables.
#[derive(Clone, PartialEq, Debug)]
struct State {
    variables: Vec<Variable>,
    loops: Vec<Left>,
    result: Option<Val>,
    memory: Vec<Reg>,
    answered: Reg,
}

/// Those that come by a branch, those that take its two sides, and the condition by which they do.
type Split = (Reg, [Reg; 2], Reg);

/// One function under lowering.
struct Frame {
    function: usize,
    source: usize,
}

pub(super) struct Lowering<'a> {
    pub(super) given: Given<'a>,
    pub(super) build: Builder,
    root: Root,
    frames: Vec<Frame>,
    state: State,
    /// The agents that come by here.
    pub(super) live: Reg,
    /// Those at the beginning of the branch: what is changed for all of them needs no choice before its end.
    region: Reg,
    sites: Vec<Site>,
    rounds: Vec<u32>,
    /// Rounds of loops found so far.
    loops: usize,
    nodes: u64,
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
                let subject = match hook {
                    Hook::Decide => Val::Thing(Kind::Protocol, self.build.int(0)),
                    Hook::Report => Val::Thing(Kind::Feed, self.build.emit(Op::Subject)),
                    Hook::Liquidate => Val::Thing(Kind::Account, self.build.emit(Op::Subject)),
                    Hook::Vote => Val::Thing(Kind::Proposal, self.build.emit(Op::Subject)),
                };
                vec![Val::Me, subject]
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
    const fn answers(&self) -> bool {
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

    fn nobody(&mut self) {
        self.live = self.build.flag(false);
    }

    /// Returns from the function, for all agents that come by.
    fn leave(&mut self, value: Val) -> Lowered<()> {
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
                let (none, most) = (self.build.int(0), self.build.int(2));
                let above = self.build.emit(Op::CompareInts(Comparison::GreaterOrEqual, vote, none));
                let below = self.build.emit(Op::CompareInts(Comparison::LessOrEqual, vote, most));
                let fits = self.build.logic(Logic::And, above, below);
                self.need(fits);
                self.build.emit(Op::FloatOf(vote))
            }
            (Root::Hook(Hook::Report) | Root::Rule(_), Val::Float(_) | Val::Int(_)) => {
                let number = self.to_float(value).expect("a number");
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
    fn choose(&mut self, mask: Reg, one: Val, two: Val) -> Val {
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

    fn branch(&mut self, parts: &FlowControl, is_last: bool) -> Lowered<Val> {
        let condition = self.condition(&parts.expr)?;
        self.split(
            condition,
            is_last,
            |this| this.block(parts.body.statements(), is_last),
            |this| this.block(parts.branch.statements(), is_last),
        )
    }

    /// Lowers both sides of a branch, each for those that take it.
    pub(super) fn split(
        &mut self,
        condition: Reg,
        returns: bool,
        one: impl FnOnce(&mut Self) -> Lowered<Val>,
        two: impl FnOnce(&mut Self) -> Lowered<Val>,
    ) -> Lowered<Val> {
        match self.build.known_flag(condition) {
            Some(true) => return one(self),
            Some(false) => return two(self),
            None => {}
        }
        let live = self.live;
        let takers = [self.build.logic(Logic::And, live, condition), self.build.logic(Logic::AndNot, live, condition)];
        let (before, region) = (self.state.clone(), self.region);
        let sites = self.sites.len();
        let first = self.side(takers[0], returns, one)?;
        let between = self.sites.len();
        let changed = std::mem::replace(&mut self.state, before.clone());
        let second = self.side(takers[1], returns, two)?;
        self.region = region;
        let sides = [changed, std::mem::replace(&mut self.state, before)];
        self.meet((live, takers, condition), sides);
        if between == sites + 1 && self.sites.len() == between + 1 {
            self.join_sites((live, takers, condition));
        }
        self.live = match (first.1 == takers[0], second.1 == takers[1]) {
            (true, true) => live,
            _ => {
                // What a side that was passed over says of those left is void.
                let one = self.build.logic(Logic::And, takers[0], first.1);
                let two = self.build.logic(Logic::And, takers[1], second.1);
                self.build.logic(Logic::Or, one, two)
            }
        };
        Ok(match (self.build.known_flag(first.1), self.build.known_flag(second.1)) {
            (Some(false), _) => second.0,
            (_, Some(false)) => first.0,
            _ => self.choose(condition, first.0, second.0),
        })
    }

    /// Where both sides ask for the same action, it is one: of the one or the other argument.
    fn join_sites(&mut self, (live, takers, condition): Split) {
        let [.., one, two] = &self.sites[..] else { return };
        let (one, two) = (one.clone(), two.clone());
        if (one.action, one.account) != (two.action, two.account) {
            return;
        }
        let choose = |(one, two): (&Arg, &Arg)| match (*one, *two) {
            (one, two) if one == two => Some((one, None)),
            (Arg::Number(one), Arg::Number(two)) => Some((Arg::Number(one), Some(two))),
            (Arg::Fraction(one), Arg::Fraction(two)) => Some((Arg::Fraction(one), Some(two))),
            (Arg::Thing(first, one), Arg::Thing(second, two)) if first == second => {
                Some((Arg::Thing(first, one), Some(two)))
            }
            _ => None,
        };
        let Some(chosen) = one.args.iter().zip(&two.args).map(choose).collect::<Option<Vec<_>>>() else { return };
        let mut select = |one, two: Option<Reg>| match two {
            Some(two) => self.build.emit(Op::Select(condition, one, two)),
            None => one,
        };
        let args = chosen.into_iter().map(|(arg, two)| match arg {
            Arg::Number(one) => Arg::Number(select(one, two)),
            Arg::Fraction(one) => Arg::Fraction(select(one, two)),
            Arg::Thing(kind, one) => Arg::Thing(kind, select(one, two)),
            Arg::All => Arg::All,
        });
        let args = args.collect();
        let mask = if (one.mask, two.mask) == (takers[0], takers[1]) {
            live
        } else {
            // What a side that was passed over says is void.
            let one = self.build.logic(Logic::And, takers[0], one.mask);
            let two = self.build.logic(Logic::And, takers[1], two.mask);
            self.build.logic(Logic::Or, one, two)
        };
        let before = self.sites.len() - 2;
        self.build.forget_acts(before);
        self.sites.truncate(before);
        self.site(Site { args, mask, ..one });
    }

    /// One side of a branch, passed over when nobody takes it: its value, and who is left at its end.
    fn side(
        &mut self,
        takers: Reg,
        returns: bool,
        lower: impl FnOnce(&mut Self) -> Lowered<Val>,
    ) -> Lowered<(Val, Reg)> {
        (self.live, self.region) = (takers, takers);
        let begin = self.build.next();
        let skip = self.build.emit(Op::SkipUnless(takers, begin));
        let mut value = lower(self)?;
        if returns && self.answers_here() {
            self.leave(value)?;
            value = Val::Unit;
        }
        self.build.replace(skip, Op::SkipUnless(takers, self.build.next()));
        Ok((value, self.live))
    }

    /// Whether the function's value is an answer, of which some may be `()`.
    fn answers_here(&self) -> bool {
        self.frames.len() == 1 && self.answers()
    }

    /// What two sides changed, chosen by who took them; those who had left before keep what they had.
    fn meet(&mut self, (live, takers, condition): Split, [one, two]: [State; 2]) {
        let before = self.state.clone();
        for (place, variable) in before.variables.iter().enumerate() {
            let (first, second) = (one.variables[place].value, two.variables[place].value);
            if first == variable.value && second == variable.value {
                continue;
            }
            // Those that have left a round come back with what they had.
            let is_awaited = !before.loops.is_empty() && self.build.known_flag(live) != Some(true);
            self.state.variables[place].value = if is_awaited {
                let rest = self.choose(takers[1], second, variable.value);
                self.choose(takers[0], first, rest)
            } else {
                // Whoever takes neither side has left for good.
                self.choose(condition, first, second)
            };
        }
        let is_everybody = self.build.known_flag(live) == Some(true);
        let kept = |this: &mut Self, (one, two, before): (Reg, Reg, Reg)| {
            if one == two && two == before {
                return before;
            }
            if is_everybody {
                return this.build.emit(Op::Select(takers[0], one, two));
            }
            let second = if two == before { before } else { this.build.emit(Op::Select(takers[1], two, before)) };
            if one == before { second } else { this.build.emit(Op::Select(takers[0], one, second)) }
        };
        for place in 0..before.memory.len() {
            self.state.memory[place] = kept(self, (one.memory[place], two.memory[place], before.memory[place]));
        }
        for place in 0..before.loops.len() {
            let (one, two, before) = (one.loops[place], two.loops[place], before.loops[place]);
            self.state.loops[place] = Left {
                broken: kept(self, (one.broken, two.broken, before.broken)),
                continued: kept(self, (one.continued, two.continued, before.continued)),
            };
        }
        self.state.answered = kept(self, (one.answered, two.answered, before.answered));
        self.state.result = match (one.result, two.result, before.result) {
            (first, second, before) if first == before && second == before => before,
            (Some(first), None, None) => Some(first),
            (None, Some(second), None) => Some(second),
            (Some(first), Some(second), None) => Some(self.choose(takers[0], first, second)),
            (Some(first), Some(second), Some(before)) => {
                let rest = self.choose(takers[1], second, before);
                Some(self.choose(takers[0], first, rest))
            }
            (.., before) => before,
        };
    }

    /// `for i in a..b`, unrolled.
    fn rounds(&mut self, parts: &(rhai::Ident, Option<rhai::Ident>, FlowControl), at: Position) -> Lowered<Val> {
        let (item, counter, flow) = parts;
        let over = self.loop_over(&flow.expr)?;
        let length = match over {
            Over::List(list) => self.build.emit(Op::Length(list)),
            Over::Ints { length, .. } => length,
        };
        let count = self.round_count(length, flow.expr.start_position())?;
        let outer = self.state.variables.len();
        let nobody = self.build.flag(false);
        self.state.loops.push(Left { broken: nobody, continued: nobody });
        for round in 0..count {
            if self.is_dead() {
                break;
            }
            let number = self.build.int(round);
            let value = match over {
                Over::List(list) => Val::Float(self.build.emit(Op::At { list, index: number, mask: self.live })),
                Over::Ints { first, .. } => Val::Int(self.int_binary(IntBinary::Add, first, number)),
            };
            if let Some(counter) = counter {
                let value = Val::Int(number);
                self.state.variables.push(Variable { name: counter.name.clone(), value, is_constant: false });
            }
            self.state.variables.push(Variable { name: item.name.clone(), value, is_constant: false });
            self.block(flow.body.statements(), false)?;
            self.state.variables.truncate(outer);
            if let Some(left) = self.state.loops.last_mut() {
                let continued = std::mem::replace(&mut left.continued, nobody);
                self.live = self.build.logic(Logic::Or, self.live, continued);
            }
            self.count(at)?;
        }
        if let Some(left) = self.state.loops.pop() {
            self.live = self.build.logic(Logic::Or, self.live, left.broken);
        }
        Ok(Val::Unit)
    }

    /// What a loop runs over, and for how many rounds.
    fn loop_over(&mut self, expression: &Expr) -> Lowered<Over> {
        let at = expression.start_position();
        let Some((first, end, is_inclusive)) = range(expression) else {
            return match self.expression(expression)? {
                Val::List(list) => Ok(Over::List(list)),
                _ => self.refuse(at, "a loop over anything but a range of integers"),
            };
        };
        let (Val::Int(first), Val::Int(end)) = (self.expression(first)?, self.expression(end)?) else {
            return self.refuse(at, "a range of anything but integers");
        };
        let mut length = self.int_binary(IntBinary::Subtract, end, first);
        if is_inclusive {
            let one = self.build.int(1);
            length = self.int_binary(IntBinary::Add, length, one);
        }
        let none = self.build.int(0);
        let length = self.int_binary(IntBinary::Larger, length, none);
        Ok(Over::Ints { first, length })
    }

    /// As how many rounds a loop is unrolled: as many as are known, or as the program assumes.
    fn round_count(&mut self, length: Reg, at: Position) -> Lowered<i64> {
        let count = match self.build.known_int(length) {
            Some(count) => count,
            None if self.build.shape(length).is_column => {
                return self.refuse(at, "a loop whose rounds differ from agent to agent");
            }
            None => {
                let index = self.loops;
                self.loops += 1;
                if self.rounds.len() == index {
                    self.rounds.push(1);
                }
                self.build.emit(Op::Assume { index, rounds: length, mask: self.live });
                i64::from(self.rounds[index])
            }
        };
        if count > MAX_ROUNDS { self.refuse(at, format!("a loop of {count} rounds")) } else { Ok(count) }
    }

    fn assignment(&mut self, operator: &OpAssignment, target: &Expr, value: &Expr) -> Lowered<Val> {
        let value = self.expression(value)?;
        let operator = operator.get_op_assignment_info().map(|(.., syntax)| (syntax, operator.position()));
        match target {
            Expr::Variable(variable, _, at) => {
                let Some(place) = self.state.variables.iter().rposition(|known| known.name == variable.1) else {
                    return self.refuse(*at, "an assignment to a constant");
                };
                let before = self.state.variables[place].value;
                if self.state.variables[place].is_constant {
                    return self.refuse(*at, "an assignment to a constant");
                }
                let new = match operator {
                    Some((syntax, at)) => self.operator(syntax, &[before, value], at)?,
                    None => value,
                };
                self.state.variables[place].value =
                    if self.live == self.region { new } else { self.choose(self.live, new, before) };
                Ok(Val::Unit)
            }
            Expr::Dot(..) | Expr::Index(..) => {
                let (cell, at) = self.cell(target)?;
                let before = self.recall(cell);
                let new = match operator {
                    Some((syntax, at)) => self.operator(syntax, &[before, value], at)?,
                    None => value,
                };
                self.remember(cell, new, at)
            }
            _ => self.refuse(target.position(), "this assignment"),
        }
    }

    /// A cell of the agent's memory.
    pub(super) fn recall(&self, cell: usize) -> Val {
        let reg = self.state.memory[cell];
        match self.build.shape(reg).bank {
            Bank::Float => Val::Float(reg),
            Bank::Int => Val::Int(reg),
            Bank::Flag => Val::Flag(reg),
        }
    }

    fn remember(&mut self, cell: usize, value: Val, at: Position) -> Lowered<Val> {
        let kind = self.given.declarations.memory[cell].1;
        let new = match (kind, value) {
            (Cell::Float(_), Val::Float(_) | Val::Int(_)) => self.to_float(value),
            (Cell::Int(_), Val::Int(reg)) | (Cell::Flag(_), Val::Flag(reg)) => Some(reg),
            (_, Val::Mixed) => return self.refuse(at, value.words()),
            _ => None,
        };
        let Some(new) = new else {
            self.bail();
            return Ok(Val::Unit);
        };
        let before = self.state.memory[cell];
        self.state.memory[cell] =
            if self.live == self.region { new } else { self.build.emit(Op::Select(self.live, new, before)) };
        Ok(Val::Unit)
    }

    /// What a name stands for.
    pub(super) fn variable(&mut self, name: &str, at: Position) -> Lowered<Val> {
        if let Some(known) = self.state.variables.iter().rfind(|known| known.name == name) {
            return match known.value {
                Val::Mixed => self.refuse(at, Val::Mixed.words()),
                // The interpreter copies it, and charges for that.
                Val::List(list) => {
                    self.nodes += LIST_NODES;
                    Ok(Val::List(list))
                }
                value => Ok(value),
            };
        }
        let own = self.given.draft.constants.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let Some(value) = own.or_else(|| constants::find(name).map(|constant| (constant.value)())) else {
            return self.refuse(at, format!("`{name}`"));
        };
        if let Ok(number) = value.as_float() {
            Ok(Val::Float(self.build.float(number)))
        } else if let Ok(number) = value.as_int() {
            Ok(Val::Int(self.build.int(number)))
        } else if let Ok(flag) = value.as_bool() {
            Ok(Val::Flag(self.build.flag(flag)))
        } else if name == "all" {
            Ok(Val::All)
        } else {
            self.refuse(at, "a text")
        }
    }

    /// A bound parameter.
    pub(super) fn param(&mut self, name: &str, at: Position) -> Lowered<Val> {
        let params = &self.given.declarations.params;
        match params.iter().position(|param| param.name == name).map(|place| (place, &params[place].kind)) {
            Some((place, ParamKind::Number { .. })) => Ok(Val::Float(self.build.emit(Op::Param(place)))),
            Some((place, ParamKind::Thing { kind, .. })) => {
                Ok(Val::Thing(*kind, self.build.emit(Op::ThingParam(place))))
            }
            None => self.refuse(at, format!("`me.params.{name}`")),
        }
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
    pub(super) fn to_float(&mut self, value: Val) -> Option<Reg> {
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

/// What a loop runs over.
#[derive(Clone, Copy)]
enum Over {
    List(List),
    Ints { first: Reg, length: Reg },
}

/// The ends of a range that a loop runs over.
fn range(expression: &Expr) -> Option<(&Expr, &Expr, bool)> {
    let Expr::FnCall(call, _) = expression else { return None };
    match (call.name.as_str(), &*call.args) {
        ("..", [first, end]) => Some((first, end, false)),
        ("..=", [first, end]) => Some((first, end, true)),
        _ => None,
    }
}
