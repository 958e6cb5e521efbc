//! Cards that nobody saw, on a machine that counts nothing and keeps a log of its jobs: the computer is lost in the middle of
//! a card, and the next life asks the log.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use drivers::contract::{CardImage, CardPrinter, FaceImage, PreparedCard};
use emulators::logbook::{self, LogbookSettings};
use emulators::machine::{Departed, Finish, Lever, SharedMachine, Way};
use emulators::transport::emulated::Emulated;
use emulators::transport::faulty::{Faulty, Mishap};
use kartu::clock::Clock;
use kartu::station::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::test_station::{Http, TestStation, child};

/// Longer than a card takes.
const A_MINUTE: Duration = Duration::from_secs(60);
/// Questions about the card, four a second: its front is being printed.
const IN_THE_PRINT: u32 = 20;
/// From there until all is printed, and the card on its way out.
const UNTIL_ON_ITS_WAY_OUT: Duration = Duration::from_secs(18);

/// A machine whose card takes as long as it would, while somebody waits for it.
fn machine(settings: LogbookSettings) -> SharedMachine {
    logbook::emulate(LogbookSettings { slowness: 1.0, ..settings }).unwrap()
}

fn driver(machine: &SharedMachine) -> Box<dyn CardPrinter> {
    (logbook::FAMILY.open)(None, Box::new(Emulated::new(machine.clone()))).unwrap()
}

/// A station in this folder, at the machine.
fn station(machine: &SharedMachine, dir: TempDir, fate: Arc<Mutex<Fate>>) -> TestStation {
    let hands = machine.clone();
    let connection = Connection::through(Box::new(move || {
        let fate = fate.clone();
        let wire = Emulated::new(hands.clone());
        let wire = Faulty::new(wire, move |_, request| fate.lock().unwrap().of(request));
        (logbook::FAMILY.open)(None, Box::new(wire))
    }));
    let machine = machine.clone();
    let mut bench =
        TestStation { daemon: None, reader: None, kia: "", machine, dir, http: Http::new("") };
    bench.start_on("", Clock::system(), connection);
    bench
}

/// What happens on the wire.
enum Fate {
    Good,
    /// After so many more requests of this kind the wire breaks once.
    Breaks(&'static str, u32),
    /// After so many more requests of this kind the computer is lost.
    Lost {
        kind: &'static str,
        after: u32,
        told: Sender<()>,
        over: Arc<AtomicBool>,
    },
    /// It is lost: nothing reaches the machine any more.
    Dead,
}

impl Fate {
    fn of(&mut self, request: &[u8]) -> Option<Mishap> {
        let is_of = |kind: &str| String::from_utf8_lossy(request).contains(kind);
        match self {
            Fate::Good => None,
            Fate::Dead => Some(Mishap::Cut(0)),
            Fate::Breaks(kind, after) | Fate::Lost { kind, after, .. }
                if is_of(kind) && *after > 0 =>
            {
                *after -= 1;
                None
            }
            Fate::Breaks(kind, _) if is_of(kind) => {
                *self = Fate::Good;
                Some(Mishap::Lost)
            }
            Fate::Lost { kind, told, over, .. } if is_of(kind) => {
                told.send(()).unwrap();
                // A process that was killed writes nothing down.
                while !over.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(20));
                }
                *self = Fate::Dead;
                Some(Mishap::Cut(0))
            }
            Fate::Breaks(..) | Fate::Lost { .. } => None,
        }
    }
}

/// A station that lost its computer in the middle of a card, and what lies on its disk.
struct Lost {
    machine: SharedMachine,
    id: String,
    disk: TempDir,
    over: Arc<AtomicBool>,
    _first_life: TestStation,
}

impl Drop for Lost {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

impl Lost {
    /// After so many requests of a kind about the card.
    fn at(settings: LogbookSettings, kind: &'static str, after: u32) -> Lost {
        let machine = machine(settings);
        let over = Arc::new(AtomicBool::new(false));
        let (told, lost): (_, Receiver<()>) = mpsc::channel();
        let fate = Fate::Lost { kind, after, told, over: over.clone() };
        let bench = station(&machine, TempDir::new().unwrap(), Arc::new(Mutex::new(fate)));
        let id = bench.accepted(&child("S2"));
        lost.recv_timeout(A_MINUTE).unwrap();
        let disk = TempDir::new().unwrap();
        for file in std::fs::read_dir(bench.dir.path()).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), disk.path().join(file.file_name())).unwrap();
        }
        Lost { machine, id, disk, over, _first_life: bench }
    }

    fn in_the_print() -> Lost {
        Self::at(LogbookSettings::instant(), " ASK ", IN_THE_PRINT)
    }

    /// The next life, at this machine.
    fn next_life_at(&mut self, machine: &SharedMachine) -> TestStation {
        let disk = std::mem::replace(&mut self.disk, TempDir::new().unwrap());
        station(machine, disk, Arc::new(Mutex::new(Fate::Good)))
    }

    fn next_life(&mut self) -> TestStation {
        let machine = self.machine.clone();
        self.next_life_at(&machine)
    }

    fn pull(&self, levers: &[Lever]) {
        levers.iter().for_each(|lever| self.machine.pull(*lever));
    }

    fn departed(&self) -> Vec<(Way, Finish)> {
        let all = self.machine.lock().take_departed();
        all.iter().map(|card: &Departed| (card.way, card.finish)).collect()
    }
}

