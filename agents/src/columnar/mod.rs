//! The columnar backend: a hook's syntax tree is lowered once to straight-line code over columns, which answers for 256
//! agents at a time what the interpreter answers for one. What cannot be lowered is interpreted, and agents for whom the
//! code comes to a failure are left to the interpreter alone: it does their whole call again and words the fault, so that
//! faults are the same whichever way a hook runs.

mod answers;
mod arithmetic;
mod branch;
mod build;
mod calls;
mod code;
mod expression;
mod loops;
mod lower;
mod names;
mod program;
mod rounds;
mod run;
mod slots;
mod switch;
mod tidy;
mod value;
mod work;

pub(crate) use answers::Batches;
pub(crate) use lower::{Given, Root, Unsupported};
pub(crate) use program::{CHUNK, Columnar, Outcome};
pub(crate) use work::{Bound, Cells, Work};
