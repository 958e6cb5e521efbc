//! The driver's conversation: one question, one answer; who the machine is and how it is.
//! What a print does with it stands in `print.rs`. Knows no socket.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::job::EvolisPrepress;
use super::protocol::{
    self, Answer, RIBBONS, RibbonKind, RibbonReport, SESSION_PRINTING, command, end_transmission,
    is_done, is_error,
};
use super::status::StatusWords;
use super::{Wire, find_model, model_names, troubles};
use crate::contract::{
    CardOut, CardPrinter, Cause, DeviceError, Identity, PreparedCard, Prepress, PrinterStatus,
    Ribbon, Stop, Tray, Whereabouts,
};
use crate::models::Model;
use crate::panels::DyeCube;
use crate::transport::Transport;

/// A machine answers a question in milliseconds; the maker's library waits this long (section 1).
pub const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// A move answers when it is finished; 30 s is the maker's limit (section 4.2), and its answer may use it up.
const MOVE_LIMIT: Duration = Duration::from_secs(35);

/// How long we wait for our number to appear after reserving (section 3).
const RESERVE_LIMIT: Duration = Duration::from_secs(5);

/// Pause between looks for it (section 3).
const RESERVE_PAUSE: Duration = Duration::from_millis(10);

/// A driver for one machine.
pub struct Evolis {
    pub(super) wire: Box<dyn Transport>,
    pub(super) model: &'static Model<Wire>,
    pub(super) identity: Identity,
    pub(super) flips: bool,
    /// The ribbon that the machine last spoke of.
    pub(super) ribbon: RibbonKind,
    cube: Arc<OnceLock<DyeCube>>,
    request: Vec<u8>,
    answer: Vec<u8>,
}

/// Opens a driver; asks the machine who it is. See [`crate::open`].
pub fn open(model_override: Option<&str>, mut wire: Box<dyn Transport>) -> crate::Opened {
    wire.frame_by(protocol::is_whole);
    // Never printed with before the machine has told its name and ribbon.
    let model = super::models().first().expect("models.toml names some");
    let mut evolis = Evolis {
        wire,
        model,
        identity: Identity::default(),
        flips: false,
        ribbon: RIBBONS[0],
        cube: Arc::default(),
        request: Vec::new(),
        answer: Vec::new(),
    };
    evolis.introduce(model_override).map_err(untouched)?;
    Ok(Box::new(evolis))
}

/// For calls that move no card.
pub(super) fn untouched(cause: Cause) -> DeviceError {
    DeviceError { card: Whereabouts::Untouched, cause }
}

impl Evolis {
    fn introduce(&mut self, model_override: Option<&str>) -> Result<(), Cause> {
        let told = self.ask("Rtp")?;
        self.flips = told.status.flips();
        let name = model_override.unwrap_or(&told.text);
        self.model = find_model(name).ok_or_else(|| {
            Cause::Unsupported(format!(
                "no Evolis model {:?}; known: {}",
                printable(name),
                model_names().join(", ")
            ))
        })?;
        self.identity = Identity {
            model: self.model.name.clone(),
            serial: self.told("Rsn")?,
            firmware: self.told("Rfv")?,
        };
        self.ask_ribbon()?;
        Ok(())
    }

    /// A text that the machine may have no answer for.
    fn told(&mut self, what: &'static str) -> Result<String, Cause> {
        let text = self.ask(what)?.text;
        Ok(if is_error(&text) { String::new() } else { printable(text.trim()) })
    }

    /// One command, one answer.
    pub(super) fn ask(&mut self, what: &'static str) -> Result<Answer, Cause> {
        let mut request = std::mem::take(&mut self.request);
        request.clear();
        command(what, &mut request);
        end_transmission(&mut request);
        let answer = self.exchange(what, &request, ANSWER_LIMIT);
        self.request = request;
        answer
    }

    /// Sends whole bytes, reads whole bytes. `name` is for errors.
    pub(super) fn exchange(
        &mut self,
        name: &'static str,
        bytes: &[u8],
        patience: Duration,
    ) -> Result<Answer, Cause> {
        self.wire.send(bytes, patience)?;
        self.hear(name, patience)
    }

    /// What the machine says by itself: its status.
    pub(super) fn look(&mut self) -> Result<Answer, Cause> {
        self.hear("the status", ANSWER_LIMIT)
    }

    fn hear(&mut self, name: &'static str, patience: Duration) -> Result<Answer, Cause> {
        self.wire.receive(&mut self.answer, patience)?;
        Answer::parse(&self.answer).map_err(|bad| match bad {
            protocol::BadFrame::NoStatus => Cause::Unsupported(
                "it sends no status with its answers, so it cannot tell whether a card came out; \
                 switch its status on (command Pps;1) or update its firmware"
                    .to_owned(),
            ),
            bad => Cause::Garbled { command: name, why: bad.why() },
        })
    }

    /// A command that does something.
    pub(super) fn tell(&mut self, what: &'static str) -> Result<Answer, Cause> {
        let answer = self.ask(what)?;
        done(what, answer)
    }

