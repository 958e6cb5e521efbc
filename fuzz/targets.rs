//! Every reader of bytes that come from outside, as a function of any bytes. A target holds if it returns: no panic, no
//! endless loop, no memory without bounds. Public functions only; `fuzz/main.rs` gives them to libFuzzer, and
//! `tests/any_bytes.rs` replays what is kept in `fuzz/corpus`.

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use drivers::contract::Stop;
use drivers::encoder::apdu::{Command, Reply};
use drivers::encoder::channel::Channel;
use drivers::encoder::{CardEncoder, Chip, EncoderError, Interface, Limits, tlv};
use drivers::scp03::{Key, Keys, Level, Session};
use drivers::transport::{Transport, TransportError, Whole, WireFault};
use emulators::evolis::EvolisSettings;
use jiff::Timestamp;
use kartu::config::Config;
use kartu::intake::Examiner;
use kartu::job::{JobRequest, Photo};
use kartu::ledger::{head::Head, wal};
use kartu::record::{self, KeyList, PublicKey, SigningKey};
use kartu::render::Design;

/// Name, as in `fuzz/corpus`, and what it does with any bytes.
pub const TARGETS: &[(&str, fn(&[u8]))] = &[
    ("job", job),
    ("photo", photo),
    ("face", face),
    ("config", config),
    ("record", signed_record),
    ("keys", key_list),
    ("ledger", ledger),
    ("printer", printer),
    ("machine", machine),
    ("reader", reader),
    ("card", card),
    ("scp03", secure_channel),
    ("wires", wires),
];

/// The built-in products, as a station without configuration has them.
static EXAMINER: LazyLock<Examiner> = LazyLock::new(|| {
    let config = Config::parse("", Path::new("")).unwrap_or_else(|faults| panic!("{faults:?}"));
    Examiner::open(&config).unwrap_or_else(|faults| panic!("{faults:?}"))
});

/// A job of a child of kind B, without its photo.
const CHILD: &[u8] = include_bytes!("child.json");

/// The day on which the sample cards are issued.
fn now() -> Timestamp {
    Timestamp::from_second(1_772_500_000).unwrap_or_default()
}

/// A posted job as the API reads it.
fn posted(bytes: &[u8]) -> Option<JobRequest> {
    EXAMINER.read(bytes).ok()
}

fn job(bytes: &[u8]) {
    if let Some(request) = posted(bytes) {
        let _ = EXAMINER.examine(request, now(), true);
    }
}

/// The product's rules first, as the station has them: what they refuse is never decoded.
fn photo(bytes: &[u8]) {
    let Some(mut request) = posted(CHILD) else {
        panic!("child.json is no job any more");
    };
    request.photo = Some(Photo(bytes.to_vec()));
    let _ = EXAMINER.examine(request, now(), true);
}

fn face(bytes: &[u8]) {
    let known: BTreeSet<String> = ["nama", "nik", "tte", "ref_cetak"].map(str::to_owned).into();
    if let Ok(text) = str::from_utf8(bytes) {
        let _ = Design::parse("face.svg", text, &known);
    }
}

fn config(bytes: &[u8]) {
    if let Ok(text) = str::from_utf8(bytes) {
        let _ = Config::parse(text, Path::new("/etc/kartu"));
    }
}

fn signed_record(bytes: &[u8]) {
    static KEYS: LazyLock<KeyList> = LazyLock::new(|| {
        let key = SigningKey::from_slice(&[7; 32]).unwrap_or_else(|_| panic!("7 is a scalar"));
        [PublicKey::new("any", *key.verifying_key())].into_iter().collect()
    });
    let good = |signed: &[u8]| record::verify(signed, &KEYS, now(), Some(b"photo")).is_good();
    assert!(!good(bytes), "nobody has signed this");
    let _ = record::read_chip(bytes).map(good);
    if let Ok(text) = str::from_utf8(bytes) {
        let _ = record::read_text(text).map(|signed| good(&signed));
    }
}

fn key_list(bytes: &[u8]) {
    if let Ok(text) = str::from_utf8(bytes) {
        let _ = KeyList::parse(text);
    }
}

fn ledger(bytes: &[u8]) {
    let _ = wal::examine(bytes, 4096);
    if let Ok(text) = str::from_utf8(bytes) {
        let _ = text.parse::<Head>();
    }
}

/// Bytes as a row of answers: one byte of length, then so many bytes.
struct Script(VecDeque<Vec<u8>>);

impl Script {
    fn of(mut bytes: &[u8]) -> Self {
        let mut answers = VecDeque::new();
        while let [length, rest @ ..] = bytes {
            let (answer, after) = rest.split_at(usize::from(*length).min(rest.len()));
            answers.push_back(answer.to_vec());
            bytes = after;
        }
        Self(answers)
    }
}

