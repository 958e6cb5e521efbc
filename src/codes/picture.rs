//! Findings about a photo, and about a card while it is composed. Numbers in them are the rule's, never the person's.

use super::{Code, codes};

codes! {
    // The photo's file.
    E_PHOTO_FORMAT "photo" Correct
        "Foto tidak terbaca sebagai JPEG atau PNG. Simpan ulang sebagai JPEG dan kirim lagi."
        "The photo cannot be read as JPEG or PNG. Save it again as JPEG and send it again."
    E_PHOTO_TRUNCATED "photo" Correct
        "Berkas foto terpotong atau rusak. Kirim lagi berkas aslinya yang utuh."
        "The photo's file is cut short or damaged. Send the whole original file again."
    E_PHOTO_TOO_LARGE "photo" Correct
        "Berkas foto lebih dari {limit}. Perkecil lalu kirim lagi."
        "The photo's file is larger than {limit}. Make it smaller and send it again."
    E_PHOTO_TOO_SMALL "photo" Correct
        "Foto kurang dari {limit} piksel. Minta foto yang lebih besar."
        "The photo is smaller than {limit} pixels. Ask for a larger one."
    W_PHOTO_SMALL "photo" Acknowledge
        "Foto kurang dari {limit} piksel dan akan tampak kasar. Minta yang lebih besar bila ada."
        "The photo is smaller than {limit} pixels and will look coarse. Ask for a larger one if there is one."
    W_PHOTO_PROFILE "photo" Acknowledge
        "Profil warna foto tidak dapat dipakai, warnanya dapat meleset. Periksa pratinjau; setujui peringatan ini bila warnanya benar, atau simpan ulang foto sebagai sRGB."
        "The photo's colour profile cannot be used, its colours may be off. Check the preview; accept this warning if the colours are right, or save the photo again as sRGB."
    H_PHOTO_ORIENTATION "photo" Release
        "Berkas foto menyebut dua arah yang berbeda, sehingga foto dapat tercetak miring atau terbalik. Simpan ulang foto dalam keadaan tegak dan ajukan lagi."
        "The photo's file names two different orientations, so it could be printed on its side or upside down. Save it again upright and submit it again."
    // The photo's picture.
    H_PHOTO_BLANK "photo" Release
        "Sebagian besar foto hanya satu warna, seperti foto yang rusak. Buka foto aslinya, lalu ajukan lagi berkas yang utuh."
        "A large part of the photo is one plain colour, as in a damaged one. Look at the original and submit the whole file again."
    H_PHOTO_RATIO "photo" Release
        "Bentuk foto bukan 2x3, 3x4 atau 4x6 tegak. Potong ulang foto lalu ajukan lagi."
        "The photo is not an upright 2x3, 3x4 or 4x6. Crop it again and submit it again."
    H_PHOTO_DARK "photo" Release
        "Foto terlalu gelap. Minta foto yang lebih terang."
        "The photo is too dark. Ask for a brighter one."
    H_PHOTO_BRIGHT "photo" Release
        "Foto terlalu terang. Minta foto yang tidak silau."
        "The photo is too bright. Ask for one that is not overexposed."
    H_PHOTO_FLAT "photo" Release
        "Foto hampir tanpa kontras. Periksa apakah ada wajah di dalamnya, atau minta foto lain."
        "The photo has almost no contrast. Check that there is a face in it, or ask for another."
    H_PHOTO_GREY "photo" Release
        "Foto hitam putih. Minta foto berwarna."
        "The photo is black and white. Ask for a colour photo."
    W_PHOTO_SOFT "photo" Acknowledge
        "Foto tampak kabur. Minta foto yang lebih tajam bila ada."
        "The photo looks blurred. Ask for a sharper one if there is one."
    W_PHOTO_BACKGROUND "photo" Acknowledge
        "Latar foto tampaknya bukan {expected}. Periksa foto; setujui peringatan ini bila fotonya benar."
        "The photo's background does not look {expected}. Check it; accept this warning if the photo is right."
    // The card.
    H_TEXT_OVERFLOW "fields.*" MendOrRepost
        "Isi {name} terlalu panjang untuk kartu. Tentukan singkatan yang sah, lalu ajukan lagi."
        "{name} is too long for the card. Decide on a lawful abbreviation and submit it again."
    H_GLYPH_MISSING "fields.*" MendOrRepost
        "Isi {name} memuat huruf yang tidak dapat dicetak. Periksa ejaannya di data asal."
        "{name} holds a letter that cannot be printed. Check its spelling in the source data."
    H_CODE_TOO_LONG "fields.*" MendOrRepost
        "Isi kode {name} terlalu panjang untuk dicetak. Minta isi yang lebih pendek dari sistem asal."
        "The code {name} is too long to be printed. Ask upstream for a shorter one."
    H_CODE_CHARACTER "fields.*" MendOrRepost
        "Isi {name} memuat huruf yang tidak ada dalam kode batang. Pakai huruf dan angka biasa."
        "{name} holds a character that the bar code does not have. Use plain letters and digits."
    H_SIGNATURE_BROKEN "" Mend
        "Gambar tanda tangan kantor tidak terbaca. Pasang lagi berkas PNG-nya di profil kantor."
        "The office's signature picture cannot be read. Install its PNG file in the office profile again."
    H_PHOTO_MISSING "photo" MendOrRepost
        "Kartu ini memerlukan pas foto, tetapi fotonya tidak ada. Ajukan lagi dengan foto."
        "This card needs a photo and there is none. Submit it again with the photo."
    H_RECORD_MISSING "" Mend
        "Kartu ini memuat rekaman bertanda tangan, tetapi rekamannya tidak dibuat. Hubungi teknisi."
        "This card shows a signed record and none was made. Call the technician."
    H_RECORD_TOO_LONG "" MendOrRepost
        "Rekaman bertanda tangan tidak muat dalam QR kartu ini. Pendekkan data yang masuk rekaman, atau minta teknisi memperbesar QR pada muka kartu."
        "The signed record does not fit into the QR code of this card. Shorten what goes into it, or have the technician enlarge the code on the face."
    H_NO_FACE "" Mend
        "Gambar muka kartu untuk tata letak ini tidak ada. Periksa folder produk."
        "There is no face for this layout. Check the product's folder."
}
