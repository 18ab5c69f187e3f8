//! Which of the library's functions run over columns.

use palisade_agents::{Library, Strategy, ways};
use palisade_engine::mechanisms::ALL;
use palisade_engine::registry::Registry;
use palisade_engine::scenario::Role;

/// What keeps a script's functions off the columns.
fn kept(library: &Library, script: &Strategy) -> Vec<String> {
    let ways = ways(library, script, &Registry::of(&ALL)).expect("a sound script");
    ways.into_iter().filter_map(|way| way.kept).map(|problem| problem.to_string()).collect()
}

#[test]
fn the_public_and_all_rules_run_over_columns() {
    let library = Library::load(&[]).expect("the library");
    let public =
        [Role::Trader, Role::Staker, Role::Voter, Role::Keeper, Role::Arbitrageur, Role::Oracle, Role::Validator];
    let is_public = |strategy: &&Strategy| strategy.card.role.is_some_and(|role| public.contains(&role));
    for script in library.strategies().filter(is_public).chain(library.rules()) {
        assert_eq!(kept(&library, script), [""; 0], "{}", script.file);
    }
}
