//! Why nothing, or less than asked, was done: shown on stderr, and mapped to an exit code. A problem in a file begins
//! with `file:line:column` and shows the line.

use std::fmt;

use clap::ColorChoice;
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use palisade_agents::ScriptProblem;
use palisade_lab::check::Flaw;
use palisade_lab::folder::FolderError;
use palisade_lab::load::LoadError;
use palisade_lab::run::RunError;
use palisade_lab::source::Problem;

use crate::exit::Exit;
use crate::output::complain;
use crate::paint::Paint;

/// What went wrong.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Something in the scenario or its files.
    Problem(Box<Problem>),
    /// Something in scripts: all of it.
    Script(Vec<ScriptProblem>),
    /// Arguments that do not go with the scenario.
    Usage(String),
    /// A run that ended in a world that cannot be.
    Invariant { seed: u64, step: u64, message: String, command: String },
    /// A script that a back-stop ended even when it ran alone.
    Backstop { seed: u64, step: u64, hook: &'static str, place: String, message: String, command: String },
    /// Ctrl-C, where there is nothing to show of half the work.
    Interrupted,
    /// What this program itself could not do.
    Other(anyhow::Error),
}

impl Trouble {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Invariant { .. } | Self::Backstop { .. } => Exit::Failed,
            Self::Interrupted => Exit::Interrupted,
            Self::Problem(_) | Self::Script(_) | Self::Usage(_) | Self::Other(_) => Exit::BadInput,
        }
    }

    /// One problem as it is shown in a list of them on stdout.
    pub(crate) fn flaw(flaw: &Flaw, paint: Paint, terminal: bool) -> String {
        match flaw {
            Flaw::Script(problem) => diagnostic(&InScript::of(problem), paint, terminal),
            Flaw::Scenario(problem) => diagnostic(problem.as_ref(), paint, terminal),
        }
    }

    pub(crate) fn show(&self, color: ColorChoice) {
        complain(&self.shown(Paint::stderr(color), terminal()));
    }

    fn shown(&self, paint: Paint, terminal: bool) -> String {
        match self {
            Self::Problem(problem) => diagnostic(problem.as_ref(), paint, terminal),
            Self::Script(problems) => {
                problems.iter().map(|problem| diagnostic(&InScript::of(problem), paint, terminal)).collect()
            }
            Self::Usage(message) => error(paint, message),
            Self::Interrupted => error(paint, "interrupted"),
            Self::Invariant { seed, step, message, command } => {
                let message = message.strip_prefix("Invariant: ").unwrap_or(message);
                let head = error(paint, &format!("broken invariant at step {step} of seed {seed}: {message}"));
                format!("{head}reproduce: {command}\n")
            }
            Self::Backstop { seed, step, hook, place, message, command } => {
                let head = error(paint, &format!("{place}: `{hook}` at step {step} of seed {seed}: {message}"));
                format!("{head}the run is void, as it would depend on the machine\nreproduce: {command}\n")
            }
            Self::Other(problem) => error(paint, &format!("{problem:#}")),
        }
    }
}

fn terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stderr())
}

fn error(paint: Paint, message: &str) -> String {
    format!("{} {message}\n", paint.bold("error:"))
}

/// Lines are not wrapped: the first one has to keep its place in one piece.
fn diagnostic(problem: &dyn Diagnostic, paint: Paint, terminal: bool) -> String {
    let theme = match (paint, terminal) {
        (Paint::Color, true) => GraphicalTheme::unicode(),
        (Paint::Color, false) => GraphicalTheme::ascii(),
        (Paint::Plain, true) => GraphicalTheme::unicode_nocolor(),
        (Paint::Plain, false) => GraphicalTheme::none(),
    };
    let mut text = String::new();
    let shown = GraphicalReportHandler::new_themed(theme).with_wrap_lines(false).render_report(&mut text, problem);
    match shown {
        Ok(()) => text,
        Err(fmt::Error) => format!("{problem}\n"),
    }
}

/// A script problem in the shape that miette draws.
#[derive(Debug)]
struct InScript {
    message: String,
    help: Option<String>,
    source: NamedSource<String>,
    /// Byte offset and length of what is wrong, where a line is known.
    span: Option<(usize, usize)>,
}

impl InScript {
    fn of(problem: &ScriptProblem) -> Self {
        let ScriptProblem { file, line, column, message, hint, text } = problem;
        let place = match (line, column) {
            (0, _) => file.clone(),
            (line, 0) => format!("{file}:{line}:1"),
            (line, column) => format!("{file}:{line}:{column}"),
        };
        Self {
            message: format!("{place}: {message}"),
            help: hint.clone(),
            source: NamedSource::new(file, text.to_string()),
            span: span(text, *line, *column),
        }
    }
}

