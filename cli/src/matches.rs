//! How and where many matches are played: what tournaments and sweeps have in common, and the process that plays matches for
//! another one.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use palisade_agents::{Backend, HostOptions};
use palisade_lab::matches::{How, Isolation, serve as play};
use palisade_lab::source::Override;

use crate::args::{backends, cores, recording};
use crate::exit::Exit;
use crate::memory;
use crate::trouble::Trouble;

/// The hidden command that plays matches for another process.
pub(crate) const WORKER: &str = "match-worker";

#[derive(Args, Debug)]
pub(crate) struct HowArgs {
    /// Write into this folder, which must be new or empty unless --resume goes on with it
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on with what the folder holds already
    #[arg(long, requires = "out")]
    resume: bool,
    /// Play one part of several, such as 2/8; `palisade merge` brings them together
    #[arg(long, value_name = "I/N", value_parser = shard, requires = "out")]
    shard: Option<(u32, u32)>,
    /// Write full tables of all matches too, each played once more for that; thinned, and with more tables, as in
    /// `palisade run`: every=N,tables=positions,…
    #[arg(long, value_name = "WHAT", num_args = 0..=1, default_missing_value = "every=1", requires = "out", conflicts_with = "isolate")]
    record: Option<String>,
    /// Play matches in processes of their own, each held to a limit of memory: for scripts that nobody vouches for
    #[arg(long)]
    isolate: bool,
    /// Memory of each such process, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 2048, requires = "isolate", value_parser = clap::value_parser!(u64).range(64..))]
    isolate_memory: u64,
    /// Seconds after which such a process that makes no headway is ended
    #[arg(long, value_name = "SECONDS", default_value_t = 10, requires = "isolate", value_parser = clap::value_parser!(u64).range(1..))]
    isolate_patience: u64,
    /// Matches played at a time [default: the cores of this machine]
    #[arg(short, long, value_name = "N", env = "PALISADE_JOBS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
}

/// What goes into every world.
#[derive(Args, Debug)]
pub(crate) struct WorldsArgs {
    /// Stop worlds after this many steps
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) steps: Option<u64>,
    /// Replace one value of the scenario in all worlds; may be repeated
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// A folder with strategies of your own, beside the built-in ones; may be repeated
    #[arg(long, value_name = "DIR", env = "PALISADE_SCRIPTS")]
    pub(crate) scripts: Vec<PathBuf>,
    /// How strategies are run; the results are the same
    #[arg(long, value_name = "WAY", default_value = Backend::Auto.word(), value_parser = backends())]
    backend: Backend,
}

#[derive(Args, Debug)]
pub(crate) struct WorkerArgs {
    /// Memory that this process may have, in MiB
    #[arg(long)]
    memory: u64,
}

/// `I/N`.
fn shard(text: &str) -> Result<(u32, u32), String> {
    let parts = text.split_once('/').and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
    match parts {
        Some((part, of)) if (1..=of).contains(&part) => Ok((part, of)),
        _ => Err("expected a part of several, such as 2/8".to_owned()),
    }
}

impl HowArgs {
    pub(crate) fn how(&self) -> Result<How, Trouble> {
        Ok(How {
            out: self.out.clone(),
            goes_on: self.resume,
            shard: self.shard,
            record: self.record.as_ref().map(|word| recording(std::slice::from_ref(word))).transpose()?,
            jobs: self.jobs.map_or_else(cores, usize::from),
            isolation: self.isolate.then(|| self.isolation()).transpose()?,
        })
    }

    fn isolation(&self) -> Result<Isolation, Trouble> {
        let program = std::env::current_exe().map_err(|error| Trouble::Usage(format!("--isolate: {error}")))?;
        let arguments = vec![WORKER.to_owned(), "--memory".to_owned(), self.isolate_memory.to_string()];
        Ok(Isolation { program: (program, arguments), patience: Duration::from_secs(self.isolate_patience) })
    }
}

impl WorldsArgs {
    pub(crate) fn sets(&self) -> Result<Vec<Override>, Trouble> {
        Ok(self.set.iter().map(|set| set.parse()).collect::<Result<_, _>>()?)
    }

    pub(crate) fn host(&self) -> HostOptions {
        HostOptions { live_bytes: memory::live_bytes, backend: self.backend, ..HostOptions::default() }
    }
}

/// Plays matches for another process, over its pipes.
pub(crate) fn serve(args: &WorkerArgs) -> Result<Exit, Trouble> {
    let bytes = args.memory << 20;
    rlimit::setrlimit(rlimit::Resource::AS, bytes, bytes)
        .map_err(|error| Trouble::Usage(format!("--memory: {error}")))?;
    let host = HostOptions { live_bytes: memory::live_bytes, ..HostOptions::default() };
    palisade_lab::on_large_stack(|| {
        let (mut from, mut to) = (std::io::stdin().lock(), std::io::stdout());
        play(&mut from, &mut to, host).map_err(|error| palisade_lab::load::LoadError::Usage(error.to_string()))
    })?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_a_part_of_several() {
        assert_eq!((shard("2/8"), shard("1/1")), (Ok((2, 8)), Ok((1, 1))));
        for wrong in ["0/3", "4/3", "2", "a/b", "1/"] {
            assert!(shard(wrong).is_err(), "{wrong}");
        }
    }
}
