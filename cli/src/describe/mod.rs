//! `palisade describe`: all about what a name means, and when it means several things, about each of them.

mod declared;
mod scenario;
mod strategy;

use clap::Args;
use palisade_lab::inventory::{Described, Inventory};
use serde::Serialize;

use crate::exit::Exit;
use crate::list::Looking;
use crate::output::{print, print_json};
use crate::paint::Paint;
use crate::table::wrapped;
use crate::trouble::Trouble;

const EXAMPLES: &str = "\
Examples:
  palisade describe mango_2022 thin_market_push
  palisade describe protocol.markets.imr
  palisade describe open";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DescribeArgs {
    /// A scenario by name or file, a strategy, a parameter such as protocol.markets.imr, an action, or a rule
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Print the text of strategies and scenarios, too
    #[arg(long)]
    source: bool,
    #[command(flatten)]
    pub(crate) looking: Looking,
}

/// Everything that the names meant, in order.
#[derive(Debug, Serialize)]
struct Answer {
    found: Vec<Described>,
}

pub(crate) fn describe(args: &DescribeArgs) -> Result<Exit, Trouble> {
    let inventory = Inventory::load(&args.looking.scripts)?;
    let mut found = Vec::new();
    for name in &args.names {
        found.extend(inventory.describe(name)?);
    }
    if args.looking.json {
        if !args.source {
            found.iter_mut().for_each(Described::leave_out_text);
        }
        print_json(&Answer { found })?;
    } else {
        let paint = Paint::stdout(args.looking.coloring.color);
        let pages: Vec<String> = found.iter().map(|found| page(found, args.source, paint)).collect();
        print(&pages.join("\n"))?;
    }
    Ok(Exit::Done)
}

fn page(found: &Described, source: bool, paint: Paint) -> String {
    let page = match found {
        Described::Scenario(scenario) => scenario::page(scenario),
        Described::Strategy(strategy) => strategy::page(strategy),
        Described::Parameter(parameter) => declared::parameter(parameter),
        Described::Action(action) => declared::action(action),
        Described::Rule(rule) => declared::rule(rule),
    };
    let mut text = format!("{}\n{}", paint.bold(&page.title), wrapped("  ", &page.summary));
    let facts = facts(&page.facts);
    if !facts.is_empty() {
        text += &format!("\n{facts}");
    }
    let source = page.text.filter(|_| source).map(|text| ("Source", text));
    for (title, lines) in page.sections.into_iter().chain(source).filter(|(_, lines)| !lines.is_empty()) {
        text += &format!("\n{}\n{}\n", paint.bold(title), lines.trim_end());
    }
    text
}

/// A line for every fact that there is; a label that stays the same is said once.
fn facts(facts: &[(&'static str, String)]) -> String {
    let width = facts.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
    let (mut text, mut said) = (String::new(), "");
    for (label, fact) in facts.iter().filter(|(_, fact)| !fact.is_empty()) {
        let shown = if *label == said { "" } else { label };
        text += &wrapped(&format!("  {shown:width$}  "), fact);
        said = label;
    }
    text
}

/// A description in parts; what is empty is not shown.
#[derive(Debug, Default)]
struct Page {
    title: String,
    summary: String,
    facts: Vec<(&'static str, String)>,
    sections: Vec<(&'static str, String)>,
    text: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_say_each_label_once_and_leave_out_what_is_empty() {
        let said = [("source", "a"), ("source", "b"), ("capital", ""), ("file", "c")];
        let said = said.map(|(label, fact)| (label, fact.to_owned()));
        assert_eq!(facts(&said), "  source   a\n           b\n  file     c\n");
        assert_eq!(facts(&[("capital", String::new())]), "");
    }
}
