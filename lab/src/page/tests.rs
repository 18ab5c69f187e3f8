#![allow(clippy::unwrap_used)]
use super::*;
use crate::load::{RunRequest, load};
use crate::run::run;
use crate::sample::{self, Onlooker};

fn ran(request: &RunRequest, out: &Path, seeds: u32) {
    let request = RunRequest { seeds, jobs: 2, out: Some(out.to_owned()), ..request.clone() };
    run(&load(&request).unwrap(), &request, &Onlooker::default()).unwrap();
}

#[test]
fn a_page_is_whole_self_contained_and_the_same_again() {
    let (folder, request) = sample::attacked();
    let out = folder.path().join("run");
    ran(&request, &out, 3);
    let first = page(&out).unwrap();
    assert_eq!(first, page(&out).unwrap());
    assert!(first.len() < 5_000_000, "{}", first.len());
    for id in ["verdict", "timeline", "prices", "losses", "margin", "concentration", "worlds", "reproduce"] {
        assert!(first.contains(&format!("<section id=\"{id}\"")), "{id}");
    }
    let own = first.split("<script>").next().unwrap();
    assert!(!own.contains("src=\"") && !own.contains("href=\"http"), "something is fetched");
}

#[test]
fn a_comparison_has_a_page_of_its_own() {
    let (folder, request) = sample::attacked();
    let request = RunRequest { seeds: 3, jobs: 2, ..request };
    let changed = RunRequest { sets: vec!["protocol.markets.THIN-PERP.fee=0.01".parse().unwrap()], ..request.clone() };
    let (a, b) = (load(&request).unwrap(), load(&changed).unwrap());
    let out = folder.path().join("compared");
    let pair = crate::compare::Pair { a: (&a, &request), b: (&b, &changed) };
    pair.compare(Some(&out), |_| "palisade compare it".into(), &Onlooker::default()).unwrap();
    let page = page(&out).unwrap();
    for part in ["What it costs", "THIN-PERP.fee=0.01", "palisade compare it", "id=\"chart-both-volume\""] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn what_is_no_result_has_no_page() {
    let folder = tempfile::tempdir().unwrap();
    assert!(page(folder.path()).unwrap_err().to_string().contains("is no run directory"));
}
