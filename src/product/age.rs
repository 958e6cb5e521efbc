//! Birthdays, the kind of card that follows from the age, and how long the card is valid (DOMAIN 5). Pure dates: must
//! not know the clock or the job.

use drivers::text::Text;
use jiff::civil::Date;

/// Valid years of a date on a card; any other is a typing error, and within them additions of years stay representable.
pub const YEARS: std::ops::RangeInclusive<i16> = 1900..=2199;

/// One kind of a product by age: below an age, with or without photo.
#[derive(Debug, Clone, PartialEq)]
pub struct Kind {
    /// `A`, `B`: stored with the job, never printed.
    pub code: String,
    /// Its name, for people.
    pub label: Text,
    /// The kind ends with this birthday, in years.
    pub below_age: u8,
    /// Whether a photo is required (true) or ignored (false).
    pub photo: bool,
    /// The last day of the card.
    pub valid_until: ValidUntil,
    /// A card that is valid for at most this many days gets a warning.
    pub short_days: Option<u32>,
}

/// Which day is printed as the last one of the card's validity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValidUntil {
    /// The birthday that ends the kind.
    Birthday,
    /// The day before it.
    DayBefore,
    /// By the office's setting `masa_a`.
    OfficeWording,
}

/// An office's definition of the last day of kind A (DOMAIN 5: one office words it "5 less one day").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LastDayWording {
    /// `ulang_tahun`: until the fifth birthday.
    #[default]
    Birthday,
    /// `sehari_sebelum`: until the day before it.
    DayBefore,
}

impl Kind {
    /// The last day of a card of this kind; `None` only outside the calendar's range of years.
    pub fn last_day(&self, born: Date, wording: LastDayWording) -> Option<Date> {
        let birthday = birthday(born, self.below_age)?;
        let day_before = match self.valid_until {
            ValidUntil::Birthday => false,
            ValidUntil::DayBefore => true,
            ValidUntil::OfficeWording => wording == LastDayWording::DayBefore,
        };
        if day_before { birthday.yesterday().ok() } else { Some(birthday) }
    }
}

/// The kind for somebody born on `born` and a card issued `on` that day; `kinds` from the youngest to the oldest.
/// `None`: too old for any of them.
pub fn kind_on(kinds: &[Kind], born: Date, on: Date) -> Option<&Kind> {
    kinds.iter().find(|kind| birthday(born, kind.below_age).is_some_and(|end| on < end))
}

/// The `years`-th birthday. Somebody born on 29 February has it on 1 March in a common year.
pub fn birthday(born: Date, years: u8) -> Option<Date> {
    let year = born.year().checked_add(i16::from(years))?;
    match Date::new(year, born.month(), born.day()) {
        Ok(date) => Some(date),
        Err(_) if born.month() == 2 => Date::new(year, 3, 1).ok(),
        Err(_) => None,
    }
}

/// A date in data: `YYYY-MM-DD` and nothing else.
pub fn read_date(text: &str) -> Option<Date> {
    let [a, b, c, d, b'-', e, f, b'-', g, h] = *text.as_bytes() else { return None };
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0i16, |sum, digit| {
            digit.is_ascii_digit().then(|| sum * 10 + i16::from(digit - b'0'))
        })
    };
    let (year, month, day) = (number(&[a, b, c, d])?, number(&[e, f])?, number(&[g, h])?);
    if !YEARS.contains(&year) {
        return None;
    }
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// A date in print form: `DD-MM-YYYY` (DOMAIN 3.5).
pub fn print_date(date: Date) -> String {
    format!("{:02}-{:02}-{:04}", date.day(), date.month(), date.year())
}

/// Days from `from` to `to`, negative if `to` is earlier.
pub fn days_between(from: Date, to: Date) -> i64 {
    to.duration_since(from).as_hours() / 24
}
