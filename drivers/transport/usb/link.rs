//! One opened USB printer: its interface and its two pipes, while the kernel's driver is detached. The only file that
//! knows libusb. Knows no family.

use std::io::ErrorKind;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rusb::{
    Context, Device, DeviceHandle, Direction, Error, InterfaceDescriptor, TransferType, UsbContext,
};

use super::listing::{self, UsbName, UsbPrinter};
use crate::redact;
use crate::transport::WireFault;
use crate::transport::framing::ReadPart;

/// After plugging in, the device file may exist before udev has set its permissions, which takes a second on a slow
/// machine.
const PERMISSION_LIMIT: Duration = Duration::from_secs(2);

/// Time between two attempts.
const PERMISSION_PAUSE: Duration = Duration::from_millis(50);

/// A control request is answered by the machine's USB chip, not by its mechanics.
const CONTROL_LIMIT: Duration = Duration::from_secs(1);

/// A device id is a line of text; its length field could say 64 KiB.
const DEVICE_ID_MAX_BYTES: usize = 1024;

/// The bidirectional interface of a printer (USB printer class 1.1, section 4.2).
const BIDIRECTIONAL: (u8, u8, u8) = (7, 1, 2);

/// GET_DEVICE_ID: class request to an interface, device to host (USB printer class 1.1, section 4.2.1).
const GET_DEVICE_ID: (u8, u8) = (0xa1, 0);

/// SOFT_RESET (USB printer class 1.1, section 4.2.3), and as it was in version 1.0.
const SOFT_RESET: [(u8, u8); 2] = [(0x21, 2), (0x23, 2)];

/// GET_STATUS of an endpoint; bit 0 is its halt (USB 2.0, section 9.4.5).
const GET_ENDPOINT_STATUS: (u8, u8) = (0x82, 0);

/// The endpoints of both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pipes {
    interface: u8,
    setting: u8,
    to_printer: u8,
    from_printer: u8,
    packet_bytes: usize,
}

/// An opened printer. Dropping it returns the interface to the kernel's driver.
pub(super) struct Link {
    handle: DeviceHandle<Context>,
    pipes: Pipes,
    packet: Vec<u8>,
}

impl Link {
    /// Opens the single printer of this name, and claims its interface.
    ///
    /// Everything is looked up again each time, because a printer that is plugged in again gets another address.
    pub fn open(name: &UsbName) -> Result<Self, WireFault> {
        let printer = listing::find(name, listing::attached(Path::new(listing::SYSFS))?)?;
        let device = device(&printer)
            .map_err(fault)?
            .ok_or_else(|| WireFault::NotPlugged { name: name.to_string() })?;
        let pipes = pipes(&device, printer.interface)?;
        let handle = open_when_allowed(&device)?;
        let link = Self { handle, pipes, packet: vec![0; pipes.packet_bytes] };
        // NotFound means that no driver has it. If a driver binds between these two lines, the claim fails with an
        // error.
        match link.handle.detach_kernel_driver(pipes.interface) {
            Ok(()) | Err(Error::NotFound) => {}
            Err(error) => return Err(fault(error)),
        }
        link.handle.claim_interface(pipes.interface).map_err(fault)?;
        if pipes.setting != 0 {
            link.handle.set_alternate_setting(pipes.interface, pipes.setting).map_err(fault)?;
        }
        Ok(link)
    }

    /// Writes one piece. On any error the whole piece may have reached the machine: USB/IP reports no part of a
    /// cancelled transfer, and one controller was seen to report a part that was never sent.
    pub fn write(&self, piece: &[u8], patience: Duration) -> Result<(), WireFault> {
        match self.handle.write_bulk(self.pipes.to_printer, piece, limit(patience)) {
            Ok(taken) if taken == piece.len() => Ok(()),
            Ok(_) | Err(Error::Timeout) => Err(WireFault::Silent(patience)),
            Err(error) => Err(fault(error)),
        }
    }

    /// Reads one packet: more than one at a time would wait for ever for an answer that fills its last packet.
    pub fn read(&mut self, into: &mut Vec<u8>, patience: Duration) -> Result<ReadPart, WireFault> {
        let packet = &mut self.packet;
        match self.handle.read_bulk(self.pipes.from_printer, packet, limit(patience)) {
            Ok(bytes) => {
                into.extend_from_slice(&packet[..bytes]);
                Ok(ReadPart { ended: bytes < packet.len() })
            }
            Err(Error::Timeout) => Err(WireFault::Silent(patience)),
            Err(error) => Err(fault(error)),
        }
    }

    /// Clears the machine's incomplete input. A machine that does not know the request is unchanged, which the next
    /// exchange will show.
    pub fn soft_reset(&self) {
        let interface = u16::from(self.pipes.interface);
        // The recipient was "other" before version 1.1 of the class, as it still is in Linux's own driver.
        let _ = SOFT_RESET.into_iter().find(|&(kind, request)| {
            let reset = self.handle.write_control(kind, request, 0, interface, &[], CONTROL_LIMIT);
            reset.is_ok()
        });
    }

