//! One JSON Schema (draft 2020-12) of the scenario file, composed from the types that scenarios are read as, the blocks
//! that mechanisms declare, and the unit, bounds, default and meaning of every risk parameter. Nothing is read here.

mod page;

use std::collections::BTreeMap;

use palisade_engine::clock::Segment;
use palisade_engine::mechanisms::ALL;
use palisade_engine::params::ParamSpec;
use palisade_engine::registry::{Kind, Registry};
use palisade_engine::scenario::{AssetSpec, Cohort, FORMAT, Measure, Role, Timing};
use schemars::consts::meta_schemas::DRAFT2020_12;
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use crate::assemble::MAX_NAME;
use crate::expect::{Expectation, Variation};

pub use page::page;

/// How RON reads in JSON terms.
const ABOUT: &str = "A Palisade scenario is one RON file; this schema describes it read in JSON terms. \
A struct `(key: value)` and a map `{\"name\": value}` are objects, `()` is an object without members, and a list `[…]` \
is an array. A variant alone, such as `trader`, is a string; one with values is an object with its name as the only \
key: `Fixed(1.0)` is {\"Fixed\": 1.0}, `Uniform(1.0, 2.0)` is {\"Uniform\": [1.0, 2.0]}, and \
`Gbm(drift: 0.0, volatility: 0.6)` is {\"Gbm\": {\"drift\": 0.0, \"volatility\": 0.6}}. Structs go without their names. \
An optional value stands as it is, without `Some(…)`; `None` is null. A part that stands in a file of its own is \
described under `$defs`. What no schema can say, such as whether a name refers to something, is checked when a scenario \
is loaded.";

/// A key of an object, its schema, and what it is.
type Property = (&'static str, Schema, &'static str);

/// The schema of scenarios for the built-in mechanisms.
#[must_use]
pub fn built_in() -> Value {
    of(&Registry::of(&ALL))
}

/// The schema of scenarios for the mechanisms of a registry.
#[must_use]
pub fn of(registry: &Registry) -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let head = head(&mut generator);
    let mut definitions = parts(registry, &mut generator);
    definitions.append(&mut generator.take_definitions(true));
    let mut root = json_schema!({
        "$schema": DRAFT2020_12,
        "title": format!("Palisade scenario, format {FORMAT}"),
        "description": ABOUT,
    });
    root.ensure_object().append(&mut object(head, &["format", "name", "clock", "protocol"]));
    root.insert("$defs".to_owned(), definitions.into());
    RecursiveTransform(tidy).transform(&mut root);
    let mut root = root.to_value();
    for param in &registry.params {
        describe(&mut root, param);
    }
    root
}

/// The keys of the top level.
fn head(generator: &mut SchemaGenerator) -> Vec<Property> {
    let name = json_schema!({ "type": "string", "pattern": r"\S" });
    let mut clock = typed::<Vec<Segment>>(generator);
    clock.insert("minItems".to_owned(), 1.into());
    vec![
        ("format", json_schema!({ "const": FORMAT }), "The version of this form."),
        ("name", name, "What the scenario is called."),
        ("summary", typed::<String>(generator), "What it shows, in a line."),
        ("sources", typed::<Vec<String>>(generator), "Where its facts come from."),
        ("clock", clock, "The plan of steps: stretches of the run, each with its step length."),
        ("timing", typed::<Timing>(generator), "When things happen within a step."),
        (
            "data",
            typed::<BTreeMap<String, String>>(generator),
            "CSV files by name, for prices that replay them; `--data NAME=FILE` adds or replaces.",
        ),
        ("protocol", part("protocol"), "The design under test."),
        ("market", part("market"), "The prices and venues around it."),
        ("population", part("population"), "Who takes part: cohorts by name, of any role but `attacker`."),
        (
            "attackers",
            part("attackers"),
            "Who attacks: cohorts by name, of the role `attacker`; the paired baseline is without them.",
        ),
        (
            "probes",
            typed::<BTreeMap<String, Measure>>(generator),
            "Columns of the table `world` that scripts measure at the end of every step, by name.",
        ),
        (
            "outcomes",
            typed::<BTreeMap<String, Measure>>(generator),
            "Figures of a whole run that scripts make of its other figures and of the world at its end, by name.",
        ),
        (
            "invariants",
            typed::<BTreeMap<String, Measure>>(generator),
            "What must hold after every step, by name: a run stops where one does not.",
        ),
        ("fitted", typed::<Vec<String>>(generator), "Paths of the values that were fitted to the record."),
        ("expect", typed::<Vec<Expectation>>(generator), "Figures that must come out."),
        ("counterfactuals", typed::<Vec<Variation>>(generator), "Changes, and what becomes of a figure under each."),
    ]
}

/// A part that stands here, or in a file of its own. As two keys of which one is given, not as alternatives: validators
/// then name the place within the part.
fn part(name: &str) -> Schema {
    json_schema!({
        "type": "object",
        "properties": {
            "Inline": { "$ref": format!("#/$defs/{name}"), "description": "The part itself." },
            "File": {
                "type": "string",
                "description": "The file that holds it, relative to this one and under the same `scenarios` folder.",
            },
        },
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": false,
    })
}

