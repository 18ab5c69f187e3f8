//! Branches: both sides are lowered, each for the agents that take it, and what they changed is chosen by who took them.

use rhai::FlowControl;

use super::code::{Arg, Logic, Op, Reg, Site};
use super::lower::{Left, Lowered, Lowering, State};
use super::value::Val;

/// Those that come by a branch, those that take its two sides, and the condition by which they do.
type Split = (Reg, [Reg; 2], Reg);

impl Lowering<'_> {
    pub(super) fn branch(&mut self, parts: &FlowControl, is_last: bool) -> Lowered<Val> {
        let condition = self.condition(&parts.expr)?;
        self.split(
            condition,
            is_last,
            |this| this.block(parts.body.statements(), is_last),
            |this| this.block(parts.branch.statements(), is_last),
        )
    }

    /// Lowers both sides of a branch, each for those that take it.
    pub(super) fn split(
        &mut self,
        condition: Reg,
        returns: bool,
        one: impl FnOnce(&mut Self) -> Lowered<Val>,
        two: impl FnOnce(&mut Self) -> Lowered<Val>,
    ) -> Lowered<Val> {
        match self.build.known_flag(condition) {
            Some(true) => return one(self),
            Some(false) => return two(self),
            None => {}
        }
        let live = self.live;
        let takers = [self.build.logic(Logic::And, live, condition), self.build.logic(Logic::AndNot, live, condition)];
        let (before, region) = (self.state.clone(), self.region);
        let sites = self.sites.len();
        let first = self.side(takers[0], returns, one)?;
        let between = self.sites.len();
        let changed = std::mem::replace(&mut self.state, before.clone());
        let second = self.side(takers[1], returns, two)?;
        self.region = region;
        let sides = [changed, std::mem::replace(&mut self.state, before)];
        self.meet((live, takers, condition), sides);
        if between == sites + 1 && self.sites.len() == between + 1 {
            self.join_sites((live, takers, condition));
        }
        self.live = match (first.1 == takers[0], second.1 == takers[1]) {
            (true, true) => live,
            _ => {
                // What a side that was passed over says of those left is void.
                let one = self.build.logic(Logic::And, takers[0], first.1);
                let two = self.build.logic(Logic::And, takers[1], second.1);
                self.build.logic(Logic::Or, one, two)
            }
        };
        Ok(match (self.build.known_flag(first.1), self.build.known_flag(second.1)) {
            (Some(false), _) => second.0,
            (_, Some(false)) => first.0,
            _ => self.choose(condition, first.0, second.0),
        })
    }

    /// Where all on both sides ask for the same action, it is one: of the one or the other argument.
    fn join_sites(&mut self, (live, takers, condition): Split) {
        let [.., one, two] = &self.sites[..] else { return };
        let (one, two) = (one.clone(), two.clone());
        // What a branch within a side says of who acts is void where it was passed over.
        let is_all = (one.mask, two.mask) == (takers[0], takers[1]);
        if !is_all || (one.action, one.account) != (two.action, two.account) {
            return;
        }
        let choose = |(one, two): (&Arg, &Arg)| match (*one, *two) {
            (one, two) if one == two => Some((one, None)),
            (Arg::Number(one), Arg::Number(two)) => Some((Arg::Number(one), Some(two))),
            (Arg::Fraction(one), Arg::Fraction(two)) => Some((Arg::Fraction(one), Some(two))),
            (Arg::Thing(first, one), Arg::Thing(second, two)) if first == second => {
                Some((Arg::Thing(first, one), Some(two)))
            }
            _ => None,
        };
        let Some(chosen) = one.args.iter().zip(&two.args).map(choose).collect::<Option<Vec<_>>>() else { return };
        let mut select = |one, two: Option<Reg>| match two {
            Some(two) => self.build.emit(Op::Select(condition, one, two)),
            None => one,
        };
        let args = chosen.into_iter().map(|(arg, two)| match arg {
            Arg::Number(one) => Arg::Number(select(one, two)),
            Arg::Fraction(one) => Arg::Fraction(select(one, two)),
            Arg::Thing(kind, one) => Arg::Thing(kind, select(one, two)),
            Arg::All => Arg::All,
        });
        let args = args.collect();
        let before = self.sites.len() - 2;
        self.build.forget_acts(before);
        self.sites.truncate(before);
        self.site(Site { args, mask: live, ..one });
    }

    /// One side of a branch, passed over when nobody takes it: its value, and who is left at its end.
    fn side(
        &mut self,
        takers: Reg,
        returns: bool,
        lower: impl FnOnce(&mut Self) -> Lowered<Val>,
    ) -> Lowered<(Val, Reg)> {
        (self.live, self.region) = (takers, takers);
        let begin = self.build.next();
        let skip = self.build.emit(Op::SkipUnless(takers, begin));
        let mut value = lower(self)?;
        if returns && self.answers_here() {
            self.leave(value)?;
            value = Val::Unit;
        }
        self.build.replace(skip, Op::SkipUnless(takers, self.build.next()));
        Ok((value, self.live))
    }

    /// Whether the function's value is an answer, of which some may be `()`.
    fn answers_here(&self) -> bool {
        self.frames.len() == 1 && self.answers()
    }

    /// What two sides changed, chosen by who took them; those who had left before keep what they had.
    fn meet(&mut self, (live, takers, condition): Split, [one, two]: [State; 2]) {
        let before = self.state.clone();
        for (place, variable) in before.variables.iter().enumerate() {
            let (first, second) = (one.variables[place].value, two.variables[place].value);
            if first == variable.value && second == variable.value {
                continue;
            }
            // Those that have left a round come back with what they had.
            let is_awaited = !before.loops.is_empty() && self.build.known_flag(live) != Some(true);
            self.state.variables[place].value = if is_awaited {
                let rest = self.choose(takers[1], second, variable.value);
                self.choose(takers[0], first, rest)
            } else {
                // Whoever takes neither side has left for good.
                self.choose(condition, first, second)
            };
        }
        let is_everybody = self.build.known_flag(live) == Some(true);
        let kept = |this: &mut Self, (one, two, before): (Reg, Reg, Reg)| {
            if one == two && two == before {
                return before;
            }
            if is_everybody {
                return this.build.emit(Op::Select(takers[0], one, two));
            }
            let second = if two == before { before } else { this.build.emit(Op::Select(takers[1], two, before)) };
            if one == before { second } else { this.build.emit(Op::Select(takers[0], one, second)) }
        };
        for place in 0..before.memory.len() {
            self.state.memory[place] = kept(self, (one.memory[place], two.memory[place], before.memory[place]));
        }
        for place in 0..before.loops.len() {
            let (one, two, before) = (one.loops[place], two.loops[place], before.loops[place]);
            self.state.loops[place] = Left {
                broken: kept(self, (one.broken, two.broken, before.broken)),
                continued: kept(self, (one.continued, two.continued, before.continued)),
            };
        }
        self.state.answered = kept(self, (one.answered, two.answered, before.answered));
        self.state.result = match (one.result, two.result, before.result) {
            (first, second, before) if first == before && second == before => before,
            (Some(first), None, None) => Some(first),
            (None, Some(second), None) => Some(second),
            (Some(first), Some(second), None) => Some(self.choose(takers[0], first, second)),
            (Some(first), Some(second), Some(before)) => {
                let rest = self.choose(takers[1], second, before);
                Some(self.choose(takers[0], first, rest))
            }
            (.., before) => before,
        };
    }
}
