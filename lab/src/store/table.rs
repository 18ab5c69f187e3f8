//! One table of one world as a file: rows gather until they make a row group, and go out on this thread alone
//! so that the bytes depend on the rows only.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use palisade_engine::frame::{Data, Frame, FrameColumn};
use polars::prelude::{
    Column, CompatLevel, DataFrame, DataType, Field, NamedFrom, PolarsError, Schema, SchemaExt, Series,
};
use polars_arrow::datatypes::ArrowDataType;
use polars_arrow::io::ipc::write::default_ipc_fields;
use polars_io::SerWriter;
use polars_io::csv::write::{self as csv, CsvWriter};
use polars_io::ipc::{self, IpcWriter};
use polars_parquet::write::{
    CompressionOptions, Encoding, FileWriter, KeyValue, StatisticsOptions, Version, WriteOptions, get_dtype_encoding,
    row_group_iter, schema_to_metadata_key,
};

use super::Written;
use crate::recording::Format;
use crate::run::RunError;

/// Rows of a row group: small enough to hold for every open table, large enough to scan fast.
const GROUP: usize = 32_768;

/// A file being written.
pub(super) struct Table {
    key: Option<(u32, u64)>,
    waiting: Frame,
    rows: u64,
    sink: Sink<Shared>,
    file: Shared,
}

/// A file whose bytes are digested as they go out. The writers of formats keep what they write to: this is their handle, and
/// a lock that nobody else holds, as tables go from thread to thread.
#[derive(Clone)]
struct Shared(Arc<Mutex<BufWriter<Digesting>>>);

struct Digesting {
    file: File,
    digest: blake3::Hasher,
}

impl Shared {
    fn create(path: &Path) -> io::Result<Self> {
        let digesting = Digesting { file: File::create_new(path)?, digest: blake3::Hasher::new() };
        Ok(Self(Arc::new(Mutex::new(BufWriter::new(digesting)))))
    }

    fn inner(&self) -> MutexGuard<'_, BufWriter<Digesting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Digest and number of all bytes, which are in the file by now.
    fn end(&self) -> io::Result<(String, u64)> {
        let mut file = self.inner();
        file.flush()?;
        let digest = &file.get_ref().digest;
        Ok((digest.finalize().to_hex().to_string(), digest.count()))
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner().flush()
    }
}

impl Write for Digesting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.digest.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Table {
    #[allow(clippy::unnecessary_wraps)] // a build without the feature refuses here
    pub(super) fn check_available() -> Result<(), RunError> {
        Ok(())
    }

