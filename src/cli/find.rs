//! Finds the job that a person means: by its id, by the beginning or end of the id, or by its `ref`. It never guesses:
//! if two jobs match, both are listed and the request is refused.

use drivers::text::Text;
use serde_json::Value;

use super::client::{Client, own};

/// A shorter part of an id is too ambiguous.
const PART_MIN: usize = 4;
/// Length of a whole id.
const WHOLE: usize = 36;
/// Most jobs that are listed when several match.
const LISTED: usize = 10;

/// No job matches, or more than one.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unclear(String);

/// The id of the job that a person means.
///
/// # Errors
/// [`Unclear`], or the station's error.
pub(super) fn job(client: &Client, typed: &str) -> anyhow::Result<String> {
    let part = typed.to_ascii_lowercase();
    let is_part = part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b'-'));
    if is_part && part.len() == WHOLE {
        return Ok(part);
    }
    let mut found = Vec::new();
    if is_part && (PART_MIN..WHOLE).contains(&part.len()) {
        found.extend(ask(client, "id", &part)?);
    }
    let is_reference = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b"/-".contains(&b);
    if !typed.is_empty() && typed.len() <= 40 && typed.bytes().all(is_reference) {
        found.extend(ask(client, "ref", typed)?);
    }
    let id = |job: &Value| job["id"].as_str().unwrap_or_default().to_owned();
    found.sort_by_key(id);
    found.dedup_by_key(|job| id(job));
    match found.as_slice() {
        [one] => Ok(id(one)),
        [] => Err(Unclear(own(&NONE).to_owned()).into()),
        several => Err(Unclear(listed(several)).into()),
    }
}

fn ask(client: &Client, parameter: &str, value: &str) -> anyhow::Result<Vec<Value>> {
    let path = format!("/v1/jobs?order=newest&limit={}&{parameter}={}", LISTED + 1, encode(value));
    let mut page = client.get(&path, "/jobs")?;
    Ok(page["jobs"].as_array_mut().map(std::mem::take).unwrap_or_default())
}

fn listed(several: &[Value]) -> String {
    let mut lines = own(&SEVERAL).to_owned();
    for job in several.iter().take(LISTED) {
        let text = |key: &str| job[key].as_str().unwrap_or("");
        lines += &format!("\n  {}  {:<10}  {}", text("id"), text("state"), text("ref"));
    }
    if several.len() > LISTED {
        lines += "\n  …";
    }
    lines
}

/// Percent-encodes text for a query: everything but letters, digits and `-._~`.
pub(super) fn encode(text: &str) -> String {
    let each = text.bytes().map(|byte| match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    });
    each.collect()
}

const NONE: Text = Text::fixed(
    "tidak ada pekerjaan itu; tulis id, sedikitnya 4 karakter awal atau akhirnya, atau nomor permohonannya (kartud jobs)",
    "there is no such job; give its id, at least 4 characters of its beginning or its end, or its ref (kartud jobs)",
);
const SEVERAL: Text = Text::fixed(
    "lebih dari satu pekerjaan cocok; tulis id yang lebih lengkap (akhirnya paling membedakan):",
    "more than one job fits; give more of the id (its end tells jobs apart best):",
);

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn what_was_typed_stays_one_value() {
        assert_eq!(encode("2026-03-01T08:00:00+07:00"), "2026-03-01T08%3A00%3A00%2B07%3A00");
        assert_eq!(encode("A/1&limit=1"), "A%2F1%26limit%3D1");
    }
}
