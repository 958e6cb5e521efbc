//! What a person should do after a call to a card reader failed: [`EncoderError`] in the two languages of the office.
//! Knows no family.

use super::EncoderError;
use crate::text::Text;
use crate::transport::{WireFault, shortage};

impl EncoderError {
    /// What is wrong and what to do. It speaks of the reader, which has its own cable, power and driver, often separate
    /// from the printer's. The caller must add where the reader's address is set: see [`Self::is_of_the_address`].
    pub fn words(&self) -> Text {
        match self {
            Self::NoReader(name) => Text::new(
                format!(
                    "Pembaca kartu {name} tidak terhubung. Periksa kabel dan daya pembaca, lalu alamatnya."
                ),
                format!(
                    "The card reader {name} is not connected. Check its cable and its power, then its address."
                ),
            ),
            Self::SeveralReaders { name, fitting } => several(name, &fitting.join(", ")),
            Self::NoService(service) => Text::new(
                format!(
                    "Layanan {service} untuk pembaca kartu tidak berjalan. Nyalakan layanan itu (systemctl start {service})."
                ),
                format!(
                    "The service {service}, which drives the card readers, is not running. Start it (systemctl start {service})."
                ),
            ),
            Self::NoCard { waited } => no_card(waited.as_secs()),
            Self::Stuck { limit } => stuck(limit.as_secs()),
            Self::Wire(fault) => wire(&fault.kind),
            Self::Unsupported(what) => Text::new(
                format!(
                    "Pembaca kartu atau programnya tidak mendukung ini: {what}. Periksa jenis pembaca dan alamatnya."
                ),
                format!(
                    "The card reader, or this build of the program, cannot do this: {what}. Check the kind of reader and its address."
                ),
            ),
            Self::Garbled { .. } => NOT_UNDERSTOOD,
            Self::Barred => BARRED,
            Self::CardLost => CARD_LOST,
            Self::Occupied => OCCUPIED,
            Self::InUse => IN_USE,
        }
    }

    /// Could another address of the reader help?
    pub fn is_of_the_address(&self) -> bool {
        match self {
            Self::NoReader(_) | Self::SeveralReaders { .. } | Self::Unsupported(_) => true,
            Self::Wire(fault) => matches!(fault.kind, WireFault::SeveralFit { .. }),
            _ => false,
        }
    }
}

const NOT_UNDERSTOOD: Text = Text::fixed(
    "Jawaban pembaca kartu tidak dipahami. Cabut pembaca dan pasang lagi; bila berulang, hubungi teknisi.",
    "The card reader's answer is not understood. Unplug the reader and plug it in again; if it happens again, call the technician.",
);
const BARRED: Text = Text::fixed(
    "Program tidak diizinkan memakai pembaca kartu. Beri penggunanya hak atas pembaca (aturan polkit pcscd, atau grup dialout untuk port serial), lalu jalankan ulang.",
    "The program may not use the card reader. Give its user the right to it (pcscd's polkit rule, or the group dialout for a serial port), then start it anew.",
);
const OCCUPIED: Text = Text::fixed(
    "Ada kartu di pembaca padahal printer belum mengantar kartu. Ambil kartu itu; bila tidak ada, cabut pembaca dan pasang lagi.",
    "A card lies on the reader though the printer has brought none. Take it away; if there is none, unplug the reader and plug it in again.",
);
const CARD_LOST: Text = Text::fixed(
    "Kartu hilang dari pembaca saat dikerjakan. Periksa letak kartu, lalu coba kartu lain.",
    "The card was lost while it was worked on. See how the card lies, then try another one.",
);
const IN_USE: Text = Text::fixed(
    "Program lain sedang memakai pembaca atau kartunya. Tutup program itu.",
    "Another program uses the card reader, or the card in it. Close that program.",
);
const SILENT: Text = Text::fixed(
    "Pembaca kartu tidak menjawab. Periksa dayanya, cabut dan pasang lagi.",
    "The card reader does not answer. Check its power, unplug it and plug it in again.",
);
const LINE_BROKEN: Text = Text::fixed(
    "Hubungan ke pembaca kartu terputus. Periksa kabel dan daya pembaca.",
    "The connection to the card reader broke. Check its cable and its power.",
);

