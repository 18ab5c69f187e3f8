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
    pub(crate) fn push(&self, text: &str) {
        let line: String = text.chars().flat_map(char::escape_default).take(MAX_LOG).collect();
        let bytes = self.bytes.get() + line.len();
        if bytes <= MAX_LOG {
            self.bytes.set(bytes);
            self.lines.borrow_mut().push(line);
        }
    }

    /// Takes what was printed and makes room again.
    pub(crate) fn take(&self) -> Vec<String> {
        self.bytes.set(0);
        self.lines.take()
    }
}
