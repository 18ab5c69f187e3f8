//! The reference page of the scenario file, written from its schema: a table for every struct, a row for every key with
//! what it takes, its default and its meaning.

use std::fmt::Write;

use serde_json::{Map, Value};

const OPENING: &str = "<!-- generated from the schema; rewrite with PALISADE_BLESS=1 cargo test -p palisade-tests reference -->
# The scenario file

One RON file: a head, and the four parts protocol × market × population × attackers. Each part is `Inline(…)` or
`File(\"relative.ron\")`, resolved from the file it stands in and never outside the `scenarios` folder around it. Unknown
fields, duplicate keys and numbers that are none are refused with their place. Any value can be changed with
`--set dotted.path=value`; the path leaves out `Inline`. `palisade schema` prints all of this as one JSON Schema.

Formulas by name: [rules](rules.md). Figures that can be expected: [outcomes](outcomes.md), and with `at` the columns of
the table `world` in [columns](columns.md).
";

/// The page for a schema made by [`super::of`].
#[must_use]
pub fn page(schema: &Value) -> String {
    let mut writer = Writer { definitions: &schema["$defs"], text: OPENING.to_owned(), shown: Vec::new() };
    writer.text.push_str("\n## The head\n\n");
    writer.keys(schema);
    for part in ["protocol", "market"] {
        writer.part(part, &schema["properties"][part]);
    }
    writer.text.push_str("\n## `population` and `attackers`\n\n");
    for part in ["population", "attackers"] {
        let _ = writeln!(writer.text, "- `{part}`: {}", describe(&schema["properties"][part]));
        writer.shown.push(part);
    }
    writer.text.push('\n');
    writer.definition("Cohort");
    writer.text.push_str("\n## Values\n");
    for (name, definition) in writer.definitions.as_object().into_iter().flatten() {
        if !writer.shown.contains(&name.as_str()) {
            let _ = writeln!(writer.text, "\n### {name}\n\n{}\n", describe(definition));
            writer.definition(name);
        }
    }
    writer.text
}

struct Writer<'a> {
    definitions: &'a Value,
    text: String,
    /// The definitions that have their place.
    shown: Vec<&'a str>,
}

impl<'a> Writer<'a> {
    /// A part: its keys, then a section for each.
    fn part(&mut self, name: &'a str, about: &Value) {
        let _ = writeln!(self.text, "\n## `{name}`\n\n{}\n\n| key | meaning |\n|-----|---------|", describe(about));
        self.shown.push(name);
        let keys = || members(&self.definitions[name]);
        for (key, value) in keys() {
            let _ = writeln!(self.text, "| `{key}` | {} |", describe(value));
        }
        for (key, value) in keys() {
            let (path, inner) = match value.get("additionalProperties") {
                Some(inner) => (format!("{name}.{key}.NAME"), inner),
                None => (format!("{name}.{key}"), value),
            };
            if let Some(definition) = referred(inner) {
                let _ = writeln!(self.text, "\n### `{path}`\n");
                self.definition(definition);
            }
        }
    }

    /// The table of a definition.
    fn definition(&mut self, name: &'a str) {
        self.shown.push(name);
        let definition = &self.definitions[name];
        match definition["oneOf"].as_array() {
            Some(variants) => self.variants(variants),
            None if definition.get("properties").is_some() => self.keys(definition),
            None => {
                let examples = definition["examples"].as_array().into_iter().flatten();
                let examples: Vec<String> = examples.map(|example| format!("`{example}`")).collect();
                let _ = writeln!(self.text, "Such as {}.", examples.join(", "));
            }
        }
    }

    fn keys(&mut self, object: &Value) {
        self.text.push_str("| key | value | default | meaning |\n|-----|-------|---------|---------|\n");
        for (key, value) in members(object) {
            let default = match value.get("default") {
                Some(default) => format!("`{}`", self.literal(default, value)),
                None if object["required"].as_array().is_some_and(|keys| keys.contains(&key.as_str().into())) => {
                    "must be given".to_owned()
                }
                None => String::new(),
            };
            let _ = writeln!(self.text, "| `{key}` | {} | {default} | {} |", self.shape(value), describe(value));
        }
    }

