//! Lists the USB printers that are plugged in, from the kernel's sysfs: this needs no permission and touches no device.
//! Knows no family.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::str::FromStr;

use crate::redact;
use crate::transport::WireFault;

/// The kernel's directory of devices.
pub const SYSFS: &str = "/sys";

/// USB class and subclass of a printer (USB printer class 1.1, section 4.2).
const PRINTER: (u8, u8) = (7, 1);

/// The name of one printer on the bus. There is no "first printer": a second one could silently take its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsbName {
    /// Its serial number: the same machine at any port.
    Serial(String),
    /// The port that it is plugged into, as the kernel writes it (`1-1.2`: bus 1, port 1, port 2 of a hub).
    Port(String),
}

/// An invalid name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a USB printer is named by serial=NUMBER or by port=BUS-PORT, such as serial=10001234 or port=1-1.2"
)]
pub struct NoUsbName;

impl FromStr for UsbName {
    type Err = NoUsbName;

    fn from_str(text: &str) -> Result<Self, NoUsbName> {
        let (key, value) = text.split_once('=').ok_or(NoUsbName)?;
        match key {
            "serial" if !value.is_empty() && value == redact::name(value) => {
                Ok(Self::Serial(value.to_owned()))
            }
            "port" if is_port(value) => Ok(Self::Port(value.to_owned())),
            _ => Err(NoUsbName),
        }
    }
}

impl fmt::Display for UsbName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serial(serial) => write!(f, "usb:serial={serial}"),
            Self::Port(port) => write!(f, "usb:port={port}"),
        }
    }
}

/// `1-1.2`: a bus, and the ports on the path.
fn is_port(text: &str) -> bool {
    let number = |part: &str| part.parse::<u8>().is_ok_and(|n| n > 0);
    text.split_once('-').is_some_and(|(bus, ports)| number(bus) && ports.split('.').all(number))
}

/// A printer that is plugged in.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct UsbPrinter {
    /// The port: see [`UsbName::Port`].
    pub port: String,
    /// Number of the printer interface.
    pub interface: u8,
    /// Bus number.
    pub bus: u8,
    /// The device's address, until it is plugged in again.
    pub device: u8,
    /// Vendor number.
    pub vendor_id: u16,
    /// Product number.
    pub product_id: u16,
    /// The maker's name; empty if the device does not report it, as for the next two.
    pub manufacturer: String,
    /// Product.
    pub product: String,
    /// Serial number.
    pub serial: String,
    /// The kernel driver that has the interface (`usblp`; `usbfs` if a program uses it), if any.
    pub driver: Option<String>,
    /// The device file of `usblp`, if it has the interface.
    pub device_file: Option<String>,
    /// IEEE 1284 device id, if the kernel has read it.
    pub device_id: Option<String>,
}

impl UsbPrinter {
    /// The name for kartud.toml: the serial number if there is one.
    pub fn name(&self) -> UsbName {
        if self.serial.is_empty() {
            UsbName::Port(self.port.clone())
        } else {
            UsbName::Serial(self.serial.clone())
        }
    }

    /// Is this the printer of that name?
    pub fn is(&self, name: &UsbName) -> bool {
        match name {
            UsbName::Serial(serial) => &self.serial == serial,
            UsbName::Port(port) => &self.port == port,
        }
    }
}

/// Every printer that is plugged in, in the order of their ports.
///
/// # Errors
/// [`WireFault::NoUsb`] without USB below `sysfs`; [`WireFault::Unreachable`] when it cannot be read.
pub fn attached(sysfs: &Path) -> Result<Vec<UsbPrinter>, WireFault> {
    let entries = fs::read_dir(sysfs.join("bus/usb/devices")).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => WireFault::NoUsb,
        _ => WireFault::Unreachable(e.into()),
    })?;
    let mut found: Vec<UsbPrinter> =
        entries.flatten().filter_map(|entry| printer(&entry.path())).collect();
    found.sort_by(|a, b| (a.bus, &a.port, a.interface).cmp(&(b.bus, &b.port, b.interface)));
    Ok(found)
}

/// Finds the single printer of this name.
///
/// # Errors
/// [`WireFault::NotPlugged`]; [`WireFault::SeveralFit`].
pub(super) fn find(name: &UsbName, among: Vec<UsbPrinter>) -> Result<UsbPrinter, WireFault> {
    let mut fitting: Vec<UsbPrinter> = among.into_iter().filter(|p| p.is(name)).collect();
    match (fitting.pop(), fitting.as_slice()) {
        (None, _) => Err(WireFault::NotPlugged { name: name.to_string() }),
        (Some(only), []) => Ok(only),
        (Some(last), others) => {
            let named = |p: &UsbPrinter| UsbName::Port(p.port.clone()).to_string();
            let fitting = others.iter().chain([&last]).map(named).collect();
            Err(WireFault::SeveralFit { name: name.to_string(), fitting })
        }
    }
}

