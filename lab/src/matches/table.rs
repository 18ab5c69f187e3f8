//! The tables of a tournament or a sweep: `matches`, a row each, and `pairings`, a row for everything that was crossed. They
//! are written in parts of so many rows, in the order of the schedule, so that equal results give equal bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use palisade_engine::frame::{Data, Frame, Item};

use super::folder::MatchFolder;
use super::play::{Axis, Plan};
use super::player::command;
use super::record::{Recorded, record};
use super::{Entry, Pairing, key, seed};
use crate::folder::json;
use crate::recording::Format;
use crate::run::RunError;
use crate::store::{Manifest, ManyTables, SCHEMA, TableNote, Written, encode};

/// Rows of a part.
const PART: usize = 16_384;

/// What was made of the matches.
pub(crate) struct Made<'a> {
    pub(crate) pairings: &'a [Pairing],
    /// Whether every match is there.
    pub(crate) complete: bool,
    /// Files to lie beside the tables: name and text.
    pub(crate) files: &'a [(&'a str, String)],
    /// More tables.
    pub(crate) tables: Vec<Frame>,
    /// How matches are recorded in full, where they are.
    pub(crate) recorded: Option<Recorded<'a>>,
}

/// Where the rows come from, in their order.
type Rows<'a> = &'a mut dyn FnMut() -> Result<Option<Entry>, RunError>;

/// Writes all tables and, last, the manifest that says which files they are.
pub(super) fn write(folder: &MatchFolder, plan: &Plan, made: &Made<'_>, rows: Rows<'_>) -> Result<(), RunError> {
    let mut written = Parts { folder, plan, files: Vec::new(), notes: BTreeMap::new() };
    let mut matches = layout(plan);
    written.note(&matches);
    let digest = blake3::Hash::from(plan.digest).to_hex().to_string();
    let mut many =
        made.recorded.map(|recorded| (ManyTables::new(folder.path(), recorded.recording, &digest), recorded));
    let (mut part, mut run, mut waiting) = (0, 0, Vec::new());
    loop {
        let entry = rows()?;
        let is_last = entry.is_none();
        if let Some(entry) = entry {
            matches.push(&row(plan, made.pairings, (&entry, run + waiting.len())));
            waiting.push(entry);
        }
        if waiting.len() == PART || is_last {
            if let Some((tables, recorded)) = &mut many {
                let first = u32::try_from(run).unwrap_or(u32::MAX);
                record(tables, (&waiting, first), made.pairings, recorded)?;
            }
            run += waiting.len();
            waiting.clear();
        }
        if is_last {
            break;
        }
        if matches.rows() == PART {
            written.put(part, &matches.take())?;
            part += 1;
        }
    }
    if let Some((tables, _)) = many {
        let (files, notes) = tables.finish()?;
        for (from, file) in files {
            folder.put(&from, &file.path)?;
            written.files.push(file);
        }
        written.notes.extend(notes);
    }
    if matches.rows() > 0 || part == 0 {
        written.put(part, &matches)?;
    }
    let pairings = pairings(plan, made.pairings);
    for table in std::iter::once(&pairings).chain(&made.tables) {
        written.note(table);
        written.put(0, table)?;
    }
    for (name, text) in made.files {
        folder.replace(name, text.as_bytes())?;
        written.files.push(Written::of(name, text.as_bytes(), 0));
    }
    written.files.sort_by(|a, b| a.path.cmp(&b.path));
    let manifest = Manifest {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        scenario: plan.name.clone(),
        scenario_hash: blake3::Hash::from(plan.digest).to_hex().to_string(),
        scripts_hash: String::new(),
        command: plan.command.clone(),
        seeds: Vec::new(),
        steps: 0,
        complete: made.complete,
        settlement_scale: 1.0,
        record: String::new(),
        format: Format::Parquet,
        tables: written.notes,
        files: written.files,
    };
    folder.replace("manifest.json", json(&manifest)?.as_bytes())
}

/// Parts that are written.
struct Parts<'a> {
    folder: &'a MatchFolder,
    plan: &'a Plan,
    files: Vec<Written>,
    notes: BTreeMap<String, TableNote>,
}

impl Parts<'_> {
    fn note(&mut self, table: &Frame) {
        self.notes.insert(table.table.to_owned(), TableNote::without_key(table));
    }

    fn put(&mut self, part: u32, rows: &Frame) -> Result<(), RunError> {
        let digest = blake3::Hash::from(self.plan.digest).to_hex().to_string();
        let footer = vec![
            ("schema".to_owned(), SCHEMA.to_string()),
            ("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            ("plan_hash".to_owned(), digest),
        ];
        let path = format!("{}/part-{part}.parquet", rows.table);
        let bytes = encode(rows, footer).map_err(|error| RunError::Output(format!("{path}: {error}")))?;
        self.folder.replace(&path, &bytes)?;
        self.files.push(Written::of(&path, &bytes, rows.rows() as u64));
        Ok(())
    }
}

