//! Emits operations: what is known already is computed here, and constants are defined once.

use std::collections::BTreeMap;

use super::arithmetic;
use super::code::{Bank, IntBinary, Logic, Op, Reg, Shape};
use crate::pure::float;

/// Operations after which a program is too long to be worth its lowering.
pub(super) const MAX_OPS: usize = 20_000;

/// The program under construction.
pub(super) struct Builder {
    pub(super) ops: Vec<Op>,
    pub(super) shapes: Vec<Shape>,
    constants: BTreeMap<(u8, u64), Reg>,
}

/// A register's value, where it is known.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Known {
    Float(f64),
    Int(i64),
    Flag(bool),
}

impl Builder {
    pub(super) fn new() -> Self {
        Self { ops: Vec::new(), shapes: Vec::new(), constants: BTreeMap::new() }
    }

    pub(super) fn op(&self, reg: Reg) -> Op {
        self.ops[reg.place()]
    }

    pub(super) fn shape(&self, reg: Reg) -> Shape {
        self.shapes[reg.place()]
    }

    /// Emits an operation, unless its result is known.
    pub(super) fn emit(&mut self, op: Op) -> Reg {
        match self.folded(op) {
            Some(Folded::Known(known)) => self.constant(known),
            Some(Folded::Reg(reg)) => reg,
            None => self.push(op),
        }
    }

    fn push(&mut self, op: Op) -> Reg {
        let shape = op.defines(|reg| self.shape(reg));
        self.ops.push(op);
        self.shapes.push(shape);
        Reg(u32::try_from(self.ops.len() - 1).unwrap_or(u32::MAX))
    }

    /// Where the next operation will stand.
    pub(super) fn next(&self) -> u32 {
        u32::try_from(self.ops.len()).unwrap_or(u32::MAX)
    }

    /// Takes back the last actions, from the site at a place on.
    pub(super) fn forget_acts(&mut self, from: usize) {
        let acts = self.ops.iter_mut().filter(|op| matches!(op, Op::Act(site) if *site >= from));
        acts.for_each(|op| *op = Op::Nothing);
    }

    pub(super) fn replace(&mut self, reg: Reg, op: Op) {
        self.ops[reg.place()] = op;
    }

    fn constant(&mut self, known: Known) -> Reg {
        let (key, op) = match known {
            Known::Float(x) => ((Bank::Float as u8, x.to_bits()), Op::Float(x)),
            Known::Int(x) => ((Bank::Int as u8, x.cast_unsigned()), Op::Int(x)),
            Known::Flag(x) => ((Bank::Flag as u8, u64::from(x)), Op::Flag(x)),
        };
        if let Some(reg) = self.constants.get(&key) {
            return *reg;
        }
        let reg = self.push(op);
        self.constants.insert(key, reg);
        reg
    }

    pub(super) fn float(&mut self, x: f64) -> Reg {
        self.constant(Known::Float(x))
    }

    pub(super) fn int(&mut self, x: i64) -> Reg {
        self.constant(Known::Int(x))
    }

    pub(super) fn flag(&mut self, x: bool) -> Reg {
        self.constant(Known::Flag(x))
    }

    pub(super) fn logic(&mut self, op: Logic, one: Reg, two: Reg) -> Reg {
        self.emit(Op::Logic(op, one, two))
    }

    pub(super) fn not(&mut self, one: Reg) -> Reg {
        let all = self.flag(true);
        self.logic(Logic::Xor, all, one)
    }

    /// What is known of a register without running the program.
    pub(super) fn known(&self, reg: Reg) -> Option<Known> {
        match self.op(reg) {
            Op::Float(x) => Some(Known::Float(x)),
            Op::Int(x) => Some(Known::Int(x)),
            Op::Flag(x) => Some(Known::Flag(x)),
            _ => None,
        }
    }

    fn known_float(&self, reg: Reg) -> Option<f64> {
        if let Some(Known::Float(x)) = self.known(reg) { Some(x) } else { None }
    }

    pub(super) fn known_int(&self, reg: Reg) -> Option<i64> {
        if let Some(Known::Int(x)) = self.known(reg) { Some(x) } else { None }
    }

    pub(super) fn known_flag(&self, reg: Reg) -> Option<bool> {
        if let Some(Known::Flag(x)) = self.known(reg) { Some(x) } else { None }
    }

    fn folded(&self, op: Op) -> Option<Folded> {
        let known = match op {
            Op::Unary(op, one) => Known::Float(arithmetic::unary(op, self.known_float(one)?)),
            Op::Binary(op, one, two) => {
                Known::Float(arithmetic::binary(op, self.known_float(one)?, self.known_float(two)?))
            }
            // What fails stays, to fail for those who come by.
            Op::IntBinary { op, one, two, .. } => {
                Known::Int(arithmetic::int_binary(op, self.known_int(one)?, self.known_int(two)?)?)
            }
            Op::FloatOf(one) => Known::Float(float(self.known_int(one)?)),
            Op::IntOf(one) => Known::Int(arithmetic::truncated(self.known_float(one)?)),
            Op::Compare(op, one, two) => {
                Known::Flag(arithmetic::compare(op, self.known_float(one)?, self.known_float(two)?))
            }
            Op::CompareInts(op, one, two) => {
                Known::Flag(arithmetic::compare_ints(op, self.known_int(one)?, self.known_int(two)?))
            }
            Op::Below(one, two) => Known::Flag(self.known_float(one)? < self.known_float(two)?),
            Op::Test(op, one) => Known::Flag(arithmetic::test(op, self.known_float(one)?)),
            Op::Logic(op, one, two) => return self.folded_logic(op, one, two),
            Op::Select(_, one, two) if one == two => return Some(Folded::Reg(one)),
            Op::Select(mask, one, two) => {
                return self.known_flag(mask).map(|is_set| Folded::Reg(if is_set { one } else { two }));
            }
            _ => return None,
        };
        Some(Folded::Known(known))
    }

    fn folded_logic(&self, op: Logic, one: Reg, two: Reg) -> Option<Folded> {
        let (first, second) = (self.known_flag(one), self.known_flag(two));
        let flag = |is_set: bool| Some(Folded::Known(Known::Flag(is_set)));
        match (op, first, second) {
            (_, Some(first), Some(second)) => {
                let word = arithmetic::logic(op, arithmetic::flag(first), arithmetic::flag(second));
                flag(word != 0)
            }
            (Logic::And, Some(true), _) | (Logic::Or | Logic::Xor, Some(false), _) => Some(Folded::Reg(two)),
            (Logic::And | Logic::AndNot, Some(false), _)
            | (Logic::And, _, Some(false))
            | (Logic::AndNot, _, Some(true)) => flag(false),
            (Logic::Or, Some(true), _) | (Logic::Or, _, Some(true)) => flag(true),
            (Logic::And, _, Some(true)) | (Logic::Or | Logic::Xor | Logic::AndNot, _, Some(false)) => {
                Some(Folded::Reg(one))
            }
            (Logic::And | Logic::Or, ..) if one == two => Some(Folded::Reg(one)),
            (Logic::AndNot, ..) if one == two => flag(false),
            _ => None,
        }
    }
}

enum Folded {
    Known(Known),
    Reg(Reg),
}

/// Whether an integer operation can fail.
pub(super) const fn can_fail(op: IntBinary) -> bool {
    matches!(op, IntBinary::Add | IntBinary::Subtract | IntBinary::Multiply | IntBinary::Divide | IntBinary::Remainder)
}
