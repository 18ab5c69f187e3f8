//! The scenarios that travel with the program, found by name where no file has it, and the files that they name in turn.

use std::path::Path;

use palisade_agents::nearest;

use super::scan::scan;

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/scenarios.rs"));
}

/// What stands before the path of a file that travels with the program, where it is shown.
const FOLDER: &str = "scenarios";
const ENDING: &str = ".ron";
/// The shortest beginning of a name that counts as meant.
const BEGINNING: usize = 3;

/// A file that travels with the program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BuiltIn {
    path: &'static str,
    text: &'static str,
}

impl BuiltIn {
    /// The name it is asked for by.
    #[must_use]
    pub fn name(self) -> &'static str {
        let name = self.path.rsplit('/').next().unwrap_or(self.path);
        name.strip_suffix(ENDING).unwrap_or(name)
    }

    /// Where it stands, below the folder `scenarios`.
    #[must_use]
    pub const fn path(self) -> &'static str {
        self.path
    }

    /// Its text.
    #[must_use]
    pub const fn text(self) -> &'static str {
        self.text
    }

    /// The path to show for it.
    pub(super) fn shown(self) -> String {
        format!("{FOLDER}/{}", self.path)
    }

    /// The folder it stands in, `""` for the topmost.
    pub(super) fn folder(self) -> &'static str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// Parts and data stand beside scenarios: only a scenario has a format.
    fn is_scenario(self) -> bool {
        self.has_key("format")
    }

    /// And only a tournament says that it is one.
    fn is_tournament(self) -> bool {
        self.has_key("tournament")
    }

    fn has_key(self, name: &str) -> bool {
        self.path.ends_with(ENDING) && scan(self.text).is_ok_and(|tree| tree.keys().iter().any(|key| key == name))
    }
}

/// Every file, scenario or not, by path.
fn files() -> impl Iterator<Item = BuiltIn> {
    embedded::FILES.iter().map(|&(path, text)| BuiltIn { path, text })
}

/// Every scenario that travels with the program, by path.
pub fn built_in() -> impl Iterator<Item = BuiltIn> {
    files().filter(|file| file.is_scenario())
}

/// Every tournament that travels with the program, by path.
pub fn built_in_tournaments() -> impl Iterator<Item = BuiltIn> {
    files().filter(|file| file.is_tournament())
}

/// The file at a path below the folder `scenarios`.
pub(super) fn file(path: &str) -> Option<BuiltIn> {
    files().find(|file| file.path == path)
}

/// The file nearest to an absent one in the same folder.
pub(super) fn neighbor(folder: &str, name: &str) -> Option<&'static str> {
    let siblings = files().filter(|file| file.folder() == folder);
    nearest(name, siblings.map(|file| file.path.rsplit('/').next().unwrap_or(file.path)))
}

/// The scenario that a word means, such as `mango_2022` or `incidents/mango_2022`. A file of that name comes first, and
/// whatever ends in `.ron` is a file.
pub(super) fn asked_for(asked: &Path) -> Option<BuiltIn> {
    let word = asked.to_str().filter(|_| !asked.is_file())?;
    built_in().find(|scenario| scenario.name() == word || scenario.path.strip_suffix(ENDING) == Some(word))
}

/// The scenario that an absent file was perhaps meant to be.
pub(super) fn perhaps(asked: &Path) -> Option<&'static str> {
    let name = asked.file_name()?.to_str()?;
    let word = name.strip_suffix(ENDING).unwrap_or(name);
    let known: Vec<&'static str> = built_in().map(BuiltIn::name).collect();
    let begins = |known: &&&str| word.len() >= BEGINNING && known.starts_with(word);
    known.iter().find(|known| **known == word).copied().or_else(|| nearest(word, known.iter().copied())).or_else(|| {
        let mut beginning = known.iter().filter(begins);
        beginning.next().filter(|_| beginning.next().is_none()).copied()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(asked: &str, found: Option<&str>, near: Option<&str>) {
        let asked = Path::new(asked);
        assert_eq!(asked_for(asked).map(BuiltIn::path), found, "{asked:?}");
        assert_eq!(perhaps(asked), near, "near {asked:?}");
    }

    #[test]
    fn scenarios_are_found_by_name_and_by_path_without_ending() {
        check("mango_2022", Some("incidents/mango_2022.ron"), Some("mango_2022"));
        check("incidents/mango_2022", Some("incidents/mango_2022.ron"), Some("mango_2022"));
        check("mango_2022.ron", None, Some("mango_2022"));
        check("scenarios/incident/mango_2022.ron", None, Some("mango_2022"));
        check("stages/mango_2022", None, Some("mango_2022"));
        check("mango", None, Some("mango_2022"));
        check("clam", None, Some("calm"));
        check("c", None, None);
        check("nothing_like_it", None, None);
        check("", None, None);
    }

    #[test]
    fn every_name_means_one_scenario() {
        let mut names: Vec<&str> = built_in().map(BuiltIn::name).collect();
        assert!(names.len() >= 9 && names.contains(&"calm"), "{names:?}");
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all, "two scenarios of one name");
    }

    #[test]
    fn parts_and_data_are_no_scenarios() {
        assert!(file("data/eth_may_2021.csv").is_some_and(|data| !data.is_scenario()));
        let part = BuiltIn { path: "protocols/perp.ron", text: "(imr: 0.1)" };
        assert!(!part.is_scenario());
        assert_eq!(neighbor("data", "eth_may_2012.csv"), Some("eth_may_2021.csv"));
        assert_eq!(neighbor("", "eth_may_2012.csv"), None);
    }
}
