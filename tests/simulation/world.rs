//! One world: a station, its machine, its environment, and what its people know. It is driven step by step in one
//! thread, so that one seed gives one history.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use emulators::machine::{Lever, SharedMachine};
use fastrand::Rng;
use kartu::clock::ClockTrust;
use kartu::heartbeat::{HeartbeatGuard, Part};
use kartu::job::JobId;
use kartu::job::{JobRequest, Recommendation};
use kartu::ledger::{Accepted, Ledger, NewJob};
use kartu::lifecycle::State;
use kartu::report::Metrics;
use kartu::station::{Connect, Device, Handle, Message, Order, Parts, Station};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::cards::{Cards, Maker, PLAIN, WITH_CHIP, cards, machine};
use crate::chips::{Chips, has_chip};
use crate::power::{Building, SimClock, SimDisk, SimWire};
use crate::story::Story;
use crate::truth::Truth;
use emulators::evolis::EvolisSettings;

/// A job as its client knows it.
pub struct Posted {
    pub mark: usize,
    /// Known from the first answer 201 on.
    pub id: Option<JobId>,
}

/// A station that has power.
pub struct Running {
    pub station: Station,
    pub handle: Handle,
    device: Device,
    orders: Receiver<Order>,
}

/// An invariant that must hold after every step.
pub type Invariant = fn(&Truth) -> Result<(), String>;

pub struct World {
    pub machine: SharedMachine,
    pub building: Building,
    pub clock: SimClock,
    pub rng: Rng,
    pub posted: Vec<Posted>,
    pub truth: Truth,
    pub running: Option<Running>,
    pub ledger: Option<Ledger>,
    pub story: Story,
    /// Steps so far in which faults may occur.
    pub steps: usize,
    /// Is there a steady stream of messages?
    pub stream: bool,
    /// The chips, in a world that has some.
    pub chips: Option<Chips>,
    /// A further invariant besides the promise.
    pub also: Option<Invariant>,
    cards: Arc<Cards>,
    folder: TempDir,
    runtime: tokio::runtime::Runtime,
}

impl World {
    pub fn new(seed: u64, settings: EvolisSettings, chips: Option<Chips>) -> World {
        let mut rng = Rng::with_seed(seed);
        let building = Building::new(rng.fork());
        // In memory if possible: the effects of a disk on a ledger have separate tests.
        let memory = PathBuf::from("/dev/shm");
        let place = if memory.is_dir() { memory } else { std::env::temp_dir() };
        let folder = TempDir::new_in(place).expect("a folder");
        std::fs::write(folder.path().join(LEDGER), new_ledger()).expect("there is room");
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let settings = match &chips {
            Some(chips) => chips.in_machine(settings),
            None => settings,
        };
        let mut world = World {
            machine: machine(settings),
            building,
            clock: SimClock::new(),
            rng,
            posted: Vec::new(),
            truth: Truth::default(),
            running: None,
            ledger: None,
            story: Story::default(),
            steps: 0,
            stream: false,
            chips,
            also: None,
            cards: cards(),
            folder,
            runtime: runtime.expect("a runtime"),
        };
        world.boot();
        world
    }

    /// Starts the computer, with the contents of its disk.
    pub fn boot(&mut self) {
        self.building.restore();
        let path = self.folder.path().join(LEDGER);
        let disk = Box::new(SimDisk(self.building.clone()));
        let ledger = Ledger::open_on(&path, self.clock.clock(), disk);
        let ledger = ledger.unwrap_or_else(|error| panic!("the ledger is refused: {error}"));
        let (machine, building) = (self.machine.clone(), self.building.clone());
        let clock = self.clock.clone();
        let connect: Connect = Box::new(move || {
            let wire = SimWire::new(machine.clone(), building.clone(), clock.clone());
            drivers::open("evolis", None, Box::new(wire))
        });
        let chips = self.chips.as_ref();
        let reader = chips.map(|chips| chips.reader(&self.machine, &self.building, &self.clock));
        let maker = Maker { cards: self.cards.clone(), with_chips: chips.is_some() };
        let device = Device::new(connect, reader);
        let (to_device, orders) = mpsc::channel();
        let parts = Parts {
            name: "simulation".to_owned(),
            ledger: ledger.clone(),
            renderer: Arc::new(maker),
            clock: self.clock.clock(),
            // A person at the station says that the clock is right, whatever it shows: cards go on being printed.
            clock_trust: ClockTrust::at_start(self.clock.clock(), None),
            metrics: Metrics::default(),
        };
        let pulse = HeartbeatGuard::unwatched(Part::Scheduler);
        let (mut station, handle) = Station::new(parts, Some(to_device), pulse);
        station.poll();
        self.ledger = Some(ledger);
        self.running = Some(Running { station, handle, device, orders });
    }

