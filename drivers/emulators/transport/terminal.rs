//! An emulated serial device behind a pseudo-terminal, which any program opens like a serial port. Knows no family.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use super::line::SerialDevice;

/// How often an idle line checks whether to stop. Bytes are noticed at once.
const STOP_POLL: Duration = Duration::from_millis(20);

/// A pseudo-terminal under a name that its user chose; the name is removed on drop.
pub struct Terminal {
    ours: OwnedFd,
    /// Held open, so that the line survives when a program closes its end.
    _theirs: OwnedFd,
    device: PathBuf,
    name: PathBuf,
}

impl Terminal {
    /// Makes one, raw and readable for this user only, and puts a symbolic link to it at `name`.
    ///
    /// # Errors
    /// The system's error; [`ErrorKind::AlreadyExists`] if the name is taken by anything but such a link.
    pub fn open(name: &Path) -> io::Result<Self> {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&ours)?;
        unlockpt(&ours)?;
        let device = ptsname(&ours, Vec::new())?;
        let device = PathBuf::from(device.into_string().map_err(io::Error::other)?);
        let theirs = open(&device, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
        // Set before anybody opens it: an echo would be taken for an answer.
        let mut settings = tcgetattr(&theirs)?;
        settings.make_raw();
        tcsetattr(&theirs, OptionalActions::Now, &settings)?;
        rustix::io::ioctl_fionbio(&ours, true)?;
        match fs::symlink_metadata(name) {
            Ok(found) if found.is_symlink() => fs::remove_file(name)?,
            Ok(_) => return Err(ErrorKind::AlreadyExists.into()),
            Err(_) => {}
        }
        symlink(&device, name)?;
        Ok(Self { ours, _theirs: theirs, device, name: name.to_owned() })
    }

    /// The system's own name for it, such as `/dev/pts/3`.
    pub fn device(&self) -> &Path {
        &self.device
    }

