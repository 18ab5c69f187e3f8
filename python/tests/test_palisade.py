"""The module against the program; run with ``python -m unittest discover -s python/tests`` from the repository."""

import json
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))

import polars as pl  # noqa: E402

import palisade  # noqa: E402

THIN = {"protocol.feeds.THIN.collar_per_minute": 0.05}


class Runs(unittest.TestCase):
    def test_tables_are_frames_with_the_figures_of_the_report(self):
        run = palisade.run("thin_market", seeds=2, steps=60)
        self.assertEqual(run["world"].height, 120)
        self.assertEqual(run["world"]["seed"].unique().sort().to_list(), [1, 2])
        first = {row["name"]: row["first"] for row in run.report["outcomes"]}
        self.assertEqual(run.outcomes["attacker_net"][0], first["attacker_net"])
        self.assertEqual(run.query("SELECT COUNT(*) AS n FROM markets")["n"][0], run["markets"].height)
        self.assertIn("unit", run.columns("world").columns)
        self.assertTrue(run.command.startswith("palisade run thin_market"))
        self.assertTrue(run.verdict)
        with self.assertRaises(KeyError):
            run["wrld"]

    def test_what_is_recorded_is_there(self):
        run = palisade.run("thin_market", steps=30, record="tables=trades,positions")
        self.assertGreater(run["trades"].height, 0)
        self.assertIn("entry", run["positions"].columns)

    def test_nothing_is_written_over(self):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "run"
            palisade.run("calm", steps=2, out=out)
            with self.assertRaises(palisade.BadInput):
                palisade.run("calm", steps=2, out=out)


class Errors(unittest.TestCase):
    def test_they_are_the_words_of_the_program(self):
        with self.assertRaises(palisade.BadInput) as caught:
            palisade.run("thin_market", {"protocol.feeds.THIN.colar_per_minute": 0.1})
        self.assertIn("colar_per_minute", caught.exception.text)
        self.assertEqual(caught.exception.code, 2)
        with self.assertRaises(palisade.Failed):
            palisade.run("thin_market", steps=120, fail_if="volume >= 0")
        with self.assertRaises(TypeError):
            palisade.run("thin_market", {"name": {}})


class Designs(unittest.TestCase):
    def test_a_comparison_has_a_row_for_every_figure(self):
        found = palisade.compare("thin_market", with_=THIN, seeds=3, steps=120)
        row = found.differences.row(by_predicate=pl.col("name") == "attacker_net", named=True)
        mean = (found.b.outcomes["attacker_net"] - found.a.outcomes["attacker_net"]).mean()
        self.assertAlmostEqual(row["difference"], mean, places=6)
        self.assertLessEqual(row["low"], row["difference"])

    def test_a_sweep_has_a_row_for_every_design_and_world(self):
        path = "protocol.feeds.THIN.collar_per_minute"
        frame = palisade.sweep("thin_market", pl.DataFrame({path: [0.05, 1.0]}), seeds=2, steps=60)
        self.assertEqual(frame.height, 4)
        self.assertEqual(frame[path].to_list(), [0.05, 0.05, 1.0, 1.0])
        alone = palisade.run("thin_market", {path: 1.0}, seeds=2, steps=60)
        self.assertEqual(frame.filter(pl.col("design") == 1)["attacker_net"].to_list(), alone.outcomes["attacker_net"].to_list())


class Notebook(unittest.TestCase):
    def test_every_cell_runs_and_a_figure_comes_out(self):
        try:
            import matplotlib
        except ImportError:
            self.skipTest("matplotlib is not here")
        matplotlib.use("Agg")
        book = json.loads((ROOT / "python/notebooks/from_scenario_to_figure.ipynb").read_text())
        cells = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
        self.assertLess(len(book["cells"]), 30)
        names = {}
        for cell in cells:
            exec(compile("".join(cell["source"]), "notebook", "exec"), names)
        self.assertTrue(names["figure"].axes[0].lines)


if __name__ == "__main__":
    unittest.main()
