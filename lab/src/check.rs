//! Everything that can be said of scripts and scenarios without running a step: all problems of all files together.

use std::fs;
use std::path::{Path, PathBuf};

use palisade_agents::{Library, ScriptProblem, Strategy, Way};
use palisade_engine::mechanisms;
use palisade_engine::registry::Registry;

use crate::load::{self, LoadError, RunRequest, Wrong};
use crate::session::on_large_stack;
use crate::source::Problem;

/// A file with everything that is wrong with it.
#[derive(Debug)]
pub struct Checked {
    /// The file, as the user knows it.
    pub file: String,
    /// What is wrong.
    pub flaws: Vec<Flaw>,
    /// How the functions of a sound script are run.
    pub ways: Vec<Way>,
}

/// One thing that is wrong.
#[derive(Debug)]
pub enum Flaw {
    /// With a script.
    Script(ScriptProblem),
    /// With a scenario.
    Scenario(Box<Problem>),
}

/// Checks the scripts and scenarios at `paths`, files or folders; scenarios find strategies in the folders `scripts` too.
///
/// # Errors
/// A path that leads nowhere, or to nothing that can be checked.
pub fn check(paths: &[PathBuf], scripts: &[PathBuf]) -> Result<Vec<Checked>, LoadError> {
    let (mut files, mut folders, mut scenarios) = (Vec::new(), Vec::new(), Vec::new());
    for path in paths {
        match path.extension().and_then(|extension| extension.to_str()) {
            _ if path.is_dir() => {
                folders.push(path.clone());
                collect_scenarios(path, &mut scenarios).map_err(|error| unreadable(path, &error))?;
            }
            Some("ron") => scenarios.push(path.clone()),
            Some("rhai") => files.push(path.clone()),
            _ => {
                return Err(LoadError::Usage(format!(
                    "{}: expected a .rhai or .ron file, or a folder",
                    path.display()
                )));
            }
        }
    }
    scenarios.sort();
    files.append(&mut folders);
    on_large_stack(|| {
        let mut all = check_scripts(&files)?;
        all.extend(scenarios.iter().map(|scenario| check_scenario(scenario, scripts)));
        if all.is_empty() {
            return Err(LoadError::Usage("there are no .rhai and no .ron files there".into()));
        }
        Ok(all)
    })
}

fn unreadable(path: &Path, error: &std::io::Error) -> LoadError {
    LoadError::Usage(format!("{}: {error}", path.display()))
}

/// Scenario files below a folder. Only those that begin a scenario count: a part is checked where it is used.
fn collect_scenarios(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let (entry, path) = entry.map(|entry| (entry.file_type(), entry.path()))?;
        if entry?.is_dir() {
            collect_scenarios(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "ron") && is_whole(&path) {
            found.push(path);
        }
    }
    Ok(())
}

fn is_whole(path: &Path) -> bool {
    fs::read_to_string(path).is_ok_and(|text| text.contains("format:"))
}

fn check_scripts(paths: &[PathBuf]) -> Result<Vec<Checked>, LoadError> {
    let opened = Library::open(paths).map_err(|problem| LoadError::Script(vec![problem]))?;
    let registry = Registry::of(&mechanisms::ALL);
    let check = |strategy: &Strategy| {
        let (flaws, ways) = match palisade_agents::ways(&opened.library, strategy, &registry) {
            Ok(ways) => (Vec::new(), ways),
            Err(problems) => (problems.into_iter().map(Flaw::Script).collect(), Vec::new()),
        };
        Checked { file: strategy.file.clone(), flaws, ways }
    };
    let unread = |problem: ScriptProblem| Checked {
        file: problem.file.clone(),
        flaws: vec![Flaw::Script(problem)],
        ways: Vec::new(),
    };
    let mut all: Vec<Checked> = opened.files.iter().map(check).collect();
    all.extend(opened.problems.into_iter().map(unread));
    all.sort_by(|one, two| one.file.cmp(&two.file));
    Ok(all)
}

