//! The reference pages: those under `docs/reference` that are derived from what the mechanisms declare, and those written
//! by hand, which travel with the program.

use palisade_agents::definitions;
use palisade_engine::mechanisms::ALL;
use palisade_engine::probe::STEP_TABLES;
use palisade_engine::registry::{Kind, Registry};
use palisade_engine::view::{FieldKind, OwnScope};

use crate::inventory::{Action, ActionArg, Parameter, Rule, noun};
use crate::schema;

/// Pages that people wrote.
const WRITTEN: [(&str, &str); 2] = [
    ("scripts.md", include_str!("../../docs/reference/scripts.md")),
    ("json.md", include_str!("../../docs/reference/json.md")),
];

/// The definitions of the script API for editors.
pub const DEFINITIONS: &str = "palisade.d.rhai";

/// File name and text of every page, in the order in which to read them, and of [`DEFINITIONS`].
#[must_use]
pub fn pages() -> Vec<(&'static str, String)> {
    let written = WRITTEN.into_iter().map(|(name, text)| (name, text.to_owned()));
    written.chain(generated()).chain([(DEFINITIONS, definitions(&Registry::of(&ALL)))]).collect()
}

/// File name and text of the pages that are derived from the registry.
#[must_use]
pub fn generated() -> Vec<(&'static str, String)> {
    let registry = Registry::of(&ALL);
    vec![
        ("scenario.md", schema::page(&schema::built_in())),
        ("parameters.md", parameters(&registry)),
        ("actions.md", actions(&registry)),
        ("view.md", view(&registry)),
        ("columns.md", columns(&registry)),
        ("outcomes.md", outcomes(&registry)),
        ("rules.md", rules(&registry)),
    ]
}

const GENERATED: &str =
    "<!-- generated from the registry; rewrite with PALISADE_BLESS=1 cargo test -p palisade-tests reference -->\n";

fn page(title: &str, intro: &str, header: &str, rows: impl IntoIterator<Item = String>) -> String {
    let rule: String = header.chars().map(|c| if c == '|' { '|' } else { '-' }).collect();
    let mut text = format!("{GENERATED}# {title}\n\n{intro}\n\n{header}\n{rule}\n");
    for row in rows {
        text.push_str(&row);
        text.push('\n');
    }
    text
}

fn parameters(registry: &Registry) -> String {
    let rows =
        registry.params.iter().map(Parameter::of).map(|Parameter { path, unit, default, low, high, doc, .. }| {
            format!("| `{path}` | {unit} | {default} | {low}…{high} | {doc} |")
        });
    let intro = "Every risk parameter, settable in a scenario or with `--set path=value`.";
    page("Risk parameters", intro, "| path | unit | default | bounds | meaning |", rows)
}

fn actions(registry: &Registry) -> String {
    let rows = registry.actions.iter().map(Action::of).map(|Action { call, who, doc, args, .. }| {
        let meaning = |arg: &ActionArg| format!(" `{}`: {} ({}).", arg.name, arg.doc, arg.takes);
        format!("| `{call}` | {who} | {doc}{} |", args.iter().map(meaning).collect::<String>())
    });
    let intro = "What strategies can ask for. An action takes effect whole or is refused with a reason.";
    page("Actions", intro, "| call | who | meaning |", rows)
}

fn view(registry: &Registry) -> String {
    let public = registry.public.iter().map(|field| {
        let record = match field.of {
            Kind::Protocol => "world",
            Kind::Market => "market",
            Kind::Feed => "feed",
            Kind::Venue => "venue",
            Kind::Asset => "asset",
            Kind::Account => "account offered to `liquidate`",
            Kind::Vault => "vault",
            Kind::Proposal => "proposal",
            Kind::Change => "change of a proposal",
            Kind::Parameter => "risk parameter",
            Kind::Action => "kind of action",
            Kind::Auction => "auction, in `bid`",
            Kind::Pending => "pending action, in `order`",
        };
        let unit = match field.kind {
            FieldKind::Number => field.unit.to_owned(),
            FieldKind::Flag => "flag".to_owned(),
            FieldKind::Handle(kind) => noun(kind),
        };
        format!("| {record} | `{}` | {unit} | {} |", field.name, field.doc)
    });
    let own = registry.own.iter().map(|field| {
        let (record, name) = match field.scope {
            OwnScope::Agent => ("me", field.name.to_owned()),
            OwnScope::Asset => ("me", format!("{}(asset)", field.name)),
            OwnScope::Feed => ("me", format!("{}(feed)", field.name)),
            OwnScope::Vault => ("me", format!("{}(vault)", field.name)),
            OwnScope::Change => ("me", format!("{}(change)", field.name)),
            OwnScope::Account => ("me.account(i)", field.name.to_owned()),
            OwnScope::Position => ("me.account(i).position(market)", field.name.to_owned()),
        };
        format!("| {record} | `{name}` | {} | {} |", field.unit, field.doc)
    });
    let intro = "What strategies see: public facts, frozen for everyone, and an agent's own.";
    page("The view", intro, "| record | field | unit | meaning |", public.chain(own))
}

fn columns(registry: &Registry) -> String {
    let rows = STEP_TABLES.into_iter().flat_map(|(kind, table, ..)| {
        let probes = registry.probes.iter().filter(move |probe| probe.kind == kind);
        probes.map(move |probe| format!("| `{table}` | `{}` | {} | {} |", probe.name, probe.unit, probe.doc))
    });
    let events = palisade_engine::event_columns().into_iter();
    let events = events.map(|(table, name, unit, doc)| format!("| `{table}` | `{name}` | {unit} | {doc} |"));
    let others = palisade_engine::layouts().into_iter().chain(crate::world::layouts());
    let others = others.flat_map(|frame| {
        let key = ["step", "time_ms"];
        let columns = frame.columns.into_iter().filter(move |column| !key.contains(&&*column.name));
        columns
            .map(move |column| format!("| `{}` | `{}` | {} | {} |", frame.table, column.name, column.unit, column.doc))
    });
    let intro = "Columns of the tables with a row per step, of those with a row per event, and of the others. Every row carries `run` (the\nworld's place in its run) and `seed`; those of a step or an event also `step` and `time_ms`; in the tables per step, but for\n`world`, also the name of the thing. `runs` has a column for each of the [outcomes](outcomes.md). `positions`, `trades` and\n`reports` are written for `--record tables=positions,trades,reports`. `palisade tables DIR TABLE` says the same of a run.";
    page("Columns", intro, "| table | column | unit | meaning |", rows.chain(events).chain(others))
}

fn outcomes(registry: &Registry) -> String {
    let rows =
        registry.outcomes.iter().map(|outcome| format!("| `{}` | {} | {} |", outcome.name, outcome.unit, outcome.doc));
    let intro = "Figures of a whole run, for `expect`, `counterfactuals` and `--fail-if`. A run adds `loss_caused` (what everyone but\nthe attackers lost against the paired run without them) and `faults` (script failures).";
    page("Outcomes", intro, "| name | unit | meaning |", rows)
}

fn rules(registry: &Registry) -> String {
    let rows = registry.rules.iter().map(Rule::of);
    let rows = rows.map(|Rule { name, decides, doc, .. }| format!("| {decides} | `{name}` | {doc} |"));
    page("Rules", "Formulas that a scenario chooses by name.", "| decides | name | meaning |", rows)
}
