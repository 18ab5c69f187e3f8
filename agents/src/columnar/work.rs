//! Runs a program over the agents of a question, a chunk at a time.

use std::ops::Range;

use palisade_engine::action::{ActionId, Actor, Intent, MAX_ARGS, Value};
use palisade_engine::domain::AgentId;
use palisade_engine::host::{Batch, BatchArg, BatchRows};
use palisade_engine::math::oracle::weighted_lower_quantile;
use palisade_engine::registry::{Handle, Kind};
use palisade_engine::rng::Stream;
use palisade_engine::view::{Columns, FieldKind, Public};

use super::arithmetic::{self, flag};
use super::code::{Arg, Bank, Binary, Code, Comparison, Draw, List, Logic, Op, Reg, Site, Test, Unary};
use super::lower::{self, Given, Lowered, Root};
use super::slots::{Layout, Place};
use pulp::{Arch, Simd, WithSimd};

use crate::context::{Draws, handle};
use crate::declare::Cell;
use crate::pure;

/// Agents that a program answers for at a time.
pub(crate) const CHUNK: usize = 256;

const NAN: [f64; CHUNK] = [f64::NAN; CHUNK];

/// A program with the places of its registers.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    code: Code,
    layout: Layout,
    is_batchable: bool,
}

impl Program {
    fn new(given: Given<'_>, root: Root, rounds: Vec<u32>) -> Lowered<Self> {
        let code = lower::lower(given, root, rounds)?;
        let layout = Layout::of(&code);
        let place = |reg: &Reg| layout.places[reg.place()];
        let fits = |arg: &Arg| match arg {
            Arg::Number(reg) => !matches!(place(reg), Place::Input(_)),
            Arg::Thing(_, reg) => place(reg) == Place::Word,
            Arg::All => true,
            Arg::Fraction(_) => false,
        };
        let is_batchable = code.sites.iter().flat_map(|site| &site.args).all(fits);
        Ok(Self { layout, code, is_batchable })
    }

    /// Whether its actions can be put as batches: columns of numbers, and things and portions that all have in common.
    pub(crate) const fn is_batchable(&self) -> bool {
        self.is_batchable
    }

    /// Whether the hook returns anything.
    pub(crate) const fn answers(&self) -> bool {
        self.code.answer.is_some()
    }

    /// Operations of the program.
    pub(crate) fn len(&self) -> usize {
        self.code.ops.len()
    }
}

/// A hook or rule that runs over columns: one program for every count of rounds that its loops came to.
#[derive(Clone, Debug)]
pub(crate) struct Columnar {
    root: Root,
    programs: Vec<Program>,
    current: usize,
}

/// Different counts of rounds for which a program is kept.
const MAX_PROGRAMS: usize = 32;
/// Programs tried for one chunk: one for every loop whose count was assumed wrongly.
const MAX_TRIES: usize = 16;

/// What a question shows to all its agents.
#[derive(Clone, Copy)]
pub(crate) struct Bound<'a> {
    pub(crate) public: &'a Public,
    pub(crate) own: &'a Columns,
    pub(crate) subject: Option<Handle>,
    pub(crate) subject_values: &'a [f64],
    /// How many things of each kind there are.
    pub(crate) counts: [usize; Kind::ALL.len()],
    /// The changes of the proposal asked about.
    pub(crate) changes: (u32, u32),
    /// The bound parameters: numbers as bits, things by place.
    pub(crate) params: &'a [u64],
    pub(crate) agents: &'a [AgentId],
    pub(crate) keys: &'a [u64],
    pub(crate) draws: Draws,
    /// What a rule is given.
    pub(crate) arguments: &'a [&'a [f64]],
}

/// The cells of all agents of a cohort, a column each, and the cohort's first agent.
#[derive(Clone, Copy)]
pub(crate) struct Cells<'a> {
    pub(crate) columns: &'a [Vec<u64>],
    pub(crate) first: u32,
}

/// Whether a chunk was run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    Done,
    /// All its agents are left to the interpreter.
    Interpret,
}

