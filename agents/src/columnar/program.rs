//! Programs, and which of them a hook runs.

use std::ops::Range;

use super::code::{Arg, Code, Reg};
use super::lower::{self, Given, Lowered, Root};
use super::slots::{Layout, Place};
use super::work::{Assumed, Bound, Cells, Work};

/// Agents that a program answers for at a time.
pub(crate) const CHUNK: usize = 256;

/// A program with the places of its registers.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(super) code: Code,
    pub(super) layout: Layout,
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
