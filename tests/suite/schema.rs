//! The JSON Schema of the scenario file accepts what loads, read in JSON terms, and refuses what does not.

use std::path::{Path, PathBuf};

use palisade_engine::mechanisms::ALL;
use palisade_engine::registry::{Kind, Registry};
use palisade_engine::units::Span;
use palisade_lab::load::{RunRequest, load};
use palisade_lab::schema;
use palisade_lab::source::Document;
use serde_json::{Map, Value, json};

use crate::scenarios::request;

/// The keys whose value a document shows without its `Inline(…)`.
const PARTS: [&str; 4] = ["protocol", "market", "population", "attackers"];

/// A scenario in JSON terms.
fn in_json(document: &Document) -> Value {
    let entry = |key: String| {
        let value = read(document, &key);
        let value = if PARTS.contains(&key.as_str()) { json!({ "Inline": value }) } else { value };
        (key, value)
    };
    Value::Object(document.keys("").into_iter().map(entry).collect())
}

/// The value at a path of a document in JSON terms, as the schema's own description says.
fn read(document: &Document, path: &str) -> Value {
    let text = document.raw(path).expect("a path of the document");
    let keys = document.keys(path);
    let child = |key: &String| read(document, &format!("{path}.{key}"));
    let object = || Value::Object(keys.iter().map(|key| (key.clone(), child(key))).collect::<Map<_, _>>());
    let payload = || match keys.iter().map(child).collect::<Vec<_>>() {
        // Names cannot begin with a digit, so these are the places of a tuple.
        items if keys.first().is_some_and(|key| key.starts_with(|c: char| c.is_ascii_digit())) => match &items[..] {
            [item] => item.clone(),
            _ => Value::Array(items),
        },
        _ => object(),
    };
    match text.chars().next() {
        Some('[') => Value::Array(keys.iter().map(child).collect()),
        Some('{' | '(') => object(),
        Some(c) if c.is_alphabetic() && text.ends_with(')') => {
            let name = text.split('(').next().expect("a variant's name").trim();
            json!({ name: payload() })
        }
        Some('"') => document.parse::<String>(path).map(Value::from).expect("a text"),
        Some(c) if c.is_alphabetic() => match text {
            "true" | "false" => (text == "true").into(),
            "None" => Value::Null,
            _ => text.into(),
        },
        _ => match document.parse::<i64>(path) {
            Ok(integer) => integer.into(),
            Err(_) => document.parse::<f64>(path).map(Value::from).expect("a number"),
        },
    }
}

fn validator(schema: &Value) -> jsonschema::Validator {
    jsonschema::draft202012::new(schema).unwrap_or_else(|error| panic!("{error}"))
}

