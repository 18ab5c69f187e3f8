//! Gives registers their places: a word, a column of the inputs, or a column that registers share one after another, so
//! that what a program works on stays in the nearest cache.

use super::code::{Code, Op, Reg};

/// Where a register is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// One word for all agents.
    Word,
    /// A column of its bank.
    Column(usize),
    /// A column that is read where it lies.
    Input(usize),
}

/// The places of a program's registers.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Layout {
    pub(super) places: Vec<Place>,
    /// Columns of floats, integers and flags.
    pub(super) columns: [usize; 3],
    pub(super) inputs: usize,
    /// The words that are known, which are in place before the first operation: some may be passed over.
    pub(super) constants: Vec<(Reg, u64)>,
}

impl Layout {
    pub(super) fn of(code: &Code) -> Self {
        let last = last_reads(code);
        let mut layout = Self { places: Vec::new(), columns: [0; 3], inputs: 0, constants: Vec::new() };
        let mut free: [Vec<usize>; 3] = Default::default();
        for (at, (op, shape)) in code.ops.iter().zip(&code.shapes).enumerate() {
            let free_now = |reg: Reg| last[reg.place()] == at;
            // What is read here for the last time makes room for what is written here.
            let mut reads: Vec<Reg> = op.reads().into_iter().flatten().collect();
            reads.dedup();
            for reg in reads.into_iter().filter(|reg| free_now(*reg)) {
                if let Place::Column(column) = layout.places[reg.place()] {
                    let bank = &mut free[code.shapes[reg.place()].bank as usize];
                    if !bank.contains(&column) {
                        bank.push(column);
                    }
                }
            }
            let place = match op {
                _ if !shape.is_column => Place::Word,
                Op::Argument(_) => layout.input(),
                Op::Own { first, second, .. }
                    if ![first, second].iter().any(|reg| code.shapes[reg.place()].is_column) =>
                {
                    layout.input()
                }
                _ => {
                    let bank = shape.bank as usize;
                    let column = free[bank].pop().unwrap_or_else(|| {
                        layout.columns[bank] += 1;
                        layout.columns[bank] - 1
                    });
                    if last[at] == at {
                        free[bank].push(column);
                    }
                    Place::Column(column)
                }
            };
            layout.places.push(place);
            let word = match *op {
                Op::Float(x) => x.to_bits(),
                Op::Int(x) => x.cast_unsigned(),
                Op::Flag(x) => super::arithmetic::flag(x),
                _ => continue,
            };
            layout.constants.push((Reg(u32::try_from(at).unwrap_or(u32::MAX)), word));
        }
        layout
    }

    fn input(&mut self) -> Place {
        self.inputs += 1;
        Place::Input(self.inputs - 1)
    }
}

/// By register, the last operation that reads it; its own when none does, and never for what is read at the end.
fn last_reads(code: &Code) -> Vec<usize> {
    let mut last: Vec<usize> = (0..code.ops.len()).collect();
    for (at, op) in code.ops.iter().enumerate() {
        for reg in op.reads().into_iter().flatten() {
            last[reg.place()] = at;
        }
    }
    code.ends().for_each(|reg| last[reg.place()] = usize::MAX);
    last
}
