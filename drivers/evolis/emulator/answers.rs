//! What the emulated machine answers to each command, as captured. Knows no bytes and no picture.
//!
//! Source: Evolis wire notes, sections 3, 4 and 6.2. A command with parameters that it does not take is
//! refused, as strictly as the notes allow, so that a driver's slip is heard.

use std::time::Duration;

use super::mechanics::Place;
use super::{Machine, Session};
use crate::evolis::protocol::{
    ERROR_BLANK_TRACK, ERROR_CARD, ERROR_COMMAND, ERROR_PARAMETERS, OK, OPTION_NOT_AVAILABLE,
    RibbonReport,
};

/// Cards after which a cleaning is advised, and until which the head's warranty stands: the usual figures.
const CLEANING_ADVISED_CARDS: u64 = 1000;
const CLEANING_WARRANTY_CARDS: u64 = 1500;

impl Machine {
    /// Does what a command says and gives the text of its answer.
    pub(super) fn obey(&mut self, name: &str, parameters: &[&str]) -> String {
        // Each group knows some of the names; the first that knows it answers.
        self.read(name, parameters)
            .or_else(|| self.read_address(name, parameters))
            .or_else(|| self.read_old_counters(name, parameters))
            .or_else(|| self.manage(name, parameters).map(str::to_owned))
            .or_else(|| self.carry(name, parameters).map(str::to_owned))
            .or_else(|| self.encode(name, parameters))
            .or_else(|| self.job(name, parameters).map(str::to_owned))
            .unwrap_or_else(|| ERROR_COMMAND.to_owned())
    }

    /// Section 4.1.
    fn read(&self, name: &str, parameters: &[&str]) -> Option<String> {
        let memory = &self.mechanics.memory;
        let ribbon = self.mechanics.ribbon;
        Some(match (name, parameters) {
            ("Rtp", []) => self.model.name.clone(),
            ("Rtp", ["d"]) => "0".to_owned(),
            ("Roem", []) => "0".to_owned(),
            ("Rfv", []) => "EMU 1.0".to_owned(),
            ("Rsn", []) => self.serial.clone(),
            // Kit number: resistance x 10, then a serial of six digits.
            ("Rkn", []) => "2800000001".to_owned(),
            ("Rzp", []) => "0".to_owned(),
            ("Rpst" | "Rlr", []) => OK.to_owned(),
            ("Rrt", ["all"]) => {
                let report = RibbonReport {
                    number: ribbon.number,
                    capacity: self.mechanics.ribbon_capacity,
                    remaining: memory.ribbon_left,
                };
                report.emit(ribbon.name)
            }
            ("Rrt", ["progress"]) => {
                let used =
                    u64::from(self.mechanics.ribbon_capacity.saturating_sub(memory.ribbon_left));
                (used * 100 / u64::from(self.mechanics.ribbon_capacity.max(1))).to_string()
            }
            ("Rco", ["card"]) => format!("inserted_head: {}", memory.cards_entered),
            ("Rco", ["clean"]) => format!(
                "rem_advised: {}\nmandatory: {}\nlast_periodic: 0\nperiodic_global: 0\nadvanced_global: 0",
                CLEANING_ADVISED_CARDS.saturating_sub(memory.cards_entered),
                CLEANING_WARRANTY_CARDS - CLEANING_ADVISED_CARDS,
            ),
            ("Rem", ["1"]) => if self.host_handles_errors { "2" } else { "0" }.to_owned(),
            ("Rkc", ["M"]) => self.trays.feeder.to_string(),
            ("Rst", []) | ("Rsdc", ["1" | "2"]) => "0".to_owned(),
            ("Rcim", []) => self.trays.feed.to_string(),
            ("Rcem", []) => self.trays.out.to_string(),
            ("Rcrm", []) => self.trays.reject.to_string(),
            // No display is fitted.
            ("Clcd", ["Rfv" | "Rbmp"]) => OPTION_NOT_AVAILABLE.to_owned(),
            ("Rtp" | "Rrt" | "Rem" | "Rkc" | "Rsdc" | "Clcd", _) => ERROR_PARAMETERS.to_owned(),
            _ => return None,
        })
    }

