//! Faults of an emulated card. They are data, so that a test, the demo and a state file can set the same ones. Counters
//! restart whenever a fault is set. Knows no kind of card.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Response, hex};

/// Faults of one card; none by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// It executes commands and never answers.
    pub mute: bool,
    /// It answers so many commands, then it is mute.
    pub mute_after: Option<u32>,
    /// It answers so many commands; at the next one it is removed, and stays away until this setting changes.
    pub torn_out_after: Option<u32>,
    /// The card still executes the command at which it is removed; only the answer is lost.
    pub torn_out_done: bool,
    /// One command is refused and not executed.
    pub wrong_status: Option<WrongStatus>,
    /// How long every answer takes.
    pub slow_ms: u32,
    /// One answer comes with a flipped bit.
    pub bit_flip: Option<BitFlip>,
    /// Every blank of a batch has the identifier of the first.
    pub same_uid: bool,
}

/// One command that is refused. A memory card has no status words and answers NAK instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrongStatus {
    /// Number of the command: 1 is the next.
    pub command: u32,
    /// The status word of the refusal, such as `"6581"`.
    #[serde(with = "hex::word")]
    pub status: u16,
}

/// One answer with a flipped bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BitFlip {
    /// Number of the answer: 1 is the next.
    pub answer: u32,
    /// Which bit of its data, modulo the length; the status word is left alone.
    pub bit: usize,
}

/// The faults of a card, and the counters since they were set.
#[derive(Default)]
pub(super) struct Trouble {
    faults: Faults,
    heard: u32,
}

/// How a kind of card refuses a command, and which bytes of its answers are not data.
pub(super) struct RefusalForm {
    /// The answer that refuses a command.
    pub(super) refusal: Vec<u8>,
    /// Bytes at the end of every answer that are not data.
    pub(super) status_bytes: usize,
}

impl Trouble {
    pub(super) fn new(faults: Faults) -> Self {
        Self { faults, heard: 0 }
    }

    pub(super) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The status word of a planned refusal.
    pub(super) fn wrong_status(&self) -> u16 {
        self.faults.wrong_status.map_or(0, |wrong| wrong.status)
    }

    /// Was it removed?
    pub(super) fn is_gone(&self) -> bool {
        self.faults.torn_out_after.is_some_and(|answered| self.heard > answered)
    }

    /// Sets the faults that `change` names and leaves the others.
    pub(super) fn changed(&self, change: &Value) -> Result<Self, String> {
        let change = change.as_object().ok_or("faults: not an object")?;
        let mut all = serde_json::to_value(&self.faults).map_err(|why| format!("faults: {why}"))?;
        for (key, value) in change {
            all[key] = value.clone();
        }
        let faults = serde_json::from_value(all).map_err(|why| format!("faults: {why}"))?;
        Ok(Self::new(faults))
    }

    /// Handles the next command: calls `obey` for the answer, unless a fault prevents it.
    pub(super) fn respond(
        &mut self,
        manner: &RefusalForm,
        obey: impl FnOnce() -> Option<Vec<u8>>,
    ) -> Response {
        let gone_before = self.is_gone();
        self.heard = self.heard.saturating_add(1);
        let faults = &self.faults;
        if self.is_gone() {
            if faults.torn_out_done && !gone_before {
                obey();
            }
            return Response::Gone;
        }
        if faults.mute || faults.mute_after.is_some_and(|answered| self.heard > answered) {
            return Response::Mute;
        }
        let mut bytes = match faults.wrong_status {
            Some(wrong) if wrong.command == self.heard => manner.refusal.clone(),
            _ => match obey() {
                Some(bytes) => bytes,
                None => return Response::Mute,
            },
        };
        if let Some(flip) = faults.bit_flip.filter(|flip| flip.answer == self.heard) {
            let data = bytes.len().saturating_sub(manner.status_bytes);
            flip_bit(&mut bytes[..data], flip.bit);
        }
        Response::Said { bytes, after_ms: faults.slow_ms }
    }
}

/// Flips one bit, counted modulo the length; does nothing to an empty slice.
pub(super) fn flip_bit(bytes: &mut [u8], bit: usize) {
    if !bytes.is_empty() {
        let place = bit / 8 % bytes.len();
        bytes[place] ^= 1 << (bit % 8);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    const MANNER: RefusalForm = RefusalForm { refusal: Vec::new(), status_bytes: 2 };

    fn trouble(faults: &Value) -> Trouble {
        Trouble::default().changed(faults).unwrap()
    }

    /// The answers to the next commands, and how many of the commands were executed.
    fn answers(trouble: &mut Trouble, commands: u32) -> (Vec<Response>, u32) {
        let manner =
            RefusalForm { refusal: trouble.wrong_status().to_be_bytes().to_vec(), ..MANNER };
        let mut obeyed = 0;
        let answers = (0..commands).map(|_| {
            trouble.respond(&manner, || {
                obeyed += 1;
                Some(vec![0, 0x90, 0])
            })
        });
        (answers.collect(), obeyed)
    }

    fn said(bytes: &[u8], after_ms: u32) -> Response {
        Response::Said { bytes: bytes.to_vec(), after_ms }
    }

    #[test]
    fn a_card_is_torn_out_before_or_after_it_obeyed_and_stays_away() {
        let mut torn = trouble(&json!({"torn_out_after": 1}));
        let (heard, obeyed) = answers(&mut torn, 3);
        assert_eq!(heard, [said(&[0, 0x90, 0], 0), Response::Gone, Response::Gone]);
        assert_eq!((obeyed, torn.is_gone()), (1, true));
        let mut torn = trouble(&json!({"torn_out_after": 1, "torn_out_done": true}));
        assert_eq!(answers(&mut torn, 3).1, 2);
        let back = torn.changed(&json!({"torn_out_after": null})).unwrap();
        assert!(!back.is_gone() && back.faults().torn_out_done);
    }

    #[test]
    fn a_card_falls_silent() {
        let (heard, obeyed) = answers(&mut trouble(&json!({"mute": true})), 1);
        assert_eq!((heard, obeyed), (vec![Response::Mute], 0));
        let (heard, obeyed) = answers(&mut trouble(&json!({"mute_after": 1, "slow_ms": 7})), 2);
        assert_eq!((heard, obeyed), (vec![said(&[0, 0x90, 0], 7), Response::Mute], 1));
    }

    #[test]
    fn one_command_is_refused_and_one_answer_changed() {
        let faults = json!({"wrong_status": {"command": 2, "status": "6581"}, "bit_flip": {"answer": 3, "bit": 9}});
        let (heard, obeyed) = answers(&mut trouble(&faults), 3);
        let good = said(&[0, 0x90, 0], 0);
        assert_eq!(heard, [good, said(&[0x65, 0x81], 0), said(&[2, 0x90, 0], 0)]);
        assert_eq!(obeyed, 2);
    }

    #[test]
    fn a_fault_that_is_not_known_changes_nothing() {
        let before = trouble(&json!({"slow_ms": 7}));
        for wrong in [json!({"deaf": true}), json!([]), json!({"slow_ms": -1})] {
            assert!(before.changed(&wrong).is_err_and(|why| why.starts_with("faults: ")));
        }
        assert_eq!(before.faults().slow_ms, 7);
    }
}
