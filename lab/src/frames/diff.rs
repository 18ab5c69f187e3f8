//! Two run directories against each other: which tables differ, from which row on, and in which columns.

use polars::prelude::{BooleanChunked, ChunkCompareEq, Column, DataFrame};
use serde::Serialize;

use super::answer::cell;
use super::{FramesError, RunDir};

/// What differs between two run directories.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct DirDiff {
    /// Entries of the manifests that differ: name, first, second.
    pub manifest: Vec<(&'static str, String, String)>,
    /// Tables that only the first has.
    pub only_first: Vec<String>,
    /// Tables that only the second has.
    pub only_second: Vec<String>,
    /// Tables that both have and that differ.
    pub tables: Vec<TableDiff>,
    /// Tables that are equal.
    pub equal: Vec<String>,
}

/// A table that differs.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct TableDiff {
    /// Its name.
    pub table: String,
    /// Rows of either.
    pub rows: (u64, u64),
    /// Columns that only one of them has.
    pub unmatched: Vec<String>,
    /// Rows in which something differs, of those that both have.
    pub differing: u64,
    /// The columns that differ, with the first row in which they do.
    pub columns: Vec<ColumnDiff>,
    /// Key of the first row that differs: run, seed and step as far as the table has them.
    pub first: Vec<(String, String)>,
}

/// A column that differs.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ColumnDiff {
    /// Its name.
    pub column: String,
    /// In how many rows.
    pub rows: u64,
    /// Its first value that differs, in the first directory and in the second.
    pub values: (String, String),
}

impl DirDiff {
    /// Whether every table is equal.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.only_first.is_empty() && self.only_second.is_empty() && self.tables.is_empty()
    }
}

/// Compares two run directories; files of equal digests are not read.
///
/// # Errors
/// A file that is damaged.
pub fn diff(first: &RunDir, second: &RunDir) -> Result<DirDiff, FramesError> {
    let (a, b) = (first.manifest(), second.manifest());
    let entries = [
        ("scenario", a.scenario.clone(), b.scenario.clone()),
        ("scenario_hash", a.scenario_hash.clone(), b.scenario_hash.clone()),
        ("scripts_hash", a.scripts_hash.clone(), b.scripts_hash.clone()),
        ("version", a.version.clone(), b.version.clone()),
        ("command", a.command.clone(), b.command.clone()),
    ];
    let missing = |of: &RunDir, from: &RunDir| -> Vec<String> {
        let names = of.manifest().tables.keys();
        names.filter(|name| !from.manifest().tables.contains_key(*name)).cloned().collect()
    };
    let mut found = DirDiff {
        manifest: entries.into_iter().filter(|(_, a, b)| a != b).collect(),
        only_first: missing(first, second),
        only_second: missing(second, first),
        tables: Vec::new(),
        equal: Vec::new(),
    };
    for table in a.tables.keys().filter(|name| b.tables.contains_key(*name)) {
        let digests = |run: &RunDir| run.parts_of(table).map(|file| file.blake3.clone()).collect::<Vec<_>>();
        let differs = if digests(first) == digests(second) { None } else { differing(table, (first, second))? };
        match differs {
            Some(differs) => found.tables.push(differs),
            None => found.equal.push(table.clone()),
        }
    }
    Ok(found)
}

fn differing(table: &str, (first, second): (&RunDir, &RunDir)) -> Result<Option<TableDiff>, FramesError> {
    let read = |run: &RunDir| -> Result<DataFrame, FramesError> {
        run.table(table)?.collect().map_err(|error| run.explain(&error.to_string()))
    };
    let (a, b) = (read(first)?, read(second)?);
    let both = a.height().min(b.height());
    let names = |frame: &DataFrame| frame.get_column_names().into_iter().map(ToString::to_string).collect::<Vec<_>>();
    let (ours, theirs) = (names(&a), names(&b));
    let unmatched: Vec<String> = ours
        .iter()
        .filter(|name| !theirs.contains(name))
        .chain(theirs.iter().filter(|name| !ours.contains(name)))
        .cloned()
        .collect();
    let (a, b) = (a.head(Some(both)), b.head(Some(both)));
    let (mut any, mut columns) = (vec![false; both], Vec::new());
    for name in ours.iter().filter(|name| theirs.contains(name)) {
        let (Ok(left), Ok(right)) = (a.column(name), b.column(name)) else { continue };
        let Some(places) = places(left, right) else { continue };
        let Some(at) = places.first().copied() else { continue };
        let value = |column: &Column| column.get(at).map(|value| cell(value).to_string()).unwrap_or_default();
        columns.push(ColumnDiff {
            column: name.clone(),
            rows: places.len() as u64,
            values: (value(left), value(right)),
        });
        places.into_iter().for_each(|place| any[place] = true);
    }
    let equal = columns.is_empty() && unmatched.is_empty() && first.rows(table) == second.rows(table);
    if equal {
        return Ok(None);
    }
    let first_row = any.iter().position(|differs| *differs);
    let key = |row: usize| {
        let of = |name: &str| Some((name.to_owned(), cell(a.column(name).ok()?.get(row).ok()?).to_string()));
        ["run", "seed", "step", "time_ms"].into_iter().filter_map(of).collect()
    };
    Ok(Some(TableDiff {
        table: table.to_owned(),
        rows: (first.rows(table), second.rows(table)),
        unmatched,
        differing: any.iter().filter(|differs| **differs).count() as u64,
        columns,
        first: first_row.map(key).unwrap_or_default(),
    }))
}

/// Rows in which two columns differ, where NaN equals NaN; `None` for columns that cannot be compared.
fn places(left: &Column, right: &Column) -> Option<Vec<usize>> {
    let (left, right) = (left.as_materialized_series(), right.as_materialized_series());
    let differs: BooleanChunked = left.not_equal_missing(right).ok()?;
    Some(differs.iter().enumerate().filter(|(_, differs)| *differs == Some(true)).map(|(place, _)| place).collect())
}
