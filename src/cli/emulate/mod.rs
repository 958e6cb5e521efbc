//! `kartud emulate FAMILY`: an emulated card machine as a process of its own. `kartud emulate card`: a chip card;
//! `kartud emulate reader`: a card reader.

mod card;
pub(super) mod card_file;
mod control;
mod reader;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use emulators::evolis::{self, EvolisSettings};
use emulators::machine::{BlankChips, SharedMachine};
use emulators::transport::serve_tcp;
use emulators::transport::usbip::{Cable, Plugged};

use super::Exit;
use super::signals;
use super::state_file::StateFile;
use reader::Port;

const AFTER: &str = "\
The state file and the control interface respond of the same keys:
  curl http://ADDR/state                                       everything, and what the machine says of itself
  curl -X PATCH http://ADDR/state -d '{\"feeder_cards\": 5}'     sets some keys; the others stay as they are
  curl -X POST http://ADDR/levers/open_cover                   somebody does something
  curl -X POST http://ADDR/levers/jam -d '\"flip\"'              (feeder, head, flip, eject)
  curl -X POST http://ADDR/levers/spoil_answers -d '{\"how\": \"hang_up_unanswered\", \"after\": 3}'
  curl -X PATCH http://ADDR/state -d '{\"forced\": {\"error\": [\"HEAD_TEMP\"], \"extension1\": 256}}'
  curl -X PATCH http://ADDR/state -d '{\"next_chip\": {\"faults\": {\"mute\": true}}}'   (all: kartud emulate card --help)
A state file is such an object; it is read again whenever it changes. A key that is not known is refused by its
name, and then nothing of the file is done.";

#[derive(clap::Args)]
#[command(
    after_long_help = AFTER,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub(super) struct Args {
    #[command(subcommand)]
    thing: Option<Thing>,
    #[command(flatten)]
    machine: Option<Machine>,
    // Flattened beside the other options, because clap does not find a group that contains another group.
    #[command(flatten)]
    build: Build,
}

/// What else can be emulated.
#[derive(clap::Subcommand)]
enum Thing {
    /// Be a chip card in the virtual reader of pcscd (vpcd)
    Card(card::Args),
    /// Be a contactless card reader on a serial port (a pseudo-terminal), with a card on it
    Reader(reader::Args),
}

#[derive(clap::Args)]
struct Machine {
    /// Family of the machine
    // A family with other options is a command of its own, like `card`.
    #[arg(value_parser = clap::builder::PossibleValuesParser::new([evolis::FAMILY]))]
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
    /// A contactless reader sits in it, on a serial port of this name (a symbolic link), and its blanks carry chips
    #[arg(long, value_name = "PATH")]
    reader_port: Option<PathBuf>,
    /// What the chips are, as TOML; without it empty contactless file cards
    #[arg(long, value_name = "FILE", requires = "reader_port")]
    chips: Option<PathBuf>,
    /// Plug it into this computer's USB as well (root, and `modprobe vhci-hcd`)
    #[arg(long)]
    usbip: bool,
    /// Supplies and faults, as a JSON object; read again whenever it changes
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Where supplies and faults are seen and set over HTTP: a loopback address
    #[arg(long, value_name = "ADDR")]
    control: Option<SocketAddr>,
}

/// How the machine is built.
#[derive(clap::Args)]
#[command(next_help_heading = "How it is built")]
struct Build {
    /// Serial number
    #[arg(long, default_value = "EMU0000001")]
    serial: String,
    /// Prints on a new ribbon
    #[arg(long, value_name = "N", default_value_t = 300)]
    ribbon_capacity: u32,
    /// Blanks that its feeder holds
    #[arg(long, value_name = "N", default_value_t = 100)]
    feeder_limit: u32,
    /// Finished cards that its hopper holds
    #[arg(long, value_name = "N", default_value_t = 100)]
    hopper_limit: u32,
    /// Cards that its reject box holds
    #[arg(long, value_name = "N", default_value_t = 30)]
    reject_box_limit: u32,
    /// Cards in a row after which the head must rest; 0 never
    #[arg(long, value_name = "N", default_value_t = 0)]
    rests_after: u32,
    /// Seconds in which the head loses the heat of one card
    #[arg(long, value_name = "S", default_value_t = 30)]
    cools_a_card_in: u64,
    /// Cards after a cleaning until the next is advised
    #[arg(long, value_name = "N", default_value_t = 1000)]
    cleaning_advised_after: u32,
    /// Further cards until it is mandatory
    #[arg(long, value_name = "N", default_value_t = 500)]
    cleaning_mandatory_after: u32,
    /// Seconds without a command after which it falls asleep
    #[arg(long, value_name = "S")]
    sleeps_after: Option<u64>,
    /// Firmware that does not know the newer questions
    #[arg(long)]
    old_firmware: bool,
    /// Firmware that does not tell how many cards it has printed
    #[arg(long)]
    no_counters: bool,
    /// The ribbon has no chip that can be read
    #[arg(long)]
    no_ribbon_chip: bool,
    /// Answers carry no status until that is switched on
    #[arg(long)]
    no_status: bool,
    /// An option that is fitted beyond the model's own, such as LCD or SCANNER (again for more)
    #[arg(long, value_name = "NAME")]
    fit: Vec<String>,
    /// An option of the model that is not fitted, such as MAGNETIC (again for more)
    #[arg(long, value_name = "NAME")]
    without: Vec<String>,
}

