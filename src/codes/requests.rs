//! Why a request is refused, apart from the rules of a product; and why the station is not ready.

use super::{Code, codes};

codes! {
    // The request as such.
    E_HOST "" Correct
        "Permintaan tidak dialamatkan kepada stasiun ini. Panggil stasiun sebagai localhost atau 127.0.0.1, dengan portnya."
        "The request is not addressed to this station. Call it as localhost or 127.0.0.1, with its port."
    E_ORIGIN "" Correct
        "Permintaan dari halaman situs lain ditolak."
        "A request from another site's page is refused."
    E_METHOD "" Correct
        "Cara ini tidak dikenal di alamat ini. Lihat /openapi.json."
        "This method is not known at this address. See /openapi.json."
    E_NOT_FOUND "" Correct
        "Tidak ada yang bernama itu di sini. Periksa alamat atau nomor pekerjaan."
        "There is nothing of that name here. Check the address or the job's id."
    E_REQUEST "" Correct
        "Permintaan tidak dapat dibaca. Lihat /openapi.json."
        "The request cannot be read. See /openapi.json."
    E_QUERY "query" Correct
        "Satu parameter tidak dikenal atau nilainya salah. Lihat /openapi.json."
        "A parameter is not known, or its value is wrong. See /openapi.json."
    E_MEDIA_TYPE "" Correct
        "Jenis isi tidak didukung. Kirim application/json dalam UTF-8, tanpa pemampatan; pekerjaan boleh juga multipart/form-data."
        "The content type is not supported. Send application/json in UTF-8, not compressed; a job may also be multipart/form-data."
    E_TOO_LARGE "" Correct
        "Kiriman terlalu besar. Foto paling besar 2 MiB."
        "The request is too large. A photo may have 2 MiB at most."
    E_BODY "" Correct
        "Kiriman putus atau rusak; tidak ada yang disimpan. Kirim lagi."
        "The request broke off or is damaged; nothing was stored. Send it again."
    E_PART "" Correct
        "Kiriman multipart harus punya satu bagian job, paling banyak satu bagian photo, dan tidak ada yang lain."
        "A multipart request must have one part job, at most one part photo, and nothing else."
    E_JSON "*" Correct
        "JSON tidak dapat dibaca: bentuknya salah, satu kolom tidak ada, atau satu kolom ditulis dua kali. Lihat /openapi.json."
        "The JSON cannot be read: it has the wrong form, a key is missing, or a key stands twice. See /openapi.json."
    E_BY "by" Correct
        "Tulis siapa: nomor petugas atau akun, tanpa spasi, paling banyak 60 huruf. Bukan nama."
        "Say who: officer number or account, without spaces, 60 characters at most. No name."
    // Posted again.
    E_IDEMPOTENCY_KEY "Idempotency-Key" Correct
        "Idempotency-Key harus 1 sampai 255 huruf ASCII tanpa spasi."
        "Idempotency-Key must be 1 to 255 visible ASCII characters."
    E_IDEMPOTENCY_KEY_REUSED "Idempotency-Key" Correct
        "Idempotency-Key ini sudah dipakai untuk isi yang lain. Pakai kunci baru untuk pekerjaan baru."
        "This Idempotency-Key was used with another body. Use a new key for a new job."
    E_REF_TAKEN "ref" Correct
        "Nomor permohonan ini sudah ada sebagai pekerjaan lain. Batalkan yang itu dahulu, atau pakai nomor baru."
        "This ref is already another job. Cancel that one first, or use a new ref."
    E_APPROVAL_USED "recommendation.nomor" Correct
        "Nomor rekomendasi ini sudah dipakai oleh pekerjaan lain. Satu rekomendasi, satu kartu: minta rekomendasi baru."
        "This recommendation is used by another job. One recommendation, one card: ask for a new one."
    E_PERSONAL "ref, recommendation.nomor" Correct
        "Nomor ini memuat nama, NIK atau nomor KK pemegang kartu, padahal nomor tercatat selamanya. Pakai nomor register tanpa data pribadi."
        "This number contains the holder's name, NIK or family card number, and numbers are recorded for good. Use a register's number without personal data."
    E_EXAMINATION "" Correct
        "Pemeriksaan foto atau data gagal. Kirim foto lain; jika terulang, hubungi teknisi."
        "The photo or the data could not be examined. Send another photo; if it happens again, call the technician."
    // A new card for an old one.
    E_REPLACES_UNKNOWN "replaces.job" Correct
        "Pekerjaan yang diganti tidak ada di stasiun ini. Tulis nomor pekerjaannya (id), bukan nomor permohonan."
        "The job to be replaced is not on this station. Give its id, not its ref."
    E_REPLACES_PRODUCT "replaces.job" Correct
        "Pekerjaan yang diganti adalah kartu jenis lain. Pengganti harus dari produk yang sama."
        "The job to be replaced is a card of another kind. A replacement is of the same product."
    E_REPLACES_HOLDER "replaces.job" Correct
        "Pekerjaan yang diganti adalah kartu orang lain: nomor pemegangnya berbeda. Periksa id pekerjaan yang diganti; bila nomor pada kartu lama salah, catat kartu lama sebagai rusak (kartud resolve), lalu kirim tanpa replaces."
        "The job to be replaced is another person's card: its holder's number differs. Check the id of the job to be replaced; if the number on the old card was wrong, settle the old card as spoiled (kartud resolve), then send this without replaces."
    E_REPLACES_UNSURE "replaces.job" Correct
        "Belum pasti apakah kartu lama keluar. Lihat di printer, baki hasil dan kotak tolak, catat apa yang terlihat (kartud resolve), lalu kirim lagi."
        "It is not known whether the old card came out. Look into the printer, the output hopper and the reject box, settle the old job by what was seen (kartud resolve), then send this again."
    E_REPLACES_NOT_PRINTED "replaces.job" Correct
        "Dari pekerjaan yang diganti tidak ada kartu. Bila masih menunggu, batalkan; lalu kirim tanpa replaces."
        "There is no card of the job to be replaced. If it still waits, cancel it; then send this without replaces."
    E_REPLACES_APPROVAL "recommendation.nomor" Correct
        "Kartu pengganti perlu rekomendasi baru dengan nomornya sendiri."
        "A replacement needs a new recommendation with a number of its own."
    E_ALREADY_REPLACED "replaces.job" Correct
        "Kartu itu sudah diganti oleh pekerjaan lain. Batalkan yang itu, atau ganti yang itu jika kartunya sudah keluar."
        "That card is already replaced by another job. Cancel that one, or replace that one if its card is out."
    // Actions of a person on a job.
    E_STATE "" Correct
        "Itu tidak dapat dilakukan pada pekerjaan dalam status ini. Lihat statusnya (kartud job)."
        "That cannot be done with a job in this state. See its state (kartud job)."
    E_NOT_RELEASABLE "state" Correct
        "Yang menahan pekerjaan ini tidak hilang dengan dilepaskan. Kode yang disebut mengatakan apa yang menolong."
        "What holds this job does not go away by a release. The code that is named says what helps."
    E_NOT_EXPIRED "state" Correct
        "Persetujuan pekerjaan ini belum kedaluwarsa. Bila kartunya tidak perlu lagi, batalkan (cancel)."
        "The approval of this job has not expired. If its card is not wanted any more, cancel the job."
    E_RESOLUTION "seen" Correct
        "Tulis apa yang terlihat: {\"seen\": \"printed\" | \"spoiled\" | \"no_card\", \"by\": \"nomor petugas\"}; bila rusak boleh ditambah cause (GAGAL_CETAK, RUSAK_FISIK, CACAT_PABRIK, …)."
        "Say what was seen: {\"seen\": \"printed\" | \"spoiled\" | \"no_card\", \"by\": \"officer number\"}; a spoiled one may have a cause (GAGAL_CETAK, RUSAK_FISIK, CACAT_PABRIK, …)."
    E_CONTRADICTED "seen" Correct
        "Printer mengatakan lain daripada jawaban ini. Lihat sekali lagi; bila tetap begitu, kirim lagi dengan \"insist\": true (kartud: --insist)."
        "The printer says something else than this answer. Look again; if it is so, send it again with \"insist\": true (kartud: --insist)."
    E_CARD_MOVING "seen" Retry
        "Ada kartu yang sedang bergerak di printer, jadi jawaban ini belum dicatat. Tunggu sampai printer berhenti (bila tidak pernah berhenti, matikan), lihat lagi, lalu kirim lagi jawaban yang sama."
        "A card is moving just now, so this answer was not taken. Ask again when the printer stands still (switch it off if it never does): look again, and send the same answer."
    // Actions of a person on blanks.
    E_BLANKS_KIND "kind" Correct
        "Jenis catatan: loaded, returned, spoiled, test, lost, atau counted."
        "The kind is loaded, returned, spoiled, test, lost or counted."
    E_BLANKS_CARDS "cards" Correct
        "Jumlah blangko harus 1 sampai 10000; hasil hitung boleh 0."
        "The number of blanks must be 1 to 10,000; a count may be 0."
    E_BLANKS_CAUSE "cause" Correct
        "Sebab untuk spoiled: GAGAL_CETAK, GAGAL_ENCODE, RUSAK_FISIK, PERUBAHAN_DATA, SALAH_DATA atau CACAT_PABRIK. Jenis lain tanpa sebab."
        "The cause of spoiled ones is GAGAL_CETAK, GAGAL_ENCODE, RUSAK_FISIK, PERUBAHAN_DATA, SALAH_DATA or CACAT_PABRIK. Other kinds have none."
    E_BLANKS_BATCH "batch" Correct
        "Nomor batch: huruf, angka, / dan -, paling banyak 40."
        "The batch is letters, digits, / and -, 40 at most."
    // The station.
    E_BUSY "" Retry
        "Stasiun sedang sibuk. Kirim lagi sebentar lagi."
        "The station is busy. Send it again in a moment."
    E_TIMEOUT "" Retry
        "Kiriman berhenti di tengah jalan atau terlalu lambat; tidak ada yang disimpan. Kirim lagi."
        "The request stopped half-way or came too slowly; nothing was stored. Send it again."
    E_DISK_FULL "" Retry
        "Disk stasiun penuh; tidak ada yang disimpan. Beri tahu teknisi: kosongkan ruang di disk buku besar, lalu kirim lagi pekerjaan yang sama."
        "The station's disk is full; nothing was stored. Tell the technician: make room on the disk of the ledger, then send the same job again."
    E_LEDGER "" Retry
        "Buku besar tidak dapat ditulis atau dibaca; tidak ada yang disimpan. Kirim lagi nanti, beri tahu teknisi."
        "The ledger cannot be written or read; nothing was stored. Send it again later, tell the technician."
    E_LEDGER_GONE "" Retry
        "Berkas buku besar diambil, diganti atau ditimpa saat stasiun berjalan; tidak ada yang diterima dan dicetak. Hentikan kartud, kembalikan berkasnya, lalu jalankan lagi."
        "The ledger's file was taken away, replaced or written over while the station runs; nothing is taken in or printed. Stop kartud, put the file back, then start it again."
    E_CLOCK_IN_DOUBT "" Retry
        "Jam komputer stasiun belum dapat dipercaya; tidak ada yang disimpan. Setel jamnya, atau katakan bahwa jamnya benar (kartud clock trust)."
        "The station's clock cannot be believed yet; nothing was stored. Set it, or say that it is right (kartud clock trust)."
    E_PROGRAM "" Correct
        "Program gagal saat mengerjakan kiriman ini; tidak ada yang disimpan. Kirim foto atau data lain; jika terulang, hubungi teknisi."
        "The program failed at this request; nothing was stored. Send another photo or other data; if it happens again, call the technician."
    E_CUT_OFF "from" Correct
        "Baris hari itu sudah dipotong dari buku besar (kartud ledger cut); ada di ekspornya. Mulailah dari hari pertama yang masih ada."
        "The lines of that day were cut off the ledger (kartud ledger cut); they are in the export. Begin with the first day that is left."
    E_METRICS "" Retry
        "Angka tidak dapat ditulis."
        "The figures cannot be written."
    E_PRINTER "*" Retry
        "Printer tidak siap; kata kuncinya mengatakan sebabnya. Lihat `kartud status`."
        "The printer is not ready; its keyword says why. See `kartud status`."
    E_STATION_ENDED "" Retry
        "Bagian yang menggerakkan printer telah berhenti; kartud akan dinyalakan ulang. Beri tahu teknisi bila ini terulang."
        "The part that drives the printer has ended; kartud will be started anew. Tell the technician if this happens again."
}
