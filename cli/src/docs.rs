//! `palisade docs`: the reference pages and the definitions for editors, as they belong to this very program, in a folder of
//! their own.

use std::path::PathBuf;

use clap::Args;
use palisade_lab::folder::NewFolder;
use palisade_lab::reference;

use crate::args::Coloring;
use crate::exit::Exit;
use crate::output::print;
use crate::table::{Align, table};
use crate::trouble::Trouble;
use palisade_lab::words::counted;

#[derive(Args, Debug)]
pub(crate) struct DocsArgs {
    /// The folder to write, which must be new or empty
    #[arg(long, value_name = "DIR", default_value = "palisade-docs")]
    out: PathBuf,
    #[command(flatten)]
    pub(crate) coloring: Coloring,
}

pub(crate) fn docs(args: &DocsArgs) -> Result<Exit, Trouble> {
    let pages = reference::pages();
    let folder = NewFolder::create(&args.out)?;
    for (name, text) in &pages {
        folder.write(name, text)?;
    }
    folder.put()?;
    let rows = pages.iter().map(|(name, text)| vec![(*name).to_owned(), title(text).to_owned()]).collect();
    let written = counted(pages.len() as u64, "file");
    let list = table(&[("file", Align::Name), ("what it describes", Align::Left)], rows);
    print(&format!("{written} in {}\n{list}", args.out.display()))?;
    Ok(Exit::Done)
}

/// The first heading of a page, or the first comment of definitions.
fn title(text: &str) -> &str {
    let titles = ["# ", "// "];
    text.lines().find_map(|line| titles.iter().find_map(|mark| line.strip_prefix(mark))).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_says_what_it_is() {
        for (name, text) in reference::pages() {
            assert!(!title(&text).is_empty(), "{name}");
        }
    }
}
