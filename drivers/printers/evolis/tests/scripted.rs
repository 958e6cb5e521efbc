//! A machine that follows a script, for what no emulated machine does by itself.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::contract::CardPrinter;
use crate::printers::evolis::protocol::{Answer, RibbonReport};
use crate::printers::evolis::status::{StatusWords, config, information};
use crate::transport::{Transport, TransportError};

/// The machine's state; the script changes it.
pub struct ScriptedPrinter {
    pub model: &'static str,
    pub words: StatusWords,
    pub extensions: Vec<u32>,
    pub session: u16,
    pub counter: u64,
}

/// Called with each command (`JOB` and `END` for the parts of a job, empty for a poll) before the machine answers it; a
/// returned text replaces the machine's own answer.
pub type Script = Box<dyn FnMut(&str, &mut ScriptedPrinter) -> Option<String> + Send>;

/// All commands that the machine received, without polls.
#[derive(Clone, Default)]
pub struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    pub fn since_opening(&self) -> Vec<String> {
        self.0.lock().unwrap().split_off(OPENING.len())
    }
}

/// The queries that a driver sends when it is opened.
pub const OPENING: [&str; 5] = ["Rtp", "Rsn", "Rsn", "Rfv", "Rrt;all"];

/// The wire to a machine.
pub struct ScriptedWire {
    machine: ScriptedPrinter,
    script: Script,
    heard: Heard,
    answer: Option<Answer>,
}

/// A driver of a machine with a colour ribbon that accepts every command, except where `script` says otherwise.
pub fn scripted(
    script: impl FnMut(&str, &mut ScriptedPrinter) -> Option<String> + Send + 'static,
) -> (Heard, Box<dyn CardPrinter>) {
    let (heard, opened) = try_scripted(script);
    (heard, opened.unwrap())
}

/// The same, for scripts with which opening may fail.
pub fn try_scripted(
    script: impl FnMut(&str, &mut ScriptedPrinter) -> Option<String> + Send + 'static,
) -> (Heard, crate::Opened) {
    let (heard, wire) = scripted_wire(script);
    (heard, crate::open("evolis", None, Box::new(wire)))
}

/// The wire to it.
pub fn scripted_wire(
    script: impl FnMut(&str, &mut ScriptedPrinter) -> Option<String> + Send + 'static,
) -> (Heard, ScriptedWire) {
    let fitted = config::X01 | config::FLIP | config::MAGNETIC | config::SMART;
    let machine = ScriptedPrinter {
        model: "Primacy",
        words: StatusWords { config: fitted, ..StatusWords::default() },
        extensions: Vec::new(),
        session: 0,
        counter: 100,
    };
    let heard = Heard::default();
    let wire =
        ScriptedWire { machine, script: Box::new(script), heard: heard.clone(), answer: None };
    (heard, wire)
}

/// The name of a transmission's command, or the part of a job that it is.
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

impl ScriptedWire {
    fn answer_to(&mut self, told: &str) {
        let Self { machine, script, .. } = self;
        let instead = script(told, machine);
        let text = match told {
            "Rtp" => machine.model.to_owned(),
            "Rsn" => "P1".to_owned(),
            "Rfv" => "F1".to_owned(),
            "Rrt;all" => RibbonReport { number: 0, capacity: 300, remaining: 200 }.emit("YMCKO"),
            "Rco;card" => format!("inserted_head: {}", machine.counter),
            _ => "OK".to_owned(),
        };
        match told.split(';').collect::<Vec<_>>()[..] {
            ["Psid", number, _] if instead.is_none() => machine.session = number.parse().unwrap(),
            ["Pem", "0"] => machine.words.information |= information::PRINTER_MASTER,
            ["Pem", _] => machine.words.information &= !information::PRINTER_MASTER,
            ["JOB"] if instead.is_none() => {
                machine.words.information |= information::CLAIM;
                machine.counter += 1;
            }
            ["END"] if instead.is_none() => machine.words.information &= !information::CLAIM,
            _ => {}
        }
        self.answer = Some(Answer {
            text: instead.unwrap_or(text),
            status: machine.words,
            session: machine.session,
            extensions: machine.extensions.clone(),
        });
    }
}

impl Transport for ScriptedWire {
    fn send(&mut self, request: &[u8], _: Duration) -> Result<(), TransportError> {
        let told = name(request);
        self.heard.0.lock().unwrap().push(told.clone());
        self.answer_to(&told);
        Ok(())
    }

    fn receive(&mut self, answer: &mut Vec<u8>, _: Duration) -> Result<(), TransportError> {
        if self.answer.is_none() {
            self.answer_to("");
        }
        self.answer.take().unwrap().emit(answer);
        Ok(())
    }

    fn pause(&mut self, _: Duration) {}
}
