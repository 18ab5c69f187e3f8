//! Which of the library's functions run over columns.

use palisade_agents::{Backend, Library, ways};
use palisade_engine::mechanisms::ALL;
use palisade_engine::registry::Registry;
use palisade_engine::scenario::Role;

/// What is kept off the columns, function by function.
fn kept(library: &Library) -> Vec<(String, String)> {
    let registry = Registry::of(&ALL);
    let mut kept = Vec::new();
    for script in library.strategies().chain(library.rules()) {
        for way in ways(library, script, &registry).expect("a sound script") {
            if let Some(problem) = way.kept {
                kept.push((script.file.clone(), problem.to_string()));
            }
        }
    }
    kept
}

#[test]
fn the_library_runs_over_columns() {
    let library = Library::load(&[]).expect("the library");
    let kept = kept(&library);
    for (file, problem) in &kept {
        eprintln!("{file}: {problem}");
    }
    let public = [Role::Trader, Role::Staker, Role::Voter, Role::Keeper, Role::Arbitrageur, Role::Oracle];
    for strategy in
        library.strategies().filter(|strategy| strategy.card.role.is_some_and(|role| public.contains(&role)))
    {
        assert!(!kept.iter().any(|(file, _)| *file == strategy.file), "{} is interpreted", strategy.file);
    }
    let _ = Backend::Auto;
}
