//! `palisade`: arguments in, the lab's work, words or JSON out. What a run is and what it finds is decided in
//! `palisade-lab`; here are only its arguments, its wording and its exit codes.

mod args;
mod cases;
mod check;
mod compare;
mod completions;
mod describe;
#[cfg(feature = "parquet")]
mod diff;
mod docs;
mod exit;
#[cfg(feature = "parquet")]
mod explain;
mod hunt;
mod list;
mod live;
mod matches;
mod memory;
mod new;
mod output;
mod paint;
mod profile;
#[cfg(feature = "parquet")]
mod query;
#[cfg(feature = "parquet")]
mod rank;
#[cfg(feature = "parquet")]
mod report;
mod rerun;
mod run;
mod schema;
mod stress;
mod summary;
mod sweep;
mod table;
mod threshold;
mod tournament;
mod trace;
mod trouble;
mod verify;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command};

fn main() -> ExitCode {
    let Cli { command } = Cli::parse();
    let done = match &command {
        Command::Run(args) => run::run(args),
        Command::Verify(args) => verify::verify(args),
        Command::Check(args) => check::check(args),
        Command::Test(args) => cases::test(args),
        Command::Trace(args) => trace::trace(args),
        Command::Profile(args) => profile::profile(args),
        Command::Compare(args) => compare::compare(args),
        Command::Threshold(args) => threshold::threshold(args),
        Command::Stress(args) => stress::stress(args),
        Command::Tournament(args) => tournament::tournament(args),
        #[cfg(feature = "parquet")]
        Command::Rank(args) => rank::rank(args),
        Command::Sweep(args) => sweep::sweep(args),
        Command::Merge(args) => tournament::merge(args),
        Command::Worker(args) => matches::serve(args),
        Command::Hunt(args) => hunt::hunt(args),
        #[cfg(feature = "parquet")]
        Command::Explain(args) => explain::explain(args),
        #[cfg(feature = "parquet")]
        Command::Report(args) => report::report(args),
        #[cfg(feature = "parquet")]
        Command::Diff(args) => diff::diff(args),
        #[cfg(feature = "parquet")]
        Command::Tables(args) => query::tables(args),
        #[cfg(feature = "parquet")]
        Command::Query(args) => query::query(args),
        Command::Schema => schema::schema(),
        Command::New(args) => new::new(args),
        Command::List(args) => list::list(args),
        Command::Describe(args) => describe::describe(args),
        Command::Docs(args) => docs::docs(args),
        Command::Completions(args) => completions::completions(args),
    };
    let exit = done.unwrap_or_else(|trouble| {
        trouble.show(command.color());
        trouble.exit()
    });
    exit.into()
}
