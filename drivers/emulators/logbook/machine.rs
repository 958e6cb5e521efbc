//! The emulated machine, at its bytes: commands, card moves and levers. Knows no driver.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};

use super::log::Log;
use super::protocol::{self, Request, Said, Taken, how};
use super::{HEAD, MODEL};
use crate::machine::{
    Departed, EmulatedMachine, EmulationError, Finish, FinishedCard, Lever, NEVER, Picture,
    Response, SharedMachine, Way,
};
use crate::transport::usbip::UsbIdentity;

/// Time from the feeder to the head.
const FEED_TIME: Duration = Duration::from_secs(2);
/// Time for printing one side.
const SIDE_TIME: Duration = Duration::from_secs(10);
/// Time from the head to the hopper.
const EJECT_TIME: Duration = Duration::from_secs(2);
/// How many departed cards are kept; see [`EmulatedMachine::take_departed`].
const DEPARTED_MAX: usize = 1024;

/// Settings of an emulated machine of the family.
#[derive(Debug, Clone, PartialEq)]
pub struct LogbookSettings {
    /// Serial number.
    pub serial: String,
    /// Factor on all durations: 1 = the times above, 0 = at once.
    pub slowness: f64,
    /// Do callers really wait for it?
    pub real_time: bool,
    /// Blanks in the feeder at the start.
    pub feeder_cards: u32,
    /// Jobs that its log holds.
    pub log_jobs: usize,
}

impl LogbookSettings {
    /// 100 blanks, a log of 50 jobs, and no time passes.
    pub fn instant() -> Self {
        let serial = "LOG0001".to_owned();
        Self { serial, slowness: 0.0, real_time: false, feeder_cards: 100, log_jobs: 50 }
    }
}

/// Starts an emulated machine, shared between a wire and whatever pulls its levers.
///
/// # Errors
/// [`EmulationError::Setting`].
pub fn emulate(settings: LogbookSettings) -> Result<SharedMachine, EmulationError> {
    if !(0.0..=100.0).contains(&settings.slowness) {
        return Err(EmulationError::Setting("slowness must lie between 0 and 100"));
    }
    Ok(SharedMachine::new(Box::new(Machine {
        log: Log::new(1, settings.log_jobs),
        feeder_cards: settings.feeder_cards,
        settings,
        powered: true,
        booted: true,
        ..Machine::default()
    })))
}

impl Default for LogbookSettings {
    fn default() -> Self {
        Self::instant()
    }
}

/// A card inside.
struct Card {
    job: u32,
    /// Its number among all cards that entered the head; `None`: it has not entered.
    number: Option<u64>,
    sides: Vec<Vec<u8>>,
    printed_sides: usize,
    /// It waits inside after it is printed.
    stays: bool,
    let_go: bool,
}

impl Card {
    fn finish(&self) -> Finish {
        match self.printed_sides {
            0 => Finish::Blank,
            printed if printed < self.sides.len() => Finish::Partly,
            _ => Finish::Whole,
        }
    }
}

/// A job that was received and has no card yet.
struct Job {
    number: u32,
    stays: bool,
    sides: Vec<Vec<u8>>,
}

#[derive(Default)]
struct Machine {
    settings: LogbookSettings,
    log: Log,
    powered: bool,
    /// No job was opened since it was switched on.
    booted: bool,
    cover_open: bool,
    feeder_cards: u32,
    jams_next: bool,
    jammed: bool,
    waiting: VecDeque<Job>,
    card: Option<Card>,
    /// Remaining time of the card's current step; `None`: the card does not move.
    step: Option<Duration>,
    heard: Vec<u8>,
    said: VecDeque<Vec<u8>>,
    /// The power fails after so many more bytes are received.
    cut_after: Option<u64>,
    cards_entered: u64,
    not_understood: u64,
    departed: VecDeque<Departed>,
    last_good: Option<FinishedCard>,
    last_rejected: Option<FinishedCard>,
}

