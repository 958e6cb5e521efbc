//! Faults that `kartud ledger verify` finds. Each finding names the line or the job; these codes have the general
//! sentence.

use super::{Code, codes};

codes! {
    V_FILE "" Ledger
        "Berkas buku besar rusak. Salin foldernya, lalu pasang kembali salinan terbaru yang utuh."
        "The ledger's file is damaged. Copy its folder away, then put back the newest copy that is whole."
    V_LOG "" Ledger
        "Baris yang sudah dijawab hilang dari log. Pasang kembali salinan terbaru, atau ambil alih dengan `kartud ledger adopt`."
        "Acknowledged lines are lost from the log. Put back the newest copy, or take the ledger over with `kartud ledger adopt`."
    V_CHAIN "" Ledger
        "Rantai putus: satu baris diubah, disisipkan atau hilang. Semua baris sebelumnya utuh; bandingkan dengan salinan lama."
        "The chain breaks: a line was changed, put in or taken out. Every line before it is whole; compare with an older copy."
    V_LINE "" Ledger
        "Satu baris tidak dapat dibaca: tidak ada versi kartud ini yang menulisnya begitu. Salin foldernya dan hubungi bantuan."
        "A line cannot be read: no version of kartud up to this one wrote it like that. Copy the folder away and ask for help."
    V_HEAD "" Ledger
        "Baris terakhir yang pernah dicatat tidak ada lagi seperti itu: ujung buku besar hilang atau ditulis ulang. Pasang kembali salinan terbaru."
        "The last line that was noted is not there any more as it was: the ledger's end was lost or written anew. Put back the newest copy."
    V_HEAD_CUT "" Ledger
        "Baris yang dicatat sudah dipotong dari buku besar; periksa pada ekspornya dengan `kartud ledger checkpoint`."
        "The line that was noted was cut off the ledger; look for it in the export, with `kartud ledger checkpoint`."
    V_LIFECYCLE "" Ledger
        "Kejadian sebuah pekerjaan berurutan dengan cara yang tidak mungkin. Jangan cetak atau lepaskan pekerjaan itu; hubungi bantuan."
        "The events of a job follow each other as they cannot. Do not print or release that job; ask for help."
    V_JOB "" Ledger
        "Sebuah pekerjaan tidak sama dengan barisnya. Jangan cetak atau lepaskan pekerjaan itu; hubungi bantuan."
        "A job is not what its lines make of it. Do not print or release it; ask for help."
    V_DATA "" Ledger
        "Data tersimpan sebuah pekerjaan bukan yang diterima. Pekerjaan itu tidak akan dicetak; batalkan dan kirim lagi dari sistem asal."
        "The stored data of a job are not those that were accepted. It will not be printed; cancel it and send it again from upstream."
    V_ERASED "" Ledger
        "Data pribadi buku besar ini sudah dihapus, tetapi sebagian masih ada di dalamnya. Jalankan `kartud ledger erase` sekali lagi."
        "The personal data of this ledger were erased, and some still lie in it. Run `kartud ledger erase` once more."
    V_COUNTS "" Ledger
        "Jumlah pekerjaan per status tidak sama dengan pekerjaan yang ada. Angka di halaman stasiun tidak dapat dipercaya; hubungi bantuan."
        "The number of jobs in each state is not that of the jobs that are there. The figures on the station's page cannot be trusted; ask for help."
    V_BLANKS "" Ledger
        "Pembukuan blangko tidak sama dengan kejadiannya. Jumlah blangko tidak dapat dipercaya; hubungi bantuan."
        "The account of blanks is not that of the events. The sums of blanks cannot be trusted; ask for help."
    V_HOLDERS "" Ledger
        "Sidik pemegang kartu bukan yang dicatat; orang yang sama mungkin tidak dikenali lagi. Hubungi bantuan."
        "The hashes of the cards' holders are not those that were noted; the same person might not be recognised. Ask for help."
}
