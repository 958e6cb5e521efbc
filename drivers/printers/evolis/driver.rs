//! The driver's exchanges: one query, one answer; the machine's identity and state. `supplies.rs` reads its counters,
//! `moves.rs` and `print.rs` move and print. Knows no socket.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::job::EvolisPrepress;
use super::protocol::{
    self, Answer, RIBBONS, RibbonKind, SESSION_PRINTING, VOCABULARY, command, end_transmission,
    is_done,
};
use super::status::{StatusWords, config};
use super::{Wire, find_model, model_names, troubles};
use crate::contract::{
    CardOut, CardPrinter, Cause, Designation, DeviceError, Facts, Identity, JobLog, MagneticStripe,
    PreparedCard, Prepress, PrinterStatus, Redacted, Stop, Tray, Trouble, Watch,
};
use crate::models::Model;
use crate::panels::DyeCube;
use crate::transport::{Transport, WireFault};

/// A machine answers a query in milliseconds; the maker's library waits this long (section 1).
pub const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Late answers that may arrive before the answer to a new query: one that we gave up waiting for, and one that an
/// earlier program on the cable gave up.
const LATE_ANSWERS_MAX: usize = 3;

/// Models of the maker that our drivers were never tested with.
const OTHER_MODELS: &[&str] = &["Agilia"];

/// A driver for one machine.
pub struct Evolis {
    pub(super) wire: Box<dyn Transport>,
    pub(super) model: &'static Model<Wire>,
    pub(super) identity: Identity,
    /// The machine's last status. It says which options are fitted; the model's name does not.
    pub(super) words: StatusWords,
    /// The ribbon that the machine last reported.
    pub(super) ribbon: RibbonKind,
    /// A card waits inside that this driver fed, or that it printed and was asked to keep.
    pub(super) fed: bool,
    /// What was observed of the card that the last call moved.
    pub(super) watch: Watch,
    /// When it last answered, on the wire's clock.
    pub(super) answered_at: Duration,
    /// A query timed out: its answer may still come, and must not be taken for another query's.
    out_of_step: bool,
    cube: Arc<OnceLock<DyeCube>>,
    request: Vec<u8>,
    answer: Vec<u8>,
}

/// Opens a driver and reads the machine's identity. See [`crate::open`].
pub fn open(model_override: Option<&str>, mut wire: Box<dyn Transport>) -> crate::Opened {
    wire.frame_by(protocol::is_whole);
    // A placeholder: nothing is printed before the machine has reported its model and ribbon.
    let model = super::models().first().expect("models.toml names some");
    let mut evolis = Evolis {
        wire,
        model,
        identity: Identity::default(),
        words: StatusWords::default(),
        ribbon: RIBBONS[0],
        fed: false,
        watch: Watch::default(),
        answered_at: Duration::ZERO,
        out_of_step: false,
        cube: Arc::default(),
        request: Vec::new(),
        answer: Vec::new(),
    };
    evolis.introduce(model_override).map_err(DeviceError::untouched)?;
    Ok(Box::new(evolis))
}

impl Evolis {
    fn introduce(&mut self, model_override: Option<&str>) -> Result<(), Cause> {
        let told = self.ask_model()?;
        let name = model_override.unwrap_or(&told);
        let Some(model) = find_model(name) else {
            let known = model_names().join(", ");
            let what = match model_override {
                Some(configured) => format!("{configured:?} is no Evolis model; known: {known}"),
                None => unknown_model(&told, &known),
            };
            return Err(Cause::Unsupported(what));
        };
        self.model = model;
        self.identity = Identity {
            model: self.model.name.clone(),
            serial: self.ask_serial()?,
            firmware: self.ask_firmware()?,
        };
        self.ask_ribbon()?;
        Ok(())
    }

    /// The model's name, even if the machine is still in the middle of a panel.
    ///
    /// If a computer died in the middle of a panel on a wire without an end of input (USB), the machine takes every
    /// query for panel data and answers only with its status. Zero bytes complete the panel; after it they have no
    /// effect (section 1). No card is printed by this: the job never receives its `Se`, and the card that it fed is
    /// found inside.
    fn ask_model(&mut self) -> Result<String, Cause> {
        let told = self.ask_name()?;
        // A refusal is an answer too, so the machine has received the query.
        let status_only = told.is_empty() || is_done(&told);
        if find_model(&told).is_some() || !status_only {
            return Ok(told);
        }
        let dots = super::models().iter().map(|model| model.head.dots()).max().unwrap_or(0);
        self.wire.send(&vec![0; dots + 1], ANSWER_LIMIT)?;
        self.poll()?;
        self.ask_name()
    }

