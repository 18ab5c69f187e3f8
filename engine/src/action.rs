//! What agents can ask for: typed actions, the arguments they carry, and the reasons for which they are refused.

use crate::registry::{Handle, Kind};
use crate::scenario::Role;
use crate::tx::Tx;
use crate::units::{Amount, Rounding, whole};

/// An action that did not take effect, and why. Never an error of the run: a refusal is data.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Rejected {
    /// A stable snake_case word; plugins add their own.
    pub reason: &'static str,
}

#[allow(missing_docs)] // the words are the documentation
impl Rejected {
    pub const AMOUNT: Self = Self::new("bad_amount");
    pub const ARGUMENT: Self = Self::new("bad_argument");
    pub const FUNDS: Self = Self::new("insufficient_funds");
    pub const MARGIN: Self = Self::new("insufficient_margin");
    pub const OVERFLOW: Self = Self::new("overflow");
    pub const ROLE: Self = Self::new("role_not_permitted");
    pub const NOT_FOUND: Self = Self::new("not_found");
    pub const STALE: Self = Self::new("stale_price");
    pub const CAP: Self = Self::new("open_interest_cap");
    pub const HEALTHY: Self = Self::new("account_is_healthy");
    pub const HALTED: Self = Self::new("market_halted");
    pub const REDUCE_ONLY: Self = Self::new("reduce_only");
    pub const LIQUIDITY: Self = Self::new("insufficient_liquidity");
    pub const NOT_INCLUDED: Self = Self::new("not_included");

    /// A refusal for `reason`.
    #[must_use]
    pub const fn new(reason: &'static str) -> Self {
        Self { reason }
    }
}

/// One argument as an agent gave it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Value {
    /// A number: an amount in whole coins, a size in contracts, or a plain ratio.
    Number(f64),
    /// All there is.
    All,
    /// A share of all there is, in 0…1.
    Fraction(f64),
    /// A thing of the world.
    Handle(Handle),
}

/// What an argument must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ArgKind {
    /// A number, `all` or `fraction(x)`.
    Amount,
    /// A number only.
    Number,
    /// A handle of one kind.
    Handle(Kind),
}

/// One argument of an action, as scripts and reference pages show it.
#[derive(Clone, Copy, Debug)]
pub struct ArgSpec {
    /// The name.
    pub name: &'static str,
    /// What it must be.
    pub kind: ArgKind,
    /// The unit, for amounts and numbers.
    pub unit: &'static str,
    /// One line.
    pub doc: &'static str,
}

/// On which view record scripts find the action.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Receiver {
    /// `me.action(…)`
    Me,
    /// `me.account(i).action(…)`
    Account,
}

/// Who may take an action.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    /// Every role.
    Everyone,
    /// These roles of the public, and attackers, who may do whatever the public may.
    Public(&'static [Role]),
    /// These roles alone: the protocol appointed them.
    Appointed(&'static [Role]),
}

impl Who {
    /// Whether `role` may take the action.
    #[must_use]
    pub fn admits(self, role: Role) -> bool {
        match self {
            Self::Everyone => true,
            Self::Public(roles) => role == Role::Attacker || roles.contains(&role),
            Self::Appointed(roles) => roles.contains(&role),
        }
    }
}

/// One kind of action: its name, its arguments, and what it does.
#[derive(Clone, Copy, Debug)]
pub struct ActionSpec {
    /// The script method's name.
    pub name: &'static str,
    /// Where scripts find it.
    pub receiver: Receiver,
    /// Who may take it.
    pub who: Who,
    /// The arguments in order.
    pub args: &'static [ArgSpec],
    /// One line.
    pub doc: &'static str,
    /// Builds the typed action from the arguments and runs it in an open scope.
    pub run: fn(&mut Tx<'_>, Actor, &Args<'_>) -> Result<(), Rejected>,
}

/// The most arguments an action may have.
pub const MAX_ARGS: usize = 4;

/// Who acts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Actor {
    /// The agent.
    pub agent: crate::domain::AgentId,
    /// Which of its margin accounts, counted from 0.
    pub account: u8,
}

