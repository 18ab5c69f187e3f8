//! Where the paths in a scenario lead: they resolve from the file they stand in and, links
//! followed, stay under the scenario's root.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use palisade_agents::nearest;

use super::built_in::{self, BuiltIn};
use super::file::SourceFile;

/// The message when a text without a file names one.
pub(super) const NOT_A_FILE: &str = "only a scenario that is a file itself can name other files";

/// Where the relative paths of a scenario start and where they must stay.
#[derive(Clone, Debug)]
pub(super) enum Home {
    /// A folder on disk, and the root around it.
    Disk { folder: PathBuf, root: PathBuf },
    /// A folder of those that travel with the program.
    BuiltIn { folder: &'static str },
}

/// Why a path is refused, and a hint.
pub(super) type Refused = (String, Option<String>);

impl Home {
    pub(super) fn of(top: &Path) -> io::Result<Self> {
        let folder = top.parent().unwrap_or(Path::new("")).to_owned();
        let real = fs::canonicalize(if folder.as_os_str().is_empty() { Path::new(".") } else { &folder })?;
        let library = real.ancestors().find(|a| a.file_name().is_some_and(|name| name == "scenarios"));
        Ok(Self::Disk { root: library.unwrap_or(&real).to_owned(), folder })
    }

    pub(super) fn of_built_in(top: BuiltIn) -> Self {
        Self::BuiltIn { folder: top.folder() }
    }

    /// The regular file under the root that a path leads to.
    pub(super) fn resolve(&self, relative: &str) -> Result<SourceFile, Refused> {
        if Path::new(relative).is_absolute() {
            let help = "paths in a scenario are relative to the file they stand in";
            return Err((format!("`{relative}` is an absolute path"), Some(help.to_owned())));
        }
        match self {
            Self::Disk { folder, root } => on_disk(folder, root, relative),
            Self::BuiltIn { folder } => among_built_in(folder, relative),
        }
    }
}

fn on_disk(folder: &Path, root: &Path, relative: &str) -> Result<SourceFile, Refused> {
    let asked = folder.join(relative);
    let real = fs::canonicalize(&asked).map_err(|error| unreadable(root, &asked, relative, &error))?;
    if !real.starts_with(root) {
        return Err(outside(relative));
    }
    if !real.is_file() {
        return Err((format!("`{relative}` is not a regular file"), None));
    }
    Ok(SourceFile::on_disk(&real, tidy(&asked)))
}

fn unreadable(root: &Path, asked: &Path, relative: &str, error: &io::Error) -> Refused {
    let folder = asked.parent().and_then(|folder| fs::canonicalize(folder).ok());
    match folder {
        Some(folder) if !folder.starts_with(root) => outside(relative),
        _ if error.kind() == io::ErrorKind::NotFound => {
            (format!("no file `{relative}`"), neighbor(asked).map(|name| did_you_mean(relative, &name)))
        }
        _ => (format!("cannot read `{relative}`: {error}"), None),
    }
}

fn among_built_in(folder: &str, relative: &str) -> Result<SourceFile, Refused> {
    let path = tidy(&Path::new(folder).join(relative));
    if path.starts_with("..") {
        return Err(outside(relative));
    }
    built_in::file(&path).map(SourceFile::from).ok_or_else(|| {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let near = built_in::neighbor(folder, name).map(|near| did_you_mean(relative, near));
        (format!("no file `{relative}`"), near)
    })
}

fn outside(relative: &str) -> Refused {
    let help = "the root is the nearest folder named `scenarios`, or else the folder of the scenario itself";
    (format!("`{relative}` lies outside the root of the scenario"), Some(help.to_owned()))
}

fn did_you_mean(relative: &str, name: &str) -> String {
    let (folder, slash, _) = relative.rsplit_once('/').map_or(("", "", ""), |(folder, _)| (folder, "/", ""));
    format!("did you mean `{folder}{slash}{name}`?")
}

/// The name in the same folder that is nearest to an absent file's.
pub(super) fn neighbor(asked: &Path) -> Option<String> {
    let folder = asked.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = fs::read_dir(folder).ok()?;
    let mut names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    nearest(asked.file_name()?.to_str()?, names.iter().map(String::as_str)).map(str::to_owned)
}

/// The path with `folder/..` taken out: for display, and where there are no links.
fn tidy(path: &Path) -> String {
    let mut tidy = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir if matches!(tidy.components().next_back(), Some(Component::Normal(_))) => {
                tidy.pop();
            }
            Component::CurDir => {}
            other => tidy.push(other),
        }
    }
    tidy.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_built_in(folder: &'static str, relative: &str, expected: Result<&str, &str>) {
        let found = Home::BuiltIn { folder }.resolve(relative);
        let shown = found.as_ref().map(SourceFile::shown);
        let refused = shown.map_err(|(message, hint)| format!("{message} | {}", hint.as_deref().unwrap_or("")));
        assert_eq!(refused.as_ref().map_err(String::as_str).copied(), expected);
    }

    #[test]
    fn paths_among_the_built_in_files_resolve_like_those_on_disk() {
        check_built_in("", "data/eth_may_2021.csv", Ok("scenarios/data/eth_may_2021.csv"));
        check_built_in("incidents", "../data/./eth_may_2021.csv", Ok("scenarios/data/eth_may_2021.csv"));
        check_built_in("", "calm.ron", Ok("scenarios/calm.ron"));
        let near = "no file `../data/eth_may_2012.csv` | did you mean `../data/eth_may_2021.csv`?";
        check_built_in("incidents", "../data/eth_may_2012.csv", Err(near));
        check_built_in("", "data", Err("no file `data` | "));
        let root = "the root is the nearest folder named `scenarios`, or else the folder of the scenario itself";
        let outside = format!("`../../secret.ron` lies outside the root of the scenario | {root}");
        check_built_in("incidents", "../../secret.ron", Err(&outside));
    }

    #[test]
    fn shown_paths_are_tidy() {
        let tidied = |path| tidy(Path::new(path));
        assert_eq!(tidied("scenarios/a/../b/./c.ron"), "scenarios/b/c.ron");
        assert_eq!(tidied("../a/../../c.ron"), "../../c.ron");
    }
}
