//! A complete driver on a wire that fails. No test here waits.

use std::time::Duration;

use super::Transport;
use super::emulated::Emulated;
use super::faulty::{Faulty, Mishap};
use crate::evolis::EvolisSettings;
use crate::machine::SharedMachine;
use drivers::contract::*;

fn machine() -> SharedMachine {
    let settings = EvolisSettings {
        model: "Primacy".into(),
        ribbon: "KBLACK".into(),
        ..EvolisSettings::instant()
    };
    crate::evolis::emulate(settings).unwrap()
}

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

#[test]
fn a_wire_that_fails_by_seed_is_never_lied_about() {
    let mut failed = 0;
    for seed in 0..200 {
        let machine = machine();
        let wire = Faulty::seeded(Emulated::new(machine.clone()), seed, 12);
        let Ok(mut driver) = drivers::open("evolis", None, Box::new(wire)) else { continue };
        let result = driver.print(&card(driver.as_ref()));
        let moved = machine.lock().cards_entered();
        match result {
            Ok(_) => assert_eq!(moved, 1, "seed {seed}"),
            Err(error) => {
                failed += 1;
                assert!(error.card != Whereabouts::Untouched || moved == 0, "seed {seed}: {error}");
            }
        }
    }
    assert!(failed > 30, "{failed} of 200 prints failed");
}

#[test]
fn garbled_answers_are_refused_or_survived() {
    for seed in 0..150 {
        let machine = machine();
        let wire = Faulty::new(Emulated::new(machine.clone()), move |exchange, _| {
            (exchange % 17 == seed % 17).then_some(Mishap::Garbled(seed))
        });
        if let Ok(mut driver) = drivers::open("evolis", None, Box::new(wire)) {
            let _ = driver.print(&card(driver.as_ref()));
        }
        assert!(machine.lock().cards_entered() <= 1, "seed {seed}");
    }
}

#[test]
fn an_exchange_is_cut_or_lost_where_it_was_wanted() {
    let machine = machine();
    let mut wire = Faulty::new(Emulated::new(machine), |exchange, _| match exchange {
        1 => Some(Mishap::Cut(3)),
        2 => Some(Mishap::Lost),
        _ => None,
    });
    let (mut answer, patience) = (Vec::new(), Duration::from_secs(1));
    wire.send(b"\x1bRtp\r\0", patience).unwrap();
    wire.receive(&mut answer, patience).unwrap();
    assert!(answer.starts_with(b"Primacy\0"));
    assert_eq!(wire.send(b"\x1bRsn\r\0", patience).unwrap_err().sent_bytes, 3);
    wire.send(b"\x1bRsn\r\0", patience).unwrap();
    let lost = wire.receive(&mut answer, patience).unwrap_err();
    assert_eq!((lost.sent_bytes, answer.len()), (6, 0));
    wire.receive(&mut answer, patience).unwrap();
    assert!(answer.len() > 20);
}
