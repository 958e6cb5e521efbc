//! The driver of the family. Knows its wire; knows no socket.
//!
//! **Point of no return**: the last byte of `PRINT`. A machine that has not received all of it does nothing.

use std::time::Duration;

use drivers::contract::*;
use drivers::text::Text;
use drivers::transport::Transport;

use super::protocol::{
    EMPTY, HEARD, OK, Request, Said, VOCABULARY, WORKING, how, read_answer, whole,
};
use super::{HEAD, MODEL};

/// A machine answers at once, so this is ample.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// Time between two polls while a card is printed.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// Two sides take half a minute.
const CARD_LIMIT: Duration = Duration::from_secs(120);
/// How many answers to earlier requests are skipped.
const STALE_MAX: usize = 4;

/// Opens a driver and reads the machine's identity. See [`drivers::open`].
pub fn open(model: Option<&str>, mut wire: Box<dyn Transport>) -> drivers::Opened {
    if let Some(other) = model.filter(|model| *model != MODEL) {
        let what = format!("{other:?} is no model of the family; known: {MODEL}");
        return Err(DeviceError::untouched(Cause::Unsupported(what)));
    }
    wire.frame_by(whole);
    let (request, answer) = (Vec::new(), Vec::new());
    let mut driver = Logbook { wire, identity: Identity::default(), number: 0, request, answer };
    driver.identity = driver.who().map_err(DeviceError::untouched)?;
    Ok(Box::new(driver))
}

struct Logbook {
    wire: Box<dyn Transport>,
    identity: Identity,
    /// Number of the last request.
    number: u32,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Logbook {
    fn ask(&mut self, name: &'static str, request: Request<'_>) -> Result<String, Cause> {
        self.number = self.number.wrapping_add(1);
        request.emit(self.number, &mut self.request);
        self.wire.send(&self.request, ANSWER_LIMIT)?;
        self.answer_to(name)
    }

    fn answer_to(&mut self, command: &'static str) -> Result<String, Cause> {
        for _ in 0..STALE_MAX {
            self.wire.receive(&mut self.answer, ANSWER_LIMIT)?;
            match read_answer(&self.answer) {
                Some((number, text)) if number == self.number => return Ok(text.to_owned()),
                Some(_) => {}
                None => return Err(Cause::Garbled { command, why: "it is no line of the family" }),
            }
        }
        Err(Cause::Garbled { command, why: "it answers other questions" })
    }

    /// Sends a request whose answer is [`OK`].
    fn tell(&mut self, command: &'static str, request: Request<'_>) -> Result<(), Cause> {
        match self.ask(command, request)?.as_str() {
            OK => Ok(()),
            WORKING => Err(Cause::Busy),
            text => Err(Cause::Refused { command, answer: Redacted::of(text, VOCABULARY) }),
        }
    }

    fn who(&mut self) -> Result<Identity, Cause> {
        let told = self.ask("WHO", Request::Who)?;
        match told.split('|').collect::<Vec<_>>()[..] {
            [MODEL, serial, firmware] => Ok(Identity {
                model: MODEL.to_owned(),
                serial: Designation::read(serial),
                firmware: Designation::read(firmware),
            }),
            _ => Err(Cause::Unsupported(format!("it does not say that it is a {MODEL}"))),
        }
    }

    fn how(&mut self) -> Result<Condition, Cause> {
        let told = self.ask("HOW", Request::How)?;
        let words =
            told.split_whitespace().map(|word| how::ALL.into_iter().find(|known| *known == word));
        let words: Option<Vec<_>> = words.collect();
        words.map(Condition).ok_or(Cause::Garbled { command: "HOW", why: "a word is not known" })
    }

    fn said(&mut self, ticket: &Ticket) -> Result<Said, Cause> {
        let told = self.ask("ASK", Request::Ask(ticket.as_str()))?;
        Said::parse(&told).ok_or(Cause::Garbled { command: "ASK", why: "the word is not known" })
    }

    /// Polls until the card of a received job is out.
    fn follow(&mut self, ticket: &Ticket, stays: bool) -> Result<Watch, (Whereabouts, Cause)> {
        let began = self.wire.clock();
        let mut watch = Watch::default();
        let mut seen_at = began;
        loop {
            let condition = self.how().map_err(|cause| (Whereabouts::Unknown, cause))?;
            let said = self.said(ticket).map_err(|cause| (Whereabouts::Unknown, cause))?;
            watch.unseen |= self.wire.clock() - seen_at > Watch::BLINK;
            seen_at = self.wire.clock();
            let troubles = condition.troubles();
            // Filling an empty feeder does not touch the card.
            let hands = troubles.iter().any(|trouble| trouble.keyword != "media-empty");
            watch.disturbed |= hands;
            match said {
                Said::Done => return Ok(watch),
                Said::Kept if stays => return Ok(watch),
                Said::Stuck if hands => {
                    return Err((Whereabouts::InMachine, Cause::Trouble(troubles)));
                }
                Said::Stuck | Said::Kept => {
                    return Err((Whereabouts::InMachine, Cause::CardInside));
                }
                Said::Waiting if !troubles.is_empty() => return self.give_up(ticket, troubles),
                Said::Waiting | Said::Working => {}
                Said::Open | Said::Never => return Err((Whereabouts::Untouched, Cause::Restarted)),
                Said::Spoiled | Said::Removed => {
                    return Err((Whereabouts::Unknown, Cause::CardGone));
                }
                Said::Cut | Said::Old | Said::Other => {
                    return Err((Whereabouts::Unknown, Cause::Restarted));
                }
            }
            if self.wire.clock() - began > CARD_LIMIT {
                let what = "the card";
                return Err((Whereabouts::Unknown, Cause::TooSlow { what, limit: CARD_LIMIT }));
            }
            self.wire.pause(POLL_INTERVAL);
        }
    }

    /// The machine cannot begin. The job is dropped, so that it does not start by itself once the trouble is cleared.
    fn give_up(
        &mut self,
        ticket: &Ticket,
        troubles: Vec<Trouble>,
    ) -> Result<Watch, (Whereabouts, Cause)> {
        let unknown = |cause| (Whereabouts::Unknown, cause);
        self.tell("DROP", Request::Drop(ticket.as_str())).map_err(unknown)?;
        match self.said(ticket).map_err(unknown)? {
            Said::Never => Err((Whereabouts::Untouched, Cause::Trouble(troubles))),
            _ => Err((Whereabouts::Unknown, Cause::Trouble(troubles))),
        }
    }
}

impl JobLog for Logbook {
    fn open_job(&mut self) -> Result<Ticket, DeviceError> {
        let told = self.ask("NEW", Request::New).map_err(DeviceError::untouched)?;
        let garbled = Cause::Garbled { command: "NEW", why: "it is no name of a job" };
        Ticket::read(&told).map_err(|_| DeviceError::untouched(garbled))
    }

