//! The emulated machine's answers to queries, as captured. Knows no bytes, and changes nothing.
//!
//! Source: Evolis wire notes, section 4.1. A query with parameters that the notes do not list is refused, so that a
//! driver's mistake is noticed.

use super::Machine;
use drivers::printers::evolis::protocol::{
    ERROR_COMMAND, ERROR_PARAMETERS, OK, OPTION_NOT_AVAILABLE, RibbonReport,
};
use drivers::printers::evolis::status::config;

/// The answer when there is no ribbon to read.
const ERROR_RIBBON: &str = "ERROR RIBBON";

impl Machine {
    /// Executes a command and returns the text of its answer.
    pub(super) fn obey(&mut self, name: &str, parameters: &[&str]) -> String {
        // Each group knows some of the names; the first that knows it answers.
        self.read(name, parameters)
            .or_else(|| self.read_ribbon(name, parameters))
            .or_else(|| self.read_counters(name, parameters))
            .or_else(|| self.read_address(name, parameters))
            .or_else(|| self.manage(name, parameters).map(str::to_owned))
            .or_else(|| self.rest(name, parameters).map(str::to_owned))
            .or_else(|| self.carry(name, parameters).map(str::to_owned))
            .or_else(|| self.encode(name, parameters))
            .or_else(|| self.job(name, parameters).map(str::to_owned))
            .unwrap_or_else(|| ERROR_COMMAND.to_owned())
    }

    /// Identity and settings.
    fn read(&self, name: &str, parameters: &[&str]) -> Option<String> {
        let trays = &self.mechanics.trays;
        let lcd = self.options.has(config::LCD);
        Some(match (name, parameters) {
            ("Rtp", []) => self.model.name.clone(),
            ("Rtp", ["d"]) => self.model_number().to_string(),
            ("Roem", []) => "0".to_owned(),
            ("Rfv", []) => {
                if self.settings.old_firmware { "EMU 0.1" } else { "EMU 1.0" }.to_owned()
            }
            ("Rsn", []) => self.settings.serial.clone(),
            // Kit number: resistance x 10, then a serial of six digits.
            ("Rkn", []) => "2800000001".to_owned(),
            ("Rzp", []) => "0".to_owned(),
            ("Rpst", []) => OK.to_owned(),
            ("Rlr", []) => self.electronics.last_text.clone(),
            ("Rem", ["1"]) => self.mechanics.error_management.to_string(),
            ("Rkc", ["M"]) => trays.feeder.to_string(),
            // Seconds until standby. The emulated machine never switches itself off.
            ("Rst", [] | ["1" | "2"]) => {
                self.settings.sleeps_after.unwrap_or_default().as_secs().to_string()
            }
            ("Rsdc", ["1" | "2"]) => "0".to_owned(),
            // It is not known which parameters the maker's library accepts here.
            ("Rcim", [] | ["1", "1", "1"]) => trays.feed.to_string(),
            ("Rcem", [] | ["1"]) => trays.out.to_string(),
            ("Rcrm", [] | ["1"]) => trays.reject.to_string(),
            // The maker's library sends this with these parameters when a print begins: the kind of the ribbon in
            // `Rrt;all`'s numbers, from which it takes its settings (captured: 100 selects those of KBLACK).
            ("Rr", [] | ["1", "1", "1"]) => {
                self.mechanics.supplies.ribbon.map_or(0, |ribbon| ribbon.number).to_string()
            }
            ("Rscan", []) if self.options.scans() => "EMU SCAN 1.0".to_owned(),
            ("Rscan", []) => OPTION_NOT_AVAILABLE.to_owned(),
            ("Clcd", ["Rfv" | "Rbmp"]) if !lcd => OPTION_NOT_AVAILABLE.to_owned(),
            ("Clcd", ["Rfv"]) => "EMU LCD 1.0".to_owned(),
            ("Clcd", ["Rbmp"]) => "1".to_owned(),
            (
                "Rtp" | "Rr" | "Rscan" | "Roem" | "Rfv" | "Rsn" | "Rkn" | "Rzp" | "Rpst" | "Rlr"
                | "Rem" | "Rkc" | "Rst" | "Rsdc" | "Rcim" | "Rcem" | "Rcrm" | "Clcd",
                _,
            ) => ERROR_PARAMETERS.to_owned(),
            _ => return None,
        })
    }

