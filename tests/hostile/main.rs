//! Scripts that mean harm: each must be refused, fault or do nothing, within its limits and without a trace on whoever
//! shares the process with it. The files of the folders beside this one say themselves what must become of them.

mod corpus;
mod fuzz;
mod place;
mod stage;
mod walk;

use std::alloc::System;
use std::sync::{Mutex, PoisonError};

use cap::Cap;

/// Counts the bytes of this process, so that nothing that a script takes goes unseen.
#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Runs `work` on a stack as large as scripts have it, while no other test of this process allocates anything.
fn alone<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(64 << 20).spawn_scoped(scope, work);
        thread.expect("a thread").join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
