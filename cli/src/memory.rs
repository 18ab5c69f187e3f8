//! The allocator, and what a thread holds of it: so that a script that grows without end is stopped before the machine is.
//! One count for the whole process would be one word that all worlds of a run write at every allocation.

/// Bytes that this thread has allocated and not given back; wraps where it gives back more than it allocated. Nothing
/// where the allocator does not count: scripts are held by the deterministic limits there.
#[cfg(target_env = "msvc")]
pub(crate) fn live_bytes() -> usize {
    0
}

#[cfg(not(target_env = "msvc"))]
pub(crate) use counted::live_bytes;

#[cfg(not(target_env = "msvc"))]
mod counted {
    use tikv_jemalloc_ctl::thread::{ThreadLocal, allocatedp, deallocatedp};
    use tikv_jemallocator::Jemalloc;

    #[global_allocator]
    static ALLOCATOR: Jemalloc = Jemalloc;

    thread_local! {
        /// The allocator's own counters of this thread: all bytes allocated, and all given back.
        static COUNTERS: Option<(ThreadLocal<u64>, ThreadLocal<u64>)> =
            allocatedp::read().ok().zip(deallocatedp::read().ok());
    }

    #[allow(clippy::cast_possible_truncation)]
    pub(crate) fn live_bytes() -> usize {
        COUNTERS.with(|counters| {
            counters.as_ref().map_or(0, |(allocated, freed)| allocated.get().wrapping_sub(freed.get()) as usize)
        })
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn what_a_thread_holds_is_counted_and_what_others_hold_is_not() {
            let before = live_bytes();
            let elsewhere = std::thread::spawn(|| vec![1u8; 8 << 20]).join().unwrap();
            let others = live_bytes().wrapping_sub(before);
            assert!(others < 1 << 20, "{others}");
            let here = vec![1u8; 4 << 20];
            let grown = live_bytes().wrapping_sub(before);
            assert!((4 << 20..5 << 20).contains(&grown), "{grown}");
            drop((here, elsewhere));
        }
    }
}
