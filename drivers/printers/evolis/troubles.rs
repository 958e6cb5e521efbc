//! What each warning and error bit means for the operator and for printing. Knows no wire.
//!
//! Which bits stop printing: Evolis wire notes, section 2, "Effect on printing". Keywords: RFC 8011 section 5.4.12, PWG
//! 5100.9 and the IANA registry of `printer-state-reasons`; two are our own, where the registry has none:
//! `cleaning-needed` and `marker-supply-incompatible`. Else `other`.

use super::bits::{self, Word};
use super::status::{StatusWords, error, information, warning};
use crate::contract::{Level, Trouble};
use crate::text::Text;

/// All troubles of the status words, errors first, each sentence once at its highest level.
pub fn troubles(words: &StatusWords, extensions: &[u32]) -> Vec<Trouble> {
    let mut found: Vec<Trouble> = Vec::new();
    let mut bits: Vec<_> = bits::set(words, extensions).collect();
    bits.sort_by_key(|bit| {
        [Word::Error, Word::Warning].iter().position(|w| *w == bit.word).unwrap_or(2)
    });
    for trouble in bits.into_iter().filter_map(bits::Bit::trouble) {
        match found
            .iter_mut()
            .find(|known| (known.keyword, &known.words) == (trouble.keyword, &trouble.words))
        {
            Some(known) if known.level < trouble.level => *known = trouble,
            Some(_) => {}
            None => found.push(trouble),
        }
    }
    found.sort_by_key(|trouble| std::cmp::Reverse(trouble.level));
    found
}

/// The row of a bit that is a trouble.
pub fn row_of(word: Word, mask: u32) -> Option<&'static Row> {
    let rows = match word {
        Word::Config => return None,
        Word::Information => NOTICES,
        Word::Warning => WARNINGS,
        Word::Error => ERRORS,
        Word::Extension(1) => EXTENSION_1,
        Word::Extension(3) => EXTENSION_3,
        Word::Extension(_) => return None,
    };
    rows.iter().find(|row| row.mask == mask)
}

/// Does the card count as failed if the machine releases the job with these status words?
///
/// Warnings that concern only the next card (feeder empty after the last blank) do not count.
pub fn spoils_the_card(words: &StatusWords) -> bool {
    let errors =
        ERRORS.iter().filter(|row| row.level == Level::Error).fold(0, |all, row| all | row.mask);
    let warnings = warning::COOLING | warning::COVER_OPEN | warning::NO_RIBBON;
    words.error & errors != 0 || words.warning & warnings != 0
}

/// Is there a fault that a person must fix by hand while a job owns the machine? Overheating does not count, because it
/// passes by itself.
pub fn needs_operator(words: &StatusWords) -> bool {
    spoils_the_card(&StatusWords { warning: words.warning & !warning::COOLING, ..*words })
}

/// The meaning of one bit.
pub struct Row {
    mask: u32,
    /// Its IPP keyword.
    pub keyword: &'static str,
    /// Does it stop printing?
    pub level: Level,
    id: &'static str,
    en: &'static str,
}

impl Row {
    /// What is wrong and what to do.
    pub fn words(&self) -> Text {
        Text::fixed(self.id, self.en)
    }
}

const fn row(
    mask: u32,
    keyword: &'static str,
    level: Level,
    id: &'static str,
    en: &'static str,
) -> Row {
    Row { mask, keyword, level, id, en }
}

use Level::{Error as Stops, Report as Note, Warning as Warns};

