//! `palisade report`: a run or a comparison as one HTML file.

use std::path::{Path, PathBuf};

use clap::Args;
use palisade_lab::folder::write_new;
use palisade_lab::page::page;

use crate::args::Coloring;
use crate::exit::Exit;
use crate::output::print;
use crate::trouble::Trouble;

#[derive(Args, Debug)]
pub(crate) struct ReportArgs {
    /// A folder that `palisade run`, `compare`, `tournament` or `sweep` wrote by --out, or the certificate of a `hunt`
    dir: PathBuf,
    /// The file to write, which must not exist [default: the folder's name with .html behind it]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Open it in the browser
    #[arg(long)]
    open: bool,
    #[command(flatten)]
    pub(crate) coloring: Coloring,
}

pub(crate) fn report(args: &ReportArgs) -> Result<Exit, Trouble> {
    let text = page(&args.dir)?;
    let out = args.out.clone().unwrap_or_else(|| beside(&args.dir));
    match write_new(&out, text.as_bytes()) {
        // The same page is there already: nothing is lost by leaving it.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && is_same(&out, &text) => {}
        written => written.map_err(|error| Trouble::Usage(format!("{}: {error}", out.display())))?,
    }
    show(args, &out)
}

fn is_same(out: &Path, text: &str) -> bool {
    std::fs::read(out).is_ok_and(|there| there == text.as_bytes())
}

fn show(args: &ReportArgs, out: &Path) -> Result<Exit, Trouble> {
    print(&format!("{}\n", out.display()))?;
    if args.open {
        opener::open(out).map_err(|error| Trouble::Usage(format!("{}: {error}", out.display())))?;
    }
    Ok(Exit::Done)
}

/// `runs/x` becomes `runs/x.html`.
fn beside(dir: &Path) -> PathBuf {
    let mut name = dir.file_name().map_or_else(|| "report".into(), std::ffi::OsStr::to_owned);
    name.push(".html");
    dir.with_file_name(name)
}
