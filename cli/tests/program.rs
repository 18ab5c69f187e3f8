//! The program as a user meets it: exit codes, what goes to which stream, and one clear error for every bad input.
//!
//! These stand here because Cargo hands a binary only to its own package's tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn palisade(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
    command.current_dir(repository()).args(args).env("NO_COLOR", "1").output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const MANGO: &str = "scenarios/incidents/mango_2022.ron";
const THIN: &str = "scenarios/thin_market.ron";

#[test]
fn a_run_tells_what_happened_and_how_to_repeat_it() {
    let output = palisade(&["run", MANGO]);
    let summary = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(output.stderr.is_empty(), "no bar off a terminal: {}", text(&output.stderr));
    for expected in ["Attack succeeded", "net +101.9", "insolvent", "depositors", "reproduce: palisade run"] {
        assert!(summary.contains(expected), "no `{expected}` in:\n{summary}");
    }
    assert!(!summary.contains('\u{1b}') && summary.lines().all(|line| line.chars().count() <= 100));
    let command = summary.lines().find_map(|line| line.strip_prefix("reproduce: palisade ")).expect("a command");
    let again = palisade(&command.split_whitespace().collect::<Vec<_>>());
    assert_eq!(text(&again.stdout), summary);
}

#[test]
fn json_is_one_object_and_nothing_else() {
    let output = palisade(&["run", THIN, "--json", "--seeds", "3", "--steps", "60"]);
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON value");
    assert_eq!(value["scenario"], "thin_market");
    assert_eq!(value["seeds"], serde_json::json!([1, 2, 3]));
    assert_eq!(value["steps"], 60);
    assert!(value["first"]["attack"]["outlay"].as_f64().is_some_and(|outlay| outlay > 2e6));
    let page = fs::read_to_string(repository().join("docs/reference/json.md")).expect("the documented keys");
    let mut undocumented = Vec::new();
    collect_keys(&value, &mut |key| {
        if !page.contains(&format!("`{key}`")) {
            undocumented.push(key.to_owned());
        }
    });
    assert!(undocumented.is_empty(), "docs/reference/json.md lacks {undocumented:?}");
}

