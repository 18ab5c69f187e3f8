//! Run directories: one dataset per table with a part per seed, and a manifest, written aside and put in place by one
//! rename when all is there. Equal runs give equal bytes, whatever the number of threads.

mod manifest;
mod many;

#[cfg(not(feature = "parquet"))]
#[path = "absent.rs"]
mod table;
#[cfg(feature = "parquet")]
mod table;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use palisade_engine::frame::Frame;
use palisade_engine::probe::STEP_TABLES;

pub use self::manifest::{ColumnKind, ColumnNote, Manifest, TableNote, Written};
pub(crate) use self::many::ManyTables;
use self::table::Table;
use crate::folder::{FolderError, NewFolder, json};
use crate::load::{Loaded, RunRequest};
use crate::recording::Record;
use crate::report::Report;
use crate::run::RunError;

/// Whether this build can write tables at all.
pub(crate) fn check_available() -> Result<(), RunError> {
    Table::check_available()
}

/// The bytes of a Parquet file with these rows, which have no key of run and seed.
pub(crate) fn encode(rows: &Frame, footer: Vec<(String, String)>) -> Result<Vec<u8>, String> {
    table::encode(rows, footer)
}

/// The file of a run's report.
pub(crate) const SUMMARY: &str = "summary.json";

/// Version of the tables' layout.
pub(crate) const SCHEMA: u32 = 1;

/// A run directory being written.
#[derive(Debug)]
pub(crate) struct Store {
    folder: NewFolder,
    record: Record,
    settlement_scale: f64,
    last_step: u64,
    hashes: [(&'static str, String); 2],
    /// What the tables are, as far as they have been begun.
    notes: Mutex<BTreeMap<String, TableNote>>,
}

/// The tables of one world.
pub(crate) struct WorldTables<'a> {
    store: &'a Store,
    run: u32,
    seed: u64,
    tables: BTreeMap<&'static str, Table>,
}

impl Store {
    /// Begins a run directory; what exists is left alone, unless it is an empty directory.
    pub(crate) fn create(target: &Path, request: &RunRequest, loaded: &Loaded) -> Result<Self, RunError> {
        let (record, last_step) = (request.record, loaded.steps(request).saturating_sub(1));
        Table::check_available()?;
        let folder = NewFolder::create(target)?;
        let hashes =
            [("scenario_hash", loaded.scenario_hash().to_owned()), ("scripts_hash", loaded.scripts_hash().to_owned())];
        let settlement_scale = loaded.settlement_scale();
        Ok(Self { folder, record, settlement_scale, last_step, hashes, notes: Mutex::default() })
    }

    /// The tables of the world at a place of the run.
    pub(crate) fn world(&self, run: u32, seed: u64) -> WorldTables<'_> {
        WorldTables { store: self, run, seed, tables: BTreeMap::new() }
    }

    /// Writes the report, without the place it is written to.
    fn summary(&self, report: &Report) -> Result<Written, RunError> {
        let report = Report { out: None, ..report.clone() };
        let text = json(&report)?;
        self.folder.write(SUMMARY, &text)?;
        Ok(Written::of(SUMMARY, text.as_bytes(), 0))
    }

    /// Writes the manifest and puts the directory in its place.
    pub(crate) fn finish(self, report: &Report, files: Vec<Written>) -> Result<(), RunError> {
        let mut files = files;
        files.push(self.summary(report)?);
        let notes = self.notes.into_inner().unwrap_or_else(PoisonError::into_inner);
        let manifest = Manifest::of(report, (self.record, self.settlement_scale), notes, files);
        self.folder.write("manifest.json", &json(&manifest)?)?;
        Ok(self.folder.put()?)
    }
}

impl From<FolderError> for RunError {
    fn from(error: FolderError) -> Self {
        Self::Output(error.to_string())
    }
}

fn wrong(path: &Path, what: impl std::fmt::Display) -> RunError {
    RunError::Output(format!("{}: {what}", path.display()))
}

