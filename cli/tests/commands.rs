//! The commands beside `run` and `verify`, as a user meets them: what they print, what they write, and what they refuse.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// Runs the program in `folder`, with nothing of the repository in reach.
fn palisade(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
    command.current_dir(folder).args(args).env("NO_COLOR", "1").output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a command prints when it does what it was asked for.
#[track_caller]
fn printed(folder: &Path, args: &[&str]) -> String {
    let output = palisade(folder, args);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
    assert!(output.stderr.is_empty(), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// The message of a command that is refused, with nothing on stdout.
#[track_caller]
fn refused(folder: &Path, args: &[&str], expected: &[&str]) {
    let output = palisade(folder, args);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {message}{}", text(&output.stdout));
    assert!(output.stdout.is_empty(), "{args:?}: stdout stays empty");
    for part in expected {
        assert!(message.contains(part), "{args:?}: no `{part}` in:\n{message}");
    }
    assert!(!message.contains("panicked"), "{message}");
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn docs_writes_the_reference_pages_once() {
    let folder = TempDir::new().expect("a folder");
    let shown = printed(folder.path(), &["docs"]);
    let pages = names(&folder.path().join("palisade-docs"));
    for page in ["actions.md", "parameters.md", "scenario.md", "scripts.md", "view.md"] {
        assert!(pages.iter().any(|name| name == page), "no {page} in {pages:?}");
        assert!(shown.contains(page), "{shown}");
    }
    let actions = fs::read_to_string(folder.path().join("palisade-docs/actions.md")).expect("a page");
    assert!(actions.contains("me.account(i).open(market, size)"), "{actions}");
    refused(folder.path(), &["docs"], &["palisade-docs", "is not empty"]);
    printed(folder.path(), &["docs", "--out", "deep/pages"]);
    assert_eq!(names(folder.path()), ["deep", "palisade-docs"], "nothing half-written beside them");
    fs::write(folder.path().join("file"), "mine").expect("a file");
    refused(folder.path(), &["docs", "--out", "file"], &["exists and is not a directory"]);
    assert_eq!(fs::read_to_string(folder.path().join("file")).expect("untouched"), "mine");
}

#[test]
fn completions_know_every_command_for_every_shell() {
    let folder = TempDir::new().expect("a folder");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = printed(folder.path(), &["completions", shell]);
        for word in ["verify", "completions", "fail-if"] {
            assert!(script.contains(word), "{shell} does not know `{word}`");
        }
    }
    refused(folder.path(), &["completions", "bsh"], &["bash", "powershell"]);
}

#[test]
fn built_in_scenarios_need_no_repository() {
    let folder = TempDir::new().expect("a folder");
    for (name, verdict) in [("mango_2022", "Attack succeeded"), ("incidents/mango_2022", "Attack succeeded")] {
        let summary = printed(folder.path(), &["run", name]);
        assert!(summary.contains(verdict), "{summary}");
        let command = summary.lines().find_map(|line| line.strip_prefix("reproduce: palisade ")).expect("a command");
        assert_eq!(command, format!("run {name} --seed 1"));
        let again = printed(folder.path(), &command.split(' ').collect::<Vec<_>>());
        assert_eq!(again, summary);
    }
    let verified = printed(folder.path(), &["verify", "mango_2022", "--quiet"]);
    assert!(verified.contains("counterfactuals 3/3"), "{verified}");
    let replayed = printed(folder.path(), &["run", "crash", "--steps", "20"]);
    assert!(replayed.contains("reproduce: palisade run crash --seed 1 --steps 20"), "{replayed}");
    refused(folder.path(), &["run", "unheard_of"], &["no such file", "`palisade list scenarios`"]);
    refused(
        folder.path(),
        &["run", "mango_2022.ron"],
        &["mango_2022.ron: no such file", "built-in scenario `mango_2022`"],
    );
    refused(folder.path(), &["run", "mangoo_2022"], &["mangoo_2022: no such file", "built-in scenario `mango_2022`"]);
    refused(folder.path(), &["run", "calm", "--set", "protocol.funds.pol=1"], &["did you mean `pool`"]);
}
