//! The station's status: its state and the reasons for it, in IPP's terms. Decides nothing.

use drivers::contract::{Level, PrinterStatus};
use drivers::encoder::EncoderError;
use drivers::text::Text;

use tokio::sync::watch;

use super::scheduler::{Phase, View};
use crate::clock::ClockDoubt;
use crate::ledger::{Ledger, LedgerTrouble};
use crate::lifecycle::State;
use crate::report::{EncoderView, PrinterState, PrinterView, Snapshot, StateReason, Waiting};

/// Publishes the status if it has changed.
pub(super) fn publish(
    view: &View<'_>,
    doubt: Option<ClockDoubt>,
    ledger: &Ledger,
    snapshot: &watch::Sender<Snapshot>,
) {
    let mut state_reasons = reasons(view, ledger);
    if let Some(doubt) = doubt {
        state_reasons.insert(0, StateReason::new("other-error", &doubt.words()));
    }
    let is_stopped = doubt.is_some() || is_stopped(view, ledger);
    let state = match (view.phase.job_in_flight(), is_stopped) {
        (Some(_), _) => PrinterState::Processing,
        (None, true) => PrinterState::Stopped,
        (None, false) => PrinterState::Idle,
    };
    let printer = view.machine.status.as_ref().map(PrinterView::from);
    let encoder = view.machine.reader.as_ref().map(|reader| EncoderView {
        state: match (reader, view.phase) {
            (Err(_), _) => PrinterState::Stopped,
            (Ok(()), Phase::Encoding(_)) => PrinterState::Processing,
            (Ok(()), _) => PrinterState::Idle,
        },
    });
    let printing = view.phase.job_in_flight().map(ToString::to_string);
    snapshot.send_if_modified(|old| {
        let new = Snapshot { state, state_reasons, printer, encoder, printing, ..old.clone() };
        let changed = *old != new;
        *old = new;
        changed
    });
}

/// Must a person help before the next card?
fn is_stopped(view: &View<'_>, ledger: &Ledger) -> bool {
    let has_error = |status: &PrinterStatus| {
        status.troubles.iter().any(|trouble| trouble.level == Level::Error)
    };
    view.own_trouble.is_some()
        || unknown_card(view, ledger).is_some()
        || ledger.health().borrow().troubles().iter().any(|trouble| !trouble.still_prints)
        || view.machine.error.is_some()
        || (view.queue.next.is_none() && !view.queue.incompatible.is_empty())
        || view.machine.status.as_ref().is_none_or(has_error)
}

fn reasons(view: &View<'_>, ledger: &Ledger) -> Vec<StateReason> {
    let mut reasons = Vec::new();
    if let Some(words) = view.own_trouble {
        reasons.push(StateReason::new("other-error", words));
    }
    for trouble in ledger.health().borrow().troubles() {
        if view.own_trouble != Some(&trouble.words) {
            reasons.push(of_the_ledger(&trouble));
        }
    }
    reasons.extend(of_the_machine(view));
    let incompatible = |words| StateReason::new("other-error", words);
    reasons.extend(view.queue.incompatible.values().map(incompatible));
    reasons.extend(view.queue.suspended.iter().flatten().map(|product| of_the_setup(product)));
    let counts = ledger.counts().unwrap_or_default();
    let waiting = Waiting::of(&counts, ledger).unwrap_or_default();
    let of_people = [waiting.words_of_unsure(), waiting.words_of_held()];
    reasons
        .extend(of_people.iter().flatten().map(|words| StateReason::new("other-warning", words)));
    reasons.extend(unknown_card(view, ledger));
    if view.clock_is_doubtful {
        let words = Text::fixed(
            "Jam komputer melompat. Periksa tanggal dan jam; pekerjaan yang tampak terlalu lama ditahan, bukan dibuang.",
            "The computer's clock jumped. Check date and time; jobs that seem too old are held, not ended.",
        );
        reasons.push(StateReason::new("other-warning", &words));
    }
    reasons
}

/// The reasons from the printer and its reader, or that there is no printer.
fn of_the_machine(view: &View<'_>) -> Vec<StateReason> {
    let mut reasons = Vec::new();
    if !view.machine.is_configured {
        let words = Text::fixed(
            "Belum ada printer di konfigurasi (printer.address). Pekerjaan diterima dan menunggu.",
            "No printer is configured (printer.address). Jobs are taken in and wait.",
        );
        reasons.push(StateReason::new("connecting-to-device-error", &words));
    }
    match (&view.machine.error, &view.machine.status) {
        (Some(error), _) => reasons.extend(StateReason::of_error(error)),
        (None, Some(status)) => reasons.extend(status.troubles.iter().map(StateReason::from)),
        (None, None) => {}
    }
    if let Some(Err(error)) = &view.machine.reader {
        reasons.push(of_the_reader(error));
    }
    reasons
}

/// A card inside that belongs to no job.
fn unknown_card(view: &View<'_>, ledger: &Ledger) -> Option<StateReason> {
    let stands_inside = |status: &PrinterStatus| status.card_inside && !status.busy;
    let card_inside = view.machine.status.as_ref().is_some_and(stands_inside);
    let words = Text::fixed(
        "Ada kartu di dalam printer yang bukan milik pekerjaan mana pun. Keluarkan dan catat sebagai blangko rusak, kecuali sudah dijawab lewat resolve.",
        "A card is inside the printer that belongs to no job. Take it out and enter it as a spoiled blank, unless it was answered for by a resolve.",
    );
    let is_unsure = || {
        ledger.counts().is_ok_and(|counts| counts.get(&State::Unsure).is_some_and(|jobs| *jobs > 0))
    };
    let is_unknown = card_inside && !view.phase.is_at_work() && !is_unsure();
    is_unknown.then(|| StateReason::new("other-error", &words))
}

/// IPP has a keyword for a full spool area.
fn of_the_ledger(trouble: &LedgerTrouble) -> StateReason {
    let keyword = if trouble.still_prints { "spool-area-full-error" } else { "other-error" };
    StateReason::new(keyword, &trouble.words)
}

/// The printer continues; only cards with a chip wait for their reader.
fn of_the_reader(error: &EncoderError) -> StateReason {
    let mut words = error.words();
    if error.is_of_the_address() {
        words = words.and(&Text::fixed(
            "Alamatnya ada di kartud.toml, [encoder].",
            "Its address stands in kartud.toml, [encoder].",
        ));
    }
    words = words.and(&Text::fixed("Kartu berchip menunggu.", "Cards with a chip wait."));
    StateReason::new("subunit-unrecoverable-failure-error", &words)
}

/// The printer continues; only cards of this product wait.
fn of_the_setup(product: &str) -> StateReason {
    let words = Text::new(
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
