//! A design as a table: a column for each path of the scenario, a row for each point.

use std::fs::File;
use std::path::Path;

use polars::prelude::{AnyValue, DataFrame};
use polars_io::SerReader;
use polars_io::csv::read::CsvReadOptions;
use polars_io::ipc::IpcReader;
use polars_io::parquet::read::ParquetReader;

use crate::design::Point;
use crate::load::LoadError;

/// The points of a Parquet, CSV or Arrow IPC file, told apart by how its name ends.
pub(super) fn points(path: &Path) -> Result<Vec<Point>, LoadError> {
    let wrong = |what: String| LoadError::Usage(format!("--design {}: {what}", path.display()));
    let open = || File::open(path).map_err(|error| wrong(error.to_string()));
    let table = match path.extension().and_then(|ending| ending.to_str()) {
        Some("parquet") => ParquetReader::new(open()?).finish(),
        Some("ipc" | "arrow" | "feather") => IpcReader::new(open()?).finish(),
        Some("csv") => CsvReadOptions::default().into_reader_with_file_handle(open()?).finish(),
        _ => return Err(wrong("expected a file that ends in .parquet, .csv or .ipc".into())),
    };
    let table = table.map_err(|error| wrong(error.to_string()))?;
    if table.height() == 0 || table.width() == 0 {
        return Err(wrong("it has no rows: expected a column for each path and a row for each point".into()));
    }
    (0..table.height())
        .map(|row| point(&table, row).map_err(|what| wrong(format!("row {}: {what}", row + 1))))
        .collect()
}

fn point(table: &DataFrame, row: usize) -> Result<Point, String> {
    let mut values = Vec::new();
    for column in table.columns() {
        let value = column.get(row).map_err(|error| error.to_string())?;
        let text = match value {
            AnyValue::Null => return Err(format!("`{}` has no value", column.name())),
            AnyValue::String(text) => text.to_owned(),
            AnyValue::StringOwned(text) => text.to_string(),
            AnyValue::Boolean(flag) => flag.to_string(),
            // With its point, so that a whole number stays a float.
            AnyValue::Float64(number) => format!("{number:?}"),
            AnyValue::Float32(number) => format!("{number:?}"),
            other => other.to_string(),
        };
        values.push((column.name().to_string(), text));
    }
    Point::new(values).map_err(|error| error.to_string())
}
