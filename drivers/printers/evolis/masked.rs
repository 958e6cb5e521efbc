//! Answers as they may be recorded: the family's own figures and words stay, everything else is crossed out. Knows no
//! wire.
//!
//! A recording leaves the office. It keeps what shows how a machine communicates; of an answer with personal data, only
//! the length remains. Crossed-out text keeps its position, so that a session can be replayed.

use super::find_model;
use super::protocol::{Answer, VOCABULARY};
use super::ribbon::RIBBONS;
use crate::redact::Designation;

/// Replaces a character that must not be readable.
const CROSS: char = 'x';

/// Names of values in answers of several lines (section 4.1).
const KEYS: &[&str] = &[
    "label",
    "zone",
    "type",
    "ref",
    "qty",
    "count",
    "progress",
    "k7",
    "date",
    "evosn",
    "m3",
    "inserted_head",
    "rem_advised",
    "mandatory",
    "last_periodic",
    "periodic_global",
    "advanced_global",
];

/// An answer with everything masked that is not the family's own, in the same length. Bytes that are no answer are
/// crossed out completely.
pub fn masked(bytes: &[u8]) -> Vec<u8> {
    let Ok(answer) = Answer::parse(bytes) else {
        return vec![CROSS as u8; bytes.len()];
    };
    let mut into = Vec::with_capacity(bytes.len());
    into.extend(masked_text(&answer.text).chars().map(|c| u8::try_from(c).unwrap_or(CROSS as u8)));
    let known = frame_bytes(&answer).min(bytes.len());
    into.extend_from_slice(&bytes[into.len()..known]);
    into.resize(bytes.len(), CROSS as u8);
    into
}

/// Bytes of the text, its end, and every item after it that is understood.
fn frame_bytes(answer: &Answer) -> usize {
    let mut frame = Vec::new();
    answer.emit(&mut frame);
    frame.len()
}

fn masked_text(text: &str) -> String {
    if may_stand(text) {
        return text.to_owned();
    }
    text.split_inclusive(['\r', '\n']).map(masked_line).collect()
}

/// `key: value` or `key value`.
fn masked_line(line: &str) -> String {
    let body = line.trim_end_matches(['\r', '\n']);
    let end = &line[body.len()..];
    let key = KEYS.iter().find(|key| {
        body.strip_prefix(**key).is_some_and(|rest| rest.starts_with([':', ' ', '\t']))
    });
    let Some(key) = key else {
        return if may_stand(body) { line.to_owned() } else { crossed(body) + end };
    };
    let value = body[key.len()..].trim_start_matches([':', ' ', '\t']);
    let head = &body[..body.len() - value.len()];
    let value = if may_stand(value) { value.to_owned() } else { crossed(value) };
    format!("{head}{value}{end}")
}

fn may_stand(text: &str) -> bool {
    let text = text.trim();
    text.is_empty()
        || VOCABULARY.contains(&text)
        || find_model(text).is_some()
        || RIBBONS.iter().any(|ribbon| ribbon.name == text)
        || !Designation::read(text).is_empty()
}

fn crossed(text: &str) -> String {
    text.chars().map(|_| CROSS).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn recorded(text: &str) -> String {
        let mut bytes = Vec::new();
        Answer { text: text.to_owned(), ..Answer::default() }.emit(&mut bytes);
        let kept = masked(&bytes);
        assert_eq!(kept.len(), bytes.len());
        let end = kept.iter().position(|byte| *byte == 0).unwrap();
        assert_eq!(kept[end..], bytes[end..], "the status stands as it was");
        kept[..end].iter().map(|byte| char::from(*byte)).collect()
    }

    #[test]
    fn figures_and_known_words_are_recorded() {
        for text in ["OK", "ERROR CDE", "evolis primacy", "10001234", "EMU 1.0", "40 50", "-20", ""]
        {
            assert_eq!(recorded(text), text);
        }
        let lines = "label: YMCKO\r\ntype 0\ncount:\t17\r\n";
        assert_eq!(recorded(lines), lines);
    }

    #[test]
    fn anything_else_is_crossed_out() {
        assert_eq!(recorded("KENARI 7"), "xxxxxxxx");
        assert_eq!(recorded("1301050704159876"), "x".repeat(16));
        assert_eq!(recorded("label: KENARI\ncount: 3"), "label: xxxxxx\ncount: 3");
        assert_eq!(recorded("nik 12\r\nkenari: 3"), "nik 12\r\nxxxxxxxxx");
        assert_eq!(masked(b"KENARI"), b"xxxxxx");
        let mut long = Vec::new();
        Answer { extensions: vec![1; 4], ..Answer::default() }.emit(&mut long);
        long.extend(b"KENARI");
        assert!(masked(&long).ends_with(b"\x01xxxxxx"), "behind the last item");
    }
}
