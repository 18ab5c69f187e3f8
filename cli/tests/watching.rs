//! `run --watch` as a user meets it: a file is edited while the program watches it.

mod shell;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use tempfile::TempDir;

use shell::{names, printed, refused};

/// A program under way, whose lines come as it prints them.
struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    fn start(folder: &Path, args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
        let command = command.current_dir(folder).args(args).env("NO_COLOR", "1");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let (sender, lines) = mpsc::channel();
        let streams: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().expect("a pipe")), Box::new(child.stderr.take().expect("a pipe"))];
        for stream in streams {
            let sender = sender.clone();
            std::thread::spawn(move || {
                BufReader::new(stream).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
            });
        }
        Self { child, lines }
    }

    /// Waits for a line with all of `parts`, on either stream, but not forever.
    #[track_caller]
    fn until(&self, parts: &[&str]) {
        let mut seen = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(Duration::from_secs(30)) {
            if parts.iter().all(|part| line.contains(part)) {
                return;
            }
            seen.push(line);
        }
        panic!("no {parts:?} in {seen:#?}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(unix)]
#[test]
fn watch_runs_again_after_every_change_and_shows_what_is_wrong() {
    let folder = TempDir::new().expect("a folder");
    printed(folder.path(), &["new", "scenario", "mine"]);
    printed(folder.path(), &["new", "strategy", "my_noise", "--role", "trader"]);
    let at = |path: &str| folder.path().join(path);
    let read = |path: &str| fs::read_to_string(at(path)).expect("a file");
    let write = |path: &str, text: &str| fs::write(at(path), text).expect("a file");
    let scenario = read("scenarios/mine.ron").replace("strategy: \"noise\"", "strategy: \"my_noise\"");
    let scenario = scenario.replace("params: { \"leverage\": 2.0 }", "");
    let (before, part) = scenario.split_once("attackers: Inline({").expect("attackers");
    let (_, after) = part.split_once("}),\n\n").expect("their end");
    let scenario = format!("{before}attackers: File(\"parts/nobody.ron\"),\n{after}");
    fs::create_dir(at("scenarios/parts")).expect("a folder");
    write("scenarios/parts/nobody.ron", "{}");
    write("scenarios/mine.ron", &scenario);

    let args = ["run", "scenarios/mine.ron", "--scripts", "scripts", "--steps", "5", "--quiet", "--watch"];
    let mut running = Running::start(folder.path(), &args);
    let ran = ["reproduce: palisade run scenarios/mine.ron"];
    running.until(&ran);
    running.until(&["watching 3 files; Ctrl-C ends"]);

    write("scenarios/mine.ron", &scenario.replace("imr: 0.05", "imrr: 0.05"));
    running.until(&["scenarios/mine.ron changed"]);
    running.until(&["mine.ron:", "imrr"]);
    write("scenarios/mine.ron", &scenario);
    running.until(&ran);

    write("scenarios/parts/nobody.ron", "{ \"x\": 1 }");
    running.until(&["nobody.ron changed"]);
    running.until(&["nobody.ron:1:"]);
    write("scenarios/parts/nobody.ron", "{}\n");
    running.until(&ran);

    let script = read("scripts/traders/my_noise.rhai");
    write("scripts/traders/my_noise.rhai", &script.replace("market.halted", "market.hatled"));
    running.until(&["my_noise.rhai:", "hatled"]);
    write("scripts/traders/my_noise.rhai", &script);
    running.until(&ran);

    running.until(&["watching"]);
    let pid = running.child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().expect("kill").success());
    assert_eq!(running.child.wait().expect("an end").code(), Some(130));
}

#[test]
fn watch_goes_with_neither_out_nor_json_and_needs_something_to_watch() {
    let folder = TempDir::new().expect("a folder");
    refused(folder.path(), &["run", "calm", "--watch", "--json"], &["--watch", "--json"]);
    refused(folder.path(), &["run", "calm", "--watch", "--out", "x"], &["--watch", "--out"]);
    refused(folder.path(), &["run", "calm", "--watch"], &["`calm` is built in"]);
    refused(folder.path(), &["run", "missing.ron", "--watch"], &["missing.ron: no such file"]);
    assert!(names(folder.path()).is_empty());
}
