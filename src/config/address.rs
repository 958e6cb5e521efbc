//! The address of a printer in `kartud.toml`. Opens nothing.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use drivers::transport::usb::UsbName;

/// The refusal of an emulated machine or reader in a build without emulators.
#[cfg(not(feature = "emulators"))]
pub(super) const NO_EMULATORS: &str =
    "cannot be emulated: this kartud was built without the cargo feature `emulators`";

/// The address of a printer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// No printer: jobs are accepted and wait.
    None,
    /// The emulated machine in this process.
    #[cfg(feature = "emulators")]
    Emulated,
    /// `tcp://HOST:PORT`
    Tcp(String),
    /// `usb:serial=NUMBER` or `usb:port=BUS-PORT`
    Usb(UsbName),
    /// `lp:FILE`: the device file of the kernel's own printer driver.
    Lp(PathBuf),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(typed: &str) -> Result<Self, String> {
        if let Some(name) = typed.strip_prefix("usb:") {
            let wrong = |error| format!("names no printer: {error} (kartud usb list shows both)");
            return name.parse().map(Self::Usb).map_err(wrong);
        }
        if let Some(file) = typed.strip_prefix("lp:") {
            let is_file = Path::new(file).is_absolute();
            return is_file
                .then(|| Self::Lp(file.into()))
                .ok_or("must name the whole device file, such as lp:/dev/usb/lp0".into());
        }
        match (typed, typed.strip_prefix("tcp://").filter(|rest| has_port(rest))) {
            ("", _) => Ok(Self::None),
            #[cfg(feature = "emulators")]
            ("emulated", _) => Ok(Self::Emulated),
            #[cfg(not(feature = "emulators"))]
            ("emulated", _) => Err(NO_EMULATORS.to_owned()),
            (_, Some(rest)) => Ok(Self::Tcp(rest.to_owned())),
            (_, None) => {
                Err("must be \"\", \"emulated\", \"tcp://HOST:PORT\", \"usb:serial=NUMBER\", \
                              \"usb:port=BUS-PORT\" or \"lp:/dev/usb/lpN\""
                    .into())
            }
        }
    }
}

fn has_port(host_port: &str) -> bool {
    host_port
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|p| p != 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Fault};

    fn parse(text: &str) -> Result<Config, Vec<Fault>> {
        Config::parse(text, Path::new("/etc/kartu"))
    }

    #[test]
    fn an_emulated_machine_needs_a_build_that_has_one() {
        let text = "[printer]\naddress = \"emulated\"\n[encoder]\nfamily = \"emulated\"\n";
        let told = parse(text).err().unwrap_or_default();
        let told: Vec<String> = told.iter().map(ToString::to_string).collect();
        if cfg!(feature = "emulators") {
            assert_eq!(told, [""; 0]);
            return;
        }
        assert_eq!(told.len(), 2, "{told:#?}");
        for (told, line) in told.iter().zip(["line 2: printer.address", "line 4: encoder.family"]) {
            assert!(told.starts_with(line) && told.contains("cargo feature `emulators`"), "{told}");
        }
    }

    #[test]
    fn a_printer_needs_a_port() {
        for bad in ["tcp://10.0.0.5", "tcp://:9100", "tcp://h:0", "usb"] {
            let text = format!("[printer]\naddress = \"{bad}\"\n");
            assert_eq!(parse(&text).unwrap_err().len(), 1, "{bad}");
        }
        let config = parse("[printer]\naddress = \"tcp://10.0.0.5:9100\"\n").unwrap();
        assert_eq!(config.printer.address, Address::Tcp("10.0.0.5:9100".into()));
    }

    #[test]
    fn a_usb_printer_is_named_and_never_the_first() {
        let read = |address: &str| {
            parse(&format!("[printer]\naddress = \"{address}\"\n")).map(|c| c.printer.address)
        };
        assert_eq!(
            read("usb:serial=10001234"),
            Ok(Address::Usb(UsbName::Serial("10001234".into())))
        );
        assert_eq!(read("usb:port=1-1.2"), Ok(Address::Usb(UsbName::Port("1-1.2".into()))));
        assert_eq!(read("lp:/dev/usb/lp0"), Ok(Address::Lp("/dev/usb/lp0".into())));
        for bad in ["usb:", "usb:first", "usb:port=1", "usb://10001234"] {
            let faults = read(bad).unwrap_err();
            let told = faults[0].to_string();
            assert!(
                told.starts_with("line 2: printer.address") && told.contains("kartud usb list"),
                "{told}"
            );
        }
        let told = read("lp:lp0").unwrap_err()[0].to_string();
        assert!(told.contains("lp:/dev/usb/lp0"), "{told}");
    }
}
