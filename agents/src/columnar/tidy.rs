//! Tidies a program: branches that are cheaper to run than to pass over are run, and what is computed twice is computed
//! once.

use std::collections::BTreeMap;

use super::code::{Arg, Binary, Code, Op, Reg, Unary};

/// Operations over columns that a branch must be worth to be passed over when nobody takes it.
const WORTH: usize = 12;
/// What a call for each agent costs, in such operations.
const CALL: usize = 20;

pub(super) fn tidied(mut code: Code) -> Code {
    drop_skips(&mut code);
    let known = number(&mut code);
    rewrite(&mut code, &known);
    drop_unread(&mut code);
    code
}

/// Runs through branches that cost less than to look whether somebody takes them.
fn drop_skips(code: &mut Code) {
    let cost: Vec<usize> =
        code.ops.iter().zip(&code.shapes).map(|(op, shape)| if shape.is_column { cost(op) } else { 0 }).collect();
    for at in 0..code.ops.len() {
        if let Op::SkipUnless(_, end) = code.ops[at]
            && cost[at..end as usize].iter().sum::<usize>() < WORTH
        {
            code.ops[at] = Op::Nothing;
        }
    }
}

const fn cost(op: &Op) -> usize {
    match op {
        Op::Unary(Unary::Call(_), _) | Op::Binary(Binary::Call(_) | Binary::Remainder, ..) | Op::Draw { .. } => CALL,
        _ => 1,
    }
}

/// What an operation computes, when it is nothing but a function of what it reads.
type Value = (u8, u64, [u64; 3]);

fn value(op: &Op) -> Option<Value> {
    let reg = |reg: Reg| u64::from(reg.0);
    Some(match *op {
        Op::Param(place) => (1, place as u64, [0; 3]),
        Op::ThingParam(place) => (2, place as u64, [0; 3]),
        Op::Public { field, thing, of, .. } => (3, field as u64, [reg(thing), of as u64, 0]),
        Op::Unary(op, one) => {
            let op = match op {
                Unary::Negate => 0,
                Unary::Abs => 1,
                Unary::Sqrt => 2,
                Unary::Call(function) => function as usize as u64,
            };
            (4, op, [reg(one), 0, 0])
        }
        Op::Binary(op, one, two) => {
            let op = match op {
                Binary::Add => 0,
                Binary::Subtract => 1,
                Binary::Multiply => 2,
                Binary::Divide => 3,
                Binary::Remainder => 4,
                Binary::Smaller => 5,
                Binary::Larger => 6,
                Binary::Call(function) => function as usize as u64,
            };
            (5, op, [reg(one), reg(two), 0])
        }
        Op::FloatOf(one) => (6, 0, [reg(one), 0, 0]),
        Op::IntOf(one) => (7, 0, [reg(one), 0, 0]),
        Op::Compare(op, one, two) => (8, op as u64, [reg(one), reg(two), 0]),
        Op::CompareInts(op, one, two) => (9, op as u64, [reg(one), reg(two), 0]),
        Op::Below(one, two) => (10, 0, [reg(one), reg(two), 0]),
        Op::Logic(op, one, two) => (11, op as u64, [reg(one), reg(two), 0]),
        Op::Select(one, two, three) => (12, 0, [reg(one), reg(two), reg(three)]),
        _ => return None,
    })
}

/// Whether it does nothing but define its register.
fn is_only_a_value(op: &Op) -> bool {
    value(op).is_some() || matches!(op, Op::Memory { .. } | Op::Argument(_) | Op::Test(..) | Op::Subject | Op::Count(_))
}

/// For each register the one that holds the same, further up and not in a branch that may have been passed over.
fn number(code: &mut Code) -> Vec<Reg> {
    let mut known: Vec<Reg> = (0..code.ops.len()).map(|place| Reg(u32::try_from(place).unwrap_or(u32::MAX))).collect();
    // What has been computed in each of the branches that we are in, the innermost last, and where they end.
    let mut scopes: Vec<(usize, BTreeMap<Value, Reg>)> = vec![(usize::MAX, BTreeMap::new())];
    for at in 0..code.ops.len() {
        scopes.retain(|(end, _)| *end > at);
        code.ops[at] = renamed(code.ops[at], &known);
        if let Op::SkipUnless(_, end) = code.ops[at] {
            scopes.push((end as usize, BTreeMap::new()));
        }
        let Some(value) = value(&code.ops[at]) else { continue };
        if let Some(reg) = scopes.iter().find_map(|(_, values)| values.get(&value)) {
            known[at] = *reg;
        } else if let Some((_, values)) = scopes.last_mut() {
            values.insert(value, known[at]);
        }
    }
    known
}

fn renamed(op: Op, known: &[Reg]) -> Op {
    op.renamed(|reg| known[reg.place()])
}

fn rewrite(code: &mut Code, known: &[Reg]) {
    let now = |reg: &mut Reg| *reg = known[reg.place()];
    for site in &mut code.sites {
        now(&mut site.mask);
        for arg in &mut site.args {
            match arg {
                Arg::Number(reg) | Arg::Fraction(reg) | Arg::Thing(_, reg) => now(reg),
                Arg::All => {}
            }
        }
    }
    if let Some(answer) = &mut code.answer {
        now(&mut answer.mask);
        now(&mut answer.value);
    }
    code.memory.iter_mut().for_each(|(_, reg)| now(reg));
}

/// Leaves out what nobody reads.
fn drop_unread(code: &mut Code) {
    let mut is_read = vec![false; code.ops.len()];
    code.ends().for_each(|reg| is_read[reg.place()] = true);
    for at in (0..code.ops.len()).rev() {
        if is_only_a_value(&code.ops[at]) && !is_read[at] {
            code.ops[at] = Op::Nothing;
        }
        code.ops[at].reads().into_iter().flatten().for_each(|reg| is_read[reg.place()] = true);
    }
}
