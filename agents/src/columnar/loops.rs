//! The loops over columns. Each operation has a loop of its own, so that each is vectorized.

// What is inlined into `with_simd` is compiled for the wide registers with it.
#![allow(clippy::inline_always)]

use super::arithmetic::{self, flag};
use super::code::{Binary, Comparison, Logic, Test, Unary};

/// A register's values.
#[derive(Clone, Copy)]
pub(super) enum Each<'a, T> {
    Same(T),
    Column(&'a [T]),
}

impl<T: Copy> Each<'_, T> {
    pub(super) fn at(self, lane: usize) -> T {
        match self {
            Self::Same(value) => value,
            Self::Column(column) => column[lane],
        }
    }
}

/// What fits a column as 64 bits.
pub(super) trait Word: Copy {
    fn word(self) -> u64;
    fn of(word: u64) -> Self;
}

impl Word for f64 {
    fn word(self) -> u64 {
        self.to_bits()
    }
    fn of(word: u64) -> Self {
        Self::from_bits(word)
    }
}

impl Word for i64 {
    fn word(self) -> u64 {
        self.cast_unsigned()
    }
    fn of(word: u64) -> Self {
        word.cast_signed()
    }
}

impl Word for u64 {
    fn word(self) -> u64 {
        self
    }
    fn of(word: u64) -> Self {
        word
    }
}

#[inline(always)]
pub(super) fn map<T: Copy, R>(out: &mut [R], one: Each<'_, T>, f: impl Fn(T) -> R) {
    match one {
        Each::Same(x) => out.iter_mut().for_each(|out| *out = f(x)),
        Each::Column(one) => out.iter_mut().zip(one).for_each(|(out, x)| *out = f(*x)),
    }
}

#[inline(always)]
pub(super) fn zip<T: Copy, R>(out: &mut [R], one: Each<'_, T>, two: Each<'_, T>, f: impl Fn(T, T) -> R) {
    match (one, two) {
        (Each::Column(one), Each::Column(two)) => {
            out.iter_mut().zip(one.iter().zip(two)).for_each(|(out, (x, y))| *out = f(*x, *y));
        }
        (Each::Column(one), Each::Same(y)) => out.iter_mut().zip(one).for_each(|(out, x)| *out = f(*x, y)),
        (Each::Same(x), Each::Column(two)) => out.iter_mut().zip(two).for_each(|(out, y)| *out = f(x, *y)),
        (Each::Same(x), Each::Same(y)) => out.iter_mut().for_each(|out| *out = f(x, y)),
    }
}

#[inline(always)]
pub(super) fn select<T: Word>(out: &mut [T], mask: Each<'_, u64>, (one, two): (Each<'_, T>, Each<'_, T>)) {
    let pick = |mask: u64, x: T, y: T| T::of((mask & x.word()) | (!mask & y.word()));
    match mask {
        Each::Same(mask) => map(out, if mask == 0 { two } else { one }, |x| x),
        Each::Column(mask) => match (one, two) {
            (Each::Column(one), Each::Column(two)) => {
                let pairs = mask.iter().zip(one.iter().zip(two));
                out.iter_mut().zip(pairs).for_each(|(out, (mask, (x, y)))| *out = pick(*mask, *x, *y));
            }
            (Each::Column(one), Each::Same(y)) => {
                out.iter_mut().zip(mask.iter().zip(one)).for_each(|(out, (mask, x))| *out = pick(*mask, *x, y));
            }
            (Each::Same(x), Each::Column(two)) => {
                out.iter_mut().zip(mask.iter().zip(two)).for_each(|(out, (mask, y))| *out = pick(*mask, x, *y));
            }
            (Each::Same(x), Each::Same(y)) => {
                out.iter_mut().zip(mask).for_each(|(out, mask)| *out = pick(*mask, x, y));
            }
        },
    }
}

#[inline(always)]
pub(super) fn unary(out: &mut [f64], op: Unary, one: Each<'_, f64>) {
    match op {
        Unary::Negate => map(out, one, |x| arithmetic::unary(Unary::Negate, x)),
        Unary::Abs => map(out, one, |x| arithmetic::unary(Unary::Abs, x)),
        Unary::Sqrt => map(out, one, |x| arithmetic::unary(Unary::Sqrt, x)),
        Unary::Call(function) => map(out, one, function),
    }
}

#[inline(always)]
pub(super) fn binary(out: &mut [f64], op: Binary, one: Each<'_, f64>, two: Each<'_, f64>) {
    // One loop for each, so that each is vectorized.
    macro_rules! loops {
        ($($kind:ident),*) => {
            match op {
                $(Binary::$kind => zip(out, one, two, |x, y| arithmetic::binary(Binary::$kind, x, y)),)*
                Binary::Call(function) => zip(out, one, two, function),
            }
        };
    }
    loops!(Add, Subtract, Multiply, Divide, Remainder, Smaller, Larger);
}

#[inline(always)]
pub(super) fn compare(out: &mut [u64], op: Comparison, one: Each<'_, f64>, two: Each<'_, f64>) {
    macro_rules! loops {
        ($($kind:ident),*) => {
            match op {
                $(Comparison::$kind => zip(out, one, two, |x, y| flag(arithmetic::compare(Comparison::$kind, x, y))),)*
            }
        };
    }
    loops!(Less, LessOrEqual, Greater, GreaterOrEqual, Equal, NotEqual);
}

#[inline(always)]
pub(super) fn logic(out: &mut [u64], op: Logic, one: Each<'_, u64>, two: Each<'_, u64>) {
    macro_rules! loops {
        ($($kind:ident),*) => {
            match op {
                $(Logic::$kind => zip(out, one, two, |x, y| arithmetic::logic(Logic::$kind, x, y)),)*
            }
        };
    }
    loops!(And, Or, AndNot, Xor);
}

#[inline(always)]
pub(super) fn test(out: &mut [u64], op: Test, one: Each<'_, f64>) {
    match op {
        Test::NonZero => map(out, one, |x| flag(x != 0.0)),
        Test::Finite => map(out, one, |x| flag(x.is_finite())),
        op => map(out, one, |x| flag(arithmetic::test(op, x))),
    }
}
