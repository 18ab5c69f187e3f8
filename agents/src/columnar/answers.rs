//! What a chunk came to: the actions of its agents, what they answered, and what they remember.

use std::ops::Range;

use palisade_engine::action::{ActionId, Actor, Intent, MAX_ARGS, Value};
use palisade_engine::host::{Batch, BatchArg, BatchRows};
use palisade_engine::registry::{Handle, Kind};

use super::code::{Arg, Bank, Op, Reg, Site};
use super::program::Program;
use super::slots::Place;
use super::work::{Bound, Work, index};
use crate::declare::Cell;

/// The actions of the chunks of a question so far, a batch for each site; one of all agents means all so far.
#[derive(Default)]
pub(crate) struct Batches(Vec<Option<Batch>>);

impl Batches {
    /// The batches, when `rows` of the question have been gathered.
    pub(crate) fn take(&mut self, rows: usize, asked: usize) -> Vec<Batch> {
        let mut batches = std::mem::take(&mut self.0);
        if rows < asked {
            batches.iter_mut().flatten().for_each(|batch| narrow(batch, rows));
        }
        batches.into_iter().flatten().collect()
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

impl Work {
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
