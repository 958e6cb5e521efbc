//! The blanks that a job took, and the chip and stripe of its card, from the job's lines. Pure.

use serde::Serialize;

use super::Sentence;
use crate::chip::Blame;
use crate::event::{EncodedChip, EncodedStripe, Event, FailedEncoding};
use crate::ledger::Entry;
use crate::lifecycle::State;

/// Blanks and encoding of one job.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Encoding {
    /// Known number of blanks that left the feeder for it: spoiled ones and the good card.
    pub blanks_used: u32,
    /// The content of the card's chip. Absent: the card has no chip, or it is not written yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chip: Option<EncodedChip>,
    /// The stripe. Absent: the card has none, or it is not written yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stripe: Option<EncodedStripe>,
    /// Blanks that were spoiled, in order, with the cause, so that the cards in the reject box can be told apart.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<SpoiledEncoding>,
}

/// A blank that was not encoded.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SpoiledEncoding {
    /// What happened, for programs: `read_back_differs`, `lost`, `not_authentic`, …
    pub kind: String,
    /// The profile's step, if one had begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// What to check first: `card`, `reader` or `setup` (profile, keys, job).
    pub blame: Blame,
    /// Unique identifier of its chip, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Answer to reset of its chip, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub atr: Option<String>,
    /// What is wrong and what to do.
    pub message: Sentence,
}

impl Encoding {
    /// Folds a job's lines, oldest first.
    pub fn of(lines: &[Entry]) -> Encoding {
        let mut encoding = Encoding::default();
        for line in lines {
            let Some(event) = line.read() else { continue };
            // A card that was counted when it came out, and found bad later, is not another blank.
            let counted = line.state == Some(State::Spoiled);
            match event {
                Event::CardOut { .. } => encoding.blanks_used += 1,
                Event::Spoil { .. } if !counted => {
                    encoding.blanks_used += 1;
                    // The content of a spoiled blank is not the card's.
                    (encoding.chip, encoding.stripe) = (None, None);
                }
                Event::Encode(_) => (encoding.chip, encoding.stripe) = (None, None),
                Event::ChipGood { encoding: written } => {
                    (encoding.chip, encoding.stripe) = (written.chip, written.stripe);
                }
                Event::OutcomeUnknown { lost, .. } => {
                    encoding.failed.extend(lost.encoding.map(SpoiledEncoding::from));
                }
                _ => {}
            }
        }
        encoding
    }
}

impl From<FailedEncoding> for SpoiledEncoding {
    fn from(failed: FailedEncoding) -> SpoiledEncoding {
        let FailedEncoding { failure, blame, words } = failed;
        SpoiledEncoding {
            kind: failure.kind,
            step: failure.step.filter(|step| !step.is_empty()),
            blame,
            uid: failure.uid,
            atr: failure.atr,
            message: Sentence { id: words.id.into_owned(), en: words.en.into_owned() },
        }
    }
}

#[cfg(test)]
mod tests {
    use drivers::contract::Whereabouts;
    use drivers::text::Text;
    use serde_json::json;

    use super::*;
    use crate::event::{CardEvidence, EncodedCard, EncodingFailure, IntentLine, Lost, MachineWord};
    use crate::evidence::{Facts, Intent};

    fn lines(of: &[(Event, State)]) -> Vec<Entry> {
        of.iter()
            .map(|(event, state)| Entry {
                seq: 1,
                at: jiff::Timestamp::UNIX_EPOCH,
                job: None,
                reference: None,
                event: event.name().to_owned(),
                state: Some(*state),
                detail: event.detail(),
                hash: [0; 32],
            })
            .collect()
    }

    #[test]
    fn a_spoiled_chip_is_counted_and_not_shown() {
        let chip = |uid: &str| {
            let chip = EncodedChip { uid: Some(uid.to_owned()), ..EncodedChip::default() };
            Event::ChipGood { encoding: EncodedCard { chip: Some(chip), stripe: None } }
        };
        let intent = || IntentLine { intent: Intent::default(), identity: None };
        let evidence =
            || CardEvidence::Machine { machine: MachineWord::Facts(Facts::default()), row: None };
        let spoil = || Event::Spoil { evidence: evidence(), cause: None, findings: None };
        let failure =
            EncodingFailure { uid: Some("04AA".into()), ..EncodingFailure::of("card_gone") };
        let words = Text::fixed("diambil", "taken");
        let failed = FailedEncoding { failure, blame: Blame::Card, words };
        let lost = Lost { encoding: Some(failed), ..Lost::at(Whereabouts::InMachine) };
        let mut story = vec![
            (Event::Encode(intent()), State::Encoding),
            (chip("04AA"), State::Encoded),
            (Event::OutcomeUnknown { lost: Box::new(lost), findings: None }, State::Unsure),
            (spoil(), State::Queued),
            (Event::Encode(intent()), State::Encoding),
        ];
        let so_far = Encoding::of(&lines(&story));
        let told = serde_json::to_value(&so_far).unwrap();
        assert_eq!(
            told,
            json!({ "blanks_used": 1, "failed": [{ "kind": "card_gone", "blame": "card", "uid": "04AA",
                "message": { "id": "diambil", "en": "taken" } }] })
        );
        story.push((chip("04BB"), State::Encoded));
        story.push((Event::Print(intent()), State::Printing));
        let out = Event::CardOut { evidence: evidence(), findings: None };
        story.push((out, State::Printed));
        let out = Encoding::of(&lines(&story));
        let uid = out.chip.as_ref().and_then(|chip| chip.uid.as_deref());
        assert_eq!((out.blanks_used, uid), (2, Some("04BB")));
        story.push((spoil(), State::Spoiled));
        assert_eq!(Encoding::of(&lines(&story)), out, "it is the card that was found bad");
    }
}
