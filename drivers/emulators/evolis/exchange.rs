//! The emulated machine's side of an exchange: it executes the received commands in order and answers a whole
//! transmission with one frame, which a planned fault may spoil. Knows no command and no card.

use std::time::Duration;

use super::{Machine, WAKE_TIME};
use crate::evolis::transmission::Transmission;
use crate::machine::{AnswerFault, NEVER, Response};
use drivers::printers::evolis::protocol::{Answer, ERROR_COMMAND, ERROR_PARAMETERS, OK};
use drivers::printers::evolis::stream::Item;

/// Its next answer.
pub struct Reply {
    text: String,
    refused: bool,
    hangs_up: bool,
}

impl Default for Reply {
    fn default() -> Self {
        Self { text: OK.to_owned(), refused: false, hangs_up: false }
    }
}

/// What happens to this exchange's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerFate {
    /// It is sent unchanged.
    No,
    /// This fault spoils it.
    By(AnswerFault),
    /// It is sent at this time.
    Until(Duration),
}

/// Counts what was not understood, by kind. A correct driver causes none.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct NotUnderstood {
    /// Unknown commands.
    pub commands: u64,
    /// Parameters that a known command does not take.
    pub parameters: u64,
    /// Panels that this model cannot print.
    pub panels: u64,
    /// Bytes that are no command, tag or panel, or only the beginning of one.
    pub noise: u64,
    /// The names of the last of these commands, each once; never their parameters, which may be personal data.
    pub last_names: Vec<String>,
}

/// Enough to see which features a client expects and the machine lacks.
const NAMES_MAX: usize = 16;
/// No command has a longer name.
const NAME_MAX_BYTES: usize = 8;

impl NotUnderstood {
    /// All kinds.
    pub fn all(&self) -> u64 {
        self.commands + self.parameters + self.panels + self.noise
    }

    /// Counts a refused command.
    fn note(&mut self, name: &str, said: &str) {
        match said {
            ERROR_COMMAND => self.commands += 1,
            ERROR_PARAMETERS => self.parameters += 1,
            _ => return,
        }
        let name: String = name.chars().take(NAME_MAX_BYTES).collect();
        self.last_names.retain(|known| *known != name);
        self.last_names.insert(0, name);
        self.last_names.truncate(NAMES_MAX);
    }
}

impl Machine {
    /// Receives bytes while the power is on.
    pub(super) fn listen(&mut self, bytes: &[u8]) {
        if self.fate() == AnswerFate::By(AnswerFault::HangUpUnheard) {
            return;
        }
        let mut bytes = bytes;
        let mut cut = false;
        if let Some(left) = &mut self.mechanics.planned.power_after_bytes {
            cut = (*left as usize) <= bytes.len();
            bytes = &bytes[..(*left as usize).min(bytes.len())];
            *left -= bytes.len() as u64;
        }
        self.electronics.heard_at = self.mechanics.clock;
        // The transmission is moved out while it runs, because its items change the rest of the machine.
        let mut transmission =
            std::mem::replace(&mut self.transmission, Transmission::new(self.model.head));
        transmission.on_bytes(bytes, &mut |item| self.take(&item));
        self.transmission = transmission;
        if cut {
            self.mechanics.planned.power_after_bytes = None;
            self.cut_power();
        }
    }

    /// The host has ended its transmission.
    pub(super) fn end_transmission(&mut self) {
        if self.powered && self.transmission.end() {
            self.take(&Item::NotUnderstood);
        }
    }

    /// What happens to this exchange's answer; decided at its first byte.
    fn fate(&mut self) -> AnswerFate {
        if self.electronics.spoilt.is_none() {
            let next = self.mechanics.planned.next_answer();
            self.electronics.spoilt = Some(next.map_or(AnswerFate::No, AnswerFate::By));
        }
        self.electronics.spoilt.unwrap_or(AnswerFate::No)
    }

    /// Executes one item. One frame answers a whole transmission: the first refusal, else the last text.
    fn take(&mut self, item: &Item<'_>) {
        if std::mem::take(&mut self.electronics.asleep) {
            self.mechanics.begin_work(super::mechanics::Work::Moving, WAKE_TIME);
        }
        self.mechanics.settle();
        let said = self.answer_to(item);
        let reply = self.electronics.reply.get_or_insert_default();
        reply.hangs_up |= matches!(item, Item::OtherFamily);
        if !reply.refused {
            reply.refused = said.starts_with("ERR");
            reply.text = said;
        }
        self.electronics.last_text.clone_from(&reply.text);
    }

