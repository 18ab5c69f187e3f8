//! Playing a schedule to its end: round after round on all cores, each match known from a journal or played and written
//! there. What is next depends on complete rounds alone, so that neither threads nor interruptions change anything.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::folder::{Begun, MatchFolder, adopt};
use super::isolate::Isolated;
use super::journal;
use super::player::{InProcess, Nobody, Player};
use super::{Brief, How, Order, Pairing, Results, Schedule};
use crate::figure::Figure;
use crate::load::LoadError;
use crate::run::{RunError, Watch};
use crate::session::STACK;

/// What is to be played, as far as it is known before anything is.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// `tournament` or `sweep`.
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    /// What was asked, as its file says it.
    pub(crate) asked: String,
    /// What else was asked, for whoever reads it back.
    pub(crate) options: serde_json::Value,
    /// Digest of everything that results depend on.
    pub(crate) digest: journal::Key,
    /// What is crossed: the label columns.
    pub(crate) axes: Vec<Axis>,
    /// Names of the payoff columns, each with what it is.
    pub(crate) payoffs: Vec<(String, String)>,
    /// The figures of every match.
    pub(crate) figures: Vec<Figure>,
    /// The seed that all others are made of.
    pub(crate) seed: u64,
    /// The command that reproduces it.
    pub(crate) command: String,
    /// The part that is played here: which, from 1, of how many.
    pub(crate) shard: Option<(u32, u32)>,
}

/// A label column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Axis {
    pub(crate) name: String,
    /// Whether its labels are numbers.
    pub(crate) is_number: bool,
}

impl Axis {
    /// A column of words.
    pub(crate) fn words(name: &str) -> Self {
        Self { name: name.to_owned(), is_number: false }
    }
}

impl Plan {
    pub(super) fn begun(&self) -> Begun {
        Begun {
            layout: super::folder::LAYOUT,
            kind: self.kind.to_owned(),
            name: self.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            digest: blake3::Hash::from(self.digest).to_hex().to_string(),
            shard: self.shard,
            command: self.command.clone(),
            asked: self.asked.clone(),
            options: self.options.clone(),
        }
    }

    /// Whether this is what was begun; what differs, when something does.
    pub(super) fn is(&self, begun: &Begun) -> Result<(), String> {
        let own = self.begun();
        if begun.layout != own.layout || begun.version != own.version {
            return Err(format!("was begun by version {} of this program, this is {}", begun.version, own.version));
        }
        if (&begun.kind, &begun.name) != (&own.kind, &own.name) {
            return Err(format!("holds the {} `{}`, not the {} `{}`", begun.kind, begun.name, own.kind, own.name));
        }
        if begun.digest != own.digest && begun.options != own.options {
            return Err(format!("was begun with other options: {}", begun.command));
        }
        if begun.digest != own.digest {
            let what =
                format!("holds `{}` as it was before: its file, its scenario or a script has changed", begun.name);
            return Err(what + "; name another directory");
        }
        let part =
            |shard: Option<(u32, u32)>| shard.map_or("the whole".to_owned(), |(i, n)| format!("shard {i} of {n}"));
        if begun.shard != own.shard {
            return Err(format!("holds {} of `{}`, not {}", part(begun.shard), begun.name, part(own.shard)));
        }
        Ok(())
    }

    /// Whether a pairing is played here.
    fn plays(&self, pairing: u32) -> bool {
        self.shard.is_none_or(|(part, of)| pairing % of == part - 1)
    }
}

/// Plays a schedule, or what is missing of it, as it is asked for: what came of it, and the folder with the matches, whose
/// tables are still to be written.
///
/// # Errors
/// A folder that holds something else or cannot be written. A match that fails is a result.
pub(crate) fn carry_out(
    plan: &Plan,
    schedule: &mut dyn Schedule,
    how: &How,
    watch: &dyn Watch,
) -> Result<(Played, Option<MatchFolder>), RunError> {
    let mut folder = how.out.as_deref().map(|out| MatchFolder::begin(out, plan, how.goes_on)).transpose()?;
    let here = InProcess::new(watch, how.jobs);
    let apart = how.isolation.clone().map(|isolation| Isolated::new(isolation, watch, how.jobs));
    let player: &dyn Player = apart.as_ref().map_or(&here, |apart| apart);
    let played = play(schedule, &Playing { plan, player, jobs: how.jobs, watch }, folder.as_mut())?;
    Ok((played, folder))
}