/// Where a scenario breaks the schema.
fn faults(scenario: &Value) -> Vec<String> {
    let found = validator(&schema::built_in());
    found.iter_errors(scenario).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn shipped(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let mut all: Vec<PathBuf> = folders.iter().flat_map(|folder| shipped(folder)).collect();
    all.extend(files.into_iter().filter(|file| file.extension().is_some_and(|kind| kind == "ron")));
    // Tournaments are no scenarios.
    all.retain(|file| !file.components().any(|part| part.as_os_str() == "tournaments"));
    all
}

#[test]
fn every_shipped_scenario_is_accepted() {
    let all = shipped(&request("", &[]).scenario);
    assert!(all.len() >= 9, "{all:?}");
    for file in all {
        let document = Document::load(&file, &[]).unwrap_or_else(|problem| panic!("{problem}"));
        let found = faults(&in_json(&document));
        assert!(found.is_empty(), "{}: {found:#?}", file.display());
    }
}

/// The small market that the cases below change in one place each.
const SCENARIO: &str = "thin_market.ron";

/// `SCENARIO` with `from` replaced by `to`.
#[track_caller]
fn changed(from: &str, to: &str) -> String {
    let text = std::fs::read_to_string(request(SCENARIO, &[]).scenario).expect("a shipped scenario");
    assert!(text.contains(from), "`{from}` is not in the scenario");
    text.replacen(from, to, 1)
}

/// Where a text breaks the schema.
fn faults_of(text: &str) -> Vec<String> {
    let document = Document::from_text(SCENARIO, text, &[]).unwrap_or_else(|problem| panic!("{problem}"));
    faults(&in_json(&document))
}

/// The schema refuses the change at `place`, and so does loading.
#[track_caller]
fn check_refused(from: &str, to: &str, place: &str) {
    let text = changed(from, to);
    let found = faults_of(&text);
    assert!(matches!(&found[..], [fault] if fault.starts_with(&format!("{place}: "))), "{found:#?}");
    let folder = tempfile::TempDir::new().expect("a folder");
    let scenario = folder.path().join(SCENARIO);
    std::fs::write(&scenario, text).expect("a writable folder");
    assert!(load(&RunRequest { scenario, ..RunRequest::default() }).is_err(), "`{to}` loads");
}

#[track_caller]
fn check_accepted(from: &str, to: &str) {
    let found = faults_of(&changed(from, to));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn what_does_not_load_is_refused_where_it_stands() {
    let market = "/protocol/Inline/markets/THIN-PERP";
    check_refused("imr: 0.2", "imrr: 0.2", market);
    check_refused("feed: \"THIN\",", "", market);
    check_refused("imr: 0.2", "imr: 20.0", &format!("{market}/imr"));
    check_refused("imr: 0.2", "imr: \"high\"", &format!("{market}/imr"));
    check_refused("settlement: \"USD\",", "", "/protocol/Inline");
    check_refused("funds:", "fund:", "/protocol/Inline");
    check_refused("decimals: 6", "decimals: 19", "/protocol/Inline/assets/USD/decimals");
    check_refused("route: takeover", "route: takover", "/protocol/Inline/liquidation/route");
    check_refused("[margin, insurance, socialized]", "[margin, margin]", "/protocol/Inline/waterfall/order");
    check_refused("price: 1.0", "price: 0.0", "/market/Inline/venues/THIN~1USD/price");
    check_refused("role: trader", "role: tradr", "/population/Inline/traders/role");
    check_refused("role: trader", "role: attacker", "/population/Inline/traders/role");
    check_refused("role: attacker", "role: trader", "/attackers/Inline/attacker/role");
    check_refused("count: 40", "count: -1", "/population/Inline/traders/count");
    check_refused("LogNormal(2_000.0, 1.0)", "LogNormal(2_000.0)", "/population/Inline/traders/margin");
    check_refused("latency: \"10s\"", "latency: \"10 s\"", "/population/Inline/nodes/latency");
    check_refused("clock: [(for: \"2h\", dt: \"10s\")],", "", "");
    check_refused("name:", "title: \"x\", name:", "");
    check_refused("format: 1", "format: 2", "/format");
    check_refused("kind: predicted", "kind: guessed", "/expect/0/kind");
    check_refused("claim: Below(0.5)", "claim: Below", "/counterfactuals/0/claim");
}

#[test]
fn every_way_to_say_a_thing_is_accepted() {
    for process in [
        "Fixed",
        "Gbm(drift: 0, volatility: 0.6)",
        "Regimes(drift: 0.0, regimes: [(volatility: 0.2, mean_stay: \"7d\"), (volatility: 0.9, mean_stay: \"1d\")])",
        "Merton(drift: 0.0, volatility: 0.5, jumps_per_day: 0.1, jump_mean: -0.1, jump_deviation: 0.2)",
        "Replay(points: [(at: \"0s\", price: 1.0), (at: \"1h\", price: 2)])",
        "Csv(data: \"thin\", time: \"date\", price: \"close\")",
    ] {
        check_accepted("venues: {\n", &format!("prices: {{ \"THIN\": (start: 1.0, process: {process}) }}, venues: {{"));
    }
    for tolerance in ["Relative(0.1)", "Exact", "Range(0, 1)", "Below(1)", "Above(-1)"] {
        check_accepted("tolerance: Exact", &format!("tolerance: {tolerance}"));
    }
    for claim in ["Below(1)", "Above(1)", "Falls", "Rises", "Equals(1)"] {
        check_accepted("claim: Below(0.5)", &format!("claim: {claim}"));
    }
    check_accepted("clock:", "timing: (liquidation: after_execute), data: { \"eth\": \"eth.csv\" }, clock:");
    check_accepted("funds:", "offences: (), safety: (), governance: (token: \"THIN\", weight: current), funds:");
    check_accepted("outcome: \"attack_profitable\", ", "outcome: \"solvency\", at: \"10m\", ");
}

#[test]
fn a_part_is_given_here_or_as_a_file() {
    let document = Document::load(&request(SCENARIO, &[]).scenario, &[]).unwrap_or_else(|problem| panic!("{problem}"));
    let mut scenario = in_json(&document);
    scenario["market"] = json!({ "File": "markets/thin.ron" });
    assert_eq!(faults(&scenario), [""; 0]);
    scenario["market"] = json!({ "File": "markets/thin.ron", "Inline": {} });
    assert_eq!(faults(&scenario).len(), 1);
    scenario["market"] = json!({});
    assert_eq!(faults(&scenario).len(), 1);
}

#[test]
fn times_are_those_that_load() {
    let schema = schema::built_in();
    let span = validator(&schema["$defs"]["Span"]);
    let examples = schema["$defs"]["Span"]["examples"].as_array().expect("examples");
    let others = ["0s", "90m", " 1h ", "", "5", "m", "5 m", "1h 30m", "1.5h", "-1s", "1y", "1H"].map(Value::from);
    for text in examples.iter().chain(&others) {
        let loads = text.as_str().expect("a text").parse::<Span>().is_ok();
        assert_eq!(span.is_valid(text), loads, "{text}");
    }
}

/// The schema at a pointer, or what it refers to.
fn follow<'a>(schema: &'a Value, at: &'a Value) -> &'a Value {
    let reference = at["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    reference.map_or(at, |pointer| schema.pointer(pointer).expect("a definition"))
}

#[test]
fn every_risk_parameter_has_its_bounds_default_and_unit() {
    let schema = schema::built_in();
    let registry = Registry::of(&ALL);
    assert!(registry.params.len() > 40);
    for param in &registry.params {
        let (part, key) = param.block.split_once('.').expect("a part and a key");
        let block = follow(&schema, &schema["$defs"][part]["properties"][key]);
        let things = if param.kind == Kind::Protocol { block } else { follow(&schema, &block["additionalProperties"]) };
        let property = &things["properties"][param.name];
        let figures = ["minimum", "maximum", "default"].map(|key| property[key].as_f64());
        let expected = [param.bounds.0, param.bounds.1, (param.default)()].map(Some);
        assert_eq!(figures, expected, "{}.{}", param.block, param.name);
        let about = property["description"].as_str().expect("a description");
        assert!(about.starts_with(param.doc) && about.contains(param.unit), "{about}");
    }
}

/// The keys and choices below a place that do not say what they mean.
fn silent(schema: &Value, place: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut look = |name: &str, value: &Value| {
        let place = format!("{place}.{name}");
        if value["description"].as_str().is_none_or(str::is_empty) {
            found.push(place.clone());
        }
        // A variant is described as a whole: what counts is what stands in its parentheses.
        let choice = value["properties"].as_object().filter(|_| name.is_empty());
        let inside: Vec<&Value> = choice.map_or_else(|| vec![value], |keys| keys.values().collect());
        found.extend(inside.into_iter().flat_map(|value| silent(value, &place)));
    };
    for (key, value) in schema["properties"].as_object().into_iter().flatten() {
        look(key, value);
    }
    for choice in schema["oneOf"].as_array().into_iter().flatten() {
        look("", choice);
    }
    found
}

#[test]
fn every_key_and_every_choice_says_what_it_means() {
    let schema = schema::built_in();
    assert_eq!(silent(&schema, ""), [""; 0]);
    for (name, definition) in schema["$defs"].as_object().expect("definitions") {
        assert_eq!(silent(definition, name), [""; 0]);
    }
}

#[test]
fn it_is_a_schema_and_the_same_each_time() {
    let schema = schema::built_in();
    jsonschema::meta::validate(&schema).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(schema.to_string(), schema::built_in().to_string());
}
