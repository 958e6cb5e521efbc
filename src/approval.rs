//! The recommendation (*rekomendasi Kasi*, DOMAIN 7.2): is there one, does it approve, is it still valid, and which
//! warnings does it accept. Pure; must not know products or storage.
//!
//! `product::recommendation` checks what a product demands beyond that. Not checked yet: the signature (`tanda`) and
//! the binding to the data (`hash_data`, whose canonical bytes no upstream has specified). Until they are, a
//! recommendation proves nothing, and the daemon listens on loopback only.

use drivers::text::Text;
use jiff::{SignedDuration, Timestamp};

use crate::finding::Finding;
use crate::job::Recommendation;
use crate::product::{codes, is_unseen};

/// How long a recommendation without `kadaluarsa` is valid (DOMAIN 7.2: default 7 days).
pub const GOOD_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Two clocks that are kept may differ by this much. A decision that lies further ahead would pass, once its time has come,
/// for one that was made after a restore or a retirement that it came before.
const AHEAD_MAX: SignedDuration = SignedDuration::from_mins(10);
/// More codes, documents and officers' entries than any recommendation has.
const ENTRIES_MAX: usize = 64;
/// Longest text in a recommendation, bytes; a signature is the longest.
const TEXT_BYTES_MAX: usize = 1024;

/// What is wrong with the recommendation of a job at `now`; empty if it may be printed.
pub fn check(recommendation: Option<&Recommendation>, now: Timestamp) -> Vec<Finding> {
    let Some(recommendation) = recommendation else {
        return vec![codes::E_RECOMMENDATION_REQUIRED.at("recommendation", &[])];
    };
    let mut findings = Vec::new();
    if is_oversized(recommendation) {
        let label = Text::fixed("rekomendasi", "the recommendation");
        let limit = Text::new(format!("0-{TEXT_BYTES_MAX}"), format!("0-{TEXT_BYTES_MAX}"));
        findings.push(
            codes::E_LENGTH.at("recommendation", &[("{label}", &label), ("{limit}", &limit)]),
        );
        return findings;
    }
    if texts(recommendation).any(|text| text.chars().any(is_unseen)) {
        findings.push(unseen());
        return findings;
    }
    let is_plain = |c: char| c.is_ascii_graphic() || c.is_whitespace();
    if recommendation.nomor.as_ref().is_some_and(|number| !number.chars().all(is_plain)) {
        findings.push(not_plain());
    }
    if recommendation.keputusan != "SETUJU" {
        findings.push(codes::E_RECOMMENDATION_REFUSED.at("recommendation.keputusan", &[]));
    }
    let mut read = |text: &Option<String>, place: &str| {
        let time = text.as_ref().map(|text| text.parse::<Timestamp>());
        if matches!(time, Some(Err(_))) {
            findings.push(not_a_time(place));
        }
        time
    };
    let decided = read(&recommendation.pada, "recommendation.pada");
    let is_ahead = matches!(&decided, Some(Ok(decided)) if decided.duration_since(now) > AHEAD_MAX);
    let ends = match read(&recommendation.kadaluarsa, "recommendation.kadaluarsa") {
        Some(ends) => ends.ok(),
        None => decided.and_then(Result::ok).and_then(|decided| decided.checked_add(GOOD_FOR).ok()),
    };
    if ends.is_some_and(|ends| ends < now) {
        findings.push(codes::E_RECOMMENDATION_EXPIRED.at("recommendation.kadaluarsa", &[]));
    }
    if is_ahead {
        findings.push(codes::E_RECOMMENDATION_AHEAD.at("recommendation.pada", &[]));
    }
    findings
}

/// The approval's number, which identifies it; `None`: it has none, and only its job's `ref` identifies it. Blanks and
/// case do not distinguish numbers.
pub fn number(recommendation: Option<&Recommendation>) -> Option<String> {
    let written = recommendation?.nomor.as_deref()?;
    let number: String =
        written.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_uppercase).collect();
    (!number.is_empty()).then_some(number)
}

/// When it was decided (`pada`); `None`: not given.
pub fn decided_at(recommendation: Option<&Recommendation>) -> Option<Timestamp> {
    recommendation?.pada.as_ref()?.parse().ok()
}