    /// Reads the ribbon; `None` when the machine does not say.
    pub(super) fn ask_ribbon(&mut self) -> Result<Option<Ribbon>, Cause> {
        let text = self.ask("Rrt;all")?.text;
        let Some(report) = (!is_error(&text)).then(|| RibbonReport::parse(&text)).flatten() else {
            return Ok(None);
        };
        let Some(kind) = RibbonKind::numbered(report.number) else {
            return Ok(Some(Ribbon {
                panels: format!("type {}", report.number),
                remaining: report.remaining,
                capacity: report.capacity,
            }));
        };
        self.ribbon = kind;
        Ok(Some(Ribbon {
            panels: kind.name.to_owned(),
            remaining: report.remaining,
            capacity: report.capacity,
        }))
    }

    /// Cards that ever entered the head; with the question that old firmware knows (section 4.1).
    pub(super) fn ask_counter(&mut self) -> Result<Option<u64>, Cause> {
        let text = self.ask("Rco;card")?.text;
        if let Some(count) = protocol::value(&text, "inserted_head").and_then(|v| v.parse().ok()) {
            return Ok(Some(count));
        }
        Ok(self.ask("Rco;c")?.text.trim().parse().ok())
    }

    /// Reserves the machine for us, does `work`, and lets go of it whatever came of that.
    pub(super) fn reserved<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, DeviceError>,
    ) -> Result<T, DeviceError> {
        self.reserve().map_err(untouched)?;
        let result = work(self);
        // What the work found out stands, even if letting go fails: the reservation ends by itself.
        let _ = self.ask("Pem;0");
        let _ = self.ask("Psid;0;45");
        result
    }

    /// Section 3: nobody has it; take it; see that we have it.
    fn reserve(&mut self) -> Result<(), Cause> {
        let session = self.look()?.session;
        if session != 0 && session != SESSION_PRINTING {
            return Err(Cause::Reserved { session });
        }
        let mut seen = self.tell("Psid;2;45")?.session;
        let mut waited = Duration::ZERO;
        while seen != SESSION_PRINTING {
            if waited >= RESERVE_LIMIT {
                return Err(match seen {
                    0 => Cause::TooSlow { what: "to reserve itself", limit: RESERVE_LIMIT },
                    session => Cause::Reserved { session },
                });
            }
            self.wire.pause(RESERVE_PAUSE);
            waited += RESERVE_PAUSE;
            seen = self.look()?.session;
        }
        Ok(())
    }

    /// A card move in its wrapping (section 4.2); the answer comes when the card is there.
    fn carry(&mut self, what: &'static str) -> Result<(), DeviceError> {
        self.reserved(|this| {
            let counter = this.ask_counter().map_err(untouched)?;
            // Asked because the maker asks; what the mode was before does not matter.
            this.ask("Rem;1").map_err(untouched)?;
            this.tell("Pem;2").map_err(untouched)?;
            let mut request = Vec::new();
            command(what, &mut request);
            end_transmission(&mut request);
            // A command is heard with its CR; behind it stands only the NUL.
            let heard_with = request.len() - 1;
            match this.exchange(what, &request, MOVE_LIMIT).and_then(|answer| done(what, answer)) {
                Ok(_) => Ok(()),
                Err(cause) => Err(this.locate(cause, counter, Some(heard_with - 1))),
            }
        })
    }
}

/// Takes an answer to a "do" command as done, or as the machine's refusal.
pub(super) fn done(what: &'static str, answer: Answer) -> Result<Answer, Cause> {
    if is_done(&answer.text) {
        return Ok(answer);
    }
    Err(Cause::Refused { command: what, answer: printable(&answer.text) })
}

/// The machine's words for errors and logs: printable, and not longer than any that it knows.
fn printable(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(40).collect()
}

/// What the words say, apart from who says it.
pub(super) fn told_by(words: &StatusWords) -> Vec<crate::contract::Trouble> {
    troubles::troubles(words)
}

impl CardPrinter for Evolis {
    fn status(&mut self) -> Result<PrinterStatus, DeviceError> {
        let ribbon = self.ask_ribbon().map_err(untouched)?;
        let cards_entered = self.ask_counter().map_err(untouched)?;
        let seen = self.look().map_err(untouched)?;
        self.flips = seen.status.flips();
        Ok(PrinterStatus {
            identity: self.identity.clone(),
            troubles: told_by(&seen.status),
            card_inside: seen.status.card_inside(),
            busy: seen.status.busy() || !matches!(seen.session, 0 | SESSION_PRINTING),
            ribbon,
            cards_entered,
        })
    }

    fn prepress(&self) -> Box<dyn Prepress> {
        Box::new(EvolisPrepress {
            model: self.model,
            ribbon: self.ribbon,
            flips: self.flips,
            cube: Arc::clone(&self.cube),
        })
    }

    fn print(&mut self, card: &PreparedCard) -> Result<CardOut, DeviceError> {
        self.print_card(card)
    }

    fn feed(&mut self, to: Stop) -> Result<(), DeviceError> {
        self.carry(match to {
            Stop::Print | Stop::Magnetic => "Si",
            Stop::Contact => "Sis",
            Stop::Contactless => "Sic",
        })
    }

    fn eject(&mut self, to: Tray) -> Result<(), DeviceError> {
        self.carry(match to {
            Tray::Out => "Sce",
            Tray::Reject => "Ser",
        })
    }
}
