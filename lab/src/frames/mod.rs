//! A run directory read back: its tables as polars `LazyFrame`s and as SQL, every file checked against the manifest before
//! a row of it is used.

mod analyses;
mod answer;
mod diff;
mod rows;
mod scan;

use std::path::{Path, PathBuf};

use polars::prelude::{LazyFrame, ScanArgsAnonymous};
use polars::sql::SQLContext;

pub use self::analyses::{ANALYSES, Analysis};
pub use self::answer::{Answer, Cell};
pub use self::diff::{ColumnDiff, DirDiff, TableDiff, diff};
pub(crate) use self::rows::{Row, number, text, whole};
use self::scan::Parts;
use crate::report::Report;
use crate::source::suggestion;
use crate::store::{Manifest, SCHEMA, SUMMARY, TableNote};

/// A run directory.
#[derive(Clone, Debug)]
pub struct RunDir {
    path: PathBuf,
    manifest: Manifest,
}

/// Why a run directory cannot be read or asked.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FramesError {
    /// There is no run directory of this layout.
    #[error("{}: {what}", path.display())]
    NotARun {
        /// Where.
        path: PathBuf,
        /// What is there instead.
        what: String,
    },
    /// A file differs from what was written.
    #[error("{path}: {what}; what was written is damaged, run it again: {command}")]
    Damaged {
        /// The file.
        path: String,
        /// How it differs.
        what: String,
        /// The command that reproduces it.
        command: String,
    },
    /// A table or an analysis that is not there.
    #[error("there is no {what} `{name}`{}", help.as_ref().map(|help| format!("; {help}")).unwrap_or_default())]
    Unknown {
        /// What was looked for.
        what: &'static str,
        /// Its name.
        name: String,
        /// The nearest right name and all there are.
        help: Option<String>,
    },
    /// A query that cannot be answered.
    #[error("the query cannot be answered: {0}")]
    Query(String),
    /// A file that cannot be written.
    #[error("{0}")]
    Output(String),
}

impl RunDir {
    /// Opens a run directory by its manifest.
    ///
    /// # Errors
    /// A folder without a manifest, or of another layout.
    pub fn open(path: &Path) -> Result<Self, FramesError> {
        let wrong = |what: String| FramesError::NotARun { path: path.to_owned(), what };
        let text = std::fs::read_to_string(path.join("manifest.json"))
            .map_err(|error| wrong(format!("is no run directory, as `palisade run … --out` writes it ({error})")))?;
        let version: SchemaOnly =
            serde_json::from_str(&text).map_err(|error| wrong(format!("its manifest cannot be read: {error}")))?;
        if version.schema != SCHEMA {
            let what = format!("its tables have layout {}, this program reads {SCHEMA}; run it again", version.schema);
            return Err(wrong(what));
        }
        let manifest =
            serde_json::from_str(&text).map_err(|error| wrong(format!("its manifest cannot be read: {error}")))?;
        Ok(Self { path: path.to_owned(), manifest })
    }

    /// What ran, and what is here of it.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The report of the run, as `--json` prints it.
    ///
    /// # Errors
    /// A file that is damaged.
    pub fn report(&self) -> Result<Report, FramesError> {
        let file = self.manifest.files.iter().find(|file| file.path == SUMMARY);
        let damaged = |what: String| self.damage(SUMMARY, what);
        let file = file.ok_or_else(|| damaged("the manifest does not name it".into()))?;
        let bytes = scan::read_whole(&self.path, file).map_err(damaged)?;
        serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))
    }

    /// Holds every file against its digest.
    ///
    /// # Errors
    /// The first that is damaged.
    pub(crate) fn check(&self) -> Result<(), FramesError> {
        self.manifest.files.iter().try_for_each(|file| {
            scan::read_whole(&self.path, file).map(drop).map_err(|what| self.damage(&file.path, what))
        })
    }

    fn damage(&self, path: &str, what: String) -> FramesError {
        let mut command = self.manifest.command.clone();
        // Tables of matches are made again from their journals.
        if self.path.join("journal").is_dir() {
            command += &format!(" --out {} --resume", self.path.display());
        }
        let path = self.path.join(path).display().to_string();
        FramesError::Damaged { path, what, command }
    }

    /// Rows of a table in all files.
    #[must_use]
    pub fn rows(&self, table: &str) -> u64 {
        self.parts_of(table).map(|file| file.rows).sum()
    }

    fn parts_of(&self, table: &str) -> impl Iterator<Item = &crate::store::Written> {
        let mut parts: Vec<_> =
            self.manifest.files.iter().filter(|file| folder_of(&file.path) == Some(table)).collect();
        // In the order of worlds: seeds as numbers, not as words.
        parts.sort_by_key(|file| (seed_of(&file.path), &file.path));
        parts.into_iter()
    }

    /// A table over all worlds, read when it is collected, and only the columns that are asked for.
    ///
    /// # Errors
    /// A table that this run has not got.
    pub fn table(&self, name: &str) -> Result<LazyFrame, FramesError> {
        let note = self.manifest.tables.get(name).ok_or_else(|| FramesError::Unknown {
            what: "table",
            name: name.to_owned(),
            help: suggestion(name, &self.manifest.tables.keys().map(String::as_str).collect::<Vec<_>>()),
        })?;
        self.scan(name, note)
    }

    fn scan(&self, name: &str, note: &TableNote) -> Result<LazyFrame, FramesError> {
        let parts = Parts::of(&self.path, self.parts_of(name).cloned().collect(), note, &self.manifest);
        let args = ScanArgsAnonymous { schema: Some(parts.schema()), name: "PALISADE TABLE", ..Default::default() };
        LazyFrame::anonymous_scan(std::sync::Arc::new(parts), args)
            .map_err(|error| FramesError::Query(error.to_string()))
    }

    /// Answers an SQL query over all tables, by their names.
    ///
    /// # Errors
    /// A query that cannot be read or answered; a file that is damaged.
    pub fn query(&self, sql: &str) -> Result<Answer, FramesError> {
        let mut context = SQLContext::new();
        for (name, note) in &self.manifest.tables {
            context.register(name, self.scan(name, note)?);
        }
        let answer = context.execute(sql).and_then(LazyFrame::collect);
        answer.map(Answer::of).map_err(|error| self.explain(&error.to_string()))
    }

    /// A ready analysis by name.
    ///
    /// # Errors
    /// One that does not exist; what [`Self::query`] returns.
    pub fn analysis(&self, name: &str) -> Result<Answer, FramesError> {
        let found = ANALYSES.iter().find(|analysis| analysis.name == name).ok_or_else(|| FramesError::Unknown {
            what: "analysis",
            name: name.to_owned(),
            help: suggestion(name, &ANALYSES.map(|analysis| analysis.name)),
        })?;
        self.query(found.sql)
    }

    /// Damage found while a table was read comes back as it was found.
    fn explain(&self, text: &str) -> FramesError {
        match text.split_once(scan::DAMAGE).map(|(_, damage)| damage.split_once(": ").unwrap_or((damage, ""))) {
            Some((path, what)) => self.damage(path, what.lines().next().unwrap_or_default().to_owned()),
            None => FramesError::Query(text.lines().next().unwrap_or_default().to_owned()),
        }
    }
}

/// The one field that says whether the others can be read.
#[derive(serde::Deserialize)]
struct SchemaOnly {
    schema: u32,
}

fn folder_of(path: &str) -> Option<&str> {
    path.split_once('/').map(|(folder, _)| folder)
}

fn seed_of(path: &str) -> Option<u64> {
    path.rsplit_once("part-")?.1.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests;
