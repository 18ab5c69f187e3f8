//! Every code block of the guide, the README and the script reference is run. What a block is, its info string says:
//!
//! | info string | what is done |
//! |---|---|
//! | `rhai` | a whole strategy (below `lib/` or `rules/`, by `file=`, a part or a rule): passes `check`, and its cases pass |
//! | `rhai,decide` (`vote`, `report`, `liquidate`, `bid`, `order`) | the body of that hook: put into a small strategy, checked, and asked once |
//! | `rhai,functions` | functions of a strategy: card and hook are added where they lack, then as a whole file |
//! | `rhai,measure` | a script of `probes`: measured for a step of a small world |
//! | `ron,scenario` | a whole scenario: runs 20 steps |
//! | `ron,head,in=NAME` | keys for the head of a scenario, which then runs 20 steps |
//! | `ron,set=PATH,in=NAME` | the value at a path of a scenario, which then runs 20 steps |
//! | `ron,matches` | a tournament, which must be read, or a sweep; commands of its page play it |
//! | `rust,from=FILE`, `toml,from=FILE` | lines of a file of the repository, word for word; `// …` stands for lines left out |
//! | `text,prints=EXAMPLE` | what an example prints |
//! | `python` | lines that call `python/palisade`, whose own tests call the same |
//! | `sh`, `text` | commands, and lines of what they print: run by the program's own tests, `cli/tests/guide.rs` |
//!
//! Further words: `file=PATH` keeps a block under that path for the later ones of its page, commands included;
//! `role=ROLE` is the role of a small strategy; `refused=TEXT` and `fault=TEXT` come last and say that the block must be
//! refused, or must fail when it runs, with that text in the message; `exit=N` is the exit code of the last command.
//! A scenario `NAME` is one of the page's files or a name under `scenarios/`. Any other info string fails.

mod scenarios;
mod scripts;

use std::fs;
use std::path::{Path, PathBuf};

use palisade_tests::markdown::{Block, Info, blocks};
use tempfile::TempDir;

use crate::plugin::add_a_mechanism::story;

/// Languages with the words that may follow them.
const KNOWN: [(&str, &[&str]); 7] = [
    (
        "rhai",
        &[
            "decide",
            "vote",
            "report",
            "liquidate",
            "bid",
            "order",
            "functions",
            "measure",
            "file",
            "role",
            "refused",
            "fault",
        ],
    ),
    ("ron", &["scenario", "head", "set", "in", "file", "refused", "matches"]),
    ("rust", &["from"]),
    ("toml", &["from"]),
    ("text", &["prints"]),
    ("sh", &["exit"]),
    ("python", &[]),
];

/// A page under test, with the files that its blocks have made so far.
pub(crate) struct Page {
    pub(crate) folder: TempDir,
}

impl Page {
    /// Keeps a block's text, and returns where.
    fn keep(&self, block: &Block, extension: &str) -> PathBuf {
        let unnamed = format!("unnamed/line_{}.{extension}", block.line);
        let path = self.folder.path().join(block.info.get("file").unwrap_or(&unnamed));
        fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
        fs::write(&path, &block.text).expect("a writable folder");
        path
    }

    fn run(&self, block: &Block) -> Result<(), String> {
        let Info { language, words } = &block.info;
        let known = KNOWN.iter().find(|(known, _)| known == language).map(|(_, words)| *words);
        let known = known.ok_or_else(|| format!("`{language}` is no language of the guide"))?;
        if let Some((word, _)) = words.iter().find(|(word, _)| !known.contains(&word.as_str())) {
            return Err(format!("`{word}` is no word behind `{language}`"));
        }
        match language.as_str() {
            "rhai" => scripts::run(self, block),
            "ron" => scenarios::run(self, block),
            "rust" | "toml" => excerpt(block),
            "text" => block.info.get("prints").map_or(Ok(()), |example| prints(example, &block.text)),
            _ => Ok(()),
        }
    }
}

