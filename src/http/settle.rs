//! Decisions on a job that only a person can make: `/v1/jobs/{id}/resolve`, `/release`, `/cancel`, `/hand-over`,
//! `/expire`. Contains nothing personal but an officer's number.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use drivers::text::Text;
use serde::Deserialize;

use super::App;
use super::jobs::{JobView, job_id};
use super::problem::Problem;
use crate::actor::Actor;
use crate::codes;
use crate::codes::requests::{E_CARD_MOVING, E_NOT_EXPIRED, E_RESOLUTION};
use crate::evidence::{Reason, Seen};
use crate::finding::Finding;
use crate::job::JobId;
use crate::ledger::JobRecord;
use crate::station::{Look, Unsettled};
use crate::supplies::SpoilCause;

/// A card is out within this time, or the printer has trouble, which the station shows.
const CARD_MOVING_RETRY_S: u32 = 5;

/// Longest officer number or account, characters.
const BY_MAX: usize = 60;

/// What a person found.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Resolution {
    /// `printed`: the card is there, whole and good. `spoiled`: a spoiled blank is there. `no_card`: no card came.
    seen: Seen,
    /// Officer number or account, not a name, because it is stored in the ledger.
    by: String,
    /// Why the blank is spoiled; defaults to `GAGAL_ENCODE` for a card that was being encoded, else to `GAGAL_CETAK`.
    cause: Option<String>,
    /// The person has checked twice: the answer holds although the printer's report differs.
    #[serde(default)]
    insist: bool,
}

/// Says what happened to a card whose outcome is unknown.
///
/// For a job that is `unsure`: a person has looked into the printer, the output hopper and the reject box. `printed`
/// ends the job; after `spoiled` and `no_card` it waits for the printer again under the same approval. For a job that
/// is `printed` or `handed_over`, `spoiled` says that its card was found bad: the job ends, and another card needs a
/// new job that `replaces` it. An answer that the printer contradicts is refused once (`E_CONTRADICTED`); check again,
/// then set `insist`. While the card in question may still be moving, the answer is refused (`E_CARD_MOVING`): repeat
/// it after `Retry-After`.
pub(super) async fn resolve(
    State(app): State<App>,
    Path(id): Path<String>,
    body: Bytes,
) -> Settled {
    let id = job_id(&id)?;
    let told: Resolution = serde_json::from_slice(&body).map_err(|_| no_resolution())?;
    let by = officer(&told.by).ok_or_else(no_resolution)?;
    let cause = told.cause.as_deref().map(|name| {
        SpoilCause::from_name(name).filter(|cause| cause.is_of_spoiling()).ok_or_else(no_resolution)
    });
    let look = Look { seen: told.seen, by, cause: cause.transpose()?, insist: told.insist };
    Ok(Json(JobView::from(app.station.resolve(id, look).await?)))
}

/// A request that needs only the officer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ByOfficer {
    /// Officer number or account, not a name, because it is stored in the ledger.
    by: String,
}

/// The job after the request.
type Settled = Result<Json<JobView>, Problem>;

/// Withdraws a job whose card has not begun to move.
pub(super) async fn cancel(State(app): State<App>, Path(id): Path<String>, body: Bytes) -> Settled {
    by_officer(&id, &body, |id, by| app.station.cancel(id, by)).await
}

/// Releases a held job.
///
/// A person has checked it, and it is to be printed. Each of the job's `reasons` says by its `remedy` whether a release
/// helps: `release` is decided for good; `mend` and `mend_or_repost` hold the job again if the cause remains.
pub(super) async fn release(
    State(app): State<App>,
    Path(id): Path<String>,
    body: Bytes,
) -> Settled {
    by_officer(&id, &body, |id, by| app.station.release(id, by)).await
}

/// Records that the card was given to the applicant.
///
/// This is the final state of a job whose card is good. A job whose card came out unobserved (`H_NOT_WATCHED`) must be
/// checked before.
pub(super) async fn hand_over(
    State(app): State<App>,
    Path(id): Path<String>,
    body: Bytes,
) -> Settled {
    by_officer(&id, &body, |id, by| app.station.hand_over(id, by)).await
}

