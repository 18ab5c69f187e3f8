//! The commands of the guide, the README and the script reference, as a reader types them, and what they print. What the
//! info strings of code blocks mean, `tests/suite/guide` says.

mod shown;

use std::ffi::OsString;
use std::fs;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use markdown::{Block, blocks};
use shown::{commands, missing, palisade};

#[path = "../../tests/src/markdown.rs"]
#[allow(dead_code, unreachable_pub)]
mod markdown;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a writable folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(path, target).expect("a writable folder");
        }
    }
}

/// A reader at work: a folder with the scenarios and the files made so far, and what the last commands printed.
struct Reader {
    folder: TempDir,
    printed: Option<String>,
}

impl Reader {
    fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        copy(&repository().join("scenarios"), &folder.path().join("scenarios"));
        copy(&repository().join("scripts"), &folder.path().join("scripts"));
        Self { folder, printed: None }
    }

    fn read(&mut self, block: &Block) -> Result<(), String> {
        let Block { info, text, .. } = block;
        if let Some(file) = info.get("file") {
            let path = self.folder.path().join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
            fs::write(path, text).expect("a writable folder");
        }
        match info.language.as_str() {
            "sh" => self.type_in(commands(text), info.get("exit")),
            "text" if !info.has("prints") => self.compare(text),
            _ => Ok(()),
        }
    }

    fn type_in(&mut self, commands: Vec<Vec<String>>, exit: Option<&str>) -> Result<(), String> {
        let (mut all, count) = (String::new(), commands.len());
        for (place, args) in commands.into_iter().enumerate() {
            let output = palisade(self.folder.path(), &args);
            all += &String::from_utf8_lossy(&output.stdout);
            all += &String::from_utf8_lossy(&output.stderr);
            let code = output.status.code().unwrap_or(-1).to_string();
            let expected = exit.filter(|_| place + 1 == count).unwrap_or("0");
            // A condition is there to be met or not: either is an answer.
            let is_answer = code == "1" && args.iter().any(|arg| arg == "--fail-if");
            if code != expected && !is_answer {
                return Err(format!("`palisade {}` exits with {code}, not {expected}:\n{all}", args.join(" ")));
            }
        }
        self.printed = Some(all);
        Ok(())
    }

    /// An output that stands before any command says itself how it is reproduced.
    fn compare(&mut self, text: &str) -> Result<(), String> {
        if self.printed.is_none() {
            let reproduce = text.lines().find_map(|line| line.strip_prefix("reproduce: "));
            let reproduce = reproduce.ok_or("stands behind no command, and names none to reproduce it")?;
            self.type_in(commands(reproduce), None)?;
        }
        let printed = self.printed.as_deref().unwrap_or_default();
        match missing(text, printed) {
            None => Ok(()),
            Some(line) => Err(format!("this is not printed, or not here:\n{line}\nof what is printed:\n{printed}")),
        }
    }
}

/// Does what a page says; returns how many blocks it has.
fn follow(path: &str) -> usize {
    let mut reader = Reader::new();
    let all = blocks(&fs::read_to_string(repository().join(path)).expect("a page"));
    for block in &all {
        if let Err(flaw) = reader.read(block) {
            panic!("{path}:{}: {flaw}", block.line);
        }
    }
    all.len()
}

#[test]
fn the_readme_can_be_followed() {
    assert!(follow("README.md") > 4);
}

#[test]
fn the_guide_can_be_followed() {
    let folder = "docs/guide/src";
    let names = fs::read_dir(repository().join(folder)).expect("the guide");
    let mut pages: Vec<_> = names.map(|name| name.expect("an entry").file_name()).collect();
    pages.sort();
    let count: usize = std::thread::scope(|scope| {
        let page = |name: &OsString| format!("{folder}/{}", name.to_string_lossy());
        let readers: Vec<_> = pages.iter().map(page).map(|page| scope.spawn(move || follow(&page))).collect();
        readers.into_iter().map(|reader| reader.join().unwrap_or_else(|panic| resume_unwind(panic))).sum()
    });
    assert!(count > 60, "{count} blocks in {pages:?}");
}

#[test]
fn the_script_reference_can_be_followed() {
    follow("docs/reference/scripts.md");
}
