//! Generated pages say what the registry says; names in it are usable in scripts and tables.

use std::collections::BTreeSet;
use std::path::Path;

use palisade_engine::mechanisms::ALL;
use palisade_engine::registry::Registry;
use palisade_lab::reference::{DEFINITIONS, generated, pages};

#[test]
fn reference_pages_are_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let definitions = pages().into_iter().filter(|(name, _)| *name == DEFINITIONS);
    let of_folder = |folder: &'static str| move |(name, text)| (format!("{folder}/{name}"), text);
    let all = generated().into_iter().map(of_folder("docs/reference")).chain(definitions.map(of_folder("scripts")));
    for (name, expected) in all {
        let path = root.join(&name);
        if std::env::var_os("PALISADE_BLESS").is_some() {
            std::fs::write(&path, &expected).expect("a writable checkout");
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == expected, "{name} is out of date: run PALISADE_BLESS=1 cargo test -p palisade-tests");
    }
}

#[test]
fn every_page_of_the_folder_travels_with_the_program() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference");
    let entries = std::fs::read_dir(folder).expect("the pages").map(|entry| entry.expect("an entry").file_name());
    let found: BTreeSet<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    let pages = pages().into_iter().map(|(name, _)| name.to_owned());
    assert_eq!(pages.filter(|name| name.ends_with(".md")).collect::<BTreeSet<_>>(), found);
}

#[test]
fn every_declaration_is_named_once_documented_and_in_bounds() {
    let registry = Registry::of(&ALL);
    let mut seen = BTreeSet::new();
    for param in &registry.params {
        assert!(seen.insert((param.block, param.name)), "`{}.{}` twice", param.block, param.name);
        let value = (param.default)();
        assert!((param.bounds.0..=param.bounds.1).contains(&value), "{}: default {value} is out of bounds", param.name);
        assert!(param.doc.ends_with('.') && !param.unit.is_empty(), "{}", param.name);
    }
    let outcomes: BTreeSet<_> = registry.outcomes.iter().map(|outcome| outcome.name).collect();
    assert_eq!(outcomes.len(), registry.outcomes.len());
    let actions: BTreeSet<_> = registry.actions.iter().map(|action| action.name).collect();
    assert_eq!(actions.len(), registry.actions.len());
    assert!(registry.actions.iter().all(|action| action.args.len() <= palisade_engine::action::MAX_ARGS));
    let columns: BTreeSet<_> = registry.probes.iter().map(|probe| (probe.kind, probe.name)).collect();
    assert_eq!(columns.len(), registry.probes.len());
}
