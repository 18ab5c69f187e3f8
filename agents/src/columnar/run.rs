//! Runs a program over one chunk of agents.

use std::ops::Range;

use palisade_engine::math::oracle::weighted_lower_quantile;
use palisade_engine::registry::Kind;
use palisade_engine::view::FieldKind;
use pulp::{Simd, WithSimd};

use super::arithmetic::{self, flag};
use super::build;
use super::code::{Bank, Draw, List, Op, Reg};
use super::loops::{Each, Word, binary, compare, logic, map, select, test, unary, zip};
use super::program::{CHUNK, Program};
use super::slots::Place;
use super::work::{Assumed, Bound, Cells, Work, index};
use crate::context::handle;
use crate::pure;

/// What is not there.
pub(super) const NAN: [f64; CHUNK] = [f64::NAN; CHUNK];

/// One chunk on its way through a program.
pub(super) struct Run<'r, 'a> {
    pub(super) work: &'r mut Work,
    pub(super) program: &'r Program,
    pub(super) bound: &'r Bound<'a>,
    pub(super) cells: Cells<'r>,
    pub(super) rows: &'r Range<usize>,
    pub(super) inputs: Vec<&'a [f64]>,
}

/// Compiled once for every machine and once for those with wide registers, for the same results: no operation is fused
/// with another, and none is reordered.
impl WithSimd for Run<'_, '_> {
    type Output = Result<(), Assumed>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Self::Output {
        self.run()
    }
}

