//! A file that a scenario is made of: on disk, or among those that travel with the program, read the same way.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::built_in::BuiltIn;

/// A file, and the name that the user knows it by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceFile {
    shown: String,
    place: Place,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Place {
    Disk(PathBuf),
    BuiltIn(BuiltIn),
}

impl SourceFile {
    /// A file on disk, shown as `shown`.
    pub(super) fn on_disk(path: &Path, shown: impl Into<String>) -> Self {
        Self { shown: shown.into(), place: Place::Disk(path.to_owned()) }
    }

    /// The name to show for it.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Where it is on disk, if it is there.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::Disk(path) => Some(path),
            Place::BuiltIn(_) => None,
        }
    }

    /// All its bytes.
    ///
    /// # Errors
    /// As for reading.
    pub fn bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open()?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn open(&self) -> io::Result<Box<dyn Read>> {
        Ok(match &self.place {
            Place::Disk(path) => Box::new(File::open(path)?),
            Place::BuiltIn(file) => Box::new(file.text().as_bytes()),
        })
    }

    /// Whether it can be read as a file of at most so many bytes.
    pub(super) fn check(&self, most: u64) -> Result<(), String> {
        let Place::Disk(path) = &self.place else { return Ok(()) };
        let unreadable = |error: io::Error| format!("cannot be read: {error}");
        let about = fs::metadata(path).map_err(unreadable)?;
        if !about.is_file() {
            return Err("is not a regular file".to_owned());
        }
        if about.len() > most {
            return Err(format!("is larger than {} MiB", most >> 20));
        }
        File::open(path).map(drop).map_err(unreadable)
    }
}

impl From<BuiltIn> for SourceFile {
    fn from(file: BuiltIn) -> Self {
        Self { shown: file.shown(), place: Place::BuiltIn(file) }
    }
}
