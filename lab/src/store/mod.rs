//! Run directories: one Parquet dataset per table with a part per seed, and a manifest, written aside and put in place
//! by one rename when all is there. Equal runs give equal bytes, whatever the number of threads.

#[cfg(not(feature = "parquet"))]
#[path = "absent.rs"]
mod table;
#[cfg(feature = "parquet")]
mod table;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use palisade_engine::frame::Frame;
use serde::Serialize;

use crate::folder::{FolderError, NewFolder};
use crate::load::Loaded;
use crate::report::Report;
use crate::run::RunError;
use table::Table;

/// Version of the tables' layout.
pub(crate) const SCHEMA: u32 = 1;

/// A run directory being written.
#[derive(Debug)]
pub(crate) struct Store {
    folder: NewFolder,
    hashes: [(&'static str, String); 2],
}

/// The tables of one world.
pub(crate) struct WorldTables<'a> {
    store: &'a Store,
    run: u32,
    seed: u64,
    tables: BTreeMap<&'static str, Table>,
}

/// One file of a run directory.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Written {
    /// Path within the directory.
    pub(crate) path: String,
    /// Digest of its bytes.
    pub(crate) blake3: String,
    /// Its size.
    pub(crate) bytes: u64,
    /// Its rows.
    pub(crate) rows: u64,
}

/// `manifest.json`: what ran, how to run it again, and every file.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Manifest {
    /// Version of the tables' layout.
    pub(crate) schema: u32,
    /// Version of the program.
    pub(crate) version: String,
    /// The scenario's name.
    pub(crate) scenario: String,
    /// Digest of the composed scenario and its data files.
    pub(crate) scenario_hash: String,
    /// Digest of the script library.
    pub(crate) scripts_hash: String,
    /// The command that reproduces the files.
    pub(crate) command: String,
    /// Seeds of the finished worlds.
    pub(crate) seeds: Vec<u64>,
    /// Steps of each world.
    pub(crate) steps: u64,
    /// Whether every world that was asked for is here.
    pub(crate) complete: bool,
    /// All other files, by path.
    pub(crate) files: Vec<Written>,
}

impl Manifest {
    pub(crate) fn of(report: &Report, mut files: Vec<Written>) -> Self {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Self {
            schema: SCHEMA,
            version: report.version.clone(),
            scenario: report.scenario.clone(),
            scenario_hash: report.scenario_hash.clone(),
            scripts_hash: report.scripts_hash.clone(),
            command: report.command.clone(),
            seeds: report.seeds.clone(),
            steps: report.steps,
            complete: !report.interrupted,
            files,
        }
    }
}

impl Store {
    /// Begins a run directory; what exists is left alone, unless it is an empty directory.
    pub(crate) fn create(target: &Path, loaded: &Loaded) -> Result<Self, RunError> {
        Table::check_available()?;
        let folder = NewFolder::create(target)?;
        let hashes =
            [("scenario_hash", loaded.scenario_hash().to_owned()), ("scripts_hash", loaded.scripts_hash().to_owned())];
        Ok(Self { folder, hashes })
    }

    /// The tables of the world at a place of the run.
    pub(crate) fn world(&self, run: u32, seed: u64) -> WorldTables<'_> {
        WorldTables { store: self, run, seed, tables: BTreeMap::new() }
    }

    /// Writes the manifest and puts the directory in its place.
    pub(crate) fn finish(self, manifest: Manifest) -> Result<(), RunError> {
        let target = self.folder.target();
        let mut text = serde_json::to_string_pretty(&manifest).map_err(|error| wrong(target, error))?;
        text.push('\n');
        fs::write(self.folder.path().join("manifest.json"), text).map_err(|error| wrong(target, error))?;
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

impl WorldTables<'_> {
    /// Adds rows to their table.
    pub(crate) fn add(&mut self, frame: &Frame) -> Result<(), RunError> {
        let failed = |error| wrong(self.store.folder.target(), error);
        if let Some(table) = self.tables.get_mut(frame.table) {
            return table.add(frame).map_err(failed);
        }
        let folder = self.store.folder.path().join(frame.table);
        fs::create_dir_all(&folder).map_err(|error| wrong(&folder, error))?;
        let mut footer = vec![("schema".to_owned(), SCHEMA.to_string()), ("seed".to_owned(), self.seed.to_string())];
        footer.extend(self.store.hashes.iter().map(|(name, hash)| ((*name).to_owned(), hash.clone())));
        let path = folder.join(format!("part-{}.parquet", self.seed));
        let mut table = Table::create(&path, frame, (self.run, self.seed), footer).map_err(failed)?;
        table.add(frame).map_err(failed)?;
        self.tables.insert(frame.table, table);
        Ok(())
    }

    /// Takes back all files of this world, which is void.
    pub(crate) fn discard(self) -> Result<(), RunError> {
        for (name, table) in self.tables {
            drop(table);
            let file = self.store.folder.path().join(format!("{name}/part-{}.parquet", self.seed));
            fs::remove_file(&file).map_err(|error| wrong(&file, error))?;
        }
        Ok(())
    }

    /// Ends all files of this world.
    pub(crate) fn close(self) -> Result<Vec<Written>, RunError> {
        let mut written = Vec::new();
        for (name, table) in self.tables {
            let rows = table.finish().map_err(|error| wrong(self.store.folder.target(), error))?;
            let path = format!("{name}/part-{}.parquet", self.seed);
            let file = self.store.folder.path().join(&path);
            let mut hasher = blake3::Hasher::new();
            let bytes = fs::File::open(&file).and_then(|mut file| std::io::copy(&mut file, &mut hasher));
            let bytes = bytes.map_err(|error| wrong(&file, error))?;
            written.push(Written { path, blake3: hasher.finalize().to_hex().to_string(), bytes, rows });
        }
        Ok(written)
    }
}

#[cfg(all(test, feature = "parquet"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::PathBuf;

    use polars_io::SerReader;
    use polars_io::parquet::read::ParquetReader;

    use super::*;
    use crate::load::{RunRequest, load};
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
        let tables: Vec<&str> = one.keys().filter_map(|path| path.strip_suffix("/part-2.parquet")).collect();
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
