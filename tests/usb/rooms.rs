//! What happens in the room while everything is well: plugging, printing, two printers, permissions.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use drivers::contract::{CardImage, Cause, FaceImage, PreparedCard};
use drivers::transport::usb::device_id;
use drivers::transport::{Transport, WireFault};
use emulators::machine::Lever;
use emulators::transport::usbip::Cable;

use crate::Test;
use crate::bench::{
    PATIENCE, assert_printed, black_card, black_face, open, open_by, open_files, threads, usb,
};
use crate::office::{Printer, all, until};

pub const TESTS: &[Test] = &[
    ("tells_what_is_plugged_in", tells_what_is_plugged_in),
    ("usblp_gets_its_interface_back", usblp_gets_its_interface_back),
    ("prints_one_side_and_two", prints_one_side_and_two),
    ("prints_in_colour", prints_in_colour),
    ("comes_back_with_another_address", comes_back_with_another_address),
    ("two_printers_each_print_their_own", two_printers_each_print_their_own),
    ("a_name_that_fits_two_is_refused", a_name_that_fits_two_is_refused),
    ("prints_on_a_sleeping_machine", prints_on_a_sleeping_machine),
    ("plugs_in_and_out_leave_nothing_open", plugs_in_and_out_leave_nothing_open),
    ("waits_for_permission_after_the_plug", waits_for_permission_after_the_plug),
    (
        "an_answer_of_an_earlier_exchange_is_not_believed",
        an_answer_of_an_earlier_exchange_is_not_believed,
    ),
];

/// With those of the other tests these are more than two hundred.
const PLUGS: u32 = 70;

/// One plug and one opening.
pub fn warm_up() {
    let mut printer = Printer::new("WARM", "KBLACK");
    printer.plug(Cable::good());
    drop(open(&printer));
}

fn tells_what_is_plugged_in() {
    assert_eq!(all(), []);
    let mut printer = Printer::new("10001234", "KBLACK");
    let found = printer.plug(Cable::good());
    assert_eq!(all(), std::slice::from_ref(&found));
    assert_eq!((found.vendor_id, found.product_id, found.interface), (0x0f49, 0x0a11, 0));
    assert_eq!(found.manufacturer, "Evolis");
    assert_eq!(found.product, "Primacy (emulated)");
    assert_eq!(found.device_file.as_deref(), Some("/dev/usb/lp0"));
    let id = "MFG:Evolis;MDL:Primacy (emulated);CLS:PRINTER;SN:10001234;";
    assert_eq!(found.device_id.as_deref(), Some(id));
    // The same by the bus, while usblp has the interface and keeps it.
    assert_eq!(device_id(&found).unwrap(), id);
    assert_eq!(all(), std::slice::from_ref(&found));
    assert_eq!(found.name().to_string(), "usb:serial=10001234");
}

fn usblp_gets_its_interface_back() {
    let mut printer = Printer::new("A1", "KBLACK");
    printer.plug(Cable::good());
    let mut driver = open(&printer);
    driver.status().unwrap();
    assert_eq!(all()[0].driver.as_deref(), Some("usbfs"));
    assert_eq!(all()[0].device_file, None);
    let error = open_by("serial=A1").err().unwrap();
    assert!(matches!(&error.cause, Cause::Wire(e) if e.kind == WireFault::Taken), "{error}");
    drop(driver);
    until("usblp has it again", || all()[0].driver.as_deref() == Some("usblp"));
    assert_eq!(all()[0].device_file.as_deref(), Some("/dev/usb/lp0"));
}

fn prints_one_side_and_two() {
    let mut printer = Printer::new("A1", "KBLACK");
    printer.plug(Cable::good());
    let mut driver = open(&printer);
    for (front, back) in [(0, None), (1, Some(2)), (3, None)] {
        let (image, card) = black_card(driver.as_ref(), front, back);
        driver.print(&card).unwrap();
        assert_printed(&printer, &image);
    }
    assert_eq!(printer.machine.lock().cards_entered(), 3);
}

