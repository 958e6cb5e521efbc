//! A bug that panics during one job must not stop the others: panics of pure computations are caught, and of every
//! panic only the place is logged, because its text could quote a child's card.

use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};

/// Runs a pure computation; `None`: it panicked. Anything that it was writing to must not be used again.
pub fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

/// The result of a task. Its panic continues here; `None`: the daemon is stopping.
pub fn passed_on<T>(joined: Result<T, tokio::task::JoinError>) -> Option<T> {
    match joined.map_err(tokio::task::JoinError::try_into_panic) {
        Ok(given) => Some(given),
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(_stopped)) => None,
    }
}

/// From now on a panic logs its place, and nothing else.
pub fn report_only_the_place() {
    std::panic::set_hook(Box::new(report));
}

fn report(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    if tracing::dispatcher::has_been_set() {
        tracing::error!(thread, %place, "the program failed at this place; please report it");
    } else {
        eprintln!("kartud: the program failed at {place} (thread {thread}); please report it");
    }
}
