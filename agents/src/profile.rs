//! Where a strategy's operations and time go: by hook, and by line.
//!
//! rhai counts operations but does not say where it is. So the text that a profiled run compiles has a mark before every
//! statement, which notes the line; what the marks themselves cost is taken off again, so that a profiled run is the same
//! run. What a line calls is counted at the lines called, up to the next statement of the caller.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Instant;

use rhai::{Dynamic, Engine, Token};

use crate::sandbox::{LOAD_FUEL, Meter, Outcome, Sandbox};

/// The function that marks call. No script can: it is registered in profiled runs alone, behind the checks.
const MARK: &str = "mark_line";
/// Lines of one file, at most: a script has 64 KiB.
const LINES: usize = 1 << 16;

/// Operations and time of one hook of a strategy.
#[derive(Clone, PartialEq, Debug)]
pub struct HookCost {
    /// The strategy.
    pub strategy: String,
    /// The hook.
    pub hook: &'static str,
    /// How it was run.
    pub backend: &'static str,
    /// Decisions.
    pub calls: u64,
    /// Operations of all of them.
    pub operations: u64,
    /// Time of all of them, in nanoseconds.
    pub nanoseconds: u64,
}

/// Operations and time of one line.
#[derive(Clone, PartialEq, Debug)]
pub struct LineCost {
    /// The file, as the user knows it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// Its text.
    pub text: String,
    /// Operations, all calls together.
    pub operations: u64,
    /// Time, in nanoseconds.
    pub nanoseconds: u64,
}

impl HookCost {
    pub(crate) fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.operations += other.operations;
        self.nanoseconds += other.nanoseconds;
    }
}

impl LineCost {
    pub(crate) fn add(&mut self, other: &Self) {
        self.operations += other.operations;
        self.nanoseconds += other.nanoseconds;
    }
}

/// Counts by mark while calls are under way.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The mark passed last, since when, and at how many operations.
    now: Option<(usize, Instant, u64)>,
    costs: BTreeMap<usize, (u64, u64)>,
}

impl Tally {
    /// Ends the stretch of the mark passed last.
    fn close(&self, operations: u64) {
        let mut state = self.state.borrow_mut();
        if let Some((mark, since, before)) = state.now.take() {
            let cost = state.costs.entry(mark).or_default();
            cost.0 += operations.saturating_sub(before);
            cost.1 += u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        }
    }

    fn open(&self, mark: usize, operations: u64) {
        self.state.borrow_mut().now = Some((mark, Instant::now(), operations));
    }

    /// Ends a call.
    pub(crate) fn end(&self, meter: &Meter) {
        self.close(meter.operations());
    }

    /// The cost of every line of the given files: operations and nanoseconds.
    pub(crate) fn lines<'a>(&self, files: &[(&'a str, &'a str)]) -> Vec<LineCost> {
        let costs = &self.state.borrow().costs;
        let cost = |(mark, (operations, nanoseconds)): (&usize, &(u64, u64))| {
            let (file, text) = files.get(mark / LINES)?;
            let line = mark % LINES;
            let text = text.lines().nth(line.checked_sub(1)?)?.trim().to_owned();
            let (operations, nanoseconds) = (*operations, *nanoseconds);
            Some(LineCost { file: (*file).to_owned(), line, text, operations, nanoseconds })
        };
        costs.iter().filter_map(cost).collect()
    }
}

/// Makes a sandbox count by mark.
pub(crate) fn register(sandbox: &mut Sandbox) -> Rc<Tally> {
    let tally = Rc::new(Tally::default());
    let overhead = overhead(sandbox);
    let (meter, shared) = (Rc::clone(&sandbox.meter), Rc::clone(&tally));
    sandbox.engine.register_fn(MARK, move |mark: i64| {
        meter.forgive(overhead);
        shared.close(meter.operations());
        shared.open(usize::try_from(mark).unwrap_or(0), meter.operations());
    });
    tally
}

/// Operations that one mark costs: the difference between two marks and one.
fn overhead(sandbox: &mut Sandbox) -> u64 {
    sandbox.engine.register_fn(MARK, |_: i64| {});
    let cost = |text: &str| {
        sandbox.meter.begin(LOAD_FUEL);
        let _: Outcome<Dynamic> = sandbox.engine.eval(text);
        sandbox.meter.operations()
    };
    let one = format!("{MARK}(65537);");
    cost(&format!("{one}{one}")).saturating_sub(cost(&one))
}