fn prints_in_colour() {
    let mut printer = Printer::new("A1", "YMCKO");
    printer.plug(Cable::good());
    let mut driver = open(&printer);
    let head = driver.prepress().head();
    let mut face = black_face(head, 0);
    for (i, rgb) in face.rgb.chunks_exact_mut(3).enumerate() {
        rgb.copy_from_slice(&[100 + (i % 97) as u8, 90, 110]);
    }
    let back = Some(FaceImage::white(head.width_px, head.height_px));
    let image = CardImage { front: face, back, stays_inside: false };
    let mut card = PreparedCard::default();
    driver.prepress().prepare(&image, &mut card).unwrap();
    driver.print(&card).unwrap();
    crate::bench::assert_shows(&printer.machine.lock().last_card().unwrap().front, &image.front);
}

fn comes_back_with_another_address() {
    let mut printer = Printer::new("A1", "KBLACK");
    let before = printer.plug(Cable::good());
    let mut driver = open(&printer);
    driver.status().unwrap();
    printer.unplug();
    let error = driver.status().unwrap_err();
    assert!(matches!(error.cause, Cause::Wire(_)), "{error}");
    let error = driver.status().unwrap_err();
    let gone = WireFault::NotPlugged { name: "usb:serial=A1".into() };
    assert!(matches!(&error.cause, Cause::Wire(e) if e.kind == gone), "{error}");
    // Another one is plugged in first, so that the port is another one as well.
    let mut other = Printer::new("B2", "KBLACK");
    other.plug(Cable::good());
    let after = printer.plug(Cable::good());
    assert_ne!((before.device, &before.port), (after.device, &after.port));
    let (image, card) = black_card(driver.as_ref(), 0, None);
    driver.print(&card).unwrap();
    assert_printed(&printer, &image);
    assert_eq!(other.machine.lock().cards_entered(), 0);
}

fn two_printers_each_print_their_own() {
    let mut printers = [Printer::new("A1", "KBLACK"), Printer::new("B2", "KBLACK")];
    let sockets = printers.each_mut().map(|printer| printer.plug(Cable::good()).port);
    for (at, printer) in printers.iter().enumerate() {
        for name in [format!("serial={}", printer.serial), format!("port={}", sockets[at])] {
            let before = printers.each_ref().map(|printer| printer.machine.lock().cards_entered());
            let mut driver = open_by(&name).unwrap();
            assert_eq!(driver.status().unwrap().identity.serial.as_str(), printer.serial);
            let (image, card) = black_card(driver.as_ref(), at as u32, None);
            driver.print(&card).unwrap();
            assert_printed(printer, &image);
            let other = 1 - at;
            assert_eq!(printers[other].machine.lock().cards_entered(), before[other]);
        }
    }
}

fn a_name_that_fits_two_is_refused() {
    let mut printers = [Printer::new("SAME", "KBLACK"), Printer::new("SAME", "KBLACK")];
    let sockets = printers.each_mut().map(|printer| printer.plug(Cable::good()).port);
    let error = open_by("serial=SAME").err().unwrap();
    let told = error.to_string();
    assert!(sockets.iter().all(|port| told.contains(&format!("usb:port={port}"))), "{told}");
    assert!(open_by(&format!("port={}", sockets[1])).is_ok());
}

fn prints_on_a_sleeping_machine() {
    let mut printer = Printer::new("A1", "KBLACK");
    printer.plug(Cable::good());
    let mut driver = open(&printer);
    let (image, card) = black_card(driver.as_ref(), 0, None);
    printer.machine.pull(Lever::Sleep);
    let status = driver.status().unwrap();
    assert!(!status.busy && status.troubles.is_empty(), "{status:?}");
    printer.machine.pull(Lever::Sleep);
    assert_eq!(printer.machine.lock().state()["asleep"], true);
    driver.print(&card).unwrap();
    assert_printed(&printer, &image);
}

