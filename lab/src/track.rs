//! Reading cells of frames by column name, and values of the `world` table at a time, picked up as rows go by.

use palisade_engine::frame::{Data, Frame, FrameColumn};
use palisade_engine::units::Millis;

/// The value of a `world` column at the end of the first step that ends at a time or later.
#[derive(Clone, Debug)]
pub(crate) struct Tracker {
    column: String,
    at: Millis,
    found: Option<f64>,
}

impl Tracker {
    pub(crate) fn new(column: &str, at: Millis) -> Self {
        Self { column: column.to_owned(), at, found: None }
    }

    pub(crate) fn see(&mut self, frame: &Frame) {
        if frame.table != "world" || self.found.is_some() {
            return;
        }
        let row = (0..frame.rows()).find(|row| time(frame, *row) >= self.at);
        self.found = row.map(|row| number(frame, &self.column, row));
    }

    /// The value; NaN when the run ended before.
    pub(crate) fn value(&self) -> f64 {
        self.found.unwrap_or(f64::NAN)
    }
}

fn cells<'a>(frame: &'a Frame, column: &str) -> Option<&'a Data> {
    frame.columns.iter().find(|FrameColumn { name, .. }| *name == column).map(|column| &column.data)
}

/// A cell as a number; NaN when it is a text or there is no such column.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn number(frame: &Frame, column: &str, row: usize) -> f64 {
    let value = match cells(frame, column) {
        Some(Data::Int(values)) => values.get(row).map(|value| *value as f64),
        Some(Data::Float(values)) => values.get(row).copied(),
        Some(Data::Flag(values)) => values.get(row).map(|value| f64::from(u8::from(*value))),
        Some(Data::Text(_)) | None => None,
    };
    value.unwrap_or(f64::NAN)
}

/// A cell as a count; 0 when it is none.
pub(crate) fn count(frame: &Frame, column: &str, row: usize) -> u64 {
    match cells(frame, column) {
        Some(Data::Int(values)) => values.get(row).and_then(|value| u64::try_from(*value).ok()).unwrap_or(0),
        _ => 0,
    }
}

/// A cell as a text; empty when it is none.
pub(crate) fn text<'a>(frame: &'a Frame, column: &str, row: usize) -> &'a str {
    match cells(frame, column) {
        Some(Data::Text(values)) => values.get(row).map_or("", |value| value),
        _ => "",
    }
}

/// When the step of a row ended.
pub(crate) fn time(frame: &Frame, row: usize) -> Millis {
    count(frame, "time_ms", row)
}

#[cfg(test)]
mod tests {
    use palisade_engine::frame::Item;

    use super::*;

    fn frame(table: &'static str, rows: &[(i64, f64)]) -> Frame {
        let mut frame = Frame::new(table, "").with("time_ms", "ms", "", Data::Int(Vec::new())).with(
            "solvency",
            "coins",
            "",
            Data::Float(Vec::new()),
        );
        for (time, value) in rows {
            frame.push(&[Item::Int(*time), Item::Float(*value)]);
        }
        frame
    }

    #[track_caller]
    fn check(at: Millis, expected: f64) {
        let mut tracker = Tracker::new("solvency", at);
        tracker.see(&frame("world", &[(1000, 1.0), (2000, 2.0)]));
        tracker.see(&frame("markets", &[(9000, 9.0)]));
        tracker.see(&frame("world", &[(3000, 3.0), (4000, 4.0)]));
        assert!(tracker.value().to_bits() == expected.to_bits(), "{at}: {}", tracker.value());
    }

    #[test]
    fn the_first_step_that_ends_at_the_time_or_later_counts() {
        check(0, 1.0);
        check(2000, 2.0);
        check(2001, 3.0);
        check(4001, f64::NAN);
    }
}
