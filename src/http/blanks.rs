//! `/v1/blanks`: entries about blanks by people, the daily balance, and the list for the *berita acara*. Counts nothing
//! itself: the ledger does.

mod entry;

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use drivers::text::Text;
use jiff::civil::Date;
use serde::Serialize;

use super::App;
use super::jobs::key_taken;
use super::posted;
use super::problem::Problem;
use super::query::{self, Known, Parameters};
use crate::codes::requests;
use crate::ledger::blanks::{Day, Destroyed, Entered, Witness};
use crate::report::Sentence;
use crate::supplies::SpoilCause;
use entry::Entry;

/// Most days of one request: a year with its leap day.
const DAYS_LIMIT: i32 = 366;
/// Days shown by default, today included.
const DAYS_DEFAULT: i64 = 7;
/// An entry as stored in the ledger.
#[derive(Debug, Serialize)]
pub(super) struct EntryView {
    /// Number of the ledger's line.
    seq: u64,
    /// Time (RFC 3339).
    at: jiff::Timestamp,
    /// What was entered.
    entry: serde_json::Value,
}

const DAY: Text = Text::fixed(
    "Tulis hari pertama dan terakhir sebagai from=2026-03-01&to=2026-03-31, paling banyak 366 hari.",
    "Give the first and the last day as from=2026-03-01&to=2026-03-31, 366 days at most.",
);
/// The office's days: `from` defaults to six days before `to`, `to` to today.
static PARAMETERS: [Known; 2] = [
    Known { name: "from", rule: DAY, repeats: false },
    Known { name: "to", rule: DAY, repeats: false },
];

/// The office's days, oldest first.
#[derive(Debug, Serialize)]
pub(super) struct DaysView {
    days: Vec<DayView>,
}

/// One day; figures are cards. A negative figure means that more were used than entered.
#[derive(Debug, Serialize)]
pub(super) struct DayView {
    /// The date in the office's time zone.
    date: Date,
    /// At the station when the day began: the last count and everything since.
    opening: i64,
    /// Taken from the store.
    loaded: i64,
    /// Good cards, less good cards of earlier days that were reported spoiled on this day.
    good: i64,
    /// Spoiled ones.
    spoiled: i64,
    /// Spoiled blanks by SpoilCause.
    spoiled_by_cause: BTreeMap<&'static str, i64>,
    /// Test cards.
    test: i64,
    /// Lost; counts for its day whether it was entered before the count or after.
    lost: i64,
    /// Brought back to the store.
    returned: i64,
    /// Cards that were begun and whose outcome is unknown, less those of earlier days whose outcome became known.
    unsure: i64,
    /// `opening + loaded - good - spoiled - test - lost - returned - unsure`: at the day's end, or now.
    expected: i64,
    /// The last count; `null`: none.
    counted: Option<i64>,
    /// When it was counted (RFC 3339).
    counted_at: Option<jiff::Timestamp>,
    /// How many should have been there at that moment.
    counted_expected: Option<i64>,
    /// `counted - counted_expected`. The next day begins with the count.
    difference: Option<i64>,
    /// Does the day balance? `null`: there was no count.
    closes: Option<bool>,
    /// What is wrong, and what to do.
    remarks: Vec<Sentence>,
}

/// Spoiled and test cards.
#[derive(Debug, Serialize)]
pub(super) struct DestroyedView {
    cards: Vec<DestroyedCard>,
}

/// One line of the list. The holder's name belongs to `ref` and is known upstream only.
#[derive(Debug, Serialize)]
pub(super) struct DestroyedCard {
    /// Number of the ledger's line.
    seq: u64,
    /// The upstream system's number of the application; `null`: spoiled without a job.
    #[serde(rename = "ref")]
    reference: Option<String>,
    /// The job.
    job: Option<String>,
    /// When it was recorded (RFC 3339).
    at: jiff::Timestamp,
    /// The day of the office.
    date: Date,
    /// The cause.
    cause: Option<&'static str>,
    /// How many.
    cards: i64,
    /// The machine's report, or the person who saw it.
    evidence: Witness,
}

