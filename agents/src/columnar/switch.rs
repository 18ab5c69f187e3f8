//! Lowers `switch`. Rhai keeps the hashes of its cases and not their literals, so these are found again among the literals
//! of the source: the one of the same hash.

use std::collections::BTreeMap;

use rhai::{Dynamic, Engine, Expr, Position, RangeCase, Stmt, SwitchCasesCollection};

use super::code::{Comparison, Logic, Op, Reg, Test};
use super::lower::{Lowered, Lowering};
use super::value::Val;
use crate::pure::float;

/// What one case is for, and its block.
struct Case {
    matches: Reg,
    block: usize,
}

impl Lowering<'_> {
    pub(super) fn switch(
        &mut self,
        value: &Expr,
        cases: &SwitchCasesCollection,
        (at, is_last): (Position, bool),
    ) -> Lowered<Val> {
        let value = self.expression(value)?;
        if !matches!(value, Val::Int(_) | Val::Float(_) | Val::Flag(_)) {
            return self.refuse(at, format!("a switch over {}", value.words()));
        }
        let Some(literals) = self.literals(cases) else {
            return self.refuse(at, "a switch with cases other than numbers and flags");
        };
        let mut found = Vec::new();
        for (literal, blocks) in literals {
            if let Some(matches) = self.is_literal(value, &literal) {
                found.extend(blocks.into_iter().map(|block| Case { matches, block }));
            }
        }
        for range in &cases.ranges {
            if let Some(matches) = self.is_within(value, range) {
                found.push(Case { matches, block: range.index() });
            }
        }
        self.cases((&found, cases), is_last)
    }

    /// The first case that matches and whose condition holds, or else the default.
    fn cases(&mut self, (found, all): (&[Case], &SwitchCasesCollection), is_last: bool) -> Lowered<Val> {
        let Some((case, rest)) = found.split_first() else {
            return all.def_case.map_or(Ok(Val::Unit), |block| self.case_block(&all.expressions[block].rhs, is_last));
        };
        let block = &all.expressions[case.block];
        let applies = match &block.lhs {
            Expr::BoolConstant(true, _) => case.matches,
            condition => {
                let live = self.build.logic(Logic::And, self.live, case.matches);
                let holds = self.condition_for(live, condition)?;
                self.build.logic(Logic::And, case.matches, holds)
            }
        };
        self.split(
            applies,
            is_last,
            |this| this.case_block(&block.rhs, is_last),
            |this| this.cases((rest, all), is_last),
        )
    }

    fn case_block(&mut self, block: &Expr, is_last: bool) -> Lowered<Val> {
        match block {
            Expr::Stmt(block) => self.block(block.statements(), is_last),
            block => self.expression(block),
        }
    }

    fn is_literal(&mut self, value: Val, literal: &Dynamic) -> Option<Reg> {
        match value {
            Val::Int(reg) => {
                let literal = self.build.int(literal.as_int().ok()?);
                Some(self.build.emit(Op::CompareInts(Comparison::Equal, reg, literal)))
            }
            Val::Float(reg) => Some(self.build.emit(Op::Test(Test::Same(literal.as_float().ok()?.to_bits()), reg))),
            Val::Flag(reg) => Some(if literal.as_bool().ok()? { reg } else { self.build.not(reg) }),
            _ => None,
        }
    }

    fn is_within(&mut self, value: Val, range: &RangeCase) -> Option<Reg> {
        match value {
            Val::Int(reg) => {
                let (low, high, below) = match range {
                    RangeCase::ExclusiveInt(range, _) => (range.start, range.end, Comparison::Less),
                    RangeCase::InclusiveInt(range, _) => (*range.start(), *range.end(), Comparison::LessOrEqual),
                };
                let high = self.build.int(high);
                Some(self.between(reg, low, (below, high)))
            }
            Val::Float(reg) => {
                let test = match range {
                    RangeCase::ExclusiveInt(range, _) => Test::Within(float(range.start), float(range.end)),
                    RangeCase::InclusiveInt(range, _) => {
                        Test::WithinInclusive(float(*range.start()), float(*range.end()))
                    }
                };
                Some(self.build.emit(Op::Test(test, reg)))
            }
            _ => None,
        }
    }

    /// The literals of the cases with their blocks; nothing when one of them is no number and no flag.
    fn literals(&self, cases: &SwitchCasesCollection) -> Option<Vec<(Dynamic, Vec<usize>)>> {
        let hashes = cases.cases.iter().map(|(hash, blocks)| (*hash, blocks.blocks.to_vec()));
        let mut wanted: BTreeMap<u64, Vec<usize>> = hashes.collect();
        let engine = Engine::new_raw();
        // The ends of ranges are among the cases too, as ranges.
        for range in &cases.ranges {
            let text = match range {
                RangeCase::ExclusiveInt(range, _) => format!("{}..{}", range.start, range.end),
                RangeCase::InclusiveInt(range, _) => format!("{}..={}", range.start(), range.end()),
            };
            wanted.remove(&hash_of(&engine, &text)?);
        }
        let mut literals = Vec::new();
        for source in &self.given.draft.sources {
            for text in candidates(&source.text) {
                if wanted.is_empty() {
                    return Some(literals);
                }
                if let Some(blocks) = hash_of(&engine, &text).and_then(|hash| wanted.remove(&hash)) {
                    literals.push((engine.eval_expression::<Dynamic>(&text).ok()?, blocks));
                }
            }
        }
        wanted.is_empty().then_some(literals)
    }
}

/// The hash by which rhai knows a literal as a case.
fn hash_of(engine: &Engine, literal: &str) -> Option<u64> {
    let ast = engine.compile(format!("switch 0 {{ {literal} => 0 }}")).ok()?;
    match ast.statements() {
        [Stmt::Switch(parts, _)] => parts.1.cases.keys().next().copied(),
        [Stmt::Expr(expression)] => match &**expression {
            Expr::Stmt(block) => match block.statements() {
                [Stmt::Switch(parts, _)] => parts.1.cases.keys().next().copied(),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// Everything in a text that may be the literal of a number or a flag.
fn candidates(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let is_part =
        |place: usize| letters.get(place).is_some_and(|letter| letter.is_ascii_alphanumeric() || *letter == '_');
    let (mut found, mut place) = (vec!["true".to_owned(), "false".to_owned()], 0);
    while place < letters.len() {
        let begin = place;
        while is_part(place)
            || (place > begin && letters[place] == '.' && letters.get(place + 1).is_some_and(char::is_ascii_digit))
            || (place > begin && "+-".contains(letters[place]) && "eE".contains(letters[place - 1]))
        {
            place += 1;
        }
        if letters[begin].is_ascii_digit() {
            let literal: String = letters[begin..place].iter().collect();
            found.push(format!("-{literal}"));
            found.push(literal);
        }
        place += usize::from(place == begin);
    }
    found
}