    /// `Rtp;d`: any whole number is accepted; ours is the model's index in our own list.
    fn model_number(&self) -> usize {
        drivers::printers::evolis::models()
            .iter()
            .position(|model| model == self.model)
            .unwrap_or_default()
    }

    /// The chip on the ribbon: all of its keys, or one.
    fn read_ribbon(&mut self, name: &str, parameters: &[&str]) -> Option<String> {
        if name == "Rrt" {
            self.mechanics.supplies.told = true;
        }
        let ("Rrt", [key]) = (name, parameters) else {
            return (name == "Rrt").then(|| ERROR_PARAMETERS.to_owned());
        };
        let chip = !self.settings.no_ribbon_chip;
        let Some(ribbon) = self.mechanics.supplies.ribbon.filter(|_| chip) else {
            return Some(ERROR_RIBBON.to_owned());
        };
        let report = RibbonReport {
            number: ribbon.number,
            capacity: self.mechanics.supplies.ribbon_capacity,
            remaining: self.mechanics.memory.ribbon_left,
        };
        let whole = report.emit(ribbon.name);
        Some(match *key {
            "all" => whole,
            key => drivers::printers::evolis::protocol::value(&whole, key)
                .unwrap_or(ERROR_PARAMETERS)
                .to_owned(),
        })
    }

    /// Card and cleaning counters. Old firmware answers only the last four queries, newer firmware all.
    fn read_counters(&self, name: &str, parameters: &[&str]) -> Option<String> {
        let memory = &self.mechanics.memory;
        let advised = u64::from(self.settings.cleaning_advised_after_cards);
        let mandatory = u64::from(self.settings.cleaning_mandatory_after_cards);
        let before_advice = advised.saturating_sub(self.cards_since_cleaning());
        // The cards left until cleaning is mandatory decrease only once it is overdue.
        let overdue = self.cards_since_cleaning().saturating_sub(advised);
        let before_duty = mandatory.saturating_sub(overdue);
        Some(match (name, parameters) {
            ("Rco", ["card" | "clean"]) if self.settings.old_firmware => {
                ERROR_PARAMETERS.to_owned()
            }
            ("Rco", ["card" | "c"]) if self.settings.no_counters => ERROR_PARAMETERS.to_owned(),
            ("Rco", ["card"]) => format!("inserted_head: {}", memory.cards_entered),
            ("Rco", ["clean"]) => format!(
                "rem_advised: {before_advice}\nmandatory: {before_duty}\nlast_periodic: {}\n\
                 periodic_global: {}\nadvanced_global: {}",
                memory.cleaned_at, memory.regular_cleanings, memory.advanced_cleanings,
            ),
            ("Rco", ["c"]) => memory.cards_entered.to_string(),
            ("Rco", ["n"]) => memory.regular_cleanings.to_string(),
            ("Rco", ["cnac"]) => memory.advanced_cleanings.to_string(),
            ("Rco", ["clp"]) => before_advice.to_string(),
            // The count at which the next cleaning is advised.
            ("Rco", ["r"]) => (memory.cleaned_at + advised).to_string(),
            ("Rco", ["s", "1"]) => format!("{advised} {}", advised + mandatory),
            ("Rco", _) => ERROR_PARAMETERS.to_owned(),
            _ => return None,
        })
    }

    /// The machine's network address: fixed values, since the emulated machine has only the address of the program that
    /// serves it.
    fn read_address(&self, name: &str, parameters: &[&str]) -> Option<String> {
        let text = match name {
            "Rip" => "127.0.0.1",
            "Renm" => "255.0.0.0",
            "Regw" | "Rmip" => "0.0.0.0",
            "Rmac" => "02:00:00:00:00:01",
            _ => return None,
        };
        let answer = match (parameters, self.options.has(config::ETHERNET)) {
            ([], true) => text,
            ([], false) => OPTION_NOT_AVAILABLE,
            _ => ERROR_PARAMETERS,
        };
        Some(answer.to_owned())
    }
}
