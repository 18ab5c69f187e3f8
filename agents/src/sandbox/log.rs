//! What scripts print: kept, bounded, escaped; never on the standard output.

use std::cell::{Cell, RefCell};

pub(crate) const MAX_LOG: usize = 4 * 1_024;

/// The lines that were printed since they were last taken.
#[derive(Debug, Default)]
pub(crate) struct PrintLog {
    lines: RefCell<Vec<String>>,
    bytes: Cell<usize>,
}

impl PrintLog {
    /// Keeps a line, or as much of it as there is room for.
    pub(crate) fn push(&self, text: &str) {
        let room = MAX_LOG.saturating_sub(self.bytes.get());
        if room > 0 {
            let line: String = text.chars().flat_map(char::escape_default).take(room).collect();
            // A line is something even when nothing is in it.
            self.bytes.set(self.bytes.get() + line.len().max(1));
            self.lines.borrow_mut().push(line);
        }
    }

    /// Takes what was printed and makes room again.
    pub(crate) fn take(&self) -> Vec<String> {
        self.bytes.set(0);
        self.lines.take()
    }
}