fn collect_keys(value: &serde_json::Value, found: &mut impl FnMut(&str)) {
    match value {
        serde_json::Value::Object(fields) => {
            for (key, inner) in fields {
                found(key);
                collect_keys(inner, found);
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect_keys(item, found)),
        _ => {}
    }
}

#[test]
fn conditions_and_verification_decide_the_exit_code() {
    let code = |args: &[&str]| palisade(args).status.code();
    assert_eq!(code(&["run", THIN, "--quiet", "--fail-if", "attacker_net > 0"]), Some(1));
    assert_eq!(code(&["run", THIN, "--quiet", "--fail-if", "attacker_net > 1e9"]), Some(0));
    let typo = palisade(&["run", THIN, "--fail-if", "atacker_net > 0"]);
    assert_eq!(typo.status.code(), Some(2));
    assert!(text(&typo.stderr).contains("attacker_net"), "{}", text(&typo.stderr));
    assert_eq!(code(&["verify", MANGO]), Some(0));
    assert_eq!(code(&["verify", MANGO, "--set", "protocol.funds.deposits=50000000.0"]), Some(1));
    assert_eq!(code(&["verify", "scenarios/calm.ron"]), Some(2), "nothing to verify");
    assert_eq!(code(&["run"]), Some(2));
    assert_eq!(code(&["--help"]), Some(0));
}

#[cfg(feature = "parquet")]
#[test]
fn a_run_directory_is_written_whole_and_never_overwritten() {
    let folder = TempDir::new().expect("a folder");
    let out = folder.path().join("run");
    let out = out.to_str().expect("a printable path");
    assert_eq!(palisade(&["run", THIN, "--steps", "30", "--quiet", "--out", out]).status.code(), Some(0));
    for table in ["world", "markets", "feeds", "agents", "flows", "params", "runs"] {
        assert!(Path::new(out).join(table).is_dir(), "no table `{table}`");
    }
    let manifest = fs::read_to_string(Path::new(out).join("manifest.json")).expect("a manifest");
    assert!(!manifest.contains(out), "no output folder in the manifest");
    let again = palisade(&["run", THIN, "--steps", "30", "--quiet", "--out", out]);
    assert_eq!(again.status.code(), Some(2));
    assert_eq!(fs::read_to_string(Path::new(out).join("manifest.json")).expect("untouched"), manifest);
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing half-written beside it");
}

#[test]
fn the_schema_is_one_json_schema_and_needs_no_repository() {
    let output = palisade(&["schema"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(output.stderr.is_empty() && output.stdout.ends_with(b"}\n"));
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON value");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["$defs"]["MarketTerms"]["properties"]["imr"]["maximum"], 10.0);
    let elsewhere =
        Command::new(env!("CARGO_BIN_EXE_palisade")).current_dir(std::env::temp_dir()).arg("schema").output();
    assert_eq!(text(&elsewhere.expect("the program starts").stdout), text(&output.stdout));
    assert_eq!(palisade(&["schema", THIN]).status.code(), Some(2), "it takes no scenario");
}

/// A legal scenario that the cases below break in one place each.
const LEGAL: &str = r#"(
    format: 1, name: "legal", summary: "a small market", clock: [(for: "1m", dt: "1s")],
    protocol: Inline((
        assets: { "USD": (), "TOK": (decimals: 6) }, settlement: "USD",
        feeds: { "TOK": (sources: ["TOK/USD"]) },
        markets: { "TOK-PERP": (feed: "TOK", base: "TOK", venues: ["TOK/USD"], imr: 0.1) },
    )),
    market: Inline((
        venues: { "TOK/USD": (base: "TOK", quote: "USD", price: 1.0, depth: 1000.0) },
    )),
    population: Inline({
        "nodes": (role: oracle, strategy: "honest", count: 3, stake: Fixed(1.0)),
        "noise": (role: trader, strategy: "noise", count: 5, margin: Fixed(100.0)),
    }),
    attackers: Inline({}),
)
"#;

/// Runs `LEGAL` with `from` replaced by `to`: it must be refused with one error that names `line:column` and `hint`.
#[track_caller]
fn refused(from: &str, to: &str, expected: &[&str]) {
    assert!(from.is_empty() || LEGAL.contains(from), "`{from}` is not in the scenario");
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("broken.ron");
    fs::write(&file, LEGAL.replacen(from, to, 1)).expect("a file");
    refused_file(&folder, &file, &[], expected);
}

#[track_caller]
fn refused_file(folder: &TempDir, file: &Path, extra: &[&str], expected: &[&str]) {
    let out = folder.path().join("out");
    let mut args = vec!["run", file.to_str().expect("printable"), "--out", out.to_str().expect("printable")];
    args.extend(extra);
    let output = palisade(&args);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}{}", text(&output.stdout));
    assert!(output.stdout.is_empty(), "stdout stays empty");
    // Long paths wrap at the edge of the page: compare without the page's furniture.
    let flat: String = message.chars().filter(|c| !c.is_whitespace() && *c != '|').collect();
    for part in expected {
        let part: String = part.chars().filter(|c| !c.is_whitespace()).collect();
        assert!(flat.contains(&part), "no `{part}` in:\n{message}");
    }
    assert!(!out.exists(), "no run directory");
    assert!(!message.contains("panicked"), "{message}");
}

#[test]
fn the_legal_scenario_runs() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("legal.ron");
    fs::write(&file, LEGAL).expect("a file");
    let output = palisade(&["run", file.to_str().expect("printable"), "--quiet"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn bad_fields_and_types_are_named_with_their_place() {
    refused("imr: 0.1", "imrr: 0.1", &["broken.ron:6:", "imrr", "imr"]);
    refused("imr: 0.1", "imr: \"high\"", &["broken.ron:6:85"]);
    refused("markets:", "market:", &["broken.ron:6:9", "markets"]);
    refused("count: 5", "cuont: 5", &["broken.ron:13:", "count"]);
    refused("role: trader", "role: tradr", &["broken.ron:13:", "trader"]);
    refused("strategy: \"noise\"", "strategy: \"nose\"", &["broken.ron:13:", "noise"]);
    refused("feed: \"TOK\"", "feed: \"TKO\"", &["broken.ron:6:", "TOK"]);
    refused("sources: [\"TOK/USD\"]", "sources: [\"TOK-USD\"]", &["broken.ron:5:", "TOK/USD"]);
    refused("settlement: \"USD\"", "settlement: \"USDC\"", &["broken.ron:4:", "USD"]);
    refused("dt: \"1s\"", "dt: \"1 second\"", &["broken.ron:2:", "30s"]);
    refused("format: 1", "format: 2", &["broken.ron:2:"]);
    refused("margin: Fixed(100.0)", "params: { \"levrage\": 2.0 }", &["broken.ron:13:", "leverage"]);
}

#[test]
fn duplicate_keys_are_refused() {
    refused("imr: 0.1", "imr: 0.1, imr: 0.2", &["broken.ron:6:", "imr"]);
    refused("\"TOK\": (decimals: 6)", "\"TOK\": (), \"TOK\": ()", &["broken.ron:4:", "TOK"]);
}

#[test]
fn numbers_that_are_none_are_refused() {
    for bad in ["NaN", "inf", "-inf", "1e999", "1e-310", "-0.1"] {
        refused("imr: 0.1", &format!("imr: {bad}"), &["broken.ron:6:"]);
    }
    for bad in ["1e-320", "0.0", "-1.0", "1e30", "NaN"] {
        refused("price: 1.0", &format!("price: {bad}"), &["broken.ron:9:"]);
    }
    for bad in ["-5", "1000000000000", "99999999999999999999999999999999999999999", "2.5", "4000000000"] {
        refused("count: 5", &format!("count: {bad}"), &["broken.ron:13:"]);
    }
    refused("Fixed(100.0)", "Fixed(-1.0)", &["broken.ron:13:"]);
    refused("Fixed(100.0)", "Fixed(1e18)", &["broken.ron:13:"]);
    refused("dt: \"1s\"", "dt: \"0s\"", &["broken.ron:2:"]);
    refused("for: \"1m\"", "for: \"99999999999d\"", &["broken.ron:2:"]);
    refused("decimals: 6", "decimals: 60", &["broken.ron:4:"]);
}

#[test]
fn deep_nesting_is_refused_and_does_not_overflow() {
    let deep = format!("imr: {}{}", "(".repeat(200_000), ")".repeat(200_000));
    refused("imr: 0.1", &deep, &["broken.ron:6:"]);
}

#[test]
fn parts_cannot_leave_the_scenarios_folder() {
    let outside = TempDir::new().expect("a folder");
    fs::write(outside.path().join("part.ron"), "{}").expect("a file");
    refused("attackers: Inline({})", "attackers: File(\"missing.ron\")", &["broken.ron:15:", "missing.ron"]);
    refused("attackers: Inline({})", "attackers: File(\"../../../../../../etc/passwd\")", &["broken.ron:15:"]);
    let absolute = format!("attackers: File({:?})", outside.path().join("part.ron"));
    refused("attackers: Inline({})", &absolute, &["broken.ron:15:"]);
    let folder = TempDir::new().expect("a folder");
    std::os::unix::fs::symlink(outside.path().join("part.ron"), folder.path().join("link.ron")).expect("a link");
    let file = folder.path().join("linked.ron");
    fs::write(&file, LEGAL.replace("attackers: Inline({})", "attackers: File(\"link.ron\")")).expect("a file");
    refused_file(&folder, &file, &[], &["linked.ron:15:"]);
}

#[test]
fn bad_overrides_and_files_are_named() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("legal.ron");
    fs::write(&file, LEGAL).expect("a file");
    let set = |value: &str, expected: &[&str]| refused_file(&folder, &file, &["--set", value], expected);
    set("protocol.markets.TOK-PERP.imrr=0.1", &["imr"]);
    set("protocol.markets.TOK-PERP.imr=NaN", &["--set"]);
    set("protocol.markets.TOKPERP.imr=0.1", &["TOK-PERP"]);
    set("protocol.markets.TOK-PERP.imr=50", &["--set", "10"]);
    set("nonsense", &["path=value"]);
    refused_file(&folder, &file, &["--data", "X=/no/such/file.csv"], &["file.csv"]);
    refused_file(&folder, &file, &["--scripts", "/no/such/folder"], &["/no/such/folder"]);
    refused_file(&folder, &file, &["--seeds", "0"], &["seeds"]);
    let missing = folder.path().join("leagl.ron");
    refused_file(&folder, &missing, &[], &["leagl.ron"]);
}

#[test]
fn a_broken_script_is_shown_with_its_place() {
    let folder = TempDir::new().expect("a folder");
    let scripts = folder.path().join("scripts");
    fs::create_dir(&scripts).expect("a folder");
    let script = "//! name: noise\n//! role: trader\n//! summary: x\n\nfn decide(me, world) {\n    me.account(0).opne(1, 2);\n}\n";
    fs::write(scripts.join("noise.rhai"), script).expect("a file");
    let file = folder.path().join("legal.ron");
    fs::write(&file, LEGAL).expect("a file");
    let extra = ["--scripts", scripts.to_str().expect("printable")];
    refused_file(&folder, &file, &extra, &["noise.rhai:6:", "open"]);
}

#[test]
fn faults_never_stop_a_run_and_are_counted() {
    let folder = TempDir::new().expect("a folder");
    let scripts = folder.path().join("scripts");
    fs::create_dir(&scripts).expect("a folder");
    let script = "//! name: noise\n//! role: trader\n//! summary: x\n\nfn decide(me, world) {\n    let a = [1];\n    a[7] = 1;\n}\n";
    fs::write(scripts.join("noise.rhai"), script).expect("a file");
    let file = folder.path().join("legal.ron");
    fs::write(&file, LEGAL).expect("a file");
    let output =
        palisade(&["run", file.to_str().expect("printable"), "--scripts", scripts.to_str().expect("printable")]);
    let summary = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(summary.contains("noise.rhai:7:"), "{summary}");
    assert!(summary.to_lowercase().contains("fault"), "{summary}");
}
