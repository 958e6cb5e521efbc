//! Why a job may not replace the one that it names, in words. Decides nothing: the ledger has.

use axum::http::StatusCode;
use drivers::words::Words;

use super::problem::Problem;
use crate::finding::Finding;
use crate::ledger::NoReplacement;
use crate::lifecycle::State;

const FIELD: &str = "replaces.job";

impl From<NoReplacement> for Problem {
    fn from(why: NoReplacement) -> Self {
        match why {
            NoReplacement::Unknown => Self::refused(vec![unknown()]),
            NoReplacement::OtherProduct => Self::refused(vec![other_product()]),
            NoReplacement::OtherHolder => Self::refused(vec![other_holder()]),
            NoReplacement::Unsure => Self::of(StatusCode::CONFLICT, unsure()),
            NoReplacement::NotPrinted(state) => Self::of(StatusCode::CONFLICT, not_printed(state)),
            NoReplacement::Replaced(job) => {
                let (id, state) = (&job.id, job.state);
                let words = Words::new(
                    format!(
                        "Kartu itu sudah diganti oleh pekerjaan {id} ({}). Batalkan yang itu, atau ganti yang itu jika kartunya sudah keluar.",
                        state.label_id()
                    ),
                    format!(
                        "That card is already replaced by job {id} ({}). Cancel that one, or replace that one if its card is out.",
                        state.name()
                    ),
                );
                Self::of(StatusCode::CONFLICT, Finding::at(FIELD, "E_ALREADY_REPLACED", words))
            }
        }
    }
}

fn unknown() -> Finding {
    let words = Words::fixed(
        "Pekerjaan yang diganti tidak ada di stasiun ini. Tulis nomor pekerjaannya (id), bukan nomor permohonan.",
        "The job to be replaced is not on this station. Give its id, not its ref.",
    );
    Finding::at(FIELD, "E_REPLACES_UNKNOWN", words)
}

fn other_product() -> Finding {
    let words = Words::fixed(
        "Pekerjaan yang diganti adalah kartu jenis lain. Pengganti harus dari produk yang sama.",
        "The job to be replaced is a card of another kind. A replacement is of the same product.",
    );
    Finding::at(FIELD, "E_REPLACES_PRODUCT", words)
}

fn other_holder() -> Finding {
    let words = Words::fixed(
        "Pekerjaan yang diganti adalah kartu orang lain: nomor pemegangnya berbeda. Periksa id pekerjaan yang diganti; bila nomor pada kartu lama salah, catat kartu lama sebagai rusak (kartud resolve), lalu kirim tanpa replaces.",
        "The job to be replaced is another person's card: its holder's number differs. Check the id of the job to be replaced; if the number on the old card was wrong, settle the old card as spoiled (kartud resolve), then send this without replaces.",
    );
    Finding::at(FIELD, "E_REPLACES_HOLDER", words)
}

fn unsure() -> Finding {
    let words = Words::fixed(
        "Belum pasti apakah kartu lama keluar. Lihat di printer, baki hasil dan kotak tolak, catat apa yang terlihat (kartud resolve), lalu kirim lagi.",
        "It is not known whether the old card came out. Look into the printer, the output hopper and the reject box, settle the old job by what was seen (kartud resolve), then send this again.",
    );
    Finding::at(FIELD, "E_REPLACES_UNSURE", words)
}

fn not_printed(state: State) -> Finding {
    let (id, en) = if state.is_end() {
        (
            "Dari pekerjaan itu tidak ada kartu. Kirim tanpa replaces.",
            "There is no card of that job. Send this without replaces.",
        )
    } else {
        (
            "Kartu dari pekerjaan itu belum dicetak, jadi tidak ada yang diganti. Batalkan pekerjaan itu, lalu kirim tanpa replaces.",
            "The card of that job is not printed yet, so there is nothing to replace. Cancel that job, then send this without replaces.",
        )
    };
    let words = Words::new(
        format!("{id} (Status: {}.)", state.label_id()),
        format!("{en} (It is {}.)", state.name()),
    );
    Finding::at(FIELD, "E_REPLACES_NOT_PRINTED", words)
}
