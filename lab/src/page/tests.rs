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
    pair.compare(Some(&out), &Onlooker::default()).unwrap();
    let page = page(&out).unwrap();
    for part in [
        "What it costs",
        "THIN-PERP.fee=0.01",
        " --seed 1 --seeds 3 --with protocol.markets.THIN-PERP.fee=0.01",
        "id=\"chart-both-volume\"",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn a_parameter_set_from_outside_stands_in_the_report() {
    let (folder, request) = sample::attacked();
    let out = folder.path().join("run");
    let fork = crate::fork::Fork::parse("40", "protocol.markets.THIN-PERP.fee=0.05").unwrap();
    ran(&RunRequest { forks: vec![fork], ..request }, &out, 1);
    let page = page(&out).unwrap();
    for part in
        ["<section id=\"votes\"", "1 parameter.", "set from outside", "protocol.markets.THIN-PERP.fee is set from "]
    {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn designs_that_do_not_run_equally_long_are_said_to() {
    let (folder, request) = sample::attacked();
    let longer = RunRequest { sets: vec!["clock=[(for: \"3m\", dt: \"1s\")]".parse().unwrap()], ..request.clone() };
    let (a, b) = (load(&request).unwrap(), load(&longer).unwrap());
    let out = folder.path().join("compared");
    let pair = crate::compare::Pair { a: (&a, &request), b: (&b, &longer) };
    pair.compare(Some(&out), &Onlooker::default()).unwrap();
    assert!(page(&out).unwrap().contains("A runs 2m in 120 steps and B 3m in 180 steps"));
}

#[test]
fn what_is_no_result_has_no_page() {
    let folder = tempfile::tempdir().unwrap();
    assert!(page(folder.path()).unwrap_err().to_string().contains("is no run directory"));
}

/// Every headline figure that another table than `runs` can give is recomputed from there, and stands on the page and in the
/// explanation as it comes out.
#[test]
fn headline_figures_are_those_that_other_tables_give() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let request = RunRequest { scenario: "quorum_capture".into(), steps: Some(600), ..RunRequest::default() };
    ran(&request, &out, 1);
    let run = RunDir::open(&out).unwrap();
    let number = |sql: &str| match run.query(sql).unwrap().row(0)[0] {
        crate::frames::Cell::Float(value) => value,
        #[allow(clippy::cast_precision_loss)]
        crate::frames::Cell::Int(value) => value as f64,
        ref other => panic!("{sql}: {other:?}"),
    };
    let scale = run.manifest().settlement_scale;
    let end = number("SELECT attacker_wallet FROM world ORDER BY step DESC LIMIT 1");
    // The attacker begins with money alone.
    let start = number("SELECT start FROM groups WHERE role = 'attacker'");
    let solvency = number("SELECT solvency FROM world ORDER BY step DESC LIMIT 1");
    let layers = "'loss_on_insurance', 'loss_on_stake', 'loss_on_winners', 'loss_socialized', 'loss_written_off'";
    let recomputed = [
        ("attacker net", end - start),
        ("solvency", solvency),
        ("deficits", number(&format!("SELECT SUM(amount) FROM events WHERE what IN ({layers})")) / scale),
        ("liquidations", number("SELECT COUNT(*) FROM liquidations WHERE what = 'liquidated'")),
        ("fees", number("SELECT SUM(amount) FROM flows WHERE reason = 'fee'") / scale),
    ];
    let page = page(&out).unwrap();
    let cells: Vec<&str> =
        page.split("<td").skip(1).filter_map(|cell| cell.split_once('>')?.1.split("</td>").next()).collect();
    for (name, value) in recomputed {
        let place = cells.iter().position(|cell| *cell == name).unwrap_or_else(|| panic!("no `{name}` on the page"));
        assert_eq!(cells[place + 2], crate::words::figure(value, cells[place + 1]), "{name}: {value}");
    }
    let told = crate::explain::explain(&run, None, &crate::explain::Question::Course).unwrap();
    let told: String = told.sentences.into_iter().map(|sentence| sentence.text).collect();
    let short = format!("at the end the protocol was {}", crate::words::money(solvency.abs()));
    assert!(told.contains(&short), "no `{short}` in {told}");
}
