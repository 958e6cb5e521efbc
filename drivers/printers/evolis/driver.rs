//! The driver's conversation: one question, one answer; who the machine is and how it is. What it counts stands
//! in `supplies.rs`, what a move or a print does in `moves.rs` and `print.rs`. Knows no socket.

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

/// A machine answers a question in milliseconds; the maker's library waits this long (section 1).
pub const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Answers that may be late when a new question is asked: one was given up by us, one more by whoever had
/// the cable before.
const LATE_ANSWERS_MAX: usize = 3;

/// Models of the maker that no driver of ours was held against.
const OTHER_MODELS: &[&str] = &["Agilia"];

/// A driver for one machine.
pub struct Evolis {
    pub(super) wire: Box<dyn Transport>,
    pub(super) model: &'static Model<Wire>,
    pub(super) identity: Identity,
    /// What the machine last said of itself. What is fitted is told by it, not by its name.
    pub(super) words: StatusWords,
    /// The ribbon that the machine last spoke of.
    pub(super) ribbon: RibbonKind,
    /// A card waits inside that this driver brought there, or that it printed and was told to keep.
    pub(super) fed: bool,
    /// What was seen of the card that the last call moved.
    pub(super) watch: Watch,
    /// When it was last heard of, on the wire's clock.
    pub(super) heard_at: Duration,
    /// A question was given up: its answer may still come, and must not be taken for another's.
    out_of_step: bool,
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
        words: StatusWords::default(),
        ribbon: RIBBONS[0],
        fed: false,
        watch: Watch::default(),
        heard_at: Duration::ZERO,
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

    /// Its name, also of a machine that cannot hear us yet.
    ///
    /// On a wire without an end of input (USB) the machine whose computer died in the middle of a panel takes every
    /// question for more of the panel, and only tells its status. Zero bytes fill the panel up; behind it they are
    /// nothing (section 1). No card comes of it: the job never hears its `Se`, and the card that it fed is found inside.
    fn ask_model(&mut self) -> Result<String, Cause> {
        let told = self.ask_name()?;
        // A refusal is an answer: it has heard the question.
        let status_only = told.is_empty() || is_done(&told);
        if find_model(&told).is_some() || !status_only {
            return Ok(told);
        }
        let dots = super::models().iter().map(|model| model.head.dots()).max().unwrap_or(0);
        self.wire.send(&vec![0; dots + 1], ANSWER_LIMIT)?;
        self.look()?;
        self.ask_name()
    }

    /// One question for its name. Answers to questions that somebody gave up before us may come first; they name no
    /// model.
    fn ask_name(&mut self) -> Result<String, Cause> {
        let first = self.ask("Rtp")?.text;
        let mut told = first.clone();
        for _ in 0..LATE_ANSWERS_MAX {
            if find_model(&told).is_some() {
                return Ok(told);
            }
            told = self.look()?.text;
        }
        Ok(first)
    }

    /// Its number, said twice: a byte that the wire changed would make another machine of it, and what is known of
    /// this one's cards would be forgotten.
    fn ask_serial(&mut self) -> Result<Designation, Cause> {
        let serial = self.ask_serial_once()?;
        if self.ask_serial_once()? != serial {
            return Err(Cause::Garbled { command: "Rsn", why: "it told two serial numbers" });
        }
        Ok(serial)
    }

    /// Its number; not one more late answer to "Rtp".
    fn ask_serial_once(&mut self) -> Result<Designation, Cause> {
        let mut told = self.ask("Rsn")?.text;
        for _ in 0..LATE_ANSWERS_MAX {
            if find_model(&told).is_none() {
                break;
            }
            told = self.look()?.text;
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

    /// One command, one answer.
    pub(super) fn ask(&mut self, what: &'static str) -> Result<Answer, Cause> {
        self.say(what, what, ANSWER_LIMIT)
    }

    /// One command of any text. `name` is for errors, where data must not stand.
    pub(super) fn say(
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

    /// Sends whole bytes, reads whole bytes. `name` is for errors.
    pub(super) fn exchange(
        &mut self,
        name: &'static str,
        bytes: &[u8],
        patience: Duration,
    ) -> Result<Answer, Cause> {
        self.catch_up()?;
        self.wire.send(bytes, patience)?;
        self.hear(name, patience).map_err(|mut cause| {
            // It was sent whole, whatever the wire says of its receiving end.
            if let Cause::Wire(fault) = &mut cause {
                fault.sent_bytes = fault.sent_bytes.max(bytes.len());
            }
            cause
        })
    }

    /// What the machine says by itself: its status.
    pub(super) fn look(&mut self) -> Result<Answer, Cause> {
        self.catch_up()?;
        self.hear("the status", ANSWER_LIMIT)
    }

    fn hear(&mut self, name: &'static str, patience: Duration) -> Result<Answer, Cause> {
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

    /// After a silence: reads until the machine answers what it is asked now. On a wire that is one stream
    /// (USB) the answer that we gave up would else be taken for the next one, and each for the one after.
    fn catch_up(&mut self) -> Result<(), Cause> {
        if !self.out_of_step || self.identity.serial.is_empty() {
            return Ok(());
        }
        let mut question = Vec::new();
        command("Rsn", &mut question);
        end_transmission(&mut question);
        self.wire.send(&question, ANSWER_LIMIT)?;
        for _ in 0..=LATE_ANSWERS_MAX {
            let heard = self.hear("Rsn", ANSWER_LIMIT)?;
            if Designation::read(&heard.text) == self.identity.serial {
                self.out_of_step = false;
                return Ok(());
            }
        }
        Err(Cause::Garbled { command: "Rsn", why: "it answers other questions than the last one" })
    }

    /// A command that does something.
    pub(super) fn tell(&mut self, what: &'static str) -> Result<Answer, Cause> {
        let answer = self.ask(what)?;
        done(what, answer)
    }
}

/// Takes an answer to a "do" command as done, or as the machine's refusal.
pub(super) fn done(what: &'static str, answer: Answer) -> Result<Answer, Cause> {
    if is_done(&answer.text) {
        return Ok(answer);
    }
    Err(Cause::Refused { command: what, answer: Redacted::of(&answer.text, VOCABULARY) })
}

/// What answered is none of ours. A model that the maker names is named; anything else may be somebody's data.
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

/// What an answer complains of.
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
        self.let_out(to)
    }

    fn come_to_rest(&mut self) -> Result<(), DeviceError> {
        self.rest()
    }

    fn clear_errors(&mut self) -> Result<(), DeviceError> {
        self.clear()
    }

    fn magnetic(&mut self) -> Option<&mut dyn MagneticStripe> {
        self.has(config::MAGNETIC).then_some(self as &mut dyn MagneticStripe)
    }

    /// The wire notes name none.
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
        let seen = self.look()?;
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