    /// The computer loses power; the machine continues by itself for a while.
    pub fn crash(&mut self) {
        self.story.tell(format_args!("the computer loses its power"));
        self.truth.nobody_knows_for_how_long();
        self.running = None;
        if let Some(ledger) = self.ledger.take() {
            ledger.close();
        }
    }

    /// The station takes turns until it gives no more orders, and every order is carried out; the truth is checked
    /// after each.
    pub fn turn(&mut self) -> bool {
        let mut gave_orders = false;
        while let Some(order) = self.decide() {
            gave_orders = true;
            self.carry_out(order);
        }
        gave_orders
    }

    /// One turn of the station; returns its order.
    pub fn decide(&mut self) -> Option<Order> {
        let running = self.running.as_mut()?;
        running.station.turn();
        let order = running.orders.try_recv();
        let off = self.building.is_off();
        if off {
            self.crash();
        }
        self.look_at_the_truth();
        order.ok().filter(|_| !off)
    }

    /// The machine carries out an order, and the station receives the result.
    pub fn carry_out(&mut self, order: Order) {
        let Some(running) = &mut self.running else { return };
        if let Some((job, intent)) = must_stand_before(&order) {
            self.story.tell(format_args!("order: {intent}"));
            self.truth.intent_stands(job, intent);
        }
        if let Order::Print(job, ..) | Order::Encode(job, _) = &order {
            self.truth.printing = self.truth.mark_of(job);
        }
        let report = running.device.perform(order);
        running.handle.tell(Message::Device(Box::new(report)));
    }

    /// Time passes everywhere.
    pub fn pass(&mut self, span: Duration) {
        self.clock.pass(span);
        self.machine.lock().elapse(span);
    }

    /// The client posts a job, or repeats the post; `true`: it is known to be accepted.
    pub fn post(&mut self, at: usize) -> bool {
        let Some(ledger) = self.ledger.clone() else { return false };
        let mark = self.posted[at].mark;
        let accepted = self.runtime.block_on(ledger.accept(new_job(mark)));
        let record = match accepted {
            Ok(Accepted::New(record) | Accepted::Before(record)) => record,
            Ok(other) => panic!("one job, one answer: {other:?}"),
            Err(_) => return false,
        };
        if let Some(known) = &self.posted[at].id {
            assert_eq!(*known, record.id, "the same key is the same job");
        }
        self.posted[at].id = Some(record.id);
        if let Some(running) = &self.running {
            running.handle.wake();
        }
        true
    }

    pub fn look_at_the_truth(&mut self) {
        let departed = self.machine.lock().take_departed();
        for card in &departed {
            self.story.tell(format_args!("a card leaves: {card:?}"));
        }
        let marks = departed.into_iter().map(|card| (self.cards.mark_of(&card), card));
        let marks: Vec<_> = marks.collect();
        for (mark, card) in &marks {
            let fits = self.chips.as_ref().map_or(Ok(()), |chips| chips.fits(*mark, card));
            self.truth.wrong_chips.extend(fits.err());
        }
        self.truth.stood_still |= self.building.take_stood_still();
        self.truth.departed(marks.into_iter());
        if let Some(ledger) = &self.ledger {
            self.truth.read(ledger, &mut self.story);
        }
        let holds = self.truth.holds();
        let all = holds.and_then(|()| self.also.map_or(Ok(()), |also| also(&self.truth)));
        if let Err(broken) = all {
            panic!("{broken}\n{}", self.story);
        }
    }

