//! Query parameters: each is parsed by its own rule, and each fault names the parameter and its valid values.

use axum::extract::Query;
use axum::http::{StatusCode, Uri};
use drivers::text::Text;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

use super::problem::Problem;
use crate::finding::Finding;
use crate::nearest::nearest;

/// A known parameter of a route: its name, and its valid values.
pub(super) struct Known {
    pub name: &'static str,
    pub rule: Text,
    /// It may be repeated, which is the same as one list with commas.
    pub repeats: bool,
}

/// The given parameters, each at most once.
pub(super) struct Parameters {
    known: &'static [Known],
    given: Vec<(String, String)>,
}

impl Parameters {
    /// Parses the query.
    ///
    /// # Errors
    /// A parameter that the route does not know, or one that is given twice.
    pub fn of(uri: &Uri, known: &'static [Known]) -> Result<Parameters, Problem> {
        let names = || known.iter().map(|one| one.name).collect::<Vec<_>>().join(", ");
        let Ok(Query(given)) = Query::<Vec<(String, String)>>::try_from_uri(uri) else {
            let words = Text::new(
                format!("Parameter tidak dapat dibaca. Yang ada: {}.", names()),
                format!("The parameters cannot be read. There are: {}.", names()),
            );
            return Err(refused("query", words));
        };
        for (at, (name, _)) in given.iter().enumerate() {
            let Some(one) = known.iter().find(|one| one.name == name) else {
                return Err(unknown(name, known, &names()));
            };
            if !one.repeats && given.iter().skip(at + 1).any(|(again, _)| again == name) {
                let words = Text::new(
                    format!("Parameter {name} ada dua kali. {}", one.rule.id),
                    format!("The parameter {name} stands twice. {}", one.rule.en),
                );
                return Err(refused(one.name, words));
            }
        }
        Ok(Parameters { known, given })
    }

    /// The text of a parameter, if given; a repeated parameter is joined with commas.
    fn text(&self, name: &str) -> Option<String> {
        let all = self.given.iter().filter(|(one, _)| one == name).map(|(_, text)| text.as_str());
        let all: Vec<&str> = all.collect();
        (!all.is_empty()).then(|| all.join(","))
    }

    /// A parameter parsed by `read`.
    ///
    /// # Errors
    /// If `read` returns nothing: the valid values.
    pub fn read<T>(
        &self,
        name: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        read(&text).map(Some).ok_or_else(|| self.wrong(name))
    }

    /// The fault of a parameter with an invalid value.
    pub fn wrong(&self, name: &str) -> Problem {
        let known = self.known.iter().find(|one| one.name == name);
        let (name, rule) =
            known.map_or(("query", Text::fixed("", "")), |one| (one.name, one.rule.clone()));
        refused(name, rule)
    }
}

fn unknown(name: &str, known: &'static [Known], names: &str) -> Problem {
    let near = nearest(name, known.iter().map(|one| one.name));
    let (id, en) = near.map_or_else(Default::default, |near| {
        (format!(" Yang paling mirip: {near}."), format!(" The nearest is {near}."))
    });
    let words = Text::new(
        format!("Parameter ini tidak dikenal.{id} Yang ada: {names}."),
        format!("This parameter is not known.{en} There are: {names}."),
    );
    // The typed name may be anything, so it is repeated only if it looks like a parameter.
    let is_word = name.len() <= 30 && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    refused(if is_word && !name.is_empty() { name } else { "query" }, words)
}

fn refused(name: &str, words: Text) -> Problem {
    Problem::of(StatusCode::BAD_REQUEST, Finding::at(name, "E_QUERY", words))
}

/// A whole number in digits: no sign, no blanks.
pub(super) fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// A day as `YYYY-MM-DD`; the other forms that jiff accepts are refused.
pub(super) fn day(text: &str) -> Option<Date> {
    let is_plain = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    is_plain.then(|| text.parse().ok()).flatten()
}

/// A moment: RFC 3339, or a day of the office, which means its beginning.
pub(super) fn moment(text: &str, offset: Offset) -> Option<Timestamp> {
    match day(text) {
        Some(date) => Some(begin(date, offset)),
        None => instant(text),
    }
}

/// The end of a period, exclusive: RFC 3339, or a day of the office, which is included completely.
pub(super) fn end(text: &str, offset: Offset) -> Option<Timestamp> {
    match day(text) {
        Some(date) => Some(date.tomorrow().map_or(Timestamp::MAX, |next| begin(next, offset))),
        None => instant(text),
    }
}

/// A date beyond the timestamps' range becomes the range's end.
fn begin(date: Date, offset: Offset) -> Timestamp {
    let end = if date.year() > 0 { Timestamp::MAX } else { Timestamp::MIN };
    offset.to_timestamp(date.at(0, 0, 0, 0)).unwrap_or(end)
}

/// RFC 3339; the other forms that jiff accepts are refused.
fn instant(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let is_strict = bytes.len() >= 20
        && bytes.len() <= 40
        && matches!(bytes.get(10), Some(b'T' | b't'))
        && !text.contains('[');
    is_strict.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_the_offices_and_moments_are_rfc_3339() {
        let west = Offset::constant(7);
        let at = |text: &str| text.parse::<Timestamp>().ok();
        assert_eq!(moment("2026-03-02", west), at("2026-03-01T17:00:00Z"));
        assert_eq!(end("2026-03-02", west), at("2026-03-02T17:00:00Z"));
        assert_eq!(moment("2026-03-02T09:00:00+07:00", west), at("2026-03-02T02:00:00Z"));
        for wrong in ["", "2026-3-2", "20260302", "2026-02-30", "2026-03-02 09:00:00Z", "yesterday"]
        {
            assert_eq!(moment(wrong, west), None, "{wrong}");
        }
    }

    #[test]
    fn a_number_has_digits_only() {
        assert_eq!(number::<u32>("50"), Some(50));
        for wrong in ["+5", "-1", "5.0", " 5", "4294967296"] {
            assert_eq!(number::<u32>(wrong), None, "{wrong}");
        }
    }
}
