//! Reports in a real browser: a headless Chromium opens each from its file at two widths, and the page itself says what it
//! found. Without one on the machine the test says so and ends; `PALISADE_CHROMIUM` names another than those on the path.
#![cfg(feature = "parquet")]
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// Stands before every other script: keeps what goes wrong.
const LISTEN: &str = r#"<script>
window.__wrong = [];
window.addEventListener("error", (event) => window.__wrong.push(String(event.message)));
window.addEventListener("unhandledrejection", (event) => window.__wrong.push(String(event.reason)));
for (const kind of ["error", "warn"]) console[kind] = (...words) => window.__wrong.push(kind + ": " + words.join(" "));
</script>"#;

/// Stands behind them: waits until every chart is drawn, and tells the page around it what is there.
const TELL: &str = r#"<script>
(() => {
  const charts = [...document.querySelectorAll(".chart")];
  const marks = (chart) => chart.querySelectorAll("svg .role-mark path, svg .role-mark line, svg .role-mark text, svg .role-mark circle").length;
  const wide = () => [...document.querySelectorAll("body *")].filter((part) => {
    for (let over = part.parentElement; over; over = over.parentElement) {
      if (["auto", "hidden"].includes(getComputedStyle(over).overflowX)) return false;
    }
    return part.getBoundingClientRect().right > document.documentElement.clientWidth + 1;
  }).map((part) => part.tagName + "." + part.className);
  let waits = 0;
  const timer = setInterval(() => {
    const drawn = charts.filter((chart) => chart.dataset.drawn === "yes");
    if (drawn.length < charts.length && ++waits < 200) return;
    clearInterval(timer);
    parent.postMessage(JSON.stringify({
      width: innerWidth, charts: charts.length, drawn: drawn.length,
      blank: charts.filter((chart) => marks(chart) === 0).map((chart) => chart.id),
      scroll: document.documentElement.scrollWidth - document.documentElement.clientWidth,
      wide: wide(), wrong: window.__wrong,
      unnamed: [...document.querySelectorAll(".chart, .scroll, section")].filter((part) => !part.getAttribute("aria-label") && !part.getAttribute("aria-labelledby")).length,
      unreachable: [...document.querySelectorAll(".chart, .scroll, a, summary")].filter((part) => part.tabIndex < 0).length,
      requests: performance.getEntriesByType("resource").map((entry) => entry.name).filter((name) => !name.startsWith("data:")),
    }), "*");
  }, 50);
})();
</script>"#;

/// A population that is quickly played.
const CROWD: &str = r#"(
tournament: 1, name: "crowd", summary: "a short ecology", scenario: "trading_floor",
play: Population(
    seat: "population.crowd",
    entrants: [Strategy("noise"), Strategy("trend"), Strategy("mean_reversion")],
    generations: 3, selection: 5.0, floor: 0.01,
),
)"#;

fn chromium() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("PALISADE_CHROMIUM") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name))).find(|file| file.is_file())
}

fn palisade(folder: &Path, args: &[&str]) {
    let out = Command::new(env!("CARGO_BIN_EXE_palisade")).args(args).current_dir(folder).output().unwrap();
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
}

/// What a page tells at a width, in a frame of that width: a window cannot be as narrow as a phone.
fn told(chromium: &Path, folder: &Path, page: &str, width: u32) -> Value {
    let text = fs::read_to_string(folder.join(page)).unwrap();
    // The scripts of the page say `</body>` too; the last one is the page's.
    let (before, after) = text.rsplit_once("</body>").unwrap();
    let text = format!("{}{TELL}</body>{after}", before.replacen("<head>", &format!("<head>{LISTEN}"), 1));
    fs::write(folder.join("told.html"), text).unwrap();
    let around = format!(
        "<!doctype html><body style=\"margin:0\"><iframe src=\"told.html\" width=\"{width}\" height=\"900\" style=\"border:0\"></iframe>\
         <pre id=\"told\"></pre><script>addEventListener(\"message\", (event) => {{ document.getElementById(\"told\").textContent = event.data; }});</script>"
    );
    fs::write(folder.join("around.html"), around).unwrap();
    let profile = folder.join("profile");
    let out = Command::new(chromium)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1400,1000"])
        .args(["--virtual-time-budget=20000", "--allow-file-access-from-files", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("file://{}", folder.join("around.html").display()))
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&out.stdout);
    let told = dom.split("<pre id=\"told\">").nth(1).and_then(|rest| rest.split("</pre>").next()).unwrap_or_default();
    let told = told.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&told).unwrap_or_else(|error| panic!("{page} at {width}: {error}: {told:?}"))
}

#[test]
fn every_chart_is_drawn_nothing_overflows_and_nothing_is_fetched() {
    let Some(chromium) = chromium() else {
        eprintln!("not run: there is no Chromium on this machine; install one or name it in PALISADE_CHROMIUM");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    palisade(folder, &["run", "thin_market", "--seeds", "3", "--steps", "240", "--out", "attacked", "--quiet"]);
    palisade(folder, &["run", "quorum_capture", "--steps", "600", "--out", "voted", "--quiet"]);
    let with = "protocol.feeds.THIN.collar_per_minute=0.05";
    palisade(
        folder,
        &["compare", "thin_market", "--with", with, "--seeds", "3", "--steps", "240", "--out", "compared", "--quiet"],
    );
    let small = ["--steps", "30", "--replicates", "2", "--quiet", "--out"];
    let many = |command: &[&str], name: &str| palisade(folder, &[command, &small, &[name]].concat());
    many(&["tournament", "attackers_vs_defences"], "attacks");
    many(&["tournament", "oracle_games"], "pairs");
    fs::write(folder.join("crowd.ron"), CROWD).unwrap();
    many(&["tournament", "crowd.ron"], "crowd");
    let axes =
        ["--vary", "protocol.markets.THIN-PERP.imr=0.1..0.5", "--vary", "market.venues.THIN/USD.depth=1e5..1e6:log"];
    many(&[&["sweep", "thin_market", "--indices", "16"][..], &axes].concat(), "indices");
    many(&["sweep", "thin_market", "--vary", "protocol.markets.THIN-PERP.imr=0.1..0.5/5"], "curve");
    let hunt =
        ["hunt", "thin_market", "--steps", "60", "--budget", "4", "--seeds", "1", "--held-out", "4", "--plan-only"];
    palisade(folder, &[&hunt[..], &["--quiet", "--certificate", "found.json"]].concat());
    palisade(folder, &["report", "found.json", "--out", "found.html"]);
    let many = [("found", 1), ("attacks", 3), ("pairs", 6), ("crowd", 1), ("indices", 2), ("curve", 1)];
    for (name, charts) in [("attacked", 8), ("voted", 6), ("compared", 4)].into_iter().chain(many) {
        if name != "found" {
            palisade(folder, &["report", name]);
        }
        for width in [1280, 390] {
            let told = told(&chromium, folder, &format!("{name}.html"), width);
            let of = |key: &str| told[key].as_u64().unwrap_or(u64::MAX);
            assert_eq!(of("width"), u64::from(width), "{told}");
            assert!(of("charts") >= charts && of("drawn") == of("charts"), "{name}: {told}");
            for none in ["blank", "wide", "wrong", "requests"] {
                assert_eq!(told[none], Value::Array(Vec::new()), "{name} at {width}: {told}");
            }
            assert_eq!((of("scroll"), of("unnamed"), of("unreachable")), (0, 0, 0), "{name} at {width}: {told}");
        }
    }
}
