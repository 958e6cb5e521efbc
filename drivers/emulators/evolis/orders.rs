//! What the emulated machine does on command: sessions, modes, trays, moves, cleaning, and the commands of a job. Knows
//! no bytes. Source: Evolis wire notes, sections 3, 4.2, 4.3 and 6.2.

use std::time::Duration;

use super::mechanics::{CLEANING_TIME, Work};
use super::places::Place;
use super::{Electronics, Machine, Session};
use drivers::printers::evolis::protocol::{ERROR_PARAMETERS, OK, OPTION_NOT_AVAILABLE};

impl Machine {
    /// Sessions, modes and trays: sections 3 and 4.3.
    pub(super) fn manage(&mut self, name: &str, parameters: &[&str]) -> Option<&'static str> {
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
        let trays = &mut self.mechanics.trays;
        Some(match (name, parameters) {
            ("Psid", [number, seconds]) => self.reserve(number, seconds),
            ("Pem", [mode @ ("0" | "2" | "38")]) => {
                self.mechanics.error_management = mode.parse().unwrap_or_default();
                if !self.mechanics.handles_errors() {
                    self.mechanics.hand_over_errors();
                }
                OK
            }
            ("Pps", [on @ ("0" | "1")]) => {
                self.electronics.status_block = *on == "1";
                OK
            }
            ("Pcim", _) => set(&mut trays.feed, letter("FMCIBNR")),
            ("Pcem", _) => set(&mut trays.out, letter("DMRNIKL")),
            ("Pcrm", _) => set(&mut trays.reject, letter("RDMIKL")),
            ("Pkc", ["M", one]) if one.len() == 1 && "1234ABCD".contains(one) => {
                trays.feeder = one.chars().next().unwrap_or('1');
                OK
            }
            ("Psid" | "Pem" | "Pps" | "Pkc", _) => ERROR_PARAMETERS,
            _ => return None,
        })
    }

    /// Standby, and the choice between several feeders: captured from the maker's library.
    pub(super) fn rest(&mut self, name: &str, parameters: &[&str]) -> Option<&'static str> {
        Some(match (name, parameters) {
            ("Lipi", [one]) if one.len() == 1 && "ABCD".contains(one) => {
                self.mechanics.trays.feeder = one.chars().next().unwrap_or('A');
                OK
            }
            ("Pst", [seconds]) => match seconds.parse() {
                Ok(seconds) => {
                    self.settings.sleeps_after =
                        (seconds > 0).then(|| Duration::from_secs(seconds));
                    OK
                }
                Err(_) => ERROR_PARAMETERS,
            },
            ("Psdc", ["D"] | ["E", _]) => OK,
            ("Psdc", ["Force"]) => {
                self.electronics.goes_off = true;
                OK
            }
            ("Lipi" | "Pst" | "Psdc", _) => ERROR_PARAMETERS,
            _ => return None,
        })
    }

    fn reserve(&mut self, number: &str, seconds: &str) -> &'static str {
        let (Ok(number), Ok(seconds)) = (number.parse::<u16>(), seconds.parse::<u16>()) else {
            return ERROR_PARAMETERS;
        };
        // A reservation stays with its owner; the other host sees that in the session field, not in a text.
        if number == 0 || self.session.number == 0 || self.session.number == number {
            let ends_at = self.mechanics.clock + Duration::from_secs(u64::from(seconds));
            self.session = Session { number, ends_at };
        }
        OK
    }

    /// Card moves outside a job (section 4.2), and cleaning.
    pub(super) fn carry(&mut self, name: &str, parameters: &[&str]) -> Option<&'static str> {
        let place = match name {
            // The notes do not distinguish `Sib` (at the back) and `Sie` (at the exit) from `Si`, so they do the same
            // here.
            "Si" | "Sib" | "Sie" => Some(Place::Head),
            "Sis" => Some(Place::Contact),
            "Sic" => Some(Place::Contactless),
            "Siscan" => Some(Place::Scanner),
            "Sce" | "Ser" | "Seb" | "Scs" | "Srs" | "St" | "Stt" | "Scp" => None,
            _ => return None,
        };
        let fitted = match place {
            Some(Place::Contact) => {
                self.options.has(drivers::printers::evolis::status::config::SMART)
            }
            Some(Place::Contactless) => {
                self.options.has(drivers::printers::evolis::status::config::CONTACTLESS)
            }
            Some(Place::Scanner) => self.options.scans(),
            _ => true,
        };
        Some(match (name, place) {
            ("Scp", _) => self.clean(parameters),
            _ if !parameters.is_empty() => ERROR_PARAMETERS,
            _ if !fitted => OPTION_NOT_AVAILABLE,
            (_, Some(place)) => self.mechanics.carry(place),
            ("Sce", None) => self.mechanics.eject(false),
            ("Ser" | "Seb", None) => self.mechanics.eject(true),
            ("St" | "Stt", None) => self.mechanics.print_test_card(name == "Stt"),
            ("Srs", None) => {
                self.forget();
                self.electronics = Electronics::fresh(self.settings.status_block);
                OK
            }
            (_, None) => {
                self.clear_errors();
                OK
            }
        })
    }

    /// `Scp`, with the parameter that the maker's library sends: `a` is the thorough cleaning with an adhesive card,
    /// the rest are regular ones; feeder and laminator are not counted.
    fn clean(&mut self, parameters: &[&str]) -> &'static str {
        let memory = &mut self.mechanics.memory;
        match parameters {
            ["feeder" | "l"] => {}
            ["a" | "a card" | "Adhesive card"] => memory.advanced_cleanings += 1,
            [] | ["t card" | "T card"] => memory.regular_cleanings += 1,
            _ => return ERROR_PARAMETERS,
        }
        if !matches!(parameters, ["feeder" | "l"]) {
            memory.cleaned_at = memory.cards_entered;
        }
        self.mechanics.begin_work(Work::Cleaning, CLEANING_TIME);
        self.mechanics.remember();
        OK
    }

    /// Commands of a job: section 6.2. Those that only mark or set something are accepted and ignored.
    pub(super) fn job(&mut self, name: &str, parameters: &[&str]) -> Option<&'static str> {
        let number = |text: &str| text.parse::<u32>().is_ok();
        let fine = match (name, parameters) {
            ("Pcla", ["1"]) => return Some(self.mechanics.claim()),
            ("Pcla", ["0"]) => return Some(self.mechanics.release()),
            ("Ss", []) => return Some(self.mechanics.start_card()),
            ("Sr", []) => return Some(self.mechanics.turn(false)),
            ("Sv", []) => return Some(self.mechanics.turn(true)),
            ("Se", []) => return Some(self.mechanics.end_card()),
            ("Pneab", ["A", on @ ("0" | "1")]) => {
                self.mechanics.job.stays_inside = *on == "0";
                true
            }
            ("Pr", ["k"]) => true,
            ("Pr", [kind] | [kind, "t"]) => {
                self.mechanics.job.ribbon = kind.parse().ok();
                self.mechanics.job.ribbon.is_some()
            }
            ("Psync", [a] | [a, _]) => number(a),
            ("Psmgr" | "Ppws" | "Ppmode" | "Psk" | "Pct" | "Psp", [a]) => number(a),
            ("Pwres", [x, y, kind]) => number(x) && number(y) && number(kind),
            ("Pida", [white, y, m, c]) => [white, y, m, c].iter().all(|text| number(text)),
            ("Piqla", ["a", "d" | "e"]) | ("Peoic", ["k", "D" | "E"]) | ("Mr", ["s"]) => true,
            ("Pmi", ["F", "s"]) => true,
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
