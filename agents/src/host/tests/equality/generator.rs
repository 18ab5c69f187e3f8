//! Writes random programs over everything that is lowered, from a tape of choices: a shorter tape with smaller numbers is
//! a simpler program, so that a failing one shrinks with its tape.

use std::fmt::Write;

/// What is declared in every program.
const HEAD: &str = "fn params() {\n    #{ market: market_param(\"first\"), venue: venue_param(\"first\"), other: venue_param(\"THIN/USD\"),\n       feed: feed_param(\"first\"), vault: vault_param(\"major\"), rate: param(0.5, 0.0, 10.0, \"x\"), two: param(2, 0, 9, \"x\") }\n}\nfn memory() { #{ f: 0.5, g: -1.0, n: 3, k: 0, flag: false } }\n";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Float,
    Int,
    Flag,
    Venue,
}

const FLOATS: [&str; 14] = [
    "1.0",
    "0.0",
    "-1.0",
    "0.5",
    "2.5",
    "0.1",
    "3.0",
    "1e-9",
    "1e18",
    "-7.25",
    "1e308",
    "1e-308",
    "1.0000000000000002",
    "-0.0",
];
const INTS: [&str; 9] = ["1", "0", "2", "-1", "3", "7", "-5", "9223372036854775807", "4294967296"];

/// One program under way.
pub(super) struct Generator<'t> {
    tape: std::slice::Iter<'t, u32>,
    /// Names in scope by kind.
    scope: Vec<(String, Kind)>,
    names: usize,
    helpers: Vec<(String, Kind)>,
    loops: usize,
    /// What may be returned here.
    hook: &'static str,
    in_helper: Option<Kind>,
    text: String,
    depth: usize,
    budget: usize,
}

/// A program of a tape.
pub(super) fn program(tape: &[u32]) -> String {
    let mut generator = Generator {
        tape: tape.iter(),
        scope: Vec::new(),
        names: 0,
        helpers: Vec::new(),
        loops: 0,
        hook: "",
        in_helper: None,
        text: HEAD.to_owned(),
        depth: 1,
        budget: 0,
    };
    for helper in 0..generator.pick(3) {
        generator.helper(helper);
    }
    generator.function("decide", "world");
    if generator.pick(3) == 1 {
        generator.function("report", "feed");
    }
    if generator.pick(3) == 1 {
        generator.function("vote", "proposal");
    }
    for (hook, subject) in [("order", "pool"), ("bid", "auction")] {
        if generator.pick(3) == 1 {
            generator.function(hook, subject);
        }
    }
    generator.text
}

