//! The strategies a run can choose from: the embedded ones and those of the user's folders, by file name. Texts and
//! cards only, so that threads can share it; compiling is each host's own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::card::Card;
use crate::problem::{ScriptProblem, nearest};
use crate::sandbox::HostOptions;
use crate::source;

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
}

/// One file of the library.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Strategy {
    /// The file's stem: how scenarios name it.
    pub name: String,
    /// The file, as the user knows it.
    pub file: String,
    /// Its card.
    pub card: Card,
    /// Its text.
    pub text: Arc<str>,
    /// What the file is.
    pub shelf: Shelf,
}

/// What a script is, by the folder that it lies in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shelf {
    /// A strategy.
    Strategy,
    /// A file of `lib/`, whose functions strategies use.
    Lib,
    /// A file of `rules/`: a rule that scenarios can name.
    Rule,
    /// No file: a script within a scenario.
    Measure,
}

impl Strategy {
    /// A file with its card; `inside` is its path within its folder of scripts.
    fn read(inside: &Path, file: &str, text: String) -> Result<Self, ScriptProblem> {
        let name = inside.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let lies_in = |folder: &str| inside.components().any(|part| part.as_os_str() == folder);
        let (shelf, card) = match (lies_in("lib"), lies_in("rules")) {
            (true, _) => (Shelf::Lib, Card::parse(file, &text)?),
            (false, true) => (Shelf::Rule, Card::of_rule(file, &text)?),
            (false, false) => (Shelf::Strategy, Card::of_strategy(file, &text)?),
        };
        Ok(Self { name, file: file.to_owned(), card, text: text.into(), shelf })
    }
}

/// What was found at some paths.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The embedded strategies and those found.
    pub library: Library,
    /// The files found, in order.
    pub files: Vec<Strategy>,
    /// Files that are no scripts at all.
    pub problems: Vec<ScriptProblem>,
}

/// A strategy that is not in the library.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("there is no strategy `{name}`{}", near.as_deref().map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default())]
pub struct UnknownStrategy {
    /// The name.
    pub name: String,
    /// The known name nearest to it.
    pub near: Option<String>,
    /// All known names.
    pub known: Vec<String>,
}

/// All strategies and rules, and the files of `lib/` that they may draw functions from.
#[derive(Clone, Debug, Default)]
pub struct Library {
    strategies: BTreeMap<String, Strategy>,
    parts: BTreeMap<String, Strategy>,
    rules: BTreeMap<String, Strategy>,
    containment: HostOptions,
}

impl Library {
    /// The embedded strategies, then those of `folders`; a user's file replaces an embedded one of the same name.
    ///
    /// # Errors
    /// The first file that cannot be read, hides characters, has no legal card, or repeats another's name.
    pub fn load(folders: &[PathBuf]) -> Result<Self, ScriptProblem> {
        let Opened { library, problems, .. } = Self::open(folders)?;
        problems.into_iter().next().map_or(Ok(library), Err)
    }

    /// The embedded strategies, then those of `paths`, files or folders, as far as they can be read.
    ///
    /// # Errors
    /// A path that leads nowhere.
    pub fn open(paths: &[PathBuf]) -> Result<Opened, ScriptProblem> {
        let mut library = Self::default();
        for (path, text) in embedded::EMBEDDED {
            let text = source::gate(path, text.as_bytes().to_vec())?;
            library.add(Strategy::read(Path::new(path), &format!("scripts/{path}"), text)?);
        }
        let (mut own, mut files, mut problems) = (Self::default(), Vec::new(), Vec::new());
        for path in paths {
            // A file alone is one of the folder it lies in.
            let is_file = path.is_file();
            let folder = if is_file { path.parent().unwrap_or(Path::new("")) } else { path };
            let mut found = if is_file { vec![path.clone()] } else { Vec::new() };
            if !is_file {
                collect(folder, &mut found)?;
                found.sort();
            }
            let base = if is_file { folder.parent().unwrap_or(folder) } else { folder };
            if is_file {
                own.take_parts(base)?;
            }
            for path in found {
                match own.take((folder, base), &path) {
                    Ok(strategy) => files.push(strategy),
                    Err(problem) => problems.push(problem),
                }
            }
        }
        library.strategies.append(&mut own.strategies);
        library.parts.append(&mut own.parts);
        library.rules.append(&mut own.rules);
        Ok(Opened { library, files, problems })
    }

