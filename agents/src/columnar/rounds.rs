//! Loops: unrolled to as many rounds as are known, or as the program assumes.

use rhai::{Expr, FlowControl, Ident, Position};

use super::code::{IntBinary, List, Logic, Op, Reg};
use super::lower::{Left, Lowered, Lowering, Variable};
use super::value::Val;

/// Rounds that a loop is unrolled to at most.
const MAX_ROUNDS: i64 = 256;

impl Lowering<'_> {
    /// `for i in a..b`, unrolled.
    pub(super) fn rounds(&mut self, parts: &(Ident, Option<Ident>, FlowControl), at: Position) -> Lowered<Val> {
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
