//! Kind and last day for every birth date of five years, compared with a second, naive implementation: years, months
//! and days as plain numbers, no calendar library.

use jiff::civil::Date;

use super::{child, codes_of, issue_day, job, kia, office, office_offset, set};
use crate::product::Settings;

type Day = (i32, i32, i32);

fn is_leap(year: i32) -> bool {
    year % 4 == 0 && year % 100 != 0 || year % 400 == 0
}

fn month_days(year: i32, month: i32) -> i32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The day on which somebody has the n-th birthday.
fn naive_birthday((year, month, day): Day, n: i32) -> Day {
    if (month, day) == (2, 29) && !is_leap(year + n) {
        (year + n, 3, 1)
    } else {
        (year + n, month, day)
    }
}

fn naive_day_before((year, month, day): Day) -> Day {
    match (month, day) {
        (1, 1) => (year - 1, 12, 31),
        (_, 1) => (year, month - 1, month_days(year, month - 1)),
        _ => (year, month, day - 1),
    }
}

/// Kind and last day; `None`: 17 or older.
fn naive_kind(born: Day, issued: Day) -> Option<(&'static str, Day)> {
    let (fifth, seventeenth) = (naive_birthday(born, 5), naive_birthday(born, 17));
    if issued < fifth {
        Some(("A", fifth))
    } else if issued < seventeenth {
        Some(("B", naive_day_before(seventeenth)))
    } else {
        None
    }
}

fn all_days(years: std::ops::RangeInclusive<i32>) -> impl Iterator<Item = Day> {
    years.flat_map(|year| {
        (1..=12)
            .flat_map(move |month| (1..=month_days(year, month)).map(move |day| (year, month, day)))
    })
}

fn iso((year, month, day): Day) -> String {
    format!("{year:04}-{month:02}-{day:02}")
}

fn dmy((year, month, day): Day) -> String {
    format!("{day:02}-{month:02}-{year:04}")
}

#[test]
fn every_birth_date_of_five_years_around_its_birthdays() {
    let (product, office) = (kia(), office());
    let settings = Settings { issue_age_max_days: Some(u32::MAX), ..Settings::default() };
    let mut job = job("S2");
    job.fields.remove("nik");
    let mut walked = 0;
    for born in all_days(2008..=2012) {
        set(&mut job, "tgl_lahir", iso(born));
        let (fifth, seventeenth) = (naive_birthday(born, 5), naive_birthday(born, 17));
        let days =
            [born, naive_day_before(fifth), fifth, naive_day_before(seventeenth), seventeenth];
        for issued in days {
            set(&mut job, "tgl_terbit", iso(issued));
            let photo = issued >= fifth;
            let checked =
                product.check(&job, photo, &office, &settings, issue_day(), office_offset());
            let codes = codes_of(&checked);
            match naive_kind(born, issued) {
                None => assert!(codes.contains(&"E_AGE_17"), "{born:?} {issued:?} {codes:?}"),
                Some(_) => {
                    assert!(!codes.contains(&"E_AGE_17") && !codes.contains(&"E_PHOTO_REQUIRED"))
                }
            }
            assert!(!codes.contains(&"W_PHOTO_IGNORED"), "{born:?} {issued:?} {codes:?}");
            walked += 1;
        }
    }
    assert_eq!(walked, 5 * (365 * 5 + 2));
}

#[test]
fn the_kind_and_last_day_of_every_birth_date_on_every_tenth_day() {
    let kinds = kia().kinds;
    let date = |(year, month, day): Day| {
        Date::new(
            i16::try_from(year).unwrap(),
            i8::try_from(month).unwrap(),
            i8::try_from(day).unwrap(),
        )
        .unwrap()
    };
    let issue_days: Vec<Day> = all_days(2012..=2030).step_by(10).collect();
    for born in all_days(2008..=2012) {
        for &issued in issue_days.iter().filter(|issued| **issued >= born) {
            let ours = crate::product::age::kind_on(&kinds, date(born), date(issued)).map(|kind| {
                let last_day = kind.last_day(date(born), Default::default()).unwrap();
                (kind.code.as_str(), crate::product::age::print_date(last_day))
            });
            let naive = naive_kind(born, issued).map(|(code, last_day)| (code, dmy(last_day)));
            assert_eq!(ours, naive, "{born:?} {issued:?}");
        }
    }
}

#[test]
fn the_leap_day_child_turns_five_on_the_first_of_march() {
    let product = kia();
    let mut job = job("S4");
    assert_eq!(child("S4")["tgl_lahir"], "2012-02-29");
    let settings = Settings { issue_age_max_days: Some(u32::MAX), ..Settings::default() };
    for (issued, kind) in [("2017-02-28", "A"), ("2017-03-01", "B"), ("2029-02-28", "B")] {
        set(&mut job, "tgl_terbit", issued);
        let now = "2029-03-05T00:00:00Z".parse().unwrap();
        let checked = product.check(&job, kind == "B", &office(), &settings, now, office_offset());
        assert_eq!(checked.card.expect(issued).kind.as_deref(), Some(kind), "{issued}");
    }
}
