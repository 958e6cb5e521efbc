//! A recorder around a wire, with a complete driver on it. No test here waits.
#![allow(clippy::unwrap_used)]

use std::io::{BufReader, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::recorded::{Recorder, Replay};
use super::{Transport, TransportError, WireFault};
use crate::contract::*;
use crate::printers::evolis::status::information;
use crate::printers::evolis::tests::scripted::scripted_wire;

fn card(driver: &dyn CardPrinter) -> PreparedCard {
    let head = driver.prepress().head();
    let mut front = FaceImage::white(head.width_px, head.height_px);
    front.resin[4000..8000].fill(0xff);
    let mut card = PreparedCard::default();
    driver
        .prepress()
        .prepare(&CardImage { front, back: None, stays_inside: false }, &mut card)
        .unwrap();
    card
}

/// A file in memory.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_recorded_session_plays_again_and_holds_no_picture() {
    let paper = Paper::default();
    let family = crate::find("evolis").unwrap();
    let (_, scripted) = scripted_wire(|_, _| None);
    let wire = Recorder::new(scripted, Box::new(paper.clone()), family);
    let mut driver = crate::open("evolis", None, Box::new(wire)).unwrap();
    let card = card(driver.as_ref());
    let printed = driver.print(&card).unwrap();
    let session = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
    assert!(session.starts_with("{\"send\":{\"text\":\"\\u001bRtp\\r\\u0000\"}}\n"), "{session}");
    assert!(session.contains(&format!("{{\"send\":{{\"bytes\":{},\"sha256\":\"", card.job.len())));
    assert!(session.len() < 10_000, "{} bytes", session.len());

    let replay = Replay::read(BufReader::new(session.as_bytes())).unwrap();
    let mut again = crate::open("evolis", None, Box::new(replay)).unwrap();
    assert_eq!(again.print(&card).unwrap(), printed);

    // Another card's job differs from the recorded request.
    let replay = Replay::read(BufReader::new(session.as_bytes())).unwrap();
    let mut again = crate::open("evolis", None, Box::new(replay)).unwrap();
    let mut other = card.clone();
    *other.job.last_mut().unwrap() ^= 1;
    assert!(matches!(again.print(&other).unwrap_err().cause, Cause::Wire(_)));
    assert!(Replay::read(&b"{\"said\":1}\n"[..]).unwrap_err().to_string().starts_with("line 1"));
}

#[test]
fn what_stands_on_a_stripe_is_never_recorded() {
    const CANARY: &str = "BURUNG KENARI";
    let paper = Paper::default();
    let family = crate::find("evolis").unwrap();
    let (_, scripted) = scripted_wire(|told, machine| match told {
        "Si" => {
            machine.words.information |= information::CARD_PRINT;
            None
        }
        "Rmb;1" => Some(CANARY.to_owned()),
        "Rmb;2" => Some("ERROR BLANK TRACK".to_owned()),
        "Rmb;3" => Some("13010507".to_owned()),
        _ => None,
    });
    let wire = Recorder::new(scripted, Box::new(paper.clone()), family);
    let mut driver = crate::open("evolis", None, Box::new(wire)).unwrap();
    driver.feed(Stop::Magnetic).unwrap();
    let tracks = Tracks::new([Some(CANARY), None, Some("13010507")]).unwrap();
    let stripe = driver.magnetic().unwrap();
    stripe.write(&tracks).unwrap();
    assert!(tracks.differing(&stripe.read().unwrap()).is_empty());
    let session = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
    assert!(session.contains("hidden_bytes"), "{session}");
    assert!(!session.contains(CANARY) && !session.contains("13010507"), "{session}");
}

/// A machine that answers every query with personal data, or with what it was told.
struct Parrot(Vec<u8>);

impl Transport for Parrot {
    fn send(&mut self, request: &[u8], _: Duration) -> Result<(), TransportError> {
        self.0 = request.iter().copied().filter(|byte| byte.is_ascii_graphic()).collect();
        Ok(())
    }

    fn receive(&mut self, answer: &mut Vec<u8>, _: Duration) -> Result<(), TransportError> {
        answer.clear();
        answer.extend(b"BURUNG KENARI ");
        answer.append(&mut self.0);
        answer.extend([0, 0, 0x14, 16].into_iter().chain([0; 16]).chain([2, 0, 0]));
        Ok(())
    }

    fn pause(&mut self, _: Duration) {}
}

#[test]
fn what_a_machine_repeats_is_never_recorded() {
    let paper = Paper::default();
    let mut wire =
        Recorder::new(Parrot(Vec::new()), Box::new(paper.clone()), crate::find("evolis").unwrap());
    let (mut answer, patience) = (Vec::new(), Duration::from_secs(1));
    for request in ["\x1bRtp\r\0", "\x1bDm;1;1301050704159876\r\0", "\x1bRmb;1\r\0", "\x1bRsn\r\0"]
    {
        wire.send(request.as_bytes(), patience).unwrap();
        wire.receive(&mut answer, patience).unwrap();
        assert!(answer.starts_with(b"BURUNG"), "the driver hears it as it is");
        wire.receive(&mut answer, patience).unwrap();
    }
    let session = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
    assert!(session.contains("xxxx") && session.contains("hidden_bytes"), "{session}");
    for canary in ["BURUNG", "KENARI", "1301050704159876"] {
        assert!(!session.contains(canary), "{canary} in {session}");
    }
}

#[test]
fn a_fault_is_recorded_and_played_again() {
    let session = b"{\"send\":{\"text\":\"a\"}}\n\
        {\"receive\":{\"fault\":\"no answer within 30 s\",\"sent_bytes\":1,\"silent_ms\":30000}}\n";
    let mut replay = Replay::read(&session[..]).unwrap();
    let patience = Duration::from_secs(1);
    replay.send(b"a", patience).unwrap();
    let fault = replay.receive(&mut Vec::new(), patience).unwrap_err();
    assert_eq!((fault.kind, fault.sent_bytes), (WireFault::Silent(Duration::from_secs(30)), 1));
    assert!(replay.is_over());
}