fn with_axes(frame: Frame, plan: &Plan) -> Frame {
    plan.axes.iter().fold(frame, |frame, axis| {
        let data = if axis.is_number { Data::Float(Vec::new()) } else { Data::Text(Vec::new()) };
        frame.with(axis.name.clone(), "", "What was taken of this axis.", data)
    })
}

fn item(axis: &Axis, label: &str) -> Item {
    match axis.is_number {
        true => Item::Float(label.parse().unwrap_or(f64::NAN)),
        false => Item::Text(Arc::from(label)),
    }
}

/// The table `matches` without rows.
fn layout(plan: &Plan) -> Frame {
    let mut frame = Frame::new("matches", "One match: a world with what was paired in it.")
        .with("run", "", "Place of the match, by which its recorded tables name it.", Data::Int(Vec::new()))
        .with("match", "", "Key that stays when other matches come or go.", Data::Text(Vec::new()))
        .with("round", "", "Round of the schedule, from 0.", Data::Int(Vec::new()))
        .with("pairing", "", "Row of `pairings`, from 0.", Data::Int(Vec::new()));
    frame = with_axes(frame, plan);
    frame = frame
        .with("replicate", "", "Which world of the pairing, from 0.", Data::Int(Vec::new()))
        .with("seed", "", "Seed of the world; equal for all entrants of a replicate.", Data::Int(Vec::new()))
        .with("status", "", "`done`, `not_applicable`, `failed` or `engine_fault`.", Data::Text(Vec::new()));
    for (name, doc) in &plan.payoffs {
        frame = frame.with(name.clone(), "coins", doc.clone(), Data::Float(Vec::new()));
    }
    for figure in &plan.figures {
        frame = frame.with(figure.name.clone(), figure.unit.clone(), figure.doc.clone(), Data::Float(Vec::new()));
    }
    frame.with("message", "", "What was in the way.", Data::Text(Vec::new())).with(
        "command",
        "",
        "Shows again what was in the way.",
        Data::Text(Vec::new()),
    )
}

fn row(plan: &Plan, pairings: &[Pairing], (entry, run): (&Entry, usize)) -> Vec<Item> {
    let text = |text: &str| Item::Text(Arc::from(text));
    let Entry { order, .. } = entry;
    let labels = pairings.get(order.pairing as usize).map_or(&[][..], |pairing| pairing.labels.as_slice());
    let mut row = vec![
        Item::Int(i64::try_from(run).unwrap_or(i64::MAX)),
        text(&key(&plan.axes, labels, order.replicate)),
        Item::Int(order.round.into()),
        Item::Int(order.pairing.into()),
    ];
    row.extend(plan.axes.iter().zip(labels).map(|(axis, label)| item(axis, label)));
    row.push(Item::Int(order.replicate.into()));
    row.push(Item::Int(i64::try_from(entry.seed).unwrap_or(i64::MAX)));
    row.push(text(entry.status.word()));
    let values = |values: &[f64], count: usize| -> Vec<Item> {
        (0..count).map(|place| Item::Float(values.get(place).copied().unwrap_or(f64::NAN))).collect()
    };
    row.extend(values(&entry.payoffs, plan.payoffs.len()));
    row.extend(values(&entry.figures, plan.figures.len()));
    row.push(text(&entry.message));
    row.push(text(&entry.command));
    row
}

/// The table `pairings`.
fn pairings(plan: &Plan, pairings: &[Pairing]) -> Frame {
    let mut frame = Frame::new("pairings", "What was crossed, with the command that shows its first world.").with(
        "pairing",
        "",
        "Its number, from 0.",
        Data::Int(Vec::new()),
    );
    frame = with_axes(frame, plan);
    frame = frame.with("command", "", "Plays its first world.", Data::Text(Vec::new()));
    for (place, pairing) in (0_i64..).zip(pairings) {
        let mut row = vec![Item::Int(place)];
        row.extend(plan.axes.iter().zip(&pairing.labels).map(|(axis, label)| item(axis, label)));
        let seed = seed(plan.seed, &pairing.environment, 0);
        row.push(Item::Text(Arc::from(command(pairing, seed).as_str())));
        frame.push(&row);
    }
    frame
}
