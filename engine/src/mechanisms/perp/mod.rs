//! Linear perpetual markets against a pool: the pool takes the other side at the oracle price moved by skew, within
//! open-interest caps, and the heavier side pays funding.

mod activity;
mod funding;
mod state;
mod trade;
mod view;

use std::collections::BTreeMap;

use bevy_ecs::prelude::{Query, Res, World};
use schemars::JsonSchema;
use serde::Deserialize;

use self::activity::Activity;
use crate::action::{ActionSpec, ArgKind, ArgSpec, Receiver, Who};
use crate::book::{Book, Row};
use crate::domain::{Account, Feed, Funds, Market, MarketState, MarketTerms, Positions, VaultTerms};
use crate::ledger::{Bucket, Ledger};
use crate::mechanism::{Assets, Mechanism, Setup};
use crate::mechanisms::vaults::VAULTS;
use crate::params;
use crate::phase::{Half, Phase};
use crate::registry::{BlockSpec, Directory, Kind, Registry};
use crate::rule::Chosen;
use crate::scenario::SetupError;
use crate::valuation::{DEPOSITS, INSURANCE, POOL};

pub(super) use trade::{check_initial, fill_price, position};

const MARKETS: &str = "protocol.markets";
const FUNDS: &str = "protocol.funds";

/// Perpetual markets.
pub(super) struct Perp;

/// The block `protocol.funds`, in settlement coins.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct FundsBlock {
    /// The counterparty of every position.
    #[schemars(range(min = 0.0))]
    pool: f64,
    /// The fund that bears losses beyond margin.
    #[schemars(range(min = 0.0))]
    insurance: f64,
    /// What accounts may borrow against unrealized profit.
    #[schemars(range(min = 0.0))]
    deposits: f64,
}

const MARKET: ArgSpec = ArgSpec { name: "market", kind: ArgKind::Handle(Kind::Market), unit: "", doc: "The market." };
const SIZE: ArgSpec = ArgSpec {
    name: "size",
    kind: ArgKind::Number,
    unit: "contracts",
    doc: "Signed change: positive buys, negative sells.",
};
const PART: ArgSpec =
    ArgSpec { name: "size", kind: ArgKind::Amount, unit: "contracts", doc: "How much of the position to close." };

impl Mechanism for Perp {
    fn name(&self) -> &'static str {
        "perp"
    }

    fn declare(&self, registry: &mut Registry) {
        registry.blocks.extend([
            BlockSpec::of::<BTreeMap<String, MarketTerms>>(
                MARKETS,
                "Perpetual markets: feed, base, venues and terms each.",
            ),
            BlockSpec::of::<FundsBlock>(
                FUNDS,
                "The protocol's own money, in settlement coins: pool, insurance and deposits.",
            ),
        ]);
        registry.params.extend(params![MarketTerms, Kind::Market, "protocol.markets";
            fee_stake_share: "ratio", 0.0, 1.0, Lower, "Share of fees that goes to the stakers of the vaults behind the market.";
            fee: "ratio", 0.0, 0.1, Neither, "Fee on notional.";
            fee_insurance_share: "ratio", 0.0, 1.0, Lower, "Share of fees that goes to the insurance fund.";
            skew_scale: "contracts", 1e-6, 1e18, Higher, "Skew at which the price impact is 100 %.";
            funding_cap: "ratio/day", 0.0, 10.0, Lower, "Largest funding rate a day.";
            funding_scale: "contracts", 1e-6, 1e18, Higher, "Skew at which funding reaches its cap.";
            oi_cap: "coins", 0.0, 1e15, Higher, "Largest notional of either side.";
            oi_cap_depth_share: "ratio", 0.0, 1e15, Higher, "Largest notional of either side as a multiple of the venues' 2 % depth.";
        ]);
        view::declare_view(registry);
        view::declare_probes(registry);
        state::declare(registry);
        activity::declare(registry);
        registry.actions.extend([
            ActionSpec {
                name: "open",
                receiver: Receiver::Account,
                who: Who::Everyone,
                args: &[MARKET, SIZE],
                doc: "Changes the position by a signed size.",
                run: trade::open,
            },
            ActionSpec {
                name: "close",
                receiver: Receiver::Account,
                who: Who::Everyone,
                args: &[MARKET, PART],
                doc: "Closes some or all of the position.",
                run: trade::close,
            },
        ]);
    }

    fn build(&self, setup: &mut Setup<'_>) -> Result<(), SetupError> {
        let block: FundsBlock = setup.block(FUNDS)?.unwrap_or_default();
        let settlement = setup.world.resource::<Assets>().settlement();
        let mut fund = |name: &str, bucket, coins, key: &str| {
            let group = setup.group(name);
            setup.fund(group, bucket, settlement, coins, &format!("{FUNDS}.{key}"))
        };
        let pool = fund(POOL, Bucket::Pool, block.pool, "pool")?;
        let insurance = fund(INSURANCE, Bucket::Insurance, block.insurance, "insurance")?;
        let deposits = fund(DEPOSITS, Bucket::Deposits, block.deposits, "deposits")?;
        let deposit_claims = setup.world.resource::<Ledger>().balance(deposits);
        setup.protocol((Funds { pool, insurance, deposits, deposit_claims }, Activity::default()));
        let blocks: BTreeMap<String, MarketTerms> = setup.block(MARKETS)?.unwrap_or_default();
        for (name, terms) in blocks {
            open_market(setup, &name, terms)?;
        }
        back_markets(setup)?;
        setup.state::<Funds>();
        setup.state::<MarketTerms>();
        setup.state::<Market>();
        setup.state::<Account>();
        setup.state::<Positions>();
        setup.state::<Activity>();
        // Marks follow the feed at once, so that under either timing agents decide and trade on the new ones.
        setup.system(Phase::Oracle, Half::Settle, mark_markets);
        setup.system(Phase::Fund, Half::Settle, funding::pay_funding);
        setup.system(Phase::Fund, Half::Prepare, activity::add_open_interest);
        setup.system(Phase::Record, Half::Prepare, assert_open_interest);
        Ok(())
    }
}