    /// One query for the model's name. Late answers to an earlier program's queries may come first; they do not name a
    /// model.
    fn ask_name(&mut self) -> Result<String, Cause> {
        let first = self.ask("Rtp")?.text;
        let mut told = first.clone();
        for _ in 0..LATE_ANSWERS_MAX {
            if find_model(&told).is_some() {
                return Ok(told);
            }
            told = self.poll()?.text;
        }
        Ok(first)
    }

    /// The serial number, read twice: one corrupted byte would look like another machine, and the evidence about this
    /// one's cards would be lost.
    fn ask_serial(&mut self) -> Result<Designation, Cause> {
        let serial = self.ask_serial_once()?;
        if self.ask_serial_once()? != serial {
            return Err(Cause::Garbled { command: "Rsn", why: "it told two serial numbers" });
        }
        Ok(serial)
    }

    /// The serial number, skipping late answers to "Rtp".
    fn ask_serial_once(&mut self) -> Result<Designation, Cause> {
        let mut told = self.ask("Rsn")?.text;
        for _ in 0..LATE_ANSWERS_MAX {
            if find_model(&told).is_none() {
                break;
            }
            told = self.poll()?.text;
        }
        Ok(Designation::read(&told))
    }

    fn ask_firmware(&mut self) -> Result<Designation, Cause> {
        Ok(Designation::read(&self.ask("Rfv")?.text))
    }

    /// Is this option fitted?
    pub(super) fn has(&self, option: u32) -> bool {
        self.words.config & option != 0
    }

    /// Sends one command and returns its answer.
    pub(super) fn ask(&mut self, what: &'static str) -> Result<Answer, Cause> {
        self.request(what, what, ANSWER_LIMIT)
    }

    /// Sends one command with any text. `name` is for errors, which must not contain data.
    pub(super) fn request(
        &mut self,
        name: &'static str,
        text: &str,
        patience: Duration,
    ) -> Result<Answer, Cause> {
        let mut request = std::mem::take(&mut self.request);
        request.clear();
        command(text, &mut request);
        end_transmission(&mut request);
        let answer = self.exchange(name, &request, patience);
        self.request = request;
        answer
    }

    /// Sends a whole transmission and receives a whole answer. `name` is for errors.
    pub(super) fn exchange(
        &mut self,
        name: &'static str,
        bytes: &[u8],
        patience: Duration,
    ) -> Result<Answer, Cause> {
        self.catch_up()?;
        self.wire.send(bytes, patience)?;
        self.receive(name, patience).map_err(|mut cause| {
            // The request was sent completely, whatever the wire reports about receiving.
            if let Cause::Wire(fault) = &mut cause {
                fault.sent_bytes = fault.sent_bytes.max(bytes.len());
            }
            cause
        })
    }

    /// Polls the machine's status.
    pub(super) fn poll(&mut self) -> Result<Answer, Cause> {
        self.catch_up()?;
        self.receive("the status", ANSWER_LIMIT)
    }

    fn receive(&mut self, name: &'static str, patience: Duration) -> Result<Answer, Cause> {
        if let Err(fault) = self.wire.receive(&mut self.answer, patience) {
            self.out_of_step = matches!(fault.kind, WireFault::Silent(_));
            return Err(fault.into());
        }
        let answer = Answer::parse(&self.answer).map_err(|bad| match bad {
            protocol::BadFrame::NoStatus => Cause::Unsupported(
                "it sends no status with its answers, so it cannot tell whether a card came out; \
                 switch its status on (command Pps;1) or update its firmware"
                    .to_owned(),
            ),
            bad => Cause::Garbled { command: name, why: bad.why() },
        })?;
        self.words = answer.status;
        Ok(answer)
    }

