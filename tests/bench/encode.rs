//! Our side of `tests/bench/encode`: what the chip of a staff card costs, and whether the next card is composed meanwhile.
//!
//! `encode CARDS QUEUED KARTUD`: CARDS chips are written by the shipped profile, as the station does it (the reader on a
//! thread of its own), through the PN532 driver to an emulated chip that takes no time; what passes and waits on the
//! reader's line is taken off. Then our driver and libnfc ask one emulated reader of KARTUD in turns, and QUEUED staff cards go
//! through a whole station at [`SLOWNESS`].

mod encode_line;
mod encode_station;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use drivers::encoder::bounded::Bounded;
use drivers::encoder::{CardEncoder, Chip};
use drivers::transport::{Transport, TransportError, Whole};
use emulators::card::{CardSettings, Field};
use emulators::transport::line::Line;
use kartu::chip::{self, Profile, StepSeen, Values, With};
use kartu::record::Record;
use kartu::vault::Vault;
use serde_json::json;

const PROFILE: &str = include_str!("../../config/products/staf/chip.toml");
/// Of a real machine's time: what is looked at is who waits for whom.
const SLOWNESS: f64 = 0.05;
/// Eight bits, a start and a stop.
const BITS_A_BYTE: f64 = 10.0;
/// What a PN532 begins with.
const BAUD: f64 = 115_200.0;
const LIMIT: Duration = Duration::from_secs(20);

fn main() {
    // `cargo bench` adds `--bench` of its own.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let [cards, queued, kartud] = args.as_slice() else {
        println!("run tests/bench/encode");
        return;
    };
    let cards = cards.parse().expect("a number of cards");
    let written = write_chips(cards);
    let line = encode_line::run(kartud, cards as usize);
    let queue = encode_station::run(queued.parse().expect("a number of cards"), SLOWNESS);
    tell(&written, &line, &queue);
}

/// What passed on the reader's line.
#[derive(Clone, Copy, Default)]
struct Passed {
    took: Duration,
    bytes: usize,
}

/// The reader's line, with a clock at it.
struct Watched<T> {
    wire: T,
    passed: Arc<Mutex<Passed>>,
}

impl<T> Watched<T> {
    fn count(&self, since: Instant, bytes: usize) {
        let mut passed = self.passed.lock().expect("no panic");
        passed.took += since.elapsed();
        passed.bytes += bytes;
    }
}

impl<T: Transport> Transport for Watched<T> {
    fn send(&mut self, request: &[u8], patience: Duration) -> Result<(), TransportError> {
        let since = Instant::now();
        let result = self.wire.send(request, patience);
        self.count(since, request.len());
        result
    }

    fn receive(&mut self, answer: &mut Vec<u8>, patience: Duration) -> Result<(), TransportError> {
        let since = Instant::now();
        let result = self.wire.receive(answer, patience);
        self.count(since, answer.len());
        result
    }

    fn frame_by(&mut self, whole: Whole) {
        self.wire.frame_by(whole);
    }

    fn pause(&mut self, span: Duration) {
        let since = Instant::now();
        self.wire.pause(span);
        self.count(since, 0);
    }
}

/// What many chips cost.
#[derive(Default)]
struct Figures {
    apdus: usize,
    steps: usize,
    /// Data of the commands and of the answers of one card.
    data_bytes: usize,
    line_bytes: usize,
    record_bytes: usize,
    /// Ms a step: everything that is not the reader's line.
    ours: Vec<f64>,
    /// Ms a step: what the profile's engine and the channel take, without thread and driver.
    above: Vec<f64>,
}

fn write_chips(cards: u32) -> Figures {
    let (field, passed) = (Field::default(), Arc::new(Mutex::new(Passed::default())));
    let (place, line) = (field.clone(), passed.clone());
    let open = move || {
        let wire = Line::new(emulators::pn532::emulate(place.clone()));
        drivers::readers::pn532::over("bench", Box::new(Watched { wire, passed: line.clone() }))
    };
    let mut reader = Bounded::new(open, LIMIT);
    let record = record();
    let mut figures = Figures { record_bytes: record.len(), ..Figures::default() };
    let card = CardSettings::File(Box::default());
    for number in 0..cards {
        field.put(card.blank(number).expect("the card's own settings make a card"));
        let chip = reader.power_on(LIMIT).expect("a card is there");
        let mut card = Card { passed: &passed, before: read(&passed), inside: Duration::ZERO };
        (figures.apdus, figures.steps, figures.data_bytes) = (0, 0, 0);
        let start = card.before.bytes;
        write(&mut reader, &chip, &record, &mut |seen| card.see(&seen, &mut figures));
        figures.line_bytes = read(&passed).bytes - start;
        reader.power_off().expect("the card is let go");
        field.take();
    }
    figures
}