/// The values of the four parts, by name.
fn parts(registry: &Registry, generator: &mut SchemaGenerator) -> Map<String, Value> {
    let mut assets = typed::<BTreeMap<String, AssetSpec>>(generator);
    assets.insert("minProperties".to_owned(), 1.into());
    let mut protocol = vec![
        ("assets", assets, "Assets, by name."),
        ("settlement", typed::<String>(generator), "The asset that margin, fees and claims are in."),
    ];
    protocol.append(&mut blocks(registry, "protocol.", generator));
    let market = blocks(registry, "market.", generator);
    let attacker = json!({ "const": Role::Attacker.name() });
    let parts = [
        ("protocol", object(protocol, &["assets", "settlement"])),
        ("market", object(market, &[])),
        ("population", cohorts(generator, &json!({ "not": attacker }))),
        ("attackers", cohorts(generator, &attacker)),
    ];
    parts.into_iter().map(|(name, part)| (name.to_owned(), part.into())).collect()
}

/// The blocks that mechanisms declare below `prefix`.
fn blocks(registry: &Registry, prefix: &str, generator: &mut SchemaGenerator) -> Vec<Property> {
    let below = registry.blocks.iter().filter_map(|block| Some((block.path.strip_prefix(prefix)?, block)));
    below.map(|(key, block)| (key, (block.schema)(generator), block.doc)).collect()
}

/// Cohorts by name, of the roles that `role` allows.
fn cohorts(generator: &mut SchemaGenerator, role: &Value) -> Map<String, Value> {
    let mut cohort = typed::<Cohort>(generator);
    cohort.insert("type".to_owned(), "object".into());
    cohort.insert("properties".to_owned(), json!({ "role": role }));
    let mut map = Map::new();
    map.insert("type".to_owned(), "object".into());
    map.insert("propertyNames".to_owned(), json!({ "minLength": 1, "maxLength": MAX_NAME }));
    map.insert("additionalProperties".to_owned(), cohort.into());
    map
}

/// An object with these keys and no others.
fn object(properties: Vec<Property>, required: &[&str]) -> Map<String, Value> {
    let described = properties.into_iter().map(|(key, mut schema, doc)| {
        schema.insert("description".to_owned(), doc.into());
        (key.to_owned(), schema.into())
    });
    let mut map = Map::new();
    map.insert("type".to_owned(), "object".into());
    map.insert("properties".to_owned(), Value::Object(described.collect()));
    map.insert("required".to_owned(), required.into());
    map.insert("additionalProperties".to_owned(), false.into());
    map
}

fn typed<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// Takes away what misleads: machine widths of numbers, which strict validators refuse, line breaks of the source, and
/// defaults of keys that must be given.
fn tidy(schema: &mut Schema) {
    schema.remove("format");
    if let Some(Value::String(description)) = schema.get_mut("description") {
        *description = description.replace('\n', " ");
    }
    let required = schema.get("required").cloned().unwrap_or_default();
    for key in required.as_array().into_iter().flatten().filter_map(Value::as_str) {
        if let Some(Value::Object(property)) = schema.pointer_mut(&format!("/properties/{key}")) {
            property.remove("default");
        }
    }
}

/// Adds what a risk parameter's declaration says to its property.
fn describe(root: &mut Value, param: &ParamSpec) {
    let Some((part, key)) = param.block.split_once('.') else { return };
    let mut place = resolve(root, format!("/$defs/{part}/properties/{key}"));
    if param.kind != Kind::Protocol {
        place = resolve(root, format!("{place}/additionalProperties"));
    }
    let Some(Value::Object(property)) = root.pointer_mut(&format!("{place}/properties/{}", param.name)) else { return };
    property.insert("description".to_owned(), format!("{} Unit: {}.", param.doc, param.unit).into());
    property.insert("default".to_owned(), (param.default)().into());
    property.insert("minimum".to_owned(), param.bounds.0.into());
    property.insert("maximum".to_owned(), param.bounds.1.into());
}

/// Where the schema at a JSON pointer stands: there, or where it refers to.
fn resolve(root: &Value, pointer: String) -> String {
    let reference = root.pointer(&format!("{pointer}/$ref")).and_then(Value::as_str);
    reference.and_then(|reference| reference.strip_prefix('#')).map_or(pointer, str::to_owned)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use palisade_engine::registry::BlockSpec;

    use super::*;
    use crate::source::TOP_LEVEL;

    #[derive(JsonSchema, serde::Deserialize)]
    #[allow(dead_code)] // only its schema is asked for
    struct Level {
        height: f64,
    }

    #[test]
    fn the_block_of_a_plugin_has_its_place() {
        let mut registry = Registry::of(&ALL);
        registry.blocks.push(BlockSpec::of::<BTreeMap<String, Level>>("market.levels", "Levels, by name."));
        registry.params.push(ParamSpec {
            block: "market.levels",
            kind: Kind::Asset,
            name: "height",
            ..registry.params[0]
        });
        let schema = of(&registry);
        assert_eq!(schema["$defs"]["market"]["properties"]["levels"]["description"], "Levels, by name.");
        let height = &schema["$defs"]["Level"]["properties"]["height"];
        assert_eq!(height["maximum"].as_f64(), Some(registry.params[0].bounds.1));
    }

    #[test]
    fn the_top_level_has_the_keys_that_are_read() {
        let schema = built_in();
        let keys: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(keys, TOP_LEVEL);
    }
}
