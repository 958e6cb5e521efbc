//! What a person should do after a device call failed: [`Cause`] in the two languages of the office.
//! Knows no family.

use crate::contract::{Cause, Trouble};
use crate::words::Words;

impl Cause {
    /// What is wrong and what to do. The first trouble that stops printing speaks for the others.
    pub fn words(&self) -> Words {
        match self {
            Self::Trouble(troubles) => worst(troubles),
            Self::Wire(fault) => fault.kind.words(),
            Self::Garbled { .. } => Words::fixed(
                "Jawaban printer tidak dipahami. Matikan dan nyalakan printer; bila berulang, hubungi teknisi.",
                "The printer's answer is not understood. Switch it off and on; if it happens again, call the technician.",
            ),
            Self::Refused { command, answer } => Words::new(
                format!(
                    "Printer menolak perintah {command} ({answer}). Periksa printer lalu coba lagi."
                ),
                format!(
                    "The printer refused {command} ({answer}). Look at the printer, then try again."
                ),
            ),
            Self::TooSlow { limit, .. } => Words::new(
                format!(
                    "Printer tidak selesai dalam {} detik. Periksa apakah ada kartu yang tersangkut.",
                    limit.as_secs()
                ),
                format!(
                    "The printer did not finish within {} s. Look for a stuck card.",
                    limit.as_secs()
                ),
            ),
            Self::Reserved { session } => Words::new(
                format!("Printer sedang dipakai program lain (sesi {session}). Tutup program itu."),
                format!(
                    "Another program uses the printer (session {session}). Close that program."
                ),
            ),
            Self::Unsupported(what) => Words::new(
                format!(
                    "Printer atau perlengkapannya tidak didukung: {what}. Periksa pita dan konfigurasi."
                ),
                format!(
                    "The printer or its supplies are not supported: {what}. Check ribbon and configuration."
                ),
            ),
        }
    }
}

/// The sentence of the trouble that stops most.
fn worst(troubles: &[Trouble]) -> Words {
    let unnamed = Words::fixed(
        "Printer melaporkan gangguan. Periksa layar atau lampu printer.",
        "The printer reports trouble. Look at its display or lights.",
    );
    troubles
        .iter()
        .max_by_key(|trouble| trouble.level)
        .map_or(unnamed, |trouble| trouble.words.clone())
}