fn open_market(setup: &mut Setup<'_>, name: &str, terms: MarketTerms) -> Result<(), SetupError> {
    let path = format!("{MARKETS}.{name}");
    let base = setup.asset(&terms.base, &format!("{path}.base"))?;
    let feed = setup.find(Kind::Feed, "feed", &terms.feed, &format!("{path}.feed"))?;
    let find_venue = |venue: &String| setup.find(Kind::Venue, "venue", venue, &format!("{path}.venues"));
    let venues = terms.venues.iter().map(find_venue).collect::<Result<Vec<_>, _>>()?;
    if venues.is_empty() && terms.oi_cap_depth_share < crate::domain::UNLIMITED {
        return Err(SetupError::value(format!("{path}.oi_cap_depth_share"), "a cap by depth needs `venues`"));
    }
    if terms.tiers.windows(2).any(|pair| pair[0].above >= pair[1].above) {
        return Err(SetupError::value(format!("{path}.tiers"), "expected tiers in rising order of `above`"));
    }
    if terms.mmr > terms.imr {
        return Err(SetupError::value(
            format!("{path}.mmr"),
            format!("expected at most the initial ratio {}, found {}", terms.imr, terms.mmr),
        ));
    }
    let assets = setup.world.resource::<Assets>();
    let base_scale = assets.scale(base);
    let market = Market {
        base,
        feed,
        venues,
        vaults: Vec::new(),
        state: MarketState::Live,
        mark: None,
        stale: true,
        unit: assets.settlement_scale() / base_scale,
        base_scale,
        long: 0,
        short: 0,
        cost: 0,
        margin_factor: 1.0,
        requirement: Chosen::default(),
    };
    setup.spawn(Kind::Market, name, (market, terms));
    Ok(())
}

/// Tells markets which vaults guarantee them.
fn back_markets(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    let vaults: Vec<_> = setup.world.resource::<Directory>().entities(Kind::Vault).collect();
    for (vault, entity) in vaults.into_iter().enumerate() {
        let markets = setup.world.get::<VaultTerms>(entity).map(|terms| terms.markets.clone()).unwrap_or_default();
        let path = format!("{VAULTS}.{}.markets", setup.world.resource::<Directory>().name(Kind::Vault, vault));
        for name in markets {
            let market = setup.find(Kind::Market, "market", &name, &path)?;
            let entity = setup.world.resource::<Directory>().entity(Kind::Market, market);
            let market = entity.and_then(|entity| setup.world.get_mut::<Market>(entity));
            if let Some(mut market) = market.filter(|market| !market.vaults.contains(&vault)) {
                market.vaults.push(vault);
            }
        }
    }
    Ok(())
}

fn mark_markets(mut markets: Query<'_, '_, &mut Market>, feeds: Query<'_, '_, &Feed>, directory: Res<'_, Directory>) {
    for mut market in &mut markets {
        let feed = directory.entity(Kind::Feed, market.feed).and_then(|entity| feeds.get(entity).ok());
        let (mark, stale) = feed.map_or((None, true), |feed| (feed.price, feed.stale));
        if market.mark != mark || market.stale != stale {
            market.mark = mark;
            market.stale = stale;
        }
    }
}

/// Σ positions = open interest and cost, in every market, every step.
fn assert_open_interest(world: &mut World) {
    Book::follow(world);
    let directory = world.resource::<Directory>();
    let mut sums = vec![(0_i128, 0_i128, 0_i128); directory.count(Kind::Market)];
    for position in world.resource::<Book>().rows().iter().flat_map(Row::positions) {
        let sum = &mut sums[usize::from(position.market)];
        sum.0 += i128::from(position.size.max(0));
        sum.1 += i128::from((-position.size).max(0));
        sum.2 += i128::from(position.cost);
    }
    for (place, entity) in directory.entities(Kind::Market).enumerate() {
        let Some(market) = world.get::<Market>(entity) else { continue };
        let known = (i128::from(market.long), i128::from(market.short), market.cost);
        assert!(
            sums[place] == known,
            "Invariant: positions of `{}` sum to {:?}, the market says {known:?}",
            directory.name(Kind::Market, place),
            sums[place]
        );
    }
}
