//! A reader whose calls do not return until the test releases them.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Sender};

use super::*;
use crate::encoder::{Interface, Limits};

/// Long enough for any call that returns at all.
const AN_HOUR: Duration = Duration::from_secs(3600);

/// Answers the commands that the test releases, and blocks on every other.
struct Holding {
    let_go: Receiver<Result<Vec<u8>, EncoderError>>,
    inside: Arc<AtomicU32>,
}

impl CardEncoder for Holding {
    fn power_on(&mut self, _patience: Duration) -> Result<Chip, EncoderError> {
        let limits = Limits { t0: false, extended: false, apdu_max_bytes: 261 };
        Ok(Chip { interface: Interface::Contact, atr: vec![0x3B], uid: None, limits })
    }

    fn transmit(&mut self, command: &[u8], answer: &mut Vec<u8>) -> Result<(), EncoderError> {
        assert_eq!(self.inside.fetch_add(1, Ordering::SeqCst), 0, "two threads in one reader");
        let said = self.let_go.recv().unwrap();
        self.inside.fetch_sub(1, Ordering::SeqCst);
        *answer = [&said?[..], command].concat();
        Ok(())
    }

    fn power_off(&mut self) -> Result<(), EncoderError> {
        Ok(())
    }
}

/// Counts how often the reader was opened, and releases its blocked calls.
struct Outside {
    opened: Arc<AtomicU32>,
    let_go: Receiver<Sender<Result<Vec<u8>, EncoderError>>>,
}

fn bounded(limit: Duration) -> (Bounded, Outside) {
    let (new_reader, let_go) = mpsc::channel();
    let opened = Arc::new(AtomicU32::new(0));
    let (count, inside) = (Arc::clone(&opened), Arc::new(AtomicU32::new(0)));
    let open = move || {
        count.fetch_add(1, Ordering::SeqCst);
        let (release, let_go) = mpsc::channel();
        new_reader.send(release).unwrap();
        let reader = Holding { let_go, inside: Arc::clone(&inside) };
        Ok(Box::new(reader) as Box<dyn CardEncoder>)
    };
    (Bounded::new(open, limit), Outside { opened, let_go })
}

#[test]
fn what_comes_back_in_time_passes_through() {
    let (mut reader, outside) = bounded(AN_HOUR);
    assert_eq!(reader.power_on(Duration::ZERO).unwrap().atr, [0x3B]);
    let release = outside.let_go.recv().unwrap();
    release.send(Ok(vec![9])).unwrap();
    let mut answer = vec![1, 2, 3];
    assert_eq!(reader.transmit(&[7, 8], &mut answer), Ok(()));
    assert_eq!(answer, [9, 7, 8]);
    release.send(Err(EncoderError::CardLost)).unwrap();
    assert_eq!(reader.transmit(&[7], &mut answer), Err(EncoderError::CardLost));
    assert!(answer.is_empty());
    assert_eq!(reader.power_off(), Ok(()));
    assert_eq!(outside.opened.load(Ordering::SeqCst), 1);
}

#[test]
fn a_call_that_does_not_come_back_leaves_the_reader_stuck_until_it_does_and_it_is_opened_anew() {
    let limit = Duration::from_millis(1);
    let stuck = EncoderError::Stuck { limit };
    let (mut reader, outside) = bounded(limit);
    reader.power_on(AN_HOUR).unwrap();
    let release = outside.let_go.recv().unwrap();
    let mut answer = Vec::new();
    assert_eq!(reader.transmit(&[7], &mut answer), Err(stuck.clone()));
    // The error comes at once; the test would notice an hour's wait.
    for _ in 0..3 {
        assert_eq!(reader.power_on(AN_HOUR), Err(stuck.clone()));
        assert_eq!(reader.transmit(&[8], &mut answer), Err(stuck.clone()));
        assert_eq!(reader.power_off(), Err(stuck.clone()));
    }
    assert_eq!(outside.opened.load(Ordering::SeqCst), 1);
    release.send(Ok(vec![9])).unwrap();
    let back = loop {
        match reader.power_on(AN_HOUR) {
            Err(EncoderError::Stuck { .. }) => thread::yield_now(),
            back => break back,
        }
    };
    assert!(back.is_ok());
    assert_eq!(outside.opened.load(Ordering::SeqCst), 2);
    assert!(answer.is_empty(), "the late answer is nobody's");
}

#[test]
fn a_reader_that_cannot_be_opened_is_tried_again_at_the_next_call() {
    let mut there = false;
    let missing = EncoderError::NoReader("ACR".to_owned());
    let not_there = missing.clone();
    let open = move || {
        let found = std::mem::replace(&mut there, true);
        let (_, let_go) = mpsc::channel();
        let reader = Holding { let_go, inside: Arc::default() };
        if found { Ok(Box::new(reader) as Box<dyn CardEncoder>) } else { Err(not_there.clone()) }
    };
    let mut reader = Bounded::new(open, AN_HOUR);
    assert_eq!(reader.power_on(Duration::ZERO), Err(missing));
    assert!(reader.power_on(Duration::ZERO).is_ok());
}

#[test]
fn a_reader_whose_code_died_is_not_waited_for_and_begins_anew() {
    let mut died = false;
    let open = move || {
        assert!(std::mem::replace(&mut died, true), "a driver dies, as this test wants it");
        let (_, let_go) = mpsc::channel();
        Ok(Box::new(Holding { let_go, inside: Arc::default() }) as Box<dyn CardEncoder>)
    };
    let mut reader = Bounded::new(open, AN_HOUR);
    assert_eq!(reader.power_off(), Err(EncoderError::Stuck { limit: AN_HOUR }));
    assert_eq!(reader.power_off(), Ok(()));
}
