//! The commands for those who write scripts, as they meet them: check, test, trace and profile.

mod shell;

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use shell::{failed, printed, refused};

const GOOD: &str = r#"//! name: buyer
//! role: trader
//! summary: buys spot while it has money

fn params() { #{ venue: venue_param("first", "where it buys"), part: param(10.0, 0.0, 100.0, "coins a time") } }

fn decide(me, world) {
    if me.cash > me.params.part { me.buy(me.params.venue, me.params.part); }
}

fn cases() {
    [
        example("buys with money", #{ me: #{ cash: 11.0 } }, |a| a.number("buy", "spend") == 10.0),
        example("stays without", #{ me: #{ cash: 9.0 } }, |a| a.is_quiet())
    ]
}
"#;

fn put(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).expect("a file");
}

#[test]
fn check_lists_all_problems_with_their_places_and_codes() {
    let folder = TempDir::new().expect("a folder");
    put(folder.path(), "good.rhai", GOOD);
    let sound = "1 file: no problems; 1 function, which runs over columns\n";
    assert_eq!(printed(folder.path(), &["check", "good.rhai"]), sound);
    put(folder.path(), "bad.rhai", &GOOD.replace("me.cash >", "me.csh >").replace("me.buy(", "me.by("));
    put(folder.path(), "bad.ron", "(format: 1, nam: \"x\")");
    let shown = failed(folder.path(), &["check", "."]);
    for expected in [
        "bad.rhai:8:11: `me` has no field `csh`",
        "help: did you mean `cash`?",
        "if me.csh > me.params.part",
        "bad.ron:1:13: unknown `nam`",
        "`me` has no method `by`",
    ] {
        assert!(shown.contains(expected), "no `{expected}` in:\n{shown}");
    }
    assert!(
        shown
            .lines()
            .last()
            .is_some_and(|line| line.starts_with("3 files: ") && line.contains("in 2 files; 1 function")),
        "{shown}"
    );
    let found: Value = serde_json::from_str(&failed(folder.path(), &["check", "bad.rhai", "--json"])).expect("JSON");
    let rows = &found["problems"];
    assert_eq!(
        (&rows[0]["line"], &rows[0]["column"], &rows[0]["hint"]),
        (&8.into(), &11.into(), &"did you mean `cash`?".into())
    );
    assert!(rows[0]["source_line"].as_str().is_some_and(|line| line.contains("me.csh")), "{rows}");
    refused(folder.path(), &["check", "none.rhai"], &["none.rhai"]);
    refused(folder.path(), &["check", "notes.txt"], &["expected a .rhai or .ron file"]);
    refused(folder.path(), &["check"], &["<PATH>"]);
}

#[test]
fn check_says_which_way_a_hook_runs_and_what_keeps_it_off_the_columns() {
    let folder = TempDir::new().expect("a folder");
    put(folder.path(), "listing.rhai", &GOOD.replace("me.buy(", "let list = [1.0];\n    me.buy("));
    let shown = printed(folder.path(), &["check", "listing.rhai"]);
    let expected = "listing.rhai:8:46: `decide` is interpreted: kept off the columns by an array\n\
                    1 file: no problems; 1 function, which is interpreted\n";
    assert!(shown.ends_with(expected), "{shown}");
    let found: Value =
        serde_json::from_str(&printed(folder.path(), &["check", "listing.rhai", "--json"])).expect("JSON");
    let function = &found["functions"][0];
    assert_eq!(
        (&function["name"], &function["backend"], &function["line"]),
        (&"decide".into(), &"rhai".into(), &8.into())
    );
    put(folder.path(), "good.rhai", GOOD);
    let args =
        |backend| ["run", "calm", "--steps", "3", "--scripts", ".", "--backend", backend, "--set", COHORT, "--quiet"];
    assert_eq!(printed(folder.path(), &args("auto")), printed(folder.path(), &args("rhai")));
    refused(folder.path(), &args("columnar"), &["listing.rhai:8:46: kept off the columns by an array", "--backend"]);
}

const COHORT: &str = "population.more=(role: trader, strategy: \"listing\", count: 2, margin: Fixed(5_000.0))";

#[test]
fn test_runs_cases_and_fails_with_what_was_asked_for() {
    let folder = TempDir::new().expect("a folder");
    put(folder.path(), "good.rhai", GOOD);
    let shown = printed(folder.path(), &["test", "good.rhai"]);
    assert!(
        shown.contains("good.rhai: 2 of 2 passed") && shown.ends_with("2 cases of 1 strategy: all passed\n"),
        "{shown}"
    );
    put(folder.path(), "good.rhai", &GOOD.replace("me.cash > me.params.part", "me.cash > 0.0"));
    let shown = failed(folder.path(), &["test", "."]);
    let place = "good.rhai:14:9: it asked for buy(venue: STK/USD, spend: 10)";
    assert!(shown.contains("failed  stays without") && shown.contains(place), "{shown}");
    let rows: Value = serde_json::from_str(&failed(folder.path(), &["test", ".", "--json"])).expect("JSON");
    assert_eq!((&rows[0]["verdict"], &rows[1]["verdict"]), (&"passed".into(), &"failed".into()));
    put(folder.path(), "good.rhai", &GOOD.replace("cash: 9.0", "csh: 9.0"));
    refused(folder.path(), &["test", "good.rhai"], &["good.rhai:14:9: `me` has no field `csh` (did you mean `cash`?)"]);
}

#[test]
fn trace_shows_what_an_agent_saw_asked_for_and_got() {
    let folder = TempDir::new().expect("a folder");
    let shown = printed(folder.path(), &["trace", "thin_market", "--agent", "attacker", "--steps", "0..2"]);
    for expected in [
        "attacker, which plays thin_market_push",
        "step 0 at 0s",
        "decide, ",
        "saw       THIN-PERP.",
        "remembers phase 0 \u{2192} 1",
        "asked     me.account(0).deposit(",
        "took effect",
    ] {
        assert!(shown.contains(expected), "no `{expected}` in:\n{shown}");
    }
    assert!(!shown.contains("step 2"), "{shown}");
    let trace: Value =
        serde_json::from_str(&printed(folder.path(), &["trace", "thin_market", "--agent", "attacker#0", "--json"]))
            .expect("JSON");
    assert_eq!(trace["steps"].as_array().map(Vec::len), Some(20));
    refused(folder.path(), &["trace", "thin_market", "--agent", "atacker"], &["did you mean `attacker`?"]);
    refused(
        folder.path(),
        &["trace", "thin_market", "--agent", "1", "--steps", "2"],
        &["expected steps such as 10..20"],
    );
}

#[test]
fn profile_says_which_hooks_and_lines_cost_most() {
    let folder = TempDir::new().expect("a folder");
    let shown = printed(folder.path(), &["profile", "thin_market", "--lines", "3"]);
    for expected in [
        "By hook",
        "operations",
        "scripts/traders/noise.rhai",
        "decide",
        "columnar",
        "rhai",
        "By line when interpreted",
        "scripts/",
    ] {
        assert!(shown.contains(expected), "no `{expected}` in:\n{shown}");
    }
    let profile: Value =
        serde_json::from_str(&printed(folder.path(), &["profile", "thin_market", "--backend", "rhai", "--json"]))
            .expect("JSON");
    let sum = |key: &str| {
        profile[key].as_array().expect("rows").iter().map(|row| row["operations"].as_u64().unwrap_or(0)).sum::<u64>()
    };
    let (hooks, lines) = (sum("hooks"), sum("lines"));
    assert!(lines > 0 && lines <= hooks && 2 * lines > hooks, "{lines} of {hooks}");
}
