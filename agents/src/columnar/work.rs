//! What programs work with: what a question shows, and the columns they work on.

use std::ops::Range;

use palisade_engine::domain::AgentId;
use palisade_engine::registry::{Handle, Kind};
use palisade_engine::rng::Stream;
use palisade_engine::view::{Columns, Public};
use pulp::Arch;

use super::program::{CHUNK, Program};
use super::run::{NAN, Run};
use super::slots::Layout;
use crate::context::Draws;

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

/// A loop that came to another count of rounds than the program was unrolled to.
pub(super) struct Assumed {
    pub(super) index: usize,
    pub(super) rounds: u32,
}

/// The columns that programs work on, kept from one question to the next.
#[derive(Default)]
pub(crate) struct Work {
    arch: Arch,
    pub(super) words: Vec<u64>,
    pub(super) floats: Bankful<f64>,
    pub(super) ints: Bankful<i64>,
    pub(super) flags: Bankful<u64>,
    pub(super) streams: Vec<Option<Stream>>,
    /// Agents left to the interpreter, and whether there are any.
    pub(super) left: Vec<u64>,
    pub(super) has_left: bool,
    /// Sites that somebody came by.
    pub(super) acted: Vec<bool>,
    /// The lists of a rule in order, as far as they are wanted.
    pub(super) sorted: Vec<Option<Vec<f64>>>,
}

/// The columns of one bank, and one to write on.
#[derive(Default)]
pub(super) struct Bankful<T> {
    pub(super) columns: Vec<Vec<T>>,
    pub(super) spare: Vec<T>,
}

impl<T: Copy + Default> Bankful<T> {
    fn grow(&mut self, columns: usize) {
        let columns = columns.max(self.columns.len());
        self.columns.resize_with(columns, || vec![T::default(); CHUNK]);
        self.spare.resize(CHUNK, T::default());
    }
}

impl Work {
    pub(super) fn run(
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
}

/// A place as an index: there is nothing at those below 0.
pub(super) fn index(place: i64) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}
