"""What the Python peers share: random numbers, the market with its oracle, and the timing of runs whose digest is right."""

import json
import statistics
import struct
import sys
import time

MASK = (1 << 64) - 1
KEY = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0xD6E8FEB86659FD93)
SEED = 42
(MARGIN, LEVERAGE, SIDE, THRESHOLD, STAKE, PRICE, NOISE, OUTLIER, NEW_MARGIN, NODE_STAKE, NEW_LEVERAGE, NEW_SIDE) = range(1, 13)
START_PRICE, FEE, MAX_LEVERAGE, VOTE_PERIOD = 100.0, 0.0005, 30.0, 50

# Traders, steps and the digest in every language.
PUBLISHED = {
    1_000: (200, "320 66333180645 3067389 3f9851eb851eb852 40564e2416c48418 5017d914b4233c14"),
    10_000: (20, "756 232892570597 258322 3f9999999999999a 40589f9b6ccd6d6c 0bdc4d74dd04e7f3"),
    100_000: (4, "872 420833213645 54900 3f9999999999999a 40590be775b013f2 b5797375f0a316d3"),
}


def mix64(word):
    word ^= word >> 30
    word = word * KEY[1] & MASK
    word ^= word >> 27
    word = word * KEY[2] & MASK
    return word ^ word >> 31


def uniform(stream, a, b):
    """Uniform in [0, 1)."""
    key = (SEED * KEY[0] ^ stream * KEY[1] ^ a * KEY[2] ^ b * KEY[3]) & MASK
    return (mix64(mix64(key)) >> 11) * 2.0**-53


def total(stream, a, places):
    """The sum of draws, left to right."""
    result = 0.0
    for place in places:
        result += uniform(stream, a, place)
    return result


def bits(number):
    return struct.unpack("<Q", struct.pack("<d", number))[0]


class Market:
    """Price, nodes, and what traders have paid."""

    def __init__(self):
        self.price = self.oracle = self.last = START_PRICE
        self.ret, self.mmr = 0.0, 0.025
        self.insurance = self.liquidations = self.slashed = 0
        self.nodes = [1_000_000 + int(1_000_000 * uniform(NODE_STAKE, node, 0)) for node in range(21)]

    def advance(self, step):
        self.price *= 1.0 + 0.0 + 0.01 * (total(PRICE, step, range(12)) - 6.0)
        reports = []
        for node in range(len(self.nodes)):
            noise = (total(NOISE, step, range(4 * node, 4 * node + 4)) - 2.0) * 1.7320508075688772
            report = self.price * (1.0 + 0.001 * noise)
            reports.append(report * 1.05 if uniform(OUTLIER, step, node) < 0.01 else report)
        self.last, self.oracle = self.oracle, self.median(reports)
        for node, report in enumerate(reports):
            if abs(report / self.oracle - 1.0) > 0.01:
                lost = self.nodes[node] // 20
                self.nodes[node] -= lost
                self.slashed += lost
        self.ret = self.oracle / self.last - 1.0

    def median(self, reports):
        """The report at half of the stake."""
        below, whole = 0, sum(self.nodes)
        for report, node in sorted((report, node) for node, report in enumerate(reports)):
            below += self.nodes[node]
            if 2 * below >= whole:
                return report
        raise AssertionError("all of the stake is at least half of it")

    def adopt(self, raise_, lower, whole):
        """The margin requirement follows the majority."""
        if 2 * raise_ > whole:
            self.mmr *= 1.05
        elif 2 * lower > whole:
            self.mmr *= 0.95
        self.mmr = min(max(self.mmr, 0.01), 0.10)

    def digest(self, hash_of_traders):
        numbers = f"{self.liquidations} {self.insurance} {self.slashed}"
        return f"{numbers} {bits(self.mmr):016x} {bits(self.price):016x} {hash_of_traders & MASK:016x}"


def measure(name, make, runs=5):
    """Prints a line of JSON for each size: `make(traders)` has `step(n)` and `digest()`."""
    sizes = [int(size) for size in sys.argv[1:]] or list(PUBLISHED)
    for traders in sizes:
        steps, expected = PUBLISHED[traders]
        times = []
        for _ in range(runs):
            model = make(traders)
            start = time.process_time()
            for step in range(1, steps + 1):
                model.advance(step)
            times.append((time.process_time() - start) * 1e9 / traders / steps)
            assert model.digest() == expected, f"{name}, {traders} traders: {model.digest()}"
        print(json.dumps({"implementation": name, "agents": traders, "ns": round(statistics.median(times), 2)}), flush=True)
