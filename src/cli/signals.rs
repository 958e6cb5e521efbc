//! Signals to a long-running command. The first SIGTERM or SIGINT asks it to end in order, a later one ends it at once.
//! SIGHUP means that the terminal is gone: a command that a person started ends in order, the station continues.

use std::process;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use super::Exit;

/// A signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// SIGTERM, SIGINT.
    End,
    /// SIGHUP.
    HangUp,
}

/// From now on every signal is passed to `on_signal`, on a separate thread.
pub(super) fn listen(mut on_signal: impl FnMut(Signal) + Send + 'static) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let inside = runtime.enter();
    let of = |kind| signal(kind).context("signals cannot be heard");
    let (mut terminate, mut interrupt) =
        (of(SignalKind::terminate())?, of(SignalKind::interrupt())?);
    // `nohup` means that a closed terminal does not concern us.
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

/// Ends the process without a message, and with a failure code.
pub(super) fn end_at_once() -> ! {
    process::exit(Exit::Failed as i32)
}

/// Does the parent process want us to ignore this signal (proc(5), `SigIgn`)?
fn is_ignored(kind: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask & (1 << (kind.as_raw_value() - 1)) != 0
}
