//! `/openapi.json`: generated from the handlers. What is only needed for the description stands here.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde_json::{Value, json};
use utoipa::{OpenApi, ToSchema};

use super::App;

/// Head of the description; the paths come from the routes themselves.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Kartu print station",
        description = "One approval, one good card. Jobs come in, cards come out, every state names its evidence. \
                       Nothing that leaves here is personal, except the previews.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "jobs", description = "What is to be printed, and what became of it"),
        (name = "events", description = "The ledger's lines"),
        (name = "blanks", description = "What became of every blank, and whether the days close"),
        (name = "station", description = "How the station and its printer are"),
    )
)]
pub(super) struct Description;

/// A posted job as a form.
#[derive(ToSchema)]
#[allow(dead_code)] // Described, never built: the reader takes the parts one by one.
pub(super) struct JobForm {
    /// The job as JSON, without `photo`.
    job: crate::job::JobRequest,
    /// JPEG or PNG, 2 MiB at most.
    #[schema(value_type = Option<String>, format = Binary)]
    photo: Option<Vec<u8>>,
}

/// This description.
#[utoipa::path(
    get, path = "/openapi.json", tag = "station",
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json", body = Object))
)]
pub(super) async fn openapi(State(app): State<App>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], app.openapi.to_string())
}

/// Fictional, from the samples: no living person.
pub(super) fn example_job() -> Value {
    json!({
        "product": "kia",
        "ref": "1301-2026-S1",
        "reason": "BARU",
        "fields": {
            "nik": "1301056108239001",
            "nama": "AISYAH CONTOH PUTRI",
            "tempat_lahir": "PAINAN",
            "tgl_lahir": "2023-08-21",
            "jenis_kelamin": "PEREMPUAN",
            "gol_darah": "-",
            "agama": "ISLAM",
            "kewarganegaraan": "WNI",
            "no_kk": "1301050903209001",
            "nama_kepala_keluarga": "BUDI CONTOH",
            "no_akta_kelahiran": "1301-LU-29082023-9001",
            "alamat": "JL. CONTOH SATU NO. 1",
            "rt": "000",
            "rw": "000",
            "desa": "PAINAN TIMUR PAINAN",
            "kecamatan": "IV JURAI",
            "tgl_terbit": "2026-03-02"
        },
        "attachments": [
            { "kind": "KK", "sha256": "0".repeat(64) },
            { "kind": "AKTA", "sha256": "1".repeat(64) }
        ],
        "recommendation": { "keputusan": "SETUJU", "nomor": "470/1/KIA/2026", "peringatan_disetujui": [] }
    })
}