/// When it ends: `kadaluarsa`, else seven days after `pada`; `None`: neither is given. An unreadable time counts as not
/// given; `check` refuses it.
pub fn ends(recommendation: &Recommendation) -> Option<Timestamp> {
    let said = recommendation.kadaluarsa.as_ref().and_then(|text| text.parse().ok());
    said.or_else(|| decided_at(Some(recommendation)).map(after))
}

fn after(start: Timestamp) -> Timestamp {
    start.checked_add(GOOD_FOR).unwrap_or(start)
}

/// Has an approval, which `ends` then, expired while its job waited to be printed? If it has no end, seven days count
/// from the job's receipt. The job is held and not ended, because a clock that jumped ahead looks the same.
pub fn expired(ends: Option<Timestamp>, received: Timestamp, now: Timestamp) -> Option<Finding> {
    let expired = ends.unwrap_or_else(|| after(received)) < now;
    expired.then(|| codes::H_RECOMMENDATION_EXPIRED.at("recommendation.kadaluarsa", &[]))
}

fn unseen() -> Finding {
    let label = Text::fixed("Setiap teks rekomendasi", "Every text of the recommendation");
    let expected = Text::fixed(
        "teks tanpa karakter kendali, karakter tak terlihat atau karakter pengganti (U+FFFD)",
        "a text without control, invisible or replacement characters (U+FFFD)",
    );
    codes::E_FORMAT.at("recommendation", &[("{label}", &label), ("{expected}", &expected)])
}

/// A dash of a word processor, a letter of another script or a wide digit looks like the same number and is another one:
/// by it an approval could be used twice.
fn not_plain() -> Finding {
    let label = Text::fixed("Nomor rekomendasi", "The number of the recommendation");
    let expected = Text::fixed(
        "huruf, angka dan tanda ASCII (tanda hubung dan garis miring biasa), misalnya 470/1/KIA/2026",
        "letters, digits and signs of ASCII (plain hyphen and slash), as in 470/1/KIA/2026",
    );
    let filling = [("{label}", &label), ("{expected}", &expected)];
    codes::E_FORMAT.at("recommendation.nomor", &filling)
}

fn not_a_time(place: &str) -> Finding {
    let label = Text::fixed("Waktu rekomendasi", "The time of the recommendation");
    let expected = Text::fixed(
        "waktu RFC 3339, 2026-03-02T09:00:00+07:00",
        "an RFC 3339 time, 2026-03-02T09:00:00+07:00",
    );
    codes::E_FORMAT.at(place, &[("{label}", &label), ("{expected}", &expected)])
}

/// Every text in it that somebody wrote.
fn texts(recommendation: &Recommendation) -> impl Iterator<Item = &String> {
    let officer = recommendation.oleh.iter().flatten();
    let optional = [
        &recommendation.nomor,
        &recommendation.pada,
        &recommendation.kadaluarsa,
        &recommendation.hash_data,
        &recommendation.tanda,
    ];
    optional
        .into_iter()
        .flatten()
        .chain([&recommendation.keputusan])
        .chain(&recommendation.peringatan_disetujui)
        .chain(recommendation.daftar_periksa.keys())
        .chain(officer.flat_map(|(key, value)| [key, value]))
}

