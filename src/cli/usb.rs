//! `kartud usb list`: the printers that are plugged into this computer, and how to name them in kartud.toml.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use drivers::transport::WireFault;
use drivers::transport::usb::{self, UsbPrinter};
use serde_json::{Value, json};

use super::Exit;
use super::client::language;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List the USB printers that are plugged in, and the address of each for kartud.toml
    List(ListArgs),
}

#[derive(clap::Args)]
struct ListArgs {
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let Command::List(args) = &args.command;
    let printers = usb::attached(Path::new(usb::SYSFS)).map_err(|fault| explained(&fault))?;
    let told: Vec<Listed> = printers.iter().map(|printer| Listed::of(printer, &printers)).collect();
    let mut out = std::io::stdout().lock();
    if args.json {
        let list: Vec<Value> = told.iter().map(Listed::json).collect();
        writeln!(out, "{:#}", Value::from(list))?;
        return Ok(Exit::Done);
    }
    if told.is_empty() {
        let none = ("tidak ada printer USB yang terpasang", "no USB printer is plugged in");
        writeln!(out, "{}", if language() == "id" { none.0 } else { none.1 })?;
    }
    for told in &told {
        write!(out, "{}", told.text())?;
    }
    Ok(Exit::Done)
}

/// A name that matches no other of these printers.
pub(super) fn address(printer: &UsbPrinter, all: &[UsbPrinter]) -> usb::UsbName {
    let alone = all.iter().filter(|other| other.serial == printer.serial).count() == 1;
    if alone { printer.name() } else { usb::UsbName::Port(printer.port.clone()) }
}

/// One printer, as listed.
struct Listed<'p> {
    printer: &'p UsbPrinter,
    /// A name that matches no other printer here.
    address: String,
    device_id: Result<String, WireFault>,
}

impl<'p> Listed<'p> {
    fn of(printer: &'p UsbPrinter, all: &[UsbPrinter]) -> Self {
        // The kernel has read it if usblp has the interface; otherwise the printer is asked.
        let device_id = printer.device_id.clone().map_or_else(|| usb::device_id(printer), Ok);
        Self { printer, address: address(printer, all).to_string(), device_id }
    }

    fn json(&self) -> Value {
        let mut value = json!(self.printer);
        value["address"] = json!(self.address);
        value["device_id"] = json!(self.device_id.as_ref().ok());
        value["device_id_error"] = json!(self.device_id.as_ref().err().map(ToString::to_string));
        value
    }

    fn text(&self) -> String {
        let UsbPrinter { port, bus, device, vendor_id, product_id, .. } = self.printer;
        let UsbPrinter { manufacturer, product, serial, driver, device_file, .. } = self.printer;
        let or_none = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
        let mut text = format!("{}\n", self.address);
        let mut line = |name: &str, value: String| {
            // Writing to memory does not fail.
            let _ = writeln!(text, "  {name:<13} {value}");
        };
        line("printer", or_none(format!("{manufacturer} {product}").trim()));
        line("serial", or_none(serial));
        line(
            "place",
            format!("port {port}, bus {bus} device {device}, {vendor_id:04x}:{product_id:04x}"),
        );
        let file = device_file.as_ref().map(|file| format!(", {file}")).unwrap_or_default();
        line("driver", format!("{}{file}", driver.as_deref().unwrap_or("-")));
        line(
            "device id",
            match &self.device_id {
                Ok(id) => or_none(id),
                Err(fault) => explained(fault).to_string(),
            },
        );
        text
    }
}

/// What is wrong and what to do, in the operator's language.
fn explained(fault: &WireFault) -> anyhow::Error {
    let words = fault.words();
    anyhow::anyhow!("{}", if language() == "id" { words.id } else { words.en })
}
