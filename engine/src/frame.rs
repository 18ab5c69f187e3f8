//! Tables as they leave the world: typed columns with names and units. Only the Record phase writes them.

use std::borrow::Cow;
use std::sync::Arc;

/// One column's values.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Integers.
    Int(Vec<i64>),
    /// Floats.
    Float(Vec<f64>),
    /// Flags.
    Flag(Vec<bool>),
    /// Words of a small vocabulary.
    Text(Vec<Arc<str>>),
}

/// One column.
#[derive(Clone, Debug, PartialEq)]
pub struct FrameColumn {
    /// Its name.
    pub name: Cow<'static, str>,
    /// Its unit.
    pub unit: Cow<'static, str>,
    /// One line.
    pub doc: Cow<'static, str>,
    /// Its values.
    pub data: Data,
}

/// A stretch of rows of one table.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// The table's name.
    pub table: &'static str,
    /// What a row is, in one line.
    pub doc: &'static str,
    /// Its columns, all of one length.
    pub columns: Vec<FrameColumn>,
}

impl Frame {
    /// A table without rows.
    #[must_use]
    pub fn new(table: &'static str, doc: &'static str) -> Self {
        Self { table, doc, columns: Vec::new() }
    }

    /// Adds an empty column like `data`.
    #[must_use]
    pub fn with(
        mut self,
        name: impl Into<Cow<'static, str>>,
        unit: impl Into<Cow<'static, str>>,
        doc: impl Into<Cow<'static, str>>,
        data: Data,
    ) -> Self {
        self.columns.push(FrameColumn { name: name.into(), unit: unit.into(), doc: doc.into(), data });
        self
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |column| match &column.data {
            Data::Int(values) => values.len(),
            Data::Float(values) => values.len(),
            Data::Flag(values) => values.len(),
            Data::Text(values) => values.len(),
        })
    }

    /// Appends one row.
    ///
    /// # Panics
    /// `Invariant:` when the row does not fit the columns.
    pub fn push(&mut self, row: &[Item]) {
        assert!(row.len() == self.columns.len(), "Invariant: a row of `{}` has {} values", self.table, row.len());
        for (column, item) in self.columns.iter_mut().zip(row) {
            match (&mut column.data, item) {
                (Data::Int(values), Item::Int(value)) => values.push(*value),
                (Data::Float(values), Item::Float(value)) => values.push(*value),
                (Data::Flag(values), Item::Flag(value)) => values.push(*value),
                (Data::Text(values), Item::Text(value)) => values.push(value.clone()),
                _ => panic!("Invariant: `{}.{}` got {item:?}", self.table, column.name),
            }
        }
    }

    /// Takes the rows and leaves the columns empty.
    #[must_use]
    pub fn take(&mut self) -> Self {
        let empty = self
            .columns
            .iter()
            .map(|column| FrameColumn { data: column.data.empty(), ..column.clone_header() })
            .collect();
        std::mem::replace(self, Self { columns: empty, ..Self::new(self.table, self.doc) })
    }

    /// Adds the rows of a frame of the same table.
    ///
    /// # Panics
    /// `Invariant:` when its columns differ.
    pub fn append(&mut self, rows: &Self) {
        for (to, from) in self.columns.iter_mut().zip(&rows.columns) {
            match (&mut to.data, &from.data) {
                (Data::Int(to), Data::Int(from)) => to.extend(from),
                (Data::Float(to), Data::Float(from)) => to.extend(from),
                (Data::Flag(to), Data::Flag(from)) => to.extend(from),
                (Data::Text(to), Data::Text(from)) => to.extend(from.iter().cloned()),
                (to, from) => panic!("Invariant: rows of one table differ: {to:?} and {from:?}"),
            }
        }
    }

    /// The rows whose places are kept.
    #[must_use]
    pub fn filtered(&self, keep: impl Fn(usize) -> bool) -> Self {
        let filter = |column: &FrameColumn| FrameColumn { data: column.data.filtered(&keep), ..column.clone_header() };
        Self { columns: self.columns.iter().map(filter).collect(), ..Self::new(self.table, self.doc) }
    }

    /// The values of a column of integers; empty when there is none of this name.
    #[must_use]
    pub fn ints(&self, name: &str) -> &[i64] {
        match self.columns.iter().find(|column| column.name == name).map(|column| &column.data) {
            Some(Data::Int(values)) => values,
            _ => &[],
        }
    }
}

impl FrameColumn {
    fn clone_header(&self) -> Self {
        Self { name: self.name.clone(), unit: self.unit.clone(), doc: self.doc.clone(), data: self.data.empty() }
    }
}

impl Data {
    fn filtered(&self, keep: impl Fn(usize) -> bool) -> Self {
        fn kept<T: Clone>(values: &[T], keep: impl Fn(usize) -> bool) -> Vec<T> {
            values.iter().enumerate().filter(|(place, _)| keep(*place)).map(|(_, value)| value.clone()).collect()
        }
        match self {
            Self::Int(values) => Self::Int(kept(values, keep)),
            Self::Float(values) => Self::Float(kept(values, keep)),
            Self::Flag(values) => Self::Flag(kept(values, keep)),
            Self::Text(values) => Self::Text(kept(values, keep)),
        }
    }

    fn empty(&self) -> Self {
        match self {
            Self::Int(_) => Self::Int(Vec::new()),
            Self::Float(_) => Self::Float(Vec::new()),
            Self::Flag(_) => Self::Flag(Vec::new()),
            Self::Text(_) => Self::Text(Vec::new()),
        }
    }
}

/// One value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// For an integer column.
    Int(i64),
    /// For a float column.
    Float(f64),
    /// For a flag column.
    Flag(bool),
    /// For a text column.
    Text(Arc<str>),
}
