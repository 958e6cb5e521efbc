//! `kartud emulate FAMILY`: a card machine at the bytes, as a process of its own.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use drivers::emulation::EmulatorSettings;
use drivers::transport::serve_tcp;

use super::{Exit, usb};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Family of the machine
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(drivers::CATALOGUE.iter().map(|f| f.name)))]
    family: String,
    /// Where it listens; port 0 takes a free one, which is printed
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9100")]
    listen: SocketAddr,
    /// Where it lays finished cards as pictures and keeps its counters (personal data: keep it private)
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Model, as in the family's list
    #[arg(long, default_value = "Primacy 2")]
    model: String,
    /// Ribbon in it
    #[arg(long, default_value = "YMCKO")]
    ribbon: String,
    /// 1 as slow as the real one, 0 at once
    #[arg(long, default_value_t = 1.0)]
    slowness: f64,
    /// Blanks in its feeder; without it somebody fills feeder and ribbon whenever they run out
    #[arg(long, value_name = "N")]
    blanks: Option<u32>,
    /// Plug it into this computer's USB as well (root, and `modprobe vhci-hcd`)
    #[arg(long)]
    usbip: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let bench = EmulatorSettings::bench();
    let settings = EmulatorSettings {
        model: args.model.clone(),
        ribbon: args.ribbon.clone(),
        out_dir: Some(args.out.clone()),
        slowness: args.slowness,
        real_time: args.slowness > 0.0,
        feeder_cards: args.blanks.unwrap_or(bench.feeder_cards),
        tended: args.blanks.is_none(),
        ..bench
    };
    let machine = drivers::emulate(&args.family, settings.clone())?;
    // Plugged in until this function ends.
    let _plugged = args.usbip.then(|| usb::plug(&args.family, &settings, &machine)).transpose()?;
    let listener = TcpListener::bind(args.listen)
        .with_context(|| format!("cannot listen on {}", args.listen))?;
    println!("{} {} on tcp://{}", args.family, args.model, listener.local_addr()?);
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signal(stop.clone())?;
    serve_tcp(&listener, &machine, &stop)?;
    Ok(Exit::Done)
}

fn stop_on_signal(stop: Arc<AtomicBool>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        // An error means that no signal can be heard; then only SIGKILL ends it, as for any program.
        runtime.block_on(async {
            let mut terminate =
                tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok()?;
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            Some(())
        });
        stop.store(true, Ordering::Relaxed);
    })?;
    Ok(())
}
