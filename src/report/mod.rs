//! Public data: the station at one moment, and metrics. Contains nothing personal. Knows neither HTTP nor the database;
//! the station writes, `http/` reads.

mod encoding;
mod metrics;
mod power_cut;
mod snapshot;
mod waiting;

pub use encoding::Encoding;
pub use metrics::{CodeLabel, Kept, Metrics, ProductLabel};
pub use power_cut::{PowerCut, PowerCutView};
pub use snapshot::{
    EncoderView, PrinterState, PrinterView, RibbonView, Sentence, Snapshot, StateReason,
};
pub use waiting::Waiting;
