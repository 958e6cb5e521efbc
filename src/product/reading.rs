//! Checks one field of a job against its own shape: type, length, characters. Must not know other fields
//! (`between.rs`), the office or the clock.

use drivers::text::Text;
use jiff::civil::Date;
use serde_json::Value;

use super::charset::{CharSet, has_stacked_marks, is_foreign, is_odd_blank, is_unseen};
use super::definition::listed;
use super::indonesia::{self, Nik, NikFault};
use super::{Code, Field, Shape, age, codes};
use crate::finding::Finding;

/// The result of reading a field.
#[derive(Clone, Copy, PartialEq)]
pub enum Reading<'a> {
    /// Absent, or empty, and without a default.
    Absent,
    /// It has an error, and gets no further findings.
    Unusable,
    /// As sent, or the default.
    Text(&'a str),
    /// A date that exists.
    Date(Date),
    /// A flag.
    Flag(bool),
}

impl<'a> Reading<'a> {
    /// The text, if it is one.
    pub fn text(self) -> Option<&'a str> {
        if let Reading::Text(text) = self { Some(text) } else { None }
    }

    /// The date, if it is one.
    pub fn date(self) -> Option<Date> {
        if let Reading::Date(date) = self { Some(date) } else { None }
    }
}

/// Reads one field, and adds its faults to `found`.
pub fn read<'a>(
    field: &'a Field,
    sent: Option<&'a Value>,
    found: &mut Vec<Finding>,
) -> Reading<'a> {
    let text = match (sent, &field.shape) {
        (None, _) => "",
        (Some(Value::Bool(flag)), Shape::Flag) => return Reading::Flag(*flag),
        (Some(_), Shape::Flag) => return refuse(field, found, malformed(field, &A_FLAG)),
        (Some(Value::String(text)), _) => text.as_str(),
        (Some(_), _) => return refuse(field, found, malformed(field, &A_TEXT)),
    };
    let text = match (text, &field.default) {
        ("", Some(default)) if sent.is_none() => default.as_str(),
        _ => text,
    };
    if text.is_empty() {
        if field.required {
            return refuse(
                field,
                found,
                (&codes::E_REQUIRED, vec![("{label}", field.label.clone())]),
            );
        }
        return Reading::Absent;
    }
    match read_text(field, text, found) {
        Ok(reading) => reading,
        Err(fault) => refuse(field, found, fault),
    }
}

/// Why a field is unusable: the code, and the texts for its sentence.
type Fault = (&'static Code, Vec<(&'static str, Text)>);

fn refuse<'a>(field: &Field, found: &mut Vec<Finding>, (code, filling): Fault) -> Reading<'a> {
    say(field, code, &filling, found);
    Reading::Unusable
}

fn say(field: &Field, code: &Code, filling: &[(&'static str, Text)], found: &mut Vec<Finding>) {
    let filling: Vec<_> = filling.iter().map(|(brace, words)| (*brace, words)).collect();
    found.push(code.at(place(field), &filling));
}

/// The place of a finding about this field.
pub fn place(field: &Field) -> String {
    format!("fields.{}", field.name)
}

fn read_text<'a>(
    field: &Field,
    text: &'a str,
    found: &mut Vec<Finding>,
) -> Result<Reading<'a>, Fault> {
    as_typed(field, text)?;
    match &field.shape {
        Shape::Text { min, max, hold_above, chars } => {
            written_with(field, text, chars)?;
            read_free(field, text, (*min, *max), found)?;
            hold_if_longer(field, text, *hold_above, &codes::H_TEXT_LONG, found);
        }
        Shape::Digits { min, max, .. } => {
            if !text.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(malformed(field, &ONLY_DIGITS));
            }
            within(field, text, *min, *max)?;
        }
        Shape::Date { .. } | Shape::ValidUntil => {
            let date = age::read_date(text).map(Reading::Date);
            return date.ok_or_else(|| malformed(field, &A_DATE));
        }
        Shape::Choice { values, also } => {
            if !values.iter().chain(also).any(|value| value == text) {
                let expected = listed(values.iter().map(String::as_str));
                return Err((
                    &codes::E_ENUM,
                    vec![("{label}", field.label.clone()), ("{expected}", expected)],
                ));
            }
        }
        Shape::Nik { provinces, .. } => check_nik(field, text, *provinces, found)?,
        Shape::NoKk => check_no_kk(field, text, found)?,
        Shape::NoAkta { max, chars, .. } => {
            within(field, text, 1, *max)?;
            written_with(field, text, chars)?;
        }
        Shape::PersonName { hold_above, max } => {
            within(field, text, 1, *max)?;
            hold_if_longer(field, text, Some(*hold_above), &codes::H_NAME_LONG, found);
            check_name(field, text, found);
        }
        Shape::District { max } => read_free(field, text, (1, *max), found)?,
        Shape::Tte { max, .. } => within(field, text, 1, *max)?,
        Shape::Official | Shape::Kind | Shape::Flag => {}
    }
    Ok(Reading::Text(text))
}

