//! What a query answered: cells to print, or a file.

use std::fmt;
use std::path::Path;

use polars::prelude::{AnyValue, DataFrame};
use polars_io::SerWriter;
use polars_io::csv::write::CsvWriter;
use polars_io::ipc::IpcWriter;
use polars_io::parquet::write::ParquetWriter;
use serde_json::{Number, Value};

use super::FramesError;
use crate::folder::write_new;
use crate::recording::Format;

/// Rows that a query returned.
#[derive(Clone, Debug)]
pub struct Answer {
    frame: DataFrame,
}

/// One value of an answer.
#[derive(Clone, PartialEq, Debug)]
pub enum Cell {
    /// No value.
    Null,
    /// A whole number.
    Int(i128),
    /// A number.
    Float(f64),
    /// A flag.
    Flag(bool),
    /// Words.
    Text(String),
}

impl Answer {
    pub(super) const fn of(frame: DataFrame) -> Self {
        Self { frame }
    }

    /// The rows as a polars frame.
    #[must_use]
    pub const fn frame(&self) -> &DataFrame {
        &self.frame
    }

    /// The columns' names.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.frame.get_column_names().into_iter().map(ToString::to_string).collect()
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.frame.height()
    }

    /// One row; no cells when there is no such row.
    #[must_use]
    pub fn row(&self, row: usize) -> Vec<Cell> {
        self.frame.columns().iter().filter_map(|column| column.get(row).ok().map(cell)).collect()
    }

    /// The rows as JSON, an object each; what is no finite number becomes `null`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.to_rows().into_iter().map(Value::Object).collect()
    }

    /// The rows as text with commas, with a heading.
    ///
    /// # Errors
    /// A column whose values have no text, such as a list.
    pub fn to_csv(&self) -> Result<String, FramesError> {
        let mut bytes = Vec::new();
        let written = CsvWriter::new(&mut bytes).finish(&mut self.frame.clone());
        written.map_err(|error| FramesError::Query(error.to_string()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Writes the rows into a file that does not exist, in the format its name ends with.
    ///
    /// # Errors
    /// A name that ends with no format's word; a file that is there already or cannot be written. Nothing of it stays.
    pub fn write(&self, path: &Path) -> Result<(), FramesError> {
        let wrong = |what: &dyn std::fmt::Display| FramesError::Output(format!("{}: {what}", path.display()));
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let format = Format::ALL.into_iter().find(|format| format.word() == ending).ok_or_else(|| {
            wrong(&format_args!(
                "expected a name that ends with {}",
                Format::ALL.map(|format| format!(".{}", format.word())).join(", ")
            ))
        })?;
        let mut bytes = Vec::new();
        let mut frame = self.frame.clone();
        let made = match format {
            Format::Parquet => ParquetWriter::new(&mut bytes).finish(&mut frame).map(drop),
            Format::Csv => CsvWriter::new(&mut bytes).finish(&mut frame),
            Format::Ipc => IpcWriter::new(&mut bytes).finish(&mut frame),
        };
        made.map_err(|error| wrong(&error))?;
        write_new(path, &bytes).map_err(|error| wrong(&error))
    }
}

pub(super) fn cell(value: AnyValue<'_>) -> Cell {
    match value {
        AnyValue::Null => Cell::Null,
        AnyValue::Boolean(flag) => Cell::Flag(flag),
        AnyValue::Float64(value) => Cell::Float(value),
        AnyValue::Float32(value) => Cell::Float(f64::from(value)),
        AnyValue::String(text) => Cell::Text(text.to_owned()),
        AnyValue::StringOwned(text) => Cell::Text(text.to_string()),
        other => other.extract::<i128>().map_or_else(|| Cell::Text(other.to_string()), Cell::Int),
    }
}

impl fmt::Display for Cell {
    /// The value as it is: no digit of a number is lost.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Int(value) => write!(out, "{value}"),
            Self::Float(value) => write!(out, "{value}"),
            Self::Flag(value) => write!(out, "{value}"),
            Self::Text(text) => out.write_str(text),
        }
    }
}

impl From<Cell> for Value {
    fn from(cell: Cell) -> Self {
        match cell {
            Cell::Null => Self::Null,
            Cell::Flag(flag) => Self::Bool(flag),
            Cell::Float(value) => Number::from_f64(value).map_or(Self::Null, Self::Number),
            Cell::Text(text) => Self::String(text),
            Cell::Int(value) => Number::from_i128(value).map_or_else(|| Self::String(value.to_string()), Self::Number),
        }
    }
}
