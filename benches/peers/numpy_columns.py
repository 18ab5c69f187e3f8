"""The reference workload on numpy alone."""

import numpy as np

import columns
import workload as w


class Model:
    def __init__(self, traders):
        self.market = w.Market()
        self.margin, self.pos, self.thr, self.stake = columns.traders(traders)

    def advance(self, step):
        market = self.market
        market.advance(step)
        self.settle(step)
        size = decide(market.oracle, market.ret, self.margin, self.pos, self.thr)
        self.pos += size
        fee = w.FEE * np.abs(size) * market.oracle
        self.margin -= fee
        market.insurance += columns.micros(fee)
        if step % w.VOTE_PERIOD == 0:
            leverage = np.abs(self.pos) * market.oracle / self.margin
            stakes = (int(self.stake[leverage < 3.0].sum()), int(self.stake[leverage > 10.0].sum()))
            market.adopt(*stakes, int(self.stake.sum()))

    def settle(self, step):
        market, margin, pos = self.market, self.margin, self.pos
        margin += pos * (market.oracle - market.last)
        ruined = np.flatnonzero((pos != 0.0) & (margin < market.mmr * np.abs(pos) * market.oracle))
        if len(ruined):
            market.insurance += columns.micros(margin[ruined])
            market.liquidations += len(ruined)
            streams = (w.NEW_MARGIN, w.NEW_LEVERAGE, w.NEW_SIDE)
            margin[ruined], pos[ruined] = columns.entrants(streams, step, ruined.astype(np.uint64), market.oracle)

    def digest(self):
        return self.market.digest(columns.hashed(self.margin, self.pos))


def decide(price, ret, margin, pos, thr):
    leverage = np.abs(pos) * price / margin
    unit = 0.1 * margin / price
    tilt = unit * (1.0 - leverage / w.MAX_LEVERAGE)
    return np.where(leverage > w.MAX_LEVERAGE, -0.5 * pos, np.where(ret > thr, tilt, -tilt))


if __name__ == "__main__":
    w.measure(f"numpy {np.__version__}", Model)