/// The transport's own texts speak of a printer, so the reader has its own.
fn wire(fault: &WireFault) -> Text {
    match fault {
        WireFault::Silent(_) => SILENT,
        WireFault::TooLong(_) => NOT_UNDERSTOOD,
        WireFault::Barred => BARRED,
        WireFault::Taken => IN_USE,
        WireFault::SeveralFit { name, fitting } => several(name, &fitting.join(", ")),
        WireFault::Unreachable(reason) | WireFault::Broken(reason) if reason.is_shortage() => {
            shortage(*reason)
        }
        WireFault::Unreachable(_)
        | WireFault::Broken(_)
        | WireFault::Stalled
        | WireFault::NoUsb
        | WireFault::NotPlugged { .. } => LINE_BROKEN,
    }
}

fn no_card(seconds: u64) -> Text {
    Text::new(
        format!(
            "Tidak ada kartu yang terbaca dalam {seconds} detik. Periksa apakah kartunya berchip dan sampai di depan pembaca."
        ),
        format!(
            "No card was seen within {seconds} s. See whether the card has a chip, and whether it comes before the reader."
        ),
    )
}

fn stuck(seconds: u64) -> Text {
    Text::new(
        format!(
            "Pembaca kartu macet: tidak menjawab dalam {seconds} detik. Cabut pembaca dan pasang lagi."
        ),
        format!(
            "The card reader is stuck: no answer within {seconds} s. Unplug the reader and plug it in again."
        ),
    )
}

fn several(name: &str, fitting: &str) -> Text {
    Text::new(
        format!(
            "Nama {name} cocok dengan lebih dari satu pembaca kartu. Tulis salah satu dari ini: {fitting}."
        ),
        format!("The name {name} fits more than one card reader. Write one of these: {fitting}."),
    )
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::time::Duration;

    use super::*;
    use crate::transport::TransportError;

    /// One error of each kind.
    fn every_error() -> Vec<EncoderError> {
        let second = Duration::from_secs(1);
        let mut all = vec![
            EncoderError::NoReader("A".into()),
            EncoderError::SeveralReaders { name: "A".into(), fitting: vec!["A 1".into()] },
            EncoderError::NoService("pcscd"),
            EncoderError::Barred,
            EncoderError::NoCard { waited: second },
            EncoderError::CardLost,
            EncoderError::Stuck { limit: second },
            EncoderError::InUse,
            EncoderError::Garbled { command: "SELECT", why: "it is too short" },
            EncoderError::Unsupported("more than 60 bytes".into()),
        ];
        let several = WireFault::SeveralFit { name: "A".into(), fitting: vec!["A 1".into()] };
        let wires = [
            WireFault::Unreachable(ErrorKind::Other.into()),
            WireFault::Broken(ErrorKind::Other.into()),
            WireFault::Silent(second),
            WireFault::TooLong(9),
            WireFault::Stalled,
            WireFault::NoUsb,
            WireFault::NotPlugged { name: "A".into() },
            several,
            WireFault::Barred,
            WireFault::Taken,
        ];
        all.extend(wires.map(|kind| TransportError { kind, sent_bytes: 0 }.into()));
        all
    }

    #[test]
    fn every_trouble_with_a_reader_says_in_both_languages_what_to_do() {
        for error in every_error() {
            let words = error.words();
            for (said, of_what) in [(&words.id, ["embaca", "artu"]), (&words.en, ["eader", "card"])]
            {
                let sentences = said.matches(". ").count() + 1;
                assert!(said.ends_with('.') && sentences >= 2, "{error:?}: what to do? {said}");
                assert!(of_what.iter().any(|what| said.contains(what)), "{error:?}: {said}");
                assert!(!said.to_lowercase().contains("printer"), "{error:?}: {said}");
            }
            assert_ne!(words.id, words.en);
            let address = words.en.contains("address") || words.en.contains("Write one of these");
            assert_eq!(address, error.is_of_the_address(), "{error:?}: {}", words.en);
            assert!(!words.en.contains(".toml"), "it knows no daemon: {}", words.en);
        }
    }

    #[test]
    fn a_reader_whose_cable_is_pulled_is_not_called_a_printer() {
        let kind = WireFault::Broken(ErrorKind::BrokenPipe.into());
        let error = EncoderError::from(TransportError { kind, sent_bytes: 3 });
        assert_eq!(
            error.to_string(),
            "the wire to the card reader failed: the connection broke (broken pipe) after 3 bytes sent"
        );
    }
}
