//! A fault of the program itself, met in the middle of one job, must not stop the others: the steps that only compute are
//! caught, and of every panic the place is logged. Never its text, which could quote what a child's card says.

use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};

/// Does something that only computes; `None`: it panicked. Whatever it was writing to must not be used again.
pub fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

/// What a task gave. Its panic goes on here; `None`: the daemon is going down.
pub fn passed_on<T>(joined: Result<T, tokio::task::JoinError>) -> Option<T> {
    match joined.map_err(tokio::task::JoinError::try_into_panic) {
        Ok(given) => Some(given),
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(_stopped)) => None,
    }
}

/// From now on a panic says where it happened, and nothing else.
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
