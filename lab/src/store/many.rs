//! The tables of many worlds, one file each, a row group for each world: what matches are recorded into.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use palisade_engine::frame::Frame;

use super::table::Table;
use super::{SCHEMA, TableNote, Written, thinned, wrong};
use crate::recording::{Format, Recording};
use crate::run::RunError;

/// Files being written under names that say `partial`; nothing of them stays unless they are finished.
pub(crate) struct ManyTables<'a> {
    folder: &'a Path,
    recording: Recording,
    footer: Vec<(String, String)>,
    tables: BTreeMap<&'static str, (Table, TableNote)>,
}

impl Drop for ManyTables<'_> {
    fn drop(&mut self) {
        for name in self.tables.keys() {
            // Half a file is worth nothing; one that cannot be removed says `partial` in its name.
            let _ = fs::remove_file(self.file(name));
        }
    }
}

impl<'a> ManyTables<'a> {
    /// Tables in a folder; `hash` says what they are of.
    pub(crate) fn new(folder: &'a Path, recording: Recording, hash: &str) -> Self {
        let footer =
            [("schema", SCHEMA.to_string()), ("version", env!("CARGO_PKG_VERSION").into()), ("plan_hash", hash.into())];
        let footer = footer.map(|(name, value): (&str, String)| (name.to_owned(), value)).into();
        Self { folder, recording, footer, tables: BTreeMap::new() }
    }

    fn file(&self, table: &str) -> PathBuf {
        self.folder.join(table).join("part-0.parquet.partial")
    }

    /// Adds the rows of a world, which end at step `last`.
    pub(crate) fn add(&mut self, key: (u32, u64), frames: &[Frame], last: u64) -> Result<(), RunError> {
        for frame in frames {
            let kept = thinned(frame, self.recording.every, last);
            self.put(key, kept.as_ref().unwrap_or(frame))?;
        }
        Ok(())
    }

    fn put(&mut self, key: (u32, u64), frame: &Frame) -> Result<(), RunError> {
        let path = self.file(frame.table);
        let failed = |error: String| RunError::Output(error);
        if !self.tables.contains_key(frame.table) {
            let folder = self.folder.join(frame.table);
            fs::create_dir_all(&folder).map_err(|error| wrong(&folder, error))?;
            // What an earlier process left there was never finished.
            let _ = fs::remove_file(&path);
            let table = Table::create((&path, Format::Parquet), frame, key, self.footer.clone()).map_err(failed)?;
            self.tables.insert(frame.table, (table, TableNote::of(frame)));
        }
        let Some((table, _)) = self.tables.get_mut(frame.table) else { return Ok(()) };
        table.turn_to(key).and_then(|()| table.add(frame)).map_err(|error| wrong(&path, error))
    }

    /// Ends all files: what they are, and where each is to be put from where it is.
    #[allow(clippy::type_complexity)] // what each file is, and what each table is
    pub(crate) fn finish(mut self) -> Result<(Vec<(PathBuf, Written)>, BTreeMap<String, TableNote>), RunError> {
        let (mut files, mut notes) = (Vec::new(), BTreeMap::new());
        for (name, (table, note)) in std::mem::take(&mut self.tables) {
            let path = self.file(name);
            let written = table.finish(format!("{name}/part-0.parquet")).map_err(|error| wrong(&path, error))?;
            files.push((path, written));
            notes.insert(name.to_owned(), note);
        }
        Ok((files, notes))
    }
}