/// One thing an agent asked for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Intent {
    /// Who.
    pub actor: Actor,
    /// Which action, by its place in the registry.
    pub action: ActionId,
    /// The arguments; those past the action's own are ignored.
    pub args: [Option<Value>; MAX_ARGS],
}

/// An action by its place in the registry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ActionId(pub u16);

/// The arguments of one intent, read with their checks.
#[derive(Clone, Copy, Debug)]
pub struct Args<'a>(pub &'a [Option<Value>]);

impl Args<'_> {
    /// The handle at `index` when it is of `kind`.
    ///
    /// # Errors
    /// [`Rejected::ARGUMENT`] otherwise.
    pub fn handle(&self, index: usize, kind: Kind) -> Result<u32, Rejected> {
        match self.0.get(index) {
            Some(Some(Value::Handle(handle))) if handle.kind == kind => Ok(handle.index),
            _ => Err(Rejected::ARGUMENT),
        }
    }

    /// The finite number at `index`.
    ///
    /// # Errors
    /// [`Rejected::ARGUMENT`] when it is missing, not a number or not finite.
    pub fn number(&self, index: usize) -> Result<f64, Rejected> {
        match self.0.get(index) {
            Some(Some(Value::Number(value))) if value.is_finite() => Ok(*value),
            _ => Err(Rejected::ARGUMENT),
        }
    }

    /// The positive amount at `index`, in smallest units of an asset of which `available` units are there.
    ///
    /// A number is in whole coins of `scale` units; `all` and `fraction(x)` refer to `available`. An excess below one
    /// unit in 10⁹ over what is there is a float's rounding, so it is taken as all.
    ///
    /// # Errors
    /// [`Rejected::ARGUMENT`] for no number or a bad fraction, [`Rejected::AMOUNT`] for nothing, a negative number or
    /// one beyond 64 bits.
    pub fn amount(&self, index: usize, scale: f64, available: Amount) -> Result<Amount, Rejected> {
        let units = match self.0.get(index) {
            Some(Some(Value::All)) => available,
            Some(Some(Value::Fraction(part))) if (0.0..=1.0).contains(part) => portion(available, *part),
            Some(Some(Value::Number(coins))) if coins.is_finite() => {
                let units = whole(coins * scale, Rounding::Down).ok_or(Rejected::AMOUNT)?;
                if units > available && units - available <= available / 1_000_000_000 { available } else { units }
            }
            _ => return Err(Rejected::ARGUMENT),
        };
        if units > 0 { Ok(units) } else { Err(Rejected::AMOUNT) }
    }
}

#[allow(clippy::cast_precision_loss)]
fn portion(available: Amount, part: f64) -> Amount {
    if part >= 1.0 {
        return available;
    }
    whole(available as f64 * part, Rounding::Down).unwrap_or(0).clamp(0, available)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: Value, available: Amount, expected: Result<Amount, Rejected>) {
        assert_eq!(Args(&[Some(value)]).amount(0, 1e6, available), expected);
    }

    #[test]
    fn amounts_become_units() {
        check(Value::Number(1.5), 2_000_000, Ok(1_500_000));
        check(Value::All, 7, Ok(7));
        check(Value::Fraction(0.5), 7, Ok(3));
        check(Value::Fraction(1.5), 7, Err(Rejected::ARGUMENT));
        check(Value::Number(f64::NAN), 7, Err(Rejected::ARGUMENT));
        check(Value::Number(-1.0), 7, Err(Rejected::AMOUNT));
        check(Value::Number(1e300), 7, Err(Rejected::AMOUNT));
        check(Value::All, 0, Err(Rejected::AMOUNT));
    }

    #[test]
    fn a_float_excess_is_clamped_and_a_real_one_is_not() {
        check(Value::Number(10_000.000_001), 10_000_000_000, Ok(10_000_000_000));
        check(Value::Number(10_000.1), 10_000_000_000, Ok(10_000_100_000));
    }
}