#[rustfmt::skip]
const ERRORS: &[Row] = &[
    row(error::HEAD_TEMP, "marker-over-temperature", Stops, "Suhu kepala cetak salah. Matikan printer selama 10 menit; bila berulang, hubungi teknisi.", "The print head's temperature is wrong. Switch the printer off for 10 minutes; if it comes back, call the technician."),
    row(error::NO_OPTION, "configuration-change", Warns, "Perlengkapan yang diminta tidak terpasang. Periksa konfigurasi printer.", "An option that was asked for is not fitted. Check the printer's configuration."),
    row(error::FEEDER_ERROR, "media-needed", Stops, "Kartu tidak terambil dari wadah masuk. Rapikan atau isi kartu kosong, lalu tutup wadahnya.", "No card came from the feeder. Straighten or refill the blank cards and close the feeder."),
    row(error::RIBBON_ERROR, "marker-supply-missing", Stops, "Pita tidak terbaca atau putus. Buka penutup, pasang kembali pitanya.", "The ribbon cannot be read or is torn. Open the cover and put the ribbon in again."),
    row(error::COVER_OPEN, "cover-open", Stops, "Penutup printer terbuka. Tutup penutupnya.", "The printer's cover is open. Close it."),
    row(error::MECHANICAL, "media-jam", Stops, "Kartu tersangkut di dalam printer. Buka penutup, keluarkan kartunya, lalu tutup kembali.", "A card is stuck in the printer. Open the cover, take the card out, and close it."),
    row(error::REJECT_BOX_FULL, "output-area-full", Stops, "Wadah kartu gagal penuh. Kosongkan wadahnya.", "The reject box is full. Empty it."),
    row(error::BAD_RIBBON, "marker-supply-incompatible", Stops, "Pita tidak cocok dengan printer ini. Pasang pita yang benar.", "The ribbon does not fit this printer. Put in the right one."),
    row(error::RIBBON_ENDED, "marker-supply-empty", Stops, "Pita habis. Pasang pita baru.", "The ribbon has ended. Put in a new one."),
    row(error::HOPPER_FULL, "output-area-full", Stops, "Wadah kartu jadi penuh. Ambil kartunya.", "The output hopper is full. Take the cards out."),
    row(error::BLANK_TRACK, "other", Stops, "Pita magnetik kosong. Periksa jenis kartunya.", "The magnetic stripe is blank. Check the kind of card."),
    row(error::MAGNETIC_DATA, "other", Stops, "Data pita magnetik salah. Coba dengan kartu lain.", "The data on the magnetic stripe are wrong. Try another card."),
    row(error::READ_MAGNETIC, "other", Stops, "Pita magnetik tidak terbaca. Bersihkan kepala magnetik atau coba kartu lain.", "The magnetic stripe cannot be read. Clean the magnetic head or try another card."),
    row(error::WRITE_MAGNETIC, "other", Stops, "Pita magnetik tidak dapat ditulis. Periksa jenis kartu dan arah pitanya.", "The magnetic stripe cannot be written. Check the kind of card and which way it lies."),
    row(error::FEATURE, "configuration-change", Warns, "Fungsi printer tidak tersedia. Periksa konfigurasi printer.", "A function of the printer is not available. Check its configuration."),
    row(error::RET_TEMPERATURE, "fuser-under-temp", Warns, "Suhu alat pindah tidak sesuai. Tunggu beberapa menit.", "The retransfer unit is not at its temperature. Wait a few minutes."),
    row(error::CLEAR_ERROR, "marker-supply-missing", Stops, "Film pelapis bermasalah. Pasang kembali filmnya.", "Something is wrong with the clear film. Put it in again."),
    row(error::CLEAR_ENDED, "marker-supply-empty", Stops, "Film pelapis habis. Pasang film baru.", "The clear film has ended. Put in a new one."),
    row(error::BAD_CLEAR, "marker-supply-incompatible", Warns, "Film pelapis tidak cocok. Pasang film yang benar.", "The clear film does not fit. Put in the right one."),
    row(error::REJECT_BOX_COVER_OPEN, "output-cover-open", Warns, "Penutup wadah kartu gagal terbuka. Tutup penutupnya.", "The reject box is open. Close it."),
    row(error::CARD_ON_EJECT, "output-area-full", Warns, "Ada kartu di celah keluar. Ambil kartunya.", "A card lies in the exit slot. Take it."),
    row(error::NO_CARD_INSERTED, "media-needed", Warns, "Kartu belum dimasukkan. Masukkan satu kartu.", "No card was put in. Put one in."),
    row(error::FEEDER_OPEN, "input-cover-open", Stops, "Wadah kartu masuk terbuka. Tutup wadahnya.", "The feeder is open. Close it."),
    row(error::INTERNAL_PRINTER, "other", Warns, "Printer melaporkan gangguan dalam. Hubungi teknisi bila hasilnya buruk.", "The printer reports an internal fault. Call the technician if cards come out bad."),
    row(error::HARDWARE, "other", Warns, "Printer melaporkan gangguan perangkat keras. Hubungi teknisi bila hasilnya buruk.", "The printer reports a hardware fault. Call the technician if cards come out bad."),
];

