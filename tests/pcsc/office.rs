//! A desk with readers: a real pcscd with its drivers, cards that are put in and pulled, and what is asked of them.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use drivers::encoder::{self, CardEncoder, EncoderError};
use emulators::card::SharedChip;
use emulators::pcsc::SlotCard;
use emulators::transport::vpcd::{Left, Plug};

/// Long for anything that works: a machine under load.
pub const SOON: Duration = Duration::from_secs(20);

const SOCKET: &str = "/run/pcscd/pcscd.comm";

/// The two slots of vpcd, by their readers' names and ports.
pub const FIRST: (&str, u16) = ("reader:Virtual PCD 00 00", 35963);
pub const SECOND: (&str, u16) = ("reader:Virtual PCD 00 01", 35964);

/// Where the programs lie that are not ours, and the one that is.
#[derive(Clone)]
pub struct Rig {
    pub tools: PathBuf,
    pub kartud: PathBuf,
}

impl Rig {
    /// A driver of pcscd out of the unpacked packages.
    fn driver(&self, name: &str) -> String {
        self.tools.join("usr/lib/pcsc/drivers/serial").join(name).display().to_string()
    }

    /// OpenSC's tool on the reader of this number; both streams as text.
    pub fn opensc(&self, words: &[&str]) -> String {
        let libraries = self.tools.join(format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH));
        let output = Command::new(self.tools.join("usr/bin/opensc-tool"))
            .args(words)
            .env("LD_LIBRARY_PATH", libraries)
            .output()
            .unwrap();
        text(&output)
    }
}

/// What a program said, both streams.
pub fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

/// A running pcscd, killed at the end.
pub struct Pcscd {
    process: Child,
    config: PathBuf,
    program: PathBuf,
}

impl Pcscd {
    /// With the virtual reader only.
    pub fn with_vpcd(rig: &Rig, folder: &Path) -> Self {
        let virtual_reader = format!(
            "FRIENDLYNAME \"Virtual PCD\"\nDEVICENAME /dev/null:0x8C7B\nLIBPATH {}\nCHANNELID 0x8C7B\n",
            rig.driver("libifdvpcd.so")
        );
        Self::start(rig, folder, &virtual_reader)
    }

    /// With serial readers only: their names, and the files that are their ports.
    pub fn with_twins(rig: &Rig, folder: &Path, twins: &[(&str, &Path)]) -> Self {
        let library = rig.driver("libccidtwin.so");
        let one = |(at, (name, port)): (usize, &(&str, &Path))| {
            format!(
                "FRIENDLYNAME \"{name}\"\nDEVICENAME {}:GemPCTwin\nLIBPATH {library}\nCHANNELID {}\n",
                port.display(),
                at + 1
            )
        };
        Self::start(rig, folder, &twins.iter().enumerate().map(one).collect::<Vec<_>>().join("\n"))
    }

    fn start(rig: &Rig, folder: &Path, readers: &str) -> Self {
        let config = folder.join("readers");
        fs::create_dir_all(&config).unwrap();
        fs::write(config.join("readers"), readers).unwrap();
        let program = rig.tools.join("usr/sbin/pcscd");
        let process = Self::run(&program, &config);
        Self { process, config, program }
    }

    fn run(program: &Path, config: &Path) -> Child {
        for file in ["pcscd.comm", "pcscd.pid"] {
            // What a killed one left behind; there may be none.
            let _ = fs::remove_file(Path::new("/run/pcscd").join(file));
        }
        let log = fs::File::create(config.with_file_name("pcscd.log")).unwrap();
        let mut process = Command::new(program)
            .args(["--foreground", "--info", "--config"])
            .arg(config)
            .stdin(Stdio::null())
            .stderr(log.try_clone().unwrap())
            .stdout(log)
            .spawn()
            .unwrap();
        until("pcscd listens", || {
            assert!(process.try_wait().unwrap().is_none(), "pcscd has ended: {}", log_of(config));
            UnixStream::connect(SOCKET).is_ok()
        });
        process
    }

    /// As the kernel does when memory is short.
    pub fn kill(&mut self) {
        // It may be dead already.
        let _ = self.process.kill();
        self.process.wait().unwrap();
    }

    pub fn start_anew(&mut self) {
        self.process = Self::run(&self.program, &self.config);
    }

    pub fn log(&self) -> String {
        log_of(&self.config)
    }
}

impl Drop for Pcscd {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

fn log_of(config: &Path) -> String {
    fs::read_to_string(config.with_file_name("pcscd.log")).unwrap_or_default()
}

/// A card in a slot of vpcd.
pub struct Inserted {
    pull: Arc<AtomicBool>,
    stay: Option<JoinHandle<Left>>,
}

impl Inserted {
    pub fn into_slot(slot: (&str, u16), chip: &SharedChip) -> Self {
        let pull = Arc::new(AtomicBool::new(false));
        let mut card = SlotCard::new(chip.clone());
        let pulled = pull.clone();
        let address = format!("127.0.0.1:{}", slot.1);
        let stay = std::thread::spawn(move || {
            let plug = Plug::put_in(&address).unwrap();
            plug.stay(&mut card, &|| pulled.load(Ordering::Relaxed)).unwrap()
        });
        Self { pull, stay: Some(stay) }
    }

    /// Pulls it, if it is still there; how it left.
    pub fn pull(mut self) -> Left {
        self.pull.store(true, Ordering::Relaxed);
        self.stay.take().unwrap().join().unwrap()
    }

    /// Waits until it has left by itself.
    pub fn left(mut self) -> Left {
        self.stay.take().unwrap().join().unwrap()
    }
}

impl Drop for Inserted {
    fn drop(&mut self) {
        self.pull.store(true, Ordering::Relaxed);
    }
}

/// Our driver at the reader of this address, once pcscd has it.
pub fn open(address: &str) -> Box<dyn CardEncoder> {
    let mut found = None;
    until("the reader is there", || {
        found = match encoder::open("pcsc", address) {
            Ok(reader) => Some(reader),
            Err(EncoderError::NoReader(_)) => None,
            Err(fault) => panic!("{fault}"),
        };
        found.is_some()
    });
    found.unwrap()
}

/// Waits for it, with a limit.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < SOON, "{what}: not within {} s", SOON.as_secs());
        std::thread::sleep(Duration::from_millis(10));
    }
}
