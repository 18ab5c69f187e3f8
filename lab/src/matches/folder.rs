//! The folder of a tournament or a sweep: what was asked, the journals of its workers, which are the truth, and the tables
//! made from them, which can be made again. One process at a time writes there; that lock ends with its holder.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::disk::Disk;
use super::journal::{self, Writer};
use super::play::Plan;
use super::{Brief, Entry, Made, Order, table};
use crate::folder::{NewFolder, json, read_json};
use crate::run::RunError;

/// The file that says what was begun.
const PLAN: &str = "plan.json";
const LOCK: &str = "lock";
const JOURNALS: &str = "journal";
/// Version of what lies in such a folder.
pub(super) const LAYOUT: u32 = 1;

/// What was begun in a folder.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Begun {
    /// Version of the folder's layout.
    pub layout: u32,
    /// `tournament` or `sweep`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Version of the program.
    pub version: String,
    /// Digest of everything that its results depend on.
    pub digest: String,
    /// The part of it that is played here: which, from 1, of how many.
    pub shard: Option<(u32, u32)>,
    /// The command that goes on with it.
    pub command: String,
    /// What was asked, as its file says it.
    pub asked: String,
    /// What else was asked.
    pub options: serde_json::Value,
}

impl Begun {
    /// What was begun in a folder; none when it is no such folder.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(folder: &Path) -> Result<Option<Self>, String> {
        read_json(&folder.join(PLAN))
    }
}

/// Where the payload of a record lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    file: u32,
    offset: u64,
    length: u32,
}

/// A folder that this process alone writes to.
#[derive(Debug)]
pub struct MatchFolder {
    path: PathBuf,
    key: journal::Key,
    disk: Disk,
    /// Held as long as this is.
    _lock: File,
    writers: Vec<Mutex<Option<Writer>>>,
    /// What was played before.
    known: BTreeMap<Order, Brief>,
    /// What had to be mended.
    told: Vec<String>,
}

impl MatchFolder {
    /// Begins a folder that is new or empty, or goes on with one where that is asked for.
    pub(crate) fn begin(path: &Path, plan: &Plan, goes_on: bool) -> Result<Self, RunError> {
        Self::begin_on(Disk::default(), path, plan, goes_on)
    }

    pub(super) fn begin_on(disk: Disk, path: &Path, plan: &Plan, goes_on: bool) -> Result<Self, RunError> {
        crate::store::check_available()?;
        judge(path, plan, goes_on)?;
        disk.create_dir(&path.join(JOURNALS)).map_err(|error| failed(path, &error))?;
        let lock = locked(path)?;
        // Another process may have been at work between the first look and the lock.
        let state = judge(path, plan, goes_on)?;
        let mut folder = Self {
            path: path.to_owned(),
            key: plan.digest,
            disk,
            _lock: lock,
            writers: Vec::new(),
            known: BTreeMap::new(),
            told: Vec::new(),
        };
        if state != State::Whole {
            folder.replace(PLAN, json(&plan.begun())?.as_bytes())?;
        }
        if state == State::PlanLost {
            let file = path.join(PLAN);
            folder.told.push(format!(
                "{}: damaged or missing; the journals say the same, so it is written anew",
                file.display()
            ));
        }
        folder.recover()?;
        Ok(folder)
    }

    /// Reads all journals, mending those that are damaged.
    fn recover(&mut self) -> Result<(), RunError> {
        for file in self.journals()? {
            let known = &mut self.known;
            let read = journal::read(&file, &self.key, |_, payload| {
                if let Ok(entry) = postcard::from_bytes::<Entry>(payload) {
                    known.insert(entry.order, Brief::of(&entry));
                }
            });
            // Opening mends; where there is nothing to mend, only those that this run writes to are opened.
            if !read.map_err(|error| failed(&file, &error))?.is_whole() {
                let opened = Writer::open(&self.disk, &file, self.key).map_err(|error| failed(&file, &error))?;
                self.told.extend(opened.1);
            }
        }
        Ok(())
    }

    fn journals(&self) -> Result<Vec<PathBuf>, RunError> {
        journals(&self.path).map_err(|error| failed(&self.path.join(JOURNALS), &error))
    }

    /// What had to be mended, for whoever looks on.
    #[must_use]
    pub fn told(&self) -> &[String] {
        &self.told
    }

    /// Matches that were played before.
    #[must_use]
    pub fn played_before(&self) -> u64 {
        self.known.len() as u64
    }

    pub(super) fn take_known(&mut self) -> BTreeMap<Order, Brief> {
        std::mem::take(&mut self.known)
    }

    /// Makes room for so many workers.
    pub(super) fn employ(&mut self, workers: usize) {
        self.writers = (0..workers).map(|_| Mutex::default()).collect();
    }

