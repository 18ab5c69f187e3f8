//! Every relative link of the documentation leads to a file, and its anchor to a heading there.

use std::fs;
use std::path::{Path, PathBuf};

use palisade_tests::markdown::{anchors, links};

fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            pages(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// What is wrong with a link from `page`.
fn flaw(page: &Path, target: &str) -> Option<String> {
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let path = if file.is_empty() { page.to_owned() } else { page.parent().expect("a folder").join(file) };
    if !path.exists() {
        return Some("leads to no file".to_owned());
    }
    let anchor = anchor?;
    let known = anchors(&fs::read_to_string(path).expect("a page"));
    (!known.iter().any(|known| known == anchor)).then(|| format!("has no such heading; there are {known:?}"))
}

#[test]
fn every_link_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut all = vec![root.join("README.md")];
    pages(&root.join("docs"), &mut all);
    let (mut flaws, mut count) = (Vec::new(), 0);
    for page in &all {
        for (line, target) in links(&fs::read_to_string(page).expect("a page")) {
            count += 1;
            let place = page.strip_prefix(&root).expect("below it").display();
            flaws.extend(flaw(page, &target).map(|flaw| format!("{place}:{line}: `{target}` {flaw}")));
        }
    }
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
    assert!(count > 60, "{count} links");
}

#[test]
fn a_dead_link_is_found() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    assert_eq!(flaw(&readme, "docs/GLOSSARY.md#glossary"), None);
    assert_eq!(flaw(&readme, "docs/GLOSARY.md"), Some("leads to no file".to_owned()));
    assert!(flaw(&readme, "#no-such-heading").is_some_and(|flaw| flaw.starts_with("has no such heading")));
}
