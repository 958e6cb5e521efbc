//! What the station notices of its printer and reader, as events: seen and lost, troubles, ribbon, cleaning. Pure: whoever
//! asks the devices tells it, and writes down what it gives.
//!
//! **Written when it changes, and never often.** A sensor that flaps, or a cable with a loose contact, must not fill the
//! disk or wear it out. Every line costs one of [`LINES`], of which one comes back every [`LINE_EVERY`]. What could not be
//! written stays a difference between what is written and what is, and is written later as it is then: in the end the ledger
//! knows how things stand, though not every flap. Ribbon and cleaning change with every card, and the cards' own lines tell
//! of that: they are written at most every [`RIBBON_EVERY`] and [`CLEANING_EVERY`], unless somebody put something new in or
//! used the printer otherwise.

use std::collections::BTreeSet;
use std::time::Duration;

use drivers::contract::{Cleaning, DeviceError, Identity, PrinterStatus, Ribbon};
use drivers::encoder::EncoderError;

use super::{LedgerError, Scheduler, Task, Then};
use crate::event::{Event, Place, TroubleSign};

/// Lines that may be written at once.
const LINES: u32 = 40;
/// So often one more: 720 a day at the very most, some 300 KiB.
const LINE_EVERY: Duration = Duration::from_secs(120);
/// The ribbon's count while cards are printed.
const RIBBON_EVERY: Duration = Duration::from_secs(30 * 60);
/// The cards since the last cleaning while cards are printed.
const CLEANING_EVERY: Duration = Duration::from_secs(6 * 60 * 60);

/// What is known of the devices, and how much of it is written down.
#[derive(Default)]
pub(super) struct Observations {
    now: Known,
    written: Known,
    lines: Budget,
    ribbon_at: Option<Duration>,
    cleaning_at: Option<Duration>,
    /// Cards that entered the head by the last line that said so, or by a card's own lines.
    cards_known: Option<u64>,
    /// A card's own line has told of the counter since the last poll.
    is_stale: bool,
}

/// How things stand.
#[derive(Debug, Default, Clone, PartialEq)]
struct Known {
    contact: Contact,
    cards_entered: Option<u64>,
    troubles: BTreeSet<TroubleSign>,
    ribbon: Option<Ribbon>,
    cleaning: Option<Cleaning>,
}

#[derive(Debug, Default, Clone, PartialEq)]
enum Contact {
    #[default]
    Never,
    Seen(Identity),
    /// With the keyword of why.
    Lost(String),
}

impl Observations {
    /// The printer answered.
    pub(super) fn seen(&mut self, status: &PrinterStatus) {
        let identity = status.identity.clone();
        let anew = !matches!(&self.now.contact, Contact::Seen(known) if *known == identity);
        if anew {
            // What stood before stood in another machine, or nobody knows what happened meanwhile.
            self.now = Known::default();
        }
        let reader = self.now.troubles.iter().filter(|sign| sign.place == Place::Reader);
        let printer = status
            .troubles
            .iter()
            .map(|trouble| TroubleSign { place: Place::Printer, keyword: trouble.reason() });
        self.now.troubles = reader.cloned().chain(printer).collect();
        self.now.contact = Contact::Seen(identity);
        self.now.cards_entered = status.cards_entered;
        self.now.ribbon.clone_from(&status.ribbon);
        self.now.cleaning = status.cleaning;
        self.is_stale = false;
    }

    /// The printer could not be asked.
    pub(super) fn lost(&mut self, error: &DeviceError) {
        // One that was never there was not lost; the page says that it does not answer.
        if self.now.contact == Contact::Never {
            return;
        }
        self.now.contact = Contact::Lost(error.cause.reason());
    }

    /// The reader was asked; `None`: there is none, or nobody asked it.
    pub(super) fn reader(&mut self, answer: Option<&Result<(), EncoderError>>) {
        let Some(answer) = answer else { return };
        let sign = TroubleSign {
            place: Place::Reader,
            keyword: "subunit-unrecoverable-failure-error".to_owned(),
        };
        match answer {
            Ok(()) => drop(self.now.troubles.remove(&sign)),
            Err(_) => drop(self.now.troubles.insert(sign)),
        }
    }

