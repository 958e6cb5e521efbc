//! How a code is put right, and by whom. Knows no code.

use drivers::text::Text;
use serde::Serialize;

/// How a finding is put right, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// The sender corrects the request and sends it again; nothing was stored.
    Correct,
    /// The same request is sent again later; nothing was stored. If the code persists, a technician is needed.
    Retry,
    /// A person at the station checks and releases the job. That decision is final: the same code is not raised again.
    Release,
    /// A technician fixes the station, then the job is released. If the cause remains, the job is held again.
    Mend,
    /// The job is cancelled and posted again with other data. If a technician has removed the cause (a face, a rule,
    /// the clock), releasing it is enough; if the cause remains, the job is held again.
    MendOrRepost,
    /// The job is cancelled, and posted again with correct data or a complete recommendation. Releasing it does not
    /// help.
    Repost,
    /// The section head accepts the warning by its code in a recommendation; the job is cancelled and posted again.
    Acknowledge,
    /// A person checks where the card is, and reports it (`resolve`).
    Resolve,
    /// A technician repairs the ledger (`kartud ledger --help`).
    Ledger,
}

impl Remedy {
    /// Every remedy, in the order in which they are explained.
    pub const ALL: [Remedy; 9] = [
        Self::Correct,
        Self::Retry,
        Self::Release,
        Self::Mend,
        Self::MendOrRepost,
        Self::Repost,
        Self::Acknowledge,
        Self::Resolve,
        Self::Ledger,
    ];

    /// Stable name, as in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Correct => "correct",
            Self::Retry => "retry",
            Self::Release => "release",
            Self::Mend => "mend",
            Self::MendOrRepost => "mend_or_repost",
            Self::Repost => "repost",
            Self::Acknowledge => "acknowledge",
            Self::Resolve => "resolve",
            Self::Ledger => "ledger",
        }
    }

    /// May a person release a job that is held for this? It does no harm if the cause is checked again before printing.
    pub fn may_release(self) -> bool {
        matches!(self, Self::Release | Self::Mend | Self::MendOrRepost)
    }

    /// What to do about it, as a sentence that follows the finding.
    pub fn words(self) -> Text {
        let (id, en) = match self {
            Self::Correct => (
                "Betulkan kirimannya, lalu kirim lagi; tidak ada yang disimpan.",
                "Correct the request and send it again; nothing was stored.",
            ),
            Self::Retry => (
                "Kirim lagi nanti; tidak ada yang disimpan. Bila tetap begini, beri tahu teknisi.",
                "Send the same again later; nothing was stored. If it stays, tell the technician.",
            ),
            Self::Release => (
                "Bila sudah diperiksa dan benar, lepaskan pekerjaan ini (release); bila tidak, batalkan (cancel) lalu kirim lagi yang benar.",
                "If somebody has checked it and it is right, release the job; if not, cancel it and post the right one.",
            ),
            Self::Mend => (
                "Bila teknisi sudah membetulkannya, lepaskan pekerjaan ini (release); bila kartunya tidak perlu lagi, batalkan (cancel).",
                "When the technician has mended it, release the job; if its card is not wanted any more, cancel it.",
            ),
            Self::MendOrRepost => (
                "Batalkan pekerjaan ini (cancel), lalu kirim lagi yang benar; bila penyebabnya dibetulkan di stasiun ini, cukup lepaskan (release).",
                "Cancel the job and post the right one; if the cause was mended at this station, release it.",
            ),
            Self::Repost => (
                "Batalkan pekerjaan ini (cancel), lalu kirim lagi yang benar; melepaskannya tidak menolong.",
                "Cancel the job and post the right one; a release does not help.",
            ),
            Self::Acknowledge => (
                "Bila Kasi menyetujuinya: batalkan pekerjaan ini (cancel), lalu kirim lagi dengan kode ini dalam peringatan_disetujui.",
                "If the section head accepts it: cancel the job and post it again with this code in peringatan_disetujui.",
            ),
            Self::Resolve => (
                "Lihat di printer, wadah keluar dan kotak tolakan, lalu katakan apa yang terlihat (resolve).",
                "Look into the printer, the output hopper and the reject box, then say what you saw (resolve).",
            ),
            Self::Ledger => (
                "Salin folder buku besar apa adanya, lalu beri tahu teknisi (kartud ledger --help).",
                "Copy the ledger's folder away as it is, then tell the technician (kartud ledger --help).",
            ),
        };
        Text::fixed(id, en)
    }

    /// Who does it.
    pub fn who(self) -> Text {
        let (id, en) = match self {
            Self::Correct | Self::Repost => ("pengirim", "whoever sent it"),
            Self::Retry => ("pengirim, lalu teknisi", "whoever sent it, then a technician"),
            Self::Release | Self::Resolve => ("petugas di stasiun", "a person at the station"),
            Self::Mend => {
                ("teknisi, lalu petugas di stasiun", "a technician, then a person at the station")
            }
            Self::MendOrRepost => (
                "pengirim, atau teknisi dan petugas",
                "whoever sent it, or a technician and a person",
            ),
            Self::Acknowledge => ("Kasi, lalu pengirim", "the section head, then whoever sent it"),
            Self::Ledger => ("teknisi", "a technician"),
        };
        Text::fixed(id, en)
    }
}