/// Refuses anything that a clerk cannot see; nothing is trimmed silently.
fn as_typed(field: &Field, text: &str) -> Result<(), Fault> {
    if text.chars().any(is_unseen) {
        return Err(malformed(field, &VISIBLE));
    }
    if matches!(field.shape, Shape::Tte { .. }) {
        // It is for machines, so it is printed byte for byte, blanks included.
        let only_blanks = text.chars().all(char::is_whitespace);
        return if only_blanks { Err(malformed(field, &MORE_THAN_BLANKS)) } else { Ok(()) };
    }
    if text.chars().any(is_odd_blank) {
        return Err(malformed(field, &PLAIN_BLANKS));
    }
    if has_stacked_marks(text) {
        return Err(malformed(field, &PLAIN_LETTERS));
    }
    if text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) {
        return Err(malformed(field, &NO_OUTER_BLANKS));
    }
    Ok(())
}

fn written_with(field: &Field, text: &str, chars: &CharSet) -> Result<(), Fault> {
    if chars.allows(text) { Ok(()) } else { Err(malformed(field, &ALLOWED_CHARACTERS)) }
}

fn check_nik(
    field: &Field,
    text: &str,
    provinces: u128,
    found: &mut Vec<Finding>,
) -> Result<(), Fault> {
    let nik = Nik::read(text).map_err(|fault| match fault {
        NikFault::Length => (&codes::E_NIK_LEN, Vec::new()),
        NikFault::Date => (&codes::E_NIK_DATE, Vec::new()),
        NikFault::Serial => (&codes::E_NIK_SERIAL, Vec::new()),
    })?;
    if provinces & (1 << nik.province) == 0 || !nik.regency_exists() {
        say(field, &codes::W_NIK_AREA, &[], found);
    }
    Ok(())
}

fn check_no_kk(field: &Field, text: &str, found: &mut Vec<Finding>) -> Result<(), Fault> {
    if !indonesia::is_number(text) {
        return Err((&codes::E_KK_LEN, Vec::new()));
    }
    if !indonesia::kk_date_exists(text) {
        say(field, &codes::W_KK_DATE, &[], found);
    }
    Ok(())
}

fn check_name(field: &Field, text: &str, found: &mut Vec<Finding>) {
    let look = indonesia::check_name(text);
    let seen = [
        (look.one_word, &codes::W_NAME_ONE_WORD),
        (look.punctuation, &codes::W_NAME_PUNCTUATION),
        (look.digits, &codes::H_NAME_DIGITS),
        (look.other, &codes::H_NAME_CHARACTER),
    ];
    for (_, code) in seen.into_iter().filter(|(is_so, _)| *is_so) {
        say(field, code, &[("{label}", field.label.clone())], found);
    }
}

fn within(field: &Field, text: &str, min: usize, max: usize) -> Result<(), Fault> {
    // A text of at most `max` bytes has at most `max` characters, so only longer ones need counting.
    let length = if text.len() <= max && min <= 1 { text.len() } else { text.chars().count() };
    if (min..=max).contains(&length) {
        return Ok(());
    }
    let limit = listed([format!("{min}-{max}").as_str()]);
    Err((&codes::E_LENGTH, vec![("{label}", field.label.clone()), ("{limit}", limit)]))
}

fn read_free(
    field: &Field,
    text: &str,
    (min, max): (usize, usize),
    found: &mut Vec<Finding>,
) -> Result<(), Fault> {
    within(field, text, min, max)?;
    if is_foreign(text) {
        say(field, &codes::H_FOREIGN_LETTER, &[("{label}", field.label.clone())], found);
    }
    Ok(())
}

fn hold_if_longer(
    field: &Field,
    text: &str,
    above: Option<usize>,
    code: &Code,
    found: &mut Vec<Finding>,
) {
    let Some(above) = above.filter(|above| text.chars().nth(*above).is_some()) else { return };
    say(
        field,
        code,
        &[("{label}", field.label.clone()), ("{limit}", listed([above.to_string().as_str()]))],
        found,
    );
}

fn malformed(field: &Field, expected: &Text) -> Fault {
    (&codes::E_FORMAT, vec![("{label}", field.label.clone()), ("{expected}", expected.clone())])
}

const A_TEXT: Text = Text::fixed("teks dalam tanda kutip", "a text in quotation marks");
const A_FLAG: Text = Text::fixed("true atau false", "true or false");
const A_DATE: Text = Text::fixed("tanggal yang ada, YYYY-MM-DD", "a date that exists, YYYY-MM-DD");
const ONLY_DIGITS: Text = Text::fixed("angka saja", "digits only");
const VISIBLE: Text = Text::fixed(
    "teks tanpa karakter kendali, karakter tak terlihat atau karakter pengganti (U+FFFD)",
    "a text without control, invisible or replacement characters (U+FFFD)",
);
const PLAIN_BLANKS: Text = Text::fixed(
    "teks dengan spasi biasa saja (bukan spasi tak terputus)",
    "a text with plain blanks only (no no-break spaces)",
);
const PLAIN_LETTERS: Text = Text::fixed(
    "teks tanpa tanda yang bertumpuk di atas huruf",
    "a text without marks stacked upon a letter",
);
const MORE_THAN_BLANKS: Text = Text::fixed("isi yang bukan hanya spasi", "more than blanks");
const NO_OUTER_BLANKS: Text = Text::fixed(
    "teks tanpa spasi di awal dan akhir",
    "a text without blanks at its beginning and end",
);
const ALLOWED_CHARACTERS: Text = Text::fixed(
    "teks dengan huruf dan tanda yang diizinkan saja",
    "a text of allowed letters and signs only",
);