// What is inlined into `with_simd` is compiled for the wide registers with it.
#[allow(clippy::inline_always)]
impl<'a> Run<'_, 'a> {
    #[inline(always)]
    fn run(mut self) -> Result<(), Assumed> {
        let ops = &self.program.code.ops;
        let mut at = 0;
        while let Some(op) = ops.get(at) {
            match *op {
                Op::SkipUnless(mask, target) => {
                    if !self.any(mask) {
                        at = target as usize;
                        continue;
                    }
                }
                Op::Assume { index, rounds, mask } => {
                    let (found, assumed) = (self.work.words[rounds.place()], self.program.code.rounds[index]);
                    if found != u64::from(assumed) && self.any(mask) {
                        return Err(Assumed { index, rounds: u32::try_from(found).unwrap_or(u32::MAX) });
                    }
                }
                Op::Act(site) => self.work.acted[site] = true,
                Op::Bail(mask) => self.leave(mask, |_| true),
                Op::Float(_) | Op::Int(_) | Op::Flag(_) | Op::Nothing => {}
                _ => match self.program.layout.places[at] {
                    Place::Word => self.work.words[at] = self.word(op),
                    Place::Column(column) => self.column(at, op, column),
                    Place::Input(input) => self.inputs[input] = self.input(op),
                },
            }
            at += 1;
        }
        Ok(())
    }

    #[inline(always)]
    fn floats(&self, reg: Reg) -> Each<'_, f64> {
        match self.program.layout.places[reg.place()] {
            Place::Word => Each::Same(f64::from_bits(self.work.words[reg.place()])),
            Place::Column(column) => Each::Column(&self.work.floats.columns[column][..self.rows.len()]),
            Place::Input(input) => Each::Column(&self.inputs[input][..self.rows.len()]),
        }
    }

    #[inline(always)]
    fn ints(&self, reg: Reg) -> Each<'_, i64> {
        match self.program.layout.places[reg.place()] {
            Place::Column(column) => Each::Column(&self.work.ints.columns[column][..self.rows.len()]),
            _ => Each::Same(self.work.words[reg.place()].cast_signed()),
        }
    }

    #[inline(always)]
    fn flags(&self, reg: Reg) -> Each<'_, u64> {
        match self.program.layout.places[reg.place()] {
            Place::Column(column) => Each::Column(&self.work.flags.columns[column][..self.rows.len()]),
            _ => Each::Same(self.work.words[reg.place()]),
        }
    }

    #[inline(always)]
    fn any(&self, mask: Reg) -> bool {
        match self.flags(mask) {
            Each::Same(word) => word != 0,
            Each::Column(words) => words.iter().fold(0, |all, word| all | word) != 0,
        }
    }

    /// Leaves those of the mask to the interpreter that `fails` picks by their lane.
    fn leave(&mut self, mask: Reg, fails: impl Fn(usize) -> bool) {
        let mut left = std::mem::take(&mut self.work.left);
        match self.flags(mask) {
            Each::Same(0) => {}
            Each::Same(word) => {
                left.iter_mut().enumerate().filter(|(lane, _)| fails(*lane)).for_each(|(_, left)| *left |= word);
            }
            Each::Column(mask) => {
                for (lane, (left, word)) in left.iter_mut().zip(mask).enumerate() {
                    if *word != 0 && fails(lane) {
                        *left |= word;
                    }
                }
            }
        }
        self.work.has_left |= left.iter().any(|left| *left != 0);
        self.work.left = left;
    }

    /// An input column: one that the hook did not say it reads is not there.
    fn input(&mut self, op: &Op) -> &'a [f64] {
        let bound = self.bound;
        match *op {
            Op::Argument(index) => &bound.arguments[index][self.rows.clone()],
            Op::Own { field, first, second, is_change, mask } => {
                let [first, second] = [first, second].map(|reg| self.work.words[reg.place()].cast_signed());
                let is_known = !is_change || self.is_asked_about(first);
                let column = bound.own.column(field, index(first), index(second)).filter(|_| is_known);
                let Some(column) = column else {
                    self.leave(mask, |_| true);
                    return &NAN;
                };
                &column[self.rows.clone()]
            }
            _ => &NAN,
        }
    }

    /// Whether a change is one of the proposal that the hook is asked about.
    fn is_asked_about(&self, change: i64) -> bool {
        let (first, end) = self.bound.changes;
        (i64::from(first)..i64::from(end)).contains(&change)
    }

    fn public(&self, (of, field): (Kind, usize), thing: i64) -> f64 {
        match of {
            of if of.is_momentary() => self.bound.subject_values.get(field).copied().unwrap_or(f64::NAN),
            _ => self.bound.public.value(field, index(thing)),
        }
    }

    fn public_word(&self, (of, field, kind): (Kind, usize, FieldKind), thing: i64) -> u64 {
        let value = self.public((of, field), thing);
        match kind {
            FieldKind::Number => value.to_bits(),
            FieldKind::Flag => flag(value > 0.0),
            FieldKind::Handle(kind) => handle(kind, value).map_or(-1, |handle| i64::from(handle.index)).cast_unsigned(),
        }
    }

    fn list(&mut self, list: List) -> &[f64] {
        match list {
            List::Given(place) => self.bound.arguments[place],
            List::Sorted(place) => {
                let given = self.bound.arguments[place];
                self.work.sorted[place].get_or_insert_with(|| pure::sorted(given.to_vec()))
            }
        }
    }

    /// A number made of lists.
    fn of_lists(&mut self, op: &Op) -> Option<f64> {
        match *op {
            Op::Sum(list) => Some(pure::sum(self.list(list))),
            Op::At { list, index: place, .. } => {
                let place = index(self.work.words[place.place()].cast_signed());
                self.list(list).get(place).copied()
            }
            Op::Quantile { values, weights, share, .. } => {
                let share = f64::from_bits(self.work.words[share.place()]);
                let values = self.list(values).to_vec();
                let weights = self.list(weights);
                (values.len() == weights.len()).then(|| weighted_lower_quantile(&values, weights, share)).flatten()
            }
            _ => None,
        }
    }

    /// What all agents share.
    fn word(&mut self, op: &Op) -> u64 {
        match *op {
            Op::Length(list) => return self.list(list).len() as u64,
            Op::Sum(_) => return self.of_lists(op).unwrap_or(f64::NAN).to_bits(),
            Op::At { mask, .. } | Op::Quantile { mask, .. } => {
                return self.of_lists(op).map_or_else(
                    || {
                        self.leave(mask, |_| true);
                        f64::NAN.to_bits()
                    },
                    f64::to_bits,
                );
            }
            _ => {}
        }
        let words = &self.work.words;
        let float = |reg: Reg| f64::from_bits(words[reg.place()]);
        let int = |reg: Reg| words[reg.place()].cast_signed();
        match *op {
            Op::Param(place) | Op::ThingParam(place) => self.bound.params[place],
            Op::Subject => self.bound.subject.map_or(-1, |subject| i64::from(subject.index)).cast_unsigned(),
            Op::Count(kind) => self.bound.counts[kind as usize] as u64,
            Op::Public { field, kind, of, thing } => self.public_word((of, field, kind), int(thing)),
            Op::Unary(op, one) => arithmetic::unary(op, float(one)).to_bits(),
            Op::Binary(op, one, two) => arithmetic::binary(op, float(one), float(two)).to_bits(),
            Op::IntBinary { op, one, two, mask } => match arithmetic::int_binary(op, int(one), int(two)) {
                Some(value) => value.cast_unsigned(),
                None => {
                    self.leave(mask, |_| true);
                    0
                }
            },
            Op::FloatOf(one) => pure::float(int(one)).to_bits(),
            Op::IntOf(one) => arithmetic::truncated(float(one)).cast_unsigned(),
            Op::Compare(op, one, two) => flag(arithmetic::compare(op, float(one), float(two))),
            Op::CompareInts(op, one, two) => flag(arithmetic::compare_ints(op, int(one), int(two))),
            Op::Below(one, two) => flag(float(one) < float(two)),
            Op::Test(op, one) => flag(arithmetic::test(op, float(one))),
            Op::Logic(op, one, two) => arithmetic::logic(op, words[one.place()], words[two.place()]),
            Op::Select(mask, one, two) => words[if words[mask.place()] == 0 { two } else { one }.place()],
            _ => 0,
        }
    }

    /// What differs by agent.
    #[inline(always)]
    fn column(&mut self, at: usize, op: &Op, column: usize) {
        match self.program.code.shapes[at].bank {
            Bank::Float => {
                let mut out = std::mem::take(&mut self.work.floats.spare);
                self.float_column(op, &mut out[..self.rows.len()]);
                std::mem::swap(&mut self.work.floats.columns[column], &mut out);
                self.work.floats.spare = out;
            }
            Bank::Int => {
                let mut out = std::mem::take(&mut self.work.ints.spare);
                self.int_column(op, &mut out[..self.rows.len()]);
                std::mem::swap(&mut self.work.ints.columns[column], &mut out);
                self.work.ints.spare = out;
            }
            Bank::Flag => {
                let mut out = std::mem::take(&mut self.work.flags.spare);
                self.flag_column(op, &mut out[..self.rows.len()]);
                std::mem::swap(&mut self.work.flags.columns[column], &mut out);
                self.work.flags.spare = out;
            }
        }
    }

    #[inline(always)]
    fn float_column(&mut self, op: &Op, out: &mut [f64]) {
        match *op {
            Op::Unary(op, one) => unary(out, op, self.floats(one)),
            Op::Binary(op, one, two) => binary(out, op, self.floats(one), self.floats(two)),
            Op::Select(mask, one, two) => select(out, self.flags(mask), (self.floats(one), self.floats(two))),
            Op::FloatOf(one) => map(out, self.ints(one), pure::float),
            Op::Memory { cell, .. } => self.recall(cell, out),
            Op::Draw { draw, mask } => self.draw(draw, mask, out),
            Op::Public { field, of, thing, .. } => map(out, self.ints(thing), |thing| self.public((of, field), thing)),
            Op::Own { .. } => self.own(op, out),
            _ => {}
        }
    }

    /// An own field of things that differ by agent.
    fn own(&mut self, op: &Op, out: &mut [f64]) {
        let Op::Own { field, first, second, is_change, mask } = *op else { return };
        let (first, second) = (self.ints(first), self.ints(second));
        let mut is_there = vec![false; out.len()];
        for (lane, out) in out.iter_mut().enumerate() {
            let (first, second) = (first.at(lane), second.at(lane));
            let column = self.bound.own.column(field, index(first), index(second));
            let value = column.and_then(|column| column.get(self.rows.start + lane));
            is_there[lane] = value.is_some() && (!is_change || self.is_asked_about(first));
            *out = value.copied().unwrap_or(f64::NAN);
        }
        self.leave(mask, |lane| !is_there[lane]);
    }

    #[inline(always)]
    fn int_column(&mut self, op: &Op, out: &mut [i64]) {
        match *op {
            Op::IntBinary { op, one, two, mask } => {
                zip(out, self.ints(one), self.ints(two), |x, y| arithmetic::int_binary(op, x, y).unwrap_or(0));
                if build::can_fail(op) {
                    let mut fails = vec![false; out.len()];
                    let is_failure = |x, y| arithmetic::int_binary(op, x, y).is_none();
                    zip(&mut fails, self.ints(one), self.ints(two), is_failure);
                    self.leave(mask, |lane| fails[lane]);
                }
            }
            Op::IntOf(one) => map(out, self.floats(one), arithmetic::truncated),
            Op::Select(mask, one, two) => select(out, self.flags(mask), (self.ints(one), self.ints(two))),
            Op::Memory { cell, .. } => self.recall(cell, out),
            Op::Public { field, kind, of, thing } => {
                map(out, self.ints(thing), |thing| self.public_word((of, field, kind), thing).cast_signed());
            }
            _ => {}
        }
    }

    #[inline(always)]
    fn flag_column(&mut self, op: &Op, out: &mut [u64]) {
        match *op {
            Op::Compare(op, one, two) => compare(out, op, self.floats(one), self.floats(two)),
            Op::CompareInts(op, one, two) => {
                zip(out, self.ints(one), self.ints(two), |x, y| flag(arithmetic::compare_ints(op, x, y)));
            }
            Op::Below(one, two) => zip(out, self.floats(one), self.floats(two), |x, y| flag(x < y)),
            Op::Test(op, one) => test(out, op, self.floats(one)),
            Op::Logic(op, one, two) => logic(out, op, self.flags(one), self.flags(two)),
            Op::Select(mask, one, two) => select(out, self.flags(mask), (self.flags(one), self.flags(two))),
            Op::Memory { cell, .. } => {
                self.recall(cell, out);
                out.iter_mut().for_each(|word| *word = flag(*word != 0));
            }
            Op::Public { field, kind, of, thing } => {
                map(out, self.ints(thing), |thing| self.public_word((of, field, kind), thing));
            }
            _ => {}
        }
    }

    fn recall<T: Word>(&self, cell: usize, out: &mut [T]) {
        let memory = &self.cells.columns[cell];
        for (out, agent) in out.iter_mut().zip(&self.bound.agents[self.rows.clone()]) {
            *out = T::of(memory[(agent.0 - self.cells.first) as usize]);
        }
    }

    fn draw(&mut self, draw: Draw, mask: Reg, out: &mut [f64]) {
        let mut streams = std::mem::take(&mut self.work.streams);
        streams.resize(self.rows.len(), None);
        let flags = self.flags(mask);
        for (lane, out) in out.iter_mut().enumerate() {
            if flags.at(lane) == 0 {
                *out = 0.0;
                continue;
            }
            let stream = streams[lane].get_or_insert_with(|| {
                self.bound.draws.stream(self.bound.keys.get(self.rows.start + lane).copied().unwrap_or_default())
            });
            *out = match draw {
                Draw::Uniform => stream.uniform(),
                Draw::Normal => stream.normal(),
            };
        }
        self.work.streams = streams;
    }
}