/// Goes through matches that were all played before, in a folder whose journals were brought together.
///
/// # Errors
/// A folder that holds something else, or in which matches are missing.
pub(crate) fn replay(
    plan: &Plan,
    schedule: &mut dyn Schedule,
    (folder, begun): (&Path, &Begun),
    watch: &dyn Watch,
) -> Result<(Played, MatchFolder), RunError> {
    plan.is(begun).map_err(|what| RunError::Output(format!("the shards: {what}")))?;
    adopt(folder, plan)?;
    let mut matches = MatchFolder::begin(folder, plan, true)?;
    let played = play(schedule, &Playing { plan, player: &Nobody, jobs: 1, watch }, Some(&mut matches))?;
    if played.interrupted {
        let text = "matches are missing: go on with each shard by --resume until it is complete";
        return Err(RunError::Output(text.into()));
    }
    Ok((played, matches))
}

/// How to play it.
#[derive(Clone, Copy)]
pub(crate) struct Playing<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) player: &'a dyn Player,
    pub(crate) jobs: usize,
    pub(crate) watch: &'a dyn Watch,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) results: Results,
    /// Whether it ended early.
    pub(crate) interrupted: bool,
    /// Matches by status that were looked at, those known before included.
    pub(crate) matches: u64,
}

/// Plays all that is not known yet.
///
/// # Errors
/// A journal that cannot be written. A match that fails is a result.
pub(crate) fn play(
    schedule: &mut dyn Schedule,
    playing: &Playing<'_>,
    mut folder: Option<&mut MatchFolder>,
) -> Result<Played, RunError> {
    let mut known = folder.as_deref_mut().map(MatchFolder::take_known).unwrap_or_default();
    if let Some(folder) = folder.as_deref_mut() {
        folder.employ(playing.jobs);
    }
    let mut played = Played { results: Results::default(), interrupted: false, matches: 0 };
    if let Some(most) = schedule.most() {
        // A shard plays its share of the pairings.
        let all = schedule.pairings().len().max(1) as u64;
        let own = (0_u32..).zip(schedule.pairings()).filter(|(pairing, _)| playing.plan.plays(*pairing)).count() as u64;
        playing.watch.planned_matches(if playing.plan.shard.is_some() { most * own / all } else { most });
    }
    for round in 0.. {
        let mut orders = schedule.next(round, &played.results);
        orders.retain(|order| playing.plan.plays(order.pairing));
        if orders.is_empty() {
            break;
        }
        let mut briefs: Vec<Option<Brief>> = orders.iter().map(|order| known.remove(order)).collect();
        let missing: Vec<usize> = (0..orders.len()).filter(|place| briefs[*place].is_none()).collect();
        playing.watch.finished_matches((orders.len() - missing.len()) as u64, false);
        let found = in_round(schedule.pairings(), playing, folder.as_deref(), (&orders, &missing))?;
        for (place, brief) in found {
            briefs[place] = Some(brief);
        }
        for (order, brief) in orders.iter().zip(briefs) {
            match brief {
                Some(brief) => {
                    played.matches += 1;
                    played.results.add(order.pairing, brief);
                }
                None => played.interrupted = true,
            }
        }
        if played.interrupted {
            break;
        }
    }
    if let Some(folder) = folder {
        folder.sync()?;
    }
    Ok(played)
}

/// Plays the orders at some places, and returns those that came to an end.
fn in_round(
    pairings: &[Pairing],
    playing: &Playing<'_>,
    folder: Option<&MatchFolder>,
    (orders, missing): (&[Order], &[usize]),
) -> Result<Vec<(usize, Brief)>, RunError> {
    let threads = playing.jobs.clamp(1, missing.len().max(1));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).stack_size(STACK).build();
    let pool = pool.map_err(|error| LoadError::Usage(format!("cannot start {threads} threads: {error}")))?;
    let (next, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
    let found: Mutex<Vec<(usize, Brief)>> = Mutex::default();
    let trouble: Mutex<Option<RunError>> = Mutex::default();
    pool.broadcast(|context| {
        while !stopped.load(Ordering::SeqCst) && !playing.watch.interrupted() {
            let Some(place) = missing.get(next.fetch_add(1, Ordering::SeqCst)).copied() else { break };
            let order = orders[place];
            let pairing = &pairings[order.pairing as usize];
            let seed = super::seed(playing.plan.seed, &pairing.environment, order.replicate);
            // None where it was ended early: not a result.
            let entry = playing.player.play(context.index(), (pairing, order), seed).and_then(|entry| {
                let written = entry.as_ref().zip(folder).map(|(entry, folder)| folder.add(context.index(), entry));
                written.transpose().map(|_| entry)
            });
            let entry = match entry {
                Ok(Some(entry)) => entry,
                Ok(None) => break,
                Err(error) => {
                    stopped.store(true, Ordering::SeqCst);
                    trouble.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    break;
                }
            };
            playing.watch.finished_matches(1, true);
            found.lock().unwrap_or_else(PoisonError::into_inner).push((place, Brief::of(&entry)));
        }
    });
    match trouble.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner)),
    }
}