    /// Writes a match into the journal of a worker.
    pub(super) fn add(&self, worker: usize, entry: &Entry) -> Result<(), RunError> {
        let path = self.path.join(JOURNALS).join(format!("worker-{worker:03}.log"));
        let wrong = |error: &io::Error| failed(&path, error);
        let payload = postcard::to_stdvec(entry).map_err(|error| wrong(&io::Error::other(error)))?;
        let mut writer = self.writers[worker].lock().unwrap_or_else(PoisonError::into_inner);
        if writer.is_none() {
            *writer = Some(Writer::open(&self.disk, &path, self.key).map_err(|error| wrong(&error))?.0);
        }
        writer.as_mut().map_or(Ok(()), |writer| writer.add(&self.disk, &payload)).map_err(|error| wrong(&error))
    }

    /// Makes everything that was played durable.
    pub(super) fn sync(&self) -> Result<(), RunError> {
        for writer in &self.writers {
            let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
            let synced = writer.as_mut().map_or(Ok(()), |writer| writer.sync(&self.disk));
            synced.map_err(|error| failed(&self.path.join(JOURNALS), &error))?;
        }
        Ok(())
    }

    /// Puts a file of the folder in its place whole.
    pub(super) fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), RunError> {
        let path = self.path.join(name);
        if let Some(folder) = path.parent().filter(|folder| !folder.is_dir()) {
            self.disk.create_dir(folder).map_err(|error| failed(folder, &error))?;
        }
        self.disk.replace(&path, bytes).map_err(|error| failed(&path, &error))
    }

    /// Puts a file that was finished aside in its place, durably.
    pub(super) fn put(&self, from: &Path, name: &str) -> Result<(), RunError> {
        let path = self.path.join(name);
        let file = File::open(from).map_err(|error| failed(from, &error))?;
        let put = self.disk.sync(&file).and_then(|()| self.disk.rename(from, &path));
        put.and_then(|()| self.disk.sync_folder(&path)).map_err(|error| failed(&path, &error))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the tables of all that is in the journals, a file beside them with what was made of it, and the manifest. Where
    /// recording is interrupted, all but the full tables; says whether these are there as well.
    pub(crate) fn tabulate(&self, plan: &Plan, made: Made<'_>) -> Result<bool, RunError> {
        match self.write_tables(plan, &made) {
            Err(RunError::Interrupted) => {
                self.write_tables(plan, &Made { recorded: None, ..made })?;
                Ok(false)
            }
            written => written.map(|()| true),
        }
    }

    fn write_tables(&self, plan: &Plan, made: &Made<'_>) -> Result<(), RunError> {
        self.sync()?;
        let (index, files) = index(&self.path, &self.key)?;
        let mut reader = Reader { files: files.iter().map(File::open).collect::<Result<_, _>>().map_err(io_error)? };
        let mut rows = index.into_values();
        table::write(self, plan, made, &mut || rows.next().map(|at| reader.read(at)).transpose())
    }
}

/// Payloads by their places.
struct Reader {
    files: Vec<File>,
}

impl Reader {
    fn read(&mut self, at: At) -> Result<Entry, RunError> {
        let file = &mut self.files[at.file as usize];
        let mut bytes = vec![0; at.length as usize];
        file.seek(SeekFrom::Start(at.offset)).and_then(|_| file.read_exact(&mut bytes)).map_err(io_error)?;
        postcard::from_bytes(&bytes).map_err(|error| RunError::Output(format!("a record of a journal: {error}")))
    }
}

/// Where every match of some journals lies, in the order of tables: some 60 bytes for each.
fn index(folder: &Path, key: &journal::Key) -> Result<(BTreeMap<Order, At>, Vec<PathBuf>), RunError> {
    let files = journals(folder).map_err(io_error)?;
    let mut index = BTreeMap::new();
    for (file, path) in (0_u32..).zip(&files) {
        let read = journal::read(path, key, |offset, payload| {
            if let Ok(entry) = postcard::from_bytes::<Entry>(payload) {
                let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
                index.insert(entry.order, At { file, offset, length });
            }
        });
        read.map_err(|error| failed(path, &error))?;
    }
    Ok((index, files))
}

fn journals(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder.join(JOURNALS))? {
        files.push(entry?.path());
    }
    files.retain(|file| file.extension().is_some_and(|ending| ending == "log"));
    files.sort();
    Ok(files)
}

/// Says of journals that were brought together what they are.
pub(super) fn adopt(folder: &Path, plan: &Plan) -> Result<(), RunError> {
    let path = folder.join(PLAN);
    fs::write(&path, json(&plan.begun())?).map_err(|error| failed(&path, &error))
}

/// What stands in a folder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Nothing yet.
    Fresh,
    /// This very plan.
    Whole,
    /// Matches of this plan, whose `plan.json` is damaged or missing.
    PlanLost,
}

