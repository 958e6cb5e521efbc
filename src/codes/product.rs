//! Findings of a product's rules: fields, documents, photo, office, recommendation. In the order of the documentation;
//! a product's description lists the codes that its jobs can get in this order.

use super::{Code, codes};

/// The code of this name, if a product's rules have it; `product.toml` may name only those.
pub fn find(code: &str) -> Option<&'static Code> {
    TABLE.iter().find(|known| known.code == code)
}

codes! {
    // The envelope.
    E_PRODUCT "product" Correct
        "Jenis kartu ini tidak tersedia; yang paling mirip: {nearest}. Perbaiki isian product."
        "There is no such kind of card; the nearest is {nearest}. Correct the product."
    E_REF "ref" Correct
        "Nomor permohonan (ref) harus 1-40 karakter: A-Z, 0-9, garis miring atau tanda hubung. Perbaiki nomornya."
        "The application number (ref) must be 1-40 characters: A-Z, 0-9, slash or hyphen. Correct the number."
    E_REASON "reason" Correct
        "Alasan penerbitan tidak dikenal; pilih salah satu: {expected}."
        "The reason of issue is not known; choose one of: {expected}."
    E_FIELD_UNKNOWN "fields" Correct
        "Satu kolom ({length} huruf) tidak dikenal; yang paling mirip: {nearest}. Perbaiki nama kolom atau hapus."
        "A field ({length} characters) is not known; the nearest is {nearest}. Correct its name or remove it."
    E_ATTACHMENT_REQUIRED "attachments" Correct
        "Berkas {label} belum ada. Lampirkan jenis dan SHA-256 berkas itu."
        "The paper {label} is missing. Attach its kind and SHA-256."
    E_ATTACHMENT_UNKNOWN "attachments" Correct
        "Jenis berkas tidak dikenal; pilih salah satu: {expected}."
        "The kind of paper is not known; choose one of: {expected}."
    E_ATTACHMENT_HASH "attachments" Correct
        "SHA-256 berkas harus 64 angka heksadesimal. Hitung ulang dari berkasnya."
        "The SHA-256 of a paper must be 64 hexadecimal digits. Compute it again from the file."
    // Any field.
    E_REQUIRED "fields.*" Correct
        "{label} harus diisi."
        "{label} must be filled in."
    E_FORMAT "fields.*, recommendation.*" Correct
        "{label} harus berupa {expected}. Perbaiki isiannya."
        "{label} must be {expected}. Correct it."
    E_LENGTH "fields.*, attachments, recommendation" Correct
        "Panjang {label} harus {limit} karakter. Perbaiki isiannya."
        "{label} must be {limit} characters long. Correct it."
    E_ENUM "fields.*" Correct
        "{label} tidak ada dalam daftar; pilih salah satu: {expected}."
        "{label} is not in the list; choose one of: {expected}."
    E_DATE_PAST "fields.*" Correct
        "{label} sudah lewat. Isi tanggal yang masih akan datang."
        "{label} is already past. Give a date that is still to come."
    H_TEXT_LONG "fields.*" Release
        "{label} lebih dari {limit} karakter. Periksa pada pratinjau apakah semuanya tercetak."
        "{label} is longer than {limit} characters. See in the preview whether all of it is printed."
    H_FOREIGN_LETTER "fields.*" Release
        "{label} memuat huruf atau angka yang bukan Latin biasa, mungkin yang menyerupainya. Petugas harus membandingkannya dengan berkas."
        "{label} has a letter or digit that is not an ordinary Latin one, perhaps one that looks like it. A person must compare it with the papers."
    // Numbers of the civil registration (DOMAIN 3.1-3.3).
    E_NIK_LEN "fields.*" Correct
        "NIK harus tepat 16 angka. Periksa NIK pada Kartu Keluarga."
        "The NIK must be exactly 16 digits. Compare it with the family card."
    E_NIK_DATE "fields.*" Correct
        "Tanggal di dalam NIK tidak ada di kalender. Periksa NIK pada Kartu Keluarga."
        "The date inside the NIK does not exist. Compare the NIK with the family card."
    E_NIK_SERIAL "fields.*" Correct
        "Nomor urut NIK tidak boleh 0000. Periksa NIK pada Kartu Keluarga."
        "The serial of the NIK cannot be 0000. Compare the NIK with the family card."
    W_NIK_AREA "fields.*" Acknowledge
        "Kode wilayah di awal NIK tidak dikenal. Periksa NIK, lalu setujui peringatan ini bila benar."
        "The area code that begins the NIK is not known. Check the NIK and acknowledge the warning if it is right."
    W_NIK_SEX "fields.*" Acknowledge
        "NIK dan jenis kelamin tidak sejalan. Periksa keduanya, lalu setujui peringatan ini bila benar."
        "The NIK and the sex do not agree. Check both and acknowledge the warning if they are right."
    W_NIK_DOB "fields.*" Acknowledge
        "NIK dan tanggal lahir tidak sejalan. Periksa keduanya, lalu setujui peringatan ini bila benar; NIK tidak diganti."
        "The NIK and the date of birth do not agree. Check both and acknowledge the warning if they are right; a NIK is never replaced."
    E_KK_LEN "fields.*" Correct
        "Nomor Kartu Keluarga harus tepat 16 angka. Periksa pada Kartu Keluarga."
        "The family card number must be exactly 16 digits. Compare it with the family card."
    W_KK_DATE "fields.*" Acknowledge
        "Tanggal di dalam nomor Kartu Keluarga tidak ada di kalender. Periksa, lalu setujui peringatan ini bila benar."
        "The date inside the family card number does not exist. Check it and acknowledge the warning if it is right."
    W_AKTA_DATE "fields.*" Acknowledge
        "Tanggal di dalam nomor akta kelahiran tidak ada atau sebelum tanggal lahir. Periksa, lalu setujui peringatan ini bila benar."
        "The date inside the birth certificate number does not exist or is before the birth. Check it and acknowledge the warning if it is right."
    // Names (Permendagri 73/2022; older names stay valid).
    W_NAME_ONE_WORD "fields.*" Acknowledge
        "{label} hanya satu kata. Periksa pada akta, lalu setujui peringatan ini bila benar."
        "{label} is a single word. Compare it with the certificate and acknowledge the warning if it is right."
    W_NAME_PUNCTUATION "fields.*" Acknowledge
        "{label} memuat tanda baca. Periksa pada akta, lalu setujui peringatan ini bila benar."
        "{label} contains punctuation. Compare it with the certificate and acknowledge the warning if it is right."
    H_NAME_DIGITS "fields.*" Release
        "{label} memuat angka. Petugas harus memeriksanya pada akta."
        "{label} contains digits. A person must compare it with the certificate."
    H_NAME_CHARACTER "fields.*" Release
        "{label} memuat karakter di luar huruf Latin. Petugas harus memeriksanya pada akta."
        "{label} contains a character that is not a Latin letter. A person must compare it with the certificate."
    H_NAME_LONG "fields.*" Release
        "{label} lebih dari {limit} karakter. Petugas harus memeriksanya pada akta dan pratinjau."
        "{label} is longer than {limit} characters. A person must compare it with the certificate and the preview."
    // Age, kind and validity (DOMAIN 5).
    E_BIRTH_AFTER_ISSUE "fields.*" Correct
        "Tanggal lahir sesudah tanggal terbit. Periksa kedua tanggal."
        "The date of birth is after the date of issue. Check both dates."
    E_AGE "fields.*" Correct
        "Usia pada tanggal terbit melampaui batas kartu ini. Periksa tanggal lahir atau terbitkan kartu lain."
        "The age on the date of issue is beyond what this card is for. Check the date of birth or issue another card."
    E_AGE_17 "fields.*" Correct
        "Anak sudah berusia 17 tahun pada tanggal terbit: terbitkan KTP-el, bukan KIA. Periksa tanggal lahir."
        "The child is 17 on the date of issue: issue a KTP-el, not a KIA. Check the date of birth."
    E_KIND_MISMATCH "fields.*" Correct
        "{label} yang dikirim berbeda dari hasil hitungan usia. Hapus kolom itu atau periksa tanggal lahir dan tanggal terbit."
        "{label} as sent differs from what the age gives. Remove the field, or check the dates of birth and issue."
    H_KIND_CHANGED "fields.*" MendOrRepost
        "Jenis kartu berubah karena usia sejak permohonan diterima. Petugas harus memeriksa tanggal lahir dan jam komputer."
        "The kind of card has changed with the age since the job was accepted. A person must check the date of birth and the computer's clock."
    W_VALIDITY_ONE_DAY "fields.*" Acknowledge
        "{label} yang dikirim berbeda satu hari dari hitungan; hasil hitungan yang dicetak. Setujui peringatan ini bila benar."
        "{label} as sent is one day off what is computed; the computed date is printed. Acknowledge the warning if it is right."
    H_VALIDITY "fields.*" Release
        "{label} yang dikirim berbeda dari hitungan. Petugas harus memeriksa tanggal lahir dan tanggal terbit."
        "{label} as sent differs from what is computed. A person must check the dates of birth and issue."
    H_VALIDITY_PAST "fields.*" Repost
        "Masa berlaku berakhir sebelum tanggal terbit. Petugas harus memeriksa izin tinggal dan tanggal terbit."
        "The card would end before it is issued. A person must check the stay permit and the date of issue."
    W_VALIDITY_SHORT "fields.*" Acknowledge
        "Kartu ini hanya berlaku {limit} hari atau kurang. Pertimbangkan menunggu jenis berikutnya, atau setujui peringatan ini."
        "This card is good for {limit} days or fewer. Consider waiting for the next kind, or acknowledge the warning."
    H_ISSUE_FUTURE "fields.*" Release
        "Tanggal terbit belum tiba. Petugas harus memeriksa tanggal terbit dan jam komputer."
        "The date of issue has not come yet. A person must check it and the clock of the computer."
    H_ISSUE_OLD "fields.*" Release
        "Tanggal terbit lebih dari {limit} hari yang lalu. Petugas harus memastikan kartu ini masih perlu dicetak."
        "The date of issue is more than {limit} days ago. A person must confirm that this card is still to be printed."
    // What a reason or a citizenship demands (DOMAIN 2.1).
    E_ITAP_REQUIRED "fields.*" Correct
        "Anak warga negara asing: isi tanggal akhir ITAP."
        "A foreign child: give the date on which the stay permit (ITAP) ends."
    E_POLICE_REPORT "fields.*" Correct
        "Kartu hilang: isi nomor laporan polisi."
        "The card was lost: give the number of the police report."
    H_OLD_CARD "fields.*" Release
        "Kartu rusak: kartu lama belum dicatat kembali (isian \"{label}\"). Petugas harus menerima kartu lama dahulu."
        "The card was damaged: the old card is not noted as returned (field \"{label}\"). A person must take the old card first."
    // Photo.
    E_PHOTO_REQUIRED "photo" Correct
        "Kartu ini memerlukan pas foto. Kirim foto JPEG atau PNG."
        "This card needs a photo. Send a JPEG or PNG."
    W_PHOTO_IGNORED "photo" Acknowledge
        "Kartu ini dicetak tanpa foto; foto yang dikirim tidak dipakai. Setujui peringatan ini bila benar."
        "This card is printed without a photo; the one sent is not used. Acknowledge the warning if that is right."
    // The office (DOMAIN 2.5, 4).
    W_DISTRICT_UNKNOWN "fields.*" Acknowledge
        "{label} tidak ada dalam daftar kantor ini. Periksa ejaannya, lalu setujui peringatan ini bila benar."
        "{label} is not in the list of this office. Check the spelling and acknowledge the warning if it is right."
    E_OFFICIAL_UNKNOWN "fields.*" Correct
        "Pejabat ini tidak ada dalam profil kantor; pilih salah satu: {expected}."
        "This official is not in the office profile; choose one of: {expected}."
    E_TTE_REQUIRED "fields.*" Correct
        "Kantor ini memakai tanda tangan elektronik: kirim isi QR dari sistem asal."
        "This office signs electronically: send the QR content from the upstream system."
    H_TTE_TOO_LONG "fields.*" Release
        "Isi QR tanda tangan elektronik lebih dari {limit} bita. Petugas harus memeriksa apakah QR masih terbaca."
        "The QR content of the electronic signature is longer than {limit} bytes. A person must check that the QR can be read."
    W_TTE_IGNORED "fields.*" Acknowledge
        "Kantor ini tidak mencetak QR tanda tangan elektronik; isi QR tidak dipakai. Setujui peringatan ini bila benar."
        "This office prints no electronic signature QR; the content is not used. Acknowledge the warning if that is right."
    // The magnetic stripe (ISO/IEC 7811-2 and -6).
    E_TRACK_CHARACTER "fields.*" Correct
        "{label} memuat karakter yang tidak dapat ditulis pada trek {track} pita magnetik. Perbaiki isiannya."
        "{label} has a character that cannot be written on track {track} of the magnetic stripe. Correct it."
    E_TRACK_LENGTH "fields.*" Correct
        "{label} tidak muat pada trek {track} pita magnetik, atau kosong (batas {limit} karakter). Perbaiki isiannya."
        "{label} does not fit on track {track} of the magnetic stripe, or is empty (limit {limit} characters). Correct it."
    // The recommendation (DOMAIN 7.2).
    E_RECOMMENDATION_REQUIRED "recommendation" Correct
        "Rekomendasi Kasi belum ada. Mintakan rekomendasi sebelum mengirim permohonan cetak."
        "The section head's recommendation is missing. Obtain it before asking for the card."
    E_RECOMMENDATION_REFUSED "recommendation.keputusan" Correct
        "Rekomendasi Kasi bukan SETUJU. Kartu tidak boleh dicetak; tanyakan kepada Kasi."
        "The section head's recommendation is not SETUJU. The card may not be printed; ask the section head."
    E_RECOMMENDATION_EXPIRED "recommendation.kadaluarsa" Correct
        "Rekomendasi Kasi sudah kadaluarsa. Mintakan rekomendasi baru."
        "The section head's recommendation has expired. Obtain a new one."
    E_RECOMMENDATION_AHEAD "recommendation.pada" Correct
        "Menurut jam stasiun ini, keputusan Kasi (pada) belum terjadi. Periksa zona waktunya (2026-03-02T09:00:00+07:00) dan jam kedua komputer, lalu kirim lagi."
        "By this station's clock the section head's decision (pada) lies ahead. See to its time zone (2026-03-02T09:00:00+07:00) and to the clocks of both computers, then post it again."
    H_RECOMMENDATION_NUMBER "recommendation.nomor" Repost
        "Rekomendasi Kasi tidak bernomor, jadi tidak dapat dibedakan dari yang lain. Mintakan rekomendasi dengan nomornya sendiri (nomor)."
        "The section head's recommendation has no number, so that nobody can tell it from another. Obtain one with a number of its own (nomor)."
    H_RECOMMENDATION_OFFICER "recommendation.oleh" Repost
        "Rekomendasi Kasi tidak menyebut siapa yang memutuskan: {label} kosong. Mintakan rekomendasi yang lengkap (oleh)."
        "The section head's recommendation does not say who decided: {label} is empty. Obtain a whole one (oleh)."
    H_RECOMMENDATION_CHECK "recommendation.daftar_periksa" Repost
        "Rekomendasi Kasi tidak menyatakan {label} sudah diperiksa dan benar. Mintakan rekomendasi yang menyatakannya (daftar_periksa: true)."
        "The section head's recommendation does not say that {label} was compared and is right. Obtain one that does (daftar_periksa: true)."
    H_RECOMMENDATION_HASH "recommendation.hash_data" Repost
        "Hash data pada rekomendasi Kasi (hash_data) bukan SHA-256 yang sebenarnya. Hitung dari datanya, lalu mintakan rekomendasi lagi."
        "The hash of the data in the section head's recommendation (hash_data) is no real SHA-256. Compute it from the data and obtain the recommendation again."
    H_RECOMMENDATION_EXPIRED "recommendation.kadaluarsa" MendOrRepost
        "Rekomendasi Kasi kadaluarsa sebelum kartunya dicetak. Mintakan rekomendasi baru; bila jam komputer salah, betulkan jamnya."
        "The section head's recommendation expired before the card was printed. Obtain a new one; if the computer's clock is wrong, set it right."
}
