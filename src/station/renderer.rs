//! The station's interface to the renderer. Knows no product and no face.

use drivers::contract::{CardImage, PreparedCard, Prepress, PrepressError, Stop};
use drivers::text::Text;
use jiff::Timestamp;

use super::chip::ChipJob;
use super::encode::{ChipWork, Encoding};
use crate::event::FaceHash;
use crate::finding::Finding;
use crate::intake::Examiner;
use crate::ledger::StoredRequest;
use crate::queue::{Claimed, H_NO_STATION, Moment};
use crate::render::{CardRenderer, Composed};

/// Renders claimed jobs into cards; performs postponed inspections.
pub trait Renderer: Send + Sync {
    /// Is every card marked CONTOH?
    fn specimen(&self) -> bool;

    /// The products whose cards have a chip; they are not printed without a reader.
    fn with_chip(&self) -> Vec<String>;

    /// The inspection that was postponed when the job was accepted.
    fn inspect(
        &self,
        request: &StoredRequest,
        photo: Option<&[u8]>,
        received_at: Timestamp,
    ) -> Vec<Finding>;

    /// Repeats the checks whose result may have changed while the job waited, composes its faces into `image`, and
    /// prepares them for one machine into `card`.
    ///
    /// # Errors
    /// [`Unmade`].
    fn make(
        &self,
        claimed: &Claimed,
        prepress: &dyn Prepress,
        moment: Moment,
        image: &mut CardImage,
        card: &mut PreparedCard,
    ) -> Result<Made, Unmade>;
}

/// The result of rendering a job, besides the card's panels.
pub struct Made {
    /// Hashes of the faces, for the ledger.
    pub faces: Vec<FaceHash>,
    /// What to encode on the card before it is printed.
    pub encoding: Option<Encoding>,
}

/// Why there is no card.
pub enum Unmade {
    /// A person must check the job.
    Held(Vec<Finding>),
    /// The cause is the ribbon or the configuration, not the job.
    NotOnThisMachine(PrepressError),
}

impl Renderer for Examiner {
    fn specimen(&self) -> bool {
        self.renderer().specimen()
    }

    fn with_chip(&self) -> Vec<String> {
        let renderer = self.renderer();
        let written_here = renderer.chips().filter(|(name, _)| renderer.chip_of(name).is_some());
        written_here.map(|(name, _)| name.to_owned()).collect()
    }

    fn inspect(
        &self,
        request: &StoredRequest,
        photo: Option<&[u8]>,
        received_at: Timestamp,
    ) -> Vec<Finding> {
        Examiner::inspect(self, request, photo, received_at)
    }

    fn make(
        &self,
        claimed: &Claimed,
        prepress: &dyn Prepress,
        moment: Moment,
        image: &mut CardImage,
        card: &mut PreparedCard,
    ) -> Result<Made, Unmade> {
        let composed =
            self.make_card(claimed, prepress.head(), moment, image).map_err(Unmade::Held)?;
        prepress.prepare(image, card).map_err(Unmade::NotOnThisMachine)?;
        let made = made(self.renderer(), composed);
        let missing = made.encoding.iter().flat_map(Encoding::stops);
        let missing: Vec<Finding> =
            missing.filter(|stop| !prepress.reaches(*stop)).map(without_station).collect();
        if missing.is_empty() { Ok(made) } else { Err(Unmade::Held(missing)) }
    }
}

/// No blank must be fed for a card that the machine cannot encode, and the following jobs must not wait for it.
fn without_station(stop: Stop) -> Finding {
    let (id, en) = match stop {
        Stop::Contact => ("stasiun chip kontak", "contact chip station"),
        Stop::Contactless => ("stasiun chip nirkontak", "contactless chip station"),
        Stop::Magnetic => ("kepala magnet", "magnetic head"),
        Stop::Print => ("kepala cetak", "print head"),
    };
    let words = Text::new(
        format!(
            "Kartu ini memerlukan {id}, dan printer tidak memilikinya (kartud printer probe). Cetak di stasiun lain, atau betulkan [encoder] dan product.toml."
        ),
        format!(
            "This card needs a {en}, and the printer has none (kartud printer probe). Print it at another station, or correct [encoder] and product.toml."
        ),
    );
    Finding::whole(H_NO_STATION, words)
}

fn made(renderer: &CardRenderer, composed: Composed) -> Made {
    let Composed { faces, record_sha256, chip, tracks } = composed;
    let chip = chip.map(|content| {
        let keys = renderer.vault().clone();
        Box::new(ChipJob { content, record_sha256, keys }) as Box<dyn ChipWork>
    });
    let encodes = chip.is_some() || tracks.is_some();
    Made { faces, encoding: encodes.then_some(Encoding { chip, stripe: tracks }) }
}