impl Generator<'_> {
    /// A choice of so many, 0 when the tape is at its end.
    fn pick(&mut self, count: usize) -> usize {
        self.tape.next().map_or(0, |choice| *choice as usize % count)
    }

    fn one_of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.pick(words.len())]
    }

    fn line(&mut self, text: &str) {
        for _ in 0..self.depth {
            self.text.push_str("    ");
        }
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("v{}", self.names)
    }

    fn variable(&mut self, kind: Kind) -> Option<String> {
        let known: Vec<String> =
            self.scope.iter().filter(|(_, of)| *of == kind).map(|(name, _)| name.clone()).collect();
        if known.is_empty() { None } else { Some(known[self.pick(known.len())].clone()) }
    }

    fn helper(&mut self, number: usize) {
        let kind = [Kind::Float, Kind::Int, Kind::Flag][self.pick(3)];
        let name = format!("helper{number}");
        self.scope = vec![("x".into(), Kind::Float), ("n".into(), Kind::Int), ("b".into(), Kind::Flag)];
        self.hook = "helper";
        self.in_helper = Some(kind);
        self.budget = 12;
        let _ = writeln!(self.text, "fn {name}(me, world, x, n, b) {{");
        self.statements(4);
        let value = self.expression(kind, 3);
        self.line(&value);
        self.text.push_str("}\n");
        self.in_helper = None;
        self.helpers.push((name, kind));
    }

    fn function(&mut self, hook: &'static str, subject: &str) {
        self.scope = Vec::new();
        self.hook = hook;
        self.budget = 30;
        let _ = writeln!(self.text, "fn {hook}(me, {subject}) {{");
        if hook != "decide" {
            self.line("let world = me;");
        }
        self.statements(8);
        let answer = self.answer();
        self.line(&answer);
        self.text.push_str("}\n");
    }

    /// The value of a hook.
    fn answer(&mut self) -> String {
        match self.hook {
            "report" | "order" | "bid" => match self.pick(4) {
                0 => self.expression(Kind::Float, 3),
                1 => self.expression(Kind::Int, 2),
                2 => format!("if {} {{ {} }}", self.expression(Kind::Flag, 2), self.expression(Kind::Float, 2)),
                _ => "return;".to_owned(),
            },
            "vote" => match self.pick(4) {
                0 => "FOR".to_owned(),
                1 => format!("if {} {{ FOR }} else {{ AGAINST }}", self.expression(Kind::Flag, 2)),
                2 => format!("if {} {{ ABSTAIN }}", self.expression(Kind::Flag, 2)),
                _ => self.expression(Kind::Int, 2),
            },
            _ => "me.memory.k += 1;".to_owned(),
        }
    }

    fn statements(&mut self, most: usize) {
        for _ in 0..self.pick(most + 1) {
            if self.budget == 0 {
                return;
            }
            self.budget -= 1;
            self.statement();
        }
    }

    fn block(&mut self, most: usize) {
        let depth = self.scope.len();
        self.depth += 1;
        self.statements(most);
        self.depth -= 1;
        self.scope.truncate(depth);
    }

    fn statement(&mut self) {
        match self.pick(14) {
            0 => self.declare(),
            1 | 2 => self.remember(),
            3 | 4 => self.act(),
            5 => self.assign(),
            6 | 7 => self.branch(),
            8 => self.rounds(),
            9 => self.switch(),
            10 => self.leave(),
            11 => self.call(),
            12 => self.declare(),
            _ => self.leave_round(),
        }
    }

    fn kind(&mut self) -> Kind {
        [Kind::Float, Kind::Int, Kind::Flag, Kind::Venue][self.pick(4)]
    }

    fn declare(&mut self) {
        let kind = self.kind();
        let (value, name) = (self.expression(kind, 3), self.name());
        self.line(&format!("let {name} = {value};"));
        self.scope.push((name, kind));
    }

    fn assign(&mut self) {
        let kind = self.kind();
        let Some(name) = self.variable(kind) else { return self.declare() };
        let value = self.expression(kind, 3);
        let operator = match kind {
            Kind::Float => self.one_of(&["=", "+=", "-=", "*=", "/=", "%="]),
            Kind::Int => self.one_of(&["=", "+=", "-=", "*=", "%=", "&=", "|=", "^="]),
            Kind::Flag => self.one_of(&["=", "&=", "|=", "^="]),
            Kind::Venue => "=",
        };
        self.line(&format!("{name} {operator} {value};"));
    }

    fn remember(&mut self) {
        let (cell, kind) =
            [("f", Kind::Float), ("g", Kind::Float), ("n", Kind::Int), ("flag", Kind::Flag)][self.pick(4)];
        let operator = match kind {
            Kind::Float => self.one_of(&["=", "+=", "*="]),
            Kind::Int => self.one_of(&["=", "+=", "-="]),
            _ => "=",
        };
        // A cell of a number takes an integer too.
        let given = if kind == Kind::Float && self.pick(5) == 4 { Kind::Int } else { kind };
        let value = self.expression(given, 3);
        self.line(&format!("me.memory.{cell} {operator} {value};"));
    }

    fn amount(&mut self) -> String {
        match self.pick(5) {
            0 | 1 => self.expression(Kind::Float, 3),
            2 => self.expression(Kind::Int, 2),
            3 => "all".to_owned(),
            _ => format!("fraction({})", self.expression(Kind::Float, 2)),
        }
    }

    fn act(&mut self) {
        let account = self.pick(2);
        let text = match self.pick(5) {
            0 => format!("me.account({account}).deposit({});", self.amount()),
            1 => format!("me.account({account}).withdraw({});", self.amount()),
            2 => format!("me.account({account}).open(me.params.market, {});", self.expression(Kind::Float, 3)),
            3 => format!("me.buy({}, {});", self.expression(Kind::Venue, 2), self.amount()),
            _ => format!("me.sell({}, {});", self.expression(Kind::Venue, 2), self.amount()),
        };
        self.line(&text);
    }

    fn branch(&mut self) {
        let condition = self.expression(Kind::Flag, 3);
        self.line(&format!("if {condition} {{"));
        self.block(3);
        if self.pick(2) == 1 {
            self.line("} else {");
            self.block(3);
        }
        self.line("}");
    }

    fn rounds(&mut self) {
        if self.loops >= 2 {
            return self.declare();
        }
        let name = self.name();
        let range = match self.pick(5) {
            0 => "0..3",
            1 => "1..=2",
            2 => "-1..me.params.two.to_int()",
            3 => "0..me.params.two.to_int() + 1",
            _ => "2..0",
        };
        let counted = self.pick(3) == 2;
        let header =
            if counted { format!("for ({name}, {name}c) in {range} {{") } else { format!("for {name} in {range} {{") };
        self.line(&header);
        let depth = self.scope.len();
        self.scope.push((name.clone(), Kind::Int));
        if counted {
            self.scope.push((format!("{name}c"), Kind::Int));
        }
        self.loops += 1;
        self.block(3);
        self.loops -= 1;
        self.scope.truncate(depth);
        self.line("}");
    }

    fn switch(&mut self) {
        let kind = [Kind::Int, Kind::Float, Kind::Flag][self.pick(3)];
        let value = self.expression(kind, 2);
        self.line(&format!("switch {value} {{"));
        let cases: &[&str] = match kind {
            Kind::Float => &["1.0", "0.5", "-1.0", "0..5"],
            Kind::Int => &["1", "-1", "3", "0..=2"],
            _ => &["true", "false"],
        };
        self.depth += 1;
        for case in &cases[..self.pick(cases.len() + 1)] {
            let guard =
                if self.pick(3) == 2 { format!(" if {}", self.expression(Kind::Flag, 1)) } else { String::new() };
            self.line(&format!("{case}{guard} => {{"));
            self.block(2);
            self.line("}");
        }
        self.line("_ => {");
        self.block(1);
        self.line("}");
        self.depth -= 1;
        self.line("}");
    }

    /// A return, a throw, or a failure, under a condition.
    fn leave(&mut self) {
        let condition = self.expression(Kind::Flag, 2);
        let leave = match (self.pick(4), self.in_helper) {
            (3, _) => "throw \"no\";".to_owned(),
            (_, Some(kind)) => format!("return {};", self.expression(kind, 2)),
            (choice, None) => match (self.hook, choice) {
                ("report" | "order" | "bid", 0 | 1) => format!("return {};", self.expression(Kind::Float, 2)),
                ("vote", 0 | 1) => "return ABSTAIN;".to_owned(),
                _ => "return;".to_owned(),
            },
        };
        self.line(&format!("if {condition} {{ {leave} }}"));
    }

    fn leave_round(&mut self) {
        if self.loops == 0 {
            return self.remember();
        }
        let condition = self.expression(Kind::Flag, 2);
        let leave = self.one_of(&["continue", "break"]);
        self.line(&format!("if {condition} {{ {leave}; }}"));
    }

    fn call(&mut self) {
        match self.helper_call(None) {
            Some(call) => self.line(&format!("{call};")),
            None => self.declare(),
        }
    }

    fn helper_call(&mut self, wanted: Option<Kind>) -> Option<String> {
        // A helper calls none: the last of them might call itself.
        if self.in_helper.is_some() {
            return None;
        }
        let known: Vec<String> = self
            .helpers
            .iter()
            .filter(|(_, kind)| wanted.is_none_or(|wanted| wanted == *kind))
            .map(|(name, _)| name.clone())
            .collect();
        if known.is_empty() {
            return None;
        }
        let name = known[self.pick(known.len())].clone();
        let args = [Kind::Float, Kind::Int, Kind::Flag].map(|kind| self.expression(kind, 1));
        Some(format!("{name}(me, world, {})", args.join(", ")))
    }

    fn expression(&mut self, kind: Kind, depth: usize) -> String {
        let leaf = depth == 0 || self.pick(3) == 0;
        match kind {
            Kind::Float if leaf => self.float_leaf(),
            Kind::Float => self.float(depth - 1),
            Kind::Int if leaf => self.int_leaf(),
            Kind::Int => self.int(depth - 1),
            Kind::Flag if leaf => self.flag_leaf(),
            Kind::Flag => self.flag(depth - 1),
            Kind::Venue => self.venue(depth.saturating_sub(1)),
        }
    }

    fn float_leaf(&mut self) -> String {
        match self.pick(12) {
            0 => self.one_of(&FLOATS).to_owned(),
            1 | 2 => self.variable(Kind::Float).unwrap_or_else(|| "me.memory.f".to_owned()),
            3 => "me.memory.g".to_owned(),
            4 => "me.account(0).equity".to_owned(),
            5 => "me.account(1).position(me.params.market).size".to_owned(),
            6 if self.hook == "order" => self.one_of(&["pool.fee", "pool.size", "pool.waited"]).to_owned(),
            6 if self.hook == "bid" => self.one_of(&["auction.price", "auction.floor"]).to_owned(),
            6 => "me.params.market.mark".to_owned(),
            7 => "me.cash".to_owned(),
            8 => "me.params.rate".to_owned(),
            9 => "me.rng.uniform()".to_owned(),
            10 => "me.rng.normal()".to_owned(),
            _ => "me.balance(me.params.venue.base)".to_owned(),
        }
    }

    fn float(&mut self, depth: usize) -> String {
        let both = |this: &mut Self| (this.number(depth), this.expression(Kind::Float, depth));
        match self.pick(13) {
            0 | 1 => {
                let operator = self.one_of(&["+", "-", "*", "/", "%"]);
                let (one, two) = both(self);
                if self.pick(2) == 0 {
                    format!("({one} {operator} {two})")
                } else {
                    format!("({two} {operator} {one})")
                }
            }
            2 => {
                let name = self.one_of(&["min", "max", "pow", "hypot"]);
                let (one, two) = both(self);
                format!("{name}({one}, {two})")
            }
            3 => {
                let name = self.one_of(&["abs", "floor", "ceil", "sqrt", "sign", "exp", "ln", "sin", "tanh"]);
                format!("{name}({})", self.expression(Kind::Float, depth))
            }
            4 => {
                let name = self.one_of(&["floor", "ceil", "sqrt", "exp", "ln", "to_float"]);
                format!("({}).{name}()", self.expression(Kind::Int, depth))
            }
            5 => format!("-({})", self.expression(Kind::Float, depth)),
            6 => {
                let (one, two, three) = (self.expression(Kind::Float, depth), self.number(depth), self.number(depth));
                format!("clamp({one}, {two}, {three})")
            }
            7 => self.choice(Kind::Float, depth),
            8 => format!("me.balance({}.quote)", self.expression(Kind::Venue, depth)),
            9 => format!("{}.price", self.expression(Kind::Venue, depth)),
            10 => self.helper_call(Some(Kind::Float)).unwrap_or_else(|| "me.memory.f".to_owned()),
            11 => format!("({}).abs()", self.expression(Kind::Float, depth)),
            _ => "me.params.market.spot.price".to_owned(),
        }
    }

    fn number(&mut self, depth: usize) -> String {
        let kind = if self.pick(3) == 2 { Kind::Int } else { Kind::Float };
        self.expression(kind, depth)
    }

    fn choice(&mut self, kind: Kind, depth: usize) -> String {
        let condition = self.expression(Kind::Flag, depth);
        let (one, two) = (self.expression(kind, depth), self.expression(kind, depth));
        format!("(if {condition} {{ {one} }} else {{ {two} }})")
    }

    fn int_leaf(&mut self) -> String {
        match self.pick(6) {
            0 => self.one_of(&INTS).to_owned(),
            1 | 2 => self.variable(Kind::Int).unwrap_or_else(|| "me.memory.n".to_owned()),
            3 => "me.memory.n".to_owned(),
            4 => "me.accounts".to_owned(),
            _ => "me.rng.below(5)".to_owned(),
        }
    }

    fn int(&mut self, depth: usize) -> String {
        let both = |this: &mut Self| (this.expression(Kind::Int, depth), this.expression(Kind::Int, depth));
        match self.pick(9) {
            0 | 1 => {
                let operator = self.one_of(&["+", "-", "*", "%", "&", "|", "^"]);
                let (one, two) = both(self);
                format!("({one} {operator} {two})")
            }
            2 => {
                let name = self.one_of(&["min", "max"]);
                let (one, two) = both(self);
                format!("{name}({one}, {two})")
            }
            3 => {
                let name = self.one_of(&["abs", "sign"]);
                format!("{name}({})", self.expression(Kind::Int, depth))
            }
            4 => format!("({}).to_int()", self.expression(Kind::Float, depth)),
            5 => format!("-({})", self.expression(Kind::Int, depth)),
            6 => self.choice(Kind::Int, depth),
            7 => format!("me.rng.below({})", self.expression(Kind::Int, depth)),
            _ => self.helper_call(Some(Kind::Int)).unwrap_or_else(|| "me.memory.k".to_owned()),
        }
    }

    fn flag_leaf(&mut self) -> String {
        match self.pick(7) {
            0 => self.one_of(&["true", "false"]).to_owned(),
            1 | 2 => self.variable(Kind::Flag).unwrap_or_else(|| "me.memory.flag".to_owned()),
            3 => "me.memory.flag".to_owned(),
            4 if self.hook == "order" => {
                self.one_of(&["pool.own", "(pool.market == me.params.market)", "(pool.venue == ())"]).to_owned()
            }
            4 if self.hook == "bid" => self.one_of(&["auction.long", "(auction.market == ())"]).to_owned(),
            4 => "me.params.market.stale".to_owned(),
            5 => "me.account(0).has_position(me.params.market)".to_owned(),
            _ => "me.rng.chance(0.5)".to_owned(),
        }
    }

    fn flag(&mut self, depth: usize) -> String {
        match self.pick(11) {
            0..=2 => {
                let operator = self.one_of(&["<", "<=", ">", ">=", "==", "!="]);
                format!("({} {operator} {})", self.number(depth), self.number(depth))
            }
            3 => format!("({} && {})", self.expression(Kind::Flag, depth), self.expression(Kind::Flag, depth)),
            4 => format!("({} || {})", self.expression(Kind::Flag, depth), self.expression(Kind::Flag, depth)),
            5 => format!("!{}", self.expression(Kind::Flag, depth)),
            6 => {
                let operator = self.one_of(&["==", "!=", "&", "|", "^"]);
                format!("({} {operator} {})", self.expression(Kind::Flag, depth), self.expression(Kind::Flag, depth))
            }
            7 => {
                let name = self.one_of(&["is_nan", "is_finite", "is_infinite"]);
                format!("({}).{name}()", self.expression(Kind::Float, depth))
            }
            8 => {
                let operator = self.one_of(&["==", "!="]);
                format!("({} {operator} {})", self.expression(Kind::Venue, depth), self.expression(Kind::Venue, depth))
            }
            9 => format!("me.rng.chance({})", self.expression(Kind::Float, depth)),
            _ => self.helper_call(Some(Kind::Flag)).unwrap_or_else(|| "(me.params.market.spot == ())".to_owned()),
        }
    }

    fn venue(&mut self, depth: usize) -> String {
        match self.pick(5) {
            0 => "me.params.venue".to_owned(),
            1 => "me.params.other".to_owned(),
            2 => self.variable(Kind::Venue).unwrap_or_else(|| "me.params.venue".to_owned()),
            3 if self.hook == "order" => "pool.venue".to_owned(),
            3 => "me.params.market.spot".to_owned(),
            _ if depth > 0 => self.choice(Kind::Venue, depth - 1),
            _ => "me.params.venue".to_owned(),
        }
    }
}
