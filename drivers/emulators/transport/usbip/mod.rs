//! An emulated machine behind a USB plug: Linux's virtual host controller (module `vhci-hcd`) sees it as a printer that
//! was just plugged in, with its kernel devices (`usblp`, `/dev/bus/usb`, `/dev/usb/lp0`). Knows no family.
//!
//! The controller is given one end of a socket pair by its sysfs file; on the other end we answer its transfers by the
//! USB/IP protocol. This needs no network and no other program, but root.

mod cable;
mod device;
mod protocol;
mod serve;

use std::fs;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread::JoinHandle;

use crate::machine::SharedMachine;

pub use cable::{Cable, CableFault};
pub use device::UsbIdentity;

/// The controller's folder.
const CONTROLLER: &str = "/sys/devices/platform/vhci_hcd.0";

/// `USB_SPEED_HIGH` of the kernel.
const HIGH_SPEED: u32 = 3;

/// In the controller's table: its high-speed half, and a port where nothing is plugged in.
const HIGH_SPEED_HUB: &str = "hs";
const FREE: &str = "004";

/// A machine that is plugged in. Dropping it unplugs it.
pub struct Plugged {
    socket: UnixStream,
    serving: Option<JoinHandle<()>>,
    cable: Arc<Cable>,
}

impl Plugged {
    /// Plugs `machine` into a free port. Its clock follows real time.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] without the controller (`modprobe vhci-hcd`), [`ErrorKind::PermissionDenied`] without
    /// root, [`ErrorKind::QuotaExceeded`] when all ports are taken.
    pub fn new(machine: &SharedMachine, identity: UsbIdentity, cable: Cable) -> io::Result<Self> {
        let (socket, theirs) = UnixStream::pair()?;
        let port = free_port(&fs::read_to_string(format!("{CONTROLLER}/status"))?)
            .ok_or(ErrorKind::QuotaExceeded)?;
        machine.follow_real_time();
        machine.lock().hang_up();
        let device = port + 1;
        let wish = format!("{port} {} {device} {HIGH_SPEED}", theirs.as_raw_fd());
        let cable = Arc::new(cable);
        let serving = {
            let (socket, machine, cable) = (socket.try_clone()?, machine.clone(), cable.clone());
            std::thread::Builder::new().name("usbip".to_owned()).spawn(move || {
                // However it ends, the kernel sees the device unplugged.
                let _ = serve::serve(&socket, &machine, &identity, &cable);
                let _ = socket.shutdown(Shutdown::Both);
                machine.lock().hang_up();
            })?
        };
        // The machine is already served, because the controller sends requests at once. It keeps its own copy of
        // `theirs`.
        let plugged = Self { socket, serving: Some(serving), cable };
        fs::write(format!("{CONTROLLER}/attach"), wish)?;
        Ok(plugged)
    }

    /// Is it unplugged, by the cable's fault or by the controller?
    pub fn is_out(&self) -> bool {
        self.serving.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Its cable.
    pub fn cable(&self) -> &Cable {
        &self.cable
    }

    /// Waits until it is unplugged.
    pub fn wait(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if let Some(serving) = self.serving.take() {
            // A thread that panicked has ended as well.
            let _ = serving.join();
        }
    }
}

impl Drop for Plugged {
    fn drop(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Both);
        self.end();
    }
}

/// Parses any bytes as the controller's messages, one after the other; for fuzzing.
pub fn any_bytes(bytes: &[u8]) {
    let mut inbox = bytes.to_vec();
    while let Ok(Some(_)) = protocol::Request::take(&mut inbox) {}
    let _ = free_port(&String::from_utf8_lossy(bytes));
}

/// The first free port of the high-speed hub, from the controller's table.
fn free_port(table: &str) -> Option<u32> {
    table.lines().find_map(|line| {
        let mut columns = line.split_whitespace();
        let (hub, port, state) = (columns.next()?, columns.next()?, columns.next()?);
        (hub == HIGH_SPEED_HUB && state == FREE).then(|| port.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_is_found_in_the_controllers_table() {
        let table = "hub port sta spd dev      sockfd local_busid\n\
                     hs  0000 006 003 00000001 000005 1-1\n\
                     hs  0001 004 000 00000000 000000 0-0\n\
                     ss  0008 004 000 00000000 000000 0-0\n";
        assert_eq!(free_port(table), Some(1));
        assert_eq!(free_port("ss  0008 004 000 00000000 000000 0-0\n"), None);
    }
}
