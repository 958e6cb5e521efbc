//! What the station does, in one line for `systemctl status` and for whoever watches from outside. Names no person and no
//! job.

use std::collections::BTreeMap;

use crate::lifecycle::State;
use crate::report::{PrinterState, Snapshot, StateReason};

/// Longest sentence of a trouble that has no words here, in characters.
const SENTENCE_MAX: usize = 80;

/// Words of the card office for IPP's keywords (RFC 8011, section 5.4.12), without their suffix.
const WORDS: [(&str, &str); 18] = [
    ("configuration-change", "printer's configuration"),
    ("connecting-to-device", "the printer does not answer"),
    ("cover-open", "cover open"),
    ("fuser-under-temp", "retransfer unit too cold"),
    ("input-cover-open", "feeder open"),
    ("marker-over-temperature", "print head too hot"),
    ("marker-supply-empty", "ribbon empty"),
    ("marker-supply-incompatible", "wrong ribbon"),
    ("marker-supply-missing", "no ribbon"),
    ("media-empty", "no blank cards"),
    ("media-jam", "a card is stuck"),
    ("media-low", "few blank cards"),
    ("media-needed", "no card came from the feeder"),
    ("moving-to-paused", "another program holds the printer"),
    ("output-area-full", "output full"),
    ("output-cover-open", "output open"),
    ("spool-area-full", "disk full"),
    ("subunit-unrecoverable-failure", "the chip reader does not work"),
];

/// Jobs that are not done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Jobs {
    /// They wait for the printer.
    pub waiting: u64,
    /// A person must decide.
    pub held: u64,
    /// Nobody knows what became of their card.
    pub unsure: u64,
}

impl Jobs {
    /// From the number of jobs in each state.
    pub fn of(counts: &BTreeMap<State, u64>) -> Jobs {
        let count = |states: &[State]| states.iter().filter_map(|state| counts.get(state)).sum();
        Jobs {
            waiting: count(&[State::Received, State::Queued, State::Claimed, State::Composed]),
            held: count(&[State::Held]),
            unsure: count(&[State::Unsure]),
        }
    }
}

/// Follows the station: which card of how many it prints. A run begins when jobs come to a station without any.
#[derive(Debug, Default)]
pub struct Status {
    /// Cards that had come out when the run began.
    out_before: u64,
}

impl Status {
    /// What the station does.
    pub fn line(&mut self, station: &Snapshot, jobs: &Jobs) -> String {
        let is_printing = station.state == PrinterState::Processing;
        if jobs.waiting == 0 && !is_printing {
            self.out_before = station.cards_out;
        }
        let out = station.cards_out.saturating_sub(self.out_before);
        let doing = match station.state {
            PrinterState::Processing => {
                let writes = station.encoder.is_some_and(|e| e.state == PrinterState::Processing);
                let verb = if writes { "writing the chip of" } else { "printing" };
                format!("{verb} {} of {}", out + 1, out + 1 + jobs.waiting)
            }
            PrinterState::Stopped => format!("waits: {}", obstacle(&station.state_reasons)),
            // Between two cards of a run.
            PrinterState::Idle if jobs.waiting > 0 => {
                format!("preparing {} of {}", out + 1, out + jobs.waiting)
            }
            PrinterState::Idle => "idle".to_owned(),
        };
        let is_waiting = station.state == PrinterState::Stopped;
        let waiting = if is_waiting { jobs.waiting } else { 0 };
        let told = [(waiting, "waiting"), (jobs.held, "held"), (jobs.unsure, "unsure")];
        let told = told.iter().filter(|(jobs, _)| *jobs > 0);
        let jobs: Vec<String> = told.map(|(jobs, how)| format!("{jobs} {how}")).collect();
        match jobs.is_empty() {
            true => format!("{doing}; {} cards since the start", station.cards_out),
            false => format!("{doing}; jobs: {}", jobs.join(", ")),
        }
    }
}

/// What keeps the station from printing: the first that does, else the first of all.
fn obstacle(reasons: &[StateReason]) -> String {
    let stops = reasons.iter().find(|reason| reason.keyword.ends_with("-error"));
    let Some(reason) = stops.or(reasons.first()) else {
        return "the printer has not answered yet".to_owned();
    };
    let bare = reason.keyword.rsplit_once('-').map_or(&*reason.keyword, |(bare, _)| bare);
    let known = WORDS.iter().find(|(keyword, _)| *keyword == bare);
    known.map_or_else(|| first_sentence(&reason.message.en), |(_, words)| (*words).to_owned())
}

fn first_sentence(text: &str) -> String {
    let sentence = text.split(['.', '\n', ';']).next().unwrap_or(text);
    sentence.chars().take(SENTENCE_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::EncoderView;

    fn station(state: PrinterState, cards_out: u64) -> Snapshot {
        Snapshot {
            station: "loket-1".into(),
            version: "0",
            state,
            state_reasons: Vec::new(),
            printer: None,
            encoder: None,
            printing: None,
            specimen: false,
            cards_out,
        }
    }

    fn stopped(keyword: &str, en: &'static str) -> Snapshot {
        let warning = StateReason::new("other-warning", &drivers::text::Text::fixed("", "Look."));
        let reason = StateReason::new(keyword, &drivers::text::Text::fixed("", en));
        let state_reasons = vec![warning, reason];
        Snapshot { state_reasons, ..station(PrinterState::Stopped, 0) }
    }

    #[test]
    fn a_run_of_cards_is_counted_from_its_first() {
        let mut status = Status::default();
        let mut line = |state, out, waiting| {
            status.line(&station(state, out), &Jobs { waiting, ..Jobs::default() })
        };
        assert_eq!(line(PrinterState::Idle, 40, 0), "idle; 40 cards since the start");
        // The first job of the run was claimed before anybody looked.
        assert_eq!(
            line(PrinterState::Processing, 40, 11),
            "printing 1 of 12; 40 cards since the start"
        );
        assert_eq!(
            line(PrinterState::Processing, 42, 9),
            "printing 3 of 12; 42 cards since the start"
        );
        assert_eq!(
            line(PrinterState::Processing, 51, 0),
            "printing 12 of 12; 51 cards since the start"
        );
        assert_eq!(line(PrinterState::Idle, 52, 0), "idle; 52 cards since the start");
        assert_eq!(
            line(PrinterState::Processing, 52, 0),
            "printing 1 of 1; 52 cards since the start"
        );
    }

    #[test]
    fn a_chip_that_is_written_is_told_apart() {
        let encoder = Some(EncoderView { state: PrinterState::Processing });
        let writes = Snapshot { encoder, ..station(PrinterState::Processing, 0) };
        let line = Status::default().line(&writes, &Jobs::default());
        assert!(line.starts_with("writing the chip of 1 of 1; "), "{line}");
    }

    #[test]
    fn what_it_waits_for_is_told_in_the_words_of_the_office() {
        let jobs = Jobs { waiting: 9, held: 0, unsure: 1 };
        let line = |station: &Snapshot| Status::default().line(station, &jobs);
        let empty = line(&stopped("marker-supply-empty-error", "The ribbon has ended."));
        assert_eq!(empty, "waits: ribbon empty; jobs: 9 waiting, 1 unsure");
        let other = line(&stopped("other-error", "The printer is locked. Unlock it."));
        assert!(other.starts_with("waits: The printer is locked; jobs"), "{other}");
        let unheard = line(&station(PrinterState::Stopped, 0));
        assert!(unheard.starts_with("waits: the printer has not answered yet; "), "{unheard}");
    }
}
