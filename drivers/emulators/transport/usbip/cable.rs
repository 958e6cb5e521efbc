//! Faults between a host and a USB device, and when they happen. Knows no printer and no socket.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A cable, good or bad. It counts the transfers that carry bytes to or from the printer, both directions together.
#[derive(Debug, Default)]
pub struct Cable {
    /// The fault, and after how many transfers since plugging in it happens.
    fault: Mutex<Option<(u64, CableFault)>>,
    packet_bytes: Option<usize>,
    transfers: AtomicU64,
}

/// A fault in place of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CableFault {
    /// The cable is unplugged; the transfer does not happen.
    Unplug,
    /// The cable is unplugged after this many bytes of the transfer.
    UnplugWithin(usize),
    /// The device stalls the transfer, and all others on that pipe until the host clears the stall.
    Stall,
    /// The device answers NAK for ever, to this transfer and all others on that pipe.
    Silence,
    /// The device sends more than requested; a transfer to the device succeeds.
    Babble,
    /// The device delays its data by this time; a transfer to the device succeeds.
    Late(Duration),
}

impl Cable {
    /// A cable without a fault.
    pub fn good() -> Self {
        Self::default()
    }

    /// A cable that fails once, after this many transfers.
    pub fn failing(good_transfers: u64, fault: CableFault) -> Self {
        let cable = Self::good();
        cable.fail_after(good_transfers, fault);
        cable
    }

    /// From now on it fails once, after this many transfers.
    pub fn fail_after(&self, good_transfers: u64, fault: CableFault) {
        let at = self.transfers() + good_transfers;
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some((at, fault));
    }

    /// A cable over which the device sends at most this many bytes at a time.
    pub fn short_reads(packet_bytes: usize) -> Self {
        Self { packet_bytes: Some(packet_bytes.max(1)), ..Self::default() }
    }

    /// Transfers so far.
    pub fn transfers(&self) -> u64 {
        self.transfers.load(Ordering::Relaxed)
    }

    /// The fault in place of the next transfer.
    pub(super) fn fault_now(&self) -> Option<CableFault> {
        let fault = *self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.filter(|&(at, _)| at == self.transfers()).map(|(_, fault)| fault)
    }

    /// A transfer happened, or its fault did.
    pub(super) fn count(&self) {
        self.transfers.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn packet(&self, asked_bytes: usize) -> usize {
        self.packet_bytes.map_or(asked_bytes, |packet| packet.min(asked_bytes))
    }
}
