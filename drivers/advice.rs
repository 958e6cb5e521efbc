//! What a person should do after a device call failed: [`Cause`] in the two languages of the office.
//! Knows no family.

use crate::contract::{Cause, Trouble};
use crate::text::Text;

impl Cause {
    /// What is wrong and what to do. Of several troubles, only the most severe one is described.
    pub fn words(&self) -> Text {
        match self {
            Self::Trouble(troubles) => worst(troubles),
            Self::Refused { command, answer } => Text::new(
                format!(
                    "Printer menolak perintah {command} ({answer}). Periksa printer lalu coba lagi."
                ),
                format!(
                    "The printer refused {command} ({answer}). Look at the printer, then try again."
                ),
            ),
            Self::TooSlow { limit, .. } => Text::new(
                format!(
                    "Printer tidak selesai dalam {} detik. Periksa apakah ada kartu yang tersangkut.",
                    limit.as_secs()
                ),
                format!(
                    "The printer did not finish within {} s. Look for a stuck card.",
                    limit.as_secs()
                ),
            ),
            Self::Reserved { session } => Text::new(
                format!("Printer sedang dipakai program lain (sesi {session}). Tutup program itu."),
                format!(
                    "Another program uses the printer (session {session}). Close that program."
                ),
            ),
            Self::Unsupported(what) => Text::new(
                format!(
                    "Printer atau perlengkapannya tidak didukung: {what}. Periksa pita dan konfigurasi."
                ),
                format!(
                    "The printer or its supplies are not supported: {what}. Check ribbon and configuration."
                ),
            ),
            Self::Wire(fault) => fault.kind.words(),
            Self::Garbled { .. } => NOT_UNDERSTOOD,
            Self::Busy => STILL_AT_WORK,
            Self::Restarted => RESTARTED,
            Self::CardInside => CARD_INSIDE,
            Self::CardGone => CARD_GONE,
            Self::Magnetic(_) => STRIPE_FAILED,
        }
    }
}

const NOT_UNDERSTOOD: Text = Text::fixed(
    "Jawaban printer tidak dipahami. Matikan dan nyalakan printer; bila berulang, hubungi teknisi.",
    "The printer's answer is not understood. Switch it off and on; if it happens again, call the technician.",
);
const STILL_AT_WORK: Text = Text::fixed(
    "Printer masih mengerjakan kartu sebelumnya. Tunggu sampai kartunya keluar.",
    "The printer is still at work on an earlier card. Wait until that is out.",
);
const RESTARTED: Text = Text::fixed(
    "Printer mati atau menyala ulang di tengah pekerjaan. Periksa apakah kartunya keluar, lalu periksa dayanya.",
    "The printer restarted in the middle of a job. See whether the card came out, then check its power.",
);
const CARD_INSIDE: Text = Text::fixed(
    "Masih ada kartu di dalam printer. Keluarkan kartunya dan periksa sebelum melanjutkan.",
    "A card is still inside the printer. Take it out and look at it before going on.",
);
const CARD_GONE: Text = Text::fixed(
    "Kartu yang menunggu di dalam printer sudah tidak ada. Cari kartu itu dan musnahkan; stasiun memakai blangko baru.",
    "The card that waited inside the printer is gone. Find it and destroy it; the station takes a new blank.",
);
const STRIPE_FAILED: Text = Text::fixed(
    "Pita magnetik kartu tidak dapat ditulis atau dibaca. Periksa jenis kartu dan arah pitanya, lalu bersihkan kepala magnetik.",
    "The card's magnetic stripe cannot be written or read. Check the kind of card and which way it lies, then clean the magnetic head.",
);

/// The text of the most severe trouble.
fn worst(troubles: &[Trouble]) -> Text {
    let unnamed = Text::fixed(
        "Printer melaporkan gangguan. Periksa layar atau lampu printer.",
        "The printer reports trouble. Look at its display or lights.",
    );
    troubles
        .iter()
        .max_by_key(|trouble| trouble.level)
        .map_or(unnamed, |trouble| trouble.words.clone())
}
