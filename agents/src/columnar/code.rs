//! The program that a hook is lowered to: a straight line of operations, each of which defines the register of its own
//! place, once. A register is either one word for all agents of a question or a column with a word for each of them.

use palisade_engine::registry::Kind;
use palisade_engine::view::FieldKind;

/// A register: the place of the operation that defines it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Reg(pub(super) u32);

impl Reg {
    pub(super) const fn place(self) -> usize {
        self.0 as usize
    }
}

/// What a register holds. Things are the integers of their place, −1 for none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Bank {
    Float,
    Int,
    Flag,
}

/// What a register holds, and whether it differs by agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Shape {
    pub(super) bank: Bank,
    pub(super) is_column: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Unary {
    Negate,
    Abs,
    Sqrt,
    /// A pure function of `libm` or the host.
    Call(fn(f64) -> f64),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    /// The host's own, which keep the first of two equal values.
    Smaller,
    Larger,
    /// A pure function of `libm` or the host.
    Call(fn(f64, f64) -> f64),
}

/// Integer operations; those that can overflow are refused then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum IntBinary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Smaller,
    Larger,
    And,
    Or,
    Xor,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

/// What the host asks about a number, by the machine's own comparison and not the script language's.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Test {
    Nan,
    Finite,
    Infinite,
    /// Not zero, as `has_position` asks.
    NonZero,
    /// Within 0…1.
    Probability,
    /// An integer of 64 bits can hold it.
    FitsInt,
    /// Within an integer range of a `switch`, the upper bound left out.
    Within(f64, f64),
    /// The same, with the upper bound.
    WithinInclusive(f64, f64),
    /// The same bits.
    Same(u64),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Logic {
    And,
    Or,
    /// The first without the second.
    AndNot,
    Xor,
}

/// What kind of number a draw is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Draw {
    Uniform,
    Normal,
}

/// A list of numbers that a rule is given, or those of one in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum List {
    Given(usize),
    Sorted(usize),
}

/// One operation.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Float(f64),
    Int(i64),
    Flag(bool),
    /// A number or a thing among the bound parameters.
    Param(usize),
    ThingParam(usize),
    /// What the hook is asked about.
    Subject,
    /// How many things of a kind there are.
    Count(Kind),
    /// A public field of a thing.
    Public {
        field: usize,
        kind: FieldKind,
        of: Kind,
        thing: Reg,
    },
    /// An own field; where it was not gathered, the agents of the mask are left to the interpreter.
    Own {
        field: usize,
        first: Reg,
        second: Reg,
        is_change: bool,
        mask: Reg,
    },
    /// A cell of the agent's memory as the call finds it.
    Memory {
        cell: usize,
        bank: Bank,
    },
    /// A column of numbers that a rule is given.
    Argument(usize),
    /// How many numbers there are in a list, and their sum.
    Length(List),
    Sum(List),
    /// A number of a list; where there is none, those of the mask are left to the interpreter.
    At {
        list: List,
        index: Reg,
        mask: Reg,
    },
    /// The weighted quantile of two lists, likewise.
    Quantile {
        values: List,
        weights: List,
        share: Reg,
        mask: Reg,
    },
    /// A draw of the agents in the mask.
    Draw {
        draw: Draw,
        mask: Reg,
    },
    Unary(Unary, Reg),
    Binary(Binary, Reg, Reg),
    /// An integer operation; agents of the mask for which it fails are left to the interpreter.
    IntBinary {
        op: IntBinary,
        one: Reg,
        two: Reg,
        mask: Reg,
    },
    FloatOf(Reg),
    /// Towards zero; what does not fit was tested before.
    IntOf(Reg),
    Compare(Comparison, Reg, Reg),
    CompareInts(Comparison, Reg, Reg),
    /// The machine's own `<`.
    Below(Reg, Reg),
    Test(Test, Reg),
    Logic(Logic, Reg, Reg),
    /// The second where the first is set, the third elsewhere.
    Select(Reg, Reg, Reg),
    /// Leaves the agents of the mask to the interpreter, which does the whole call again and says what is wrong.
    Bail(Reg),
    /// An action of the agents in its mask, by place among the program's sites.
    Act(usize),
    /// Goes on at an operation further down when nobody is in the mask.
    SkipUnless(Reg, u32),
    /// The program holds only while a loop has as many rounds as it was unrolled to.
    Assume {
        index: usize,
        rounds: Reg,
        mask: Reg,
    },
    Nothing,
}

impl Op {
    /// The registers it reads.
    pub(super) fn reads(&self) -> [Option<Reg>; 3] {
        match *self {
            Self::Float(_)
            | Self::Int(_)
            | Self::Flag(_)
            | Self::Param(_)
            | Self::ThingParam(_)
            | Self::Subject
            | Self::Count(_)
            | Self::Memory { .. }
            | Self::Argument(_)
            | Self::Length(_)
            | Self::Sum(_)
            | Self::Act(_)
            | Self::Nothing => [None; 3],
            Self::Public { thing: one, .. }
            | Self::Draw { mask: one, .. }
            | Self::Unary(_, one)
            | Self::FloatOf(one)
            | Self::IntOf(one)
            | Self::Test(_, one)
            | Self::Bail(one)
            | Self::SkipUnless(one, _) => [Some(one), None, None],
            Self::Binary(_, one, two)
            | Self::Compare(_, one, two)
            | Self::CompareInts(_, one, two)
            | Self::Below(one, two)
            | Self::Logic(_, one, two) => [Some(one), Some(two), None],
            Self::Own { first: one, second: two, mask: three, .. }
            | Self::IntBinary { one, two, mask: three, .. }
            | Self::Select(one, two, three) => [Some(one), Some(two), Some(three)],
            Self::Assume { rounds: one, mask, .. }
            | Self::At { index: one, mask, .. }
            | Self::Quantile { share: one, mask, .. } => [Some(one), Some(mask), None],
        }
    }

