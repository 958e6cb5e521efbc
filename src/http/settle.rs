//! What only a person can say of a job: `/v1/jobs/{id}/resolve`, `/release`, `/cancel`, `/hand-over`, `/expire`. Nothing
//! personal but an officer's number.

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

/// A card is out within this, or the printer has trouble that the station tells.
const CARD_MOVING_RETRY_S: u32 = 5;

/// Longest officer number or account, characters.
const BY_MAX: usize = 60;

/// What a person saw who looked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Resolution {
    /// `printed`: the card is there, whole and good. `spoiled`: a spoiled blank is there. `no_card`: no card came.
    seen: Seen,
    /// Officer number or account, no name: it stands in the ledger.
    by: String,
    /// Why the blank is spoiled; unless told `GAGAL_ENCODE` for a card that was being encoded, else `GAGAL_CETAK`.
    cause: Option<String>,
    /// Looked twice: the answer stands though the printer says something else.
    #[serde(default)]
    insist: bool,
}

/// Say what became of a card that nobody saw.
///
/// For a job that is `unsure`: somebody looked into the printer, the output hopper and the reject box. `printed` ends it;
/// after `spoiled` and `no_card` it waits for the printer again under the same approval. For a job that is `printed` or
/// `handed_over`, `spoiled` says that its card was found bad: the job ends, and another card needs a new job that
/// `replaces` it. An answer that the printer contradicts is refused once (`E_CONTRADICTED`); look again, then say `insist`.
/// While the card in question may still be moving the answer is not taken (`E_CARD_MOVING`): ask again after `Retry-After`.
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

/// Who asks for something that needs no more words.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ByOfficer {
    /// Officer number or account, no name: it stands in the ledger.
    by: String,
}

/// The job as it is afterwards.
type Settled = Result<Json<JobView>, Problem>;

/// Withdraw a job whose card has not begun to move.
pub(super) async fn cancel(State(app): State<App>, Path(id): Path<String>, body: Bytes) -> Settled {
    by_officer(&id, &body, |id, by| app.station.cancel(id, by)).await
}

/// Release a held job.
///
/// Somebody has looked, and it shall be printed. Each of the job's `reasons` says by its `remedy` whether a release helps:
/// `release` is decided for good; `mend` and `mend_or_repost` hold the job again if the cause is still there.
pub(super) async fn release(
    State(app): State<App>,
    Path(id): Path<String>,
    body: Bytes,
) -> Settled {
    by_officer(&id, &body, |id, by| app.station.release(id, by)).await
}

/// Note that the card was given to the applicant.
///
/// The end of a job whose card is good. A job whose card came out while nobody watched (`H_NOT_WATCHED`) is looked at before.
pub(super) async fn hand_over(
    State(app): State<App>,
    Path(id): Path<String>,
    body: Bytes,
) -> Settled {
    by_officer(&id, &body, |id, by| app.station.hand_over(id, by)).await
}

/// End a held job whose approval has expired.
///
/// Nothing ends by time alone: an approval that expires holds its job (`H_RECOMMENDATION_EXPIRED`), since a clock that
/// jumped says the same. The approval's number stays spent; another job needs a new one.
pub(super) async fn expire(State(app): State<App>, Path(id): Path<String>, body: Bytes) -> Settled {
    by_officer(&id, &body, |id, by| app.station.expire(id, by)).await
}

/// Asks the station for something about the job `id`; `body` is `{"by": …}`.
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

/// An officer number or account that can stand in the ledger. The API's description states the same rule as a pattern.
pub(super) fn officer(by: &str) -> Option<Actor> {
    let is_trimmed = !by.is_empty() && by.trim() == by;
    let fits = is_trimmed && by.chars().count() <= BY_MAX && by.chars().all(is_latin);
    fits.then(|| Actor::local(by))
}

/// Printable ASCII and the Latin letters with marks, which every screen and every printer of a ledger can show.
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

/// Which code stays, and what is done about it instead.
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
