//! A machine on strings, for what no emulated machine does by itself.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::contract::CardPrinter;
use crate::printers::evolis::protocol::{Answer, RibbonReport};
use crate::printers::evolis::status::{StatusWords, config, information};
use crate::transport::{Transport, TransportError};

/// What the puppet is made of; a test moves it.
pub struct Puppet {
    pub model: &'static str,
    pub words: StatusWords,
    pub extensions: Vec<u32>,
    pub session: u16,
    pub counter: u64,
}

/// Called with each command (`JOB` and `END` for the parts of a job, empty for a look) before the puppet
/// answers it; a text stands in for its own.
pub type Pull = Box<dyn FnMut(&str, &mut Puppet) -> Option<String> + Send>;

/// Everything that the puppet was told, looks left out.
#[derive(Clone, Default)]
pub struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    pub fn since_opening(&self) -> Vec<String> {
        self.0.lock().unwrap().split_off(OPENING.len())
    }
}

/// What a driver asks when it is opened.
pub const OPENING: [&str; 5] = ["Rtp", "Rsn", "Rsn", "Rfv", "Rrt;all"];

/// The wire to a puppet.
pub struct Strings {
    puppet: Puppet,
    pull: Pull,
    heard: Heard,
    answer: Option<Answer>,
}

/// A driver of a puppet with a colour ribbon that does whatever it is told, but for what `pull` does to it.
pub fn on_strings(
    pull: impl FnMut(&str, &mut Puppet) -> Option<String> + Send + 'static,
) -> (Heard, Box<dyn CardPrinter>) {
    let (heard, opened) = try_on_strings(pull);
    (heard, opened.unwrap())
}

/// The same, where it may not come to a driver.
pub fn try_on_strings(
    pull: impl FnMut(&str, &mut Puppet) -> Option<String> + Send + 'static,
) -> (Heard, crate::Opened) {
    let (heard, strings) = strings(pull);
    (heard, crate::open("evolis", None, Box::new(strings)))
}

/// The wire to it.
pub fn strings(
    pull: impl FnMut(&str, &mut Puppet) -> Option<String> + Send + 'static,
) -> (Heard, Strings) {
    let fitted = config::X01 | config::FLIP | config::MAGNETIC | config::SMART;
    let puppet = Puppet {
        model: "Primacy",
        words: StatusWords { config: fitted, ..StatusWords::default() },
        extensions: Vec::new(),
        session: 0,
        counter: 100,
    };
    let heard = Heard::default();
    let strings = Strings { puppet, pull: Box::new(pull), heard: heard.clone(), answer: None };
    (heard, strings)
}

/// The one command of a transmission, or which part of a job it is.
fn name(request: &[u8]) -> String {
    if request.starts_with(b"\x1bPsync;1;0\r") {
        return "JOB".to_owned();
    }
    if request.starts_with(b"\x1bPcla;0\r") {
        return "END".to_owned();
    }
    let text = request.strip_prefix(b"\x1b").and_then(|rest| rest.strip_suffix(b"\r\0"));
    String::from_utf8(text.unwrap_or_default().to_vec()).unwrap()
}

impl Strings {
    fn move_by(&mut self, told: &str) {
        let Self { puppet, pull, .. } = self;
        let instead = pull(told, puppet);
        let text = match told {
            "Rtp" => puppet.model.to_owned(),
            "Rsn" => "P1".to_owned(),
            "Rfv" => "F1".to_owned(),
            "Rrt;all" => RibbonReport { number: 0, capacity: 300, remaining: 200 }.emit("YMCKO"),
            "Rco;card" => format!("inserted_head: {}", puppet.counter),
            _ => "OK".to_owned(),
        };
        match told.split(';').collect::<Vec<_>>()[..] {
            ["Psid", number, _] if instead.is_none() => puppet.session = number.parse().unwrap(),
            ["Pem", "0"] => puppet.words.information |= information::PRINTER_MASTER,
            ["Pem", _] => puppet.words.information &= !information::PRINTER_MASTER,
            ["JOB"] if instead.is_none() => {
                puppet.words.information |= information::CLAIM;
                puppet.counter += 1;
            }
            ["END"] if instead.is_none() => puppet.words.information &= !information::CLAIM,
            _ => {}
        }
        self.answer = Some(Answer {
            text: instead.unwrap_or(text),
            status: puppet.words,
            session: puppet.session,
            extensions: puppet.extensions.clone(),
        });
    }
}

impl Transport for Strings {
    fn send(&mut self, request: &[u8], _: Duration) -> Result<(), TransportError> {
        let told = name(request);
        self.heard.0.lock().unwrap().push(told.clone());
        self.move_by(&told);
        Ok(())
    }

    fn receive(&mut self, answer: &mut Vec<u8>, _: Duration) -> Result<(), TransportError> {
        if self.answer.is_none() {
            self.move_by("");
        }
        self.answer.take().unwrap().emit(answer);
        Ok(())
    }

    fn pause(&mut self, _: Duration) {}
}
