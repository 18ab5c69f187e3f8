"""Columns of numpy that the peers on arrays start from, and their digest."""

import numpy as np

import workload as w

KEY = [np.uint64(word) for word in w.KEY]


def mix64(words):
    words = words ^ (words >> np.uint64(30))
    words = words * KEY[1]
    words = words ^ (words >> np.uint64(27))
    words = words * KEY[2]
    return words ^ (words >> np.uint64(31))


def uniform(stream, a, b):
    """Uniform in [0, 1); `a` and `b` are arrays of uint64, or one of them a number."""
    key = np.uint64((w.SEED * w.KEY[0] ^ stream * w.KEY[1]) & w.MASK)
    parts = [part * word if isinstance(part, np.ndarray) else np.uint64(part * int(word) & w.MASK) for part, word in ((a, KEY[2]), (b, KEY[3]))]
    return (mix64(mix64(key ^ parts[0] ^ parts[1])) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def entrants(streams, a, b, price):
    """Collateral and positions of somebody new."""
    margin = 100.0 + 900.0 * uniform(streams[0], a, b)
    leverage = 1.0 + 29.0 * uniform(streams[1], a, b)
    side = np.where(uniform(streams[2], a, b) < 0.5, -1.0, 1.0)
    return margin, side * margin * leverage / price


def traders(count):
    """Collateral, positions, thresholds and votes at the start."""
    all_ = np.arange(count, dtype=np.uint64)
    margin, pos = entrants((w.MARGIN, w.LEVERAGE, w.SIDE), all_, 0, w.START_PRICE)
    stake = 1 + np.floor(1000.0 * uniform(w.STAKE, all_, 0)).astype(np.int64)
    return margin, pos, 0.004 * uniform(w.THRESHOLD, all_, 0), stake


def micros(values):
    """The sum of millionths, each rounded."""
    return int(np.floor(values * 1e6 + 0.5).astype(np.int64).sum())


def hashed(margin, pos):
    words = pos.view(np.uint64)
    rotated = (words << np.uint64(1)) | (words >> np.uint64(63))
    place = np.arange(len(pos), dtype=np.uint64)
    return int(mix64(margin.view(np.uint64) ^ rotated ^ place).sum(dtype=np.uint64))
