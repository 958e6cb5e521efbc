//! What a job's lines say of the blanks that it took, and of the chip and stripe on the card that came of it. Pure.

use serde::Serialize;
use utoipa::ToSchema;

use crate::ledger::Entry;
use crate::lifecycle::{Event, State};

/// Blanks and encoding of one job.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "blanks_used": 1,
    "chip": {
        "uid": "044b4152545581", "profile": "staf", "version": "1", "content_bytes": 223, "apdus": 9,
        "steps": [{ "step": "write", "ms": 41, "apdus": 3, "bytes": 223 }]
    }
}))]
pub struct Encoding {
    /// Blanks that left the feeder for it, as far as is known: spoiled ones and the good card.
    #[schema(example = 1)]
    pub blanks_used: u32,
    /// What stands on the card's chip: `uid`, `atr`, profile and version, hash of the record, what was written and read
    /// back, and the time of each step. Absent: the card has no chip, or it is not yet written.
    #[schema(value_type = Option<Object>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chip: Option<serde_json::Value>,
    /// That the stripe's tracks were read back as written; never what stands on them.
    #[schema(value_type = Option<Object>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stripe: Option<serde_json::Value>,
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
                let part = |name: &str| line.detail["encoding"].get(name).cloned();
                (encoding.chip, encoding.stripe) = (part("chip"), part("stripe"));
            }
            // What stood on a spoiled blank stands on no card.
            if is(Event::Encode) || (is(Event::Spoil) && !counted) {
                (encoding.chip, encoding.stripe) = (None, None);
            }
        }
        encoding
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

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
            ("lose_sight", State::Unsure, json!({})),
            ("spoil", State::Queued, json!({})),
            ("encode", State::Encoding, json!({})),
        ];
        let so_far = Encoding::of(&lines(&story));
        assert_eq!(so_far, Encoding { blanks_used: 1, ..Encoding::default() });
        story.push(("chip_good", State::Encoded, chip("04BB")));
        story.push(("print", State::Printing, json!({})));
        story.push(("card_out", State::Printed, json!({})));
        let out = Encoding::of(&lines(&story));
        assert_eq!((out.blanks_used, out.chip.clone()), (2, Some(json!({ "uid": "04BB" }))));
        story.push(("spoil", State::Spoiled, json!({})));
        assert_eq!(Encoding::of(&lines(&story)), out, "it is the card that was found bad");
    }
}