#[rustfmt::skip]
const WARNINGS: &[Row] = &[
    row(warning::POWER_SUPPLY, "other", Warns, "Daya printer tidak sesuai. Pakai adaptor aslinya.", "The printer's power is not as it should be. Use its own power supply."),
    row(warning::REMOVE_RIBBON, "other", Stops, "Pita harus dikeluarkan dulu. Buka penutup dan keluarkan pitanya.", "The ribbon must be taken out first. Open the cover and take it out."),
    row(warning::RECEPTACLE_OPEN, "output-cover-open", Warns, "Wadah keluar terbuka. Tutup wadahnya.", "The receptacle is open. Close it."),
    row(warning::REJECT_BOX_FULL, "output-area-full", Stops, "Wadah kartu gagal penuh. Kosongkan wadahnya.", "The reject box is full. Empty it."),
    row(warning::CARD_ON_EJECT, "output-area-full", Stops, "Ada kartu di celah keluar. Ambil kartunya.", "A card lies in the exit slot. Take it."),
    row(warning::WAIT_CARD, "media-needed", Warns, "Printer menunggu kartu. Masukkan satu kartu.", "The printer waits for a card. Put one in."),
    row(warning::FEEDER_EMPTY, "media-empty", Stops, "Kartu kosong habis. Isi wadah kartu masuk.", "No blank cards are left. Fill the feeder."),
    row(warning::COOLING, "marker-over-temperature", Stops, "Kepala cetak sedang didinginkan. Tunggu; pencetakan akan lanjut sendiri.", "The print head is cooling. Wait; printing goes on by itself."),
    row(warning::HOPPER_FULL, "output-area-full", Stops, "Wadah kartu jadi penuh. Ambil kartunya.", "The output hopper is full. Take the cards out."),
    row(warning::RIBBON_ENDED, "marker-supply-empty", Stops, "Pita habis. Pasang pita baru.", "The ribbon has ended. Put in a new one."),
    row(warning::PRINTER_LOCKED, "other", Stops, "Printer terkunci. Buka kuncinya.", "The printer is locked. Unlock it."),
    row(warning::COVER_OPEN, "cover-open", Stops, "Penutup printer terbuka. Tutup penutupnya.", "The printer's cover is open. Close it."),
    row(warning::NO_RIBBON, "marker-supply-missing", Stops, "Tidak ada pita. Pasang pita.", "There is no ribbon. Put one in."),
    row(warning::UNSUPPORTED_RIBBON, "marker-supply-incompatible", Stops, "Pita tidak didukung printer ini. Pasang pita yang benar.", "This printer does not take this ribbon. Put in the right one."),
    row(warning::NO_CLEAR, "marker-supply-missing", Stops, "Tidak ada film pelapis. Pasang filmnya.", "There is no clear film. Put it in."),
    row(warning::CLEAR_END, "marker-supply-empty", Stops, "Film pelapis habis. Pasang film baru.", "The clear film has ended. Put in a new one."),
    row(warning::CLEAR_UNSUPPORTED, "marker-supply-incompatible", Warns, "Film pelapis tidak didukung. Pasang film yang benar.", "The clear film is not supported. Put in the right one."),
    row(warning::REJECT_BOX_COVER_OPEN, "output-cover-open", Warns, "Penutup wadah kartu gagal terbuka. Tutup penutupnya.", "The reject box is open. Close it."),
    row(warning::INF_RIBBON_COMPATIBLE, "marker-supply-incompatible", Warns, "Pita bukan jenis yang dianjurkan. Periksa hasil cetaknya.", "The ribbon is not the recommended kind. Look at the printed cards."),
    row(warning::FEEDER_OPEN, "input-cover-open", Stops, "Wadah kartu masuk terbuka. Tutup wadahnya.", "The feeder is open. Close it."),
    row(warning::EPS_NO_AUTO, "configuration-change", Warns, "Mode hemat daya tidak otomatis. Periksa konfigurasi printer.", "Power saving is not automatic. Check the printer's configuration."),
];

#[rustfmt::skip]
const NOTICES: &[Row] = &[
    row(information::UNKNOWN_RIBBON, "marker-supply-incompatible", Warns, "Jenis pita tidak dikenal. Periksa pitanya.", "The kind of ribbon is not known. Check it."),
    row(information::RIBBON_LOW, "marker-supply-low", Warns, "Pita hampir habis. Siapkan pita baru.", "The ribbon is nearly used up. Have a new one ready."),
    row(information::CLEANING_MANDATORY, "cleaning-needed", Warns, "Printer wajib dibersihkan. Jalankan kartu pembersih.", "The printer must be cleaned. Run a cleaning card."),
    row(information::CLEANING, "cleaning-needed", Note, "Printer sebaiknya dibersihkan. Jalankan kartu pembersih.", "The printer should be cleaned. Run a cleaning card."),
    row(information::CLEANING_ADVANCED, "cleaning-needed", Note, "Printer sebaiknya dibersihkan menyeluruh. Ikuti buku petunjuknya.", "The printer should have its thorough cleaning. Follow its manual."),
    row(information::CLEANING_REQUIRED, "cleaning-needed", Warns, "Printer perlu dibersihkan. Jalankan kartu pembersih.", "The printer needs cleaning. Run a cleaning card."),
    row(information::CLEAN_OUTWARRANTY, "cleaning-needed", Warns, "Garansi kepala cetak gugur karena tidak dibersihkan. Bersihkan sekarang.", "The print head's warranty is lost for want of cleaning. Clean now."),
    row(information::CLEAN_LAST_OUTWARRANTY, "cleaning-needed", Warns, "Ini pembersihan terakhir sebelum garansi gugur. Bersihkan sekarang.", "This is the last cleaning before the warranty is lost. Clean now."),
    row(information::WRONG_ZONE_RIBBON, "marker-supply-incompatible", Warns, "Pita berasal dari wilayah lain. Pesan pita untuk wilayah ini.", "The ribbon is for another region. Order ribbons for this one."),
    row(information::WRONG_ZONE_ALERT, "marker-supply-incompatible", Warns, "Pita wilayah lain hampir tidak boleh dipakai lagi. Ganti pitanya.", "A ribbon for another region will soon be refused. Change it."),
    row(information::WRONG_ZONE_EXPIRED, "marker-supply-incompatible", Stops, "Pita wilayah lain tidak diterima lagi. Pasang pita untuk wilayah ini.", "Ribbons for another region are no longer taken. Put in one for this region."),
    row(information::UPDATING_FIRMWARE, "other", Stops, "Perangkat lunak printer sedang diperbarui. Tunggu, jangan matikan printer.", "The printer is updating its firmware. Wait, and do not switch it off."),
];