    /// Begins a file with the columns of `like` behind the key of run and seed.
    pub(super) fn create(
        (path, format): (&Path, Format),
        like: &Frame,
        key: (u32, u64),
        footer: Vec<(String, String)>,
    ) -> Result<Self, String> {
        let file = Shared::create(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let sink = Sink::create(file.clone(), format, &schema(like, true), footer);
        Ok(Self {
            key: Some(key),
            waiting: like.filtered(|_| false),
            rows: 0,
            sink: sink.map_err(|error| error.to_string())?,
            file,
        })
    }

    /// Begins the rows of another world, in a row group of their own.
    pub(super) fn turn_to(&mut self, key: (u32, u64)) -> Result<(), String> {
        self.flush()?;
        self.key = Some(key);
        Ok(())
    }

    /// Adds rows, which must be of the same columns.
    pub(super) fn add(&mut self, frame: &Frame) -> Result<(), String> {
        self.waiting.append(frame);
        if self.waiting.rows() >= GROUP { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), String> {
        let group = self.waiting.take();
        if group.rows() == 0 {
            return Ok(());
        }
        self.rows += group.rows() as u64;
        columns(self.key, group).and_then(|batch| self.sink.write(&batch)).map_err(|error| error.to_string())
    }

    /// Ends the file, which is to be known by `path`.
    pub(super) fn finish(mut self, path: String) -> Result<Written, String> {
        self.flush()?;
        self.sink.finish().map_err(|error| error.to_string())?;
        let (blake3, bytes) = self.file.end().map_err(|error| error.to_string())?;
        Ok(Written { path, blake3, bytes, rows: self.rows })
    }
}

/// What writes batches of rows in a format.
enum Sink<W: Write> {
    Parquet(Box<Parquet<W>>),
    Csv(csv::BatchedWriter<W>),
    Ipc(ipc::BatchedWriter<W>),
}

impl<W: Write> Sink<W> {
    fn create(file: W, format: Format, schema: &Schema, footer: Vec<(String, String)>) -> Result<Self, PolarsError> {
        Ok(match format {
            Format::Parquet => Self::Parquet(Box::new(Parquet::create(file, schema, footer)?)),
            Format::Csv => Self::Csv(CsvWriter::new(file).n_threads(1).batched(schema)?),
            Format::Ipc => {
                // What every reader of Arrow knows: strings, not views of them.
                let level = CompatLevel::oldest();
                let fields = default_ipc_fields(schema.to_arrow(level).iter_values());
                let writer = IpcWriter::new(file).with_parallel(false).with_compat_level(level);
                let mut writer = writer.batched(schema, fields)?;
                writer.set_custom_metadata(footer);
                Self::Ipc(writer)
            }
        })
    }

    fn write(&mut self, batch: &DataFrame) -> Result<(), PolarsError> {
        match self {
            Self::Parquet(writer) => writer.write(batch),
            Self::Csv(writer) => writer.write_batch(batch),
            Self::Ipc(writer) => writer.write_batch(batch),
        }
    }

    fn finish(&mut self) -> Result<(), PolarsError> {
        match self {
            Self::Parquet(writer) => writer.finish(),
            Self::Csv(writer) => writer.finish(),
            Self::Ipc(writer) => writer.finish(),
        }
    }
}

/// What writes Parquet: not by the writer of data frames, which looks for a dictionary in every column, at a cost that
/// is most of what a small table takes.
struct Parquet<W: Write> {
    writer: FileWriter<W>,
    footer: Vec<(String, String)>,
}

impl<W: Write> Parquet<W> {
    fn create(file: W, schema: &Schema, footer: Vec<(String, String)>) -> Result<Self, PolarsError> {
        let options = WriteOptions {
            statistics: StatisticsOptions::empty(),
            version: Version::V1,
            compression: CompressionOptions::Lz4Raw,
            data_page_size: None,
        };
        let writer = FileWriter::try_new(file, schema.to_arrow(CompatLevel::newest()), options)?;
        Ok(Self { writer, footer })
    }

    fn write(&mut self, batch: &DataFrame) -> Result<(), PolarsError> {
        // Floats of a simulation are all different, and its counts grow.
        let encoding = |dtype: &ArrowDataType| match dtype {
            ArrowDataType::Float64 => vec![Encoding::Plain],
            ArrowDataType::Int64 => vec![Encoding::DeltaBinaryPacked],
            dtype => get_dtype_encoding(dtype),
        };
        for chunk in batch.iter_chunks(CompatLevel::newest(), false) {
            let encodings = self.writer.schema().iter_values().map(|field| encoding(&field.dtype)).collect();
            let fields = self.writer.parquet_schema().fields().to_vec();
            let rows = chunk.len() as u64;
            self.writer.write(rows, row_group_iter(chunk, encodings, fields, self.writer.options()))?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), PolarsError> {
        let words =
            std::mem::take(&mut self.footer).into_iter().map(|(key, value)| KeyValue { key, value: Some(value) });
        let footer = words.chain([schema_to_metadata_key(self.writer.schema())]).collect();
        self.writer.end(Some(footer)).map(drop)
    }
}

/// The bytes of a Parquet file with these rows alone, which have no key of run and seed.
pub(super) fn encode(frame: &Frame, footer: Vec<(String, String)>) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let whole = || -> Result<(), PolarsError> {
        let mut sink = Sink::create(&mut bytes, Format::Parquet, &schema(frame, false), footer)?;
        sink.write(&columns(None, frame.clone())?)?;
        sink.finish()
    };
    whole().map_err(|error| error.to_string())?;
    Ok(bytes)
}

fn schema(frame: &Frame, has_key: bool) -> Schema {
    let key = [("run", DataType::UInt32), ("seed", DataType::UInt64)];
    let key = key.into_iter().filter(|_| has_key);
    let dtype = |data: &Data| match data {
        Data::Int(_) => DataType::Int64,
        Data::Float(_) => DataType::Float64,
        Data::Flag(_) => DataType::Boolean,
        Data::Text(_) => DataType::String,
    };
    let columns = frame.columns.iter().map(|column| (&*column.name, dtype(&column.data)));
    key.chain(columns).map(|(name, dtype)| Field::new(name.into(), dtype)).collect()
}

fn columns(key: Option<(u32, u64)>, frame: Frame) -> Result<DataFrame, PolarsError> {
    let rows = frame.rows();
    let mut columns: Vec<Column> = Vec::new();
    if let Some((run, seed)) = key {
        columns.push(Series::new("run".into(), vec![run; rows]).into());
        columns.push(Series::new("seed".into(), vec![seed; rows]).into());
    }
    for FrameColumn { name, data, .. } in frame.columns {
        let name = &*name;
        let series = match data {
            Data::Int(values) => Series::new(name.into(), values),
            Data::Float(values) => Series::new(name.into(), values),
            Data::Flag(values) => Series::new(name.into(), values),
            Data::Text(values) => Series::new(name.into(), values.iter().map(|value| &**value).collect::<Vec<&str>>()),
        };
        columns.push(series.into());
    }
    DataFrame::new(rows, columns)
}
