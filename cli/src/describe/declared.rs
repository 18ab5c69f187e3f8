//! Descriptions of what mechanisms declare.

use palisade_lab::inventory::{Action, Looser, Parameter, Rule};

use super::Page;
use crate::table::{Align, table};
use palisade_lab::words::{exact, range};

pub(super) fn parameter(parameter: &Parameter) -> Page {
    let Parameter { path, unit, default, low, high, looser, doc, .. } = parameter;
    let looser = match looser {
        Looser::Lower => "a lower value protects less",
        Looser::Higher => "a higher value protects less",
        Looser::Neither => "",
    };
    let name = if path.contains(".NAME.") { ", with a name of the scenario for NAME" } else { "" };
    Page {
        title: format!("parameter {path}"),
        summary: doc.clone(),
        facts: vec![
            ("unit", unit.clone()),
            ("default", exact(*default)),
            ("bounds", range(*low, *high)),
            ("looser", looser.to_owned()),
            ("set it", format!("--set {path}={}{name}", exact(*default))),
        ],
        ..Page::default()
    }
}

pub(super) fn action(action: &Action) -> Page {
    let rows = action.args.iter().map(|arg| vec![arg.name.clone(), arg.takes.clone(), arg.doc.clone()]);
    let columns = [("argument", Align::Name), ("takes", Align::Name), ("meaning", Align::Left)];
    Page {
        title: format!("action {}", action.call),
        summary: action.doc.clone(),
        facts: vec![("who", action.who.clone())],
        sections: vec![("Arguments", table(&columns, rows.collect()))],
        text: None,
    }
}

pub(super) fn rule(rule: &Rule) -> Page {
    Page {
        title: format!("rule {}", rule.name),
        summary: rule.doc.clone(),
        facts: vec![
            ("decides", format!("{}({})", rule.decides, rule.columns.join(", "))),
            ("file", rule.file.clone().unwrap_or_default()),
        ],
        ..Page::default()
    }
}
