//! What goes wrong between a host and a USB device, and when. Knows no printer and no socket.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A cable, good or bad. Transfers are counted that carry bytes to or from the printer, both ways together.
#[derive(Debug, Default)]
pub struct Cable {
    /// What goes wrong, and after how many transfers since the plug.
    fault: Mutex<Option<(u64, CableFault)>>,
    packet_bytes: Option<usize>,
    transfers: AtomicU64,
}

/// What goes wrong in place of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CableFault {
    /// The plug is pulled; the transfer does not happen.
    Unplug,
    /// The plug is pulled when so many bytes of it were taken.
    UnplugWithin(usize),
    /// The device refuses it, and all others on that pipe until the host clears the stall.
    Stall,
    /// The device puts it off, and all others on that pipe, for ever.
    Silence,
    /// The device says more than it was asked for; a transfer to the device goes well.
    Babble,
    /// The device puts off what it would say for so long; a transfer to the device goes well.
    Late(Duration),
}

impl Cable {
    /// A good one.
    pub fn good() -> Self {
        Self::default()
    }

    /// One that lets so many transfers through and then fails, once.
    pub fn failing(good_transfers: u64, fault: CableFault) -> Self {
        let cable = Self::good();
        cable.fail_after(good_transfers, fault);
        cable
    }

    /// From now on it lets so many transfers through and then fails, once.
    pub fn fail_after(&self, good_transfers: u64, fault: CableFault) {
        let at = self.transfers() + good_transfers;
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some((at, fault));
    }

    /// One over which the device says no more than so many bytes at a time.
    pub fn short_reads(packet_bytes: usize) -> Self {
        Self { packet_bytes: Some(packet_bytes.max(1)), ..Self::default() }
    }

    /// Transfers so far.
    pub fn transfers(&self) -> u64 {
        self.transfers.load(Ordering::Relaxed)
    }

    /// What goes wrong in place of the next transfer.
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