    /// The machine's own network address; it has none of its own, it answers from whoever serves it.
    fn read_address(&self, name: &str, parameters: &[&str]) -> Option<String> {
        let text = match name {
            "Rip" => "127.0.0.1",
            "Renm" => "255.0.0.0",
            "Regw" | "Rmip" => "0.0.0.0",
            "Rmac" => "02:00:00:00:00:01",
            _ => return None,
        };
        Some(if parameters.is_empty() { text } else { ERROR_PARAMETERS }.to_owned())
    }

    /// The questions of old firmware (section 4.1, "fallback").
    fn read_old_counters(&self, name: &str, parameters: &[&str]) -> Option<String> {
        let entered = self.mechanics.memory.cards_entered;
        Some(match (name, parameters) {
            ("Rco", ["c"]) => entered.to_string(),
            ("Rco", ["n" | "cnac" | "r"]) => "0".to_owned(),
            ("Rco", ["clp"]) => CLEANING_ADVISED_CARDS.saturating_sub(entered).to_string(),
            ("Rco", ["s", "1"]) => format!("{CLEANING_ADVISED_CARDS} {CLEANING_WARRANTY_CARDS}"),
            ("Rco", _) => ERROR_PARAMETERS.to_owned(),
            _ => return None,
        })
    }

    /// Sessions, modes and trays: sections 3 and 4.3.
    fn manage(&mut self, name: &str, parameters: &[&str]) -> Option<&'static str> {
        let letter = |allowed: &str| match parameters {
            [one] if one.len() == 1 && allowed.contains(one) => one.chars().next(),
            _ => None,
        };
        let set = |place: &mut char, letter: Option<char>| match letter {
            Some(letter) => {
                *place = letter;
                OK
            }
            None => ERROR_PARAMETERS,
        };
        Some(match (name, parameters) {
            ("Psid", [number, seconds]) => self.reserve(number, seconds),
            ("Pem", ["0"]) => {
                self.host_handles_errors = false;
                OK
            }
            ("Pem", ["2" | "38"]) => {
                self.host_handles_errors = true;
                OK
            }
            ("Pps", ["1"]) => OK,
            ("Pcim", _) => set(&mut self.trays.feed, letter("FMCIBNR")),
            ("Pcem", _) => set(&mut self.trays.out, letter("DMRNIKL")),
            ("Pcrm", _) => set(&mut self.trays.reject, letter("RDMIKL")),
            ("Pkc", ["M", one]) if one.len() == 1 && "1234ABCD".contains(one) => {
                self.trays.feeder = one.chars().next().unwrap_or('1');
                OK
            }
            ("Psid" | "Pem" | "Pps" | "Pkc", _) => ERROR_PARAMETERS,
            _ => return None,
        })
    }

    fn reserve(&mut self, number: &str, seconds: &str) -> &'static str {
        let (Ok(number), Ok(seconds)) = (number.parse::<u16>(), seconds.parse::<u16>()) else {
            return ERROR_PARAMETERS;
        };
        // Whoever has it keeps it; the asker sees that in the session field, not in a text.
        if number == 0 || self.session.number == 0 || self.session.number == number {
            let ends_at = self.mechanics.clock + Duration::from_secs(u64::from(seconds));
            self.session = Session { number, ends_at };
        }
        OK
    }

    /// Card moves outside a job: section 4.2.
    fn carry(&mut self, name: &str, parameters: &[&str]) -> Option<&'static str> {
        let place = match name {
            "Si" | "Sib" | "Sie" => Some(Place::Head),
            "Sis" => Some(Place::Contact),
            "Sic" => Some(Place::Contactless),
            "Sce" | "Ser" | "Seb" | "Scs" | "Srs" => None,
            "Siscan" => return Some(OPTION_NOT_AVAILABLE),
            _ => return None,
        };
        Some(match (name, place) {
            _ if !parameters.is_empty() => ERROR_PARAMETERS,
            (_, Some(place)) => self.mechanics.feed(place),
            ("Sce", None) => self.mechanics.eject(false),
            ("Ser" | "Seb", None) => self.mechanics.eject(true),
            (_, None) => {
                self.clear_errors();
                OK
            }
        })
    }

    /// The magnetic station: section 4.4.
    fn encode(&mut self, name: &str, parameters: &[&str]) -> Option<String> {
        let track =
            |text: &str| text.parse::<usize>().ok().filter(|t| (1..=3).contains(t)).map(|t| t - 1);
        let text = match (name, parameters) {
            // Every job of these models carries the line, fitted or not.
            ("Pmc", ["h" | "l" | "a"]) => OK,
            ("Pmt" | "Dm" | "Smw" | "Smr" | "Rmb", _) if !self.has_magnetic() => {
                OPTION_NOT_AVAILABLE
            }
            ("Pmt", [t, format]) if track(t).is_some() && matches!(format.parse(), Ok(1..=6)) => OK,
            ("Dm", [t, data @ ..]) if track(t).is_some() && !data.is_empty() => {
                // Data may hold the separator.
                self.magnetic.to_write[track(t)?] = Some(data.join(";"));
                OK
            }
            ("Smw", []) => match self.mechanics.tracks() {
                Some(tracks) => {
                    for (written, wanted) in tracks.iter_mut().zip(&mut self.magnetic.to_write) {
                        if let Some(data) = wanted.take() {
                            *written = Some(data);
                        }
                    }
                    OK
                }
                None => ERROR_CARD,
            },
            ("Smr", [] | [_]) => match self.mechanics.tracks() {
                Some(tracks) => {
                    self.magnetic.read = tracks.clone();
                    OK
                }
                None => ERROR_CARD,
            },
            ("Rmb", [t]) if track(t).is_some() => {
                return Some(
                    self.magnetic.read[track(t)?]
                        .clone()
                        .unwrap_or_else(|| ERROR_BLANK_TRACK.to_owned()),
                );
            }
            ("Pmc" | "Pmt" | "Dm" | "Smw" | "Smr" | "Rmb", _) => ERROR_PARAMETERS,
            _ => return None,
        };
        Some(text.to_owned())
    }

    /// Commands of a job: section 6.2. Those that only mark or set something are swallowed.
    fn job(&mut self, name: &str, parameters: &[&str]) -> Option<&'static str> {
        let number = |text: &str| text.parse::<u32>().is_ok();
        let fine = match (name, parameters) {
            ("Pcla", ["1"]) => return Some(self.mechanics.claim()),
            ("Pcla", ["0"]) => return Some(self.mechanics.release()),
            ("Ss", []) => return Some(self.mechanics.start_card()),
            ("Sr", []) => return Some(self.mechanics.turn(false)),
            ("Sv", []) => return Some(self.mechanics.turn(true)),
            ("Se", []) => return Some(self.mechanics.end_card()),
            ("Pneab", ["A", on @ ("0" | "1")]) => {
                self.mechanics.stays_inside = *on == "0";
                true
            }
            ("Pr", [kind] | [kind, "t"]) => number(kind) || *kind == "k",
            ("Psync", [a] | [a, _]) => number(a),
            ("Psmgr" | "Ppws" | "Ppmode" | "Psk" | "Pct" | "Psp", [a]) => number(a),
            ("Pwres", [x, y, kind]) => number(x) && number(y) && number(kind),
            ("Pida", [white, y, m, c]) => [white, y, m, c].iter().all(|text| number(text)),
            ("Piqla", ["a", "d"]) | ("Peoic", ["k", "D"]) | ("Mr", ["s"]) | ("Pmi", ["F", "s"]) => {
                true
            }
            ("Pc" | "Pl", [panel, "=", level]) => panel.len() == 1 && number(level),
            (
                "Pcla" | "Ss" | "Sr" | "Sv" | "Se" | "Pneab" | "Pr" | "Psync" | "Psmgr" | "Ppws"
                | "Ppmode" | "Psk" | "Pct" | "Psp" | "Pwres" | "Pida" | "Piqla" | "Peoic" | "Mr"
                | "Pmi" | "Pc" | "Pl",
                _,
            ) => false,
            _ => return None,
        };
        Some(if fine { OK } else { ERROR_PARAMETERS })
    }
}