    /// A line about a card of ours, which tells of the printer's counter.
    pub(super) fn follow(&mut self, event: &Event) {
        let Contact::Seen(identity) = &self.now.contact else { return };
        if let Some(counted) = event.counted(identity.serial.as_str()) {
            self.cards_known = Some(counted);
            // What was polled before it says nothing of what is now.
            self.is_stale = true;
        }
    }

    /// The last line could not be written: everything is written anew once it can be.
    fn forget(&mut self) {
        self.written = Known::default();
    }

    /// The next line that is due, by the steady clock. It counts as written: ask again until there is none.
    pub(super) fn next(&mut self, now: Duration) -> Option<Event> {
        if self.now == self.written || !self.lines.has_one(now) {
            return None;
        }
        let event = self.contact().or_else(|| self.trouble()).or_else(|| self.supplies(now))?;
        self.lines.take();
        Some(event)
    }

    fn contact(&mut self) -> Option<Event> {
        if self.now.contact == self.written.contact {
            return None;
        }
        let contact = self.now.contact.clone();
        match contact {
            Contact::Never => None,
            Contact::Seen(identity) => {
                let cards_entered = self.now.cards_entered;
                // From here on everything is written anew.
                self.written = Known {
                    contact: Contact::Seen(identity.clone()),
                    cards_entered,
                    ..Known::default()
                };
                (self.ribbon_at, self.cleaning_at) = (None, None);
                self.cards_known = cards_entered;
                Some(Event::PrinterSeen { identity, cards_entered })
            }
            Contact::Lost(keyword) => {
                self.written.contact = Contact::Lost(keyword.clone());
                Some(Event::PrinterLost { keyword })
            }
        }
    }

    fn trouble(&mut self) -> Option<Event> {
        if let Some(sign) = self.now.troubles.difference(&self.written.troubles).next().cloned() {
            self.written.troubles.insert(sign.clone());
            return Some(Event::TroubleRaised(sign));
        }
        let sign = self.written.troubles.difference(&self.now.troubles).next().cloned()?;
        self.written.troubles.remove(&sign);
        Some(Event::TroubleCleared(sign))
    }

    fn supplies(&mut self, now: Duration) -> Option<Event> {
        let Contact::Seen(identity) = &self.now.contact else { return None };
        if self.is_stale {
            return None;
        }
        let serial = identity.serial.to_string();
        self.ribbon(&serial, now).or_else(|| self.cleaning(&serial, now))
    }

    fn ribbon(&mut self, serial: &str, now: Duration) -> Option<Event> {
        let ribbon = self.now.ribbon.clone()?;
        let before = self.written.ribbon.replace(ribbon.clone());
        if before.as_ref().is_some_and(|before| is_another(before, &ribbon)) {
            return Some(Event::SuppliesLoaded { ribbon });
        }
        let differs = before.as_ref() != Some(&ribbon) || self.used_by_others();
        if differs && self.is_due(self.ribbon_at, RIBBON_EVERY, now) {
            self.ribbon_at = Some(now);
            let (serial, cards_entered) = (serial.to_owned(), self.cards_written());
            return Some(Event::RibbonCounted { serial, ribbon, cards_entered });
        }
        self.written.ribbon = before;
        None
    }

    fn cleaning(&mut self, serial: &str, now: Duration) -> Option<Event> {
        let cleaning = self.now.cleaning?;
        let before = self.written.cleaning;
        let differs = before != Some(cleaning) || self.used_by_others();
        let is_due = || self.is_due(self.cleaning_at, CLEANING_EVERY, now);
        if differs && (was_cleaned(before, cleaning) || is_due()) {
            (self.cleaning_at, self.written.cleaning) = (Some(now), Some(cleaning));
            let (serial, cards_entered) = (serial.to_owned(), self.cards_written());
            return Some(Event::CleaningCounted { serial, cleaning, cards_entered });
        }
        None
    }

    /// The printer moved a card that was not ours: the ledger must know of it before the station is off.
    fn used_by_others(&self) -> bool {
        self.now.cards_entered.is_some() && self.now.cards_entered != self.cards_known
    }

    fn is_due(&self, last: Option<Duration>, every: Duration, now: Duration) -> bool {
        self.used_by_others() || last.is_none_or(|last| now.saturating_sub(last) >= every)
    }

