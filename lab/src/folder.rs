//! A folder that appears whole or not at all: filled beside its place under a name that says `partial`, and renamed
//! when everything is there. What exists is never written over.

use std::fmt::Display;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::run::RunError;

/// Why a folder cannot be written.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}: {what}", path.display())]
pub struct FolderError {
    path: PathBuf,
    what: String,
}

/// A folder being filled; without [`NewFolder::put`] nothing of it stays.
#[derive(Debug)]
pub struct NewFolder {
    target: PathBuf,
    partial: PathBuf,
}

impl NewFolder {
    /// Begins a folder, with those above it, in a place that is free or an empty folder.
    ///
    /// # Errors
    /// A place that is taken, or that cannot be written.
    pub fn create(target: &Path) -> Result<Self, FolderError> {
        let name = target.file_name().ok_or_else(|| wrong(target, "is not the name of a directory"))?;
        let above = target.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        refuse_occupied(target)?;
        let partial = above.join(format!(".{}.partial-{}", name.to_string_lossy(), std::process::id()));
        fs::create_dir_all(above).and_then(|()| fs::create_dir(&partial)).map_err(|error| wrong(&partial, error))?;
        Ok(Self { target: target.to_owned(), partial })
    }

    /// Where to write until the folder is whole.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.partial
    }

    /// Where it will be.
    #[must_use]
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Writes one file of it.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<(), FolderError> {
        fs::write(self.partial.join(name), text).map_err(|error| wrong(&self.target.join(name), error))
    }

    /// Puts it in its place.
    ///
    /// # Errors
    /// A place that was taken meanwhile, or that cannot be written.
    pub fn put(self) -> Result<(), FolderError> {
        refuse_occupied(&self.target)?;
        if self.target.is_dir() {
            fs::remove_dir(&self.target).map_err(|error| wrong(&self.target, error))?;
        }
        fs::rename(&self.partial, &self.target).map_err(|error| wrong(&self.target, error))
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        // Gone already when it was put in place; a remainder that cannot be removed says `partial` in its name.
        let _ = fs::remove_dir_all(&self.partial);
    }
}

/// A value as a file of it holds it: JSON for people, with a line end.
pub(crate) fn json(value: &impl Serialize) -> Result<String, RunError> {
    let text = serde_json::to_string_pretty(value).map_err(|error| RunError::Output(error.to_string()))?;
    Ok(text + "\n")
}

/// Reads such a file back; `None` when there is none.
pub(crate) fn read_json<T: DeserializeOwned>(file: &Path) -> Result<Option<T>, String> {
    let wrong = |error: &dyn Display| format!("{}: {error}", file.display());
    match fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(wrong(&error)),
        Ok(text) => serde_json::from_str(&text).map(Some).map_err(|error| wrong(&error)),
    }
}

/// Writes a file that does not exist; nothing of it stays when it cannot be written whole.
///
/// # Errors
/// A file that is there already, or that cannot be written.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create_new(path)?;
    file.write_all(bytes).and_then(|()| file.flush()).inspect_err(|_| {
        // What is left is half a file, and worse than none.
        let _ = fs::remove_file(path);
    })
}

fn refuse_occupied(target: &Path) -> Result<(), FolderError> {
    match fs::read_dir(target).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(wrong(target, "is not empty: name a directory that is new or empty")),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !target.is_symlink() => Ok(()),
        Err(_) => Err(wrong(target, "exists and is not a directory")),
    }
}

fn wrong(path: &Path, what: impl Display) -> FolderError {
    FolderError { path: path.to_owned(), what: what.to_string() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_folder_is_there_whole_or_not_at_all() {
        let above = tempfile::tempdir().unwrap();
        let target = above.path().join("deep/pages");
        let folder = NewFolder::create(&target).unwrap();
        folder.write("a.md", "text").unwrap();
        assert!(!target.exists());
        drop(folder);
        assert_eq!(names(&above.path().join("deep")), [""; 0], "nothing stays of what was not finished");
        let folder = NewFolder::create(&target).unwrap();
        folder.write("a.md", "text").unwrap();
        folder.put().unwrap();
        assert_eq!(names(&above.path().join("deep")), ["pages"]);
        assert_eq!(fs::read_to_string(target.join("a.md")).unwrap(), "text");
    }

    #[test]
    fn what_exists_is_left_alone() {
        let above = tempfile::tempdir().unwrap();
        let file = above.path().join("mine.txt");
        fs::write(&file, "mine").unwrap();
        let refused = |target: &Path| NewFolder::create(target).unwrap_err().to_string();
        assert!(refused(above.path()).ends_with("is not empty: name a directory that is new or empty"));
        assert!(refused(&file).ends_with("exists and is not a directory"));
        assert!(refused(Path::new("/")).contains("is not the name of a directory"));
        assert_eq!(names(above.path()), ["mine.txt"]);
    }

    #[test]
    fn a_place_that_was_taken_meanwhile_is_left_alone() {
        let above = tempfile::tempdir().unwrap();
        let target = above.path().join("pages");
        let folder = NewFolder::create(&target).unwrap();
        fs::create_dir(&target).unwrap();
        fs::write(target.join("mine.txt"), "mine").unwrap();
        assert!(folder.put().unwrap_err().to_string().contains("is not empty"));
        assert_eq!(names(&target), ["mine.txt"]);
        assert_eq!(names(above.path()), ["pages"]);
    }
}