impl EmulatedMachine for Machine {
    fn on_bytes(&mut self, bytes: &[u8]) {
        let heard = match self.cut_after {
            Some(left) => &bytes[..bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX))],
            None => bytes,
        };
        if self.powered {
            self.heard.extend_from_slice(heard);
            self.obey();
        }
        if let Some(left) = &mut self.cut_after {
            *left -= heard.len() as u64;
            if *left == 0 && self.powered {
                self.cut_power();
            }
        }
        self.settle();
    }

    fn end_of_input(&mut self) {
        if !self.heard.is_empty() {
            self.not_understood += 1;
            self.heard.clear();
        }
    }

    fn hang_up(&mut self) {
        self.heard.clear();
        self.said.clear();
    }

    fn respond(&mut self, answer: &mut Vec<u8>) -> Response {
        answer.clear();
        match self.said.pop_front() {
            Some(said) => {
                answer.extend(said);
                Response::Said
            }
            None => Response::Later(NEVER),
        }
    }

    fn elapse(&mut self, span: Duration) {
        let mut left = span;
        self.settle();
        while let Some(step) = self.step.as_mut().filter(|_| !left.is_zero()) {
            let passed = left.min(*step);
            *step -= passed;
            left -= passed;
            self.settle();
        }
    }

    fn in_real_time(&self) -> bool {
        self.settings.real_time
    }

    fn usb_identity(&self) -> UsbIdentity {
        UsbIdentity {
            // A number for prototypes, assigned to no maker.
            vendor_id: 0x6666,
            product_id: 0x0001,
            manufacturer: "Kartu".to_owned(),
            product: MODEL.to_owned(),
            serial: self.settings.serial.clone(),
        }
    }

    fn pull(&mut self, lever: Lever) {
        match lever {
            Lever::OpenCover => {
                self.cover_open = true;
                if self.step.is_some() {
                    self.stop();
                }
            }
            Lever::CloseCover => self.cover_open = false,
            Lever::EmptyFeeder => self.feeder_cards = 0,
            Lever::LoadFeeder(cards) => self.feeder_cards += cards,
            Lever::JamNextCard => self.jams_next = true,
            Lever::TakeCardOut => self.leave(Way::Hand),
            Lever::CutPower => self.cut_power(),
            Lever::CutPowerAfterBytes(bytes) => self.cut_after = Some(bytes),
            Lever::PowerOn => self.power_on(),
            _ => {}
        }
        self.settle();
    }

    fn refuses(&self, lever: Lever) -> Option<String> {
        let known = matches!(
            lever,
            Lever::OpenCover
                | Lever::CloseCover
                | Lever::EmptyFeeder
                | Lever::LoadFeeder(_)
                | Lever::JamNextCard
                | Lever::TakeCardOut
                | Lever::CutPower
                | Lever::CutPowerAfterBytes(_)
                | Lever::PowerOn
        );
        (!known).then(|| "this machine has no such thing".to_owned())
    }

    fn cards_entered(&self) -> u64 {
        self.cards_entered
    }

    fn ribbon_left(&self) -> u32 {
        u32::MAX
    }

    fn not_understood(&self) -> u64 {
        self.not_understood
    }

    fn last_card(&self) -> Option<FinishedCard> {
        self.last_good.clone()
    }

    fn last_rejected(&self) -> Option<FinishedCard> {
        self.last_rejected.clone()
    }

    fn take_departed(&mut self) -> Vec<Departed> {
        self.departed.drain(..).collect()
    }

    fn state(&self) -> Value {
        json!({ "feeder_cards": self.feeder_cards, "powered": self.powered })
    }

    fn change(&mut self, change: &Value) -> Result<(), String> {
        let keys = change.as_object().ok_or("a change is an object")?;
        if let Some(key) = keys.keys().find(|key| !matches!(key.as_str(), "feeder_cards" | "log")) {
            return Err(format!("{key}: no such key; feeder_cards and log are"));
        }
        let cards = keys.get("feeder_cards").map(|cards| {
            cards
                .as_u64()
                .and_then(|cards| u32::try_from(cards).ok())
                .ok_or("feeder_cards: a number")
        });
        let cards = cards.transpose()?;
        if keys.get("log").is_some_and(|log| log != "anew") {
            return Err("log: only \"anew\"".to_owned());
        }
        self.feeder_cards = cards.unwrap_or(self.feeder_cards);
        if keys.contains_key("log") {
            self.log.begin_anew();
        }
        self.settle();
        Ok(())
    }
}

