//! Finds the lasting names of a USB device from its bus and address. Knows no family and opens no device.

use std::fs;
use std::path::Path;

use super::listing::{UsbName, text};

/// Port and serial number of the device with this address on this bus; empty if there is none.
pub fn names_of(sysfs: &Path, bus: u8, device: u8) -> Vec<UsbName> {
    let Ok(entries) = fs::read_dir(sysfs.join("bus/usb/devices")) else {
        return Vec::new();
    };
    let number = |place: &Path, file: &str| text(place, file)?.parse::<u8>().ok();
    let is_it = |place: &Path| {
        number(place, "busnum") == Some(bus) && number(place, "devnum") == Some(device)
    };
    let Some(place) = entries.flatten().map(|entry| entry.path()).find(|place| is_it(place)) else {
        return Vec::new();
    };
    let port =
        place.file_name().and_then(|name| name.to_str()).map(|name| UsbName::Port(name.to_owned()));
    let serial = text(&place, "serial").filter(|serial| !serial.is_empty()).map(UsbName::Serial);
    port.into_iter().chain(serial).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_known_by_its_address_is_named_by_socket_and_serial_number() {
        let dir = tempfile::tempdir().unwrap();
        let write = |place: &str, name: &str, text: &str| {
            let place = dir.path().join("bus/usb/devices").join(place);
            fs::create_dir_all(&place).unwrap();
            fs::write(place.join(name), format!("{text}\n")).unwrap();
        };
        for (port, device, serial) in [("1-1.2", "7", "0815"), ("1-1.3", "8", "")] {
            write(port, "busnum", "1");
            write(port, "devnum", device);
            write(port, "serial", serial);
            write(&format!("{port}:1.0"), "bInterfaceClass", "0b");
        }
        let names = |device| names_of(dir.path(), 1, device);
        assert_eq!(names(7), [UsbName::Port("1-1.2".into()), UsbName::Serial("0815".into())]);
        assert_eq!(names(8), [UsbName::Port("1-1.3".into())]);
        assert_eq!(names(9), []);
        assert_eq!(names_of(&dir.path().join("nowhere"), 1, 7), []);
    }
}
