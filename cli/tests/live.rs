//! The live dashboard in a pseudo-terminal: what is on the screen, at two sizes, and the terminal as it was behind it.
#![allow(clippy::unwrap_used, missing_docs)]

use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

struct Terminal {
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    bytes: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    raw: Vec<u8>,
}

fn size(rows: u16, cols: u16) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}

impl Terminal {
    fn start(args: &[&str], (rows, cols): (u16, u16)) -> Self {
        let pair = native_pty_system().openpty(size(rows, cols)).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_palisade"));
        command.args(args);
        command.env("TERM", "xterm-256color");
        let child = pair.slave.spawn_command(command).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (send, bytes) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read) = reader.read(&mut buffer) {
                if read == 0 || send.send(buffer[..read].to_vec()).is_err() {
                    break;
                }
            }
        });
        let keys = pair.master.take_writer().unwrap();
        Self { master: pair.master, child, keys, bytes, screen: vt100::Parser::new(rows, cols, 0), raw: Vec::new() }
    }

    /// Reads until the screen shows something.
    #[track_caller]
    fn wait(&mut self, shows: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            if let Ok(bytes) = self.bytes.recv_timeout(Duration::from_millis(100)) {
                self.screen.process(&bytes);
                self.raw.extend(bytes);
            }
            let text = self.screen.screen().contents();
            if shows(&text) {
                return text;
            }
            assert!(Instant::now() < end, "{text}");
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    fn resize(&mut self, rows: u16, cols: u16) {
        self.master.resize(size(rows, cols)).unwrap();
        self.screen.screen_mut().set_size(rows, cols);
    }

    /// Waits for the end: the exit code, and everything that was written.
    fn end(mut self) -> (u32, String) {
        let code = self.child.wait().unwrap().exit_code();
        while let Ok(bytes) = self.bytes.recv_timeout(Duration::from_millis(300)) {
            self.raw.extend(bytes);
        }
        (code, String::from_utf8_lossy(&self.raw).into_owned())
    }
}

/// Left the other screen, and showed the cursor again.
fn is_given_back(raw: &str) -> bool {
    let last = |code: &str| raw.rfind(code);
    last("\u{1b}[?1049l") > last("\u{1b}[?1049h") && last("\u{1b}[?25h") > last("\u{1b}[?25l")
}

#[test]
fn a_run_is_watched_resized_paused_and_ends_with_its_summary() {
    let mut terminal = Terminal::start(&["run", "thin_market", "--steps", "240", "--live"], (32, 110));
    let first = terminal.wait(|text| text.contains("security margin") && text.contains("q quit"));
    for part in
        ["thin_market", "index, oracle, mark", "assets − claims", "Backing and margin", "Events", "q quit", "of 240"]
    {
        assert!(first.contains(part), "no `{part}` in:\n{first}");
    }
    terminal.press(" ");
    terminal.wait(|text| text.contains("paused"));
    terminal.resize(36, 60);
    let narrow = terminal
        .wait(|text| text.contains("THIN-PERP") && text.contains("Backing and margin") && text.contains("paused"));
    assert!(narrow.lines().all(|line| line.chars().count() <= 60), "{narrow}");
    terminal.press(" ");
    terminal.press("+");
    terminal.wait(|text| text.contains("the run is over"));
    terminal.press(" ");
    let (code, raw) = terminal.end();
    assert_eq!(code, 0);
    assert!(is_given_back(&raw) && raw.contains("reproduce: palisade run thin_market"), "{raw}");
}

#[test]
fn quitting_gives_the_terminal_back_and_says_so() {
    for key in ["q", "\u{3}"] {
        let mut terminal = Terminal::start(&["run", "thin_market", "--live"], (24, 90));
        terminal.wait(|text| text.contains("THIN-PERP"));
        terminal.press(key);
        let (code, raw) = terminal.end();
        assert_eq!(code, 130, "{raw}");
        assert!(is_given_back(&raw) && !raw.contains("reproduce:"), "{raw}");
    }
}