    /// Adds the files of `lib/` beside a script that was asked for alone.
    fn take_parts(&mut self, base: &Path) -> Result<(), ScriptProblem> {
        let (folder, mut found) = (base.join("lib"), Vec::new());
        if folder.is_dir() {
            collect(&folder, &mut found)?;
        }
        found.sort();
        for path in found {
            let (text, file) = (source::read(&folder, &path)?, path.display().to_string());
            self.add(Strategy::read(path.strip_prefix(base).unwrap_or(&path), &file, text)?);
        }
        Ok(())
    }

    /// Reads and adds a user's file; what it is, its path below `base` says.
    fn take(&mut self, (folder, base): (&Path, &Path), path: &Path) -> Result<Strategy, ScriptProblem> {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let (text, file) = (source::read(folder, path)?, path.display().to_string());
        let strategy = Strategy::read(path.strip_prefix(base).unwrap_or(path), &file, text)?;
        match self.add(strategy.clone()) {
            None => Ok(strategy),
            // Met before beside a script that was asked for alone.
            Some(earlier) if earlier.file == file => Ok(strategy),
            Some(earlier) => {
                let message = format!("has the name of {}: names are unique over all folders", earlier.file);
                self.add(earlier);
                Err(ScriptProblem::of_file(&file, message))
            }
        }
    }

    /// The same library, whose strategies are contained like this when their declarations are read.
    #[must_use]
    pub const fn contained(mut self, options: HostOptions) -> Self {
        self.containment = options;
        self
    }

    pub(crate) const fn containment(&self) -> HostOptions {
        self.containment
    }

    /// Adds a file and returns the one of the same name that it replaced.
    fn add(&mut self, strategy: Strategy) -> Option<Strategy> {
        let shelf = match strategy.shelf {
            Shelf::Strategy => &mut self.strategies,
            Shelf::Lib => &mut self.parts,
            Shelf::Rule => &mut self.rules,
            // A script within a scenario is never put into a library.
            Shelf::Measure => return None,
        };
        shelf.insert(strategy.name.clone(), strategy)
    }

    /// The same library with further files, given by their paths within a folder of scripts and their texts.
    ///
    /// # Errors
    /// The first text that hides characters or has no legal card.
    pub fn with(mut self, files: &[(String, String)]) -> Result<Self, ScriptProblem> {
        for (path, text) in files {
            let text = source::gate(path, text.clone().into_bytes())?;
            self.add(Strategy::read(Path::new(path), path, text)?);
        }
        Ok(self)
    }

    /// The files that do not come with the program, or not with that text: what [`Library::with`] takes.
    ///
    /// # Errors
    /// None, as the embedded files are legal.
    pub fn own(&self) -> Result<Vec<(String, String)>, ScriptProblem> {
        let shipped = Self::load(&[])?;
        let shelves = [
            ("", &self.strategies, &shipped.strategies),
            ("lib/", &self.parts, &shipped.parts),
            ("rules/", &self.rules, &shipped.rules),
        ];
        let own = shelves.into_iter().flat_map(|(folder, files, shipped)| {
            let differs = |file: &&Strategy| shipped.get(&file.name).is_none_or(|shipped| shipped.text != file.text);
            files
                .values()
                .filter(differs)
                .map(move |file| (format!("{folder}{}.rhai", file.name), file.text.to_string()))
        });
        Ok(own.collect())
    }

