//! One card's chip as rendered: the product's profile with this card's values and the vault's keys. Knows neither
//! printer nor ledger.

use std::sync::Arc;
use std::time::Instant;

use base16ct::lower::encode_string as hex;
use drivers::encoder::{CardEncoder, Chip, Interface};

use super::encode::{ChipWork, Unwritten};
use crate::chip::{self, ChipFault, KeySource, With, Written};
use crate::event::{EncodedChip, EncodedStep, EncodingFailure};
use crate::render::ChipContent;

/// What to write on one card's chip.
pub struct ChipJob {
    /// The content, and the position where it is written.
    pub content: ChipContent,
    /// SHA-256 of the signed record, for the ledger.
    pub record_sha256: Option<[u8; 32]>,
    /// The vault.
    pub keys: Arc<dyn KeySource + Send + Sync>,
}

impl ChipWork for ChipJob {
    fn interface(&self) -> Interface {
        self.content.station
    }

    fn preflight(&self) -> Result<(), Unwritten> {
        match chip::preflight(&self.content.profile, &self.content.values, self.keys.as_ref())
            .first()
        {
            Some(fault) => Err(unwritten(fault)),
            None => Ok(()),
        }
    }

    fn write(&self, encoder: &mut dyn CardEncoder, chip: &Chip) -> Result<EncodedChip, Unwritten> {
        let ChipContent { profile, values, .. } = &self.content;
        let began = Instant::now();
        let clock = || began.elapsed();
        let keys = self.keys.as_ref();
        let with = With { values, keys, clock: &clock, challenge: &challenge };
        let written = chip::run(profile, encoder, chip, &with, &mut |_| {});
        let mut told = written.map(|written| told(&written)).map_err(|fault| unwritten(&fault))?;
        told.record_sha256 = self.record_sha256.as_ref().map(|hash| hex(hash));
        Ok(told)
    }
}

/// Eight unpredictable bytes: a random UUID has 122 random bits, of which these contain 64.
fn challenge() -> [u8; 8] {
    let random = uuid::Uuid::new_v4().into_bytes();
    let mut bytes = [0; 8];
    // Bytes 6 and 8 contain the UUID's version and variant.
    bytes[..6].copy_from_slice(&random[..6]);
    bytes[6..].copy_from_slice(&random[14..]);
    bytes
}

/// The part that the ledger stores: hashes, counts and times.
fn told(written: &Written) -> EncodedChip {
    let steps = written.steps.iter().map(|step| EncodedStep {
        step: step.name.clone(),
        ms: u64::try_from(step.took.as_millis()).unwrap_or(u64::MAX),
        apdus: step.apdus,
        bytes: step.bytes as u64,
    });
    EncodedChip {
        profile: written.profile.clone(),
        version: written.version.clone(),
        profile_sha256: hex(&written.profile_sha256),
        content_sha256: hex(&written.content_sha256),
        content_bytes: written.content_bytes as u64,
        apdus: written.apdus,
        steps: steps.collect(),
        ..EncodedChip::default()
    }
}

fn unwritten(fault: &ChipFault) -> Unwritten {
    let failure = Box::new(EncodingFailure {
        step: Some(fault.step.clone()),
        card_touched: Some(fault.card_touched),
        ..EncodingFailure::of(fault.kind.code())
    });
    Unwritten { blame: fault.blame(), words: fault.words(), failure }
}
