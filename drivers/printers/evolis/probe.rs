//! Everything that the machine reports about itself, read query by query for a technician. Moves nothing, reserves
//! nothing. Source: Evolis wire notes, section 4.1.

use super::bits;
use super::driver::Evolis;
use super::protocol::{is_error, value};
use super::state::state;
use super::status::config;
use crate::contract::{Cause, Facts};

/// Group, name and query of single-line values.
type Questions = [(&'static str, &'static str, &'static str)];

const IDENTITY: &Questions = &[
    ("identity", "model number", "Rtp;d"),
    ("identity", "brand", "Roem"),
    ("identity", "print head kit", "Rkn"),
    ("identity", "zone", "Rzp"),
];

const DISPLAY: &Questions =
    &[("identity", "display firmware", "Clcd;Rfv"), ("identity", "display pictures", "Clcd;Rbmp")];

/// The format of the tray queries' answers is unknown; they are shown as they come.
const MODES: &Questions = &[
    ("modes", "error management", "Rem;1"),
    ("modes", "feeder", "Rkc;M"),
    ("modes", "feed tray", "Rcim"),
    ("modes", "output tray", "Rcem"),
    ("modes", "reject tray", "Rcrm"),
    ("modes", "standby", "Rst"),
    ("modes", "shutdown 1", "Rsdc;1"),
    ("modes", "shutdown 2", "Rsdc;2"),
];

const NETWORK: &Questions = &[
    ("network", "address", "Rip"),
    ("network", "mask", "Renm"),
    ("network", "gateway", "Regw"),
    ("network", "multicast", "Rmip"),
    ("network", "MAC", "Rmac"),
];

/// More lines than any answer has; an endless answer is cut off.
const LINES_MAX: usize = 64;

impl Evolis {
    /// See [`crate::contract::CardPrinter::facts`]. Values that the machine refuses to report are left out.
    pub(super) fn ask_everything(&mut self) -> Result<Facts, Cause> {
        let mut facts = Facts::default();
        let identity = self.identity.clone();
        for (name, value) in [
            ("model", identity.model),
            ("serial number", identity.serial.to_string()),
            ("firmware", identity.firmware.to_string()),
        ] {
            facts.push("identity", name, value, None);
        }
        self.ask_each(IDENTITY, &mut facts)?;
        if self.has(config::LCD) {
            self.ask_each(DISPLAY, &mut facts)?;
        }
        self.ask_bits(&mut facts)?;
        self.ask_lines("ribbon", "Rrt;all", &mut facts)?;
        if facts.value("ribbon", "type").is_some() && facts.value("ribbon", "progress").is_none() {
            self.ask_each(&[("ribbon", "progress", "Rrt;progress")], &mut facts)?;
        }
        self.ask_lines("counters", "Rco;card", &mut facts)?;
        self.ask_lines("counters", "Rco;clean", &mut facts)?;
        self.ask_counted(&mut facts)?;
        self.ask_each(MODES, &mut facts)?;
        if self.has(config::ETHERNET | config::WIFI) {
            self.ask_each(NETWORK, &mut facts)?;
        }
        Ok(facts)
    }

    /// State, session, and every bit that is set.
    fn ask_bits(&mut self, facts: &mut Facts) -> Result<(), Cause> {
        let seen = self.poll()?;
        let (major, minor) = state(&seen.status, &seen.extensions);
        facts.push("state", "major", major.name(), None);
        facts.push("state", "minor", minor, None);
        facts.push("state", "session", seen.session.to_string(), None);
        for bit in bits::set(&seen.status, &seen.extensions) {
            facts.push("status", bit.label(), bit.class().name(), bit.words());
        }
        Ok(())
    }

    /// Card and cleaning counters as the driver interprets them, including old firmware's answers.
    fn ask_counted(&mut self, facts: &mut Facts) -> Result<(), Cause> {
        let entered = self.ask_counter()?;
        let cleaning = self.ask_cleaning(entered)?.unwrap_or_default();
        for (group, name, count) in [
            ("counters", "cards entered", entered),
            ("cleaning", "cards since", cleaning.cards_since),
            ("cleaning", "cards until due", cleaning.cards_until_due),
            ("cleaning", "cards until warranty lost", cleaning.cards_until_warranty_lost),
            ("cleaning", "regular cleanings", cleaning.regular_cleanings),
            ("cleaning", "advanced cleanings", cleaning.advanced_cleanings),
        ] {
            if let Some(count) = count {
                facts.push(group, name, count.to_string(), None);
            }
        }
        Ok(())
    }

    fn ask_each(&mut self, questions: &Questions, facts: &mut Facts) -> Result<(), Cause> {
        for &(group, name, question) in questions {
            if let Some(text) = self.told(question)? {
                facts.push(group, name, text, None);
            }
        }
        Ok(())
    }

    /// A text; `None` if the machine has no answer.
    fn told(&mut self, what: &'static str) -> Result<Option<String>, Cause> {
        let text = self.ask(what)?.text;
        Ok((!is_error(&text)).then(|| printable(text.trim())))
    }

    /// An answer of several lines `key: value`.
    fn ask_lines(
        &mut self,
        group: &'static str,
        question: &'static str,
        facts: &mut Facts,
    ) -> Result<(), Cause> {
        let text = self.ask(question)?.text;
        if is_error(&text) {
            return Ok(());
        }
        for line in text.split(['\r', '\n']).take(LINES_MAX) {
            let key = line.trim().split([':', ' ', '\t']).next().unwrap_or_default();
            if let Some(value) = value(line, key).filter(|_| !key.is_empty()) {
                facts.push(group, printable(key), printable(value), None);
            }
        }
        Ok(())
    }
}

/// Makes an answer printable and limits its length. For the technician's terminal only.
fn printable(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(40).collect()
}
