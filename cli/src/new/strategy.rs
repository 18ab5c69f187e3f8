//! `palisade new strategy`: a template for each role, and where to see it at work.

use std::fs;
use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use palisade_agents::Library;

use super::{StrategyArgs, Written, check_name, create, taken, word};
use crate::trouble::Trouble;

/// What a role begins with.
struct Template {
    role: &'static str,
    text: &'static str,
    /// A built-in scenario with a cohort that can play it.
    scenario: &'static str,
    /// The cohort's path, as a shell reads it.
    cohort: &'static str,
    /// What else has to be set there, as `FIELD=VALUE`.
    sets: &'static [&'static str],
}

const TEMPLATES: [Template; 9] = [
    Template {
        role: "trader",
        text: include_str!("templates/trader.rhai"),
        scenario: "calm",
        cohort: "population.trend",
        sets: &[],
    },
    Template {
        role: "oracle",
        text: include_str!("templates/oracle.rhai"),
        scenario: "calm",
        cohort: "population.nodes",
        sets: &[],
    },
    Template {
        role: "keeper",
        text: include_str!("templates/keeper.rhai"),
        scenario: "crash",
        cohort: "population.keepers",
        sets: &[],
    },
    Template {
        role: "arbitrageur",
        text: include_str!("templates/arbitrageur.rhai"),
        scenario: "calm",
        cohort: "population.arbitrageurs",
        sets: &[],
    },
    Template {
        role: "staker",
        text: include_str!("templates/staker.rhai"),
        scenario: "oracle_collusion",
        cohort: "population.stakers",
        sets: &[],
    },
    Template {
        role: "voter",
        text: include_str!("templates/voter.rhai"),
        scenario: "quorum_capture",
        cohort: "population.voters",
        sets: &["params={}"],
    },
    Template {
        role: "validator",
        text: include_str!("templates/validator.rhai"),
        scenario: "congestion",
        cohort: "population.validators",
        sets: &[],
    },
    Template {
        role: "guardian",
        text: include_str!("templates/guardian.rhai"),
        scenario: "quorum_capture",
        cohort: "population.guardians",
        sets: &["params={}", "count=1"],
    },
    Template {
        role: "attacker",
        text: include_str!("templates/attacker.rhai"),
        scenario: "thin_market",
        cohort: "attackers.attacker",
        sets: &["params={}"],
    },
];

/// The roles, for the command line.
pub(super) fn roles() -> PossibleValuesParser {
    PossibleValuesParser::new(TEMPLATES.iter().map(|template| template.role))
}

pub(super) fn write(args: &StrategyArgs) -> Result<Written, Trouble> {
    let StrategyArgs { name, role, dir, .. } = args;
    check_name(name)?;
    let template = TEMPLATES.iter().find(|template| template.role == role);
    let template = template.ok_or_else(|| Trouble::Usage(format!("there is no role `{role}`")))?;
    let built_in = Library::load(&[]).map_err(|problem| Trouble::Script(vec![problem]))?;
    if let Ok(strategy) = built_in.get(name) {
        let message = format!("`{name}` is a built-in strategy ({}): choose another name", strategy.file);
        return Err(Trouble::Usage(message));
    }
    // Names are unique over all folders of strategies, so another role's file is in the way, too.
    if let Some(other) = find(dir, &format!("{name}.rhai")) {
        return Err(taken(&other));
    }
    let path = dir.join(format!("{role}s")).join(format!("{name}.rhai"));
    create(&path, &template.text.replace("{title}", &name.replace('_', " ")))?;
    Ok(Written { next: next(template, (name, dir), &path), path })
}

/// A file of this name anywhere below a folder. Links are not followed: they could lead in circles.
fn find(folder: &Path, file: &str) -> Option<PathBuf> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder).ok()?.flatten() {
        if entry.file_name() == file {
            return Some(entry.path());
        }
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            folders.push(entry.path());
        }
    }
    folders.into_iter().find_map(|folder| find(&folder, file))
}

fn next(template: &Template, (name, dir): (&str, &Path), path: &Path) -> Vec<String> {
    let Template { scenario, cohort, sets, .. } = template;
    let mut run = format!("run {scenario} --scripts {} --set {cohort}.strategy={name}", word(dir));
    for set in *sets {
        run += &format!(" --set {}", palisade_lab::shell_word(&format!("{cohort}.{set}")));
    }
    vec![format!("check {}", word(path)), format!("test {}", word(path)), run]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_of_the_library_has_a_template_of_that_role() {
        let library = Library::load(&[]).expect("the built-in strategies");
        for role in library.strategies().filter_map(|strategy| strategy.card.role) {
            assert!(TEMPLATES.iter().any(|template| template.role == role.name()), "no template for {}", role.name());
        }
        for Template { role, text, .. } in &TEMPLATES {
            assert!(text.contains(&format!("//! role:     {role}\n")), "{role}");
            assert!(text.contains("fn params()") && text.contains("fn cases()"), "{role}");
        }
    }
}
