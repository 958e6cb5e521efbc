//! Why a job may not replace the one that it names, in words. The ledger has made the decision.

use axum::http::StatusCode;
use drivers::text::Text;

use super::problem::Problem;
use crate::codes::requests::{
    E_REPLACES_HOLDER, E_REPLACES_PRODUCT, E_REPLACES_UNKNOWN, E_REPLACES_UNSURE,
};
use crate::finding::Finding;
use crate::ledger::NoReplacement;
use crate::lifecycle::State;

const FIELD: &str = "replaces.job";

impl From<NoReplacement> for Problem {
    fn from(why: NoReplacement) -> Self {
        match why {
            NoReplacement::Unknown => Self::refused(vec![E_REPLACES_UNKNOWN.at(FIELD, &[])]),
            NoReplacement::OtherProduct => Self::refused(vec![E_REPLACES_PRODUCT.at(FIELD, &[])]),
            NoReplacement::OtherHolder => Self::refused(vec![E_REPLACES_HOLDER.at(FIELD, &[])]),
            NoReplacement::Unsure => {
                Self::of(StatusCode::CONFLICT, E_REPLACES_UNSURE.at(FIELD, &[]))
            }
            NoReplacement::NotPrinted(state) => Self::of(StatusCode::CONFLICT, not_printed(state)),
            NoReplacement::Replaced(job) => {
                let (id, state) = (&job.id, job.state);
                let words = Text::new(
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
    let words = Text::new(
        format!("{id} (Status: {}.)", state.label_id()),
        format!("{en} (It is {}.)", state.name()),
    );
    Finding::at(FIELD, "E_REPLACES_NOT_PRINTED", words)
}