    /// The same of other registers.
    pub(super) fn renamed(self, now: impl Fn(Reg) -> Reg) -> Self {
        match self {
            Self::Public { field, kind, of, thing } => Self::Public { field, kind, of, thing: now(thing) },
            Self::Draw { draw, mask } => Self::Draw { draw, mask: now(mask) },
            Self::Unary(op, one) => Self::Unary(op, now(one)),
            Self::FloatOf(one) => Self::FloatOf(now(one)),
            Self::IntOf(one) => Self::IntOf(now(one)),
            Self::Test(op, one) => Self::Test(op, now(one)),
            Self::Bail(one) => Self::Bail(now(one)),
            Self::SkipUnless(one, end) => Self::SkipUnless(now(one), end),
            Self::Binary(op, one, two) => Self::Binary(op, now(one), now(two)),
            Self::Compare(op, one, two) => Self::Compare(op, now(one), now(two)),
            Self::CompareInts(op, one, two) => Self::CompareInts(op, now(one), now(two)),
            Self::Below(one, two) => Self::Below(now(one), now(two)),
            Self::Logic(op, one, two) => Self::Logic(op, now(one), now(two)),
            Self::Own { field, first, second, is_change, mask } => {
                Self::Own { field, first: now(first), second: now(second), is_change, mask: now(mask) }
            }
            Self::IntBinary { op, one, two, mask } => {
                Self::IntBinary { op, one: now(one), two: now(two), mask: now(mask) }
            }
            Self::Select(one, two, three) => Self::Select(now(one), now(two), now(three)),
            Self::Assume { index, rounds, mask } => Self::Assume { index, rounds: now(rounds), mask: now(mask) },
            Self::At { list, index, mask } => Self::At { list, index: now(index), mask: now(mask) },
            Self::Quantile { values, weights, share, mask } => {
                Self::Quantile { values, weights, share: now(share), mask: now(mask) }
            }
            other => other,
        }
    }

    /// What it defines; `shape` tells of the registers it reads.
    pub(super) fn defines(&self, shape: impl Fn(Reg) -> Shape) -> Shape {
        let bank = match self {
            Self::Float(_)
            | Self::Param(_)
            | Self::Own { .. }
            | Self::Argument(_)
            | Self::Sum(_)
            | Self::At { .. }
            | Self::Quantile { .. }
            | Self::Draw { .. }
            | Self::Unary(..)
            | Self::Binary(..)
            | Self::FloatOf(_) => Bank::Float,
            Self::Public { kind, .. } => match kind {
                FieldKind::Number => Bank::Float,
                FieldKind::Flag => Bank::Flag,
                FieldKind::Handle(_) => Bank::Int,
            },
            Self::Int(_)
            | Self::ThingParam(_)
            | Self::Subject
            | Self::Count(_)
            | Self::Length(_)
            | Self::IntBinary { .. }
            | Self::IntOf(_) => Bank::Int,
            Self::Select(_, one, _) => shape(*one).bank,
            Self::Memory { bank, .. } => *bank,
            _ => Bank::Flag,
        };
        let is_column = match self {
            Self::Own { .. } | Self::Memory { .. } | Self::Argument(_) | Self::Draw { .. } => true,
            // Whether it fails differs by agent, what it makes does not.
            Self::IntBinary { one, two, .. } => shape(*one).is_column || shape(*two).is_column,
            Self::At { .. } | Self::Quantile { .. } => false,
            _ => self.reads().into_iter().flatten().any(|read| shape(read).is_column),
        };
        Shape { bank, is_column }
    }
}

/// An argument of an action.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Arg {
    Number(Reg),
    All,
    Fraction(Reg),
    Thing(Kind, Reg),
}

/// Where a hook asks for an action: of the agents in the mask.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Site {
    pub(super) action: u16,
    pub(super) account: u8,
    pub(super) args: Vec<Arg>,
    pub(super) mask: Reg,
}

/// What a hook returns: a number for the agents in the mask, nothing for others.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Answer {
    pub(super) mask: Reg,
    pub(super) value: Reg,
}

/// A lowered hook.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) ops: Vec<Op>,
    pub(super) shapes: Vec<Shape>,
    pub(super) sites: Vec<Site>,
    pub(super) answer: Option<Answer>,
    /// Cells of the memory that may be another at the end, and the registers that tell.
    pub(super) memory: Vec<(usize, Reg)>,
    /// As how many rounds loops without a constant count of them were unrolled.
    pub(super) rounds: Vec<u32>,
}

impl Code {
    /// The registers that are read at the end.
    pub(super) fn ends(&self) -> impl Iterator<Item = Reg> {
        let sites = self.sites.iter().flat_map(|site| {
            let args = site.args.iter().filter_map(|arg| match arg {
                Arg::Number(reg) | Arg::Fraction(reg) | Arg::Thing(_, reg) => Some(*reg),
                Arg::All => None,
            });
            args.chain([site.mask])
        });
        let answer = self.answer.iter().flat_map(|answer| [answer.mask, answer.value]);
        sites.chain(answer).chain(self.memory.iter().map(|(_, reg)| *reg))
    }
}
