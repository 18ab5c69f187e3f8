//! The commands beside `run` and `verify`, as a user meets them: what they print, what they write, and what they refuse.

mod shell;

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use shell::{keys, names, printed, refused};

#[test]
fn docs_writes_the_reference_pages_once() {
    let folder = TempDir::new().expect("a folder");
    let shown = printed(folder.path(), &["docs"]);
    let pages = names(&folder.path().join("palisade-docs"));
    for page in ["actions.md", "parameters.md", "scenario.md", "scripts.md", "view.md", "palisade.d.rhai"] {
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
    assert!(verified.contains("counterfactuals 4/4"), "{verified}");
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

/// No line of a table or a description is wider than a page.
#[track_caller]
fn fits(text: &str) {
    let widest = text.lines().max_by_key(|line| line.chars().count()).unwrap_or("");
    assert!(widest.chars().count() <= 100, "{widest}");
    assert!(!text.contains('\u{1b}'), "no colors off a terminal");
}

#[test]
fn list_shows_everything_in_short_and_one_kind_at_length() {
    let folder = TempDir::new().expect("a folder");
    let all = printed(folder.path(), &["list"]);
    for name in ["Scenarios", "mango_2022", "attacker", "thin_market_push", "imr", "withdraw", "profit_times_leverage"]
    {
        assert!(all.contains(name), "no `{name}` in:\n{all}");
    }
    assert!(all.lines().count() < 60, "short: {} lines", all.lines().count());
    fits(&all);
    for (what, expected) in [
        ("scenarios", "Mango Markets 2022"),
        ("strategies", "buys what has risen"),
        ("parameters", "Initial margin ratio."),
        ("actions", "me.account(i).open(market, size)"),
        ("rules", "Largest profit first."),
    ] {
        let text = printed(folder.path(), &["list", what]);
        assert!(text.contains(expected), "no `{expected}` in:\n{text}");
        fits(&text);
    }
    refused(folder.path(), &["list", "scenario"], &["scenarios"]);
}

#[test]
fn describe_tells_all_about_a_name_and_about_each_thing_of_that_name() {
    let folder = TempDir::new().expect("a folder");
    for (name, expected) in [
        ("trend", &["strategy trend: trend follower", "decide(me, world)", "every 1m", "0.0001…1", "half_life"][..]),
        (
            "mango_2022",
            &["scenario mango_2022", "CFTC", "720 steps", "MNGO-PERP", "thin_market_push", "116.00 M", "collar"],
        ),
        ("protocol.markets.imr", &["parameter protocol.markets.NAME.imr", "0.0001…10", "a lower value protects less"]),
        ("protocol.markets.ETH-PERP.imr", &["parameter protocol.markets.NAME.imr"]),
        ("bribe", &["action me.bribe(feed, price, rate, budget)", "Coins put in escrow", "everyone"]),
        ("stake_weighted_mean", &["rule stake_weighted_mean", "aggregate(prices, stakes)"]),
        ("trimmed_mean", &["rule trimmed_mean", "aggregate(prices, stakes)", "scripts/rules/trimmed_mean.rhai"]),
        ("quorum_capture", &["scenario quorum_capture", "strategy quorum_capture: quorum capture"]),
    ] {
        let text = printed(folder.path(), &["describe", name]);
        for part in expected {
            assert!(text.contains(part), "no `{part}` in:\n{text}");
        }
        fits(&text);
    }
    let source = printed(folder.path(), &["describe", "honest", "--source"]);
    assert!(source.contains("fn report(me, feed) {\n    me.observation(feed)\n}"), "{source}");
    refused(folder.path(), &["describe", "trend", "tred"], &["`tred`", "did you mean `trend`?"]);
    refused(folder.path(), &["describe", "mine.ron"], &["mine.ron: no such file"]);
    refused(folder.path(), &["describe"], &["<NAME>"]);
}

#[test]
fn lists_and_descriptions_are_one_json_object() {
    let folder = TempDir::new().expect("a folder");
    let json = |args: &[&str]| -> serde_json::Value {
        serde_json::from_str(&printed(folder.path(), args)).expect("one JSON value")
    };
    let all = json(&["list", "--json"]);
    for kind in ["scenarios", "strategies", "parameters", "actions", "rules"] {
        assert!(all[kind].as_array().is_some_and(|rows| rows.len() > 3), "{kind}");
    }
    let rules = json(&["list", "rules", "--json"]);
    assert_eq!(rules.as_object().map(serde_json::Map::len), Some(1));
    let described = json(&["describe", "quorum_capture", "imr", "--json"]);
    let kinds: Vec<_> =
        described["found"].as_array().into_iter().flatten().map(|found| found["kind"].clone()).collect();
    assert_eq!(kinds, ["scenario", "strategy", "parameter"]);
    assert_eq!(described["found"][2]["default"], 0.05);
    assert!(described["found"][1].get("text").is_none());
    let source = json(&["describe", "honest", "--json", "--source"]);
    let page = include_str!("../../docs/reference/json.md");
    let described = json(&["describe", "thin_market", "trend", "imr", "open", "profit", "--json"]);
    for value in [&all, &described] {
        keys(value, &mut |key| assert!(page.contains(&format!("`{key}`")), "docs/reference/json.md lacks `{key}`"));
    }
    assert!(source["found"][0]["text"].as_str().is_some_and(|text| text.contains("fn report")));
}

#[test]
fn strategies_and_scenarios_of_ones_own_are_listed_and_described() {
    let folder = TempDir::new().expect("a folder");
    let scripts = folder.path().join("mine");
    fs::create_dir(&scripts).expect("a folder");
    let card = "//! name: my own\n//! role: keeper\n//! summary: mine alone\n";
    fs::write(scripts.join("my_own.rhai"), format!("{card}fn liquidate(me, account) {{}}\n")).expect("a file");
    let listed = printed(folder.path(), &["list", "strategies", "--scripts", "mine"]);
    assert!(listed.contains("mine alone"), "{listed}");
    let described = printed(folder.path(), &["describe", "my_own", "--scripts", "mine"]);
    assert!(described.contains("liquidate(me, account)") && described.contains("mine/my_own.rhai"), "{described}");
    refused(folder.path(), &["describe", "my_own"], &["`my_own`"]);
    refused(folder.path(), &["list", "--scripts", "nowhere"], &["nowhere"]);
    fs::write(scripts.join("my_own.rhai"), format!("{card}fn liquidate(me, account) {{\n")).expect("a file");
    refused(folder.path(), &["describe", "my_own", "--scripts", "mine"], &["my_own.rhai:5:1"]);

    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/calm.ron");
    let text = fs::read_to_string(shipped).expect("a scenario").replace("name: \"calm\"", "name: \"my own calm\"");
    fs::write(folder.path().join("own.ron"), text).expect("a file");
    let described = printed(folder.path(), &["describe", "own.ron"]);
    assert!(described.contains("scenario my own calm") && described.contains("own.ron"), "{described}");
}

const ROLES: [&str; 8] = ["trader", "oracle", "keeper", "arbitrageur", "staker", "voter", "guardian", "attacker"];

/// The words of a command line, as a shell reads them.
fn words(line: &str) -> Vec<String> {
    line.split(' ').map(|word| word.trim_matches('\'').to_owned()).collect()
}

#[test]
fn a_new_strategy_of_every_role_checks_clean_passes_its_cases_and_runs_without_a_fault() {
    let folder = TempDir::new().expect("a folder");
    for role in ROLES {
        let name = format!("my_{role}");
        let shown = printed(folder.path(), &["new", "strategy", &name, "--role", role]);
        let file = format!("scripts/{role}s/{name}.rhai");
        assert!(shown.contains(&format!("created {file}\n")), "{shown}");
        let text = fs::read_to_string(folder.path().join(&file)).expect("a strategy");
        assert!(text.starts_with(&format!("//! name:     my {role}\n//! role:     {role}\n")), "{text}");
        let commands: Vec<&str> = shown.lines().filter_map(|line| line.strip_prefix("  palisade ")).collect();
        assert_eq!(commands.len(), 3, "{shown}");
        for command in commands {
            let mut args = words(command);
            if args[0] == "run" {
                args.extend(["--steps", "50", "--json"].map(str::to_owned));
            }
            let text = printed(folder.path(), &args.iter().map(String::as_str).collect::<Vec<_>>());
            if args[0] == "run" {
                let report: serde_json::Value = serde_json::from_str(&text).expect("a report");
                assert_eq!(report["first"]["faults"]["count"], 0, "{role}: {text}");
            }
        }
    }
    let tested = printed(folder.path(), &["test", "scripts"]);
    assert!(tested.contains("8 strategies: all passed") && !tested.contains("without cases"), "{tested}");
}

#[test]
fn a_new_scenario_runs_and_verifies() {
    let folder = TempDir::new().expect("a folder");
    let shown = printed(folder.path(), &["new", "scenario", "my_market"]);
    assert!(shown.contains("created scenarios/my_market.ron\n"), "{shown}");
    let file = folder.path().join("scenarios/my_market.ron");
    let report = printed(folder.path(), &["run", "scenarios/my_market.ron", "--steps", "50", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&report).expect("a report");
    assert_eq!((&report["scenario"], &report["steps"]), (&"my_market".into(), &50.into()));
    assert_eq!(report["first"]["faults"]["count"], 0);
    printed(folder.path(), &["check", "scenarios"]);
    printed(folder.path(), &["describe", "scenarios/my_market.ron"]);
    printed(folder.path(), &["verify", "scenarios/my_market.ron"]);
    // What stands in comments is right, too.
    let text = fs::read_to_string(&file).expect("a scenario");
    let lines = text.lines().map(|line| match line.split_once("// ") {
        Some((space, rest)) if rest.starts_with([' ', '"', '(', ')']) && rest.ends_with([',', '(']) => {
            format!("{space}{rest}\n")
        }
        _ => format!("{line}\n"),
    });
    fs::write(&file, lines.collect::<String>()).expect("a file");
    let report = printed(folder.path(), &["run", "scenarios/my_market.ron", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&report).expect("a report");
    let attack = &report["first"]["attack"];
    assert!(attack["outlay"].as_f64().is_some_and(|outlay| outlay > 1e6), "{attack}");
    let described = printed(folder.path(), &["describe", "scenarios/my_market.ron"]);
    assert!(described.contains("protocol.funds.insurance=0.0"), "{described}");
}

#[test]
fn new_never_writes_over_anything_and_takes_only_names() {
    let folder = TempDir::new().expect("a folder");
    printed(folder.path(), &["new", "strategy", "mine", "--role", "trader", "--dir", "my scripts"]);
    let file = folder.path().join("my scripts/traders/mine.rhai");
    fs::write(&file, "changed").expect("a file");
    refused(
        folder.path(),
        &["new", "strategy", "mine", "--role", "trader", "--dir", "my scripts"],
        &["exists already"],
    );
    refused(
        folder.path(),
        &["new", "strategy", "mine", "--role", "voter", "--dir", "my scripts"],
        &["traders/mine.rhai"],
    );
    assert_eq!(fs::read_to_string(&file).expect("a file"), "changed");
    refused(folder.path(), &["new", "strategy", "trend", "--role", "trader"], &["`trend` is a built-in strategy"]);
    refused(folder.path(), &["new", "strategy", "My-Idea", "--role", "trader"], &["try `my_idea`"]);
    refused(folder.path(), &["new", "strategy", "mine", "--role", "trdaer"], &["trader", "attacker"]);
    refused(folder.path(), &["new", "strategy", "mine"], &["--role"]);
    refused(folder.path(), &["new", "scenario", "../mine"], &["try `mine`"]);
    refused(folder.path(), &["new", "scenario", "calm"], &["`calm` is a built-in scenario"]);
    printed(folder.path(), &["new", "scenario", "mine"]);
    refused(folder.path(), &["new", "scenario", "mine"], &["scenarios/mine.ron exists already"]);
    fs::write(folder.path().join("file"), "mine").expect("a file");
    refused(folder.path(), &["new", "scenario", "mine", "--dir", "file"], &["cannot be created"]);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("elsewhere.ron", folder.path().join("scenarios/linked.ron")).expect("a link");
        refused(folder.path(), &["new", "scenario", "linked"], &["scenarios/linked.ron exists already"]);
    }
    assert_eq!(names(folder.path()), ["file", "my scripts", "scenarios"], "nothing else was written");
}
