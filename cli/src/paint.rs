//! Whether to color, and the few colors there are.

use std::env;
use std::io::{self, IsTerminal};

use clap::ColorChoice;

/// Colors text, or leaves it plain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Paint {
    /// ANSI colors.
    Color,
    /// As it is.
    Plain,
}

impl Paint {
    /// For what goes to stdout.
    pub(crate) fn stdout(choice: ColorChoice) -> Self {
        Self::decide(choice, io::stdout().is_terminal() && welcome())
    }

    /// For what goes to stderr.
    pub(crate) fn stderr(choice: ColorChoice) -> Self {
        Self::decide(choice, io::stderr().is_terminal() && welcome())
    }

    fn decide(choice: ColorChoice, auto: bool) -> Self {
        match (choice, auto) {
            (ColorChoice::Always, _) | (ColorChoice::Auto, true) => Self::Color,
            (ColorChoice::Never, _) | (ColorChoice::Auto, false) => Self::Plain,
        }
    }

    /// A heading or the verdict.
    pub(crate) fn bold(self, text: &str) -> String {
        match self {
            Self::Color => format!("\u{1b}[1m{text}\u{1b}[0m"),
            Self::Plain => text.to_owned(),
        }
    }
}

/// `NO_COLOR` (any value but an empty one) and a dumb terminal ask for plain text.
fn welcome() -> bool {
    let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !refused && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_beats_the_terminal() {
        assert_eq!(Paint::decide(ColorChoice::Always, false), Paint::Color);
        assert_eq!(Paint::decide(ColorChoice::Never, true), Paint::Plain);
        assert_eq!(Paint::decide(ColorChoice::Auto, true), Paint::Color);
        assert_eq!(Paint::decide(ColorChoice::Auto, false), Paint::Plain);
    }

    #[test]
    fn plain_text_has_no_codes() {
        assert_eq!(Paint::Plain.bold("x"), "x");
        assert_eq!(Paint::Color.bold("x"), "\u{1b}[1mx\u{1b}[0m");
    }
}