/// Looks at a folder before anything is written there.
fn judge(path: &Path, plan: &Plan, goes_on: bool) -> Result<State, RunError> {
    let wrong = |what: String| RunError::Output(format!("{}: {what}", path.display()));
    let begun = Begun::read(path);
    let differs = match &begun {
        Ok(Some(begun)) => plan.is(begun).err(),
        Ok(None) => None,
        Err(what) => Some(what.clone()),
    };
    let state = match (&begun, differs) {
        (Ok(Some(_)), None) => State::Whole,
        (Ok(None), _) if !occupied(path).map_err(|error| wrong(error.to_string()))? => State::Fresh,
        // Only matches of this very plan can be read by its key.
        _ if goes_on && holds_matches(path, &plan.digest) => State::PlanLost,
        (_, Some(what)) => return Err(wrong(what)),
        (..) => return Err(wrong("is not empty: name a directory that is new or empty".into())),
    };
    if state == State::Whole && !goes_on {
        return Err(wrong("holds matches already: go on with them by --resume, or name another directory".into()));
    }
    Ok(state)
}

/// Whether the journals of a folder hold records of a plan.
fn holds_matches(path: &Path, key: &journal::Key) -> bool {
    let records = |file: &PathBuf| journal::read(file, key, |_, _| {}).map_or(0, |read| read.records);
    journals(path).is_ok_and(|files| files.iter().any(|file| records(file) > 0))
}

/// Whether a folder holds anything that is not ours from a moment ago.
fn occupied(path: &Path) -> io::Result<bool> {
    match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => Ok(false),
        Err(error) => Err(error),
        Ok(entries) => Ok(entries.flatten().any(|entry| match entry.file_name().to_str() {
            // Killed before there was a plan, nothing had been played.
            Some(LOCK) => false,
            Some(name) if name == format!("{PLAN}.partial") => false,
            Some(JOURNALS) => fs::read_dir(entry.path()).map_or(true, |mut inside| inside.next().is_some()),
            _ => true,
        })),
    }
}

/// Takes the lock of a folder, which the system gives back when this process ends, however it ends.
fn locked(path: &Path) -> Result<File, RunError> {
    let lock = path.join(LOCK);
    let file = File::options().create(true).truncate(false).write(true).open(&lock);
    let file = file.map_err(|error| failed(&lock, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(RunError::Output(format!("{}: another process is at work here; wait for it or end it", path.display())))
        }
        Err(TryLockError::Error(error)) => Err(failed(&lock, &error)),
    }
}

pub(super) fn failed(path: &Path, error: &io::Error) -> RunError {
    RunError::Output(format!("{}: {error}", path.display()))
}

fn io_error(error: io::Error) -> RunError {
    RunError::Output(error.to_string())
}

/// Brings the journals of shards together in a folder to be put in its place, as if one process had played them all. They
/// must be all shards of one plan; whether all of their matches are there shows when the plan is gone through.
///
/// # Errors
/// Folders that do not belong together or miss a shard; a folder that cannot be written.
pub(crate) fn gather(shards: &[PathBuf], target: &Path) -> Result<(NewFolder, Begun), RunError> {
    let wrong = |what: String| Err(RunError::Output(what));
    let mut parts = BTreeMap::new();
    let mut whole: Option<Begun> = None;
    let mut locks = Vec::new();
    for path in shards {
        let Some(begun) = Begun::read(path).map_err(RunError::Output)? else {
            return wrong(format!("{}: holds no matches", path.display()));
        };
        let Some((part, _)) = begun.shard else {
            return wrong(format!("{}: is no shard: it was played whole", path.display()));
        };
        let first = whole.get_or_insert_with(|| begun.clone());
        let same =
            |begun: &Begun| (begun.layout, begun.version.clone(), begun.digest.clone(), begun.shard.map(|(_, of)| of));
        if same(first) != same(&begun) {
            return wrong(format!("{}: is a shard of something else than {}", path.display(), shards[0].display()));
        }
        if let Some(other) = parts.insert(part, path.clone()) {
            return wrong(format!("{} and {} are the same shard, {part}", other.display(), path.display()));
        }
        locks.push(locked(path)?);
    }
    let Some(first) = whole else { return wrong("name the folders of all shards".into()) };
    let of = first.shard.map_or(0, |(_, of)| of);
    let missing: Vec<String> = (1..=of).filter(|part| !parts.contains_key(part)).map(|part| part.to_string()).collect();
    if !missing.is_empty() {
        return wrong(format!("shard {} of {of} is missing", missing.join(", ")));
    }
    let folder = NewFolder::create(target)?;
    let into = folder.path().join(JOURNALS);
    fs::create_dir(&into).map_err(|error| failed(&into, &error))?;
    for (part, path) in &parts {
        for file in journals(path).map_err(io_error)? {
            let name = format!("shard-{part:03}-{}", file.file_name().unwrap_or_default().to_string_lossy());
            let copy = into.join(name);
            let copied = fs::copy(&file, &copy).and_then(|_| File::open(&copy)?.sync_all());
            copied.map_err(|error| failed(&file, &error))?;
        }
    }
    Ok((folder, Begun { shard: None, ..first }))
}
