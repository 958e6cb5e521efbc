//! The sentences of the composer's findings, in one place. Names fields, never what they hold.

use drivers::words::Words;

use crate::finding::Finding;

/// The field as the job names it.
fn field(name: &str) -> String {
    format!("fields.{name}")
}

/// A text that does not fit even at its smallest size.
pub(super) fn overflow(name: &str) -> Finding {
    let words = Words::new(
        format!(
            "Isi {name} terlalu panjang untuk kartu. Tentukan singkatan yang sah, lalu ajukan lagi."
        ),
        format!(
            "{name} is too long for the card. Decide on a lawful abbreviation and submit it again."
        ),
    );
    Finding::at(field(name), "H_TEXT_OVERFLOW", words)
}

/// A letter that the font lacks.
pub(super) fn missing_glyph(name: &str) -> Finding {
    let words = Words::new(
        format!("Isi {name} memuat huruf yang tidak dapat dicetak. Periksa ejaannya di data asal."),
        format!(
            "{name} holds a letter that cannot be printed. Check its spelling in the source data."
        ),
    );
    Finding::at(field(name), "H_GLYPH_MISSING", words)
}

/// A code with more than its symbol or slot can hold.
pub(super) fn code_too_long(name: &str) -> Finding {
    let words = Words::new(
        format!(
            "Isi kode {name} terlalu panjang untuk dicetak. Minta isi yang lebih pendek dari sistem asal."
        ),
        format!("The code {name} is too long to be printed. Ask upstream for a shorter one."),
    );
    Finding::at(field(name), "H_CODE_TOO_LONG", words)
}

/// A character that a bar code has no sign for.
pub(super) fn code_character(name: &str) -> Finding {
    let words = Words::new(
        format!(
            "Isi {name} memuat huruf yang tidak ada dalam kode batang. Pakai huruf dan angka biasa."
        ),
        format!(
            "{name} holds a character that the bar code does not have. Use plain letters and digits."
        ),
    );
    Finding::at(field(name), "H_CODE_CHARACTER", words)
}

/// The office's signature picture cannot be read.
pub(super) fn signature_broken() -> Finding {
    let words = Words::fixed(
        "Gambar tanda tangan kantor tidak terbaca. Pasang lagi berkas PNG-nya di profil kantor.",
        "The office's signature picture cannot be read. Install its PNG file in the office profile again.",
    );
    Finding::whole("H_SIGNATURE_BROKEN", words)
}

/// A face with a photo slot and no photo.
pub(super) fn photo_missing() -> Finding {
    let words = Words::fixed(
        "Kartu ini memerlukan pas foto, tetapi fotonya tidak ada. Ajukan lagi dengan foto.",
        "This card needs a photo and there is none. Submit it again with the photo.",
    );
    Finding::at("photo", "H_PHOTO_MISSING", words)
}

/// A face that shows the record, and no record.
pub(super) fn record_missing() -> Finding {
    let words = Words::fixed(
        "Kartu ini memuat rekaman bertanda tangan, tetapi rekamannya tidak dibuat. Hubungi teknisi.",
        "This card shows a signed record and none was made. Call the technician.",
    );
    Finding::whole("H_RECORD_MISSING", words)
}

/// A record larger than its place on the face.
pub(super) fn record_too_long() -> Finding {
    let words = Words::fixed(
        "Rekaman bertanda tangan tidak muat dalam QR kartu ini. Pendekkan data yang masuk rekaman, atau minta teknisi memperbesar QR pada muka kartu.",
        "The signed record does not fit into the QR code of this card. Shorten what goes into it, or have the technician enlarge the code on the face.",
    );
    Finding::whole("H_RECORD_TOO_LONG", words)
}