impl Transport for Script {
    fn send(&mut self, _: &[u8], _: Duration) -> Result<(), TransportError> {
        Ok(())
    }

    fn receive(&mut self, answer: &mut Vec<u8>, _: Duration) -> Result<(), TransportError> {
        let broken = WireFault::Broken(std::io::ErrorKind::UnexpectedEof.into());
        *answer = self.0.pop_front().ok_or(TransportError { kind: broken, sent_bytes: 0 })?;
        Ok(())
    }

    fn frame_by(&mut self, _: Whole) {}

    fn pause(&mut self, _: Duration) {}
}

/// A printer that answers anything, to every family's driver.
fn printer(bytes: &[u8]) {
    for family in drivers::CATALOGUE {
        let Ok(mut printer) = drivers::open(family.name, None, Box::new(Script::of(bytes))) else {
            continue;
        };
        let _ = printer.status();
        let _ = printer.facts();
        let _ = printer.feed(Stop::Print);
        let _ = printer.magnetic().map(|stripe| stripe.read().is_ok());
        let _ = printer.abort_orphaned_job();
    }
}

/// Anything that is sent to an emulated printer, in one piece and then in two.
fn machine(bytes: &[u8]) {
    let Ok(machine) = emulators::evolis::emulate(EvolisSettings::instant()) else { return };
    let mut answer = Vec::new();
    let (one, other) = bytes.split_at(bytes.len() / 2);
    for piece in [bytes, one, other] {
        machine.lock().exchange(piece, &mut answer);
    }
}

/// A card reader that answers anything, to every family's driver that can be tried here.
fn reader(bytes: &[u8]) {
    for family in drivers::ENCODERS {
        let Some(over) = family.over else { continue };
        let Ok(mut reader) = over("any", Box::new(Script::of(bytes))) else { continue };
        let mut answer = Vec::new();
        let _ = reader.power_on(Duration::ZERO);
        let _ = reader.transmit(&[0x00, 0xa4, 0x04, 0x00, 0x01, 0xf0], &mut answer);
        let _ = reader.power_off();
    }
}

/// A card that answers anything.
struct AnyCard(Script);

impl CardEncoder for AnyCard {
    fn power_on(&mut self, _: Duration) -> Result<Chip, EncoderError> {
        Err(EncoderError::CardLost)
    }

    fn transmit(&mut self, _: &[u8], answer: &mut Vec<u8>) -> Result<(), EncoderError> {
        *answer = self.0.0.pop_front().ok_or(EncoderError::CardLost)?;
        Ok(())
    }

    fn power_off(&mut self) -> Result<(), EncoderError> {
        Ok(())
    }
}

/// The first byte says how the card is spoken with, the rest is what it says.
fn talk(bytes: &[u8], conversation: impl FnOnce(&mut Channel<'_>)) {
    let Some((how, answers)) = bytes.split_first() else { return };
    let limits = Limits {
        t0: how & 1 != 0,
        extended: how & 2 != 0,
        apdu_max_bytes: if how & 4 != 0 { 61 } else { 261 },
    };
    let chip = Chip { interface: Interface::Contact, atr: vec![0x3b, 0], uid: None, limits };
    conversation(&mut Channel::new(&mut AnyCard(Script::of(answers)), &chip));
}

fn card(bytes: &[u8]) {
    let _ = Command::parse(bytes);
    let _ = Reply::parse(bytes).map(Reply::into_bytes);
    let mut rest = bytes;
    while let Some((_, _, after)) = tlv::split(rest) {
        rest = after;
    }
    talk(bytes, |channel| {
        let _ = channel.send(&Command::new(0, 0xa4, 4, 0).with([0xf0; 5]).expecting(256));
        let _ = channel.send(&Command::new(0, 0xd6, 0, 0).with([0x11; 200]));
        let _ = channel.send(&Command::new(0, 0xb0, 0, 0).expecting(200));
    });
}

fn secure_channel(bytes: &[u8]) {
    let Ok(key) = Key::new(&[0x42; 16]) else { return };
    let keys = Keys { enc: key.clone(), mac: key.clone(), dek: key };
    talk(bytes, |channel| {
        let opened = Session::open(channel, &keys, 0, Level::Full, [1; 8], None);
        let _ = opened.map(|mut session| session.key_versions(channel).is_ok());
    });
}

/// Every parser of a wire that no driver shows.
fn wires(bytes: &[u8]) {
    for family in drivers::CATALOGUE {
        (family.any_bytes)(bytes);
    }
    for family in drivers::ENCODERS {
        (family.any_bytes)(bytes);
    }
    emulators::transport::usbip::any_bytes(bytes);
    emulators::pcsc::any_bytes(bytes);
}