/// The driver is opened and left each time; only the kernel may remember.
fn plugs_in_and_out_leave_nothing_open() {
    let mut printer = Printer::new("A1", "KBLACK");
    let (files, running) = (open_files(), threads());
    let mut answer = Vec::new();
    for round in 0..PLUGS {
        printer.plug(Cable::good());
        let mut wire = usb("serial=A1");
        wire.receive(&mut answer, PATIENCE).unwrap();
        // Half of the wires see the plug pulled.
        if round % 2 == 0 {
            drop(wire);
            printer.unplug();
        } else {
            printer.unplug();
            assert!(wire.receive(&mut answer, PATIENCE).is_err());
        }
        assert_eq!(open_files(), files, "round {round}");
    }
    // A thread that was waited for may still stand in the kernel's list for a moment.
    until("the threads are gone", || threads() == running);
}

/// The device file belongs to root at first, as before udev has come by.
fn waits_for_permission_after_the_plug() {
    let mut printer = Printer::new("A1", "KBLACK");
    let found = printer.plug(Cable::good());
    let file = format!("/dev/bus/usb/{:03}/{:03}", found.bus, found.device);
    let allow = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    let another_user = || {
        let this = std::env::current_exe().unwrap();
        Command::new(this).arg("as-another-user").uid(65534).gid(65534).spawn().unwrap()
    };
    allow(0o600);
    let began = Instant::now();
    assert_eq!(another_user().wait().unwrap().code(), Some(3));
    assert!(began.elapsed() >= Duration::from_secs(2));
    let mut waiting = another_user();
    // Asleep between two tries, so it has met the closed door; it has most of its two seconds left.
    until("the other user waits for permission", || sleeps(waiting.id()));
    assert_eq!(waiting.try_wait().unwrap(), None);
    allow(0o666);
    assert_eq!(waiting.wait().unwrap().code(), Some(0));
}

/// Is the process in `clock_nanosleep`? That is system call 230 on this machine.
fn sleeps(process: u32) -> bool {
    let call = fs::read_to_string(format!("/proc/{process}/syscall")).unwrap_or_default();
    call.starts_with("230 ")
}

/// The other process of that test: 0 when it could ask the printer, 3 when it was barred.
pub fn as_another_user() -> ExitCode {
    match open_by("serial=A1") {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) if matches!(&error.cause, Cause::Wire(e) if e.kind == WireFault::Barred) => {
            ExitCode::from(3)
        }
        Err(_) => ExitCode::FAILURE,
    }
}

/// The machine answers after our patience has ended; a later question must get its own answer.
fn an_answer_of_an_earlier_exchange_is_not_believed() {
    let mut printer = Printer::new("A1", "KBLACK");
    let late = emulators::transport::usbip::CableFault::Late(PATIENCE * 2);
    let mut answer = Vec::new();
    // Four answers are dropped with the opening; the question itself is the fifth transfer.
    printer.plug(Cable::failing(5, late));
    let mut wire = usb("serial=A1");
    wire.send(b"\x1bRsn\r\0", PATIENCE).unwrap();
    let error = wire.receive(&mut answer, PATIENCE).unwrap_err();
    assert_eq!(error.kind, WireFault::Silent(PATIENCE));
    wire.send(b"\x1bRtp\r\0", PATIENCE).unwrap();
    wire.receive(&mut answer, PATIENCE).unwrap();
    assert!(answer.starts_with(b"Primacy\0"), "{:?}", String::from_utf8_lossy(&answer));
    drop(wire);
    // Another program died with its question unanswered.
    let mut dead = usb("serial=A1");
    dead.send(b"\x1bRfv\r\0", PATIENCE).unwrap();
    drop(dead);
    let mut wire = usb("serial=A1");
    wire.send(b"\x1bRsn\r\0", PATIENCE).unwrap();
    wire.receive(&mut answer, PATIENCE).unwrap();
    assert!(answer.starts_with(b"A1\0"), "{:?}", String::from_utf8_lossy(&answer));
}
