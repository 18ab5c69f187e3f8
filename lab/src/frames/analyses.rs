//! Ready analyses: the questions that every run is asked, as SQL over its tables, to be read and changed.

/// A ready analysis.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Analysis {
    /// Its name.
    pub name: &'static str,
    /// What it answers, in one line.
    pub doc: &'static str,
    /// The query.
    pub sql: &'static str,
}

/// All of them. To SQL a NaN is larger than every number, so that a bound leaves it out.
pub const ANALYSES: [Analysis; 6] = [
    Analysis {
        name: "attack",
        doc: "What attackers put in at most, got back, kept net of all of it, and what the others lost by it, per world.",
        sql: "SELECT run, seed, attacker_outlay AS put_in, attacker_gross AS got_back, attacker_net AS net, \
              CASE WHEN attacker_outlay > 0 THEN attacker_net / attacker_outlay END AS return_on_outlay, \
              loss_caused, deficits, insolvent > 0 AS insolvent FROM runs ORDER BY run",
    },
    Analysis {
        name: "losses",
        doc: "Who lost how much, on average over worlds, and how much of it the attack caused; the largest loss first.",
        sql: "SELECT \"group\", role, COUNT(*) AS worlds, AVG(\"end\" - start) AS change, \
              AVG(without_attack) AS without_attack, AVG(\"end\" - start - without_attack) AS caused, \
              MIN(\"end\" - start - without_attack) AS worst FROM groups GROUP BY \"group\", role \
              ORDER BY caused, change, \"group\"",
    },
    Analysis {
        name: "security_margin",
        doc: "By route and step: what an attack by it would lose on the way, less what it could take; where it is negative the attack would pay.",
        sql: "SELECT seed, step, time_ms, route, capital, cost, value_at_risk, cost - value_at_risk AS margin FROM (\
              SELECT seed, step, time_ms, 'oracle majority' AS route, oracle_majority_capital AS capital, \
              oracle_majority_cost AS cost, value_at_risk FROM world \
              UNION ALL SELECT seed, step, time_ms, 'oracle bribe', oracle_bribe_capital, oracle_bribe_cost, value_at_risk FROM world \
              UNION ALL SELECT seed, step, time_ms, 'quorum', quorum_capital, quorum_cost, value_at_risk FROM world \
              UNION ALL SELECT seed, step, time_ms, 'venue push', venue_push_capital, venue_push_cost, value_at_risk FROM world) \
              WHERE capital < 1000000000000000000 ORDER BY seed, route, step",
    },
    Analysis {
        name: "parameters",
        doc: "Every change of a risk parameter: when, by which proposal (none for `--set-at`), from what to what.",
        sql: "SELECT seed, step, time_ms, path, before, after, proposal, cohort AS executed_by FROM governance \
              WHERE what IN ('changed', 'set_from_outside') ORDER BY seed, step, path",
    },
    Analysis {
        name: "liquidation_tree",
        doc: "Liquidations by step and market, with how many steps in a row they have gone on: what the first one set off.",
        sql: "SELECT seed, market, step, liquidations, accounts, closed, lowest_price, highest_price, \
              ROW_NUMBER() OVER (PARTITION BY seed, market, chain ORDER BY step) AS steps_in_a_row FROM (\
              SELECT *, step - RANK() OVER (PARTITION BY seed, market ORDER BY step) AS chain FROM (\
              SELECT seed, market, step, COUNT(*) AS liquidations, COUNT(DISTINCT account) AS accounts, \
              SUM(ABS(amount)) AS closed, MIN(price) AS lowest_price, MAX(price) AS highest_price \
              FROM liquidations GROUP BY seed, market, step)) ORDER BY seed, market, step",
    },
    Analysis {
        name: "procyclicality",
        doc: "By market: how far the factor on requirements rose above its lowest, and whether it rose when the mark fell.",
        sql: "SELECT seed, market, MIN(margin_factor) AS lowest_factor, MAX(margin_factor) AS highest_factor, \
              MAX(margin_factor) / MIN(margin_factor) AS peak_to_trough, CORR(margin_factor, mark) AS correlation_with_mark, \
              MAX(ABS(margin_factor - previous)) AS largest_step FROM (\
              SELECT seed, market, step, mark, margin_factor, LAG(margin_factor, 1) OVER (PARTITION BY seed, market ORDER BY step) AS previous \
              FROM markets WHERE mark > 0) GROUP BY seed, market ORDER BY seed, market",
    },
];