    fn answer_to(&mut self, item: &Item<'_>) -> String {
        let not_understood = &mut self.not_understood;
        match item {
            Item::Tag(_) | Item::OtherFamily => OK.to_owned(),
            Item::NotUnderstood => {
                not_understood.noise += 1;
                ERROR_COMMAND.to_owned()
            }
            Item::Panel(panel) => {
                let said = self.mechanics.take_panel(panel);
                self.not_understood.panels += u64::from(said == ERROR_PARAMETERS);
                said.to_owned()
            }
            Item::Command(text) => {
                let (name, rest) =
                    text.split_once(';').map_or((*text, None), |(name, rest)| (name, Some(rest)));
                let parameters: Vec<&str> =
                    rest.map(|rest| rest.split(';').collect()).unwrap_or_default();
                let said = self.obey(name, &parameters);
                // Old firmware recognises this query and cannot answer it, so it does not count as not understood.
                let old = self.settings.old_firmware || self.settings.no_counters;
                if !(old && name == "Rco") {
                    self.not_understood.note(name, &said);
                }
                // The machine counts as just booted until a command does something with it.
                self.electronics.reset &= name.starts_with(['R', 'C']) || name == "Srs";
                said
            }
        }
    }

    /// Answers the received commands, or reports the status.
    pub(super) fn say(&mut self, answer: &mut Vec<u8>) -> Response {
        answer.clear();
        if !self.powered {
            return Response::HangsUp;
        }
        let clock = self.mechanics.clock;
        let fate = self.fate();
        let speech = match fate {
            AnswerFate::By(AnswerFault::HangUpUnheard | AnswerFault::HangUpUnanswered) => {
                Some(Response::HangsUp)
            }
            AnswerFate::By(AnswerFault::Never) => Some(Response::Later(NEVER)),
            AnswerFate::By(AnswerFault::DelayMs(late)) => {
                let late = Duration::from_millis(late.into());
                self.electronics.spoilt = Some(AnswerFate::Until(clock + late));
                return Response::Later(late);
            }
            AnswerFate::Until(until) if clock < until => return Response::Later(until - clock),
            _ => None,
        };
        if speech.is_none()
            && self.electronics.reply.is_some()
            && let Some((_, until)) = self.mechanics.work()
            && until > clock
        {
            // A move is answered when it has finished (section 4.2).
            return Response::Later(until - clock);
        }
        let reply = self.electronics.reply.take().unwrap_or_default();
        self.electronics.spoilt = None;
        self.transmission.answered();
        if reply.hangs_up {
            return Response::HangsUp;
        }
        if let Some(speech) = speech {
            return speech;
        }
        self.frame(reply.text, answer);
        if let AnswerFate::By(AnswerFault::Garble(seed)) = fate {
            garble(answer, seed);
        }
        if std::mem::take(&mut self.electronics.goes_off) {
            self.cut_power();
        }
        Response::Said
    }

    fn frame(&self, text: String, answer: &mut Vec<u8>) {
        let (status, extensions) = self.status();
        let frame = Answer { text, status, session: self.session.number, extensions };
        if self.electronics.status_block {
            frame.emit(answer);
        } else {
            frame.emit_text(answer);
        }
    }
}

/// Makes a frame invalid: cut short, with a wrong length byte, or without the end of its text. A valid frame with a
/// different content would be a false answer, not noise.
fn garble(frame: &mut Vec<u8>, seed: u64) {
    // A well-mixed number from any seed (the finaliser of SplitMix64).
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    let Some(end) = frame.iter().position(|&b| b == 0) else { return };
    match mixed % 3 {
        // Cut within the status words at the latest.
        0 => frame.truncate(mixed as usize / 3 % (end + 16)),
        1 => {
            if let Some(length) = frame.get_mut(end + 3) {
                *length = length.wrapping_add(1 + (mixed >> 8) as u8 % 200);
            }
        }
        _ => frame.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = 0xa5),
    }
}
