//! The recommendation (*rekomendasi Kasi*, DOMAIN 7.2): is it there, does it say yes, is it still good, and which
//! warnings does it accept. Pure; must not know products or storage.
//!
//! Not here yet: the signature (`tanda`), the binding to the data (`hash_data`) and the use once only. Until they
//! are, a recommendation proves nothing, and the daemon listens on loopback only.

use drivers::words::Words;
use jiff::{SignedDuration, Timestamp};

use crate::finding::{Finding, Severity};
use crate::job::Recommendation;
use crate::product::codes;

/// How long a recommendation without `kadaluarsa` is good (DOMAIN 7.2: default 7 days).
const GOOD_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A recommendation names fewer codes, papers and officers' data than this.
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
        let label = Words::fixed("rekomendasi", "the recommendation");
        let limit = Words::new(format!("0-{TEXT_BYTES_MAX}"), format!("0-{TEXT_BYTES_MAX}"));
        findings.push(
            codes::E_LENGTH.at("recommendation", &[("{label}", &label), ("{limit}", &limit)]),
        );
        return findings;
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
    let ends = match read(&recommendation.kadaluarsa, "recommendation.kadaluarsa") {
        Some(ends) => ends.ok(),
        None => decided.and_then(Result::ok).and_then(|decided| decided.checked_add(GOOD_FOR).ok()),
    };
    if ends.is_some_and(|ends| ends < now) {
        findings.push(codes::E_RECOMMENDATION_EXPIRED.at("recommendation.kadaluarsa", &[]));
    }
    findings
}

/// Until when a recommendation is good that was received at `received`: `kadaluarsa`, else seven days after `pada`,
/// else seven days after it was received. A time that cannot be read counts as not given; `check` refuses it.
pub fn good_until(recommendation: &Recommendation, received: Timestamp) -> Timestamp {
    let read =
        |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<Timestamp>().ok());
    let after = |start: Timestamp| start.checked_add(GOOD_FOR).unwrap_or(start);
    read(&recommendation.kadaluarsa)
        .unwrap_or_else(|| after(read(&recommendation.pada).unwrap_or(received)))
}

/// The warnings that the section head has not accepted; they hold the job (DOMAIN 3.1).
pub fn unacknowledged<'f>(
    recommendation: &Recommendation,
    findings: &'f [Finding],
) -> Vec<&'f Finding> {
    let accepted = |finding: &Finding| recommendation.peringatan_disetujui.contains(&finding.code);
    findings
        .iter()
        .filter(|finding| finding.severity() == Severity::Warning && !accepted(finding))
        .collect()
}

fn not_a_time(place: &str) -> Finding {
    let label = Words::fixed("Waktu rekomendasi", "The time of the recommendation");
    let expected = Words::fixed(
        "waktu RFC 3339, 2026-03-02T09:00:00+07:00",
        "an RFC 3339 time, 2026-03-02T09:00:00+07:00",
    );
    codes::E_FORMAT.at(place, &[("{label}", &label), ("{expected}", &expected)])
}

fn is_oversized(recommendation: &Recommendation) -> bool {
    let officer = recommendation.oleh.iter().flatten();
    let optional = [
        &recommendation.nomor,
        &recommendation.pada,
        &recommendation.kadaluarsa,
        &recommendation.hash_data,
        &recommendation.tanda,
    ];
    let entries = recommendation.peringatan_disetujui.len()
        + recommendation.daftar_periksa.len()
        + recommendation.oleh.as_ref().map_or(0, std::collections::BTreeMap::len);
    let mut texts = optional
        .into_iter()
        .flatten()
        .chain([&recommendation.keputusan])
        .chain(&recommendation.peringatan_disetujui)
        .chain(recommendation.daftar_periksa.keys())
        .chain(officer.flat_map(|(key, value)| [key, value]));
    entries > ENTRIES_MAX || texts.any(|text| text.len() > TEXT_BYTES_MAX)
}