    fn print_as(&mut self, ticket: &Ticket, card: &PreparedCard) -> Result<CardOut, DeviceError> {
        if card.model != MODEL {
            let what = format!("the card is prepared for {}", card.model);
            return Err(DeviceError::untouched(Cause::Unsupported(what)));
        }
        self.number = self.number.wrapping_add(1);
        Request::Print(ticket.as_str(), &card.job).emit(self.number, &mut self.request);
        if let Err(fault) = self.wire.send(&self.request, ANSWER_LIMIT) {
            let whole = fault.sent_bytes >= self.request.len();
            let card = if whole { Whereabouts::Unknown } else { Whereabouts::Untouched };
            return Err(DeviceError { card, cause: fault.into(), evidence: None });
        }
        let failed = |(card, cause)| DeviceError { card, cause, evidence: None };
        match self
            .answer_to("PRINT")
            .map_err(|cause| failed((Whereabouts::Unknown, cause)))?
            .as_str()
        {
            HEARD => {}
            text => {
                let answer = Redacted::of(text, VOCABULARY);
                let refused = Cause::Refused { command: "PRINT", answer };
                return Err(DeviceError::untouched(refused));
            }
        }
        let watch = self.follow(ticket, card.stays_inside).map_err(failed)?;
        Ok(CardOut {
            identity: self.identity.clone(),
            cards_entered_before: None,
            cards_entered_after: None,
            ribbon: None,
            watch,
        })
    }

    fn outcome(&mut self, ticket: &Ticket) -> Result<Outcome, DeviceError> {
        let mut said = self.said(ticket).map_err(DeviceError::untouched)?;
        if said == Said::Open {
            let drop = Request::Drop(ticket.as_str());
            self.tell("DROP", drop).map_err(DeviceError::untouched)?;
            said = self.said(ticket).map_err(DeviceError::untouched)?;
        }
        Ok(match said {
            Said::Open | Said::Waiting => Outcome::Waiting,
            Said::Working => Outcome::AtWork,
            Said::Stuck | Said::Kept => Outcome::CardInside,
            Said::Done => Outcome::Printed,
            Said::Spoiled => Outcome::Spoiled,
            Said::Never => Outcome::NotPrinted,
            Said::Removed => Outcome::Unknown(Unlogged::TakenOut),
            Said::Cut => Outcome::Unknown(Unlogged::Interrupted),
            Said::Old => Outcome::Unknown(Unlogged::TooOld),
            Said::Other => Outcome::Unknown(Unlogged::OtherLog),
        })
    }
}

impl CardPrinter for Logbook {
    fn status(&mut self) -> Result<PrinterStatus, DeviceError> {
        let identity = self.who().map_err(DeviceError::untouched)?;
        let condition = self.how().map_err(DeviceError::untouched)?;
        self.identity = identity.clone();
        Ok(PrinterStatus {
            identity,
            troubles: condition.troubles(),
            card_inside: condition.is(how::CARD),
            busy: condition.is(how::WORK),
            owned: condition.is(how::OWNED),
            restarted: condition.is(how::BOOTED),
            ribbon: None,
            cards_entered: None,
            cleaning: None,
        })
    }