fn events(bench: &TestStation, id: &str) -> Value {
    bench.http.get(&format!("/v1/jobs/{id}/events")).body
}

fn count(bench: &TestStation, id: &str, name: &str) -> usize {
    let events = events(bench, id);
    events.as_array().unwrap().iter().filter(|event| event["event"] == name).count()
}

/// Waits until the job is printed, while time passes for the machine.
fn printed(bench: &TestStation, id: &str) -> Value {
    let (done, over) = mpsc::channel::<()>();
    let hands = bench.machine.clone();
    let time = std::thread::spawn(move || {
        while over.recv_timeout(Duration::from_millis(50)) == Err(mpsc::RecvTimeoutError::Timeout) {
            hands.lock().elapse(Duration::from_secs(1));
        }
    });
    let job = bench.until(id, "printed");
    drop(done);
    time.join().unwrap();
    job
}

/// It is settled by this row, and no person was asked.
fn settled_by(bench: &TestStation, id: &str, row: &str) {
    let events = events(bench, id);
    assert!(events.to_string().contains(&format!("\"row\":\"{row}\"")), "{row}: {events:#}");
    assert_eq!(count(bench, id, "left_to_a_person"), 0, "{events:#}");
}

fn left_to_a_person(bench: &TestStation, id: &str, row: &str) {
    bench.until_event(id, "left_to_a_person");
    let events = events(bench, id);
    assert!(events.to_string().contains(&format!("\"row\":\"{row}\"")), "{row}: {events:#}");
    let job = bench.http.get(&format!("/v1/jobs/{id}")).body;
    assert_eq!(job["state"], "unsure", "{job}");
}

const GOOD: (Way, Finish) = (Way::Hopper, Finish::Whole);

#[test]
fn a_card_that_came_out_while_no_computer_was_there_is_printed_by_the_log() {
    let mut lost = Lost::in_the_print();
    let bench = lost.next_life();
    let job = printed(&bench, &lost.id);
    settled_by(&bench, &lost.id, "log_printed");
    assert_eq!(job["evidence"]["machine"]["logged"], "printed", "{job}");
    assert_eq!(job["reasons"], json!([]), "the machine watched it: {job}");
    assert_eq!(lost.departed(), [GOOD]);
}

#[test]
fn a_card_that_the_machine_never_heard_of_is_printed_now() {
    let mut lost = Lost::at(LogbookSettings::instant(), " PRINT ", 0);
    let bench = lost.next_life();
    printed(&bench, &lost.id);
    settled_by(&bench, &lost.id, "log_not_printed");
    assert_eq!(count(&bench, &lost.id, "print"), 2);
    assert_eq!(lost.departed(), [GOOD]);
}

#[test]
fn a_card_that_was_spoiled_by_the_log_is_printed_anew() {
    // Taken out half printed, and then rejected where it stands inside.
    let takes: &[Lever] = &[Lever::OpenCover, Lever::TakeCardOut, Lever::CloseCover];
    let stops: &[Lever] = &[Lever::OpenCover, Lever::CloseCover];
    let off: &[Lever] = &[Lever::CutPower, Lever::PowerOn];
    for (hands, way) in [(takes, Way::Hand), (stops, Way::RejectBox), (off, Way::RejectBox)] {
        let mut lost = Lost::in_the_print();
        lost.pull(hands);
        let bench = lost.next_life();
        printed(&bench, &lost.id);
        settled_by(&bench, &lost.id, "log_spoiled");
        let departed = lost.departed();
        assert!(
            matches!(departed[..], [(gone, finish), GOOD] if gone == way && finish != Finish::Whole),
            "{departed:?}"
        );
    }
}

