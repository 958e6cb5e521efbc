//! What the system tells a command that runs for long. The first SIGTERM or SIGINT asks it to end in order, a later one
//! ends it at once. SIGHUP says that the terminal is gone: what a person started there ends in order, the station goes on.

use std::process;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use super::Exit;

/// What was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// SIGTERM, SIGINT.
    End,
    /// SIGHUP.
    HangUp,
}

/// From now on `on_signal` is told every signal, on a thread of its own.
pub(super) fn listen(mut on_signal: impl FnMut(Signal) + Send + 'static) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let inside = runtime.enter();
    let of = |kind| signal(kind).context("signals cannot be heard");
    let (mut terminate, mut interrupt) =
        (of(SignalKind::terminate())?, of(SignalKind::interrupt())?);
    // `nohup` means that a closed terminal is nothing to us.
    let mut hang_up = match is_ignored(SignalKind::hangup()) {
        true => None,
        false => Some(of(SignalKind::hangup())?),
    };
    drop(inside);
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(async {
            loop {
                let closed = async {
                    match &mut hang_up {
                        Some(signal) => signal.recv().await,
                        None => std::future::pending().await,
                    }
                };
                on_signal(tokio::select! {
                    _ = terminate.recv() => Signal::End,
                    _ = interrupt.recv() => Signal::End,
                    _ = closed => Signal::HangUp,
                });
            }
        });
    })?;
    Ok(())
}

/// Without another word to anybody, and without a success.
pub(super) fn end_at_once() -> ! {
    process::exit(Exit::Failed as i32)
}

/// Whoever started this process wants the signal ignored (proc(5), `SigIgn`).
fn is_ignored(kind: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask & (1 << (kind.as_raw_value() - 1)) != 0
}