    /// What the line that is being written says of the counter.
    fn cards_written(&mut self) -> Option<u64> {
        self.written.cards_entered = self.now.cards_entered;
        self.cards_known = self.now.cards_entered;
        self.now.cards_entered
    }
}

impl Scheduler {
    pub(super) fn write_observation(&mut self) {
        let is_accounted = self.unaccounted().is_none();
        match is_accounted.then(|| self.observations.next(self.now.steady)).flatten() {
            Some(event) => {
                let then = Then::Observed(Box::new(event.clone()));
                self.note_station(event, then);
            }
            None => self.next_task(Task::Recover(None)),
        }
    }

    /// Only what is written is logged: while the disk takes nothing, the same observation is tried again and again.
    pub(super) fn on_observation_written(&mut self, event: &Event, done: Result<(), LedgerError>) {
        match done {
            Ok(()) => log(event, self.machine.status.as_ref()),
            Err(error) => {
                self.observations.forget();
                self.fail(error);
            }
        }
    }
}

/// What a technician looks for in the log; the ledger has all of it.
fn log(event: &Event, status: Option<&PrinterStatus>) {
    let printer = status.map(|status| status.identity.serial.as_str());
    match event {
        Event::TroubleRaised(TroubleSign { keyword: trouble, place }) => {
            tracing::warn!(trouble, printer, ?place, "trouble began");
        }
        Event::TroubleCleared(TroubleSign { keyword: trouble, place }) => {
            tracing::info!(trouble, printer, ?place, "trouble ended");
        }
        Event::PrinterSeen { identity, .. } => {
            let (model, printer) = (identity.model.as_str(), identity.serial.as_str());
            tracing::info!(printer, model, "the printer answers");
        }
        Event::PrinterLost { keyword: trouble } => {
            tracing::warn!(trouble, printer, "the printer is lost");
        }
        _ => {}
    }
}

/// A ribbon that grew, or has other panels, is another one.
fn is_another(before: &Ribbon, now: &Ribbon) -> bool {
    (&before.panels, before.capacity) != (&now.panels, now.capacity)
        || now.remaining > before.remaining
}

fn was_cleaned(before: Option<Cleaning>, now: Cleaning) -> bool {
    let cleanings = |of: Cleaning| (of.regular_cleanings, of.advanced_cleanings);
    before.is_some_and(|before| cleanings(before) != cleanings(now))
}

/// Lines that may still be written.
#[derive(Default)]
struct Budget {
    spent: u32,
    /// Up to then the lines that came back are counted.
    counted_to: Duration,
}

impl Budget {
    fn has_one(&mut self, now: Duration) -> bool {
        let since = now.saturating_sub(self.counted_to);
        let back = u32::try_from(since.as_secs() / LINE_EVERY.as_secs()).unwrap_or(u32::MAX);
        self.spent = self.spent.saturating_sub(back);
        self.counted_to += LINE_EVERY.saturating_mul(back);
        self.spent < LINES
    }

    fn take(&mut self) {
        self.spent += 1;
    }
}

#[cfg(test)]
mod tests {
    use drivers::contract::{Cause, Level, Trouble};
    use drivers::text::Text;
    use proptest::prelude::*;

    use super::*;
    use crate::evidence::Facts;

    const TROUBLES: [&str; 3] = ["media-empty", "cover-open", "media-jam"];

    fn status(serial: &str, cards: u64, ribbon: u32, troubles: &[&'static str]) -> PrinterStatus {
        let serial = drivers::contract::Designation::read(serial);
        let trouble = |keyword: &&'static str| Trouble {
            keyword,
            level: Level::Error,
            words: Text::fixed("x", "x"),
            vendor_code: "",
        };
        PrinterStatus {
            identity: Identity { serial, ..Identity::default() },
            troubles: troubles.iter().map(trouble).collect(),
            card_inside: false,
            busy: false,
            owned: false,
            restarted: false,
            ribbon: Some(Ribbon { panels: "YMCKO".into(), remaining: ribbon, capacity: 300 }),
            cards_entered: Some(cards),
            cleaning: None,
        }
    }

    fn unreachable() -> DeviceError {
        DeviceError::untouched(Cause::Busy)
    }

    fn all(observations: &mut Observations, now: Duration) -> Vec<String> {
        let next = || observations.next(now);
        std::iter::from_fn(next).map(|event| event.name().to_owned()).collect()
    }