/// Ends a held job whose approval has expired.
///
/// No job ends by time alone: an approval that expires holds its job (`H_RECOMMENDATION_EXPIRED`), because a clock that
/// jumped looks the same. The approval's number stays used; another job needs a new one.
pub(super) async fn expire(State(app): State<App>, Path(id): Path<String>, body: Bytes) -> Settled {
    by_officer(&id, &body, |id, by| app.station.expire(id, by)).await
}

/// Sends the station a request about the job `id`; `body` is `{"by": …}`.
async fn by_officer<A>(id: &str, body: &[u8], ask: impl FnOnce(JobId, Actor) -> A) -> Settled
where
    A: Future<Output = Result<JobRecord, Unsettled>>,
{
    let id = job_id(id)?;
    let who = serde_json::from_slice::<ByOfficer>(body).ok();
    let by = who.and_then(|who| officer(&who.by)).ok_or_else(|| {
        bad(
            "by",
            "E_BY",
            "Tulis siapa yang meminta: {\"by\": \"nomor petugas\"}, paling banyak 60 huruf Latin, angka dan tanda.",
            "Say who asks for it: {\"by\": \"officer number\"}, 60 Latin letters, digits and signs at most.",
        )
    })?;
    Ok(Json(JobView::from(ask(id, by).await?)))
}

/// An officer number or account that may be stored in the ledger. The API's description states the same rule as a
/// pattern.
pub(super) fn officer(by: &str) -> Option<Actor> {
    let is_trimmed = !by.is_empty() && by.trim() == by;
    let fits = is_trimmed && by.chars().count() <= BY_MAX && by.chars().all(is_latin);
    fits.then(|| Actor::local(by))
}

/// Printable ASCII and the Latin letters with diacritics, which every screen and printer can show.
fn is_latin(character: char) -> bool {
    matches!(character, ' '..='~' | '\u{c0}'..='\u{24f}')
}

fn no_resolution() -> Problem {
    Problem::of(StatusCode::BAD_REQUEST, E_RESOLUTION.at("seen", &[]))
}

fn bad(field: &str, code: &str, id: &'static str, en: &'static str) -> Problem {
    Problem::of(StatusCode::BAD_REQUEST, Finding::at(field, code, Text::fixed(id, en)))
}

impl From<Unsettled> for Problem {
    fn from(unsettled: Unsettled) -> Self {
        let findings = match unsettled {
            Unsettled::Ledger(error) => return error.into(),
            Unsettled::Contradicted(reason) => {
                vec![Finding::at("seen", "E_CONTRADICTED", contradicted(reason))]
            }
            Unsettled::Moving => {
                return Self::of(StatusCode::CONFLICT, E_CARD_MOVING.at("seen", &[]))
                    .retry_after(CARD_MOVING_RETRY_S);
            }
            Unsettled::NotExpired => vec![E_NOT_EXPIRED.at("state", &[])],
            Unsettled::NotReleasable(stays) => stays.iter().map(not_releasable).collect(),
        };
        Self::all(StatusCode::CONFLICT, findings)
    }
}

/// Which code remains, and what to do about it instead.
fn not_releasable(stays: &Finding) -> Finding {
    let (code, how) = (&stays.code, codes::remedy(stays.code.as_str()).words());
    let words = Text::new(
        format!("{code} tidak hilang dengan dilepaskan. {}", how.id),
        format!("{code} does not go away by a release. {}", how.en),
    );
    Finding::at("state", "E_NOT_RELEASABLE", words)
}

fn contradicted(reason: Reason) -> Text {
    let why = reason.words();
    if reason == Reason::Silent {
        return Text::new(
            format!(
                "{} Nyalakan atau sambungkan printer, lalu kirim lagi. Hanya bila printer ini sudah tidak ada di kantor: kirim dengan \"insist\": true.",
                why.id
            ),
            format!(
                "{} Switch the printer on or connect it, then send this again. Only if that printer is not in the office any more: send it with \"insist\": true.",
                why.en
            ),
        );
    }
    Text::new(
        format!(
            "Printer mengatakan lain: {} Lihat sekali lagi; bila tetap begitu, kirim lagi dengan \"insist\": true.",
            why.id
        ),
        format!(
            "The printer says something else: {} Look again; if it is so, send it again with \"insist\": true.",
            why.en
        ),
    )
}
