//! Findings on a job's way to the printer and after it, and about its relation to other jobs.

use super::{Code, codes};

codes! {
    // Other jobs in the ledger.
    W_SAME_HOLDER "fields.*" Acknowledge
        "Pemegang kartu ini sudah punya kartu atau pekerjaan lain. Bila kartu itu diganti, kirim dengan replaces; bila memang perlu kartu kedua, setujui peringatan ini."
        "The holder of this card has another card or job already. If that card is replaced, send this with replaces; if a second card is really wanted, acknowledge the warning."
    H_LEDGER_RESTORED "" Release
        "Buku besar dipasang kembali dari salinan: kartu ini mungkin sudah pernah dicetak. Cari kartunya dahulu."
        "The ledger was put back from a copy: this card may have been printed already. Look for it first."
    H_CARDS_UNACCOUNTED "" Release
        "Saat stasiun mati, printer mengeluarkan kartu yang tidak ada di buku besar. Bila itu kartu uji atau kartu dari komputer lain, catat (kartud blanks test). Bila buku besar dipasang kembali dari salinan lama, kartu ini mungkin sudah dicetak: cari kartunya."
        "While the station was off, the printer moved cards that are not in the ledger. If they were test cards, or another computer's, enter them (kartud blanks test). If the ledger was put back from an older copy, this card may have been printed: look for it."
    // Waiting.
    H_STALE "" Release
        "Pekerjaan ini menunggu terlalu lama. Pastikan kartunya masih diperlukan."
        "This job has waited too long. Make sure that its card is still wanted."
    H_CLOCK "" Mend
        "Jam komputer melompat, jadi batas waktu mungkin salah dihitung. Betulkan jamnya."
        "The computer's clock jumped, so the time limits may be wrong. Set the clock right."
    H_DATA_DAMAGED "" Repost
        "Data pekerjaan yang tersimpan rusak di cakram, jadi tidak dicetak. Teknisi harus memeriksa cakram."
        "The job's stored data are damaged on the disk, so it is not printed. The technician must check the disk."
    H_CRASHED "" Release
        "Program berhenti atau gagal saat mengerjakan pekerjaan ini: listrik padam, program dihentikan paksa, atau foto/datanya merusak program. Sekali lagi boleh dicoba; bila terulang, fotonya yang harus lain, dan teknisi harus tahu."
        "The program stopped or failed while it worked on this job: the power went, it was killed, or the job's photo or data break it. It may be tried once more; if it happens again, it needs another photo, and the technician must know."
    // The record, the chip, the printer.
    H_RECORD_KEY "" Mend
        "Kunci dokumen kantor tidak ada, jadi rekaman bertanda tangan kartu ini tidak dapat dibuat. Pasang kuncinya (kartud keys, [vault]), jalankan ulang stasiun."
        "The office's document key is missing, so the signed record of this card cannot be made. Install the key (kartud keys, [vault]), restart the station."
    H_NO_ENCODER "" Mend
        "Kartu ini memerlukan chip, tetapi stasiun ini tidak punya pembaca yang dapat menulisnya. Teknisi harus mengatur [encoder]."
        "This card needs its chip written, and this station has no reader that can write it. The technician must set up [encoder]."
    H_NO_STATION "" Mend
        "Printer ini tidak punya tempat untuk menulis chip atau pita magnetik kartu ini. Cetak di stasiun lain, atau betulkan [encoder] dan product.toml."
        "The printer has no place where this card's chip or stripe could be written. Print it at another station, or correct [encoder] and product.toml."
    H_CHIP "" Mend
        "Data atau kunci yang diperlukan chip kartu ini tidak ada atau salah bentuk. Betulkan profil chip, kunci atau datanya."
        "A value or a key that this card's chip needs is missing or has the wrong form. Correct the chip's profile, the key or the data."
    H_CHIP_SETUP "" Mend
        "Satu blangko rusak, dan blangko lain akan rusak juga: profil atau kunci chip salah, atau blangkonya bukan yang dimaksud. Coba profilnya (kartud chip try)."
        "A blank was spoiled, and so would be every other: the chip's profile or keys are wrong, or the blanks are not the right ones. Try the profile (kartud chip try)."
    H_BLANKS_SPOILED "" Release
        "Beberapa blangko rusak untuk pekerjaan ini. Baca sebabnya (kartud job), periksa pita, kepala cetak, pembaca chip dan blangko."
        "Several blanks were spoiled for this job. Read why (kartud job), check ribbon, print head, chip reader and blanks."
    // The card whose outcome is unknown.
    H_UNSURE "" Resolve
        "Kartu ini mungkin sudah keluar dan mungkin belum, dan printer tidak dapat memastikannya. Seorang petugas harus melihat."
        "This card may have come out and may not have, and the printer cannot tell. A person must look."
    H_NOT_WATCHED "job" Resolve
        "Kartu ini keluar saat stasiun tidak mengamati printer (stasiun mati atau kabel putus). Menurut penghitung printer kartunya utuh; lihat kartunya sebelum diserahkan."
        "This card came out while the station did not watch the printer (it was off, or the cable failed). By the printer's figures it is whole; look at it before it is handed over."
}
