//! What is written down of a card: its intents, and what became of it by the table of evidence.

use drivers::contract::{CardOut, DeviceError, PrinterStatus, Whereabouts};
use drivers::text::Text;

use super::operator::Look;
use crate::chip::Blame;
use crate::codes::station::H_NOT_WATCHED;
use crate::event::{CardEvidence, Event, FailedEncoding, IntentLine, Lost, MachineWord, PersonSaw};
use crate::evidence::{Facts, Intent, Reason, Seen, Verdict, judge_card_out, judge_untouched};
use crate::finding::Finding;
use crate::lifecycle::Move;
use crate::queue::H_CHIP_SETUP;
use crate::station::encode::{Unencoded, Unwritten};
use crate::supplies::SpoilCause;

/// What a job is held back for while it is unsure.
const H_UNSURE: &str = "H_UNSURE";

/// Write before you act: what for, and what the machine said just before.
pub(super) fn intent_line(intent: &Intent, before: &PrinterStatus) -> IntentLine {
    IntentLine { intent: intent.clone(), identity: Some(before.identity.clone()) }
}

/// Contact with the card was lost.
pub(super) fn outcome_unknown(lost: Lost) -> Event {
    Event::OutcomeUnknown { lost: Box::new(lost), findings: None }
}

/// A card that was not encoded is no card. Where it is is found out as for any card that nobody saw; its intent says that
/// it cannot be a good one.
pub(super) fn not_encoded(failed: &Unencoded, known: &[Finding]) -> Event {
    let Unwritten { blame, words, failure } = failed.unwritten.clone();
    let encoding = FailedEncoding { failure: *failure, blame, words: words.clone() };
    if failed.card == Whereabouts::Untouched {
        let evidence = CardEvidence::NotEncoded { card: failed.card, encoding };
        return Event::NoCard { evidence, findings: None };
    }
    let setup = (blame == Blame::Setup).then(|| Finding::whole(H_CHIP_SETUP, words));
    let findings = setup.map(|setup| known.iter().cloned().chain([setup]).collect());
    let lost = Lost { encoding: Some(encoding), ..Lost::at(failed.card) };
    Event::OutcomeUnknown { lost: Box::new(lost), findings }
}

/// What a finished print means for the job by the table of evidence. What the table cannot settle is lost from sight, and
/// found out about as for any such card; what the driver saw of it goes with it.
pub(super) fn settlement(result: &Result<CardOut, DeviceError>, intent: &Intent) -> Event {
    let out = match result {
        Ok(out) => out,
        Err(error) => return not_finished(error, intent),
    };
    let machine = MachineWord::CardOut(Box::new(out.clone()));
    match judge_card_out(intent, out) {
        Verdict::Printed(row) => {
            let evidence = CardEvidence::Machine { machine, row: Some(row) };
            Event::CardOut { evidence, findings: None }
        }
        verdict => outcome_unknown(Lost {
            said_out: true,
            row: verdict.row(),
            machine: Some(machine),
            watch: Some(out.watch),
            ..Lost::somewhere(
                "the printer said that the card is out, and its figures were to be asked again",
            )
        }),
    }
}

fn not_finished(error: &DeviceError, intent: &Intent) -> Event {
    let told = error.evidence;
    let evidence = |row| CardEvidence::CallFailed {
        card: error.card,
        cause: error.cause.to_string(),
        machine: told,
        row,
    };
    match error.card {
        // An encoded card that the print left untouched still waits inside.
        Whereabouts::Untouched if !intent.waits_inside() => {
            if let Verdict::NoCard(row) = judge_untouched(intent, told.as_ref()) {
                return Event::NoCard { evidence: evidence(Some(row)), findings: None };
            }
        }
        Whereabouts::Rejected => {
            let cause = Some(SpoilCause::GagalCetak);
            return Event::Spoil { evidence: evidence(None), cause, findings: None };
        }
        Whereabouts::Untouched | Whereabouts::InMachine | Whereabouts::Unknown => {}
    }
    outcome_unknown(Lost {
        cause: Some(error.cause.to_string()),
        machine: told.map(MachineWord::AfterFailure),
        watch: Some(told.map(|told| told.watch).unwrap_or_default()),
        ..Lost::at(error.card)
    })
}

/// The machine's word about a card that nobody saw.
pub(super) fn settled_by_the_machine(
    verdict: Verdict,
    now: &Facts,
    findings: &[Finding],
    cause: SpoilCause,
) -> Event {
    let machine = MachineWord::Facts(now.clone());
    let evidence = CardEvidence::Machine { machine, row: verdict.row() };
    let findings = Some(findings.to_vec());
    match verdict {
        Verdict::Printed(_) => Event::CardOut { evidence, findings },
        Verdict::Spoiled(_) => Event::Spoil { evidence, cause: Some(cause), findings },
        _ => Event::NoCard { evidence, findings },
    }
}

/// A person's word about a card.
pub(super) fn settled_by_a_person(
    look: &Look,
    cause: SpoilCause,
    findings: Option<Vec<Finding>>,
) -> Event {
    let Look { seen, by, insist, .. } = look.clone();
    let evidence = CardEvidence::Person { person: PersonSaw { seen, by, insist } };
    match seen {
        Seen::Printed => Event::CardOut { evidence, findings },
        Seen::NoCard => Event::NoCard { evidence, findings },
        Seen::Spoiled => Event::Spoil { evidence, cause: Some(cause), findings },
    }
}

/// The move that a person's word makes.
pub(super) fn step_of(seen: Seen) -> Move {
    match seen {
        Seen::Printed => Move::CardOut,
        Seen::Spoiled => Move::Spoil,
        Seen::NoCard => Move::NoCard,
    }
}

/// What stands with a job once it is no longer unsure.
pub(super) fn without_doubt(findings: &[Finding]) -> Vec<Finding> {
    findings.iter().filter(|finding| finding.code != H_UNSURE).cloned().collect()
}

/// Whole figures were believed of a card that nobody watched.
pub(super) fn not_watched() -> Finding {
    H_NOT_WATCHED.at("job", &[])
}

/// Only a person can tell, and what they are to do.
pub(super) fn unsure(row: Reason) -> Finding {
    let why = row.words();
    let words = Text::new(
        format!(
            "{} Lihat di printer, baki hasil dan kotak tolak, lalu jawab: printed, spoiled atau no_card (resolve).",
            why.id
        ),
        format!(
            "{} Look into the printer, the output hopper and the reject box, then answer: printed, spoiled or no_card (resolve).",
            why.en
        ),
    );
    Finding::whole(H_UNSURE, words)
}
