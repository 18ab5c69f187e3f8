//! The parts of a table as one source of rows: each file is read whole, held against its digest, and only the columns that
//! a query uses are decoded.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use polars::prelude::{
    AnonymousScan, AnonymousScanArgs, DataFrame, DataType, Field, PolarsError, PolarsResult, Schema, SchemaRef,
};
use polars_io::SerReader;
use polars_io::csv::read::CsvReadOptions;
use polars_io::ipc::IpcReader;
use polars_io::parquet::read::ParquetReader;
use rayon::prelude::{IntoParallelRefIterator, ParallelIterator};

use crate::recording::Format;
use crate::store::{ColumnKind, Manifest, TableNote, Written};

/// What stands before the path and the damage in an error of a scan, which can only be a text.
pub(super) const DAMAGE: &str = "damaged file ";

/// The bytes of a file that the manifest knows; how they differ, when they do.
pub(super) fn read_whole(folder: &Path, file: &Written) -> Result<Vec<u8>, String> {
    let bytes = std::fs::read(folder.join(&file.path)).map_err(|error| error.to_string())?;
    if bytes.len() as u64 != file.bytes {
        return Err(format!("has {} bytes, the manifest says {}", bytes.len(), file.bytes));
    }
    if blake3::hash(&bytes).to_hex().as_str() != file.blake3 {
        return Err("its bytes are not those the manifest knows".into());
    }
    Ok(bytes)
}

/// All parts of a table.
pub(super) struct Parts {
    folder: PathBuf,
    files: Vec<Written>,
    format: Format,
    schema: SchemaRef,
}

impl Parts {
    pub(super) fn of(folder: &Path, files: Vec<Written>, note: &TableNote, manifest: &Manifest) -> Self {
        Self { folder: folder.to_owned(), files, format: manifest.format, schema: Arc::new(schema(note)) }
    }

    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn read(&self, file: &Written, columns: Option<&[String]>) -> PolarsResult<DataFrame> {
        let damaged = |what: String| PolarsError::ComputeError(format!("{DAMAGE}{}: {what}", file.path).into());
        let bytes = read_whole(&self.folder, file).map_err(damaged)?;
        let (bytes, columns) = (Cursor::new(bytes), columns.map(<[String]>::to_vec));
        match self.format {
            Format::Parquet => ParquetReader::new(bytes).with_columns(columns).finish(),
            Format::Ipc => IpcReader::new(bytes).with_columns(columns).finish(),
            Format::Csv => {
                let columns = columns.map(|names| names.into_iter().map(Into::into).collect::<Vec<_>>().into());
                let options = CsvReadOptions::default().with_schema(Some(self.schema())).with_columns(columns);
                options.into_reader_with_file_handle(bytes).finish()
            }
        }
    }
}

impl AnonymousScan for Parts {
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn scan(&self, args: AnonymousScanArgs) -> PolarsResult<DataFrame> {
        let names = args.with_columns.map(|names| names.iter().map(ToString::to_string).collect::<Vec<_>>());
        let parts: Vec<PolarsResult<DataFrame>> =
            self.files.par_iter().map(|file| self.read(file, names.as_deref())).collect();
        let mut all: Option<DataFrame> = None;
        for part in parts {
            let part = part?;
            match &mut all {
                None => all = Some(part),
                Some(all) => all.vstack_mut(&part).map(drop)?,
            }
        }
        let all = all.unwrap_or_else(|| DataFrame::empty_with_schema(&self.schema));
        // Readers give columns in the order of the file; the plan wants its own.
        let all = match &names {
            Some(names) => all.select(names.iter().map(String::as_str))?,
            None => all,
        };
        Ok(args.n_rows.map_or(all.clone(), |rows| all.head(Some(rows))))
    }

    fn schema(&self, _: Option<usize>) -> PolarsResult<SchemaRef> {
        Ok(self.schema())
    }

    fn allows_projection_pushdown(&self) -> bool {
        true
    }
}

fn schema(note: &TableNote) -> Schema {
    let dtype = |kind: ColumnKind| match kind {
        ColumnKind::Small => DataType::UInt32,
        ColumnKind::Unsigned => DataType::UInt64,
        ColumnKind::Int => DataType::Int64,
        ColumnKind::Float => DataType::Float64,
        ColumnKind::Flag => DataType::Boolean,
        ColumnKind::Text => DataType::String,
    };
    note.columns.iter().map(|column| Field::new(column.name.as_str().into(), dtype(column.kind))).collect()
}
