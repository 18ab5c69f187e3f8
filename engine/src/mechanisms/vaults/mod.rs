//! Stake vaults: tokens put behind markets and feeds for a share of the fees, and cut for losses and offences. A scenario
//! without vaults has one over the settlement asset, behind no market, for the stake of its nodes.

mod cuts;
mod shares;
mod view;

use std::collections::BTreeMap;

use bevy_ecs::prelude::{IntoScheduleConfigs, Query, Res};

use crate::action::{ActionSpec, ArgKind, ArgSpec, Receiver, Who};
use crate::domain::{AgentId, Cohorts, CutWindow, Holdings, Roster, Vault, VaultTerms};
use crate::ledger::{AssetId, Bucket, Ledger};
use crate::mechanism::{Assets, Mechanism, Setup};
use crate::params;
use crate::phase::{Half, Phase};
use crate::population;
use crate::registry::{BlockSpec, Directory, Kind, Registry};
use crate::scenario::{Scenario, SetupError};
use crate::valuation;

pub(super) use cuts::{Cut, cover, cut_one, dispose, note_cut, room};
pub(super) use shares::pay_fees;

pub(super) const VAULTS: &str = "protocol.vaults";

/// The vault of scenarios that name none.
const IMPLICIT: &str = "stake";

/// Stake vaults.
pub(super) struct Vaults;

const VAULT: ArgSpec = ArgSpec { name: "vault", kind: ArgKind::Handle(Kind::Vault), unit: "", doc: "The vault." };
const AMOUNT: ArgSpec =
    ArgSpec { name: "amount", kind: ArgKind::Amount, unit: "coins", doc: "Coins of the staked asset." };

impl Mechanism for Vaults {
    fn name(&self) -> &'static str {
        "vaults"
    }

    fn declare(&self, registry: &mut Registry) {
        registry.blocks.push(BlockSpec::of::<BTreeMap<String, VaultTerms>>(
            VAULTS,
            "Vaults of stake that guarantees markets and weighs reports: asset, markets, venue, disposal, cooldown and cap on cuts each. Without this block there is one vault, `stake`, over the settlement asset, behind no market.",
        ));
        registry.params.extend(params![VaultTerms, Kind::Vault, "protocol.vaults";
            slash_cap: "ratio", 0.0, 1.0, Lower, "Largest share of the stake that may be cut within a window.";
        ]);
        view::declare(registry);
        let action =
            |name, args, doc, run| ActionSpec { name, receiver: Receiver::Me, who: Who::Everyone, args, doc, run };
        registry.actions.extend([
            action("stake", &[VAULT, AMOUNT], "Puts tokens at stake.", shares::stake),
            action(
                "unstake",
                &[VAULT, AMOUNT],
                "Asks for stake back: it cools down first, and can be cut until it is out.",
                shares::unstake,
            ),
            action("redeem", &[VAULT], "Takes out what has cooled down.", shares::redeem),
            action("claim", &[VAULT], "Takes the fees earned.", shares::claim),
        ]);
    }

    fn build(&self, setup: &mut Setup<'_>) -> Result<(), SetupError> {
        let mut blocks: BTreeMap<String, VaultTerms> = setup.block(VAULTS)?.unwrap_or_default();
        if blocks.is_empty() {
            blocks.insert(IMPLICIT.to_owned(), VaultTerms::default());
        }
        for (name, terms) in blocks {
            open_vault(setup, &name, terms)?;
        }
        stake_at_start(setup)?;
        setup.state::<Vault>();
        setup.state::<VaultTerms>();
        setup.state::<Holdings>();
        setup.system(Phase::Fund, Half::Settle, view::follow_income);
        setup.system(Phase::Record, Half::Prepare, (view::note_prices, assert_shares).chain());
        Ok(())
    }
}

fn open_vault(setup: &mut Setup<'_>, name: &str, terms: VaultTerms) -> Result<(), SetupError> {
    let path = format!("{VAULTS}.{name}");
    let settlement = setup.world.resource::<Assets>().settlement();
    let asset =
        if terms.asset.is_empty() { settlement } else { setup.asset(&terms.asset, &format!("{path}.asset"))? };
    if terms.slash_window.0 == 0 {
        return Err(SetupError::value(format!("{path}.slash_window"), "expected a time above zero"));
    }
    let venue = venue_of(setup, &terms, asset, &path)?;
    let group = setup.group(&valuation::vault_group(name));
    let mut ledger = setup.world.resource_mut::<Ledger>();
    let vault = Vault {
        asset,
        staked: ledger.open(group, Bucket::Stake, asset),
        rewards: ledger.open(group, Bucket::Rewards, settlement),
        treasury: ledger.open(group, Bucket::Treasury, asset),
        burned: ledger.open(group, Bucket::Burned, asset),
        venue,
        shares: 0,
        index: 0,
        earned: 0,
        cut: 0,
        window: CutWindow::default(),
    };
    setup.spawn(Kind::Vault, name, (vault, terms, view::Income::default()));
    Ok(())
}