fn check_scenario(path: &Path, scripts: &[PathBuf]) -> Checked {
    let request = RunRequest { scenario: path.to_owned(), scripts: scripts.to_vec(), ..RunRequest::default() };
    let Wrong { mut scenario, scripts, usage } = load::read(&request).err().unwrap_or_default();
    scenario.sort_by_key(|problem| problem.place().offset);
    scenario.extend(usage.map(|message| Problem::file(path.display().to_string(), message)));
    let mut flaws: Vec<Flaw> = scenario.into_iter().map(|problem| Flaw::Scenario(Box::new(problem))).collect();
    flaws.extend(scripts.into_iter().map(Flaw::Script));
    Checked { file: path.display().to_string(), flaws, ways: Vec::new() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::sample;

    fn flaws(folder: &Path) -> Vec<String> {
        let prefix = format!("{}/", folder.display());
        let all = check(&[folder.to_owned()], &[]).unwrap();
        all.iter()
            .flat_map(|checked| &checked.flaws)
            .map(|flaw| match flaw {
                Flaw::Script(problem) => problem.to_string(),
                Flaw::Scenario(problem) => problem.to_string(),
            })
            .map(|text| text.replace(&prefix, ""))
            .collect()
    }

    #[test]
    fn all_problems_of_all_files_come_together() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let card = "//! name: x\n//! role: trader\n//! summary: s\n";
        put("a.rhai", &format!("{card}fn decide(me, world) {{ me.csh;\n me.acount(0); }}"));
        put("b.rhai", "fn decide(me, world) {}");
        put("c.rhai", &format!("{card}fn decide(me, world) {{ let x = 1; }}"));
        put(
            "d.ron",
            "(format: 1, nam: \"t\", clock: [(for: \"1m\", dt: \"1s\")],\n\
             protocol: Inline((assets: {\"USD\": ()}, settlement: \"USD\", fnds: ())),\nmarket: Inline(()),\n\
             population: Inline({\"a\": (role: tradr, strategy: \"noise\", count: 1)}),\n\
             attackers: Inline({\"b\": (role: keeper, strategy: \"noise\", count: 1)}))",
        );
        let found = flaws(folder.path());
        let starts = [
            "a.rhai:4:27: `me` has no field `csh` (did you mean `cash`?)",
            "a.rhai:5:5: `me` has no method `acount` (did you mean `account`?)",
            "b.rhai:1:1: the card has no `name`",
            "d.ron:1:1: missing `name`",
            "d.ron:1:13: unknown `nam`",
            "d.ron:2:59: unknown `fnds` in `protocol`",
            "d.ron:4:33: unknown variant `tradr`",
            "d.ron:5:32: only the role `attacker` stands under `attackers`",
        ];
        assert_eq!(found.len(), starts.len(), "{found:#?}");
        for (found, start) in found.iter().zip(starts) {
            assert!(found.starts_with(start), "{found}\n{start}");
        }
    }

    #[test]
    fn every_block_that_cannot_be_read_is_listed() {
        let folder = tempfile::tempdir().unwrap();
        let text = sample::CALM.replace("own_noise", "own_nose").replace("insurance: 10000.0", "insurance: \"much\"");
        fs::write(folder.path().join("a.ron"), text).unwrap();
        let found = flaws(folder.path());
        assert_eq!(found.len(), 2, "{found:#?}");
        assert!(found[0].contains("unknown field `own_nose`") && found[1].contains("`insurance`"), "{found:#?}");
    }

    #[test]
    fn only_scripts_and_scenarios_can_be_checked() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| vec![folder.path().join(name)];
        assert!(
            check(&path("x.txt"), &[]).unwrap_err().to_string().ends_with("expected a .rhai or .ron file, or a folder")
        );
        assert!(check(&path("x.rhai"), &[]).is_err(), "no such file");
        assert!(check(&[folder.path().to_owned()], &[]).unwrap_err().to_string().contains("no .rhai and no .ron"));
    }
}
