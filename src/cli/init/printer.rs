//! Finds the printer of a new station and writes its address into the configuration. Never guesses between two.

use std::path::Path;
use std::str::FromStr;

use drivers::text::Text;
use drivers::transport::usb::{self, UsbPrinter};

use super::made::Made;
use super::{Args, ask, edit};
use crate::cli::{files, usb as cli_usb};
use crate::config::{Address, Config};

/// The emulated machine's folder, as the shipped configuration has it.
const CARDS: &str = "cards";

/// Which printer was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The card printer that is plugged in.
    Auto,
    /// None for now.
    None,
    /// At this address.
    At(String),
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(typed: &str) -> Result<Self, String> {
        match typed {
            "auto" => Ok(Self::Auto),
            "none" => Ok(Self::None),
            "" => Err("write auto, none or an address (kartud usb list)".to_owned()),
            typed => typed.parse::<Address>().map(|_| Self::At(typed.to_owned())),
        }
    }
}

/// Writes the printer's address. `false`: it was asked for and not written.
pub(super) fn write(
    args: &Args,
    config: &Config,
    asks: bool,
    made: &mut Made,
) -> anyhow::Result<bool> {
    let wanted = args.printer.as_ref().unwrap_or(&Wanted::Auto);
    if *wanted == Wanted::None {
        return Ok(true);
    }
    if config.printer.address != Address::None {
        let words = Text::fixed(
            "printer.address sudah diisi; tidak ada yang diubah",
            "printer.address is set already; nothing was changed",
        );
        made.kept(&args.config, words)?;
        return Ok(true);
    }
    let address = match wanted {
        Wanted::At(address) => Some(address.clone()),
        _ => found(args, &config.printer.family, asks, made)?,
    };
    let Some(address) = address else { return Ok(true) };
    let written = set(args, ("printer", "address"), &address, made)?
        && (address != "emulated" || set_emulated_folder(args, config, made)?);
    // Nobody asked for it by name: the station works without, and the line says what to do.
    Ok(written || args.printer.is_none())
}

/// The address of the card printer that is plugged in, or that a person chose.
fn found(args: &Args, family: &str, asks: bool, made: &mut Made) -> anyhow::Result<Option<String>> {
    let attached = match usb::attached(Path::new(usb::SYSFS)) {
        Ok(attached) => attached,
        Err(fault) => {
            made.kept(&args.config, fault.words())?;
            return Ok(None);
        }
    };
    let all: Vec<(String, String)> = attached.iter().map(|one| named(one, &attached)).collect();
    match choice(family, &attached) {
        Choice::This(at) => Ok(all.get(at).map(|(address, _)| address.clone())),
        Choice::Nothing => {
            made.kept(&args.config, NOTHING)?;
            Ok(None)
        }
        Choice::APerson if asks => {
            for (number, (address, name)) in all.iter().enumerate() {
                say!("  {}. {address}  {name}", number + 1)?;
            }
            let answer = ask(&WHICH)?;
            let chosen = answer.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
            Ok(chosen.and_then(|at| all.get(at)).map(|(address, _)| address.clone()))
        }
        Choice::APerson => {
            made.kept(&args.config, SEVERAL)?;
            for (address, name) in &all {
                say!("  kartud init --printer {address}  # {name}")?;
            }
            Ok(None)
        }
    }
}

/// The emulated machine lays its cards beside the ledger, where the station may write; beside the configuration it may not.
fn set_emulated_folder(args: &Args, config: &Config, made: &mut Made) -> anyhow::Result<bool> {
    let beside_config = args.config.parent().unwrap_or(Path::new(".")).join(CARDS);
    let ledgers = config.station.ledger.parent().unwrap_or(Path::new("."));
    if config.printer.emulator.folder != beside_config || beside_config.starts_with(ledgers) {
        return Ok(true);
    }
    let folder = ledgers.join(CARDS).display().to_string();
    set(args, ("printer.emulator", "folder"), &folder, made)
}

fn named(printer: &UsbPrinter, all: &[UsbPrinter]) -> (String, String) {
    let name = format!("{} {}", printer.manufacturer, printer.product);
    (cli_usb::address(printer, all).to_string(), name.trim().to_owned())
}

