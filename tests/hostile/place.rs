//! A folder of scripts on the disk: the innocent neighbor, a part, and one hostile file after the other.

use std::fs;

use palisade_agents::Library;

use crate::corpus;

/// The name of the hostile strategy, whatever its file is called in the corpus.
pub(crate) const HOSTILE: &str = "hostile";

/// A folder of scripts with room for one hostile file.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder for tests");
        fs::create_dir(folder.path().join("lib")).expect("a folder");
        for name in ["innocent.rhai", "lib/hostile_part.rhai"] {
            fs::copy(corpus::folder().join(name), folder.path().join(name)).expect("a file");
        }
        Self(folder)
    }

    /// Puts a hostile file in the place of the one before.
    pub(crate) fn put(&self, bytes: &[u8]) {
        fs::write(self.0.path().join(format!("{HOSTILE}.rhai")), bytes).expect("a file for tests");
    }

    /// All scripts, or why they cannot be read.
    pub(crate) fn library(&self) -> Result<Library, String> {
        Library::load(&[self.0.path().to_owned()]).map_err(|problem| problem.to_string())
    }
}