/// Writes a chip by the shipped profile, and reads it back.
fn write(
    reader: &mut dyn CardEncoder,
    chip: &Chip,
    record: &[u8],
    see: &mut dyn FnMut(StepSeen<'_>),
) {
    let profile = Profile::parse(PROFILE).expect("the shipped profile is good");
    let began = Instant::now();
    let with = With {
        values: &Values::new().with("record", record),
        keys: &Vault::open(Path::new("")),
        clock: &|| began.elapsed(),
        challenge: &|| [7; 8],
    };
    chip::run(&profile, reader, chip, &with, see).expect("the chip is written");
}

fn read(passed: &Mutex<Passed>) -> Passed {
    *passed.lock().expect("no panic")
}

/// One card under work.
struct Card<'p> {
    passed: &'p Mutex<Passed>,
    before: Passed,
    /// Inside the encoder since the step began.
    inside: Duration,
}

impl Card<'_> {
    fn see(&mut self, seen: &StepSeen<'_>, figures: &mut Figures) {
        match seen {
            StepSeen::Begins(_) => {
                (self.before, self.inside) = (read(self.passed), Duration::ZERO);
            }
            StepSeen::Apdu(apdu) => {
                self.inside += apdu.took;
                figures.apdus += 1;
                figures.data_bytes += apdu.lc + apdu.got;
            }
            StepSeen::Ended(step) => {
                let line = read(self.passed).took - self.before.took;
                figures.steps += 1;
                figures.ours.push(ms(step.took.saturating_sub(line)));
                figures.above.push(ms(step.took.saturating_sub(self.inside)));
            }
        }
    }
}

fn ms(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

/// A record as the staff card's, signed by nobody.
fn record() -> Vec<u8> {
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Record {
        issuer: "KABUPATEN CONTOH SELATAN".to_owned(),
        card: "1301-STAF-2026-1".to_owned(),
        product: "staf".to_owned(),
        issued_at: jiff::Timestamp::UNIX_EPOCH,
        expires_at: Some(jiff::Timestamp::UNIX_EPOCH),
        photo_sha256: Some([7; 32]),
        fields: [field("nama", "DEWI CONTOH LESTARI"), field("no_pegawai", "PS-000417")].into(),
    }
    .sign_as_nobody()
}

/// The value below which this share of them lies.
fn share(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get((last as f64 * share) as usize).copied().unwrap_or(0.0)
}

fn tell(written: &Figures, line: &encode_line::Line, queue: &encode_station::Queue) {
    let (mut ours, mut above) = (written.ours.clone(), written.above.clone());
    let (median, most) = (share(&mut ours, 0.5), share(&mut ours, 0.99));
    let engine = share(&mut above, 0.5);
    let wire_ms = written.line_bytes as f64 * BITS_A_BYTE / BAUD * 1000.0;
    let row = |what: &str, value: String| println!("{what:<64}{value:>12}");
    row("commands to the chip a staff card", written.apdus.to_string());
    row("steps of the profile", written.steps.to_string());
    row("record, bytes", written.record_bytes.to_string());
    row("data in commands and answers, bytes", written.data_bytes.to_string());
    row("on the reader's line, bytes", written.line_bytes.to_string());
    row("the same on a real line of 115200 baud, ms", format!("{wire_ms:.0}"));
    row("ours a step (profile, channel, thread, driver), median ms", format!("{median:.4}"));
    row("the same, 99 of 100 steps, ms", format!("{most:.4}"));
    row("profile and channel alone, median ms a step", format!("{engine:.4}"));
    row(
        "a command over a pseudo-terminal, reader included, median ms",
        format!("{:.4}", line.ours),
    );
    row("the same, libnfc", format!("{:.4}", line.peer));
    row("cards composed while the chip before was written", queue.within_of());
    row("composing a card, median ms", format!("{:.1}", queue.compose_ms));
    row("the same card at the chip station, median ms", format!("{:.1}", queue.encode_ms));
    row("card out until the next blank's intent, median ms", format!("{:.1}", queue.gap_ms));
    let told = json!({
        "bench": "encode", "ours": rounded(line.ours), "peer": rounded(line.peer),
        "ratio": rounded(line.peer / line.ours), "unit": "ms a command over a pseudo-terminal, reader included",
        "step_ms": rounded(median), "step_p99_ms": rounded(most), "engine_ms": rounded(engine),
        "apdus": written.apdus, "steps": written.steps,
        "record_bytes": written.record_bytes, "data_bytes": written.data_bytes, "line_bytes": written.line_bytes,
        "composed_meanwhile": queue.within, "queued_behind": queue.behind, "compose_ms": rounded(queue.compose_ms),
        "encode_ms": rounded(queue.encode_ms), "gap_ms": rounded(queue.gap_ms), "slowness": SLOWNESS,
    });
    println!("{told}");
}

fn rounded(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}
