//! The numbers and names of Indonesian civil registration as pure functions: NIK, family card number, birth
//! certificate number, personal name (DOMAIN 3.1-3.3; names: Permendagri 73/2022). Must not know jobs or fields.

use super::charset::is_latin_letter;
use jiff::civil::Date;

/// Digits of a NIK and of a family card number.
pub const NUMBER_DIGITS: usize = 16;

/// A woman's day of birth is increased by this in the NIK.
const FEMALE_DAY_OFFSET: u32 = 40;

/// The content of a well-formed NIK `PPKKCC DDMMYY SSSS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nik {
    /// Two digits of the province.
    pub province: u32,
    /// Two digits of the regency (01-69) or city (71-99).
    pub regency: u32,
    /// Day of birth, without a woman's additional 40.
    pub day: u32,
    /// Month of birth.
    pub month: u32,
    /// Two digits of the year of birth; the century is not in the number.
    pub year: u32,
    /// Does the day include the 40?
    pub female: bool,
}

/// Why a text cannot be a NIK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NikFault {
    /// Not exactly 16 digits.
    Length,
    /// Day, month and year are not a date.
    Date,
    /// Serial 0000.
    Serial,
}

impl Nik {
    /// Parses a NIK. There is no check digit (DOMAIN 3.1).
    ///
    /// # Errors
    /// What makes it unusable; the first of length, date and serial.
    pub fn read(text: &str) -> Result<Self, NikFault> {
        if !is_number(text) {
            return Err(NikFault::Length);
        }
        let day = digits(text, 6, 2);
        let female = day > FEMALE_DAY_OFFSET;
        let day = if female { day - FEMALE_DAY_OFFSET } else { day };
        let nik = Nik {
            province: digits(text, 0, 2),
            regency: digits(text, 2, 2),
            day,
            month: digits(text, 8, 2),
            year: digits(text, 10, 2),
            female,
        };
        if date_of(nik.day, nik.month, 2000 + nik.year).is_none() {
            return Err(NikFault::Date);
        }
        if digits(text, 12, 4) == 0 {
            return Err(NikFault::Serial);
        }
        Ok(nik)
    }

    /// Is the regency number possible: 01-69 regency, 71-99 city?
    pub fn regency_exists(&self) -> bool {
        matches!(self.regency, 1..=69 | 71..=99)
    }

    /// Is the date in the number that of `born`, in any century?
    pub fn agrees_with(&self, born: Date) -> bool {
        let year = u32::from(born.year().unsigned_abs()) % 100;
        (self.day, self.month, self.year)
            == (u32::from(born.day().unsigned_abs()), u32::from(born.month().unsigned_abs()), year)
    }
}

/// Is `text` 16 ASCII digits, as NIK and family card number must be?
pub fn is_number(text: &str) -> bool {
    text.len() == NUMBER_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Does the date of recording in a family card number exist (`is_number` must be true)? No 40 is added here (DOMAIN
/// 3.2).
pub fn kk_date_exists(text: &str) -> bool {
    date_of(digits(text, 6, 2), digits(text, 8, 2), 2000 + digits(text, 10, 2)).is_some()
}

/// The date in the number of a birth certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AktaDate {
    /// An older, free form, which cannot be checked.
    Free,
    /// The modern form `PPKK-LU-DDMMYYYY-NNNN` (LT for late registration), with this date.
    On(Date),
    /// The modern form with a date that does not exist.
    Impossible,
}

/// The date inside the number of a birth certificate (DOMAIN 3.3).
pub fn akta_date(text: &str) -> AktaDate {
    let mut parts = text.split('-');
    let parts = (parts.next(), parts.next(), parts.next(), parts.next(), parts.next());
    let (Some(area), Some("LU" | "LT"), Some(date), Some(serial), None) = parts else {
        return AktaDate::Free;
    };
    let is =
        |part: &str, length| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
    if !(is(area, 4) && is(date, 8) && is(serial, 4)) {
        return AktaDate::Free;
    }
    date_of(digits(date, 0, 2), digits(date, 2, 2), digits(date, 4, 4))
        .map_or(AktaDate::Impossible, AktaDate::On)
}

/// Unusual features of a personal name. None of them makes a name wrong: old names stay valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NameCheck {
    /// Fewer than two words.
    pub one_word: bool,
    /// An apostrophe, full stop or hyphen.
    pub punctuation: bool,
    /// A digit.
    pub digits: bool,
    /// Anything that is neither Latin letter, blank, digit nor the punctuation above.
    pub other: bool,
}

/// Checks a name.
pub fn check_name(text: &str) -> NameCheck {
    let mut look =
        NameCheck { one_word: text.split_whitespace().nth(1).is_none(), ..NameCheck::default() };
    for character in text.chars() {
        match character {
            ' ' => {}
            '\'' | '\u{2019}' | '\u{2BC}' | '.' | '-' => look.punctuation = true,
            '0'..='9' => look.digits = true,
            _ if is_latin_letter(character) => {}
            _ => look.other = true,
        }
    }
    look
}

/// `length` digits of `text` from byte `from`; the callers have checked that they are digits.
fn digits(text: &str, from: usize, length: usize) -> u32 {
    text.bytes()
        .skip(from)
        .take(length)
        .fold(0, |sum, byte| sum * 10 + u32::from(byte.wrapping_sub(b'0')) % 10)
}

fn date_of(day: u32, month: u32, year: u32) -> Option<Date> {
    Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}
