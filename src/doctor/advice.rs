//! Everything that the doctor can say: what is so, why it matters, what to do. Knows no fact.

use std::borrow::Cow;

use drivers::text::Text;

use super::Diagnosis;
use super::Level::{self, Fault, Good, Note, Warning};

/// One thing that the doctor can say; names in braces are filled in.
#[derive(Debug)]
pub(super) struct Advice {
    /// Stable name.
    pub code: &'static str,
    /// How much it matters.
    pub level: Level,
    what: (&'static str, &'static str),
    why: (&'static str, &'static str),
    to_do: (&'static str, &'static str),
}

impl Advice {
    /// As it is.
    pub fn said(&self) -> Diagnosis {
        self.with(&[])
    }

    /// With these texts in its braces, the same in both languages.
    pub fn with(&self, filling: &[(&str, &str)]) -> Diagnosis {
        let mut what = Text::fixed(self.what.0, self.what.1);
        for (brace, text) in filling {
            what.id = Cow::Owned(what.id.replace(brace, text));
            what.en = Cow::Owned(what.en.replace(brace, text));
        }
        self.about(what)
    }

    /// With a sentence of its own.
    pub fn about(&self, what: Text) -> Diagnosis {
        let (why, to_do) =
            (Text::fixed(self.why.0, self.why.1), Text::fixed(self.to_do.0, self.to_do.1));
        Diagnosis { code: self.code, level: self.level, what, why, to_do }
    }
}

macro_rules! advice {
    ($($name:ident $code:literal $level:ident
        $id:literal $en:literal
        why $why_id:literal $why_en:literal
        do $do_id:literal $do_en:literal)*) => {
        $(pub(super) const $name: Advice = Advice {
            code: $code,
            level: $level,
            what: ($id, $en),
            why: ($why_id, $why_en),
            to_do: ($do_id, $do_en),
        };)*
        /// All of it.
        #[cfg(test)]
        pub(super) const ALL: &[Advice] = &[$($name),*];
    };
}