    /// Ends stalls that the machine reports, whatever their cause; `certainly`: without asking first.
    pub fn end_stalls(&self, certainly: bool) -> Result<(), WireFault> {
        for pipe in [self.pipes.to_printer, self.pipes.from_printer] {
            if certainly || self.is_stalled(pipe) {
                self.handle.clear_halt(pipe).map_err(fault)?;
            }
        }
        Ok(())
    }

    /// A machine that does not answer this query counts as not stalled.
    fn is_stalled(&self, pipe: u8) -> bool {
        let (kind, request) = GET_ENDPOINT_STATUS;
        let mut status = [0; 2];
        let told =
            self.handle.read_control(kind, request, 0, u16::from(pipe), &mut status, CONTROL_LIMIT);
        told == Ok(status.len()) && status[0] & 1 != 0
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // After an unplug there is nothing to return, and the errors do not matter.
        let _ = self.handle.release_interface(self.pipes.interface);
        let _ = self.handle.attach_kernel_driver(self.pipes.interface);
    }
}

/// Reads a printer's IEEE 1284 device id. The kernel allows this one request even while another program has the
/// interface.
///
/// # Errors
/// [`WireFault`], as for any opening.
pub fn device_id(printer: &UsbPrinter) -> Result<String, WireFault> {
    let gone = || WireFault::NotPlugged { name: printer.name().to_string() };
    let device = device(printer).map_err(fault)?.ok_or_else(gone)?;
    let handle = device.open().map_err(fault)?;
    let mut bytes = [0; DEVICE_ID_MAX_BYTES];
    let (kind, request) = GET_DEVICE_ID;
    let index = u16::from(printer.interface) << 8;
    let length =
        handle.read_control(kind, request, 0, index, &mut bytes, CONTROL_LIMIT).map_err(fault)?;
    // The first two bytes are the length, big-endian, including themselves; not every maker counts correctly.
    let text = bytes.get(2..length).unwrap_or_default();
    Ok(redact::name(&String::from_utf8_lossy(text)))
}

fn device(printer: &UsbPrinter) -> rusb::Result<Option<Device<Context>>> {
    // A new context for every opening, because its list of devices is fixed when it is made. Never the global context,
    // which panics on a computer without USB.
    let devices = Context::new()?.devices()?;
    let found = devices
        .iter()
        .find(|device| (device.bus_number(), device.address()) == (printer.bus, printer.device));
    Ok(found)
}

fn open_when_allowed(device: &Device<Context>) -> Result<DeviceHandle<Context>, WireFault> {
    let began = Instant::now();
    loop {
        match device.open() {
            Err(Error::Access) if began.elapsed() < PERMISSION_LIMIT => sleep(PERMISSION_PAUSE),
            opened => return opened.map_err(fault),
        }
    }
}

/// The printer interface's setting with a pipe in each direction.
fn pipes(device: &Device<Context>, interface: u8) -> Result<Pipes, WireFault> {
    let config = device.active_config_descriptor().map_err(fault)?;
    config
        .interfaces()
        .filter(|found| found.number() == interface)
        .flat_map(|found| found.descriptors())
        .filter(|d| (d.class_code(), d.sub_class_code(), d.protocol_code()) == BIDIRECTIONAL)
        .find_map(|d| pipes_of(&d))
        .ok_or(WireFault::Unreachable(ErrorKind::Unsupported.into()))
}

fn pipes_of(setting: &InterfaceDescriptor<'_>) -> Option<Pipes> {
    let bulk = |direction| {
        setting
            .endpoint_descriptors()
            .find(|e| e.transfer_type() == TransferType::Bulk && e.direction() == direction)
    };
    let (out, inward) = (bulk(Direction::Out)?, bulk(Direction::In)?);
    Some(Pipes {
        interface: setting.interface_number(),
        setting: setting.setting_number(),
        to_printer: out.address(),
        from_printer: inward.address(),
        packet_bytes: usize::from(inward.max_packet_size()).max(1),
    })
}

/// libusb takes whole milliseconds, and 0 means for ever.
fn limit(patience: Duration) -> Duration {
    patience.max(Duration::from_millis(1))
}

fn fault(error: Error) -> WireFault {
    match error {
        Error::Access => WireFault::Barred,
        Error::Busy => WireFault::Taken,
        Error::Pipe => WireFault::Stalled,
        Error::NoDevice | Error::NotFound => WireFault::Broken(ErrorKind::NotConnected.into()),
        Error::Overflow => WireFault::Broken(ErrorKind::InvalidData.into()),
        Error::NoMem => WireFault::Broken(ErrorKind::OutOfMemory.into()),
        Error::NotSupported => WireFault::Unreachable(ErrorKind::Unsupported.into()),
        Error::Interrupted => WireFault::Broken(ErrorKind::Interrupted.into()),
        Error::Timeout => WireFault::Unreachable(ErrorKind::TimedOut.into()),
        _ => WireFault::Broken(ErrorKind::Other.into()),
    }
}