impl Columnar {
    pub(crate) fn new(given: Given<'_>, root: Root) -> Lowered<Self> {
        Ok(Self { root, programs: vec![Program::new(given, root, Vec::new())?], current: 0 })
    }

    /// Which program is in use.
    pub(crate) const fn current(&self) -> usize {
        self.current
    }

    /// The program in use.
    pub(crate) fn program(&self) -> &Program {
        &self.programs[self.current]
    }

    /// Answers for some agents of a question, with another program where loops come to other counts of rounds.
    pub(crate) fn run(
        &mut self,
        work: &mut Work,
        (bound, cells): (&Bound<'_>, Cells<'_>),
        rows: &Range<usize>,
        given: Given<'_>,
    ) -> Outcome {
        for _ in 0..MAX_TRIES {
            let program = &self.programs[self.current];
            let Err(Assumed { index, rounds }) = work.run(program, (bound, cells), rows) else { return Outcome::Done };
            let mut wanted = program.code.rounds[..index].to_vec();
            wanted.push(rounds);
            let fits = |program: &Program| program.code.rounds.starts_with(&wanted);
            if let Some(known) = self.programs.iter().position(fits) {
                self.current = known;
                continue;
            }
            if self.programs.len() >= MAX_PROGRAMS {
                return Outcome::Interpret;
            }
            let Ok(program) = Program::new(given, self.root, wanted) else { return Outcome::Interpret };
            self.programs.push(program);
            self.current = self.programs.len() - 1;
        }
        Outcome::Interpret
    }
}

/// A loop that came to another count of rounds than the program was unrolled to.
struct Assumed {
    index: usize,
    rounds: u32,
}

/// The columns that programs work on, kept from one question to the next.
#[derive(Default)]
pub(crate) struct Work {
    arch: Arch,
    words: Vec<u64>,
    floats: Bankful<f64>,
    ints: Bankful<i64>,
    flags: Bankful<u64>,
    streams: Vec<Option<Stream>>,
    /// Agents left to the interpreter, and whether there are any.
    left: Vec<u64>,
    has_left: bool,
    /// Sites that somebody came by.
    acted: Vec<bool>,
    /// The lists of a rule in order, as far as they are wanted.
    sorted: Vec<Option<Vec<f64>>>,
}

/// The columns of one bank, and one to write on.
#[derive(Default)]
struct Bankful<T> {
    columns: Vec<Vec<T>>,
    spare: Vec<T>,
}

impl<T: Copy + Default> Bankful<T> {
    fn grow(&mut self, columns: usize) {
        let columns = columns.max(self.columns.len());
        self.columns.resize_with(columns, || vec![T::default(); CHUNK]);
        self.spare.resize(CHUNK, T::default());
    }
}

/// A register's values.
#[derive(Clone, Copy)]
enum Each<'a, T> {
    Same(T),
    Column(&'a [T]),
}

