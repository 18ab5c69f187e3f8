//! `palisade hunt` and its certificates, as a user meets them.

mod shell;

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use shell::{failed, keys, names, printed, refused};

/// A short hunt in a short world.
const SHORT: [&str; 10] = ["hunt", "thin_market", "--steps", "150", "--budget", "9", "--seeds", "1", "--held-out", "2"];

fn hunt<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&SHORT, more].concat()
}

fn command<'a>(text: &'a str, lead: &str) -> Vec<&'a str> {
    let line =
        text.lines().find_map(|line| line.strip_prefix(lead)).unwrap_or_else(|| panic!("no `{lead}` in:\n{text}"));
    line.split(' ').collect()
}

#[test]
fn an_attack_that_pays_is_told_certified_and_checked_at_any_number_of_jobs() {
    let folder = TempDir::new().expect("a folder");
    let text = printed(folder.path(), &hunt(&["--plan-only"]));
    for part in [
        "An attack that pays: +",
        "USD a world on 2 held-out seeds (95 % interval ",
        "found among 9 plans on 1 seed.",
        "attacker plays thin_market_push",
        "began with",
        "certificate: hunt_thin_market.json",
    ] {
        assert!(text.contains(part), "no `{part}` in:\n{text}");
    }
    assert!(
        text.lines().filter(|line| !line.starts_with("reproduce: ")).all(|line| line.chars().count() <= 100),
        "{text}"
    );
    let check = command(&text, "check: palisade ");
    assert_eq!(check, ["verify", "hunt_thin_market.json"]);
    for jobs in ["1", "3"] {
        let held = printed(folder.path(), &[&check[..], &["--jobs", jobs]].concat());
        assert!(held.contains("holds: 2 worlds, each to the unit"), "{held}");
    }
    // The command that reproduces a plan plays its worlds: the profit there is before what capital costs.
    let run = [&command(&text, "reproduce: palisade ")[..], &["--json"]].concat();
    let run: serde_json::Value = serde_json::from_str(&printed(folder.path(), &run)).expect("a report");
    let outcomes = run["outcomes"].as_array().expect("outcomes");
    let profit = outcomes.iter().find(|outcome| outcome["name"] == "attacker_profit").expect("its profit");
    let certificate = read(&folder.path().join("hunt_thin_market.json"));
    let (net, outlay) = (&certificate["worlds"][0]["profit"], &certificate["worlds"][0]["outlay"]);
    let cost = profit["first"].as_f64().expect("a number") * 1e6 - net.as_f64().expect("a number");
    let expected = outlay.as_f64().expect("a number") * 0.1 * 1_500.0 / (365.0 * 86_400.0);
    assert!((cost - expected).abs() < 2.0, "{cost} is not {expected}");
    // A second one is written beside the first, and an explicit name is never written over.
    let text = printed(folder.path(), &hunt(&["--plan-only", "--quiet"]));
    assert!(text.starts_with("An attack that pays") && text.contains("hunt_thin_market_2.json"), "{text}");
    let taken = ["--certificate", "hunt_thin_market.json"];
    refused(folder.path(), &hunt(&taken), &["hunt_thin_market.json: exists already"]);
    assert_eq!(names(folder.path()), ["hunt_thin_market.json", "hunt_thin_market_2.json"]);
    let with_jobs = |jobs| printed(folder.path(), &hunt(&["--plan-only", "--no-certificate", "--jobs", jobs]));
    assert_eq!(with_jobs("3"), with_jobs("1"));
}

fn read(path: &Path) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(path).expect("a file")).expect("JSON")
}

