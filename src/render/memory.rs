//! The memory that photos and cards may take at once, by decoded bytes. Whatever decodes or composes passes through
//! here, one after the other where there is not enough for all. Must not know photos.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// For everything that is under way at once, bytes. Enough for the largest photo that is decoded at all, beside a card.
const BUDGET_BYTES: u64 = 96 * 1024 * 1024;
/// What composing a card takes beside its photo: two faces, a layer while it is rendered, a picture of one face.
pub(super) const CARD_BYTES: u64 = 24 * 1024 * 1024;

/// A weighted semaphore: whoever comes first is served first, so that a large photo is not passed over for ever.
#[derive(Default)]
pub(super) struct PhotoMemory {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    taken: u64,
    /// Numbers of those who came, and of the one who is served next.
    next_ticket: u64,
    serving: u64,
}

impl PhotoMemory {
    /// Does `work` once so many bytes are free, and waits until it is done.
    ///
    /// A thread of its own does it: what the allocator keeps of the freed memory stays with a thread, and few threads at
    /// once keep little, where dozens of request threads would keep some of it each.
    pub fn run<T: Send>(&self, bytes: u64, work: impl FnOnce() -> T + Send) -> T {
        let _permit = self.acquire(bytes.min(BUDGET_BYTES));
        thread::scope(|scope| {
            let worker = thread::Builder::new().name("photo".into()).spawn_scoped(scope, work);
            match worker.map(thread::ScopedJoinHandle::join) {
                Ok(Ok(done)) => done,
                Ok(Err(panic)) => std::panic::resume_unwind(panic),
                // As when any thread cannot be had: whoever started this one sees to it.
                Err(why) => panic!("cannot start a thread: {why}"),
            }
        })
    }

    fn acquire(&self, bytes: u64) -> Permit<'_> {
        let mut state = self.state();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        while state.serving != ticket || state.taken + bytes > BUDGET_BYTES {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.serving += 1;
        state.taken += bytes;
        self.changed.notify_all();
        Permit { memory: self, bytes }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Permit<'a> {
    memory: &'a PhotoMemory,
    bytes: u64,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.memory.state().taken -= self.bytes;
        self.memory.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn never_more_than_the_budget_is_under_way_and_everybody_is_served() {
        let memory = PhotoMemory::default();
        let (under_way, most) = (AtomicU64::new(0), AtomicU64::new(0));
        let sizes = [1, BUDGET_BYTES / 3, BUDGET_BYTES, BUDGET_BYTES * 2, BUDGET_BYTES / 2];
        thread::scope(|scope| {
            for n in 0..40 {
                let (memory, under_way, most) = (&memory, &under_way, &most);
                scope.spawn(move || {
                    let bytes = sizes[n % sizes.len()];
                    memory.run(bytes, || {
                        let taken = bytes.min(BUDGET_BYTES);
                        let now = under_way.fetch_add(taken, Ordering::SeqCst) + taken;
                        most.fetch_max(now, Ordering::SeqCst);
                        thread::yield_now();
                        under_way.fetch_sub(taken, Ordering::SeqCst);
                    });
                });
            }
        });
        assert!(most.into_inner() <= BUDGET_BYTES);
    }

    #[test]
    fn what_panics_gives_its_memory_back() {
        let memory = PhotoMemory::default();
        let run = || memory.run(BUDGET_BYTES, || panic!("a broken photo"));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err());
        assert_eq!(memory.run(BUDGET_BYTES, || 1), 1);
    }
}