/// What a block that must be refused, or must fail, was told; `expected` is in it.
pub(crate) fn must_fail(expected: &str, told: Result<(), String>) -> Result<(), String> {
    match told {
        Err(message) if message.contains(expected) => Ok(()),
        Err(message) => Err(format!("expected `{expected}` in: {message}")),
        Ok(()) => Err(format!("should fail with `{expected}`")),
    }
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every stretch of the block between `// …` lines stands in its file, in order; indentation as a whole may differ.
fn excerpt(block: &Block) -> Result<(), String> {
    let file = block.info.get("from").ok_or("names no file: add `from=`")?;
    let whole = fs::read_to_string(root().join(file)).map_err(|error| format!("{file}: {error}"))?;
    let whole: Vec<&str> = whole.lines().map(str::trim).collect();
    let mut rest = whole.as_slice();
    for stretch in block.text.split("// …") {
        let wanted: Vec<&str> = stretch.trim().lines().map(str::trim).collect();
        if wanted.is_empty() {
            continue;
        }
        let place = rest.windows(wanted.len()).position(|lines| lines == wanted);
        let place = place.ok_or_else(|| format!("{file} does not have, in this order:\n{}", wanted.join("\n")))?;
        rest = &rest[place + wanted.len()..];
    }
    Ok(())
}

fn prints(example: &str, text: &str) -> Result<(), String> {
    if example != "add_a_mechanism" {
        return Err(format!("there is no example `{example}`"));
    }
    let printed = story().map_err(|error| error.to_string())?.join("\n");
    if printed == text.trim() { Ok(()) } else { Err(format!("the example prints\n{printed}")) }
}

/// Every block of the page at `path` with what is wrong with it.
fn run_page(path: &str) -> Vec<Result<(), String>> {
    let page = Page { folder: TempDir::new().expect("a folder") };
    let all = blocks(&fs::read_to_string(root().join(path)).expect("a page"));
    let placed = |block: &Block| page.run(block).map_err(|flaw| format!("{path}:{}: {flaw}", block.line));
    all.iter().map(placed).collect()
}

#[test]
fn the_blocks_of_every_page_run() {
    let folder = "docs/guide/src";
    let names = fs::read_dir(root().join(folder)).expect("the guide").map(|entry| entry.expect("an entry").file_name());
    let mut pages: Vec<String> = names.map(|name| format!("{folder}/{}", name.to_string_lossy())).collect();
    pages.extend(["README.md".to_owned(), "docs/reference/scripts.md".to_owned()]);
    pages.sort();
    let all: Vec<Result<(), String>> = pages.iter().flat_map(|page| run_page(page)).collect();
    let flaws: Vec<&str> = all.iter().filter_map(|run| run.as_ref().err().map(String::as_str)).collect();
    assert!(flaws.is_empty(), "{}", flaws.join("\n\n"));
    assert!(all.len() > 100, "{} blocks", all.len());
}

#[test]
fn every_page_stands_in_the_summary_and_every_entry_is_a_page() {
    let folder = root().join("docs/guide/src");
    let summary = fs::read_to_string(folder.join("SUMMARY.md")).expect("a summary");
    let mut listed: Vec<String> = palisade_tests::markdown::links(&summary).into_iter().map(|(_, file)| file).collect();
    let names = fs::read_dir(&folder).expect("the guide").map(|entry| entry.expect("an entry").file_name());
    let mut pages: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    pages.retain(|name| name != "SUMMARY.md");
    listed.sort();
    pages.sort();
    assert_eq!(listed, pages);
}

#[track_caller]
fn flawed(text: &str, expected: &str) {
    let page = Page { folder: TempDir::new().expect("a folder") };
    let all = blocks(text);
    let told = all.iter().try_for_each(|block| page.run(block)).expect_err(text);
    assert!(told.contains(expected), "{told}");
}

/// A checker that lets everything pass would pass every page.
#[test]
fn wrong_blocks_are_found() {
    let card = "//! name: x\n//! role: trader\n//! summary: s\n";
    flawed("```\nx\n```", "`` is no language");
    flawed("```rhai,decied\nx\n```", "`decied` is no word");
    flawed("```rhai,decide\nme.csh;\n```", "did you mean `cash`?");
    flawed("```rhai,decide\nlet a = [1]; a[3] = 1;\n```", "out of bounds");
    flawed("```rhai,decide,refused=cash\nme.cash;\n```", "should fail with `cash`");
    flawed(
        "```rhai,decide,refused=cash\nme.csh\n```\n```rhai,decide,refused=equity\nme.csh;\n```",
        "expected `equity`",
    );
    flawed("```rhai,decide,fault=x\nme.csh;\n```", "is refused");
    flawed(&format!("```rhai\n{card}fn decide(me, world) {{ me.csh }}\n```"), "did you mean `cash`?");
    let wrong_case = "fn decide(me, world) {}\nfn cases() { [ example(\"acts\", #{}, |a| !a.is_quiet()) ] }";
    flawed(&format!("```rhai\n{card}{wrong_case}\n```"), "acts");
    flawed("```rhai,measure\nworld.tme\n```", "did you mean `time`?");
    flawed("```ron,scenario\n(format: 1)\n```", "missing");
    flawed("```ron,set=protocol.funds.pol,in=calm\n1.0\n```", "pool");
    flawed("```rust,from=README.md\nfn nowhere() {}\n```", "README.md does not have");
    flawed("```text,prints=add_a_mechanism\nnothing\n```", "the example prints");
}