    fn prepress(&self) -> Box<dyn Prepress> {
        Box::new(Grey)
    }

    fn print(&mut self, card: &PreparedCard) -> Result<CardOut, DeviceError> {
        let ticket = self.open_job()?;
        self.print_as(&ticket, card)
    }

    fn feed(&mut self, _to: Stop) -> Result<(), DeviceError> {
        Err(DeviceError::untouched(Cause::Unsupported("it has no stations".to_owned())))
    }

    fn eject(&mut self, to: Tray) -> Result<(), DeviceError> {
        let told = self.ask("OUT", Request::Out(to == Tray::Out));
        let unknown = |cause| DeviceError { card: Whereabouts::Unknown, cause, evidence: None };
        match told.map_err(unknown)?.as_str() {
            OK => Ok(()),
            WORKING => Err(DeviceError::untouched(Cause::Busy)),
            EMPTY => Err(DeviceError::untouched(Cause::CardGone)),
            text => {
                let answer = Redacted::of(text, VOCABULARY);
                Err(DeviceError::untouched(Cause::Refused { command: "OUT", answer }))
            }
        }
    }

    fn abort_orphaned_job(&mut self) -> Result<(), DeviceError> {
        self.tell("REST", Request::Rest).map_err(DeviceError::untouched)
    }

    fn clear_errors(&mut self) -> Result<(), DeviceError> {
        self.tell("CLEAR", Request::Clear).map_err(DeviceError::untouched)?;
        let troubles = self.how().map_err(DeviceError::untouched)?.troubles();
        if troubles.is_empty() {
            return Ok(());
        }
        Err(DeviceError::untouched(Cause::Trouble(troubles)))
    }

    fn magnetic(&mut self) -> Option<&mut dyn MagneticStripe> {
        None
    }

    fn job_log(&mut self) -> Option<&mut dyn JobLog> {
        Some(self)
    }

    fn facts(&mut self) -> Result<Facts, DeviceError> {
        let mut facts = Facts::default();
        facts.push("identity", "model", MODEL, None);
        facts.push("identity", "serial number", self.identity.serial.to_string(), None);
        for word in self.how().map_err(DeviceError::untouched)?.0 {
            facts.push("state", word, "yes", None);
        }
        Ok(facts)
    }
}

/// The [`how`] words that the machine reported.
struct Condition(Vec<&'static str>);

impl Condition {
    fn is(&self, word: &str) -> bool {
        self.0.contains(&word)
    }

    fn troubles(&self) -> Vec<Trouble> {
        let known = [
            (how::COVER_OPEN, "cover-open", "Tutup penutup printer.", "Close the cover."),
            (how::FEEDER_EMPTY, "media-empty", "Isi kartu kosong.", "Put in blanks."),
            (how::JAM, "media-jam", "Keluarkan kartu yang tersangkut.", "Take the stuck card out."),
        ];
        let stands = known.into_iter().filter(|(word, ..)| self.is(word));
        let trouble = |(vendor_code, keyword, id, en)| Trouble {
            keyword,
            level: Level::Error,
            words: Text::fixed(id, en),
            vendor_code,
        };
        stands.map(trouble).collect()
    }
}

/// One byte of grey per dot, 0 where resin is.
struct Grey;

impl Prepress for Grey {
    fn head(&self) -> HeadSize {
        HEAD.size()
    }

    fn reaches(&self, stop: Stop) -> bool {
        stop == Stop::Print
    }

    fn prepare(&self, card: &CardImage, into: &mut PreparedCard) -> Result<(), PrepressError> {
        *into = PreparedCard {
            job: std::mem::take(&mut into.job),
            sides: 1 + u8::from(card.back.is_some()),
            model: MODEL.to_owned(),
            ribbon: String::new(),
            stays_inside: card.stays_inside,
            ribbon_prints: None,
        };
        into.job.clear();
        into.job.extend_from_slice(&[into.sides, u8::from(card.stays_inside)]);
        for face in std::iter::once(&card.front).chain(&card.back) {
            let head = self.head();
            if (face.width_px, face.height_px) != (head.width_px, head.height_px) {
                let (got_width_px, got_height_px) = (face.width_px, face.height_px);
                return Err(PrepressError::WrongSize { head, got_width_px, got_height_px });
            }
            let pixels = (0..head.height_px).flat_map(|y| (0..head.width_px).map(move |x| (x, y)));
            let grey = pixels.zip(face.rgb.chunks_exact(3)).map(|((x, y), rgb)| {
                let sum: u16 = rgb.iter().copied().map(u16::from).sum();
                if face.is_resin(x, y) { 0 } else { (sum / 3) as u8 }
            });
            into.job.extend(grey);
        }
        Ok(())
    }
}
