//! The sentences about photos. Numbers are the rule's, never the person's.

use drivers::words::Words;

use crate::finding::Finding;
use crate::product::Backdrop;

const PHOTO: &str = "photo";

fn finding(code: &str, id: impl Into<String>, en: impl Into<String>) -> Finding {
    Finding::at(PHOTO, code, Words::new(id, en))
}

pub(super) fn format() -> Finding {
    finding(
        "E_PHOTO_FORMAT",
        "Foto tidak terbaca sebagai JPEG atau PNG. Simpan ulang sebagai JPEG dan kirim lagi.",
        "The photo cannot be read as JPEG or PNG. Save it again as JPEG and send it again.",
    )
}

/// A sound file of a kind that few programs write.
pub(super) fn unusual() -> Finding {
    finding(
        "E_PHOTO_FORMAT",
        "Berkas foto ini dari jenis yang tidak dibaca (misalnya CMYK, 12 bit atau kode aritmetika). Simpan ulang sebagai JPEG biasa (RGB, 8 bit) dan kirim lagi.",
        "The photo's file is of a kind that is not read (such as CMYK, 12 bits or arithmetic coding). Save it again as an ordinary JPEG (RGB, 8 bits) and send it again.",
    )
}

pub(super) fn truncated() -> Finding {
    finding(
        "E_PHOTO_TRUNCATED",
        "Berkas foto terpotong atau rusak. Kirim lagi berkas aslinya yang utuh.",
        "The photo's file is cut short or damaged. Send the whole original file again.",
    )
}

pub(super) fn too_much_memory() -> Finding {
    finding(
        "E_PHOTO_TOO_LARGE",
        "Foto terlalu besar untuk jenis berkasnya (progresif atau interlaced). Perkecil, atau simpan ulang sebagai JPEG biasa, lalu kirim lagi.",
        "The photo is too large for its kind of file (progressive or interlaced). Make it smaller or save it again as an ordinary JPEG, and send it again.",
    )
}

pub(super) fn orientation() -> Finding {
    finding(
        "H_PHOTO_ORIENTATION",
        "Berkas foto menyebut dua arah yang berbeda, sehingga foto dapat tercetak miring atau terbalik. Simpan ulang foto dalam keadaan tegak dan ajukan lagi.",
        "The photo's file names two different orientations, so it could be printed on its side or upside down. Save it again upright and submit it again.",
    )
}

pub(super) fn profile() -> Finding {
    finding(
        "W_PHOTO_PROFILE",
        "Profil warna foto tidak dapat dipakai, warnanya dapat meleset. Periksa pratinjau; setujui peringatan ini bila warnanya benar, atau simpan ulang foto sebagai sRGB.",
        "The photo's colour profile cannot be used, its colours may be off. Check the preview; accept this warning if the colours are right, or save the photo again as sRGB.",
    )
}

pub(super) fn blank() -> Finding {
    finding(
        "H_PHOTO_BLANK",
        "Sebagian besar foto hanya satu warna, seperti foto yang rusak. Buka foto aslinya, lalu ajukan lagi berkas yang utuh.",
        "A large part of the photo is one plain colour, as in a damaged one. Look at the original and submit the whole file again.",
    )
}

pub(super) fn file_too_large(max_bytes: usize) -> Finding {
    let kib = max_bytes / 1024;
    finding(
        "E_PHOTO_TOO_LARGE",
        format!("Berkas foto lebih dari {kib} KiB. Perkecil lalu kirim lagi."),
        format!("The photo's file is larger than {kib} KiB. Make it smaller and send it again."),
    )
}

pub(super) fn too_many_pixels(max_side: u32) -> Finding {
    finding(
        "E_PHOTO_TOO_LARGE",
        format!("Sisi foto lebih dari {max_side} piksel. Perkecil lalu kirim lagi."),
        format!(
            "A side of the photo is longer than {max_side} pixels. Make it smaller and send it again."
        ),
    )
}

pub(super) fn too_small(width: u32, height: u32) -> Finding {
    finding(
        "E_PHOTO_TOO_SMALL",
        format!("Foto kurang dari {width} x {height} piksel. Minta foto yang lebih besar."),
        format!("The photo is smaller than {width} x {height} pixels. Ask for a larger one."),
    )
}

pub(super) fn small(width: u32, height: u32) -> Finding {
    finding(
        "W_PHOTO_SMALL",
        format!(
            "Foto kurang dari {width} x {height} piksel dan akan tampak kasar. Minta yang lebih besar bila ada."
        ),
        format!(
            "The photo is smaller than {width} x {height} pixels and will look coarse. Ask for a larger one if there is one."
        ),
    )
}

pub(super) fn ratio() -> Finding {
    finding(
        "H_PHOTO_RATIO",
        "Bentuk foto bukan 2x3, 3x4 atau 4x6 tegak. Potong ulang foto lalu ajukan lagi.",
        "The photo is not an upright 2x3, 3x4 or 4x6. Crop it again and submit it again.",
    )
}

pub(super) fn dark() -> Finding {
    finding(
        "H_PHOTO_DARK",
        "Foto terlalu gelap. Minta foto yang lebih terang.",
        "The photo is too dark. Ask for a brighter one.",
    )
}

pub(super) fn bright() -> Finding {
    finding(
        "H_PHOTO_BRIGHT",
        "Foto terlalu terang. Minta foto yang tidak silau.",
        "The photo is too bright. Ask for one that is not overexposed.",
    )
}

pub(super) fn flat() -> Finding {
    finding(
        "H_PHOTO_FLAT",
        "Foto hampir tanpa kontras. Periksa apakah ada wajah di dalamnya, atau minta foto lain.",
        "The photo has almost no contrast. Check that there is a face in it, or ask for another.",
    )
}

pub(super) fn soft() -> Finding {
    finding(
        "W_PHOTO_SOFT",
        "Foto tampak kabur. Minta foto yang lebih tajam bila ada.",
        "The photo looks blurred. Ask for a sharper one if there is one.",
    )
}

pub(super) fn grey() -> Finding {
    finding(
        "H_PHOTO_GREY",
        "Foto hitam putih. Minta foto berwarna.",
        "The photo is black and white. Ask for a colour photo.",
    )
}

pub(super) fn backdrop(expected: Backdrop) -> Finding {
    let (id, en) = match expected {
        Backdrop::Red => ("merah (tahun lahir ganjil)", "red (odd year of birth)"),
        Backdrop::Blue => ("biru (tahun lahir genap)", "blue (even year of birth)"),
    };
    finding(
        "W_PHOTO_BACKGROUND",
        format!(
            "Latar foto tampaknya bukan {id}. Periksa foto; setujui peringatan ini bila fotonya benar."
        ),
        format!(
            "The photo's background does not look {en}. Check it; accept this warning if the photo is right."
        ),
    )
}
