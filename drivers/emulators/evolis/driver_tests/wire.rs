//! Faults on the wire: no status, other clients' leftovers, noise. `truth.rs` has the breaks.
#![allow(clippy::unwrap_used)]

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{assert_shows, bench, black_face, colour_card, colour_face, prepare, settings};
use crate::machine::Response;
use drivers::contract::*;
use drivers::printers::evolis::find_model;
use drivers::printers::evolis::protocol::Answer;
use drivers::printers::evolis::stream::Stream;
use drivers::transport::tcp::Tcp;
use drivers::transport::{Transport, TransportError};

use crate::transport::serve_tcp;

#[test]
fn prints_over_tcp_and_outlives_rude_clients() {
    let machine = crate::evolis::emulate(settings("Primacy 2", "YMCKO")).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let served = scope.spawn(|| serve_tcp(&listener, &machine, &stop));
        let mut answer = Vec::new();
        let mut wire = Tcp::new(address.to_string());
        for rude in [&b"\x1c\x6e\0\0\0\0"[..], b"GET / HTTP/1.1\r\n\r\n", b"\x1bDb;y;256;half"] {
            wire.send(rude, Duration::from_secs(5)).unwrap();
            wire.receive(&mut answer, Duration::from_secs(5)).unwrap();
            assert_eq!(answer.is_empty(), rude[0] == 0x1c);
        }
        drop(std::net::TcpStream::connect(address).unwrap());
        let misunderstood = machine.lock().not_understood();
        let mut printer =
            drivers::open("evolis", None, Box::new(Tcp::new(address.to_string()))).unwrap();
        let head = printer.prepress().head();
        let card = prepare(printer.as_ref(), colour_face(head), Some(black_face(head)));
        printer.print(&card).unwrap();
        assert_shows(&machine.lock().last_card().unwrap().front, &colour_face(head), 3);
        assert_eq!(machine.lock().not_understood(), misunderstood);
        stop.store(true, Ordering::Relaxed);
        served.join().unwrap().unwrap();
    });
    let gone = drivers::open("evolis", None, Box::new(Tcp::new("127.0.0.1:1"))).err().unwrap();
    assert!(matches!(gone.cause, Cause::Wire(TransportError { sent_bytes: 0, .. })), "{gone}");
}

/// A wire without an end of input, as USB is: a half-sent transmission stays half-sent.
pub struct OneStream(pub crate::machine::SharedMachine);

impl Transport for OneStream {
    fn send(&mut self, request: &[u8], _: Duration) -> Result<(), TransportError> {
        self.0.lock().on_bytes(request);
        Ok(())
    }

    fn receive(&mut self, answer: &mut Vec<u8>, _: Duration) -> Result<(), TransportError> {
        loop {
            let speech = self.0.lock().respond(answer);
            let Response::Later(span) = speech else { return Ok(()) };
            self.0.pass(span);
        }
    }

    fn pause(&mut self, span: Duration) {
        self.0.pass(span);
    }
}

#[test]
fn the_computer_died_in_the_middle_of_a_panel_and_the_next_one_is_heard() {
    for part in [3, 2] {
        let machine = crate::evolis::emulate(settings("Primacy", "YMCKO")).unwrap();
        let open = || drivers::open("evolis", None, Box::new(OneStream(machine.clone())));
        let mut printer = open().unwrap();
        let card = colour_card(printer.as_ref());
        printer.print(&card).unwrap();
        // The break is in the first panel, or in a later one.
        machine.lock().on_bytes(&card.job[..card.job.len() / part]);
        let mut printer = open().unwrap();
        let status = printer.status().unwrap();
        assert!(status.card_inside && status.owned, "{status:?}");
        let error = printer.print(&card).unwrap_err();
        assert_eq!((error.card, error.cause), (Whereabouts::Untouched, Cause::CardInside));
        printer.eject(Tray::Reject).unwrap();
        printer.print(&card).unwrap();
        // The good card, the unfinished one, and the one after it.
        assert_eq!(machine.lock().cards_entered(), 3);
        assert_eq!(machine.lock().last_card().unwrap().number, 3);
    }
}

#[test]
fn noise_breaks_neither_the_driver_nor_the_machine() {
    let mut noise = Noise(0x5eed_0001);
    let machine = crate::evolis::emulate(settings("Badgy100", "YMCKO")).unwrap();
    let head = find_model("Badgy100").unwrap().head;
    let (_, printer) = bench(settings("Badgy100", "YMCKO"));
    let job = colour_card(printer.as_ref()).job;
    let mut good = Vec::new();
    machine.lock().exchange(b"", &mut good);
    let alphabet = b"\x1b\r\0<>;DbxcPsidSsSeSrSvPcla0123456789ymcko";
    for round in 0..3000 {
        let mut bytes: Vec<u8> = match round % 3 {
            0 => (0..noise.below(200)).map(|_| noise.next() as u8).collect(),
            1 => (0..noise.below(200)).map(|_| alphabet[noise.below(alphabet.len())]).collect(),
            _ => good.clone(),
        };
        if round % 3 == 2 {
            bytes.truncate(noise.below(bytes.len() + 1));
            if !bytes.is_empty() {
                let at = noise.below(bytes.len());
                bytes[at] = noise.next() as u8;
            }
        }
        // Bytes are parsed or refused, never a panic; a frame that is accepted can be encoded again.
        if let Ok(answer) = Answer::parse(&bytes) {
            let mut again = Vec::new();
            answer.emit(&mut again);
            assert_eq!(Answer::parse(&again), Ok(answer));
        }
        assert!(Stream::new(&bytes, head).count() <= bytes.len());
        let mut said = Vec::new();
        machine.lock().exchange(&bytes, &mut said);
        assert!(Answer::parse(&said).is_ok(), "round {round}");
    }
    for _ in 0..20 {
        let mut cut = job[..noise.below(job.len())].to_vec();
        let at = noise.below(600.min(cut.len()));
        cut[at] = noise.next() as u8;
        machine.lock().exchange(&cut, &mut Vec::new());
    }
}

/// A small, seeded source of noise (xorshift64).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}
