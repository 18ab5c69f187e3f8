//! The list of everything that scripts can call: what is added or taken away shows here, and is to be thought over.

use std::path::Path;

use palisade_agents::signatures;
use palisade_engine::mechanisms::ALL;
use palisade_engine::registry::Registry;

#[test]
fn the_list_of_callable_functions_is_current() {
    let found: String = signatures(&Registry::of(&ALL)).iter().map(|signature| format!("{signature}\n")).collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/signatures.txt");
    if std::env::var_os("PALISADE_BLESS").is_some() {
        std::fs::write(&path, &found).expect("a writable checkout");
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
    let (old, new) = (lines(&known), lines(&found));
    let gone: Vec<_> = old.difference(&new).collect();
    let added: Vec<_> = new.difference(&old).collect();
    assert!(
        known == found,
        "scripts can call something else than golden/signatures.txt says: gone {gone:#?}, added {added:#?}\n\
         think it over, then run PALISADE_BLESS=1 cargo test --workspace signatures"
    );
}

#[test]
fn no_signature_names_what_lies_outside_of_scripts() {
    for signature in signatures(&Registry::of(&ALL)) {
        let outside = ["::", "rhai", "palisade", "blob", "file", "clock", "timestamp", "sleep", "exit", "eval", "env"];
        assert!(!outside.iter().any(|word| signature.contains(word)), "{signature}");
    }
}
