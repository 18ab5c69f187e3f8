//! Markdown as the checks of the documentation read it: code blocks with their info strings, links and anchors.
//!
//! The standard library alone, because the tests of the program include this file too.

/// A code block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The line of its fence, from 1.
    pub line: usize,
    /// What stands behind the fence.
    pub info: Info,
    /// Its lines.
    pub text: String,
}

/// An info string: a language, then words such as `decide` and `in=calm`, separated by commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// The language; empty when nothing stands behind the fence.
    pub language: String,
    /// Every word with its value, which is empty for a word alone.
    pub words: Vec<(String, String)>,
}

/// Words whose value is a text, commas and all: they come last.
const TEXTS: [&str; 2] = ["refused", "fault"];

impl Info {
    /// Reads what stands behind a fence.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (language, mut rest) = text.trim().split_once(',').unwrap_or((text.trim(), ""));
        let mut info = Self { language: language.to_owned(), words: Vec::new() };
        while !rest.is_empty() {
            let (head, tail) = rest.split_once(',').unwrap_or((rest, ""));
            let name = head.split('=').next().unwrap_or_default().trim();
            let is_text = TEXTS.contains(&name) && head.contains('=');
            let word = if is_text { rest } else { head };
            let value = word.split_once('=').map_or("", |(_, value)| value);
            info.words.push((name.to_owned(), value.trim().to_owned()));
            rest = if is_text { "" } else { tail };
        }
        info
    }

    /// Whether a word is there, with a value or without.
    #[must_use]
    pub fn has(&self, word: &str) -> bool {
        self.get(word).is_some()
    }

    /// The value of a word.
    #[must_use]
    pub fn get(&self, word: &str) -> Option<&str> {
        self.words.iter().find(|(name, _)| name == word).map(|(_, value)| value.as_str())
    }
}

/// All code blocks of a page.
///
/// # Panics
/// When one is not closed.
#[must_use]
pub fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((place, line)) = lines.next() {
        let Some(info) = line.trim_start().strip_prefix("```") else { continue };
        let mut text = String::new();
        let closed = lines.by_ref().map(|(_, line)| line).find(|line| {
            let is_end = line.trim() == "```";
            if !is_end {
                text.push_str(line);
                text.push('\n');
            }
            is_end
        });
        assert!(closed.is_some(), "the code block of line {} is not closed", place + 1);
        blocks.push(Block { line: place + 1, info: Info::parse(info), text });
    }
    blocks
}

/// The lines of a page outside of code blocks, with their numbers from 1; what stands between backticks is left out.
fn prose(page: &str) -> Vec<(usize, String)> {
    let mut is_code = false;
    let mut lines = Vec::new();
    for (place, line) in page.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            lines.push((place + 1, line.split('`').step_by(2).collect()));
        }
    }
    lines
}

/// Every link to a file or an anchor of the repository, with its line.
#[must_use]
pub fn links(page: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (line, text) in prose(page) {
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let own = targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:"));
        found.extend(own.map(|target| (line, target.to_owned())));
    }
    found
}

/// The anchors of a page's headings: lower case, without punctuation, spaces as hyphens; the second of a name ends in `-1`.
#[must_use]
pub fn anchors(page: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    let mut is_code = false;
    for line in page.lines() {
        is_code ^= line.trim_start().starts_with("```");
        let Some(title) = line.strip_prefix('#').filter(|_| !is_code) else { continue };
        let title = title.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let plain: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let is_same =
            |other: &&String| other.strip_prefix(&plain).is_some_and(|rest| rest.is_empty() || is_count(rest));
        match anchors.iter().filter(is_same).count() {
            0 => anchors.push(plain),
            count => anchors.push(format!("{plain}-{count}")),
        }
    }
    anchors
}

fn is_count(rest: &str) -> bool {
    rest.strip_prefix('-').is_some_and(|digits| digits.chars().all(|c| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(info: &str, language: &str, words: &[(&str, &str)]) {
        let words = words.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(Info::parse(info), Info { language: language.to_owned(), words });
    }

    #[test]
    fn info_strings_are_words_and_values() {
        check("", "", &[]);
        check("sh", "sh", &[]);
        check("ron,set=protocol.funds,in=calm", "ron", &[("set", "protocol.funds"), ("in", "calm")]);
        check("rhai,decide,refused=a, b (c=d)", "rhai", &[("decide", ""), ("refused", "a, b (c=d)")]);
    }

    const PAGE: &str = "# A `b`: c\n\nSee [x](y.md#a) and `[no](no.md)`, [z](https://z).\n\n```sh\n# not a heading\n[no](no)\n```\n## A b c\n## More, more\n";

    #[test]
    fn pages_are_taken_apart() {
        let sh = Block { line: 5, info: Info::parse("sh"), text: "# not a heading\n[no](no)\n".to_owned() };
        assert_eq!(blocks(PAGE), [sh]);
        assert_eq!(links(PAGE), [(3, "y.md#a".to_owned())]);
        assert_eq!(anchors(PAGE), ["a-b-c", "a-b-c-1", "more-more"]);
    }
}
