//! Rows of an answer by the names of their columns, for whoever tells or draws them.

use serde_json::{Map, Value};

use super::{Answer, FramesError, RunDir};

/// A row: what is no finite number has no value.
pub(crate) type Row = Map<String, Value>;

impl Answer {
    /// The rows, an object each.
    pub(super) fn to_rows(&self) -> Vec<Row> {
        let names = self.names();
        let row = |row| names.iter().cloned().zip(self.row(row).into_iter().map(Value::from)).collect();
        (0..self.rows()).map(row).collect()
    }
}

impl RunDir {
    /// The rows that a query gives.
    pub(crate) fn rows_of(&self, sql: &str) -> Result<Vec<Row>, FramesError> {
        self.query(sql).map(|answer| answer.to_rows())
    }
}

/// A number of a row, NaN for none.
pub(crate) fn number(row: &Row, name: &str) -> f64 {
    row.get(name).and_then(Value::as_f64).unwrap_or(f64::NAN)
}

/// A count of a row, 0 for none.
pub(crate) fn whole(row: &Row, name: &str) -> u64 {
    row.get(name).and_then(Value::as_u64).unwrap_or_default()
}

/// A text of a row, empty for none.
pub(crate) fn text<'a>(row: &'a Row, name: &str) -> &'a str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}