impl Machine {
    fn obey(&mut self) {
        let mut heard = std::mem::take(&mut self.heard);
        let mut used = 0;
        loop {
            match Request::take(&heard[used..]) {
                Taken::Part => break,
                Taken::Noise(bytes) => {
                    self.not_understood += 1;
                    used += bytes;
                }
                Taken::Unknown(number, bytes) => {
                    self.not_understood += 1;
                    self.said.push_back(protocol::answer(number, protocol::WHAT));
                    used += bytes;
                }
                Taken::Whole(number, request, bytes) => {
                    let text = self.answer(request);
                    self.said.push_back(protocol::answer(number, &text));
                    used += bytes;
                    self.settle();
                }
            }
            if used == heard.len() {
                break;
            }
        }
        heard.drain(..used);
        self.heard = heard;
    }

    fn answer(&mut self, request: Request<'_>) -> String {
        let word = match request {
            Request::Who => return format!("{MODEL}|{}|1.0", self.settings.serial),
            Request::How => return self.how().join(" "),
            Request::New => {
                self.booted = false;
                let number = self.log.open();
                return self.log.name(number);
            }
            Request::Print(name, job) => self.take_job(name, job),
            Request::Ask(name) => self.log.said(name).word(),
            Request::Drop(name) => {
                if let Some(number) = self.log.number(name) {
                    self.end_jobs(|entry| entry == number);
                }
                protocol::OK
            }
            Request::Rest if self.step.is_some() => protocol::WORKING,
            Request::Rest => {
                self.end_jobs(|_| true);
                if let Some(card) = &mut self.card {
                    card.let_go = true;
                }
                protocol::OK
            }
            Request::Out(_) if self.step.is_some() => protocol::WORKING,
            Request::Out(_) if self.card.is_none() => protocol::EMPTY,
            Request::Out(good) => {
                self.jammed = false;
                self.leave(if good { Way::Hopper } else { Way::RejectBox });
                protocol::OK
            }
            Request::Clear => {
                self.jammed &= self.card.is_some();
                protocol::OK
            }
        };
        word.to_owned()
    }

