"""The reference workload on mesa-frames: traders are the rows of an agent set on polars, each phase a few expressions.

Polars divides by a number as it multiplies by its inverse, which is another result in the last bit: what the strategy
divides by is a column.
"""

import os

# CPU time is compared, so one thread is enough; polars reads this when it is imported.
os.environ["POLARS_MAX_THREADS"] = "1"

import mesa_frames
import numpy as np
import polars as pl
from mesa_frames import AgentSetPolars, ModelDF

import columns
import workload as w

MARGIN, POS, THR, STAKE = pl.col("margin"), pl.col("pos"), pl.col("thr"), pl.col("stake")
PRICE, MOST = pl.col("price"), pl.col("most")


class Traders(AgentSetPolars):
    def __init__(self, model, count):
        super().__init__(model)
        margin, pos, thr, stake = columns.traders(count)
        ids = np.arange(count, dtype=np.int64)
        most = np.full(count, w.MAX_LEVERAGE)
        rows = {"unique_id": ids, "margin": margin, "pos": pos, "thr": thr, "stake": stake, "most": most}
        self.add(pl.DataFrame(rows))

    def step(self):
        self.settle()
        market = self.model.market
        rows = self.agents.with_columns(pl.repeat(market.oracle, len(self.agents), eager=True).alias("price"))
        rows = rows.with_columns(decide(market.ret).alias("size"))
        rows = rows.with_columns((w.FEE * pl.col("size").abs() * market.oracle).alias("fee"))
        rows = rows.with_columns(POS + pl.col("size"), MARGIN - pl.col("fee"))
        market.insurance += micros(rows["fee"])
        self.agents = rows.drop("size", "fee", "price")

    def settle(self):
        market, step = self.model.market, self.model.now
        rows = self.agents.with_columns(MARGIN + POS * (market.oracle - market.last))
        is_ruined = (POS != 0.0) & (MARGIN < market.mmr * POS.abs() * market.oracle)
        ruined = rows.select(is_ruined.arg_true()).to_series()
        if len(ruined):
            market.insurance += micros(rows["margin"][ruined])
            market.liquidations += len(ruined)
            streams = (w.NEW_MARGIN, w.NEW_LEVERAGE, w.NEW_SIDE)
            margin, pos = columns.entrants(streams, step, ruined.to_numpy().astype(np.uint64), market.oracle)
            rows = rows.with_columns(rows["margin"].scatter(ruined, margin), rows["pos"].scatter(ruined, pos))
        self.agents = rows

    def vote(self):
        market = self.model.market
        leverage = POS.abs() * market.oracle / MARGIN
        sums = [STAKE.filter(leverage < 3.0).sum().alias("raise"), STAKE.filter(leverage > 10.0).sum().alias("lower")]
        market.adopt(*self.agents.select(*sums, STAKE.sum()).row(0))


class Model(ModelDF):
    def __init__(self, traders):
        super().__init__(seed=0)
        self.market, self.now = w.Market(), 0
        self.traders = Traders(self, traders)
        self.agents += self.traders

    def advance(self, step):
        self.now = step
        self.market.advance(step)
        self.agents.do("step", inplace=True)
        if step % w.VOTE_PERIOD == 0:
            self.agents.do("vote", inplace=True)

    def digest(self):
        rows = next(iter(self.agents._agentsets)).agents
        return self.market.digest(columns.hashed(rows["margin"].to_numpy().copy(), rows["pos"].to_numpy().copy()))


def decide(ret):
    leverage = POS.abs() * PRICE / MARGIN
    unit = 0.1 * MARGIN / PRICE
    tilt = unit * (1.0 - leverage / MOST)
    return pl.when(leverage > MOST).then(-0.5 * POS).when(ret > THR).then(tilt).otherwise(-tilt)


def micros(series):
    return (series * 1e6 + 0.5).floor().cast(pl.Int64).sum()


if __name__ == "__main__":
    w.measure(f"mesa-frames {mesa_frames.__version__}", Model)
