//! Machines whose answers violate the family's protocol.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use crate::printers::evolis::protocol::Answer;
use crate::transport::{Transport, TransportError};

#[test]
fn a_printer_without_status_is_refused_with_a_reason() {
    struct Mute;
    impl Transport for Mute {
        fn send(&mut self, _: &[u8], _: Duration) -> Result<(), TransportError> {
            Ok(())
        }
        fn receive(&mut self, answer: &mut Vec<u8>, _: Duration) -> Result<(), TransportError> {
            answer.clear();
            answer.extend_from_slice(b"Primacy\0");
            Ok(())
        }
        fn pause(&mut self, _: Duration) {}
    }
    let error = crate::open("evolis", None, Box::new(Mute)).err().unwrap();
    assert!(error.to_string().contains("sends no status"), "{error}");
}

/// A machine that gives each answer of a list once, and the last one for ever, whatever the query.
struct Babbler(Vec<&'static str>);

impl Transport for Babbler {
    fn send(&mut self, _: &[u8], _: Duration) -> Result<(), TransportError> {
        Ok(())
    }

    fn receive(&mut self, answer: &mut Vec<u8>, _: Duration) -> Result<(), TransportError> {
        let text = if self.0.len() > 1 { self.0.remove(0) } else { self.0[0] };
        answer.clear();
        Answer { text: text.to_owned(), ..Answer::default() }.emit(answer);
        Ok(())
    }

    fn pause(&mut self, _: Duration) {}
}

#[test]
fn a_model_that_the_maker_names_is_named_and_anything_else_is_told_by_its_length() {
    let open = |texts| crate::open("evolis", None, Box::new(Babbler(texts))).err().unwrap();
    let error = open(vec!["Agilia"]).to_string();
    assert!(error.contains("Agilia") && error.contains("Primacy 2"), "{error}");
    for texts in [vec!["BURUNG KENARI"], vec!["BURUNG KENARI", "Agilia"]] {
        let error = open(texts).to_string();
        assert!(error.contains("13 bytes that are no known answer"), "{error}");
        assert!(!error.contains("KENARI") && error.contains("Primacy 2"), "{error}");
    }
}
