//! Why bytes did not get through, and what a person can do about it. Knows no family and no system call.

use std::time::Duration;

use super::OsReason;
use crate::text::Text;

/// Why bytes did not get through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} after {sent_bytes} bytes sent")]
pub struct TransportError {
    /// The fault.
    pub kind: WireFault,
    /// Upper bound of what may have reached the machine in this exchange; 0 = certainly nothing.
    pub sent_bytes: usize,
}

/// A fault of the wire.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireFault {
    /// The other end cannot be reached, or access is denied.
    #[error("the printer cannot be reached ({0})")]
    Unreachable(OsReason),
    /// The other end closed the connection, or the device was unplugged.
    #[error("the connection broke ({0})")]
    Broken(OsReason),
    /// No answer within the caller's time limit.
    #[error("no answer within {} s", .0.as_secs())]
    Silent(Duration),
    /// The answer exceeds the limit.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// The machine refused a transfer (USB stall); the next exchange reopens the device.
    #[error("the printer refused a USB transfer (stall)")]
    Stalled,
    /// This computer has no USB, or a container hides it.
    #[error("this computer shows no USB (/sys/bus/usb is missing)")]
    NoUsb,
    /// No printer of this name is plugged in.
    #[error("no printer {name} is plugged in")]
    NotPlugged {
        /// The name as in the configuration.
        name: String,
    },
    /// The name matches more than one printer, and guessing could print a card on the wrong one.
    #[error("{name} fits more than one printer: {}", .fitting.join(", "))]
    SeveralFit {
        /// The name as in the configuration.
        name: String,
        /// For each printer, a name that matches only it.
        fitting: Vec<String>,
    },
    /// The system does not let this user use the device.
    #[error("no permission to use the printer's USB device")]
    Barred,
    /// Another program holds the device.
    #[error("another program holds the printer's USB device")]
    Taken,
}

impl WireFault {
    /// What is wrong and what to do.
    pub fn words(&self) -> Text {
        match self {
            Self::Barred => Text::fixed(
                "Program tidak diizinkan memakai printer USB. Masukkan penggunanya ke grup lp, pemilik printer USB, lalu jalankan ulang.",
                "The program may not use the USB printer. Put its user into the group lp, which udev gives USB printers to, and start it anew.",
            ),
            Self::Taken => Text::fixed(
                "Printer USB sedang dipakai program lain. Tutup program itu; bila tidak ada, matikan dan nyalakan printer.",
                "Another program uses the USB printer. Close that program; if there is none, switch the printer off and on.",
            ),
            Self::NoUsb => Text::fixed(
                "Komputer ini tidak menampilkan USB. Jalankan di komputer tempat printer terpasang.",
                "This computer shows no USB. Run on the computer that the printer is plugged into.",
            ),
            Self::NotPlugged { name } => Text::new(
                format!("Printer {name} tidak terpasang. Periksa kabel dan daya printer."),
                format!("The printer {name} is not plugged in. Check its cable and its power."),
            ),
            Self::SeveralFit { name, fitting } => Text::new(
                format!(
                    "Nama {name} cocok dengan lebih dari satu printer. Tulis salah satu dari ini di kartud.toml: {}.",
                    fitting.join(", ")
                ),
                format!(
                    "The name {name} fits more than one printer. Write one of these in kartud.toml: {}.",
                    fitting.join(", ")
                ),
            ),
            Self::Unreachable(reason) | Self::Broken(reason) if reason.is_shortage() => {
                shortage(*reason)
            }
            Self::Unreachable(_)
            | Self::Broken(_)
            | Self::Silent(_)
            | Self::TooLong(_)
            | Self::Stalled => Text::fixed(
                "Printer tidak dapat dihubungi. Periksa kabel dan daya printer.",
                "The printer cannot be reached. Check its cable and its power.",
            ),
        }
    }
}

/// The computer lacks a resource; cable and power are fine.
pub(crate) fn shortage(reason: OsReason) -> Text {
    Text::new(
        format!(
            "Komputer ini kehabisan sumber daya ({reason}). Hubungi teknisi: tutup program lain, atau naikkan batasnya (LimitNOFILE pada systemd)."
        ),
        format!(
            "This computer has run out of something ({reason}). Call the technician: close other programs, or raise the limit (LimitNOFILE of systemd)."
        ),
    )
}
