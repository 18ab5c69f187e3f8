//! `palisade schema`: the JSON Schema of the scenario file, for editors and for programs that write scenarios.

use crate::exit::Exit;
use crate::output::print_json;
use crate::trouble::Trouble;

pub(crate) fn schema() -> Result<Exit, Trouble> {
    print_json(&palisade_lab::schema::built_in())?;
    Ok(Exit::Done)
}