#[test]
fn a_whole_card_in_somebodys_hand_is_left_to_a_person() {
    let mut lost = Lost::in_the_print();
    lost.machine.lock().elapse(UNTIL_ON_ITS_WAY_OUT);
    lost.pull(&[Lever::OpenCover, Lever::TakeCardOut, Lever::CloseCover]);
    assert_eq!(lost.departed(), [(Way::Hand, Finish::Whole)]);
    let bench = lost.next_life();
    left_to_a_person(&bench, &lost.id, "taken_out");
    let answer = json!({ "seen": "printed", "by": "petugas-2", "insist": true });
    let told = bench.http.post(&format!("/v1/jobs/{}/resolve", lost.id), &answer);
    assert_eq!(told.status, 200, "{}", told.body);
    assert_eq!(lost.departed(), []);
}

#[test]
fn a_log_that_was_begun_anew_or_goes_no_further_back_leaves_the_card_to_a_person() {
    let short = LogbookSettings { log_jobs: 1, ..LogbookSettings::instant() };
    for (settings, forgets) in [(LogbookSettings::instant(), true), (short, false)] {
        let mut lost = Lost::at(settings, " ASK ", IN_THE_PRINT);
        lost.machine.lock().elapse(A_MINUTE);
        if forgets {
            lost.machine.lock().change(&json!({ "log": "anew" })).unwrap();
        } else {
            print_by_hand(&lost.machine);
        }
        let before = lost.departed();
        let bench = lost.next_life();
        left_to_a_person(&bench, &lost.id, "log_forgot");
        assert_eq!(lost.departed(), [], "{before:?}, and no second card");
    }
}

/// From another computer.
fn print_by_hand(machine: &SharedMachine) {
    let mut printer = driver(machine);
    let card = a_card(printer.as_mut());
    printer.print(&card).unwrap();
}

fn a_card(printer: &mut dyn CardPrinter) -> PreparedCard {
    let mut card = PreparedCard::default();
    let head = printer.prepress().head();
    let front = FaceImage::white(head.width_px, head.height_px);
    let image = CardImage { front, back: None, stays_inside: false };
    printer.prepress().prepare(&image, &mut card).unwrap();
    card
}

#[test]
fn a_ticket_of_an_older_life_names_its_card_whatever_happened_since() {
    let mut lost = Lost::in_the_print();
    lost.machine.lock().elapse(A_MINUTE);
    // The machine prints for another computer, loses its power, and hands are in it.
    print_by_hand(&lost.machine);
    lost.pull(&[Lever::CutPower, Lever::PowerOn, Lever::OpenCover, Lever::EmptyFeeder]);
    assert_eq!(lost.departed(), [GOOD, GOOD]);
    let bench = lost.next_life();
    bench.until_reason("cover-open-error");
    lost.pull(&[Lever::CloseCover]);
    printed(&bench, &lost.id);
    settled_by(&bench, &lost.id, "log_printed");
    assert_eq!(lost.departed(), []);
}

/// Its first job has the same name, and is somebody else's.
#[test]
fn another_machine_is_not_asked_for_a_job_of_this_one() {
    let mut lost = Lost::in_the_print();
    lost.machine.lock().elapse(A_MINUTE);
    let serial = "LOG0002".to_owned();
    let other = machine(LogbookSettings { serial, ..LogbookSettings::instant() });
    let ticket = driver(&other).job_log().unwrap().open_job().unwrap();
    let mut bench = lost.next_life_at(&other);
    left_to_a_person(&bench, &lost.id, "other_machine");
    bench.stop();
    // The question would have ended the job.
    let mut printer = driver(&other);
    let card = a_card(printer.as_mut());
    printer.job_log().unwrap().print_as(&ticket, &card).unwrap();
    // Back at its own machine the log says it.
    let dir = std::mem::replace(&mut bench.dir, TempDir::new().unwrap());
    let bench = station(&lost.machine, dir, Arc::new(Mutex::new(Fate::Good)));
    let job = printed(&bench, &lost.id);
    assert_eq!((&job["evidence"]["row"], lost.departed()), (&json!("log_printed"), vec![GOOD]));
}

/// The computer stays, and the cable is pulled out for a moment.
#[test]
fn a_card_whose_wire_broke_is_settled_by_the_log() {
    let machine = machine(LogbookSettings::instant());
    let fate = Arc::new(Mutex::new(Fate::Breaks(" ASK ", IN_THE_PRINT)));
    let bench = station(&machine, TempDir::new().unwrap(), fate);
    let id = bench.accepted(&child("S2"));
    bench.until(&id, "unsure");
    printed(&bench, &id);
    settled_by(&bench, &id, "log_printed");
    assert_eq!(machine.lock().take_departed().len(), 1);
}
