//! What can happen to a blank card, and causes of spoiling, in the terms of the ledger and the office. Pure.

use serde::{Deserialize, Serialize};

/// What can happen to a blank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlankKind {
    /// Taken from the store to the station.
    Loaded,
    /// A good card; subtracted (−1) if that card is spoiled later.
    Good,
    /// Spoiled, with a cause.
    Spoiled,
    /// A test card.
    Test,
    /// Lost.
    Lost,
    /// Brought back to the store.
    Returned,
    /// A card was begun with it (+1); its outcome is known (−1).
    Unsure,
    /// A count of the blanks at the station; it moves none.
    Counted,
}

impl BlankKind {
    /// Every kind.
    pub const ALL: [BlankKind; 8] = [
        Self::Loaded,
        Self::Good,
        Self::Spoiled,
        Self::Test,
        Self::Lost,
        Self::Returned,
        Self::Unsure,
        Self::Counted,
    ];

    /// Stable name, in the API and in the ledger.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::Good => "good",
            Self::Spoiled => "spoiled",
            Self::Test => "test",
            Self::Lost => "lost",
            Self::Returned => "returned",
            Self::Unsure => "unsure",
            Self::Counted => "counted",
        }
    }

    /// Reads [`BlankKind::name`].
    pub fn from_name(name: &str) -> Option<BlankKind> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Do people enter it? The other kinds follow from jobs.
    pub fn is_entered(self) -> bool {
        !matches!(self, Self::Good | Self::Unsure)
    }
}

/// Why a blank was spoiled or used up: the terms of the *berita acara* (DOMAIN section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SpoilCause {
    /// Printed badly, or not to the end.
    GagalCetak,
    /// The chip or the stripe could not be written.
    GagalEncode,
    /// Bent, scratched, torn.
    RusakFisik,
    /// The person's data changed.
    PerubahanData,
    /// The data were wrong.
    SalahData,
    /// Bad from the factory.
    CacatPabrik,
    /// A test card.
    UjiCetak,
    /// Lost.
    Hilang,
}

impl SpoilCause {
    /// Every cause.
    pub const ALL: [SpoilCause; 8] = [
        Self::GagalCetak,
        Self::GagalEncode,
        Self::RusakFisik,
        Self::PerubahanData,
        Self::SalahData,
        Self::CacatPabrik,
        Self::UjiCetak,
        Self::Hilang,
    ];

    /// The office's spelling.
    pub fn name(self) -> &'static str {
        match self {
            Self::GagalCetak => "GAGAL_CETAK",
            Self::GagalEncode => "GAGAL_ENCODE",
            Self::RusakFisik => "RUSAK_FISIK",
            Self::PerubahanData => "PERUBAHAN_DATA",
            Self::SalahData => "SALAH_DATA",
            Self::CacatPabrik => "CACAT_PABRIK",
            Self::UjiCetak => "UJI_CETAK",
            Self::Hilang => "HILANG",
        }
    }

    /// Reads [`SpoilCause::name`].
    pub fn from_name(name: &str) -> Option<SpoilCause> {
        Self::ALL.into_iter().find(|cause| cause.name() == name)
    }

    /// Does it say why a card is bad? Test cards and losses are kinds of their own.
    pub fn is_of_spoiling(self) -> bool {
        !matches!(self, Self::UjiCetak | Self::Hilang)
    }

    /// The cause for the old card when a job with this reason replaces it.
    pub fn of_replacement(reason: &str) -> SpoilCause {
        Self::from_name(reason).filter(|cause| cause.is_of_spoiling()).unwrap_or(Self::RusakFisik)
    }
}
