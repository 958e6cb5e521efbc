//! Metrics in OpenMetrics format. Names end in their unit; labels are codes, never data of a person.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::Snapshot;
use crate::heartbeat::HeartbeatView;
use crate::ledger::blanks::Day;
use crate::lifecycle::State;
use crate::supplies::BlankKind;

/// Counters since the start. Cheap to clone: all clones share the counters.
#[derive(Clone)]
pub struct Metrics {
    /// Jobs stored.
    pub jobs_accepted: Counter,
    /// Jobs refused, by the code of the first fault.
    pub jobs_refused: Family<CodeLabel, Counter>,
    /// Cards that came out, by product.
    pub cards_out: Family<ProductLabel, Counter>,
    /// Seconds from the intent to print until the card was out.
    pub card_seconds: Histogram,
    /// Seconds from the intent to encode until the card was written and read back.
    pub encode_seconds: Histogram,
    /// Seconds that the station waited for its ledger.
    pub ledger_wait_seconds: Counter<f64, AtomicU64>,
    /// Seconds that composing and separating one card took.
    pub compose_seconds: Histogram,
}

/// `code`
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CodeLabel {
    /// Such as `E_NIK_LEN`.
    pub code: String,
}

/// `product`
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ProductLabel {
    /// Such as `kia`.
    pub product: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: StateValue,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct StateValue(&'static str);

impl EncodeLabelValue for StateValue {
    fn encode(
        &self,
        encoder: &mut prometheus_client::encoding::LabelValueEncoder<'_>,
    ) -> Result<(), std::fmt::Error> {
        self.0.encode(encoder)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: StateValue,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ThreadLabel {
    thread: StateValue,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KeywordLabel {
    keyword: String,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            jobs_accepted: Counter::default(),
            jobs_refused: Family::default(),
            cards_out: Family::default(),
            ledger_wait_seconds: Counter::default(),
            card_seconds: Histogram::new([
                1.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 120.0, 300.0,
            ]),
            encode_seconds: Histogram::new([0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0]),
            compose_seconds: Histogram::new([
                0.002, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 1.0,
            ]),
        }
    }
}

impl Metrics {
    /// The text for a scraper: the counters, and the station's current state.
    ///
    /// # Errors
    /// Only if the text cannot be written, which a `String` always takes.
    pub fn expose(
        &self,
        now: &Snapshot,
        jobs: &std::collections::BTreeMap<State, u64>,
        blanks: &Day,
        threads: &[HeartbeatView],
        kept: &Kept,
    ) -> Result<String, std::fmt::Error> {
        let mut registry = Registry::with_prefix("kartu");
        self.register_counted(&mut registry);
        register_now(&mut registry, now, jobs);
        register_blanks(&mut registry, blanks);
        register_threads(&mut registry, threads);
        register_kept(&mut registry, kept);
        let mut page = String::new();
        encode(&mut page, &registry)?;
        Ok(page)
    }

    fn register_counted(&self, registry: &mut Registry) {
        registry.register("jobs_accepted", "Jobs stored and synced", self.jobs_accepted.clone());
        registry.register("jobs_refused", "Jobs refused, by first code", self.jobs_refused.clone());
        registry.register("cards_out", "Cards that came out", self.cards_out.clone());
        registry.register_with_unit(
            "card",
            "From the intent to print until the card is out",
            Unit::Seconds,
            self.card_seconds.clone(),
        );
        registry.register_with_unit(
            "encode",
            "From the intent to encode until chip and stripe are written and read back",
            Unit::Seconds,
            self.encode_seconds.clone(),
        );
        registry.register_with_unit(
            "ledger_wait",
            "How long the station waited for its ledger",
            Unit::Seconds,
            self.ledger_wait_seconds.clone(),
        );
        registry.register_with_unit(
            "compose",
            "Composing and separating one card",
            Unit::Seconds,
            self.compose_seconds.clone(),
        );
    }
}

fn register_now(
    registry: &mut Registry,
    now: &Snapshot,
    jobs: &std::collections::BTreeMap<State, u64>,
) {
    let by_state: Family<StateLabel, Gauge> = Family::default();
    for (state, n) in jobs {
        let label = StateLabel { state: StateValue(state.name()) };
        by_state.get_or_create(&label).set(i64::try_from(*n).unwrap_or(i64::MAX));
    }
    registry.register("jobs", "Jobs in the ledger, by state", by_state);
    let reasons: Family<KeywordLabel, Gauge> = Family::default();
    for reason in &now.state_reasons {
        reasons.get_or_create(&KeywordLabel { keyword: reason.keyword.clone() }).set(1);
    }
    registry.register("printer_state_reason", "IPP printer-state-reasons that hold now", reasons);
    let up: Gauge = Gauge::default();
    up.set(i64::from(now.state != super::PrinterState::Stopped));
    registry.register("printer_ready", "1 when nobody has to help", up);
    if let Some(ribbon) = now.printer.as_ref().and_then(|p| p.ribbon.as_ref()) {
        let left: Gauge = Gauge::default();
        left.set(i64::from(ribbon.remaining));
        registry.register("ribbon_remaining_cards", "Prints left on the ribbon", left);
    }
}

/// How the ledger is kept.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// Lines in it.
    pub lines: u64,
    /// Age of its last copy, seconds; `None`: none is known.
    pub backup_age_s: Option<i64>,
    /// That copy is older than it may be, or there is none.
    pub backup_late: bool,
}

fn register_kept(registry: &mut Registry, kept: &Kept) {
    let lines: Gauge = Gauge::default();
    lines.set(i64::try_from(kept.lines).unwrap_or(i64::MAX));
    registry.register(
        "ledger_lines",
        "Lines in the ledger; fewer than before: it lost its end",
        lines,
    );
    let late: Gauge = Gauge::default();
    late.set(i64::from(kept.backup_late));
    registry.register("backup_late", "1 when the ledger's last copy is older than it may be", late);
    if let Some(age) = kept.backup_age_s {
        let seconds: Gauge = Gauge::default();
        seconds.set(age);
        let words = "Age of the ledger's last copy that was verified";
        registry.register_with_unit("backup_age", words, Unit::Seconds, seconds);
    }
}

fn register_threads(registry: &mut Registry, threads: &[HeartbeatView]) {
    let ages: Family<ThreadLabel, Gauge<f64, AtomicU64>> = Family::default();
    for beat in threads {
        let label = ThreadLabel { thread: StateValue(beat.thread.name()) };
        ages.get_or_create(&label).set(beat.seconds);
    }
    registry.register_with_unit(
        "heartbeat_age",
        "How long ago each part of the daemon last said that it makes progress; 0 while it waits",
        Unit::Seconds,
        ages,
    );
}

fn register_blanks(registry: &mut Registry, today: &Day) {
    let by_kind: Family<KindLabel, Gauge> = Family::default();
    for (kind, cards) in [
        (BlankKind::Loaded, today.loaded),
        (BlankKind::Good, today.good),
        (BlankKind::Spoiled, today.spoiled.values().sum()),
        (BlankKind::Test, today.test),
        (BlankKind::Lost, today.lost),
        (BlankKind::Returned, today.returned),
        (BlankKind::Unsure, today.unsure),
    ] {
        by_kind.get_or_create(&KindLabel { kind: StateValue(kind.name()) }).set(cards);
    }
    registry.register("blanks_today", "What became of blanks on this day of the office", by_kind);
    let expected: Gauge = Gauge::default();
    expected.set(today.expected);
    registry.register("blanks_expected", "Blanks that should be at the station", expected);
    if let Some(cards) = today.difference() {
        let difference: Gauge = Gauge::default();
        difference.set(cards);
        registry.register("blanks_difference", "Counted today, less what should be", difference);
    }
}
