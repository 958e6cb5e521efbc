//! The station: carries one job at a time from the queue to a card in the output hopper, and has the
//! next one composed meanwhile. The only place that moves jobs along; HTTP sends it messages and
//! reads its snapshots. Knows no SQL, no HTTP and no bytes of any machine.
//!
//! One thread, one loop: settle what is unsettled, make the next card ready, print when the machine
//! is known to be well, then wait for a message. Every step that moves a card is in the ledger before.

mod connect;
mod device;
mod handle;
mod machine;
mod ready;
mod tell;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use drivers::contract::{CardOut, DeviceError, Prepress, PrinterStatus};
use drivers::words::Words;
use serde_json::{Value, json};
use tokio::sync::watch;

pub use connect::Connection;
pub use device::Connect;
use device::{Order, Report};
use handle::Message;
pub use handle::{AtTheDoor, Handle};
use machine::{Machine, Rest, is_well};
use ready::{Ready, Workbench};

use crate::desk::Desk;
use crate::ledger::{JobId, JobRecord, Ledger, LedgerError};
use crate::lifecycle::Event;
use crate::queue;
use crate::report::{Metrics, PrinterState, Snapshot};

/// How often an idle machine is looked at: a technician who opens the cover sees it on the page soon.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often a machine in trouble is looked at: the queue goes on soon after somebody has helped.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// Jobs whose inspection was put off are looked at one by one, and rarely while the door is busy.
const INSPECT_EVERY: Duration = Duration::from_millis(500);

/// Starts the station on its own thread.
///
/// # Errors
/// When no thread can be started.
pub fn start(
    name: String,
    ledger: Ledger,
    desk: Arc<Desk>,
    connect: Option<Connect>,
    metrics: Metrics,
) -> std::io::Result<(Handle, JoinHandle<()>)> {
    let (inbox, messages) = mpsc::channel();
    let device = connect.map(|connect| start_device(connect, inbox.clone())).transpose()?;
    let specimen = desk.specimen();
    let first = Snapshot {
        station: name,
        version: env!("CARGO_PKG_VERSION"),
        state: PrinterState::Stopped,
        state_reasons: vec![],
        printer: None,
        printing: None,
        specimen,
        cards_out: 0,
    };
    let (snapshot, seen) = watch::channel(first);
    let door = Arc::new(AtomicUsize::new(0));
    let station = Station {
        bench: Workbench::new(desk, ledger.clone(), metrics.clone()),
        ledger,
        messages,
        device,
        metrics,
        snapshot,
        door: door.clone(),
        machine: Machine::default(),
        next: None,
        printing: None,
        unsettled: None,
        own_trouble: None,
        rest: None,
        stopping: false,
        inspected_at: Instant::now(),
    };
    let thread = std::thread::Builder::new().name("station".into()).spawn(move || station.run())?;
    Ok((Handle { inbox, snapshot: seen, door }, thread))
}

fn start_device(connect: Connect, station: Sender<Message>) -> std::io::Result<Sender<Order>> {
    let (orders, inbox) = mpsc::channel();
    std::thread::Builder::new()
        .name("printer".into())
        .spawn(move || device::run(connect, &inbox, &station))?;
    Ok(orders)
}

struct Station {
    ledger: Ledger,
    bench: Workbench,
    messages: Receiver<Message>,
    device: Option<Sender<Order>>,
    metrics: Metrics,
    snapshot: watch::Sender<Snapshot>,
    door: Arc<AtomicUsize>,
    machine: Machine,
    /// Composed and separated, waiting for the machine.
    next: Option<Ready>,
    printing: Option<(JobRecord, Instant)>,
    /// Known, but not yet in the ledger: nothing else is printed before it is.
    unsettled: Option<(JobRecord, Event, Value)>,
    /// What keeps the station itself from working.
    own_trouble: Option<Words>,
    /// After a card that could not be begun.
    rest: Option<Rest>,
    stopping: bool,
    inspected_at: Instant,
}