#[test]
fn a_certificate_that_is_off_by_a_unit_fails_with_its_seed() {
    let folder = TempDir::new().expect("a folder");
    printed(folder.path(), &hunt(&["--plan-only", "--certificate", "a.json"]));
    let file = folder.path().join("a.json");
    let mut certificate = read(&file);
    let mut write = |change: &dyn Fn(&mut serde_json::Value)| {
        change(&mut certificate);
        fs::write(folder.path().join("b.json"), certificate.to_string()).expect("a file");
    };
    // Up and down by a unit in two worlds leaves the mean as it is.
    write(&|all| {
        for (place, by) in [(0, 1), (1, -1)] {
            let profit = all["worlds"][place]["profit"].as_i64().expect("units");
            all["worlds"][place]["profit"] = (profit + by).into();
        }
    });
    let text = failed(folder.path(), &["verify", "b.json"]);
    for part in
        ["does not hold: 2 of 2 worlds differ, seed 2 by -1 units", "DIFFERS -1 units off", "DIFFERS 1 units off"]
    {
        assert!(text.contains(part), "no `{part}` in:\n{text}");
    }
    write(&|all| all["expected_profit"] = 1.into());
    let text = failed(folder.path(), &["verify", "b.json", "--quiet"]).replace('\n', " ");
    assert!(text.contains("not the mean of the certificate's own worlds"), "{text}");
    write(&|all| all["scenario_hash"] = "0".into());
    let text = failed(folder.path(), &["verify", "b.json"]).replace('\n', " ");
    assert!(text.contains("the scenario thin_market is not the one that the certificate is of"), "{text}");
    write(&|all| all["palisade_certificate"] = 9.into());
    refused(folder.path(), &["verify", "b.json"], &["b.json: format 9 is not known"]);
    refused(folder.path(), &["verify", "a.json", "--set", "a=1"], &["names every change itself"]);
}

#[test]
fn where_nothing_pays_none_is_found_and_nothing_is_called_safe() {
    let folder = TempDir::new().expect("a folder");
    let set = ["--set", "protocol.markets.THIN-PERP.unrealized_weight=0", "--fail-if-found"];
    let text = printed(folder.path(), &hunt(&set));
    assert!(
        text.starts_with("None found within 9 plans on 1 seed") && text.contains("no proof that there is none"),
        "{text}"
    );
    assert!(!text.contains("safe") && !text.contains("smallest capital"), "{text}");
    assert_eq!(names(folder.path()), [""; 0], "there is nothing to certify");
    let found = failed(folder.path(), &hunt(&["--plan-only", "--fail-if-found", "--no-certificate"]));
    assert!(found.contains("An attack that pays"), "{found}");
}

#[test]
fn a_script_of_ones_own_hunts_and_travels_with_its_certificate() {
    let folder = TempDir::new().expect("a folder");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts");
    let text = fs::read_to_string(shipped.join("attackers/thin_market_push.rhai")).expect("a script");
    fs::create_dir(folder.path().join("my")).expect("a folder");
    fs::write(folder.path().join("my/pusher.rhai"), text.replace("thin-market push", "my push")).expect("a file");
    let args = ["--attacker", "my/pusher.rhai", "--params", "push,margin", "--fix", "target_multiple=5", "--json"];
    let told: serde_json::Value = serde_json::from_str(&printed(folder.path(), &hunt(&args))).expect("one object");
    assert_eq!(told["attackers"][0]["file"], "my/pusher.rhai");
    assert_eq!(told["searched"].as_array().map(Vec::len), Some(2));
    assert!(told["capital"]["share"].as_f64().is_some_and(|share| share > 0.0 && share <= 1.0), "{told}");
    assert!(told["defences"].as_array().is_some_and(|defences| defences.len() == 2), "{told}");
    let page = include_str!("../../docs/reference/json.md");
    keys(&told, &mut |key| assert!(page.contains(&format!("`{key}`")), "docs/reference/json.md lacks `{key}`"));
    fs::remove_dir_all(folder.path().join("my")).expect("a folder");
    let checked = printed(folder.path(), &["verify", "hunt_thin_market.json", "--json"]);
    let checked: serde_json::Value = serde_json::from_str(&checked).expect("one object");
    assert_eq!(checked["ok"], true);
    keys(&checked, &mut |key| assert!(page.contains(&format!("`{key}`")), "docs/reference/json.md lacks `{key}`"));
    keys(&read(&folder.path().join("hunt_thin_market.json")), &mut |key| {
        assert!(
            page.contains(&format!("`{key}`")) || ["margin", "push"].contains(&key),
            "docs/reference/json.md lacks `{key}`"
        );
    });
    refused(folder.path(), &hunt(&["--attacker", "my/pusher.rhai"]), &["my/pusher.rhai: no such file"]);
    refused(folder.path(), &hunt(&["--attacker", "thin_market_psh"]), &["did you mean `thin_market_push`?"]);
    refused(folder.path(), &hunt(&["--params", "pushes"]), &["--params pushes", "did you mean `push`?"]);
    refused(folder.path(), &hunt(&["--range", "push=1"]), &["expected NAME=LOW..HIGH"]);
    refused(folder.path(), &["hunt", "calm"], &["nobody attacks"]);
}
