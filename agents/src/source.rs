//! The gate before parsing: which files may be read as scripts, and which texts may be looked at at all.

use std::fs;
use std::path::Path;

use crate::problem::ScriptProblem;

/// The largest script.
pub(crate) const MAX_BYTES: u64 = 64 * 1024;

/// Reads the script at `path`, which must be a regular file below `root` once links are resolved.
pub(crate) fn read(root: &Path, path: &Path) -> Result<String, ScriptProblem> {
    let name = path.display().to_string();
    let fail = |message: String| ScriptProblem::of_file(&name, message);
    let real = path.canonicalize().map_err(|error| fail(format!("cannot be read: {error}")))?;
    let real_root = root.canonicalize().map_err(|error| fail(format!("cannot be read: {error}")))?;
    if !real.starts_with(&real_root) {
        return Err(fail(format!("lies outside the scripts folder {}", root.display())));
    }
    let facts = fs::metadata(&real).map_err(|error| fail(format!("cannot be read: {error}")))?;
    if !facts.is_file() {
        return Err(fail("is not a regular file".into()));
    }
    if facts.len() > MAX_BYTES {
        return Err(fail(format!("has {} bytes: a script has at most {MAX_BYTES}", facts.len())));
    }
    let bytes = fs::read(&real).map_err(|error| fail(format!("cannot be read: {error}")))?;
    gate(&name, bytes)
}

/// The text of a script, if it is one that shows what it does.
pub(crate) fn gate(file: &str, bytes: Vec<u8>) -> Result<String, ScriptProblem> {
    if bytes.len() as u64 > MAX_BYTES {
        let message = format!("has {} bytes: a script has at most {MAX_BYTES}", bytes.len());
        return Err(ScriptProblem::of_file(file, message));
    }
    let text =
        String::from_utf8(bytes).map_err(|error| ScriptProblem::of_file(file, format!("is not UTF-8: {error}")))?;
    for (line, content) in text.split('\n').enumerate() {
        if let Some((column, (letter, what))) =
            content.chars().enumerate().find_map(|(place, c)| Some((place, (c, hidden(c)?))))
        {
            return Err(ScriptProblem {
                line: line + 1,
                column: column + 1,
                message: format!("contains {what} (U+{:04X})", u32::from(letter)),
                hint: Some("such characters hide what a script does: remove it".into()),
                ..ScriptProblem::of_file(file, "")
            });
        }
    }
    Ok(text)
}

/// What a character is that shows nothing, or something else than it does.
const fn hidden(letter: char) -> Option<&'static str> {
    match letter {
        '\n' | '\r' | '\t' => None,
        '\0' => Some("a NUL character"),
        '\u{FEFF}' => Some("a byte-order mark"),
        '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => {
            Some("a text-direction character")
        }
        '\u{2028}' | '\u{2029}' => Some("a line separator"),
        '\u{0001}'..='\u{001F}' | '\u{007F}'..='\u{009F}' => Some("a control character"),
        '\u{00AD}'
        | '\u{034F}'
        | '\u{115F}'
        | '\u{1160}'
        | '\u{17B4}'
        | '\u{17B5}'
        | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200D}'
        | '\u{2060}'..='\u{206F}'
        | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}'
        | '\u{FFA0}'
        | '\u{FFF0}'..='\u{FFFB}'
        | '\u{E0000}'..='\u{E0FFF}' => Some("an invisible character"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[track_caller]
    fn check(text: &[u8], expected: Option<&str>) {
        let found = gate("a.rhai", text.to_vec()).err().map(|problem| problem.to_string());
        assert_eq!(found.as_deref().map(|f| f.contains(expected.unwrap_or("?"))), expected.map(|_| true), "{found:?}");
    }

    #[test]
    fn hidden_characters_are_refused_with_their_place() {
        check("fn decide(me, world) {}\n".as_bytes(), None);
        check("// é ≥ 漢\n".as_bytes(), None);
        check("let a;\nlet\u{202E} b".as_bytes(), Some("a.rhai:2:4: contains a text-direction character (U+202E)"));
        check("\u{FEFF}fn".as_bytes(), Some("1:1: contains a byte-order mark"));
        check(b"a\0", Some("NUL"));
        check(b"a\x1b[2J", Some("1:2: contains a control character (U+001B)"));
        check("a\u{2028}b".as_bytes(), Some("a line separator"));
        check("a\u{3164}b\u{E0041}".as_bytes(), Some("1:2: contains an invisible character (U+3164)"));
        check(b"a\tb\r\n", None);
        check("x\u{200B}y".as_bytes(), Some("1:2: contains an invisible"));
        check(b"\xff\xfe", Some("not UTF-8"));
        check(&vec![b' '; 70_000], Some("at most 65536"));
    }

    #[test]
    fn only_regular_files_below_the_folder_are_read() {
        let outside = tempfile::tempdir().unwrap();
        let root = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret.rhai"), "secret").unwrap();
        fs::write(root.path().join("a.rhai"), "fn f() {}").unwrap();
        assert!(read(root.path(), &root.path().join("a.rhai")).is_ok());
        let link = root.path().join("link.rhai");
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(outside.path().join("secret.rhai"), &link).unwrap();
            let problem = read(root.path(), &link).unwrap_err();
            assert!(problem.message.contains("outside the scripts folder"), "{problem}");
        }
        assert!(read(root.path(), root.path()).is_err(), "a folder is not a script");
        assert!(read(root.path(), &root.path().join("none.rhai")).is_err());
    }
}