    const fn minutes(minutes: u64) -> Duration {
        Duration::from_secs(60 * minutes)
    }

    #[test]
    fn a_printer_that_is_seen_says_how_it_is_and_then_only_what_changes() {
        let mut seen = Observations::default();
        seen.lost(&unreachable());
        assert_eq!(all(&mut seen, minutes(0)), [""; 0], "one that was never there was not lost");
        seen.seen(&status("1", 7, 300, &["media-empty"]));
        assert_eq!(
            all(&mut seen, minutes(1)),
            ["printer_seen", "trouble_raised", "ribbon_counted"]
        );
        seen.seen(&status("1", 7, 300, &["media-empty"]));
        assert_eq!(all(&mut seen, minutes(2)), [""; 0]);
        seen.seen(&status("1", 7, 300, &[]));
        assert_eq!(all(&mut seen, minutes(3)), ["trouble_cleared"]);
        // A card of ours: its own lines tell of it.
        let out = Facts { serial: "1".into(), cards_entered: Some(8), ..Facts::default() };
        seen.follow(&Event::Looked { machine: out, unseen: false });
        assert_eq!(all(&mut seen, minutes(4)), [""; 0], "nobody else used the printer");
        seen.seen(&status("1", 8, 298, &[]));
        assert_eq!(all(&mut seen, minutes(4)), [""; 0]);
        assert_eq!(all(&mut seen, minutes(40)), ["ribbon_counted"]);
        // Somebody else's card.
        seen.seen(&status("1", 9, 296, &[]));
        assert_eq!(all(&mut seen, minutes(41)), ["ribbon_counted"]);
        seen.seen(&status("1", 9, 300, &[]));
        assert_eq!(all(&mut seen, minutes(42)), ["supplies_loaded"]);
        seen.lost(&unreachable());
        assert_eq!(all(&mut seen, minutes(43)), ["printer_lost"]);
        seen.seen(&status("1", 9, 300, &["cover-open"]));
        assert_eq!(
            all(&mut seen, minutes(44)),
            ["printer_seen", "trouble_raised", "ribbon_counted"]
        );
    }

    #[test]
    fn a_flapping_sensor_does_not_fill_the_disk() {
        let mut seen = Observations::default();
        let (mut lines, mut bytes) = (0, 0);
        let month = 30 * 24 * 60 * 60 / 2;
        for poll in 0..month {
            let open: &[&str] = if poll % 2 == 0 { &["cover-open"] } else { &[] };
            seen.seen(&status("1", 7, 300, open));
            while let Some(event) = seen.next(Duration::from_secs(2 * poll)) {
                lines += 1;
                bytes += event.detail().to_string().len();
            }
        }
        assert!((20_000..22_000).contains(&lines), "{lines} lines in a month");
        assert!(bytes < 2_000_000, "{bytes} bytes of payload");
    }

    proptest! {
        #[test]
        fn in_the_end_the_ledger_knows_how_things_stand(
            polls in proptest::collection::vec((0..8u8, 0..3u64, 0..3u32, 0..200u64), 0..60)
        ) {
            let mut seen = Observations::default();
            let mut raised = BTreeSet::new();
            let mut follow = |event: Event| match event {
                Event::PrinterSeen { .. } => raised.clear(),
                Event::TroubleRaised(sign) => assert!(raised.insert(sign)),
                Event::TroubleCleared(sign) => assert!(raised.remove(&sign)),
                _ => {}
            };
            let mut now = Duration::ZERO;
            let mut stands: Vec<&'static str> = Vec::new();
            for (troubles, cards, ribbon, later_s) in polls {
                now += Duration::from_secs(later_s);
                let is = |bit: &usize| troubles & (1 << bit) != 0;
                stands = (0..3).filter(is).map(|bit| TROUBLES[bit]).collect();
                seen.seen(&status("1", cards, ribbon, &stands));
                std::iter::from_fn(|| seen.next(now)).for_each(&mut follow);
            }
            now += Duration::from_secs(24 * 60 * 60);
            std::iter::from_fn(|| seen.next(now)).for_each(&mut follow);
            let stands: BTreeSet<String> = stands.iter().map(|one| format!("{one}-error")).collect();
            prop_assert_eq!(raised.into_iter().map(|sign| sign.keyword).collect::<BTreeSet<_>>(), stands);
        }
    }
}