fn is_oversized(recommendation: &Recommendation) -> bool {
    let entries = recommendation.peringatan_disetujui.len()
        + recommendation.daftar_periksa.len()
        + recommendation.oleh.as_ref().map_or(0, std::collections::BTreeMap::len);
    let too_long = |text: &String| text.len() > TEXT_BYTES_MAX;
    entries > ENTRIES_MAX || texts(recommendation).any(too_long)
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{check, ends, expired, number};
    use crate::job::Recommendation;
    use jiff::Timestamp;
    use serde_json::json;

    /// The codes that the tests below cover, for the list of all codes.
    pub(crate) const REACHED: [&str; 5] = [
        "E_RECOMMENDATION_REQUIRED",
        "E_RECOMMENDATION_REFUSED",
        "E_RECOMMENDATION_EXPIRED",
        "E_RECOMMENDATION_AHEAD",
        "H_RECOMMENDATION_EXPIRED",
    ];

    fn recommendation(changes: serde_json::Value) -> Recommendation {
        let mut whole = json!({"keputusan": "SETUJU", "pada": "2026-03-02T09:00:00+07:00"});
        whole.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        serde_json::from_value(whole).unwrap()
    }

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn codes(changes: serde_json::Value, now: &str) -> Vec<String> {
        check(Some(&recommendation(changes)), time(now))
            .into_iter()
            .map(|finding| finding.code)
            .collect()
    }

    const NOON: &str = "2026-03-02T12:00:00+07:00";

    #[test]
    fn no_recommendation_no_card() {
        assert_eq!(check(None, time(NOON))[0].code, "E_RECOMMENDATION_REQUIRED");
        assert!(check(Some(&recommendation(json!({}))), time(NOON)).is_empty());
    }

    #[test]
    fn anything_but_setuju_is_a_no() {
        for no in ["TOLAK", "setuju", "", "SETUJU "] {
            assert_eq!(
                codes(json!({"keputusan": no}), NOON),
                ["E_RECOMMENDATION_REFUSED"],
                "{no:?}"
            );
        }
    }

    #[test]
    fn a_number_that_only_looks_like_another_is_refused() {
        assert!(codes(json!({"nomor": "470/1-2/KIA/2026 "}), NOON).is_empty());
        let alike = ["470/1\u{2013}2/KIA/2026", "\u{ff14}70/1", "470\u{2215}1", "470/1/KI\u{410}"];
        for number in alike {
            assert_eq!(codes(json!({ "nomor": number }), NOON), ["E_FORMAT"], "{number}");
        }
    }

    /// Local time that is written as UTC is seven hours ahead.
    #[test]
    fn what_was_decided_tomorrow_is_not_decided() {
        let decided = |at: &str| codes(json!({ "pada": at }), "2026-03-02T09:00:00+07:00");
        assert!(decided("2026-03-02T09:10:00+07:00").is_empty());
        assert_eq!(decided("2026-03-02T09:10:01+07:00"), ["E_RECOMMENDATION_AHEAD"]);
        assert_eq!(decided("2026-03-02T09:00:00Z"), ["E_RECOMMENDATION_AHEAD"]);
    }

    #[test]
    fn it_expires_at_its_own_time_or_after_seven_days() {
        let until_noon = json!({"kadaluarsa": NOON});
        assert!(codes(until_noon.clone(), NOON).is_empty());
        assert_eq!(codes(until_noon, "2026-03-02T12:00:01+07:00"), ["E_RECOMMENDATION_EXPIRED"]);
        assert!(codes(json!({}), "2026-03-09T09:00:00+07:00").is_empty());
        assert_eq!(codes(json!({}), "2026-03-09T09:00:01+07:00"), ["E_RECOMMENDATION_EXPIRED"]);
    }

    #[test]
    fn without_any_time_seven_days_count_from_receipt() {
        assert_eq!(ends(&recommendation(json!({"pada": null}))), None);
        let on = |now: &str| expired(None, time(NOON), time(now));
        assert_eq!(on("2026-03-09T12:00:00+07:00"), None);
        assert!(on("2026-03-09T12:00:01+07:00").is_some());
        let dated = ends(&recommendation(json!({})));
        assert_eq!(dated, Some(time("2026-03-09T09:00:00+07:00")));
    }

    #[test]
    fn times_that_cannot_be_read_are_refused_together() {
        let bad = json!({"pada": "kemarin", "kadaluarsa": "2026-03-02", "keputusan": "TOLAK"});
        assert_eq!(codes(bad, NOON), ["E_RECOMMENDATION_REFUSED", "E_FORMAT", "E_FORMAT"]);
    }

    #[test]
    fn one_number_is_one_approval_however_it_is_written() {
        let number = |nomor: &str| number(Some(&recommendation(json!({ "nomor": nomor }))));
        assert_eq!(number("470/1-a"), number(" 470/ 1-A "));
        assert_ne!(number("470/1"), number("470/11"));
        assert_eq!(number(" "), None);
    }

    #[test]
    fn it_does_not_grow_without_limit() {
        assert_eq!(codes(json!({"tanda": "a".repeat(1025)}), NOON), ["E_LENGTH"]);
        assert_eq!(codes(json!({"peringatan_disetujui": vec!["W"; 65]}), NOON), ["E_LENGTH"]);
    }

    #[test]
    fn one_that_expires_while_the_job_waits_holds_it() {
        let until_noon = recommendation(json!({"kadaluarsa": NOON}));
        let until = ends(&until_noon);
        assert_eq!(expired(until, time(NOON), time(NOON)), None);
        let later = expired(until, time(NOON), time("2026-03-02T12:00:01+07:00"));
        assert_eq!(later.unwrap().code, "H_RECOMMENDATION_EXPIRED");
    }
}
