//! A serial port of the operating system, opened exclusively: 8N1, raw, no flow control; reads and writes have a limit.
//! Knows no wire and no family.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::termios::{
    ControlModes, OptionalActions, QueueSelector, ioctl_tiocexcl, tcflush, tcgetattr, tcsetattr,
};

/// An open port; dropping it closes it.
pub(super) struct Port(File);

impl Port {
    /// Opens the port at this path with this speed.
    ///
    /// # Errors
    /// [`ErrorKind::ResourceBusy`] when another program has it; what the system says otherwise.
    pub fn open(path: &Path, baud: u32) -> io::Result<Self> {
        // Non-blocking, because otherwise opening would wait for a carrier and reading for ever.
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(open(path, flags, Mode::empty())?);
        let mut how = tcgetattr(&file)?;
        // Two locks, because some programs use one and some the other.
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|error| {
            let error = io::Error::from(error);
            let is_locked = error.kind() == ErrorKind::WouldBlock;
            if is_locked { ErrorKind::ResourceBusy.into() } else { error }
        })?;
        ioctl_tiocexcl(&file)?;
        how.make_raw();
        how.control_modes -= ControlModes::CSTOPB | ControlModes::PARENB | ControlModes::CRTSCTS;
        how.control_modes |= ControlModes::CLOCAL | ControlModes::CREAD;
        how.set_speed(baud)?;
        tcsetattr(&file, OptionalActions::Now, &how)?;
        Ok(Self(file))
    }

    /// Drops the bytes that have arrived.
    ///
    /// # Errors
    /// The system's.
    pub fn forget_input(&self) -> io::Result<()> {
        Ok(tcflush(&self.0, QueueSelector::IFlush)?)
    }

    /// Writes a part of `bytes` and returns its length.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`] when nothing is taken within `patience`; the system's.
    pub fn write(&mut self, bytes: &[u8], patience: Duration) -> io::Result<usize> {
        self.wait(PollFlags::OUT, patience)?;
        self.0.write(bytes)
    }

    /// Reads the bytes that have arrived; 0: the other end is gone.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`] when nothing comes within `patience`; the system's.
    pub fn read(&mut self, into: &mut [u8], patience: Duration) -> io::Result<usize> {
        self.wait(PollFlags::IN, patience)?;
        self.0.read(into)
    }

    fn wait(&self, wanted: PollFlags, patience: Duration) -> io::Result<()> {
        // A limit that the system cannot express means for ever.
        let limit = Timespec::try_from(patience).ok();
        match poll(&mut [PollFd::new(&self.0, wanted)], limit.as_ref())? {
            0 => Err(ErrorKind::TimedOut.into()),
            _ => Ok(()),
        }
    }
}
