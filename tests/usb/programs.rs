//! The program that users get, on the same bus: `kartud emulate --usbip` and `kartud usb list`.

use std::env;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::Test;
use crate::bench::{black_card, open_by};
use crate::office::{Printer, all, until};
use emulators::transport::usbip::Cable;

pub const TESTS: &[Test] = &[
    (
        "kartud_lists_the_printers_and_their_addresses",
        kartud_lists_the_printers_and_their_addresses,
    ),
    ("kartud_emulates_a_printer_on_the_bus", kartud_emulates_a_printer_on_the_bus),
];

fn kartud(arguments: &[&str]) -> Command {
    let mut command =
        Command::new(env::var("GUEST_FILES").expect("tests/machine/guest.sh sets it"));
    command.args(arguments).env("LANG", "C");
    command
}

fn listed() -> Vec<Value> {
    let output = kartud(&["usb", "list", "--json"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn kartud_lists_the_printers_and_their_addresses() {
    assert_eq!(listed(), [] as [Value; 0]);
    let mut printers = [("A1", "KBLACK"), ("SAME", "KBLACK"), ("SAME", "KBLACK")]
        .map(|(serial, ribbon)| Printer::new(serial, ribbon));
    let sockets = printers.each_mut().map(|printer| printer.plug(Cable::good()).port);
    // One is in use: its interface is not usblp's, and its device id is asked for over the bus.
    let driver = open_by("serial=A1").unwrap();
    let list = listed();
    let told = |key: &str| list.iter().map(|printer| printer[key].as_str()).collect::<Vec<_>>();
    assert_eq!(told("port"), sockets.each_ref().map(|port| Some(port.as_str())));
    let ports = [1, 2].map(|n| format!("usb:port={}", sockets[n]));
    assert_eq!(told("address"), [Some("usb:serial=A1"), Some(&ports[0]), Some(&ports[1])]);
    assert_eq!(told("driver"), [Some("usbfs"), Some("usblp"), Some("usblp")]);
    assert_eq!(told("device_file"), [None, Some("/dev/usb/lp1"), Some("/dev/usb/lp2")]);
    assert_eq!(list[0]["device_id"], "MFG:Evolis;MDL:Primacy (emulated);CLS:PRINTER;SN:A1;");
    drop(driver);
    let text = kartud(&["usb", "list"]).output().unwrap().stdout;
    let text = String::from_utf8(text).unwrap();
    assert!(text.starts_with("usb:serial=A1\n") && text.contains("0f49:0a11"), "{text}");
}

fn kartud_emulates_a_printer_on_the_bus() {
    let out = ["--out", "/tmp/cards", "--listen", "127.0.0.1:0"];
    let kind = ["--model", "Primacy", "--ribbon", "KBLACK", "--slowness", "0"];
    let mut command = kartud(&["emulate", "evolis", "--usbip"]);
    let mut machine = command.args(out).args(kind).stdout(Stdio::null()).spawn().unwrap();
    until("the emulated printer is plugged in", || {
        all().iter().any(|printer| printer.driver.as_deref() == Some("usblp"))
    });
    let mut driver = open_by(&format!("port={}", all()[0].port)).unwrap();
    let (_, card) = black_card(driver.as_ref(), 0, Some(1));
    driver.print(&card).unwrap();
    assert!(std::fs::exists("/tmp/cards/card-000001-back.png").unwrap());
    end(&mut machine);
    until("its plug is out", || all().is_empty());
    assert!(driver.status().is_err());
}

fn end(machine: &mut Child) {
    machine.kill().unwrap();
    machine.wait().unwrap();
}