/// Their effect on printing was not observed: they are reported, but stop nothing.
#[rustfmt::skip]
const EXTENSION_1: &[Row] = &[
    row(0x0000_0100, "media-low", Warns, "Kartu kosong hampir habis. Siapkan kartu kosong.", "Few blank cards are left. Have more ready."),
];

#[rustfmt::skip]
const EXTENSION_3: &[Row] = &[
    row(0x0000_0004, "cover-open", Note, "Penutup printer terbuka. Tutup penutupnya.", "The printer's cover is open. Close it."),
];

/// Bits that stop a print, as captured (Evolis wire notes, section 2).
#[cfg(test)]
pub const STOPS_WARNING: &[&str] = &[
    "COOLING",
    "COVER_OPEN",
    "NO_RIBBON",
    "REMOVE_RIBBON",
    "REJECT_BOX_FULL",
    "CARD_ON_EJECT",
    "FEEDER_EMPTY",
    "HOPPER_FULL",
    "RIBBON_ENDED",
    "PRINTER_LOCKED",
    "UNSUPPORTED_RIBBON",
    "NO_CLEAR",
    "CLEAR_END",
    "FEEDER_OPEN",
];
#[cfg(test)]
pub const STOPS_ERROR: &[&str] = &[
    "HEAD_TEMP",
    "FEEDER_ERROR",
    "RIBBON_ERROR",
    "COVER_OPEN",
    "MECHANICAL",
    "REJECT_BOX_FULL",
    "BAD_RIBBON",
    "RIBBON_ENDED",
    "HOPPER_FULL",
    "BLANK_TRACK",
    "MAGNETIC_DATA",
    "READ_MAGNETIC",
    "WRITE_MAGNETIC",
    "CLEAR_ERROR",
    "CLEAR_ENDED",
    "FEEDER_OPEN",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_warning_and_error_bit_has_its_trouble_once() {
        for (table, rows) in [(warning::TABLE, WARNINGS), (error::TABLE, ERRORS)] {
            for (mask, name) in table {
                let count = rows.iter().filter(|row| row.mask == mask).count();
                assert_eq!(count, usize::from(!name.starts_with("UNNAMED")), "{name}");
            }
        }
    }

    #[test]
    fn every_bit_alone_has_the_captured_effect_on_printing() {
        for (mask, name) in warning::TABLE {
            let words = StatusWords { warning: mask, ..StatusWords::default() };
            let stops = troubles(&words, &[]).iter().any(|t| t.level == Level::Error);
            assert_eq!(stops, STOPS_WARNING.contains(&name), "warning {name}");
            assert_eq!(
                spoils_the_card(&words),
                ["COOLING", "COVER_OPEN", "NO_RIBBON"].contains(&name),
                "{name}"
            );
        }
        for (mask, name) in error::TABLE {
            let words = StatusWords { error: mask, ..StatusWords::default() };
            let stops = troubles(&words, &[]).iter().any(|t| t.level == Level::Error);
            assert_eq!(stops, STOPS_ERROR.contains(&name), "error {name}");
            assert_eq!(spoils_the_card(&words), stops, "error {name}");
        }
    }

    #[test]
    fn an_open_cover_is_told_once_at_its_worst() {
        let words = StatusWords {
            warning: warning::COVER_OPEN,
            error: error::COVER_OPEN,
            information: information::RIBBON_LOW,
            ..StatusWords::default()
        };
        let found: Vec<_> = troubles(&words, &[]).iter().map(|t| (t.keyword, t.level)).collect();
        assert_eq!(found, [("cover-open", Level::Error), ("marker-supply-low", Level::Warning)]);
    }
}
