//! The findings about photos: the registry's sentences, with the rules' numbers in them, and what differs from them.

use drivers::text::Text;

use crate::codes::Code;
use crate::codes::picture::{
    E_PHOTO_FORMAT, E_PHOTO_TOO_LARGE, E_PHOTO_TOO_SMALL, W_PHOTO_BACKGROUND, W_PHOTO_SMALL,
};
use crate::finding::Finding;
use crate::product::Backdrop;

const PHOTO: &str = "photo";

/// What the registry says, as it stands.
pub(super) fn plain(code: &Code) -> Finding {
    code.at(PHOTO, &[])
}

/// A sound file of a kind that few programs write.
pub(super) fn unusual() -> Finding {
    let words = Text::fixed(
        "Berkas foto ini dari jenis yang tidak dibaca (misalnya CMYK, 12 bit atau kode aritmetika). Simpan ulang sebagai JPEG biasa (RGB, 8 bit) dan kirim lagi.",
        "The photo's file is of a kind that is not read (such as CMYK, 12 bits or arithmetic coding). Save it again as an ordinary JPEG (RGB, 8 bits) and send it again.",
    );
    Finding::at(PHOTO, E_PHOTO_FORMAT.code, words)
}

/// A file of a kind that takes more memory than its size says.
pub(super) fn too_much_memory() -> Finding {
    let words = Text::fixed(
        "Foto terlalu besar untuk jenis berkasnya (progresif atau interlaced). Perkecil, atau simpan ulang sebagai JPEG biasa, lalu kirim lagi.",
        "The photo is too large for its kind of file (progressive or interlaced). Make it smaller or save it again as an ordinary JPEG, and send it again.",
    );
    Finding::at(PHOTO, E_PHOTO_TOO_LARGE.code, words)
}

pub(super) fn file_too_large(max_bytes: usize) -> Finding {
    let limit = format!("{} KiB", max_bytes / 1024);
    E_PHOTO_TOO_LARGE.at(PHOTO, &[("{limit}", &Text::new(limit.clone(), limit))])
}

pub(super) fn too_many_pixels(max_side: u32) -> Finding {
    let words = Text::new(
        format!("Sisi foto lebih dari {max_side} piksel. Perkecil lalu kirim lagi."),
        format!(
            "A side of the photo is longer than {max_side} pixels. Make it smaller and send it again."
        ),
    );
    Finding::at(PHOTO, E_PHOTO_TOO_LARGE.code, words)
}

pub(super) fn too_small(width: u32, height: u32) -> Finding {
    E_PHOTO_TOO_SMALL.at(PHOTO, &[("{limit}", &size(width, height))])
}

pub(super) fn small(width: u32, height: u32) -> Finding {
    W_PHOTO_SMALL.at(PHOTO, &[("{limit}", &size(width, height))])
}

fn size(width: u32, height: u32) -> Text {
    let size = format!("{width} x {height}");
    Text::new(size.clone(), size)
}

pub(super) fn backdrop(expected: Backdrop) -> Finding {
    let expected = match expected {
        Backdrop::Red => Text::fixed("merah (tahun lahir ganjil)", "red (odd year of birth)"),
        Backdrop::Blue => Text::fixed("biru (tahun lahir genap)", "blue (even year of birth)"),
    };
    W_PHOTO_BACKGROUND.at(PHOTO, &[("{expected}", &expected)])
}
