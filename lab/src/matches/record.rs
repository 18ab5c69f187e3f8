//! Full tables of all matches, where they are asked for: each match is played once more, so that nothing of them needs to be
//! kept while a tournament is played, and they can be made again at any time. A file a table, a row group a match.

use palisade_engine::Simulation;
use palisade_engine::frame::Frame;
use rayon::prelude::{IntoParallelRefIterator, ParallelIterator};

use super::{Entry, Pairing, Status};
use crate::load::{LoadError, load_here};
use crate::recording::Recording;
use crate::run::{RunError, Watch};
use crate::session::{Cast, STACK, Session, Spectator};
use crate::store::ManyTables;

/// How to record.
#[derive(Clone, Copy)]
pub(crate) struct Recorded<'a> {
    pub(crate) recording: Recording,
    pub(crate) jobs: usize,
    pub(crate) watch: &'a dyn Watch,
}

/// Keeps all rows that go by.
#[derive(Default)]
struct Kept(Vec<Frame>);

impl Spectator for Kept {
    fn begin(&mut self, _: &Simulation) {}

    fn see(&mut self, frame: &Frame) -> Result<(), RunError> {
        match self.0.iter_mut().find(|known| known.table == frame.table) {
            Some(known) => known.append(frame),
            None => self.0.push(frame.clone()),
        }
        Ok(())
    }
}

/// The rows of a match and its last step; none of one that was not played to its end.
type Again = Option<(Vec<Frame>, u64)>;

/// Plays the matches of some entries again and writes their rows, in the order of entries; `first` is the place of the first.
pub(super) fn record(
    tables: &mut ManyTables<'_>,
    (entries, first): (&[Entry], u32),
    pairings: &[Pairing],
    recorded: &Recorded<'_>,
) -> Result<(), RunError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(recorded.jobs.max(1)).stack_size(STACK).build();
    let pool = pool.map_err(|error| LoadError::Usage(format!("cannot start threads: {error}")))?;
    let numbered: Vec<(u32, &Entry)> = (first..).zip(entries).collect();
    for some in numbered.chunks(2 * recorded.jobs.max(1)) {
        if recorded.watch.interrupted() {
            return Err(RunError::Interrupted);
        }
        let played: Vec<Result<Again, RunError>> =
            pool.install(|| some.par_iter().map(|(_, entry)| again(entry, pairings, recorded)).collect());
        for ((run, entry), played) in some.iter().zip(played) {
            if let Some((frames, last)) = played? {
                tables.add((*run, entry.seed), &frames, last)?;
            }
        }
    }
    Ok(())
}

/// Plays a match again.
fn again(entry: &Entry, pairings: &[Pairing], recorded: &Recorded<'_>) -> Result<Again, RunError> {
    let Some(pairing) = pairings.get(entry.order.pairing as usize).filter(|_| entry.status == Status::Done) else {
        return Ok(None);
    };
    let mut request = pairing.request.clone();
    request.record.recording = recorded.recording;
    let loaded = load_here(&request)?;
    let session = Session { loaded: &loaded, request: &request, watch: recorded.watch };
    let frames = session.unless_tripped(|| {
        let mut kept = Kept::default();
        session.play(entry.seed, Cast::Full, &mut kept).map(|_| kept.0)
    })?;
    Ok(Some((frames, loaded.steps(&request).saturating_sub(1))))
}