    fn variants(&mut self, variants: &[Value]) {
        self.text.push_str("| value | meaning |\n|-------|---------|\n");
        for variant in variants {
            let mut meaning = describe(variant).to_owned();
            for (_, payload) in members(variant) {
                for (key, value) in members(payload) {
                    let _ =
                        write!(meaning, " `{key}`: {} ({}).", describe(value).trim_end_matches('.'), self.shape(value));
                }
            }
            let _ = writeln!(self.text, "| `{}` | {meaning} |", self.form(variant));
        }
    }

    /// A variant as it is written: its name, and what stands in its parentheses.
    fn form(&self, variant: &Value) -> String {
        match members(variant).next() {
            Some((name, payload)) => self.written(name, payload),
            None => variant["const"].as_str().unwrap_or_default().to_owned(),
        }
    }

    fn written(&self, name: &str, payload: &Value) -> String {
        let inside: Vec<String> = match payload["prefixItems"].as_array() {
            Some(items) => items.iter().map(|item| self.shape(item)).collect(),
            None if payload.get("properties").is_some() => members(payload).map(|(key, _)| key.clone()).collect(),
            None if referred(payload).is_some() => vec!["…".to_owned()],
            None => vec![self.shape(payload)],
        };
        format!("{name}({})", inside.join(", "))
    }

    /// What a value is, in a few words.
    fn shape(&self, schema: &Value) -> String {
        if let Some(name) = referred(schema) {
            return format!("[{}](#{})", self.title(name), name.to_lowercase());
        }
        if let Some(value) = schema.get("const") {
            return format!("`{value}`");
        }
        if let Some(alternatives) = schema["anyOf"].as_array() {
            return alternatives.first().map(|some| self.shape(some)).unwrap_or_default();
        }
        let ways: Vec<String> =
            members(schema).map(|(name, payload)| format!("`{}`", self.written(name, payload))).collect();
        if !ways.is_empty() {
            return ways.join(" or ");
        }
        if let Some(items) = schema.get("items") {
            return format!("list of {}", self.shape(items));
        }
        if let Some(values) = schema.get("additionalProperties") {
            return format!("`{{ \"NAME\": … }}` of {}", self.shape(values));
        }
        let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap_or_default();
        let kind = if kind == "string" { "text" } else { kind };
        match (number(&schema["minimum"]), number(&schema["maximum"])) {
            (Some(low), Some(high)) => format!("{kind} {low}…{high}"),
            (Some(low), None) => format!("{kind} from {low}"),
            _ => kind.to_owned(),
        }
    }

    /// The names of plain choices, or the name of the definition.
    fn title(&self, name: &str) -> String {
        let variants = self.definitions[name]["oneOf"].as_array().map(Vec::as_slice).unwrap_or_default();
        match variants.iter().map(|variant| variant["const"].as_str()).collect::<Option<Vec<_>>>() {
            Some(names) if !names.is_empty() => format!("`{}`", names.join("`, `")),
            _ => name.to_owned(),
        }
    }

    /// A default as a scenario would write it.
    fn literal(&self, value: &Value, schema: &Value) -> String {
        let chosen = referred(schema).is_some_and(|name| self.definitions[name].get("oneOf").is_some());
        match value {
            Value::Null => "None".to_owned(),
            Value::Array(items) => {
                let items = items.iter().map(|item| self.literal(item, &schema["items"])).collect::<Vec<_>>();
                format!("[{}]", items.join(", "))
            }
            Value::String(word) if chosen => word.clone(),
            Value::Number(_) => number(value).unwrap_or_default(),
            other => other.to_string(),
        }
    }
}

fn members(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object["properties"].as_object().into_iter().flat_map(Map::iter)
}

fn describe(schema: &Value) -> &str {
    schema["description"].as_str().unwrap_or_default()
}

/// The name of the definition that a schema refers to.
fn referred(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix("#/$defs/")
}

fn number(value: &Value) -> Option<String> {
    let value = value.as_f64()?;
    let long = value != 0.0 && !(1e-4..1e6).contains(&value.abs());
    Some(if long { format!("{value:e}") } else { value.to_string() })
}