impl Machine {
    fn settings(&self, build: &Build) -> anyhow::Result<EvolisSettings> {
        let bench = EvolisSettings::instant();
        let (mut fitted, mut chip) = (build.fit.clone(), None);
        if self.reader_port.is_some() {
            let card = card::settings(self.chips.as_deref())?;
            chip = Some(BlankChips::of(card).map_err(|why| anyhow!("no such card: {why}"))?);
            fitted.push(CONTACTLESS.to_owned());
        }
        Ok(EvolisSettings {
            model: self.model.clone(),
            ribbon: self.ribbon.clone(),
            ribbon_capacity: build.ribbon_capacity,
            serial: build.serial.clone(),
            out_dir: Some(self.out.clone()),
            slowness: self.slowness,
            real_time: self.slowness > 0.0,
            feeder_cards: self.blanks.unwrap_or(bench.feeder_cards),
            tended: self.blanks.is_none(),
            feeder_limit_cards: build.feeder_limit,
            hopper_limit_cards: build.hopper_limit,
            reject_box_limit_cards: build.reject_box_limit,
            rests_after_cards: build.rests_after,
            cools_a_card_in: Duration::from_secs(build.cools_a_card_in),
            cleaning_advised_after_cards: build.cleaning_advised_after,
            cleaning_mandatory_after_cards: build.cleaning_mandatory_after,
            sleeps_after: build.sleeps_after.map(Duration::from_secs),
            old_firmware: build.old_firmware,
            no_counters: build.no_counters,
            no_ribbon_chip: build.no_ribbon_chip,
            status_block: !build.no_status,
            fitted,
            not_fitted: build.without.clone(),
            chip,
        })
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    match (&args.thing, &args.machine) {
        (Some(Thing::Card(args)), _) => card::run(args),
        (Some(Thing::Reader(args)), _) => reader::run(args),
        (None, Some(machine)) => run_machine(machine, machine.settings(&args.build)?),
        (None, None) => anyhow::bail!("say what to emulate: see kartud emulate --help"),
    }
}

/// The family's name of the option for a contactless reader.
const CONTACTLESS: &str = "CONTACTLESS";

fn run_machine(args: &Machine, settings: EvolisSettings) -> anyhow::Result<Exit> {
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signal(stop.clone())?;
    let chips = settings.chip.clone();
    let machine = evolis::emulate(settings)?;
    // Plugged in until this function returns.
    let _plugged = args.usbip.then(|| plug(&machine)).transpose()?;
    let mut state_file = args.state.clone().map(StateFile::new);
    let take = |change: &serde_json::Value| machine.lock().change(change);
    if let Some(file) = &mut state_file {
        file.read_if_there(&take)?;
    }
    let bind = |address: SocketAddr| {
        TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))
    };
    let control = args.control.map(|address| {
        anyhow::ensure!(address.ip().is_loopback(), "--control must be a loopback address");
        bind(address)
    });
    let control = control.transpose()?;
    let listener = bind(args.listen)?;
    say!("{} {} on tcp://{}", args.family, args.model, listener.local_addr()?)?;
    let field = chips.as_ref().map(BlankChips::contactless);
    let port = args.reader_port.as_deref().zip(field);
    let mut port = port.map(|(port, field)| Port::open(port, reader::FAMILY, field)).transpose()?;
    if let Some(port) = &port {
        say!("{port}")?;
    }
    if let Some(control) = &control {
        say!("control on http://{}", control.local_addr()?)?;
    }
    std::thread::scope(|scope| {
        if let Some(control) = control {
            scope.spawn(|| {
                if let Err(fault) = control::serve(control, &machine, &stop) {
                    eprintln!("kartud: the control interface cannot be served: {fault}");
                }
            });
        }
        let port = port.as_mut().map(|port| scope.spawn(|| port.serve(&stop)));
        if let Some(file) = &mut state_file {
            scope.spawn(|| file.watch(&take, &stop));
        }
        let served = serve_tcp(&listener, &machine, &stop);
        stop.store(true, Ordering::Relaxed);
        let port = port.map_or(Ok(Ok(())), |port| port.join());
        served.and(port.unwrap_or_else(|_| Err(std::io::Error::other("the reader died"))))
    })?;
    Ok(Exit::Done)
}

/// The first signal of any kind sets `stop`; a second one ends the program at once.
fn stop_on_signal(stop: Arc<AtomicBool>) -> anyhow::Result<()> {
    signals::listen(move |_| {
        if stop.swap(true, Ordering::Relaxed) {
            signals::end_at_once();
        }
    })
}

/// Plugs an emulated machine into this computer's USB, until the result is dropped.
fn plug(machine: &SharedMachine) -> anyhow::Result<Plugged> {
    let identity = machine.lock().usb_identity();
    let plugged = Plugged::new(machine, identity, Cable::good()).context(
        "cannot plug it into USB: this needs root and the kernel module vhci-hcd (modprobe vhci-hcd)",
    )?;
    say!("plugged into USB; kartud usb list shows it")?;
    Ok(plugged)
}
