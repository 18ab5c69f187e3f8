//! `example(title, situation, check)`: one of the tests that `cases()` returns.

use rhai::{Engine, FnPtr, ImmutableString, Map, NativeCallContext, Position};

use super::answer;
use crate::fault::printable;
use crate::natives;

/// An example as the strategy wrote it.
#[derive(Clone, Debug)]
pub(crate) struct Example {
    pub(super) title: String,
    pub(super) situation: Map,
    pub(super) check: FnPtr,
    pub(super) at: Position,
}

/// Registers what `cases()` is written with.
pub(crate) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Example>("example");
    engine.register_fn(
        natives::EXAMPLE,
        |context: NativeCallContext<'_>, title: ImmutableString, situation: Map, check: FnPtr| Example {
            title: printable(&title),
            situation,
            check,
            at: context.call_position(),
        },
    );
    answer::register(engine);
}