/// What can be said of the printers that are plugged in.
#[derive(Debug, PartialEq, Eq)]
enum Choice {
    /// There is none.
    Nothing,
    /// This one is the only card printer.
    This(usize),
    /// A person must say which.
    APerson,
}

/// A machine of the family has one of its vendor numbers, whatever name was put on it; another printer of the same computer
/// prints letters.
fn choice(family: &str, attached: &[UsbPrinter]) -> Choice {
    let vendors = drivers::find(family).map_or(&[][..], |family| (family.usb_vendors)());
    let is_of_the_family = |(_, one): &(usize, &UsbPrinter)| vendors.contains(&one.vendor_id);
    let mut cards = attached.iter().enumerate().filter(is_of_the_family);
    match (cards.next(), cards.next()) {
        (Some((at, _)), None) => Choice::This(at),
        (None, _) if attached.is_empty() => Choice::Nothing,
        _ => Choice::APerson,
    }
}

/// Sets a text of the configuration, if the result is one, too. `false`: it cannot be written, and the line says what a
/// person must write.
pub(super) fn set(
    args: &Args,
    (section, key): (&str, &str),
    value: &str,
    made: &mut Made,
) -> anyhow::Result<bool> {
    let text = files::read_text(&args.config)?;
    let folder = args.config.parent().unwrap_or(Path::new("."));
    let edited =
        edit::with_text(&text, section, key, value).map_err(str::to_owned).and_then(|edited| {
            match Config::parse(&edited, folder) {
                Ok(_) => Ok(edited),
                Err(faults) => Err(faults.first().map_or_else(String::new, ToString::to_string)),
            }
        });
    let line = format!("[{section}] {key} = \"{value}\"");
    let why = match edited {
        Ok(edited) => edit::rewrite(&args.config, &edited).map_err(|why| why.to_string()),
        Err(why) => Err(why),
    };
    match why {
        Ok(()) => {
            made.added(&args.config, Text::new(line.clone(), line))?;
            Ok(true)
        }
        Err(why) => {
            let words = Text::new(
                format!(
                    "tidak dapat ditulis ({why}). Tulis sendiri, atau jalankan sebagai root: {line}"
                ),
                format!(
                    "cannot be written ({why}). Write it yourself, or run this as root: {line}"
                ),
            );
            made.kept(&args.config, words)?;
            Ok(false)
        }
    }
}

const NOTHING: Text = Text::fixed(
    "tidak ada printer USB yang terpasang: pasang, lalu jalankan `kartud init` sekali lagi",
    "no USB printer is plugged in: plug it in, then run `kartud init` once more",
);
const SEVERAL: Text = Text::fixed(
    "printer mana yang mencetak kartu harus ditulis; salah satu dari ini:",
    "which printer prints the cards must be said; one of these:",
);
const WHICH: Text = Text::fixed(
    "Printer kartu yang mana? Tulis nomornya (Enter: nanti):",
    "Which one prints the cards? Write its number (Enter: later):",
);

#[cfg(test)]
mod tests {
    use super::*;

    fn printer(vendor_id: u16, product: &str) -> UsbPrinter {
        UsbPrinter { vendor_id, product: product.to_owned(), ..UsbPrinter::default() }
    }

    #[test]
    fn the_only_card_printer_is_taken_and_no_other() {
        let (letters, card) = (printer(0x03f0, "Evolis LaserJet"), printer(0x0f49, "Primacy 2"));
        let badgy = printer(0x0f49, "Badgy200");
        assert_eq!(choice("evolis", &[]), Choice::Nothing);
        assert_eq!(choice("evolis", &[letters.clone(), card.clone()]), Choice::This(1));
        assert_eq!(choice("evolis", std::slice::from_ref(&badgy)), Choice::This(0));
        assert_eq!(choice("evolis", &[card, letters.clone(), badgy]), Choice::APerson);
        assert_eq!(choice("evolis", &[letters]), Choice::APerson, "it may print letters");
    }

    #[test]
    fn an_address_is_read_as_the_configuration_reads_it() {
        assert_eq!("auto".parse(), Ok(Wanted::Auto));
        assert_eq!("none".parse(), Ok(Wanted::None));
        assert_eq!("usb:serial=1".parse(), Ok(Wanted::At("usb:serial=1".into())));
        for wrong in ["", "usb", "first"] {
            assert!(wrong.parse::<Wanted>().is_err(), "{wrong}");
        }
    }
}
