//! The description of the model in the guide says what the registry says.

use std::path::Path;

use palisade_engine::mechanisms::ALL;
use palisade_engine::registry::Registry;
use palisade_lab::odd;

#[test]
fn the_odd_page_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide/src/odd.md");
    let expected = odd::page(&Registry::of(&ALL));
    if std::env::var_os("PALISADE_BLESS").is_some() {
        std::fs::write(&path, &expected).expect("a writable checkout");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let rewrite = "PALISADE_BLESS=1 cargo test -p palisade-tests odd";
    assert!(found == expected, "docs/guide/src/odd.md is out of date: run {rewrite}");
}
