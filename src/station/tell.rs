//! What the station tells of itself: its state and the reasons for it, in IPP's words. Decides nothing.

use drivers::contract::Level;
use drivers::encoder::EncoderError;
use drivers::words::Words;

use super::Station;
use super::moving::{Moving, Stage};
use crate::ledger::{LedgerError, LedgerTrouble, words_of_failing, words_of_gone};
use crate::lifecycle::State;
use crate::report::{EncoderView, PrinterState, PrinterView, Snapshot, StateReason, Waiting};

impl Station {
    pub(super) fn trouble_of(&self, worked: Result<(), LedgerError>) -> Option<Words> {
        let error = worked.err()?;
        let words = match &error {
            LedgerError::Gone(gone) => words_of_gone(gone),
            other => words_of_failing(&other.to_string()),
        };
        if self.own_trouble.as_ref() != Some(&words) {
            tracing::error!(%error, "the station cannot go on");
        }
        Some(words)
    }

    /// Tells everybody, but only if something has changed.
    pub(super) fn publish(&self) {
        let reasons = self.reasons();
        let ledger = self.ledger.health().borrow().troubles();
        let stopped = self.own_trouble.is_some()
            || ledger.iter().any(|trouble| !trouble.still_prints)
            || self.machine.error.is_some()
            || (self.next.is_none() && !self.bench.misfits.is_empty())
            || self
                .machine
                .status
                .as_ref()
                .is_none_or(|s| s.troubles.iter().any(|t| t.level == Level::Error));
        let state = match (&self.moving, stopped) {
            (Some(_), _) => PrinterState::Processing,
            (None, true) => PrinterState::Stopped,
            (None, false) => PrinterState::Idle,
        };
        let printer = self.machine.status.as_ref().map(PrinterView::from);
        let encoder = self.machine.reader.as_ref().map(|reader| EncoderView {
            state: match (reader, &self.moving) {
                (Err(_), _) => PrinterState::Stopped,
                (Ok(()), Some(Moving { stage: Stage::Encoding(_), .. })) => {
                    PrinterState::Processing
                }
                (Ok(()), _) => PrinterState::Idle,
            },
        });
        let printing = self.moving.as_ref().map(|moving| moving.record.id.to_string());
        self.snapshot.send_if_modified(|old| {
            let cards_out = old.cards_out;
            let new = Snapshot {
                state,
                state_reasons: reasons,
                printer,
                encoder,
                printing,
                cards_out,
                ..old.clone()
            };
            let changed = *old != new;
            *old = new;
            changed
        });
    }

    fn reasons(&self) -> Vec<StateReason> {
        let mut reasons = Vec::new();
        if let Some(words) = &self.own_trouble {
            reasons.push(StateReason::new("other-error", words));
        }
        for trouble in self.ledger.health().borrow().troubles() {
            if self.own_trouble.as_ref() != Some(&trouble.words) {
                reasons.push(of_the_ledger(&trouble));
            }
        }
        if self.device.is_none() {
            let words = Words::fixed(
                "Belum ada printer di konfigurasi (printer.address). Pekerjaan diterima dan menunggu.",
                "No printer is configured (printer.address). Jobs are taken in and wait.",
            );
            reasons.push(StateReason::new("connecting-to-device-error", &words));
        }
        match (&self.machine.error, &self.machine.status) {
            (Some(error), _) => reasons.extend(StateReason::of_error(error)),
            (None, Some(status)) => reasons.extend(status.troubles.iter().map(StateReason::from)),
            (None, None) => {}
        }
        if let Some(Err(error)) = &self.machine.reader {
            reasons.push(of_the_reader(error));
        }
        let misfit = |words| StateReason::new("other-error", words);
        reasons.extend(self.bench.misfits.values().map(misfit));
        reasons.extend(self.bench.barred.iter().flatten().map(|product| of_the_setup(product)));
        let counts = self.ledger.counts().unwrap_or_default();
        let doubts = counts.get(&State::Unsure).copied().unwrap_or(0);
        let waiting = Waiting::of(&counts, &self.ledger).unwrap_or_default();
        let of_people = [waiting.words_of_unsure(), waiting.words_of_held()];
        reasons.extend(
            of_people.iter().flatten().map(|words| StateReason::new("other-warning", words)),
        );
        reasons.extend(self.unknown_card(doubts > 0));
        if self.hours.doubtful {
            let words = Words::fixed(
                "Jam komputer melompat. Periksa tanggal dan jam; pekerjaan yang tampak terlalu lama ditahan, bukan dibuang.",
                "The computer's clock jumped. Check date and time; jobs that seem too old are held, not ended.",
            );
            reasons.push(StateReason::new("other-warning", &words));
        }
        reasons
    }

    /// A card inside that belongs to no job.
    fn unknown_card(&self, any_unsure: bool) -> Option<StateReason> {
        let card_inside = self.machine.status.as_ref().is_some_and(|s| s.card_inside && !s.busy);
        let words = Words::fixed(
            "Ada kartu di dalam printer yang bukan milik pekerjaan mana pun. Keluarkan dan catat sebagai blangko rusak.",
            "A card is inside the printer that belongs to no job. Take it out and enter it as a spoiled blank.",
        );
        let is_unknown = card_inside && !any_unsure && !self.at_work();
        is_unknown.then(|| StateReason::new("other-error", &words))
    }
}

/// IPP has a word for a place where jobs wait that is full.
fn of_the_ledger(trouble: &LedgerTrouble) -> StateReason {
    let keyword = if trouble.still_prints { "spool-area-full-error" } else { "other-error" };
    StateReason::new(keyword, &trouble.words)
}

/// The printer prints on: only cards with a chip wait for their reader.
fn of_the_reader(error: &EncoderError) -> StateReason {
    let mut words = error.words();
    if error.is_of_the_address() {
        words = words.and(&Words::fixed(
            "Alamatnya ada di kartud.toml, [encoder].",
            "Its address stands in kartud.toml, [encoder].",
        ));
    }
    words = words.and(&Words::fixed("Kartu berchip menunggu.", "Cards with a chip wait."));
    StateReason::new("subunit-unrecoverable-failure-error", &words)
}

/// The printer prints on: only cards of this product wait.
fn of_the_setup(product: &str) -> StateReason {
    let words = Words::new(
        format!(
            "Kartu {product} menunggu: chip tidak dapat diisi, dan blangko berikutnya akan rusak juga. Baca alasan pekerjaan yang ditahan; betulkan kunci, profil, pembaca atau blangkonya, lalu lepaskan (kartud release)."
        ),
        format!(
            "Cards of {product} wait: their chip could not be written, and the next blank would be spoiled too. Read why a job is held; put keys, profile, reader or blanks right, then release that job (kartud release)."
        ),
    );
    StateReason::new("other-error", &words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_address_stands_is_told_when_it_may_be_wrong() {
        let told = |error: &EncoderError| format!("{:?}", of_the_reader(error));
        let gone = told(&EncoderError::NoReader("A".into()));
        assert!(gone.contains("Its address stands in kartud.toml, [encoder]. Cards"), "{gone}");
        let taken = told(&EncoderError::InUse);
        assert!(!taken.contains("kartud.toml") && taken.contains("Cards with a chip"), "{taken}");
    }
}
