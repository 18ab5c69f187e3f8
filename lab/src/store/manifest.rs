//! `manifest.json`: what ran, how to run it again, every file, and what the columns of the tables are.

use std::collections::BTreeMap;

use palisade_engine::frame::{Data, Frame, FrameColumn};
use serde::{Deserialize, Serialize};

use super::SCHEMA;
use crate::recording::{Format, Record, RecordWord};
use crate::report::Report;

/// The manifest of a run directory.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the tables' layout.
    pub schema: u32,
    /// Version of the program.
    pub version: String,
    /// The scenario's name.
    pub scenario: String,
    /// Digest of the composed scenario and its data files.
    pub scenario_hash: String,
    /// Digest of the script library.
    pub scripts_hash: String,
    /// The command that reproduces the figures; `record` and `format` say how its files were written.
    pub command: String,
    /// Seeds of the finished worlds.
    pub seeds: Vec<u64>,
    /// Steps of each world.
    pub steps: u64,
    /// Whether every world that was asked for is here.
    pub complete: bool,
    /// The smallest units of the settlement asset in a coin.
    pub settlement_scale: f64,
    /// What `--record` asked for.
    pub record: String,
    /// In which format the tables are.
    pub format: Format,
    /// What the tables and their columns are, by name.
    pub tables: BTreeMap<String, TableNote>,
    /// All other files, by path.
    pub files: Vec<Written>,
}

/// What a table is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TableNote {
    /// What a row is, in one line.
    pub doc: String,
    /// Its columns in order.
    pub columns: Vec<ColumnNote>,
}

/// What a column is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ColumnNote {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub kind: ColumnKind,
    /// Their unit.
    pub unit: String,
    /// One line.
    pub doc: String,
}

/// What a column's values are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// Unsigned 32-bit integers.
    Small,
    /// Unsigned 64-bit integers.
    Unsigned,
    /// Signed 64-bit integers.
    Int,
    /// 64-bit floats.
    Float,
    /// Flags.
    Flag,
    /// Words of a small vocabulary.
    Text,
}

/// One file of a run directory.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Written {
    /// Path within the directory.
    pub path: String,
    /// Digest of its bytes.
    pub blake3: String,
    /// Its size.
    pub bytes: u64,
    /// Its rows.
    pub rows: u64,
}

impl Written {
    /// A file with these bytes.
    pub(crate) fn of(path: &str, bytes: &[u8], rows: u64) -> Self {
        let blake3 = blake3::hash(bytes).to_hex().to_string();
        Self { path: path.to_owned(), blake3, bytes: bytes.len() as u64, rows }
    }
}

impl Manifest {
    pub(crate) fn of(
        report: &Report,
        (record, settlement_scale): (Record, f64),
        tables: BTreeMap<String, TableNote>,
        mut files: Vec<Written>,
    ) -> Self {
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
            settlement_scale,
            record: RecordWord(record.recording).to_string(),
            format: record.format,
            tables,
            files,
        }
    }
}

impl TableNote {
    /// What a frame's table is, where its own columns are all there are.
    pub(crate) fn without_key(frame: &Frame) -> Self {
        Self { doc: frame.doc.to_owned(), columns: frame.columns.iter().map(ColumnNote::of).collect() }
    }

    /// What a frame's table is, behind the key of run and seed.
    pub(crate) fn of(frame: &Frame) -> Self {
        let key = |name: &str, kind, doc: &str| ColumnNote {
            name: name.to_owned(),
            kind,
            unit: String::new(),
            doc: doc.to_owned(),
        };
        let run = key("run", ColumnKind::Small, "Place of the world in its run, from 0.");
        let seed = key("seed", ColumnKind::Unsigned, "Seed of the world.");
        let columns = [run, seed].into_iter().chain(frame.columns.iter().map(ColumnNote::of)).collect();
        Self { doc: frame.doc.to_owned(), columns }
    }
}

impl ColumnNote {
    fn of(FrameColumn { name, unit, doc, data }: &FrameColumn) -> Self {
        let kind = match data {
            Data::Int(_) => ColumnKind::Int,
            Data::Float(_) => ColumnKind::Float,
            Data::Flag(_) => ColumnKind::Flag,
            Data::Text(_) => ColumnKind::Text,
        };
        Self { name: name.to_string(), kind, unit: unit.to_string(), doc: doc.to_string() }
    }
}