advice! {
    CONFIG "config" Good
        "Konfigurasi benar." "The configuration is right."
        why "" "" do "" ""
    CONFIG_WRONG "config.wrong" Fault
        "{what}" "{what}"
        why "Dengan itu stasiun tidak jalan." "The station does not start with it."
        do "Betulkan kartud.toml; `kartud check-config` menyebut barisnya." "Correct kartud.toml; `kartud check-config` names the line."
    CONFIG_SPECIMEN "config.specimen" Note
        "Belum ada profil kantor: setiap kartu bertanda CONTOH." "There is no office profile: every card says CONTOH."
        why "Kartu bertanda CONTOH tidak sah." "A card that says CONTOH is not valid."
        do "Isi [office] profile." "Set [office] profile."
    CONFIG_OPEN "config.open" Warning
        "Semua pengguna dapat membaca kartud.toml, yang memuat alamat rahasia ([heartbeat] url)." "Every user can read kartud.toml, which holds a secret address ([heartbeat] url)."
        why "Siapa yang tahu alamatnya dapat berpura-pura bahwa stasiun hidup." "Whoever knows that address can pretend that the station lives."
        do "chown root:kartu, lalu chmod 0640." "chown it to root:kartu, then chmod 0640."

    LEDGER "ledger" Good
        "Buku besar ada dan tertutup bagi pengguna lain." "The ledger is there, and closed to other users."
        why "" "" do "" ""
    LEDGER_LOST "ledger.lost" Fault
        "Buku besar {path} hilang, padahal pernah ada." "The ledger {path} is lost, and there was one."
        why "Tanpa catatan lama, kartu dapat tercetak dua kali." "Without what was recorded, cards could be printed twice."
        do "Kembalikan berkasnya, atau salinan terbaru (kartud restore)." "Put the file back, or its newest copy (kartud restore)."
    LEDGER_MISSING "ledger.missing" Fault
        "Belum ada buku besar di {path}." "There is no ledger at {path} yet."
        why "Tanpa buku besar stasiun tidak jalan." "The station does not start without one."
        do "Stasiun baru: `kartud init`. Bila dulu ada: `kartud restore`." "A new station: `kartud init`. If there was one: `kartud restore`."
    LEDGER_UNREADABLE "ledger.unreadable" Fault
        "Buku besar tidak terbaca: {why}" "The ledger cannot be read: {why}"
        why "Stasiun tidak mencetak dari buku besar yang tidak dapat dipercaya." "Nothing is printed from a ledger that cannot be trusted."
        do "Salin foldernya, lalu `kartud ledger verify`." "Copy its folder away, then `kartud ledger verify`."
    LEDGER_ERASED "ledger.erased" Fault
        "Buku besar ini sudah diakhiri: data pribadinya dihapus." "This ledger was ended for good: its personal data were erased."
        why "Stasiun tidak jalan dengannya." "No station starts with it."
        do "Stasiun baru: pindahkan foldernya, simpan, lalu `kartud init`." "A new station: move its folder away, keep it, then `kartud init`."
    LEDGER_RETIRED "ledger.retired" Fault
        "Buku besar ini dipensiunkan: stasiunnya dipindahkan." "This ledger is retired: its station was moved."
        why "Dua stasiun dengan satu buku besar mencetak kartu dua kali." "Two stations with one ledger print cards twice."
        do "Pakai komputer yang baru." "Use the new computer."
    LEDGER_OPEN "ledger.open" Fault
        "Buku besar bermode {mode}." "The ledger has mode {mode}."
        why "Pengguna lain dapat membaca data anak, atau mengubah catatan." "Other users can read children's data, or change what was recorded."
        do "chmod 0600, lalu `kartud ledger verify`." "chmod 0600 it, then `kartud ledger verify`."
    LEDGER_FOLDER_OPEN "ledger.folder_open" Fault
        "Folder buku besar bermode {mode}." "The ledger's folder has mode {mode}."
        why "Pengguna lain dapat menukar berkasnya." "Other users can replace its files."
        do "chmod 0700 foldernya." "chmod 0700 the folder."
    LEDGER_OWNER "ledger.owner" Fault
        "Buku besar bukan milik pemilik foldernya." "The ledger belongs to another user than its folder."
        why "Stasiun tidak dapat membukanya." "The station cannot open it."
        do "chown ke pengguna kartud." "chown it to the user of kartud."
    LEDGER_UNVERIFIED "ledger.unverified" Note
        "Buku besar lama tidak diperiksa secara utuh." "The ledger was not verified as a whole for long."
        why "Kerusakan diam-diam baru diketahui saat sudah terlambat." "What a disk damages silently is noticed too late."
        do "`kartud ledger verify`; setiap `kartud backup` memeriksanya juga." "`kartud ledger verify`; each `kartud backup` verifies it, too."

    DISK "disk" Good
        "Disk cukup ruang dan cukup cepat." "The disk has room, and is quick enough."
        why "" "" do "" ""
    DISK_FULL "disk.full" Fault
        "Ruang di disk buku besar tinggal {mib} MiB." "The ledger's disk has {mib} MiB left."
        why "Pekerjaan baru ditolak." "New jobs are refused."
        do "Kosongkan ruang di disk itu." "Make room on that disk."
    DISK_LOW "disk.low" Warning
        "Ruang di disk buku besar tinggal {mib} MiB." "The ledger's disk has {mib} MiB left."
        why "Bila habis, pekerjaan baru ditolak." "When it is full, new jobs are refused."
        do "Kosongkan ruang di disk itu." "Make room on that disk."
    DISK_PLACE "disk.place" Fault
        "Buku besar ada di sistem berkas {kind}." "The ledger lies on a file system of the kind {kind}."
        why "Di sana sinkronisasi atau hak berkas tidak dapat dipercaya: setelah listrik padam baris dapat hilang." "Its syncs or its modes cannot be trusted: after a power cut lines may be lost."
        do "Pindahkan ke disk lokal dengan ext4, XFS atau Btrfs." "Move it to a local disk with ext4, XFS or Btrfs."
    DISK_MEMORY "disk.memory" Fault
        "Buku besar hanya ada di memori." "The ledger is only in memory."
        why "Saat komputer dimatikan semuanya hilang." "All of it is gone when the computer is switched off."
        do "Pindahkan ke disk; ini hanya untuk mencoba." "Move it to a disk; this is for trying only."
    DISK_SLOW "disk.slow" Warning
        "Satu tulisan yang disinkronkan perlu {ms} ms." "One synced write takes {ms} ms."
        why "Setiap kartu menunggunya beberapa kali; disk yang menjadi lambat sering segera rusak." "Each card waits for several, and a disk that becomes slow often fails soon."
        do "Buat salinan sekarang; ganti disknya bila tetap begini." "Make a copy now; replace the disk if it stays so."
    DISK_WORN "disk.worn" Warning
        "Kartu SD atau eMMC aus: {percent} % umurnya terpakai." "The SD card or eMMC is worn: {percent} % of its life is used."
        why "Bila rusak, semua sejak salinan terakhir hilang." "When it fails, everything since the last copy is lost."
        do "Buat salinan, lalu ganti." "Make a copy, then replace it."
    DISK_WORN_OUT "disk.worn_out" Fault
        "Kartu SD atau eMMC sudah habis umurnya." "The SD card or eMMC is at its end."
        why "Bila rusak, semua sejak salinan terakhir hilang." "When it fails, everything since the last copy is lost."
        do "Buat salinan sekarang, lalu ganti." "Make a copy now, then replace it."

    CLOCK "clock" Good
        "Jam benar." "The clock is right."
        why "" "" do "" ""
    CLOCK_WRONG "clock.wrong" Fault
        "Jam komputer menunjukkan {now}." "The computer's clock says {now}."
        why "Persetujuan, usia anak dan hari pembukuan dihitung dengan jam ini." "Approvals, ages and the days of the accounts are judged by it."
        do "Setel jamnya (timedatectl set-time)." "Set it (timedatectl set-time)."
    CLOCK_BEHIND "clock.behind" Fault
        "Jam komputer lebih awal daripada baris terakhir buku besar." "The computer's clock is before the ledger's last line."
        why "Persetujuan, usia anak dan hari pembukuan dihitung dengan jam ini." "Approvals, ages and the days of the accounts are judged by it."
        do "Setel jamnya (timedatectl set-time)." "Set it (timedatectl set-time)."
    CLOCK_UNSYNCHRONISED "clock.unsynchronised" Note
        "Jam tidak disinkronkan oleh jaringan." "The clock is not synchronised by the network."
        why "Jam yang meleset membuat persetujuan tampak terlalu lama atau belum berlaku." "A clock that drifts makes approvals look too old, or not valid yet."
        do "Nyalakan systemd-timesyncd atau chrony, atau periksa jamnya setiap minggu." "Switch systemd-timesyncd or chrony on, or look at the clock every week."
    CLOCK_NO_BATTERY "clock.no_battery" Warning
        "Komputer ini tidak punya jam berbaterai." "This computer has no clock with a battery."
        why "Setelah listrik padam jamnya salah sampai ada jaringan." "After a power cut its time is wrong until there is a network."
        do "Pasang modul RTC, atau pastikan sinkronisasi jaringan." "Fit an RTC module, or make sure that the network synchronises it."
    CLOCK_JUMPS "clock.jumps" Warning
        "Jam melompat {n} kali dalam seminggu." "The clock jumped {n} times within a week."
        why "Batas waktu pekerjaan mungkin salah dihitung." "The time limits of jobs may have been judged wrongly."
        do "Periksa baterai jam dan sinkronisasinya." "Look at the clock's battery and at its synchronisation."

    KEYS "keys" Good
        "Semua kunci terbaca ({n})." "All keys can be read ({n})."
        why "" "" do "" ""
    KEYS_FOLDER "keys.folder" Fault
        "Folder kunci tidak dapat dipakai: {why}" "The folder of keys cannot be used: {why}"
        why "Tanpa kunci tidak ada kartu berchip dan catatan bertanda tangan." "Without keys there are no chip cards and no signed records."
        do "Betulkan folder dan haknya (0700)." "Correct the folder and its mode (0700)."
    KEYS_UNUSABLE "keys.unusable" Fault
        "Kunci {name} tidak dapat dipakai: {why}" "The key {name} cannot be used: {why}"
        why "Tanpa kunci tidak ada kartu berchip dan catatan bertanda tangan." "Without keys there are no chip cards and no signed records."
        do "Betulkan haknya (0600), atau kembalikan dari salinan." "Correct its mode (0600), or bring it back from a copy."
    KEYS_HOLDER_MISSING "keys.holder_missing" Fault
        "Kunci `holder` buku besar ini tidak ada." "The key `holder` of this ledger is not here."
        why "Stasiun tidak jalan: pemegang kartu tidak dikenali lagi." "The station does not start: nobody who has a card would be recognised."
        do "Kembalikan dari salinan (kartud restore --identity); bila hilang: `kartud ledger rekey`." "Bring it back from a copy (kartud restore --identity); if it is lost for good: `kartud ledger rekey`."
    KEYS_HOLDER_OTHER "keys.holder_other" Fault
        "Kunci `holder` di sini bukan kunci buku besar ini." "The key `holder` here is not that of this ledger."
        why "Stasiun tidak jalan: pemegang kartu tidak dikenali lagi." "The station does not start: nobody who has a card would be recognised."
        do "Pindahkan kunci itu, lalu kembalikan yang lama (kartud restore --identity)." "Move that key away, then bring the old one back (kartud restore --identity)."
    KEYS_OLD "keys.old" Note
        "Kunci {name} berumur {days} hari." "The key {name} is {days} days old."
        why "Kunci yang lama dipakai mungkin sudah dikenal orang lain." "A key that was used for long may be known to others."
        do "Tanyakan kepada penanggung jawab apakah perlu kunci baru." "Ask whoever is responsible whether a new one is due."

    PRINTER "printer" Good
        "Printer menjawab." "The printer answers."
        why "" "" do "" ""
    PRINTER_NONE "printer.none" Warning
        "Belum ada printer di konfigurasi." "No printer is configured."
        why "Pekerjaan diterima, tetapi menunggu." "Jobs are taken in, and wait."
        do "`kartud usb list`, lalu isi printer.address." "`kartud usb list`, then set printer.address."
    PRINTER_UNPLUGGED "printer.unplugged" Fault
        "Printer {address} tidak terpasang." "The printer {address} is not plugged in."
        why "Tidak ada yang dapat dicetak." "Nothing can be printed."
        do "Periksa kabel dan dayanya; `kartud usb list` menyebut yang terpasang." "See to its cable and power; `kartud usb list` tells what is plugged in."
    PRINTER_FORBIDDEN "printer.forbidden" Fault
        "Pengguna ini tidak boleh menulis ke {file}." "This user may not write to {file}."
        why "Stasiun tidak dapat membuka printernya." "The station cannot open its printer."
        do "Pasang aturan udev: docs/install.md. Jalankan doctor sebagai pengguna kartud." "Install the udev rule: docs/install.md. Run the doctor as the user of kartud."
    PRINTER_USBLP "printer.usblp" Note
        "Driver kernel usblp memegang printernya." "The kernel's driver usblp holds the printer."
        why "Stasiun mengambilnya saat mulai; program lain yang memakai /dev/usb/lp dapat mengganggu." "The station takes it at its start; another program at /dev/usb/lp could disturb it."
        do "Blokir usblp (/etc/modprobe.d) bila tidak dipakai." "Block usblp (/etc/modprobe.d) if nothing else needs it."
    PRINTER_SILENT "printer.silent" Fault
        "Printer belum menjawab sejak stasiun dijalankan." "The printer has not answered since the station started."
        why "Tidak ada yang dapat dicetak." "Nothing can be printed."
        do "`kartud status` menyebut sebabnya." "`kartud status` says why."
    PRINTER_TROUBLE "printer.trouble" Fault
        "{what}" "{what}"
        why "Stasiun berhenti mencetak." "The station does not print."
        do "Lakukan apa yang dikatakan kalimat itu." "Do what that sentence says."
    PRINTER_UNASKED "printer.unasked" Note
        "Tidak ada stasiun yang menjawab di sini, jadi printernya tidak ditanya." "No station answers here, so the printer was not asked."
        why "Apakah printernya sehat belum diketahui." "Whether the printer is well is not known."
        do "Jalankan stasiun, atau `kartud printer probe`." "Start the station, or run `kartud printer probe`."
    STATION_VERSION "station.version" Note
        "Stasiun yang berjalan versi {version}, program ini lain." "The running station is version {version}, this program is another."
        why "Setelah pembaruan stasiun masih memakai program lama." "After an update the station still runs the old program."
        do "Jalankan ulang stasiun." "Start the station anew."

    READER "reader" Good
        "Pembaca chip siap, atau tidak dikonfigurasi." "The chip reader is ready, or none is configured."
        why "" "" do "" ""
    READER_PCSCD "reader.pcscd" Fault
        "pcscd tidak berjalan." "pcscd does not run."
        why "Kartu berchip menunggu." "Cards with a chip wait."
        do "systemctl enable --now pcscd.socket." "systemctl enable --now pcscd.socket."
    READER_FILE "reader.file" Fault
        "Pembaca {file} tidak ada, atau pengguna ini tidak boleh memakainya." "The reader {file} is not there, or this user may not use it."
        why "Kartu berchip menunggu." "Cards with a chip wait."
        do "Periksa kabel dan hak berkasnya." "See to its cable and the file's mode."
    READER_STOPPED "reader.stopped" Fault
        "Pembaca chip tidak dapat dipakai." "The chip reader cannot be used."
        why "Kartu berchip menunggu." "Cards with a chip wait."
        do "`kartud status` menyebut sebabnya." "`kartud status` says why."

    SYSTEMD "systemd" Good
        "Unit berjalan dan diawasi, atau tidak ada systemd di sini." "The unit runs and is watched, or there is no systemd here."
        why "" "" do "" ""
    SYSTEMD_UNKNOWN "systemd.unknown" Note
        "systemd tidak mengenal {unit}." "systemd does not know {unit}."
        why "Setelah listrik padam tidak ada yang menjalankan stasiun." "After a power cut nobody starts the station."
        do "Pasang unitnya: docs/install.md." "Install the unit: docs/install.md."
    SYSTEMD_STOPPED "systemd.stopped" Fault
        "{unit} tidak berjalan ({state})." "{unit} does not run ({state})."
        why "Tidak ada yang dicetak." "Nothing is printed."
        do "journalctl -u kartud menyebut sebabnya; lalu systemctl start." "journalctl -u kartud says why; then systemctl start."
    SYSTEMD_DISABLED "systemd.disabled" Warning
        "{unit} tidak dijalankan saat komputer menyala." "{unit} is not started when the computer starts."
        why "Setelah listrik padam stasiun tetap mati." "After a power cut the station stays off."
        do "systemctl enable kartud." "systemctl enable kartud."
    SYSTEMD_UNWATCHED "systemd.unwatched" Warning
        "{unit} tidak diawasi (WatchdogSec)." "{unit} is not watched (WatchdogSec)."
        why "Stasiun yang macet tidak dijalankan ulang." "A station that hangs is not started anew."
        do "Pakai unit dari paketnya." "Use the unit of the package."
    SYSTEMD_RESTARTS "systemd.restarts" Warning
        "{unit} dijalankan ulang {n} kali." "{unit} was started anew {n} times."
        why "Ada yang berulang kali menghentikannya." "Something keeps ending it."
        do "journalctl -u kartud menyebut sebabnya; kirim `kartud support-bundle`." "journalctl -u kartud says why; send a `kartud support-bundle`."
    SYSTEMD_TIMER "systemd.backup_timer" Warning
        "kartud-backup.timer tidak berjalan." "kartud-backup.timer does not run."
        why "Tidak ada yang membuat salinan." "Nobody makes the copies."
        do "systemctl enable --now kartud-backup.timer." "systemctl enable --now kartud-backup.timer."

    BACKUP "backup" Good
        "Disalin dan diperiksa pada {at}." "Copied and verified at {at}."
        why "" "" do "" ""
    BACKUP_NONE "backup.none" Warning
        "Buku besar tidak pernah disalin." "The ledger is never copied."
        why "Bila disk ini rusak, semuanya hilang." "When this disk fails, all of it is lost."
        do "Isi [backup] folder dan nyalakan kartud-backup.timer." "Set [backup] folder, and enable kartud-backup.timer."
    BACKUP_NEVER "backup.never" Warning
        "Buku besar belum pernah disalin, padahal [backup] sudah diatur." "The ledger was never copied, though [backup] is configured."
        why "Bila disk ini rusak, semuanya hilang." "When this disk fails, all of it is lost."
        do "`kartud backup`; periksa timer-nya (systemctl list-timers)." "`kartud backup`; look at its timer (systemctl list-timers)."
    BACKUP_LATE "backup.late" Warning
        "Salinan terlambat; yang terakhir: {at}." "The copy is late; the last one: {at}."
        why "Bila disk ini rusak, semua sejak itu hilang." "When this disk fails, everything since is lost."
        do "Periksa disk salinan, lalu `kartud backup`." "See to the disk for copies, then `kartud backup`."
    BACKUP_FAILED "backup.failed" Warning
        "Salinan gagal pada {at}: {why}" "The copy failed at {at}: {why}"
        why "Bila disk ini rusak, semua sejak salinan terakhir hilang." "When this disk fails, everything since the last copy is lost."
        do "Hilangkan sebabnya, lalu `kartud backup`." "Mend the cause, then `kartud backup`."
    BACKUP_SAME_DISK "backup.same_disk" Warning
        "Salinan ada di disk yang sama dengan buku besar." "The copies lie on the same disk as the ledger."
        why "Bila disk itu rusak, keduanya hilang." "When that disk fails, both are lost."
        do "Pakai disk lain." "Use another disk."
}