impl Station {
    fn run(mut self) {
        let mut recovered = false;
        self.look();
        loop {
            let worked = if recovered { self.work() } else { queue::recover(&self.ledger) };
            recovered |= worked.is_ok();
            self.own_trouble = self.trouble_of(worked);
            self.publish();
            if self.stopping && self.printing.is_none() {
                return self.put_next_back();
            }
            match self.messages.recv_timeout(self.patience()) {
                Ok(message) => self.hear(message),
                Err(RecvTimeoutError::Timeout) => self.look(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
            // A burst at the door is one reason to look at the ledger, not a thousand.
            while let Ok(message) = self.messages.try_recv() {
                self.hear(message);
            }
        }
    }

    /// Everything that can be done without waiting.
    fn work(&mut self) -> Result<(), LedgerError> {
        self.settle()?;
        if self.stopping {
            return Ok(());
        }
        if self.next.is_none()
            && let Some(prepress) = &self.machine.prepress
        {
            self.next = self.bench.make_ready(prepress.as_ref(), &self.machine.kind())?;
        }
        self.print_next()?;
        self.inspect_one()
    }

    /// Writes down what is known. Until it is written, the next card does not move.
    fn settle(&mut self) -> Result<(), LedgerError> {
        let Some((job, event, detail)) = self.unsettled.take() else { return Ok(()) };
        match self.ledger.append(&job.id, event, detail.clone()).wait() {
            Ok(_) => Ok(()),
            Err(error @ (LedgerError::Write(_) | LedgerError::Read(_) | LedgerError::Closed)) => {
                self.unsettled = Some((job, event, detail));
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Preflight, intent, then the card moves.
    fn print_next(&mut self) -> Result<(), LedgerError> {
        let (Some(device), None, Some(_)) = (&self.device, &self.printing, &self.next) else {
            return Ok(());
        };
        if self.rest.is_some_and(|rest| rest.until > Instant::now()) {
            return Ok(());
        }
        if !self.machine.fresh {
            self.look();
            return Ok(());
        }
        let Some(status) = self.machine.status.as_ref().filter(|s| is_well(s)) else {
            return Ok(());
        };
        let Some(ready) = self.next.take() else { return Ok(()) };
        match queue::intend_to_print(&self.ledger, &ready.record.id, status) {
            Ok(_) => {}
            // Withdrawn in the meantime: no card has moved for it.
            Err(LedgerError::Refused(_)) => {
                self.bench.take_back(ready.card);
                return self.print_next();
            }
            Err(error) => {
                self.next = Some(ready);
                return Err(error);
            }
        }
        self.machine.fresh = false;
        let order = Order::Print(ready.record.id.clone(), ready.card);
        self.printing = Some((ready.record, Instant::now()));
        if device.send(order).is_err() {
            self.device = None;
        }
        Ok(())
    }

    /// The printer must never wait for an inspection, and the door goes first.
    fn inspect_one(&mut self) -> Result<(), LedgerError> {
        let door_is_busy = self.door.load(Ordering::Relaxed) > 0;
        let printer_waits = self.next.is_none() && self.machine.prepress.is_some();
        if door_is_busy && !printer_waits && self.inspected_at.elapsed() < INSPECT_EVERY {
            return Ok(());
        }
        self.inspected_at = Instant::now();
        if self.bench.inspect_oldest()? {
            // There may be more; one at a time, so that messages are heard in between.
            self.bench.more_to_inspect = true;
        }
        Ok(())
    }

    fn hear(&mut self, message: Message) {
        match message {
            Message::Wake => self.bench.more_to_inspect = true,
            Message::Stop => self.stopping = true,
            Message::Cancel { job, by, reply } => {
                // The asker may have gone; the job is withdrawn all the same.
                let _ = reply.send(self.cancel(&job, &by));
            }
            Message::Device(Report::Looked(looked)) => self.looked(looked),
            Message::Device(Report::Printed(job, result, card)) => {
                self.bench.take_back(card);
                self.printed(&job, result);
            }
        }
    }

    fn cancel(&mut self, job: &JobId, by: &str) -> Result<JobRecord, LedgerError> {
        self.ledger.append(job, Event::Cancel, json!({ "by": by })).wait()?;
        if let Some(ready) = self.next.take_if(|ready| ready.record.id == *job) {
            self.bench.take_back(ready.card);
        }
        self.ledger.job(job)
    }

    fn looked(&mut self, looked: Result<(PrinterStatus, Box<dyn Prepress>), DeviceError>) {
        self.machine.looking = false;
        match looked {
            Ok((status, prepress)) => {
                self.machine.status = Some(status);
                self.machine.prepress = Some(prepress);
                self.machine.error = None;
                self.machine.fresh = true;
            }
            Err(error) => {
                if self.machine.error.as_ref() != Some(&error) {
                    tracing::warn!(%error, "the printer cannot be asked");
                }
                self.machine.error = Some(error);
                self.machine.fresh = false;
            }
        }
    }

    fn printed(&mut self, job: &JobId, result: Result<CardOut, DeviceError>) {
        let Some((record, since)) = self.printing.take() else { return };
        debug_assert_eq!(record.id, *job, "one card moves at a time");
        let (event, detail) = queue::settlement(&result);
        match result {
            Ok(_) => {
                let product = record.product.clone();
                let label = crate::report::ProductLabel { product };
                self.metrics.cards_out.get_or_create(&label).inc();
                self.metrics.card_seconds.observe(since.elapsed().as_secs_f64());
                self.snapshot.send_modify(|s| s.cards_out += 1);
                self.machine.error = None;
                self.rest = None;
            }
            Err(error) => {
                self.rest = Some(Rest::longer(self.rest));
                tracing::warn!(job = %record.id, %error, "the card was not finished");
                self.machine.error = Some(error);
            }
        }
        self.unsettled = Some((record, event, detail));
        self.look();
    }

    fn look(&mut self) {
        let Some(device) = &self.device else { return };
        if self.machine.looking || self.printing.is_some() {
            return;
        }
        self.machine.looking = device.send(Order::Look).is_ok();
    }

    /// How long to wait for a message.
    fn patience(&self) -> Duration {
        let in_trouble = self.own_trouble.is_some()
            || self.machine.error.is_some()
            || self.machine.status.as_ref().is_some_and(|status| !is_well(status));
        match (self.bench.more_to_inspect, in_trouble) {
            (true, _) if self.door.load(Ordering::Relaxed) == 0 => Duration::ZERO,
            (true, _) => INSPECT_EVERY,
            (false, true) => LOOK_AGAIN,
            (false, false) => LOOK_EVERY,
        }
    }

    fn put_next_back(&mut self) {
        if let Some(ready) = self.next.take()
            && let Err(error) = queue::put_back(&self.ledger, &ready.record.id)
        {
            // The next start puts it back.
            tracing::warn!(%error, "a composed job stays composed");
        }
    }
}