/// Records what was done with blanks.
pub(super) async fn enter(
    State(app): State<App>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let key = posted::read_key(&headers)?;
    let entry: Entry = posted::parse(&body)?;
    let handled = entry.read(key).map_err(Problem::refused)?;
    let (entry, replayed) = match app.ledger.enter_blanks(handled).await? {
        Entered::New(entry) => (entry, false),
        Entered::Before(entry) => (entry, true),
        Entered::KeyTaken => return Err(key_taken()),
    };
    let view = EntryView { seq: entry.seq, at: entry.at, entry: entry.detail };
    let mut response = (StatusCode::CREATED, Json(view)).into_response();
    if replayed {
        let headers = response.headers_mut();
        headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// The daily balance.
pub(super) async fn days(State(app): State<App>, uri: Uri) -> Result<Json<DaysView>, Problem> {
    let (from, to) = span(&app, &uri)?;
    let (offset, today) = (app.examiner().offset(), app.today());
    is_there(&app, from).await?;
    let days = app.ask(move |ledger| ledger.blank_days(from, to, offset)).await?;
    let days = days.into_iter().map(|day| DayView::of(day, today)).collect();
    Ok(Json(DaysView { days }))
}

/// Days whose lines were cut off would be told with the wrong figures.
async fn is_there(app: &App, from: Date) -> Result<(), Problem> {
    match app.ask(crate::ledger::Ledger::first_day).await? {
        Some(first) if from < first => Err(Problem::said(StatusCode::GONE, &requests::E_CUT_OFF)),
        _ => Ok(()),
    }
}

/// Spoiled and test cards, for the *berita acara pemusnahan*.
pub(super) async fn spoiled(
    State(app): State<App>,
    uri: Uri,
) -> Result<Json<DestroyedView>, Problem> {
    let (from, to) = span(&app, &uri)?;
    let offset = app.examiner().offset();
    is_there(&app, from).await?;
    let cards = app.ask(move |ledger| ledger.destroyed_blanks(from, to, offset)).await?;
    let view = |card: Destroyed| DestroyedCard {
        seq: card.seq,
        reference: card.reference,
        job: card.job.map(|job| job.to_string()),
        at: card.at,
        date: offset.to_datetime(card.at).date(),
        cause: card.cause.map(SpoilCause::name),
        cards: card.cards,
        evidence: card.evidence,
    };
    Ok(Json(DestroyedView { cards: cards.into_iter().map(view).collect() }))
}

fn span(app: &App, uri: &Uri) -> Result<(Date, Date), Problem> {
    let asked = Parameters::of(uri, &PARAMETERS)?;
    let to = asked.read("to", query::day)?.unwrap_or_else(|| app.today());
    let from = match asked.read("from", query::day)? {
        Some(from) => from,
        None => {
            let before = to.checked_sub(jiff::Span::new().days(DAYS_DEFAULT - 1));
            before.map_err(|_| asked.wrong("to"))?
        }
    };
    // The calendar type has limits; dates near them are mistakes.
    let of_this_world = |day: Date| (1900..=2999).contains(&day.year());
    let long = (to - from).get_days() >= DAYS_LIMIT;
    if from > to || long || !of_this_world(from) || !of_this_world(to) {
        return Err(asked.wrong("from"));
    }
    Ok((from, to))
}

impl DayView {
    fn of(day: Day, today: Date) -> DayView {
        let remarks = remarks(&day, today).iter().map(Sentence::from).collect();
        DayView {
            date: day.date,
            opening: day.opening,
            loaded: day.loaded,
            good: day.good,
            spoiled: day.spoiled.values().sum(),
            spoiled_by_cause: day.spoiled.iter().map(|(cause, n)| (cause.name(), *n)).collect(),
            test: day.test,
            lost: day.lost,
            returned: day.returned,
            unsure: day.unsure,
            expected: day.expected,
            counted: day.count.map(|count| count.cards),
            counted_at: day.count.map(|count| count.at),
            counted_expected: day.count.map(|count| count.expected),
            difference: day.difference(),
            closes: day.closes(),
            remarks,
        }
    }
}

fn remarks(day: &Day, today: Date) -> Vec<Text> {
    let mut remarks = Vec::new();
    match day.difference() {
        Some(n) if n < 0 => remarks.push(Text::new(
            format!("{} blangko kurang dari seharusnya. Cari; catat yang rusak, diuji atau hilang, lalu hitung lagi.", -n),
            format!("{} blanks fewer than there should be. Look for them; enter those spoiled, tested or lost, then count again.", -n),
        )),
        Some(n) if n > 0 => remarks.push(Text::new(
            format!("{n} blangko lebih dari seharusnya. Adakah yang dimuat dan tidak dicatat? Catat, lalu hitung lagi."),
            format!("{n} blanks more than there should be. Was a load not entered? Enter it, then count again."),
        )),
        _ => {}
    }
    if day.difference().is_some_and(|n| n > 0) && day.unsure > 0 {
        remarks.push(Text::fixed(
            "Blangko dari kartu yang tidak pasti mungkin masih di pengumpan. Pastikan dahulu, lalu hitung lagi.",
            "The blank of an unsure card may still lie in the feeder. Settle that card, then count again.",
        ));
    }
    if day.expected < 0 {
        let n = -day.expected;
        remarks.push(Text::new(
            format!(
                "{n} blangko terpakai lebih banyak daripada yang dicatat masuk. Catat pemuatannya."
            ),
            format!(
                "{n} more blanks were used than anybody entered as loaded. Enter what was loaded."
            ),
        ));
    }
    if day.count.is_none() && day.has_moved() && day.date < today {
        remarks.push(Text::fixed(
            "Tidak ada yang menghitung pada hari itu.",
            "Nobody counted on that day.",
        ));
    }
    remarks
}