    /// Connects `device` to it until `stop` is set. The device's clock follows real time.
    ///
    /// # Errors
    /// Only when the terminal itself fails.
    pub fn serve(&self, device: &mut impl SerialDevice, stop: &AtomicBool) -> io::Result<()> {
        let mut clock = Instant::now();
        let mut said = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let later = device.respond(&mut said);
            self.say(&said)?;
            said.clear();
            let wait = later.unwrap_or(STOP_POLL).min(STOP_POLL);
            let heard = self.read_bytes(wait)?;
            let now = Instant::now();
            device.elapse(now - clock);
            clock = now;
            device.on_bytes(&heard);
        }
        Ok(())
    }

    fn read_bytes(&self, patience: Duration) -> io::Result<Vec<u8>> {
        let limit = Timespec::try_from(patience).ok();
        let mut waiting = [PollFd::new(&self.ours, PollFlags::IN)];
        match poll(&mut waiting, limit.as_ref()) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(Vec::new()),
            Ok(_) => {}
            Err(fault) => return Err(fault.into()),
        }
        let mut bytes = vec![0; 4096];
        match rustix::io::read(&self.ours, &mut bytes) {
            Ok(got) => bytes.truncate(got),
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => bytes.clear(),
            Err(fault) => return Err(fault.into()),
        }
        Ok(bytes)
    }

    /// Bytes that nobody reads are lost, as on a real line.
    fn say(&self, mut said: &[u8]) -> io::Result<()> {
        while !said.is_empty() {
            match rustix::io::write(&self.ours, said) {
                Ok(0) | Err(rustix::io::Errno::AGAIN) => return Ok(()),
                Ok(taken) => said = &said[taken..],
                Err(rustix::io::Errno::INTR) => {}
                Err(fault) => return Err(fault.into()),
            }
        }
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Another program may have replaced the link meanwhile.
        if fs::read_link(&self.name).is_ok_and(|found| found == self.device) {
            let _ = fs::remove_file(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use drivers::transport::serial::Serial;
    use drivers::transport::{Transport as _, WireFault};

    /// Sends back what it received, in two pieces.
    #[derive(Default)]
    struct Parrot(Vec<u8>);

    impl SerialDevice for Parrot {
        fn on_bytes(&mut self, bytes: &[u8]) {
            self.0.extend_from_slice(bytes);
        }

        fn respond(&mut self, said: &mut Vec<u8>) -> Option<Duration> {
            let half = self.0.len().div_ceil(2);
            said.extend(self.0.drain(..half));
            (!self.0.is_empty()).then_some(Duration::from_millis(1))
        }

        fn elapse(&mut self, _span: Duration) {}
    }

    /// Ends the server, also when the test fails.
    struct Stops<'a>(&'a AtomicBool);

    impl Drop for Stops<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    const PATIENCE: Duration = Duration::from_secs(10);

    #[test]
    fn a_serial_port_carries_any_byte_both_ways() {
        let dir = tempfile::tempdir().unwrap();
        let name = dir.path().join("reader.tty");
        let terminal = Terminal::open(&name).unwrap();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| terminal.serve(&mut Parrot::default(), &stop).unwrap());
            let _stops = Stops(&stop);
            let mut wire = Serial::new(name.display().to_string());
            wire.frame_by(|bytes| bytes.len() == 256);
            let all: Vec<u8> = (0..=255).collect();
            let mut answer = Vec::new();
            for _ in 0..3 {
                wire.send(&all, PATIENCE).unwrap();
                wire.receive(&mut answer, PATIENCE).unwrap();
                assert_eq!(answer, all);
            }
            let fault = wire.receive(&mut answer, Duration::from_millis(5)).unwrap_err();
            assert_eq!(fault.kind, WireFault::Silent(Duration::from_millis(5)));
        });
        drop(terminal);
        assert!(fs::symlink_metadata(&name).is_err(), "the name is gone");
    }

    #[test]
    fn a_card_is_written_and_read_by_a_reader_on_a_serial_port() {
        let dir = tempfile::tempdir().unwrap();
        let name = dir.path().join("reader.tty");
        let terminal = Terminal::open(&name).unwrap();
        let stop = AtomicBool::new(false);
        let field = crate::card::Field::default();
        let card: crate::card::CardSettings = toml::from_str("kind = 'ntag216'").unwrap();
        field.put(card.make().unwrap());
        let mut reader = (crate::reader::find("pn532").unwrap().make)(field);
        std::thread::scope(|scope| {
            scope.spawn(|| terminal.serve(&mut reader, &stop).unwrap());
            let _stops = Stops(&stop);
            let address = format!("serial:{}", name.display());
            let mut encoder = drivers::encoder::open("pn532", &address).unwrap();
            assert_eq!(encoder.power_on(PATIENCE).unwrap().uid.unwrap().len(), 7);
            let mut answer = Vec::new();
            let write = [&[0xff, 0xd6, 0, 4, 200][..], &[0x5a; 200]].concat();
            encoder.transmit(&write, &mut answer).unwrap();
            assert_eq!(answer, [0x90, 0]);
            encoder.transmit(&[0xff, 0xb0, 0, 4, 200], &mut answer).unwrap();
            assert_eq!(answer, [&[0x5a; 200][..], &[0x90, 0]].concat());
            encoder.power_off().unwrap();
        });
    }

    #[test]
    fn a_port_that_is_not_there_is_said_by_its_name_and_nothing_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let name = dir.path().join("reader.tty");
        let fault = Serial::new(name.display().to_string()).send(b"x", PATIENCE).unwrap_err();
        let expected = format!("serial:{}", name.display());
        assert_eq!(fault.kind, WireFault::NotPlugged { name: expected });
        assert_eq!(fault.sent_bytes, 0);
        fs::write(&name, "a file").unwrap();
        assert_eq!(Terminal::open(&name).err().unwrap().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&name).unwrap(), b"a file");
    }
}