/// Of a table per step, the rows of every so many steps and of the last; `None` where all rows are kept.
fn thinned(frame: &Frame, every: u64, last: u64) -> Option<Frame> {
    if every <= 1 || !STEP_TABLES.iter().any(|(_, table, ..)| *table == frame.table) {
        return None;
    }
    let steps = frame.ints("step");
    let is_kept = |step: u64| step.is_multiple_of(every) || step == last;
    Some(frame.filtered(|row| is_kept(steps[row].unsigned_abs())))
}

impl WorldTables<'_> {
    /// Adds rows to their table: of a table per step, those of the steps that are recorded, the last one among them.
    pub(crate) fn add(&mut self, frame: &Frame) -> Result<(), RunError> {
        match thinned(frame, self.store.record.recording.every, self.store.last_step) {
            Some(kept) => self.put(&kept),
            None => self.put(frame),
        }
    }

    fn put(&mut self, frame: &Frame) -> Result<(), RunError> {
        let failed = |error| wrong(self.store.folder.target(), error);
        if let Some(table) = self.tables.get_mut(frame.table) {
            return table.add(frame).map_err(failed);
        }
        // The first world has a file of every table, so that its columns are known; of the others only tables with rows.
        if frame.rows() == 0 && self.run > 0 {
            return Ok(());
        }
        let folder = self.store.folder.path().join(frame.table);
        fs::create_dir_all(&folder).map_err(|error| wrong(&folder, error))?;
        let note = TableNote::of(frame);
        let mut footer: Vec<(String, String)> = [
            ("schema", SCHEMA.to_string()),
            ("version", env!("CARGO_PKG_VERSION").into()),
            ("seed", self.seed.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        footer.extend(self.store.hashes.iter().map(|(name, hash)| ((*name).to_owned(), hash.clone())));
        footer.extend(note.columns.iter().flat_map(|ColumnNote { name, unit, doc, .. }| {
            [(format!("unit:{name}"), unit.clone()), (format!("doc:{name}"), doc.clone())]
        }));
        let path = self.store.folder.path().join(self.file_of(frame.table));
        let format = self.store.record.format;
        let mut table = Table::create((&path, format), frame, (self.run, self.seed), footer).map_err(failed)?;
        table.add(frame).map_err(failed)?;
        self.tables.insert(frame.table, table);
        let mut notes = self.store.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.entry(frame.table.to_owned()).or_insert(note);
        Ok(())
    }

    /// Path of this world's part of a table.
    fn file_of(&self, table: &str) -> String {
        format!("{table}/part-{}.{}", self.seed, self.store.record.format.word())
    }

    /// Takes back all files of this world, which is void.
    pub(crate) fn discard(self) -> Result<(), RunError> {
        for name in self.tables.keys() {
            let file = self.store.folder.path().join(self.file_of(name));
            fs::remove_file(&file).map_err(|error| wrong(&file, error))?;
        }
        Ok(())
    }

    /// Ends all files of this world.
    pub(crate) fn close(self) -> Result<Vec<Written>, RunError> {
        let parts: Vec<String> = self.tables.keys().map(|name| self.file_of(name)).collect();
        let finish =
            |(table, path): (Table, _)| table.finish(path).map_err(|error| wrong(self.store.folder.target(), error));
        self.tables.into_values().zip(parts).map(finish).collect()
    }
}

#[cfg(all(test, feature = "parquet"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::PathBuf;

    use polars_io::SerReader;
    use polars_io::parquet::read::ParquetReader;

    use super::*;
    use crate::load::load;
    use crate::run::run;
    use crate::sample::{self, Onlooker};

    /// Runs two seeds into `out` and returns the bytes of every file by path.
    fn written(request: &RunRequest, out: &Path, jobs: usize) -> BTreeMap<String, Vec<u8>> {
        let request = RunRequest { seeds: 2, jobs, out: Some(out.to_owned()), ..request.clone() };
        run(&load(&request).unwrap(), &request, &Onlooker::default()).unwrap();
        let manifest: serde_json::Value =
            serde_json::from_slice(&fs::read(out.join("manifest.json")).unwrap()).unwrap();
        let files = manifest["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap().to_owned());
        files
            .chain(["manifest.json".to_owned()])
            .map(|path| (path.clone(), fs::read(out.join(&path)).unwrap()))
            .collect()
    }

    #[test]
    fn equal_runs_write_equal_bytes() {
        let (folder, request) = sample::attacked();
        let [one, two, again] = [("one", 1), ("two", 2), ("deeper/again", 2)]
            .map(|(name, jobs)| written(&request, &folder.path().join(name), jobs));
        assert!(one == two && two == again);
        let tables: Vec<&str> = one.keys().filter_map(|path| path.strip_suffix("/part-1.parquet")).collect();
        assert_eq!(
            tables,
            [
                "agents",
                "assets",
                "events",
                "faults",
                "feeds",
                "flows",
                "governance",
                "groups",
                "holdings",
                "liquidations",
                "markets",
                "params",
                "refusals",
                "runs",
                "slashes",
                "stakes",
                "vaults",
                "venues",
                "votes",
                "world"
            ]
        );
        let of_second = one.keys().filter(|path| path.ends_with("/part-2.parquet")).count();
        assert!(of_second > 10 && of_second < tables.len(), "of the second only tables with rows: {of_second}");
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.iter().all(|name| !name.to_string_lossy().contains("partial")), "{left:?}");
    }

    #[test]
    fn tables_read_back_with_their_keys_and_footers() {
        let (folder, request) = sample::attacked();
        let files = written(&request, &folder.path().join("run"), 1);
        let mut reader = ParquetReader::new(std::io::Cursor::new(files["world/part-2.parquet"].clone()));
        let metadata = reader.get_metadata().unwrap().key_value_metadata().clone().unwrap();
        let footer = |key: &str| metadata.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.clone());
        assert_eq!((footer("schema").as_deref(), footer("seed").as_deref()), (Some("1"), Some("2")));
        assert_eq!(footer("version").as_deref(), Some(env!("CARGO_PKG_VERSION")));
        assert_eq!(footer("scenario_hash").as_deref(), Some(load(&request).unwrap().scenario_hash()));
        assert_eq!(footer("unit:solvency").as_deref(), Some("coins"));
        let table = reader.finish().unwrap();
        assert_eq!(table.height(), 120);
        let names: Vec<String> = table.get_column_names().iter().map(ToString::to_string).collect();
        assert_eq!(names[..4], ["run", "seed", "step", "time_ms"]);
        assert_eq!(table.column("seed").unwrap().u64().unwrap().get(119), Some(2));
        assert_eq!(table.column("step").unwrap().i64().unwrap().get(119), Some(119));
    }

    #[test]
    fn what_exists_is_left_alone() {
        let (folder, request) = sample::calm(&[]);
        let out = folder.path().join("run");
        fs::create_dir(&out).unwrap();
        fs::write(out.join("mine.txt"), "mine").unwrap();
        let steps = Some(1);
        let refused = |out: PathBuf| {
            let request = RunRequest { out: Some(out), steps, ..request.clone() };
            run(&load(&request).unwrap(), &request, &Onlooker::default()).unwrap_err().to_string()
        };
        assert!(refused(out.clone()).contains("is not empty"));
        assert!(refused(out.join("mine.txt")).contains("exists and is not a directory"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        fs::remove_file(out.join("mine.txt")).unwrap();
        let request = RunRequest { out: Some(out.clone()), steps, ..request };
        run(&load(&request).unwrap(), &request, &Onlooker::default()).unwrap();
        assert!(out.join("manifest.json").is_file(), "an empty directory is taken");
    }
}
