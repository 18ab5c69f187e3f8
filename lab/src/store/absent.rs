//! In a build without the feature `parquet` there are no tables, and asking for them says so.

use std::path::Path;

use palisade_engine::frame::Frame;

use super::Written;
use crate::load::LoadError;
use crate::recording::Format;
use crate::run::RunError;

/// There are no tables in this build.
pub(super) fn encode(_: &Frame, _: Vec<(String, String)>) -> Result<Vec<u8>, String> {
    Err("there are no tables in this build".into())
}

/// A table that cannot be made.
pub(super) enum Table {}

impl Table {
    pub(super) fn check_available() -> Result<(), RunError> {
        let message = "--out: this build writes no tables, it was made without the feature `parquet`";
        Err(LoadError::Usage(message.into()).into())
    }

    pub(super) fn create(
        _: (&Path, Format),
        _: &Frame,
        _: (u32, u64),
        _: Vec<(String, String)>,
    ) -> Result<Self, String> {
        Err("there are no tables in this build".into())
    }

    pub(super) fn turn_to(&mut self, _: (u32, u64)) -> Result<(), String> {
        match *self {}
    }

    pub(super) fn add(&mut self, _: &Frame) -> Result<(), String> {
        match *self {}
    }

    pub(super) fn finish(self, _: String) -> Result<Written, String> {
        match self {}
    }
}