/// From the column to the end of its word, or the whole line when there is no column.
fn span(text: &str, line: usize, column: usize) -> Option<(usize, usize)> {
    let mut start = 0;
    let mut lines = text.split_inclusive('\n');
    for _ in 1..line {
        start += lines.next()?.len();
    }
    let content = lines.next().filter(|_| line > 0)?.trim_end();
    let Some(skipped) = column.checked_sub(1) else { return Some((start, content.len())) };
    let offset = content.char_indices().nth(skipped).map_or(content.len(), |(offset, _)| offset);
    let rest = &content[offset..];
    let word = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
    let first = rest.chars().next().map_or(0, char::len_utf8);
    Some((start + offset, word.max(first)))
}

impl fmt::Display for InScript {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for InScript {}

impl Diagnostic for InScript {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.span.map(|_| &self.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.span?;
        Some(Box::new(std::iter::once(LabeledSpan::underline(span))))
    }
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl From<LoadError> for Trouble {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Problem(problem) => Self::Problem(problem),
            LoadError::Script(problems) => Self::Script(problems),
            LoadError::Usage(message) => Self::Usage(message),
        }
    }
}

impl From<RunError> for Trouble {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Invariant { seed, step, message, command } => Self::Invariant { seed, step, message, command },
            RunError::Backstop { seed, step, hook, place, message, command } => {
                Self::Backstop { seed, step, hook, place, message, command }
            }
            RunError::Interrupted => Self::Interrupted,
            RunError::Output(message) => Self::Usage(message),
            RunError::Load(error) => error.into(),
        }
    }
}

impl From<FolderError> for Trouble {
    fn from(error: FolderError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<anyhow::Error> for Trouble {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(line: usize, column: usize) -> ScriptProblem {
        let text = "fn decide(me, world) {\n    me.equty\n}\n";
        let (file, hint) = ("mine/push.rhai".to_owned(), Some("did you mean `equity`?".to_owned()));
        ScriptProblem { file, line, column, message: "unknown field `equty`".to_owned(), hint, text: text.into() }
    }

    #[track_caller]
    fn check_span(line: usize, column: usize, expected: Option<(usize, usize)>) {
        assert_eq!(span("ab = 1;\n  é.x_1\nend", line, column), expected);
    }

    #[test]
    fn a_place_in_a_script_is_a_word_of_its_text() {
        check_span(1, 1, Some((0, 2)));
        check_span(1, 4, Some((3, 1)));
        check_span(2, 5, Some((13, 3)));
        check_span(2, 0, Some((8, 8)));
        check_span(3, 99, Some((20, 0)));
        check_span(0, 0, None);
        check_span(4, 1, None);
    }

    #[test]
    fn a_script_problem_begins_with_its_place_and_shows_the_line_in_plain_text() {
        let text = Trouble::Script(vec![script(2, 8)]).shown(Paint::Plain, false);
        let first = text.lines().next().unwrap_or("");
        assert!(first.ends_with("mine/push.rhai:2:8: unknown field `equty`"), "{text}");
        assert!(text.contains("    me.equty") && text.contains("did you mean `equity`?"), "{text}");
        assert!(text.is_ascii() && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn a_script_problem_without_a_line_names_the_file() {
        let text = Trouble::Script(vec![script(0, 0)]).shown(Paint::Plain, false);
        assert!(text.contains("mine/push.rhai: unknown field"), "{text}");
    }

    #[test]
    fn color_is_only_for_those_who_asked() {
        assert!(Trouble::Script(vec![script(2, 8)]).shown(Paint::Color, true).contains('\u{1b}'));
        assert!(!Trouble::Script(vec![script(2, 8)]).shown(Paint::Plain, true).contains('\u{1b}'));
    }

    #[track_caller]
    fn check_exit(trouble: Trouble, expected: Exit) {
        assert_eq!(trouble.exit(), expected, "{trouble:?}");
    }

    fn invariant() -> RunError {
        let (message, command) = ("Invariant: money was made".to_owned(), "palisade run a.ron --seed 4".to_owned());
        RunError::Invariant { seed: 4, step: 9, message, command }
    }

    #[test]
    fn only_a_broken_invariant_is_a_failed_run() {
        check_exit(invariant().into(), Exit::Failed);
        check_exit(RunError::Interrupted.into(), Exit::Interrupted);
        check_exit(RunError::Output("not empty".to_owned()).into(), Exit::BadInput);
        check_exit(LoadError::Usage("no such outcome".to_owned()).into(), Exit::BadInput);
        check_exit(LoadError::Script(vec![script(1, 1)]).into(), Exit::BadInput);
        check_exit(Problem::file("a.ron", "cannot be read").into(), Exit::BadInput);
        check_exit(anyhow::anyhow!("stdout").into(), Exit::BadInput);
    }

    #[test]
    fn a_broken_invariant_says_how_to_see_it_again() {
        let text = Trouble::from(invariant()).shown(Paint::Plain, false);
        let expected =
            "error: broken invariant at step 9 of seed 4: money was made\nreproduce: palisade run a.ron --seed 4\n";
        assert_eq!(text, expected);
    }
}
