//! What a job's lines say of the blanks that it took, and of the chip and stripe on the card that came of it. Pure.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Sentence;
use crate::ledger::Entry;
use crate::lifecycle::{Event, State};

/// Blanks and encoding of one job.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Encoding {
    /// Blanks that left the feeder for it, as far as is known: spoiled ones and the good card.
    pub blanks_used: u32,
    /// What stands on the card's chip. Absent: the card has no chip, or it is not yet written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chip: Option<EncodedChip>,
    /// The stripe. Absent: the card has none, or it is not yet written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stripe: Option<EncodedStripe>,
    /// Blanks that did not become the card, in their order, and why: what is in the reject box can be told apart.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<FailedEncoding>,
}

/// A chip that was written and read back. Hashes in hexadecimal digits.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EncodedChip {
    /// Unique identifier, hexadecimal digits; a chip with contacts has none.
    pub uid: Option<String>,
    /// Answer to reset, hexadecimal digits.
    pub atr: String,
    /// Name of the profile.
    pub profile: String,
    /// The profile's own word for its version.
    pub version: String,
    /// Hash of the profile's text.
    pub profile_sha256: String,
    /// Hash of everything that was read back.
    pub content_sha256: String,
    /// Bytes of it.
    pub content_bytes: u64,
    /// Hash of the signed record, if the card has one.
    pub record_sha256: Option<String>,
    /// Commands sent to the chip.
    pub apdus: u32,
    /// What was done, in its order.
    pub steps: Vec<EncodedStep>,
}

/// One step of the profile.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EncodedStep {
    /// Its name.
    pub step: String,
    /// How long it took, milliseconds.
    pub ms: u64,
    /// Commands sent to the chip.
    pub apdus: u32,
    /// Bytes of content written and read back.
    pub bytes: u64,
}

/// A stripe that was written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EncodedStripe {
    /// Its tracks were read as they were written; what stands on them is never told.
    pub read_back: bool,
}

/// A blank that was not encoded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FailedEncoding {
    /// What happened, for programs: `read_back_differs`, `lost`, `not_authentic`, …
    pub kind: String,
    /// The profile's step, where one had begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Where to look first: `card`, `reader` or `setup` (profile, keys, job).
    pub blame: String,
    /// Unique identifier of its chip, where it told one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Answer to reset of its chip, where it told one.
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
            let is = |event: Event| line.event == event.name();
            // A card that was counted when it came out, and found bad later, is no further blank.
            let counted = is(Event::Spoil) && line.state == Some(State::Spoiled);
            if is(Event::CardOut) || (is(Event::Spoil) && !counted) {
                encoding.blanks_used += 1;
            }
            if is(Event::ChipGood) {
                let written = &line.detail["encoding"];
                encoding.chip = read(&written["chip"]);
                encoding.stripe = read(&written["stripe"]);
            }
            // What stood on a spoiled blank stands on no card.
            if is(Event::Encode) || (is(Event::Spoil) && !counted) {
                (encoding.chip, encoding.stripe) = (None, None);
            }
            if is(Event::LoseSight) {
                encoding.failed.extend(failed(&line.detail["lost"]["encoding"]));
            }
        }
        encoding
    }
}

/// What a line holds; `None`: nothing of the kind.
fn read<'v, T: Deserialize<'v>>(value: &'v Value) -> Option<T> {
    value.is_object().then(|| T::deserialize(value).ok()).flatten()
}

fn failed(told: &Value) -> Option<FailedEncoding> {
    let word = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
    let message = Sentence { id: word("id"), en: word("en") };
    let failed: FailedEncoding = read(told)?;
    let step = failed.step.filter(|step| !step.is_empty());
    Some(FailedEncoding { message, step, ..failed })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lines(of: &[(&str, State, Value)]) -> Vec<Entry> {
        of.iter()
            .map(|(event, state, detail)| Entry {
                seq: 1,
                at: jiff::Timestamp::UNIX_EPOCH,
                job: None,
                reference: None,
                event: (*event).to_owned(),
                state: Some(*state),
                detail: detail.clone(),
                hash: [0; 32],
            })
            .collect()
    }

    #[test]
    fn a_spoiled_chip_is_counted_and_not_shown() {
        let chip = |uid: &str| json!({ "encoding": { "chip": { "uid": uid } } });
        let mut story = vec![
            ("encode", State::Encoding, json!({})),
            ("chip_good", State::Encoded, chip("04AA")),
            (
                "lose_sight",
                State::Unsure,
                json!({ "lost": { "encoding": { "kind": "card_gone", "blame": "card",
                "uid": "04AA", "id": "diambil", "en": "taken" } } }),
            ),
            ("spoil", State::Queued, json!({})),
            ("encode", State::Encoding, json!({})),
        ];
        let so_far = Encoding::of(&lines(&story));
        let told = serde_json::to_value(&so_far).unwrap();
        assert_eq!(
            told,
            json!({ "blanks_used": 1, "failed": [{ "kind": "card_gone", "blame": "card", "uid": "04AA",
                "message": { "id": "diambil", "en": "taken" } }] })
        );
        story.push(("chip_good", State::Encoded, chip("04BB")));
        story.push(("print", State::Printing, json!({})));
        story.push(("card_out", State::Printed, json!({})));
        let out = Encoding::of(&lines(&story));
        let uid = out.chip.as_ref().and_then(|chip| chip.uid.as_deref());
        assert_eq!((out.blanks_used, uid), (2, Some("04BB")));
        story.push(("spoil", State::Spoiled, json!({})));
        assert_eq!(Encoding::of(&lines(&story)), out, "it is the card that was found bad");
    }
}
