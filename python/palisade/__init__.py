"""Palisade from Python: scenarios run by the command line program, results as polars frames.

Everything is computed by the program; this module says what to run, reads the tables it wrote, and raises its errors.

    import palisade
    run = palisade.run("thin_market", set={"protocol.feeds.THIN.collar_per_minute": 0.1}, seeds=8)
    run.verdict                 # a sentence
    run["world"]                # a polars frame, a row per world and step
"""

from __future__ import annotations

import json
import numbers
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

__all__ = ["BadInput", "Comparison", "Failed", "Interrupted", "PalisadeError", "Run", "compare", "program", "run", "sweep"]


_KINDS = {
    "small": pl.UInt32,
    "unsigned": pl.UInt64,
    "int": pl.Int64,
    "float": pl.Float64,
    "flag": pl.Boolean,
    "text": pl.String,
}


class PalisadeError(Exception):
    """The program ended with an error; the text is its own."""

    def __init__(self, text: str, code: int, command: list[str]):
        super().__init__(text)
        self.text, self.code, self.command = text, code, command


class BadInput(PalisadeError):
    """Something in the scenario, its scripts or the arguments is wrong (exit code 2)."""


class Failed(PalisadeError):
    """A run or a property failed: a broken invariant, or ``fail_if`` that hit (exit code 1)."""


class Interrupted(PalisadeError):
    """The run was ended early (exit code 130)."""


def program() -> str:
    """The program: ``$PALISADE``, one on the path, or one built in the repository around this file."""
    named = os.environ.get("PALISADE")
    if named:
        return named
    found = shutil.which("palisade")
    if found:
        return found
    target = Path(__file__).resolve().parents[2] / "target"
    for profile in ("release", "debug"):
        built = target / profile / "palisade"
        if built.is_file():
            return str(built)
    raise FileNotFoundError("there is no `palisade` on the path; build it with `cargo build --release`, or name it in $PALISADE")


class Run(Mapping):
    """A run directory: tables by name as polars frames, and the report as the program prints it with ``--json``.

    Files are read as they are; ``query`` asks the program, which holds each against its digest first.
    """

    def __init__(self, path: str | os.PathLike[str], keep: Any = None):
        self.path = Path(path)
        self.manifest: dict[str, Any] = json.loads((self.path / "manifest.json").read_text())
        self.report: dict[str, Any] = json.loads((self.path / "summary.json").read_text())
        self._keep = keep
        self._frames: dict[str, pl.DataFrame] = {}

    @property
    def command(self) -> str:
        """The command that gives the same again."""
        return self.manifest["command"]

    @property
    def verdict(self) -> str:
        """What came out, in a sentence."""
        return self.report["verdict"]

    @property
    def outcomes(self) -> pl.DataFrame:
        """Every figure of every world: a row per world."""
        return self["runs"]

    def __getitem__(self, table: str) -> pl.DataFrame:
        if table not in self._frames:
            if table not in self.manifest["tables"]:
                raise KeyError(f"there is no table {table!r}; expected one of {', '.join(self)}")
            parts = [self.path / file["path"] for file in self.manifest["files"] if file["path"].startswith(f"{table}/")]
            parts.sort(key=lambda part: int(part.stem.removeprefix("part-")))
            self._frames[table] = pl.concat([self._read(table, part) for part in parts])
        return self._frames[table]

    def _read(self, table: str, part: Path) -> pl.DataFrame:
        match self.manifest["format"]:
            case "parquet":
                return pl.read_parquet(part)
            case "ipc":
                return pl.read_ipc(part)
        columns = self.manifest["tables"][table]["columns"]
        return pl.read_csv(part, schema={column["name"]: _KINDS[column["kind"]] for column in columns})

    def __iter__(self) -> Iterator[str]:
        return iter(self.manifest["tables"])

    def __len__(self) -> int:
        return len(self.manifest["tables"])

    def columns(self, table: str) -> pl.DataFrame:
        """What the columns of a table are: name, kind, unit, meaning."""
        return pl.DataFrame(self.manifest["tables"][table]["columns"])

    def query(self, sql: str) -> pl.DataFrame:
        """Answers SQL over the tables, as ``palisade query`` does."""
        with tempfile.TemporaryDirectory(prefix="palisade-") as folder:
            out = Path(folder) / "answer.parquet"
            _call(["query", str(self.path), sql, "--out", str(out)])
            return pl.read_parquet(out)

    def __repr__(self) -> str:
        return f"<palisade run of {self.manifest['scenario']}, {len(self.manifest['seeds'])} worlds: {', '.join(self)}>"


