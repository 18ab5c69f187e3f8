//! The Python module and its notebook against this program, where Python and polars are at hand; else the test says so.
//! `PALISADE_PYTHON` names another interpreter than `python3`.
#![cfg(feature = "parquet")]
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;
use std::process::Command;

#[test]
fn the_python_module_runs_scenarios_and_its_notebook() {
    let python = std::env::var("PALISADE_PYTHON").unwrap_or_else(|_| "python3".into());
    let has = |module: &str| {
        Command::new(&python).args(["-c", &format!("import {module}")]).output().is_ok_and(|out| out.status.success())
    };
    if !has("polars") {
        eprintln!(
            "not run: `{python}` has no polars; `pip install polars matplotlib`, or name another in PALISADE_PYTHON"
        );
        return;
    }
    if !has("matplotlib") {
        eprintln!("the notebook is not run: `{python}` has no matplotlib");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut command = Command::new(&python);
    command.args(["-B", "-m", "unittest", "discover", "-s", "python/tests"]).current_dir(root);
    let out = command.env("PALISADE", env!("CARGO_BIN_EXE_palisade")).output().unwrap();
    assert!(out.status.success(), "{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
}