/// The text of a file with a mark before each statement that begins a line's work.
pub(crate) fn marked(engine: &Engine, file: usize, text: &str) -> String {
    let mut marks = Vec::new();
    let mut braces: Vec<Brace> = Vec::new();
    let (mut may_begin, mut switch_at) = (false, None);
    let mut parens = 0_usize;
    let inputs = [text];
    let (tokens, _control) = engine.lex(&inputs);
    // The end is a token of its own, again and again.
    for (token, at) in tokens.take_while(|(token, _)| !matches!(token, Token::EOF | Token::LexError(_))) {
        if may_begin && begins(&token) && braces.last() == Some(&Brace::Block) {
            marks.push((at.line().unwrap_or(0), at.position().unwrap_or(0)));
        }
        may_begin = false;
        match token {
            Token::Switch => switch_at = Some(parens),
            Token::LeftParen | Token::LeftBracket => parens += 1,
            Token::RightParen | Token::RightBracket => parens = parens.saturating_sub(1),
            Token::MapStart => braces.push(Brace::Map),
            Token::LeftBrace if switch_at == Some(parens) => {
                switch_at = None;
                braces.push(Brace::Switch);
            }
            Token::LeftBrace => {
                braces.push(Brace::Block);
                may_begin = true;
            }
            Token::RightBrace => may_begin = braces.pop() == Some(Brace::Block),
            Token::SemiColon => may_begin = true,
            _ => {}
        }
    }
    inserted(text, file, &marks)
}

/// What a brace encloses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Brace {
    Block,
    Map,
    Switch,
}

/// Whether a statement can begin with this token, where one may begin. Behind the brace of a block an operator goes on
/// with an expression.
fn begins(token: &Token) -> bool {
    matches!(
        token,
        Token::Identifier(_)
            | Token::Let
            | Token::Const
            | Token::If
            | Token::For
            | Token::Loop
            | Token::Switch
            | Token::Return
            | Token::Throw
            | Token::Break
            | Token::Continue
            | Token::IntegerConstant(_)
            | Token::FloatConstant(_)
            | Token::True
            | Token::False
    )
}

fn inserted(text: &str, file: usize, marks: &[(usize, usize)]) -> String {
    let mut out = String::with_capacity(2 * text.len());
    let mut marks = marks.iter().peekable();
    for (row, line) in text.split_inclusive('\n').enumerate() {
        let mut rest = line;
        let mut done = 0;
        while let Some((_, column)) = marks.next_if(|(at, _)| *at == row + 1) {
            let skip = rest.char_indices().nth(column - 1 - done).map_or(rest.len(), |(at, _)| at);
            out.push_str(&rest[..skip]);
            out.push_str(&format!("{MARK}({});", file * LINES + row + 1));
            rest = &rest[skip..];
            done = column - 1;
        }
        out.push_str(rest);
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn marks(text: &str) -> String {
        marked(&Engine::new_raw(), 0, text).replace(MARK, "M")
    }

    #[test]
    fn statements_are_marked_and_expressions_are_not() {
        assert_eq!(marks("fn f() { 1 }"), "fn f() { M(1);1 }");
        assert_eq!(marks("fn f() {\n let x = 1; x\n}"), "fn f() {\n M(2);let x = 1; M(2);x\n}");
        assert_eq!(
            marks("fn f(a) { if a { g(); } else { h(); } b }"),
            "fn f(a) { M(1);if a { M(1);g(); } else { M(1);h(); } M(1);b }"
        );
        assert_eq!(marks("fn f() { #{ a: 1, b: g } }"), "fn f() { #{ a: 1, b: g } }");
        assert_eq!(
            marks("fn f(x) { switch x { 1 => { g() } _ => 2 } }"),
            "fn f(x) { M(1);switch x { 1 => { M(1);g() } _ => 2 } }"
        );
        assert_eq!(
            marks("fn f(x) { let y = if x { 1 } else { 2 } + 3; y }"),
            "fn f(x) { M(1);let y = if x { M(1);1 } else { M(1);2 } + 3; M(1);y }"
        );
        assert_eq!(marks("fn f(a) { a.map(|x| { x + 1 }) }"), "fn f(a) { M(1);a.map(|x| { M(1);x + 1 }) }");
    }

    #[test]
    fn every_script_of_the_library_can_be_marked() {
        let library = crate::library::Library::load(&[]).unwrap();
        let engine = Engine::new_raw();
        for script in library.strategies().chain(library.rules()) {
            let text = marked(&engine, 3, &script.text);
            assert!(text.contains("mark_line(1966"), "{}", script.file);
            let mut lenient = Engine::new_raw();
            lenient.set_max_expr_depths(64, 64);
            lenient.compile(&text).unwrap_or_else(|error| panic!("{}: {error}\n{text}", script.file));
        }
    }
}
