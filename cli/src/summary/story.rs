//! What happened: key moments with their simulated time.

use palisade_lab::report::{Report, StoryLine};

use super::of_first;
use crate::table::wrapped;
use palisade_lab::words::{counted, time};

/// Of a longer story, so many moments of its beginning and of its end are told.
const FIRST: usize = 9;
const LAST: usize = 3;

pub(crate) fn section(report: &Report) -> Option<(String, String)> {
    let story = &report.first.story;
    let width = story.iter().map(|line| time(line.time_ms).len()).max()?;
    let tell = |lines: &[StoryLine]| -> String {
        lines.iter().map(|line| wrapped(&format!("  {:>width$}  ", time(line.time_ms)), &line.text)).collect()
    };
    let text = match story.len().checked_sub(FIRST + LAST) {
        None | Some(0) => tell(story),
        Some(left_out) => {
            let gap = format!("  {:>width$}  ({} left out)\n", "", counted(left_out as u64, "moment"));
            [tell(&story[..FIRST]), gap, tell(&story[story.len() - LAST..])].concat()
        }
    };
    Some((format!("What happened{}", of_first(report)), text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::sample;

    #[test]
    fn a_long_story_keeps_its_beginning_and_its_end() {
        let mut report = sample::one_world();
        report.first.story =
            (0..20).map(|place| StoryLine { time_ms: place * 30_000, text: format!("event {place}") }).collect();
        let (title, text) = section(&report).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((title.as_str(), lines.len()), ("What happened", 13));
        assert_eq!(lines[0], "      0s  event 0");
        assert_eq!(lines[8], "  4m 00s  event 8");
        assert_eq!(lines[9], "          (8 moments left out)");
        assert_eq!(lines[12], "  9m 30s  event 19");
    }

    #[test]
    fn no_story_no_section() {
        let mut report = sample::one_world();
        report.first.story.clear();
        assert_eq!(section(&report), None);
    }
}