/// The venue on which the staked asset can be sold for the settlement asset.
fn venue_of(setup: &Setup<'_>, terms: &VaultTerms, asset: AssetId, path: &str) -> Result<Option<usize>, SetupError> {
    let path = format!("{path}.venue");
    let settlement = setup.world.resource::<Assets>().settlement();
    if asset == settlement {
        return if terms.venue.is_empty() {
            Ok(None)
        } else {
            Err(SetupError::value(path, "the settlement asset needs no venue to be sold on"))
        };
    }
    if terms.venue.is_empty() {
        return Err(SetupError::value(
            path,
            "expected the venue that trades the staked asset for the settlement asset",
        ));
    }
    let place = setup.find(Kind::Venue, "venue", &terms.venue, &path)?;
    let venue = crate::registry::part::<crate::domain::Venue>(setup.world, Kind::Venue, place);
    if venue.is_some_and(|venue| venue.base == asset && venue.quote == settlement) {
        Ok(Some(place))
    } else {
        Err(SetupError::value(
            path,
            format!("`{}` does not trade the staked asset for the settlement asset", terms.venue),
        ))
    }
}

/// Issues what cohorts have at stake at the start, a share a unit.
fn stake_at_start(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    let scenario: &Scenario = setup.scenario;
    for (path, cohort, info) in population::spawned(scenario, setup.world.resource::<Cohorts>()) {
        let Some(amounts) = cohort.stake else { continue };
        let place = match cohort.bind.get("vault") {
            Some(name) => setup.find(Kind::Vault, "vault", name, &format!("{path}.bind.vault"))?,
            None => 0,
        };
        let directory = setup.world.resource::<Directory>();
        let Some(entity) = directory.entity(Kind::Vault, place) else { continue };
        for id in info.agents.clone().map(AgentId) {
            let Some(vault) = setup.world.get::<Vault>(entity) else { continue };
            let slot = (vault.staked, vault.asset);
            let Some(key) = valuation::agent(setup.world, id).map(|agent| agent.key) else { continue };
            let units = population::endow(setup.world, slot, (amounts, "stake", key), &format!("{path}.stake"))?;
            let holder = setup.world.resource::<Roster>().agent(id);
            if let Some(holder) = holder {
                let hold = |holdings: &mut Holdings| holdings.entry(place).shares = units;
                // Everybody has holdings, empty ones at first.
                let _ = setup.world.modify_component(holder, hold);
            }
            if let Some(mut vault) = setup.world.get_mut::<Vault>(entity) {
                vault.shares += units;
            }
        }
    }
    Ok(())
}

/// Σ shares = the vault's, fees owed are there, and no window's cuts exceed its cap; in every step.
#[allow(clippy::cast_precision_loss)]
fn assert_shares(
    vaults: Query<'_, '_, (&Vault, &VaultTerms)>,
    holders: Query<'_, '_, &Holdings>,
    directory: Res<'_, Directory>,
    ledger: Res<'_, Ledger>,
) {
    let mut sums = vec![(0_i128, 0_i128); directory.count(Kind::Vault)];
    for holding in holders.iter().flat_map(|holdings| &holdings.0) {
        let Some(Ok((vault, _))) = directory.entity(Kind::Vault, holding.vault).map(|entity| vaults.get(entity)) else {
            continue;
        };
        sums[holding.vault].0 += i128::from(holding.shares);
        sums[holding.vault].1 += i128::from(holding.owed_at(vault.index));
    }
    for (place, entity) in directory.entities(Kind::Vault).enumerate() {
        let Ok((vault, _)) = vaults.get(entity) else { continue };
        let (shares, owed) = sums[place];
        let name = directory.name(Kind::Vault, place);
        assert!(
            shares == i128::from(vault.shares),
            "Invariant: shares of `{name}` sum to {shares}, not {}",
            vault.shares
        );
        let there = ledger.balance(vault.rewards);
        assert!(owed <= i128::from(there), "Invariant: `{name}` owes fees of {owed} and has {there}");
        assert!(
            vault.window.cut <= vault.window.allowed,
            "Invariant: `{name}` was cut beyond its cap: {:?}",
            vault.window
        );
    }
}