/// Reads one interface (`1-1.2:1.0`); `None` if it is not a printer's, or was unplugged meanwhile.
fn printer(interface: &Path) -> Option<UsbPrinter> {
    let (port, _) = interface.file_name()?.to_str()?.split_once(':')?;
    let hex = |path: &Path, name: &str| u16::from_str_radix(&text(path, name)?, 16).ok();
    let class = |name| hex(interface, name).and_then(|n| u8::try_from(n).ok());
    if (class("bInterfaceClass")?, class("bInterfaceSubClass")?) != PRINTER {
        return None;
    }
    let device = interface.parent()?.join(port);
    let link = |name: &str| {
        let target = fs::read_link(interface.join(name)).ok()?;
        Some(target.file_name()?.to_str()?.to_owned())
    };
    let lp = fs::read_dir(interface.join("usbmisc"))
        .ok()
        .and_then(|mut files| files.next()?.ok()?.file_name().into_string().ok());
    Some(UsbPrinter {
        port: port.to_owned(),
        interface: class("bInterfaceNumber")?,
        bus: text(&device, "busnum")?.parse().ok()?,
        device: text(&device, "devnum")?.parse().ok()?,
        vendor_id: hex(&device, "idVendor")?,
        product_id: hex(&device, "idProduct")?,
        manufacturer: text(&device, "manufacturer").unwrap_or_default(),
        product: text(&device, "product").unwrap_or_default(),
        serial: text(&device, "serial").unwrap_or_default(),
        driver: link("driver"),
        device_file: lp.map(|name| format!("/dev/usb/{name}")),
        device_id: text(interface, "ieee1284_id"),
    })
}

pub(super) fn text(folder: &Path, name: &str) -> Option<String> {
    let bytes = fs::read(folder.join(name)).ok()?;
    Some(redact::name(String::from_utf8_lossy(&bytes).trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sysfs as the kernel creates it: devices, interfaces, and a hub that is no printer.
    fn sysfs(printers: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let devices = dir.path().join("bus/usb/devices");
        let write = |place: &str, name: &str, text: &str| {
            fs::create_dir_all(devices.join(place)).unwrap();
            fs::write(devices.join(place).join(name), format!("{text}\n")).unwrap();
        };
        write("usb1", "busnum", "1");
        write("1-0:1.0", "bInterfaceClass", "09");
        for (n, (port, serial)) in printers.iter().enumerate() {
            for (name, text) in [
                ("busnum", "1"),
                ("devnum", &(n + 2).to_string()),
                ("idVendor", "0f49"),
                ("idProduct", "0a11"),
                ("product", "Primacy\u{1b}[31m"),
                ("serial", serial),
            ] {
                write(port, name, text);
            }
            for (name, text) in [
                ("bInterfaceClass", "07"),
                ("bInterfaceSubClass", "01"),
                ("bInterfaceNumber", "00"),
                ("ieee1284_id", "MFG:Evolis;"),
            ] {
                write(&format!("{port}:1.0"), name, text);
            }
            fs::create_dir_all(devices.join(format!("{port}:1.0/usbmisc/lp{n}"))).unwrap();
            std::os::unix::fs::symlink(
                "../drivers/usblp",
                devices.join(format!("{port}:1.0/driver")),
            )
            .unwrap();
        }
        dir
    }

    #[test]
    fn tells_what_is_plugged_in() {
        let dir = sysfs(&[("1-1.2", "10001234")]);
        let told = attached(dir.path()).unwrap();
        assert_eq!(
            told,
            [UsbPrinter {
                port: "1-1.2".into(),
                bus: 1,
                device: 2,
                vendor_id: 0x0f49,
                product_id: 0x0a11,
                product: "Primacy*[31m".into(),
                serial: "10001234".into(),
                driver: Some("usblp".into()),
                device_file: Some("/dev/usb/lp0".into()),
                device_id: Some("MFG:Evolis;".into()),
                ..UsbPrinter::default()
            }]
        );
        assert_eq!(attached(&dir.path().join("nowhere")), Err(WireFault::NoUsb));
    }

    #[test]
    fn a_name_fits_one_printer_or_nothing_is_opened() {
        let dir = sysfs(&[("1-1", "A"), ("1-2", "B"), ("1-3", "B"), ("1-4", "")]);
        let by = |name: &str| find(&name.parse().unwrap(), attached(dir.path()).unwrap());
        assert_eq!(by("serial=A").unwrap().port, "1-1");
        assert_eq!(by("port=1-3").unwrap().device, 4);
        let several = by("serial=B").unwrap_err();
        assert_eq!(
            several.to_string(),
            "usb:serial=B fits more than one printer: usb:port=1-2, usb:port=1-3"
        );
        let none = by("serial=C").unwrap_err();
        assert_eq!(none.to_string(), "no printer usb:serial=C is plugged in");
        assert_eq!(by("port=1-4").unwrap().name(), UsbName::Port("1-4".into()));
    }

    #[test]
    fn names_are_read_and_written_alike() {
        for good in ["serial=10001234", "serial=A B=C", "port=1-1", "port=2-1.4.2"] {
            assert_eq!(good.parse::<UsbName>().unwrap().to_string(), format!("usb:{good}"));
        }
        for bad in [
            "",
            "serial=",
            "serial=a\n",
            "port=",
            "port=1",
            "port=1-",
            "port=1-0",
            "port=1-1:1.0",
            "first",
            "bus=1",
        ] {
            assert_eq!(bad.parse::<UsbName>(), Err(NoUsbName), "{bad}");
        }
    }
}