    /// Pulls a lever.
    pub fn pull(&mut self, lever: Lever) {
        self.story.tell(format_args!("hands: {lever:?}"));
        self.machine.pull(lever);
        self.look_at_the_truth();
    }

    /// Does the job have its card, or does it need something that nobody in this world provides: a new recommendation,
    /// or a new job for a destroyed card? A false report that nothing could contradict ends it too.
    pub fn has_ended(&self, mark: usize) -> bool {
        match self.states().get(&mark) {
            Some(State::Printed) => {
                let Truth { taken, lied_about, .. } = &self.truth;
                let missing = self.truth.good(mark) == 0 && taken.contains(&mark);
                !missing || lied_about.contains(&mark)
            }
            Some(State::Spoiled) => true,
            Some(State::Held) => mark.is_multiple_of(4),
            _ => false,
        }
    }

    /// The current state, for analysing why a world never ends.
    pub fn stands(&self) -> String {
        let station = self.running.as_ref().map(|r| r.handle.watch().borrow().clone());
        let machine = self.machine.lock().state();
        format!("{station:#?}\n{machine:#}")
    }

    pub fn states(&self) -> &BTreeMap<usize, State> {
        &self.truth.states
    }
}

const LEDGER: &str = "ledger.db";

/// An empty ledger as the ledger itself creates it, but with small pages: an event changes nine, whatever their size,
/// and a million cards write some sixty million.
fn new_ledger() -> &'static [u8] {
    static FILE: OnceLock<Vec<u8>> = OnceLock::new();
    FILE.get_or_init(|| {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join(LEDGER);
        let file = Connection::open(&path).expect("a file");
        // An existing file keeps its page size.
        file.pragma_update(None, "page_size", 512).expect("a size");
        file.pragma_update(None, "journal_mode", "WAL").expect("it becomes a file");
        drop(file);
        Ledger::open(&path, SimClock::new().clock()).expect("an empty file is taken").close();
        std::fs::read(path).expect("it lies there")
    })
}

/// The job, and the kind of line that must be its last one before an order is carried out.
fn must_stand_before(order: &Order) -> Option<(&JobId, &'static str)> {
    match order {
        Order::Poll(_) | Order::OpenJob | Order::AbortOrphanedJob(None) => None,
        Order::Encode(job, _) => Some((job, "encode")),
        Order::Print(job, ..) => Some((job, "print")),
        Order::AbortOrphanedJob(Some(job)) => Some((job, "come_to_rest")),
        Order::Reject(job) => Some((job, "reject")),
    }
}

fn new_job(mark: usize) -> NewJob {
    let yes = Recommendation {
        nomor: Some(format!("R-{mark}")),
        keputusan: "SETUJU".to_owned(),
        oleh: None,
        pada: None,
        kadaluarsa: (!mark.is_multiple_of(4)).then(|| "2099-01-01T00:00:00Z".to_owned()),
        daftar_periksa: BTreeMap::new(),
        peringatan_disetujui: Vec::new(),
        hash_data: None,
        tanda: None,
    };
    NewJob {
        id: JobId::new(),
        request: JobRequest {
            // One recommendation in four states no end.
            product: if has_chip(mark) { WITH_CHIP } else { PLAIN }.to_owned(),
            reference: format!("SIM-{mark}"),
            reason: "BARU".to_owned(),
            fields: BTreeMap::new(),
            attachments: Vec::new(),
            recommendation: Some(yes),
            photo: None,
            replaces: None,
        },
        photo: None,
        key: Some(format!("key-{mark}")),
        card: None,
        by: None,
        approval: Some(format!("R-{mark}")),
        holder: None,
        body_sha256: [mark as u8; 32],
        kind: None,
        findings: Vec::new(),
        state: if mark.is_multiple_of(5) { State::Received } else { State::Queued },
    }
}
