//! `palisade run --watch`: a run, and another one whenever a file behind it has changed. Events of the file system only
//! say that it is time to look; what has changed is told by the files themselves, so that nothing is missed between two
//! runs, and nothing that only reads them counts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use notify::{Event, RecursiveMode, Watcher};
use palisade_lab::load::{self, RunRequest};

use crate::args::RunArgs;
use crate::exit::Exit;
use crate::output::complain;
use crate::run::once;
use crate::trouble::Trouble;
use crate::watch;
use palisade_lab::words::counted;

/// So long nothing may happen before a change counts as done.
const QUIET: Duration = Duration::from_millis(200);
/// So long a change may take at most.
const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) fn watch(args: &RunArgs, request: &RunRequest) -> Result<Exit, Trouble> {
    watch::listen()?;
    let mut files = files(request);
    if files.is_empty() && request.scripts.is_empty() {
        let name = request.scenario.display();
        return Err(Trouble::Usage(format!(
            "--watch: `{name}` is built in, and there is no --scripts folder to watch"
        )));
    }
    let is_there = !files.contains(&request.scenario) || request.scenario.is_file();
    loop {
        let before = State::of(&files, &request.scripts);
        match once(args, request) {
            Ok(Exit::Interrupted) => return Ok(Exit::Interrupted),
            Ok(Exit::Done | Exit::Failed | Exit::BadInput) => {}
            Err(trouble @ Trouble::Other(_)) => return Err(trouble),
            // A file that was never there is a slip of the pen.
            Err(trouble) if !is_there => return Err(trouble),
            Err(trouble) => trouble.show(args.display.color),
        }
        let changed = wait(&before, &files, &request.scripts)?;
        complain(&format!("{changed} changed\n"));
        // While a scenario is wrong, the files that it named before may be the ones to correct.
        files.extend(self::files(request));
    }
}

/// Every file that a run reads, as far as it has a name.
fn files(request: &RunRequest) -> BTreeSet<PathBuf> {
    let scripts = request.scripts.iter().filter(|path| path.is_file()).cloned();
    load::files(request).into_iter().chain(scripts).collect()
}

/// Waits until something differs from how it was, and says what.
fn wait(before: &State, files: &BTreeSet<PathBuf>, scripts: &[PathBuf]) -> anyhow::Result<String> {
    let (sender, events) = mpsc::channel();
    let mut watcher = notify::recommended_watcher(sender).context("cannot watch files")?;
    // Behind a link it is the file itself that is written.
    let real = files.iter().filter_map(|file| file.canonicalize().ok());
    let folders: BTreeSet<PathBuf> = files.iter().cloned().chain(real).map(|file| folder_of(&file)).collect();
    let flat = folders.iter().map(|folder| (folder, RecursiveMode::NonRecursive));
    let deep = scripts.iter().map(|folder| (folder, RecursiveMode::Recursive));
    // In a folder that is missing no file can change.
    for (folder, mode) in flat.chain(deep).filter(|(folder, _)| folder.is_dir()) {
        watcher.watch(folder, mode).with_context(|| format!("cannot watch {}", folder.display()))?;
    }
    let mut told = false;
    loop {
        let now = State::of(files, scripts);
        if let Some(path) = now.differs_from(before) {
            return Ok(path.display().to_string());
        }
        if !told {
            complain(&format!("watching {}; Ctrl-C ends\n", counted(now.0.len() as u64, "file")));
            told = true;
        }
        settle(&events)?;
    }
}

fn folder_of(file: &Path) -> PathBuf {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

/// Waits for something to happen, and then until it is over: an editor writes a file in several steps.
fn settle(events: &Receiver<notify::Result<Event>>) -> anyhow::Result<()> {
    let matters = |event: &notify::Result<Event>| event.as_ref().map_or(true, |event| !event.kind.is_access());
    while !matters(&events.recv().context("the file system is no longer watched")?) {}
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end && events.recv_timeout(QUIET).is_ok() {}
    Ok(())
}

/// When each file was last written and how large it is; none where it is missing.
#[derive(Clone, PartialEq, Eq, Debug)]
struct State(BTreeMap<PathBuf, Option<(Option<SystemTime>, u64)>>);

impl State {
    fn of(files: &BTreeSet<PathBuf>, scripts: &[PathBuf]) -> Self {
        let mut paths: Vec<PathBuf> = files.iter().cloned().collect();
        scripts.iter().for_each(|folder| collect(folder, &mut paths));
        let about = |path: &PathBuf| fs::metadata(path).ok().map(|about| (about.modified().ok(), about.len()));
        Self(paths.into_iter().map(|path| (path.clone(), about(&path))).collect())
    }

    /// A file that was written, has come or has gone. A file that only one of the two knows, and that is not there, is no
    /// difference.
    fn differs_from<'a>(&'a self, before: &'a Self) -> Option<&'a Path> {
        let about = |state: &Self, path: &PathBuf| state.0.get(path).copied().flatten();
        let mut paths = self.0.keys().chain(before.0.keys());
        paths.find(|path| about(self, path) != about(before, path)).map(PathBuf::as_path)
    }
}

/// The scripts below a folder. Links to folders are not followed, as the library does not follow them.
fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rhai") {
            paths.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_written_comes_or_goes_is_a_difference_and_what_is_read_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.ron");
        let scripts = folder.path().join("scripts");
        fs::create_dir(&scripts).unwrap();
        fs::write(&file, "one").unwrap();
        let files = BTreeSet::from([file.clone(), folder.path().join("missing.ron")]);
        let state = || State::of(&files, std::slice::from_ref(&scripts));
        let changed = |before: &State| state().differs_from(before).map(Path::to_owned);
        let before = state();
        assert_eq!(fs::read_to_string(&file).unwrap(), "one");
        fs::write(scripts.join("notes.txt"), "no script").unwrap();
        assert_eq!(changed(&before), None);
        fs::write(&file, "three").unwrap();
        assert_eq!(changed(&before), Some(file.clone()));
        let before = state();
        let script = scripts.join("new.rhai");
        fs::write(&script, "").unwrap();
        assert_eq!(changed(&before), Some(script.clone()));
        let before = state();
        fs::remove_file(&script).unwrap();
        assert_eq!(changed(&before), Some(script));
    }
}
