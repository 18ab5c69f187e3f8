//! Documentation against the program: commands as a reader would type them, and what they print.

use std::path::Path;
use std::process::{Command, Output};

/// How the README starts the program, beside `palisade` itself.
const CARGO: &str = "cargo run --release -- ";

/// Lines of `sh` blocks that are not for this program: building it, the suite itself, and an example that the suite runs.
const OTHERS: [&str; 3] =
    ["cargo build --release", "cargo test --workspace", "cargo run -p palisade-engine --example add_a_mechanism"];

/// The program with `args`, below `folder`.
pub(crate) fn palisade(folder: &Path, args: &[String]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
    command.current_dir(folder).args(args).env("NO_COLOR", "1").output().expect("the program starts")
}

/// The arguments of every command of a block that is for this program.
///
/// # Panics
/// On a line that is no known command.
pub(crate) fn commands(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let own = lines.filter(|line| !OTHERS.iter().any(|other| line.starts_with(other)));
    own.map(|line| {
        let args = line.strip_prefix("palisade ").or_else(|| line.strip_prefix(CARGO));
        words(args.unwrap_or_else(|| panic!("`{line}` is no known command")))
    })
    .collect()
}

/// A command line's words; quotes of either kind keep what is between them together.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for letter in line.chars() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (None, '"' | '\'') => quote = Some(letter),
            (None, ' ') => words.push(std::mem::take(&mut word)),
            _ => word.push(letter),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// The first line of `shown` that `printed` does not have where it should: lines follow one another, `…` alone stands for
/// any number of lines, as do both ends, and `…` behind a line for the rest of it. Empty lines do not count.
pub(crate) fn missing(shown: &str, printed: &str) -> Option<String> {
    let lines = |text: &str| -> Vec<String> {
        let all = text.lines().map(|line| line.trim_end().to_owned());
        all.filter(|line| !line.is_empty()).collect()
    };
    let (shown, printed) = (lines(shown), lines(printed));
    let mut rest = printed.as_slice();
    for stretch in shown.split(|line| line.trim() == "…") {
        let agree = |(shown, printed): &(&String, &String)| match shown.strip_suffix('…') {
            Some(start) => printed.starts_with(start),
            None => shown == printed,
        };
        let agreeing = |start: usize| stretch.iter().zip(&rest[start..]).take_while(agree).count();
        let best = (0..rest.len()).max_by_key(|start| (agreeing(*start), usize::MAX - start)).unwrap_or(0);
        let agreed = if rest.is_empty() { 0 } else { agreeing(best) };
        if agreed < stretch.len() {
            return Some(stretch[agreed].clone());
        }
        rest = &rest[best + agreed..];
    }
    None
}

#[test]
fn shown_lines_must_follow_one_another() {
    let printed = "one\n\ntwo \nthree\ntwo\nfour\n";
    assert_eq!(missing("two\nthree\n…\nfour", printed), None);
    assert_eq!(missing("two\nfour", printed), None, "the second `two` does it");
    assert_eq!(missing("t…\nfo…", printed), None);
    assert_eq!(missing("one\nthree", printed), Some("three".to_owned()));
    assert_eq!(missing("three\n…\none", printed), Some("one".to_owned()));
    assert_eq!(missing("five", ""), Some("five".to_owned()));
}

#[test]
fn command_lines_are_split_into_words() {
    let all = commands(
        "# why\npalisade run a.ron --set 'x=(y: \"z\")'\ncargo test --workspace\n\ncargo run --release -- verify b",
    );
    assert_eq!(all, [vec!["run", "a.ron", "--set", "x=(y: \"z\")"], vec!["verify", "b"]]);
}
