"""Runs the reference workload on every peer and on Palisade, and prints CPU time per agent-decision and ratios.

Arguments: names of peers to leave out. A peer that is not installed is passed over.
"""

import json
import pathlib
import subprocess
import sys

import workload

HERE = pathlib.Path(__file__).parent
PEERS = ("numpy_columns", "mesa_do", "mesa_frames_polars")
# What ratios are taken to: the scripted world on the engine's seam.
OURS = "palisade seam scripted chunked"


def lines(command, folder=HERE):
    """The lines of JSON that a command prints."""
    print(" ".join(map(str, command)), file=sys.stderr)
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        print(f"it ended with {done.returncode}: passed over", file=sys.stderr)
        return []
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"implementation"')]


def krabmaga():
    build = ["cargo", "build", "--release", "--quiet"]
    if subprocess.run(build, cwd=HERE / "krabmaga").returncode != 0:
        return []
    found = []
    for traders, (steps, digest) in workload.PUBLISHED.items():
        found += lines(["krabmaga/target/release/reference-krabmaga", str(traders), str(steps), "5", digest])
    return found


def main():
    # A filter that no group matches: the table comes before them.
    bench = ["cargo", "bench", "-p", "palisade-tests", "--bench", "reference", "--", "none"]
    left_out = set(sys.argv[1:])
    found = lines(bench, HERE.parent.parent)
    for peer in PEERS:
        if peer not in left_out:
            found += lines([sys.executable, f"{peer}.py"])
    if "krabmaga" not in left_out:
        found += krabmaga()
    table(found)


def table(found):
    times = {}
    for line in (line for line in found if "ns" in line):
        times.setdefault(line["implementation"], {})[line["agents"]] = line["ns"]
    sizes = list(workload.PUBLISHED)
    heads = [f"{size:,}" for size in sizes]
    print("| CPU ns per agent-decision (its ratio to `" + OURS + "`) | " + " | ".join(heads) + " |")
    print("|---|" + "---|" * len(sizes))
    for name, by_size in times.items():
        cells = []
        for size in sizes:
            ns, ours = by_size.get(size), times.get(OURS, {}).get(size)
            ratio = f" ({ns / ours:.2f}×)" if ns and ours else ""
            cells.append(f"{ns:,.1f}{ratio}" if ns else "")
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
