//! `palisade completions`: what a shell needs to complete commands, flags and their values, printed for the user to put
//! where that shell looks.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::{Cli, Coloring};
use crate::exit::Exit;
use crate::output::print;
use crate::trouble::Trouble;

/// Where a shell looks, for `--help`.
const PLACES: &str = "\
Where to put it:
  bash        palisade completions bash > ~/.local/share/bash-completion/completions/palisade
  zsh         palisade completions zsh > FOLDER/_palisade, where FOLDER is in $fpath
  fish        palisade completions fish > ~/.config/fish/completions/palisade.fish
  elvish      palisade completions elvish >> ~/.config/elvish/rc.elv
  powershell  palisade completions powershell >> $PROFILE";

#[derive(Args, Debug)]
#[command(after_help = PLACES)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
    #[command(flatten)]
    pub(crate) coloring: Coloring,
}

pub(crate) fn completions(args: &CompletionsArgs) -> Result<Exit, Trouble> {
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
