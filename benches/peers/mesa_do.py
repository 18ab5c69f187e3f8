"""The reference workload on Mesa: an agent a trader, stepped in order by `agents.do`."""

from math import floor

import mesa

import workload as w


class Trader(mesa.Agent):
    def __init__(self, model, place):
        super().__init__(model)
        self.place = place
        self.margin, self.pos = entrant((w.MARGIN, w.LEVERAGE, w.SIDE), place, 0, w.START_PRICE)
        self.thr = 0.004 * w.uniform(w.THRESHOLD, place, 0)
        self.stake = 1 + floor(1000.0 * w.uniform(w.STAKE, place, 0))

    def step(self):
        market = self.model.market
        self.margin += self.pos * (market.oracle - market.last)
        if self.pos != 0.0 and self.margin < market.mmr * abs(self.pos) * market.oracle:
            market.insurance += floor(self.margin * 1e6 + 0.5)
            market.liquidations += 1
            streams = (w.NEW_MARGIN, w.NEW_LEVERAGE, w.NEW_SIDE)
            self.margin, self.pos = entrant(streams, self.model.now, self.place, market.oracle)
        size = decide(market.oracle, market.ret, self.margin, self.pos, self.thr)
        self.pos += size
        fee = w.FEE * abs(size) * market.oracle
        self.margin -= fee
        market.insurance += floor(fee * 1e6 + 0.5)

    def vote(self):
        model, leverage = self.model, abs(self.pos) * self.model.market.oracle / self.margin
        model.votes[2] += self.stake
        if leverage > 10.0:
            model.votes[1] += self.stake
        elif leverage < 3.0:
            model.votes[0] += self.stake


class Model(mesa.Model):
    def __init__(self, traders):
        super().__init__(seed=0)
        self.market, self.now = w.Market(), 0
        for place in range(traders):
            Trader(self, place)

    def advance(self, step):
        self.now = step
        self.market.advance(step)
        self.agents.do("step")
        if step % w.VOTE_PERIOD == 0:
            self.votes = [0, 0, 0]
            self.agents.do("vote")
            self.market.adopt(*self.votes)

    def digest(self):
        hashes = 0
        for agent in self.agents:
            pos = w.bits(agent.pos)
            rotated = (pos << 1 | pos >> 63) & w.MASK
            hashes += w.mix64(w.bits(agent.margin) ^ rotated ^ agent.place)
        return self.market.digest(hashes)


def entrant(streams, a, b, price):
    margin = 100.0 + 900.0 * w.uniform(streams[0], a, b)
    leverage = 1.0 + 29.0 * w.uniform(streams[1], a, b)
    side = -1.0 if w.uniform(streams[2], a, b) < 0.5 else 1.0
    return margin, side * margin * leverage / price


def decide(price, ret, margin, pos, thr):
    leverage = abs(pos) * price / margin
    unit = 0.1 * margin / price
    if leverage > w.MAX_LEVERAGE:
        return -0.5 * pos
    if ret > thr:
        return unit * (1.0 - leverage / w.MAX_LEVERAGE)
    return -unit * (1.0 - leverage / w.MAX_LEVERAGE)


if __name__ == "__main__":
    w.measure(f"Mesa {mesa.__version__} do", Model, runs=3)
