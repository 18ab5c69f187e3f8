//! `palisade new scenario`: a small market with everyone it needs.

use palisade_lab::source::built_in;

use super::{ScenarioArgs, Written, check_name, create, word};
use crate::trouble::Trouble;

const TEMPLATE: &str = include_str!("templates/scenario.ron");

pub(super) fn write(args: &ScenarioArgs) -> Result<Written, Trouble> {
    let ScenarioArgs { name, dir, .. } = args;
    check_name(name)?;
    if let Some(scenario) = built_in().find(|scenario| scenario.name() == name) {
        let message = format!("`{name}` is a built-in scenario ({}): choose another name", scenario.path());
        return Err(Trouble::Usage(message));
    }
    let path = dir.join(format!("{name}.ron"));
    create(&path, &TEMPLATE.replace("{name}", name))?;
    let file = word(&path);
    let next = vec![
        format!("run {file}"),
        format!("verify {file}"),
        format!("describe {file}"),
        format!("run {file} --watch"),
    ];
    Ok(Written { next, path })
}