    /// After a timeout: reads until the machine answers the current query. On a wire that is one stream (USB), the late
    /// answer would otherwise be taken for the next one, and so on for every later answer.
    fn catch_up(&mut self) -> Result<(), Cause> {
        if !self.out_of_step || self.identity.serial.is_empty() {
            return Ok(());
        }
        let mut question = Vec::new();
        command("Rsn", &mut question);
        end_transmission(&mut question);
        self.wire.send(&question, ANSWER_LIMIT)?;
        for _ in 0..=LATE_ANSWERS_MAX {
            let heard = self.receive("Rsn", ANSWER_LIMIT)?;
            if Designation::read(&heard.text) == self.identity.serial {
                self.out_of_step = false;
                return Ok(());
            }
        }
        Err(Cause::Garbled { command: "Rsn", why: "it answers other questions than the last one" })
    }

    /// Sends a command that acts, and checks that it was done.
    pub(super) fn command(&mut self, what: &'static str) -> Result<Answer, Cause> {
        let answer = self.ask(what)?;
        done(what, answer)
    }
}

/// Accepts the answer to an acting command as done, or returns the machine's refusal.
pub(super) fn done(what: &'static str, answer: Answer) -> Result<Answer, Cause> {
    if is_done(&answer.text) {
        return Ok(answer);
    }
    Err(Cause::Refused { command: what, answer: Redacted::of(&answer.text, VOCABULARY) })
}

/// The machine is an unknown model. A name from the maker's list is quoted; anything else may be personal data.
fn unknown_model(told: &str, known: &str) -> String {
    match Redacted::of(told.trim(), &[OTHER_MODELS, VOCABULARY].concat()) {
        Redacted::Word(word) if OTHER_MODELS.contains(&word) => {
            format!("the Evolis model {word} is not one of those that are known: {known}")
        }
        answer => format!(
            "asked for its model it answered {answer}; known: {known}; if it is one of these, name it in printer.model"
        ),
    }
}

/// The troubles that an answer's status reports.
pub(super) fn troubles_of(answer: &Answer) -> Vec<Trouble> {
    troubles::troubles(&answer.status, &answer.extensions)
}

impl CardPrinter for Evolis {
    fn status(&mut self) -> Result<PrinterStatus, DeviceError> {
        self.ask_status().map_err(DeviceError::untouched)
    }

    fn prepress(&self) -> Box<dyn Prepress> {
        Box::new(EvolisPrepress {
            model: self.model,
            ribbon: self.ribbon,
            fitted: self.words.config,
            cube: Arc::clone(&self.cube),
        })
    }

    fn print(&mut self, card: &PreparedCard) -> Result<CardOut, DeviceError> {
        self.print_card(card)
    }

    fn feed(&mut self, to: Stop) -> Result<(), DeviceError> {
        self.bring(to)
    }

    fn eject(&mut self, to: Tray) -> Result<(), DeviceError> {
        self.eject_card(to)
    }

    fn abort_orphaned_job(&mut self) -> Result<(), DeviceError> {
        self.abort_orphaned()
    }

    fn clear_errors(&mut self) -> Result<(), DeviceError> {
        self.clear()
    }

    fn magnetic(&mut self) -> Option<&mut dyn MagneticStripe> {
        self.has(config::MAGNETIC).then_some(self as &mut dyn MagneticStripe)
    }

    /// The wire notes mention no job log.
    fn job_log(&mut self) -> Option<&mut dyn JobLog> {
        None
    }

    fn facts(&mut self) -> Result<Facts, DeviceError> {
        self.ask_everything().map_err(DeviceError::untouched)
    }
}

impl Evolis {
    fn ask_status(&mut self) -> Result<PrinterStatus, Cause> {
        let ribbon = self.ask_ribbon()?;
        let cards_entered = self.ask_counter()?;
        let cleaning = self.ask_cleaning(cards_entered)?;
        let seen = self.poll()?;
        Ok(PrinterStatus {
            identity: self.identity.clone(),
            troubles: troubles_of(&seen),
            card_inside: seen.status.card_inside(),
            busy: seen.status.at_work() || !matches!(seen.session, 0 | SESSION_PRINTING),
            owned: seen.status.claimed(),
            restarted: seen.status.restarted(),
            ribbon,
            cards_entered,
            cleaning,
        })
    }
}