    /// The names of all strategies, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.strategies.keys().map(String::as_str)
    }

    /// All strategies, in the order of their names.
    pub fn strategies(&self) -> impl Iterator<Item = &Strategy> {
        self.strategies.values()
    }

    /// All scripted rules, in the order of their names.
    pub fn rules(&self) -> impl Iterator<Item = &Strategy> {
        self.rules.values()
    }

    /// The strategy called `name`.
    ///
    /// # Errors
    /// The nearest name when there is none.
    pub fn get(&self, name: &str) -> Result<&Strategy, UnknownStrategy> {
        self.strategies.get(name).ok_or_else(|| UnknownStrategy {
            name: name.to_owned(),
            near: nearest(name, self.names()).map(str::to_owned),
            known: self.names().map(str::to_owned).collect(),
        })
    }

    /// The file of `lib/` called `name`.
    pub(crate) fn part(&self, name: &str) -> Option<&Strategy> {
        self.parts.get(name)
    }

    /// The names of the files of `lib/`.
    pub(crate) fn part_names(&self) -> impl Iterator<Item = &str> {
        self.parts.keys().map(String::as_str)
    }

    /// A digest of every text, in hexadecimal: equal for equal libraries wherever their files lie.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (shelf, strategies) in [("strategy", &self.strategies), ("lib", &self.parts), ("rule", &self.rules)] {
            for (name, strategy) in strategies {
                for part in [shelf, name, &strategy.text] {
                    hasher.update(&(part.len() as u64).to_le_bytes());
                    hasher.update(part.as_bytes());
                }
            }
        }
        hasher.finalize().to_hex().to_string()
    }

    /// A library of given texts by relative path, for tests.
    #[cfg(test)]
    pub(crate) fn of_texts(texts: &[(&str, &str)]) -> Result<Self, ScriptProblem> {
        let mut library = Self::default();
        for (path, text) in texts {
            library.add(Strategy::read(Path::new(path), path, (*text).to_owned())?);
        }
        Ok(library)
    }
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), ScriptProblem> {
    let fail = |error: std::io::Error| {
        ScriptProblem::of_file(&folder.display().to_string(), format!("cannot be read: {error}"))
    };
    for entry in fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let path = entry.path();
        // A link to a folder is not followed: it could lead outside, or in circles.
        if entry.file_type().map_err(fail)?.is_dir() {
            collect(&path, paths)?;
        // Definitions for editors lie beside scripts and are none.
        } else if path.extension().is_some_and(|extension| extension == "rhai")
            && !path.to_string_lossy().ends_with(".d.rhai")
        {
            paths.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const CARD: &str = "//! name: x\n//! role: trader\n//! summary: s\n";

    fn put(folder: &Path, path: &str, text: &str) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_users_file_replaces_an_embedded_one() {
        let folder = tempfile::tempdir().unwrap();
        let plain = Library::load(&[]).unwrap();
        put(folder.path(), "deep/trend.rhai", &format!("{CARD}fn decide(me, world) {{}}"));
        let library = Library::load(&[folder.path().to_owned()]).unwrap();
        assert!(library.get("trend").unwrap().file.ends_with("deep/trend.rhai"));
        assert_eq!(library.names().collect::<Vec<_>>(), plain.names().collect::<Vec<_>>());
        assert_ne!(library.hash(), plain.hash());
        assert_eq!(plain.hash(), Library::load(&[]).unwrap().hash());
    }

    #[test]
    fn two_user_files_of_one_name_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "a/twin.rhai", CARD);
        put(folder.path(), "b/twin.rhai", CARD);
        let problem = Library::load(&[folder.path().to_owned()]).unwrap_err();
        assert!(problem.message.contains("names are unique"), "{problem}");
    }

    #[test]
    fn own_files_are_carried_as_texts() {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "mine.rhai", &format!("{CARD}fn decide(me, world) {{}}"));
        put(folder.path(), "lib/part.rhai", "//! name: p\n//! summary: s\nfn f() { 1 }");
        let shipped = Library::load(&[]).unwrap();
        put(folder.path(), "trend.rhai", &shipped.get("trend").unwrap().text);
        let library = Library::load(&[folder.path().to_owned()]).unwrap();
        let own = library.own().unwrap();
        let paths: Vec<&str> = own.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["mine.rhai", "lib/part.rhai"], "one that is as shipped is not carried");
        assert_eq!(shipped.own().unwrap(), []);
        assert_eq!(shipped.with(&own).unwrap().hash(), library.hash());
    }

    #[test]
    fn a_missing_strategy_names_its_neighbor() {
        let library = Library::load(&[]).unwrap();
        assert_eq!(library.get("tred").unwrap_err().to_string(), "there is no strategy `tred` (did you mean `trend`?)");
    }

    #[test]
    fn the_library_can_be_shared_by_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<Library>();
    }
}