/// What fits a column as 64 bits.
trait Word: Copy {
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
fn map<T: Copy, R>(out: &mut [R], one: Each<'_, T>, f: impl Fn(T) -> R) {
    match one {
        Each::Same(x) => out.iter_mut().for_each(|out| *out = f(x)),
        Each::Column(one) => out.iter_mut().zip(one).for_each(|(out, x)| *out = f(*x)),
    }
}

#[inline(always)]
fn zip<T: Copy, R>(out: &mut [R], one: Each<'_, T>, two: Each<'_, T>, f: impl Fn(T, T) -> R) {
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
fn select<T: Word>(out: &mut [T], mask: Each<'_, u64>, (one, two): (Each<'_, T>, Each<'_, T>)) {
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
fn unary(out: &mut [f64], op: Unary, one: Each<'_, f64>) {
    match op {
        Unary::Negate => map(out, one, |x| arithmetic::unary(Unary::Negate, x)),
        Unary::Abs => map(out, one, |x| arithmetic::unary(Unary::Abs, x)),
        Unary::Sqrt => map(out, one, |x| arithmetic::unary(Unary::Sqrt, x)),
        Unary::Call(function) => map(out, one, function),
    }
}

#[inline(always)]
fn binary(out: &mut [f64], op: Binary, one: Each<'_, f64>, two: Each<'_, f64>) {
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
fn compare(out: &mut [u64], op: Comparison, one: Each<'_, f64>, two: Each<'_, f64>) {
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
fn logic(out: &mut [u64], op: Logic, one: Each<'_, u64>, two: Each<'_, u64>) {
    macro_rules! loops {
        ($($kind:ident),*) => {
            match op {
                $(Logic::$kind => zip(out, one, two, |x, y| arithmetic::logic(Logic::$kind, x, y)),)*
            }
        };
    }
    loops!(And, Or, AndNot, Xor);
}

/// The actions of the chunks of a question so far, a batch for each site; one of all agents means all so far.
#[derive(Default)]
pub(crate) struct Batches(Vec<Option<Batch>>);

impl Batches {
    /// The batches, when `rows` of the question have been gathered.
    pub(crate) fn take(&mut self, rows: usize, asked: usize) -> impl Iterator<Item = Batch> {
        let mut batches = std::mem::take(&mut self.0);
        if rows < asked {
            batches.iter_mut().flatten().for_each(|batch| narrow(batch, rows));
        }
        batches.into_iter().flatten()
    }
}

/// A batch of all agents before a row is one of those agents.
fn narrow(batch: &mut Batch, row: usize) {
    if batch.rows == BatchRows::All {
        batch.rows = BatchRows::Some((0..row).filter_map(|row| u32::try_from(row).ok()).collect());
    }
}

fn thing(kind: Kind, place: i64) -> Value {
    Value::Handle(Handle { kind, index: u32::try_from(place).unwrap_or(u32::MAX) })
}

/// One chunk on its way through a program.
struct Run<'r, 'a> {
    work: &'r mut Work,
    program: &'r Program,
    bound: &'r Bound<'a>,
    cells: Cells<'r>,
    rows: &'r Range<usize>,
    inputs: Vec<&'a [f64]>,
}

impl Work {
    fn run(
        &mut self,
        program: &Program,
        (bound, cells): (&Bound<'_>, Cells<'_>),
        rows: &Range<usize>,
    ) -> Result<(), Assumed> {
        let Layout { columns: [floats, ints, flags], inputs, constants, .. } = &program.layout;
        self.floats.grow(*floats);
        self.ints.grow(*ints);
        self.flags.grow(*flags);
        self.words.resize(program.code.ops.len().max(self.words.len()), 0);
        for (reg, word) in constants {
            self.words[reg.place()] = *word;
        }
        if self.has_left || self.left.len() != rows.len() {
            self.left.clear();
            self.left.resize(rows.len(), 0);
            self.has_left = false;
        }
        self.streams.clear();
        self.sorted.clear();
        self.sorted.resize(bound.arguments.len(), None);
        self.acted.clear();
        self.acted.resize(program.code.sites.len(), false);
        let arch = self.arch;
        arch.dispatch(Run { work: self, program, bound, cells, rows, inputs: vec![&NAN; *inputs] })
    }

    /// Whether any agent of the chunk is left to the interpreter.
    pub(crate) const fn has_left(&self) -> bool {
        self.has_left
    }

    /// Whether an agent of the chunk is left to the interpreter.
    pub(crate) fn is_left(&self, lane: usize) -> bool {
        self.left[lane] != 0
    }

    fn float_at(&self, program: &Program, bound: &Bound<'_>, (reg, lane, row): (Reg, usize, usize)) -> f64 {
        match program.layout.places[reg.place()] {
            Place::Word => f64::from_bits(self.words[reg.place()]),
            Place::Column(column) => self.floats.columns[column][lane],
            Place::Input(_) => match program.code.ops[reg.place()] {
                Op::Argument(index) => bound.arguments[index][row],
                Op::Own { field, first, second, .. } => {
                    let [first, second] = [first, second].map(|reg| self.words[reg.place()].cast_signed());
                    bound.own.value(field, index(first), index(second), row)
                }
                _ => f64::NAN,
            },
        }
    }

    fn int_at(&self, program: &Program, reg: Reg, lane: usize) -> i64 {
        match program.layout.places[reg.place()] {
            Place::Column(column) => self.ints.columns[column][lane],
            _ => self.words[reg.place()].cast_signed(),
        }
    }

    fn flag_at(&self, program: &Program, reg: Reg, lane: usize) -> bool {
        match program.layout.places[reg.place()] {
            Place::Column(column) => self.flags.columns[column][lane] != 0,
            _ => self.words[reg.place()] != 0,
        }
    }

    /// What the hook returned for an agent of the chunk.
    pub(crate) fn answer(&self, program: &Program, bound: &Bound<'_>, (lane, row): (usize, usize)) -> Option<f64> {
        let answer = program.code.answer?;
        self.flag_at(program, answer.mask, lane).then(|| self.float_at(program, bound, (answer.value, lane, row)))
    }

    /// Writes what agents of the chunk remember now, but for those in the lanes `staying`.
    pub(crate) fn remember(
        &self,
        program: &Program,
        (bound, first): (&Bound<'_>, u32),
        rows: &Range<usize>,
        (memory, staying): (&mut [Vec<u64>], &[usize]),
    ) {
        for (cell, reg) in &program.code.memory {
            let column = &mut memory[*cell];
            for (lane, row) in rows.clone().enumerate().filter(|(lane, _)| staying.binary_search(lane).is_err()) {
                column[(bound.agents[row].0 - first) as usize] = match program.code.shapes[reg.place()].bank {
                    Bank::Float => Cell::Float(self.float_at(program, bound, (*reg, lane, row))).word(),
                    Bank::Int => Cell::Int(self.int_at(program, *reg, lane)).word(),
                    Bank::Flag => Cell::Flag(self.flag_at(program, *reg, lane)).word(),
                };
            }
        }
    }

    /// What an agent of the chunk asks for, in order.
    pub(crate) fn intents(
        &self,
        program: &Program,
        bound: &Bound<'_>,
        (lane, row): (usize, usize),
        out: &mut Vec<Intent>,
    ) {
        for (site, acted) in program.code.sites.iter().zip(&self.acted) {
            if *acted && self.flag_at(program, site.mask, lane) {
                out.push(self.intent(program, bound, (site, lane, row)));
            }
        }
    }

    /// Adds the actions of a chunk to those of the chunks before it.
    pub(crate) fn gather(&self, program: &Program, (rows, asked): (&Range<usize>, usize), batches: &mut Batches) {
        batches.0.resize(program.code.sites.len(), None);
        for ((site, acted), batch) in program.code.sites.iter().zip(&self.acted).zip(&mut batches.0) {
            if !acted {
                batch.iter_mut().for_each(|batch| narrow(batch, rows.start));
                continue;
            }
            let batch = batch.get_or_insert_with(|| self.batch(program, site, (rows.start, asked)));
            let mask = match program.layout.places[site.mask.place()] {
                Place::Column(column) => Some(&self.flags.columns[column][..rows.len()]),
                _ if self.words[site.mask.place()] == 0 => {
                    narrow(batch, rows.start);
                    continue;
                }
                _ => None,
            };
            if mask.is_some() {
                narrow(batch, rows.start);
            }
            if let BatchRows::Some(known) = &mut batch.rows {
                let lanes = rows.clone().zip(0..).filter(|(_, lane)| mask.is_none_or(|mask| mask[*lane] != 0));
                known.extend(lanes.filter_map(|(row, _)| u32::try_from(row).ok()));
            }
            for (arg, numbers) in site.args.iter().zip(&mut batch.args) {
                let (Arg::Number(reg), Some(BatchArg::Numbers(numbers))) = (arg, numbers) else { continue };
                match (program.layout.places[reg.place()], mask) {
                    (Place::Column(column), None) => {
                        numbers.extend_from_slice(&self.floats.columns[column][..rows.len()]);
                    }
                    (Place::Column(column), Some(mask)) => {
                        let column = self.floats.columns[column].iter().zip(mask);
                        numbers.extend(column.filter(|(_, mask)| **mask != 0).map(|(number, _)| *number));
                    }
                    (_, mask) => {
                        let count = mask.map_or(rows.len(), |mask| mask.iter().filter(|mask| **mask != 0).count());
                        let number = f64::from_bits(self.words[reg.place()]);
                        numbers.resize(numbers.len() + count, number);
                    }
                }
            }
        }
    }

    /// An empty batch of a site that somebody came by.
    fn batch(&self, program: &Program, site: &Site, (start, asked): (usize, usize)) -> Batch {
        let mut args = [const { None }; MAX_ARGS];
        for (slot, arg) in args.iter_mut().zip(&site.args) {
            *slot = Some(match *arg {
                Arg::Number(_) | Arg::Fraction(_) => BatchArg::Numbers(Vec::with_capacity(asked)),
                Arg::All => BatchArg::Same(Value::All),
                Arg::Thing(kind, reg) => BatchArg::Same(thing(kind, self.int_at(program, reg, 0))),
            });
        }
        let rows = if start == 0 { BatchRows::All } else { BatchRows::Some(Vec::new()) };
        Batch { action: ActionId(site.action), account: site.account, rows, args }
    }

    fn intent(&self, program: &Program, bound: &Bound<'_>, (site, lane, row): (&Site, usize, usize)) -> Intent {
        let mut args = [None; MAX_ARGS];
        for (slot, arg) in args.iter_mut().zip(&site.args) {
            *slot = Some(match *arg {
                Arg::Number(reg) => Value::Number(self.float_at(program, bound, (reg, lane, row))),
                Arg::Fraction(reg) => Value::Fraction(self.float_at(program, bound, (reg, lane, row))),
                Arg::All => Value::All,
                Arg::Thing(kind, reg) => thing(kind, self.int_at(program, reg, lane)),
            });
        }
        let actor = Actor { agent: bound.agents[row], account: site.account };
        Intent { actor, action: ActionId(site.action), args }
    }
}

/// A place as an index: there is nothing at those below 0.
fn index(place: i64) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
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
            Kind::Account => self.bound.subject_values.get(field).copied().unwrap_or(f64::NAN),
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

    fn lanes(&self, reg: Reg) -> Vec<i64> {
        match self.ints(reg) {
            Each::Same(value) => vec![value; self.rows.len()],
            Each::Column(column) => column.to_vec(),
        }
    }

    /// An own field of things that differ by agent.
    fn own(&mut self, op: &Op, out: &mut [f64]) {
        let Op::Own { field, first, second, is_change, mask } = *op else { return };
        let (first, second) = (self.lanes(first), self.lanes(second));
        let mut is_there = vec![false; out.len()];
        for (lane, out) in out.iter_mut().enumerate() {
            let column = self.bound.own.column(field, index(first[lane]), index(second[lane]));
            let value = column.and_then(|column| column.get(self.rows.start + lane));
            is_there[lane] = value.is_some() && (!is_change || self.is_asked_about(first[lane]));
            *out = value.copied().unwrap_or(f64::NAN);
        }
        self.leave(mask, |lane| !is_there[lane]);
    }

    #[inline(always)]
    fn int_column(&mut self, op: &Op, out: &mut [i64]) {
        match *op {
            Op::IntBinary { op, one, two, mask } => {
                zip(out, self.ints(one), self.ints(two), |x, y| arithmetic::int_binary(op, x, y).unwrap_or(0));
                let (one, two) = (self.lanes(one), self.lanes(two));
                if super::build::can_fail(op) {
                    self.leave(mask, |lane| arithmetic::int_binary(op, one[lane], two[lane]).is_none());
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
            let draws = match flags {
                Each::Same(word) => word != 0,
                Each::Column(words) => words[lane] != 0,
            };
            if !draws {
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

#[inline(always)]
fn test(out: &mut [u64], op: Test, one: Each<'_, f64>) {
    match op {
        Test::NonZero => map(out, one, |x| flag(x != 0.0)),
        Test::Finite => map(out, one, |x| flag(x.is_finite())),
        op => map(out, one, |x| flag(arithmetic::test(op, x))),
    }
}
