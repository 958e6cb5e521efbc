//! An office with emulated printers that can be plugged in and out. Knows the kernel's controller, no driver.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use drivers::transport::usb::{SYSFS, UsbPrinter, attached};
use emulators::evolis::EvolisSettings;
use emulators::machine::SharedMachine;
use emulators::transport::usbip::{Cable, Plugged, UsbIdentity};

pub const CONTROLLER: &str = "/sys/devices/platform/vhci_hcd.0";

/// The kernel sees a plug within milliseconds; the guest is interpreted.
const KERNEL_LIMIT: Duration = Duration::from_secs(10);

static PLUGGED: AtomicU64 = AtomicU64::new(0);

/// How often a printer was plugged in since the beginning.
pub fn times_plugged() -> u64 {
    PLUGGED.load(Ordering::Relaxed)
}

/// A printer, and the socket that it may be plugged into.
pub struct Printer {
    pub machine: SharedMachine,
    pub serial: String,
    plugged: Option<Plugged>,
}

impl Printer {
    pub fn new(serial: &str, ribbon: &str) -> Self {
        let machine = emulators::evolis::emulate(settings(serial, ribbon)).unwrap();
        Self { machine, serial: serial.to_owned(), plugged: None }
    }

    /// One that takes as long as a real one, with somebody who fills its feeder.
    pub fn in_real_time(serial: &str, ribbon: &str) -> Self {
        let settings = EvolisSettings {
            slowness: 1.0,
            real_time: true,
            tended: true,
            ..settings(serial, ribbon)
        };
        let machine = emulators::evolis::emulate(settings).unwrap();
        Self { machine, serial: serial.to_owned(), plugged: None }
    }

    /// Plugs it in, and waits until the kernel's own driver has it.
    pub fn plug(&mut self, cable: Cable) -> UsbPrinter {
        let before: Vec<(u8, u8)> = all().iter().map(place).collect();
        self.plugged = Some(Plugged::new(&self.machine, self.identity(), cable).unwrap());
        PLUGGED.fetch_add(1, Ordering::Relaxed);
        let mut found = None;
        until("usblp has the printer", || {
            found = all().into_iter().find(|printer| {
                printer.serial == self.serial
                    && !before.contains(&place(printer))
                    && printer.driver.as_deref() == Some("usblp")
                    && printer.device_file.as_ref().is_some_and(|file| Path::new(file).exists())
            });
            found.is_some()
        });
        found.unwrap()
    }

    /// Pulls the plug, if the cable has not done so, and waits until the kernel has seen it.
    pub fn unplug(&mut self) {
        let Some(plugged) = self.plugged.take() else { return };
        let count = |printers: Vec<UsbPrinter>| {
            printers.iter().filter(|printer| printer.serial == self.serial).count()
        };
        let before = count(all());
        let was_in = !plugged.is_out();
        drop(plugged);
        until("the kernel saw the plug pulled", || {
            let now = count(all());
            now == 0 || (was_in && now < before)
        });
    }

    pub fn cable(&self) -> &Cable {
        self.plugged.as_ref().unwrap().cable()
    }

    fn identity(&self) -> UsbIdentity {
        UsbIdentity {
            vendor_id: 0x0f49,
            product_id: 0x0a11,
            manufacturer: "Evolis".into(),
            product: "Primacy (emulated)".into(),
            serial: self.serial.clone(),
        }
    }
}

impl Drop for Printer {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.unplug();
        }
    }
}

fn settings(serial: &str, ribbon: &str) -> EvolisSettings {
    EvolisSettings {
        model: "Primacy".to_owned(),
        ribbon: ribbon.to_owned(),
        serial: serial.to_owned(),
        ..EvolisSettings::instant()
    }
}

/// Every printer that the kernel shows.
pub fn all() -> Vec<UsbPrinter> {
    attached(Path::new(SYSFS)).unwrap()
}

/// The kernel gives no address twice in a row.
fn place(printer: &UsbPrinter) -> (u8, u8) {
    (printer.bus, printer.device)
}

/// The kernel tells nobody when it is done, so we look again and again.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < KERNEL_LIMIT, "not within {KERNEL_LIMIT:?}: {what}");
        sleep(Duration::from_millis(2));
    }
}