class Comparison:
    """Two designs over the same seeds: ``differences``, a row per figure, and the runs ``a`` and ``b``."""

    def __init__(self, path: str | os.PathLike[str], keep: Any = None):
        self.path = Path(path)
        self.report: dict[str, Any] = json.loads((self.path / "comparison.json").read_text())
        self.a, self.b = Run(self.path / "a", keep), Run(self.path / "b", keep)
        rows = [
            {**{key: value for key, value in row.items() if key != "interval"}, "low": low, "high": high}
            for row in self.report["rows"]
            for low, high in [row["interval"] or (None, None)]
        ]
        self.differences = pl.DataFrame(rows, infer_schema_length=None)


def run(
    scenario: str | os.PathLike[str],
    set: Mapping[str, Any] | None = None,  # noqa: A002 - the word of the command line
    seeds: int = 1,
    *,
    seed: int = 1,
    steps: int | None = None,
    record: str | None = None,
    scripts: Iterable[str | os.PathLike[str]] = (),
    fail_if: str | None = None,
    out: str | os.PathLike[str] | None = None,
    jobs: int | None = None,
) -> Run:
    """Runs a scenario over seeds and returns its tables.

    ``set`` changes values by their dotted paths; ``record`` is what ``--record`` takes; without ``out`` the tables live
    as long as what is returned.
    """
    keep, folder = _folder(out)
    args = ["run", os.fspath(scenario), "--out", str(folder), "--quiet"]
    args += _common(set, seeds, seed, steps, scripts, jobs)
    if record:
        args += ["--record", record]
    if fail_if:
        args += ["--fail-if", fail_if]
    _call(args)
    return Run(folder, keep)


def compare(
    scenario: str | os.PathLike[str],
    other: str | os.PathLike[str] | None = None,
    *,
    with_: Mapping[str, Any] | None = None,
    set: Mapping[str, Any] | None = None,  # noqa: A002
    seeds: int = 16,
    seed: int = 1,
    steps: int | None = None,
    scripts: Iterable[str | os.PathLike[str]] = (),
    out: str | os.PathLike[str] | None = None,
    jobs: int | None = None,
) -> Comparison:
    """Compares two designs over the same seeds: another scenario, or ``with_`` other values of this one."""
    keep, folder = _folder(out)
    args = ["compare", os.fspath(scenario), *([os.fspath(other)] if other else []), "--out", str(folder), "--quiet"]
    args += _common(set, seeds, seed, steps, scripts, jobs)
    for path, value in (with_ or {}).items():
        args += ["--with", f"{path}={_ron(value)}"]
    _call(args)
    return Comparison(folder, keep)


def sweep(
    scenario: str | os.PathLike[str],
    design: pl.DataFrame,
    seeds: int = 1,
    *,
    set: Mapping[str, Any] | None = None,  # noqa: A002
    out: str | os.PathLike[str] | None = None,
    **options: Any,
) -> pl.DataFrame:
    """Runs the scenario for every row of ``design``, whose columns are dotted paths; returns a row per design and world,
    with the design's own columns before the figures. With ``out``, the tables of row N stay in ``out/N``."""
    frames = []
    for place, point in enumerate(design.iter_rows(named=True)):
        folder = None if out is None else Path(out) / str(place)
        result = run(scenario, {**(set or {}), **point}, seeds, out=folder, **options)
        own = [pl.lit(place).alias("design"), *(pl.lit(value).alias(path) for path, value in point.items())]
        frames.append(result.outcomes.select(*own, pl.all()))
    return pl.concat(frames) if frames else pl.DataFrame()


def _common(sets, seeds, seed, steps, scripts, jobs) -> list[str]:
    args = ["--seeds", str(seeds), "--seed", str(seed)]
    for path, value in (sets or {}).items():
        args += ["--set", f"{path}={_ron(value)}"]
    if steps is not None:
        args += ["--steps", str(steps)]
    for folder in scripts:
        args += ["--scripts", os.fspath(folder)]
    if jobs is not None:
        args += ["--jobs", str(jobs)]
    return args


def _ron(value: Any) -> str:
    """A Python value as the scenario file writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, numbers.Integral):
        return str(int(value))
    if isinstance(value, numbers.Real):
        return repr(float(value))
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(json.dumps(item) if isinstance(item, str) else _ron(item) for item in value) + "]"
    raise TypeError(f"{value!r} cannot stand in a scenario: expected a number, a flag, a text or a list of them")


def _folder(out: str | os.PathLike[str] | None) -> tuple[Any, Path]:
    if out is not None:
        return None, Path(out)
    keep = tempfile.TemporaryDirectory(prefix="palisade-")
    return keep, Path(keep.name) / "run"


def _call(args: list[str]) -> str:
    command = [program(), *args]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"})
    if done.returncode == 0:
        return done.stdout
    kind = {1: Failed, 2: BadInput, 130: Interrupted}.get(done.returncode, PalisadeError)
    text = done.stderr.strip() or done.stdout.strip() or f"palisade ended with code {done.returncode}"
    raise kind(text.removeprefix("error: "), done.returncode, command)
