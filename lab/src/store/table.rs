//! One table of one world as a Parquet file: rows gather until they make a row group, and go out on this thread alone
//! so that the bytes depend on the rows only.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use palisade_engine::frame::{Data, Frame, FrameColumn};
use polars_core::prelude::{Column, DataFrame, DataType, Field, NamedFrom, PolarsError, Schema, Series};
use polars_io::parquet::write::{BatchedWriter, KeyValueMetadata, ParquetCompression, ParquetWriter};

use crate::run::RunError;

/// Rows of a row group: small enough to hold for every open table, large enough to scan fast.
const GROUP: usize = 32_768;

/// A file being written.
pub(super) struct Table {
    key: (u32, u64),
    waiting: Frame,
    rows: u64,
    writer: BatchedWriter<BufWriter<File>>,
}

impl Table {
    #[allow(clippy::unnecessary_wraps)] // a build without the feature refuses here
    pub(super) fn check_available() -> Result<(), RunError> {
        Ok(())
    }

    /// Begins a file with the columns of `like` behind the key of run and seed.
    pub(super) fn create(
        path: &Path,
        like: &Frame,
        key: (u32, u64),
        mut footer: Vec<(String, String)>,
    ) -> Result<Self, String> {
        let mut waiting = like.clone();
        // What is taken is the copied rows; the columns stay.
        drop(waiting.take());
        let documented = like.columns.iter().filter(|column| !(column.unit.is_empty() && column.doc.is_empty()));
        for FrameColumn { name, unit, doc, .. } in documented {
            footer.push((format!("unit:{name}"), unit.to_string()));
            footer.push((format!("doc:{name}"), doc.to_string()));
        }
        let file = File::create_new(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let writer = ParquetWriter::new(BufWriter::new(file))
            .with_compression(ParquetCompression::Zstd(None))
            .set_parallel(false)
            .with_key_value_metadata(Some(KeyValueMetadata::from_static(footer)))
            .batched(&schema(like))
            .map_err(|error| error.to_string())?;
        Ok(Self { key, waiting, rows: 0, writer })
    }

    /// Adds rows, which must be of the same columns.
    pub(super) fn add(&mut self, frame: &Frame) -> Result<(), String> {
        for (to, from) in self.waiting.columns.iter_mut().zip(&frame.columns) {
            append(&mut to.data, &from.data);
        }
        if self.waiting.rows() >= GROUP { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), String> {
        let group = self.waiting.take();
        if group.rows() == 0 {
            return Ok(());
        }
        self.rows += group.rows() as u64;
        let write = |writer: &mut BatchedWriter<_>| writer.write_batch(&columns(self.key, group)?);
        write(&mut self.writer).map_err(|error: PolarsError| error.to_string())
    }

    /// Ends the file and returns its rows.
    pub(super) fn finish(mut self) -> Result<u64, String> {
        self.flush()?;
        self.writer.finish().map_err(|error| error.to_string())?;
        Ok(self.rows)
    }
}

fn append(to: &mut Data, from: &Data) {
    match (to, from) {
        (Data::Int(to), Data::Int(from)) => to.extend(from),
        (Data::Float(to), Data::Float(from)) => to.extend(from),
        (Data::Flag(to), Data::Flag(from)) => to.extend(from),
        (Data::Text(to), Data::Text(from)) => to.extend(from.iter().cloned()),
        (to, from) => panic!("Invariant: rows of one table differ: {to:?} and {from:?}"),
    }
}

fn schema(frame: &Frame) -> Schema {
    let key = [("run", DataType::UInt32), ("seed", DataType::UInt64)];
    let dtype = |data: &Data| match data {
        Data::Int(_) => DataType::Int64,
        Data::Float(_) => DataType::Float64,
        Data::Flag(_) => DataType::Boolean,
        Data::Text(_) => DataType::String,
    };
    let columns = frame.columns.iter().map(|column| (&*column.name, dtype(&column.data)));
    key.into_iter().chain(columns).map(|(name, dtype)| Field::new(name.into(), dtype)).collect()
}

fn columns((run, seed): (u32, u64), frame: Frame) -> Result<DataFrame, PolarsError> {
    let rows = frame.rows();
    let mut columns: Vec<Column> =
        vec![Series::new("run".into(), vec![run; rows]).into(), Series::new("seed".into(), vec![seed; rows]).into()];
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
