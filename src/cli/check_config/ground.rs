//! What a configuration needs of its computer: a folder for the ledger, a port for the API. Writes nothing.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::Path;

use drivers::text::Text;
use rustix::fs::{Access, StatFs, access, statfs};

use crate::cli::client::{Client, Where};
use crate::config::{Config, Fault};

/// The package's path for the ledger; systemd creates the folder at the first start (`StateDirectory=kartu`).
const PACKAGED: &str = "/var/lib/kartu/ledger.db";

/// The key that names the ledger's file.
const LEDGER: &str = "station.ledger";

/// Suffixes of the files beside a ledger: log, index, lock, head, note of the last copy.
const BESIDE: [&str; 5] = ["-wal", "-shm", ".lock", ".head", ".copied"];

/// Magic numbers of network file systems (statfs(2)). SQLite's log cannot be shared over a network, and a sync may have
/// no effect there.
const NETWORK: [(u32, &str); 6] = [
    (0x6969, "NFS"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB"),
    (0x517b, "SMB"),
    (0x0102_1997, "9P"),
    (0x00c3_6400, "Ceph"),
];
/// Magic numbers of file systems in memory.
const IN_MEMORY: [u32; 2] = [0x0102_1994, 0x8584_58f6];

/// What cannot work on this computer, and what the operator should know.
#[derive(Default)]
pub(super) struct HostChecks {
    pub faults: Vec<Fault>,
    pub notes: Vec<Text>,
}

impl HostChecks {
    pub fn of(config: &Config) -> Self {
        let mut ground = Self::default();
        ground.check_ledger(&config.station.ledger);
        ground.check_port(config);
        ground
    }

    fn fault(&mut self, key: &str, id: String, en: String) {
        self.faults.push(Fault::of_key(None, 0, key, &Text::new(id, en)));
    }

    fn check_ledger(&mut self, ledger: &Path) {
        let folder = ledger.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        if self.is_named(ledger)
            && self.is_folder(folder, ledger)
            && self.may_use(folder, ledger)
            && let Ok(disk) = statfs(folder)
        {
            self.check_disk(folder, &disk);
        }
    }

    fn is_named(&mut self, ledger: &Path) -> bool {
        let whole = ledger.as_os_str().to_string_lossy();
        if ledger.file_name().is_none() || whole.ends_with('/') {
            let id = format!("\"{whole}\" tidak menyebut berkas. Tulis nama berkas buku besar.");
            let en = format!("\"{whole}\" names no file. Name the ledger's file.");
            self.fault(LEDGER, id, en);
            return false;
        }
        if let Some(ending) = BESIDE.into_iter().find(|ending| whole.ends_with(ending)) {
            let id = format!(
                "akhiran {ending} dipakai untuk berkas di samping buku besar. Pakai nama lain."
            );
            let en = format!(
                "the ending {ending} is used for what lies beside a ledger. Use another name."
            );
            self.fault(LEDGER, id, en);
            return false;
        }
        true
    }

    fn is_folder(&mut self, folder: &Path, ledger: &Path) -> bool {
        let shown = folder.display();
        match std::fs::metadata(folder) {
            Ok(found) if found.is_dir() => return true,
            Ok(_) => {
                let id = format!("{shown} bukan folder. Tulis jalur di dalam folder.");
                self.fault(LEDGER, id, format!("{shown} is no folder. Name a file in one."));
            }
            Err(error) if error.kind() == ErrorKind::NotFound && ledger == Path::new(PACKAGED) => {
                let id = format!(
                    "Folder {shown} belum ada; dibuat systemd (StateDirectory=kartu) atau dengan mkdir sebelum dijalankan."
                );
                let en = format!(
                    "The folder {shown} is not there yet; systemd makes it (StateDirectory=kartu), or mkdir before the start."
                );
                self.notes.push(Text::new(id, en));
            }
            Err(error) if error.kind() == ErrorKind::NotFound && can_be_made(folder) => {
                let id = format!("Folder {shown} belum ada; dibuat oleh `kartud init`.");
                let en = format!("The folder {shown} is not there yet; `kartud init` makes it.");
                self.notes.push(Text::new(id, en));
            }
            Err(error) => {
                let why = error.kind();
                let id = format!(
                    "folder {shown} tidak dapat dipakai ({why}). Buat foldernya, atau betulkan jalurnya."
                );
                let en = format!(
                    "the folder {shown} cannot be used ({why}). Make it, or correct the path."
                );
                self.fault(LEDGER, id, en);
            }
        }
        false
    }

    fn may_use(&mut self, folder: &Path, ledger: &Path) -> bool {
        let (shown, whole) = (folder.display(), ledger.display());
        let (id, en) = match std::fs::metadata(ledger) {
            Ok(found) if !found.is_file() => (
                format!("{whole} bukan berkas. Tulis nama berkas buku besar."),
                format!("{whole} is no file. Name the ledger's file."),
            ),
            Ok(_) if access(ledger, Access::READ_OK | Access::WRITE_OK).is_err() => (
                format!(
                    "{whole} tidak boleh dibaca atau ditulis pengguna ini. Periksa pemilik dan haknya."
                ),
                format!(
                    "{whole} may not be read and written by this user. Check its owner and mode."
                ),
            ),
            _ if access(folder, Access::WRITE_OK | Access::EXEC_OK).is_err() => (
                format!(
                    "folder {shown} tidak boleh ditulis pengguna ini. Ganti pemilik atau haknya, atau pakai folder lain."
                ),
                format!(
                    "this user may not write in the folder {shown}. Change its owner or mode, or use another folder."
                ),
            ),
            _ => return true,
        };
        self.fault(LEDGER, id, en);
        false
    }

    fn check_disk(&mut self, folder: &Path, disk: &StatFs) {
        let shown = folder.display();
        // The field's width and sign depend on the system; the magic numbers have 32 bits.
        let kind = disk.f_type as u32;
        if let Some((_, name)) = NETWORK.iter().find(|(magic, _)| *magic == kind) {
            let id = format!(
                "{shown} ada di jaringan ({name}). Buku besar harus di cakram komputer ini."
            );
            let en = format!(
                "{shown} is on the network ({name}). The ledger must lie on a disk of this computer."
            );
            self.fault(LEDGER, id, en);
        }
        if IN_MEMORY.contains(&kind) {
            self.notes.push(Text::new(
                format!("Buku besar di {shown} hanya di memori dan hilang bila komputer dimatikan; hanya untuk mencoba."),
                format!("The ledger in {shown} is only in memory and is lost when the computer is switched off; for trying only."),
            ));
        }
    }

    fn check_port(&mut self, config: &Config) {
        let listen = config.http.listen;
        let Err(error) = TcpListener::bind(listen) else { return };
        let (port, key) = (listen.port(), "http.listen");
        match error.kind() {
            ErrorKind::AddrInUse
                if Client::impatient(&Where { url: format!("http://{listen}") }).is_a_station() =>
            {
                self.notes.push(Text::new(
                    format!("Di {listen} sudah ada stasiun kartud yang berjalan."),
                    format!("A kartud station runs at {listen} already."),
                ));
            }
            ErrorKind::AddrInUse => self.fault(
                key,
                format!(
                    "{listen} dipakai program lain. Pilih port lain, atau hentikan program itu."
                ),
                format!(
                    "another program uses {listen}. Choose another port, or stop that program."
                ),
            ),
            ErrorKind::PermissionDenied => self.fault(
                key,
                format!(
                    "pengguna ini tidak boleh memakai port {port}. Pilih port 1024 atau lebih."
                ),
                format!("this user may not listen on port {port}. Choose a port from 1024."),
            ),
            why => self.fault(
                key,
                format!("{listen} tidak dapat dipakai di komputer ini ({why}). Pakai 127.0.0.1."),
                format!("{listen} cannot be used on this computer ({why}). Use 127.0.0.1."),
            ),
        }
    }
}

/// May this user write in the nearest existing parent folder?
fn can_be_made(folder: &Path) -> bool {
    let above = folder.ancestors().skip(1).map(|above| match above.as_os_str().is_empty() {
        true => Path::new("."),
        false => above,
    });
    let nearest = above.into_iter().find(|above| above.exists());
    nearest.is_some_and(|nearest| {
        nearest.is_dir() && access(nearest, Access::WRITE_OK | Access::EXEC_OK).is_ok()
    })
}