    fn how(&self) -> Vec<&'static str> {
        let held = self.card.as_ref().is_some_and(|card| !card.let_go);
        let truths = [
            self.cover_open,
            self.feeder_cards == 0,
            self.jammed,
            self.card.is_some(),
            self.step.is_some(),
            held || !self.waiting.is_empty() || self.log.has(Said::Open),
            self.booted,
        ];
        how::ALL
            .into_iter()
            .zip(truths)
            .filter(|(_, stands)| *stands)
            .map(|(word, _)| word)
            .collect()
    }

    fn take_job(&mut self, name: &str, job: &[u8]) -> &'static str {
        let said = self.log.said(name);
        let (Said::Open, Some(number)) = (said, self.log.number(name)) else { return said.word() };
        let dots = HEAD.dots();
        let sides = match job {
            [sides @ 1..=2, 0..=1, data @ ..] if data.len() == usize::from(*sides) * dots => {
                data.chunks_exact(dots).map(<[u8]>::to_vec).collect()
            }
            _ => return protocol::WHAT,
        };
        self.log.write(number, Said::Waiting);
        self.waiting.push_back(Job { number, stays: job[1] == 1, sides });
        protocol::HEARD
    }

    /// Ends jobs for which no card was moved yet.
    fn end_jobs(&mut self, which: impl Fn(u32) -> bool) {
        self.waiting.retain(|job| !which(job.number));
        self.log.rewrite(|number, said| match said {
            Said::Open | Said::Waiting if which(number) => Said::Never,
            other => other,
        });
    }

    /// Carries out everything that is due.
    fn settle(&mut self) {
        while self.powered {
            match self.step {
                Some(Duration::ZERO) => self.go_on(),
                Some(_) => return,
                None if self.can_begin() => self.begin(),
                None => return,
            }
        }
    }

    fn can_begin(&self) -> bool {
        let free = self.card.is_none() && !self.cover_open && !self.jammed;
        free && self.feeder_cards > 0 && !self.waiting.is_empty()
    }

    fn begin(&mut self) {
        let Some(Job { number, stays, sides }) = self.waiting.pop_front() else { return };
        self.feeder_cards -= 1;
        self.log.write(number, Said::Working);
        let card =
            Card { job: number, number: None, sides, printed_sides: 0, stays, let_go: false };
        self.card = Some(card);
        self.step = Some(self.takes(FEED_TIME));
    }

    /// The card's step is over: starts the next one.
    fn go_on(&mut self) {
        let side = self.takes(SIDE_TIME);
        let eject = self.takes(EJECT_TIME);
        let Some(card) = &mut self.card else { return self.step = None };
        if card.number.is_none() {
            if std::mem::take(&mut self.jams_next) {
                self.jammed = true;
                return self.stop();
            }
            self.cards_entered += 1;
            card.number = Some(self.cards_entered);
            self.step = Some(side);
        } else if card.printed_sides < card.sides.len() {
            card.printed_sides += 1;
            let whole = card.printed_sides == card.sides.len();
            if whole && card.stays {
                self.step = None;
                return self.log.write(card.job, Said::Kept);
            }
            self.step = Some(if whole { eject } else { side });
        } else {
            self.step = None;
            self.leave(Way::Hopper);
        }
    }

    fn takes(&self, span: Duration) -> Duration {
        span.mul_f64(self.settings.slowness)
    }

    /// The card stops where it is.
    fn stop(&mut self) {
        self.step = None;
        if let Some(card) = &self.card {
            self.log.write(card.job, Said::Stuck);
        }
    }

    /// The card leaves the machine.
    fn leave(&mut self, way: Way) {
        self.step = None;
        let Some(card) = self.card.take() else { return };
        self.jammed = false;
        let finish = card.finish();
        let said = match (way, finish) {
            (Way::Hopper, Finish::Whole) => Said::Done,
            (Way::Hand, Finish::Whole) => Said::Removed,
            _ => Said::Spoiled,
        };
        // A machine without power does not notice.
        if self.powered {
            self.log.write(card.job, said);
        }
        let sum = |side: Option<&Vec<u8>>| side.map_or(0, |side| fnv(side));
        self.departed.push_back(Departed {
            number: card.number,
            chip: None,
            way,
            finish,
            front_sum: sum(card.sides[..card.printed_sides].first()),
            back_sum: sum(card.sides[..card.printed_sides].get(1)),
        });
        if self.departed.len() > DEPARTED_MAX {
            self.departed.pop_front();
        }
        match (way, card.number) {
            (Way::Hopper, Some(number)) if finish == Finish::Whole => {
                self.last_good = Some(draw(&card, number));
            }
            (Way::RejectBox, Some(number)) => self.last_rejected = Some(draw(&card, number)),
            _ => {}
        }
    }

    /// Everything except the log is lost; the card stays where it is.
    fn cut_power(&mut self) {
        self.powered = false;
        self.cut_after = None;
        self.step = None;
        self.hang_up();
        self.waiting.clear();
    }

    /// Boots, and compares the log with the card inside.
    fn power_on(&mut self) {
        if std::mem::replace(&mut self.powered, true) {
            return;
        }
        self.booted = true;
        let inside = self.card.as_ref().map(|card| card.job);
        self.log.rewrite(|number, said| match said {
            Said::Open | Said::Waiting => Said::Never,
            Said::Kept if inside == Some(number) => Said::Kept,
            Said::Working | Said::Stuck if inside == Some(number) => Said::Stuck,
            Said::Working | Said::Stuck | Said::Kept => Said::Cut,
            other => other,
        });
    }
}

/// A picture of the card: what is printed, in grey.
fn draw(card: &Card, number: u64) -> FinishedCard {
    let side = |index: usize| {
        let printed = index < card.printed_sides;
        let dots = card.sides.get(index).filter(|_| printed);
        let white = vec![255; HEAD.dots()];
        let dots = dots.unwrap_or(&white);
        let rgb = dots.iter().flat_map(|grey| [*grey; 3]).collect();
        Picture { width_px: HEAD.width_px, height_px: HEAD.height_px, rgb }
    };
    let back = (card.sides.len() > 1).then(|| side(1));
    FinishedCard { number, front: side(0), back, chip: None }
}

/// FNV-1a by words of eight bytes; the rest byte by byte.
fn fnv(bytes: &[u8]) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let (words, rest) = bytes.as_chunks::<8>();
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    let all = words.chain(rest.iter().map(|byte| u64::from(*byte)));
    all.fold(BASIS, |sum, word| (sum ^ word).wrapping_mul(PRIME))
}
