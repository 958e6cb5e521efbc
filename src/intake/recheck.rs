//! The checks that are repeated between intake and print, and nothing else: each rule by its name, with the reason why
//! its result may have changed since intake. Everything else that a product demands was checked once, and its result is
//! in the typed card. Pure: the time is passed in.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::approval;
use crate::codes::picture::{
    E_PHOTO_FORMAT, E_PHOTO_TOO_LARGE, E_PHOTO_TOO_SMALL, E_PHOTO_TRUNCATED, H_CODE_CHARACTER,
    H_CODE_TOO_LONG, H_GLYPH_MISSING, H_NO_FACE, H_PHOTO_MISSING, H_RECORD_MISSING,
    H_RECORD_TOO_LONG, H_SIGNATURE_BROKEN, H_TEXT_OVERFLOW,
};
use crate::codes::product::{H_KIND_CHANGED, H_RECOMMENDATION_EXPIRED};
use crate::codes::station::{
    H_BLANKS_SPOILED, H_CHIP, H_CLOCK, H_DATA_DAMAGED, H_NO_ENCODER, H_NO_STATION, H_RECORD_KEY,
    H_STALE,
};
use crate::codes::{Code, Severity};
use crate::finding::Finding;
use crate::ledger::JobRecord;
use crate::product::{Product, ReadyCard};
use crate::queue::Moment;
use crate::render::CardRenderer;

/// One repeated check.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its name.
    pub name: &'static str,
    /// The codes that it gives.
    pub codes: &'static [&'static Code],
    /// Why its result may differ from intake's.
    pub why: &'static str,
    check: Check,
}

#[derive(Debug, Clone, Copy)]
enum Check {
    /// Checked before anything is drawn.
    Now(fn(&Circumstances<'_>) -> Option<Finding>),
    /// Checked while the card is made: when its data are read, when it is drawn, or when it is prepared for the
    /// machine.
    WhileMade,
}

/// Blanks that may be spoiled for one job before a person must check (a ribbon or a head may spoil every card), unless
/// its product sets another number.
pub(super) const BLANKS_A_JOB: u32 = 2;

/// Every rule. A finding before printing that belongs to no rule is a bug, see [`rule_of`].
pub const RULES: &[Rule] = &[
    Rule {
        name: "approval_expired",
        codes: &[&H_RECOMMENDATION_EXPIRED],
        why: "An approval ends at a time, and the job may have waited beyond it.",
        check: Check::Now(approval_expired),
    },
    Rule {
        name: "waited_too_long",
        codes: &[&H_STALE],
        why: "After a while the card may no longer be wanted.",
        check: Check::Now(waited_too_long),
    },
    Rule {
        name: "clock_doubtful",
        codes: &[&H_CLOCK],
        why: "A clock that jumped makes jobs look old that are not.",
        check: Check::Now(clock_doubtful),
    },
    Rule {
        name: "blanks_spoiled",
        codes: &[&H_BLANKS_SPOILED],
        why: "Blanks are spoiled after intake only, and each costs money.",
        check: Check::Now(blanks_spoiled),
    },
    Rule {
        name: "encoder_missing",
        codes: &[&H_NO_ENCODER],
        why: "A chip reader can be taken out of the configuration while jobs wait.",
        check: Check::Now(encoder_missing),
    },
    Rule {
        name: "kind_on_the_day",
        codes: &[&H_KIND_CHANGED],
        why: "A child has birthdays: on the day of printing another kind of card may be due.",
        check: Check::Now(kind_on_the_day),
    },
    Rule {
        name: "data_damaged",
        codes: &[&H_DATA_DAMAGED],
        why: "A disk can lose what was stored.",
        check: Check::WhileMade,
    },
    Rule {
        name: "photo_unreadable",
        codes: &[&E_PHOTO_TOO_LARGE, &E_PHOTO_FORMAT, &E_PHOTO_TRUNCATED, &E_PHOTO_TOO_SMALL],
        why: "Where its inspection was put off, nobody has decoded the photo yet; a newer decoder may refuse what an older one took.",
        check: Check::WhileMade,
    },
    DEFINITION_CHANGED,
    Rule {
        name: "record_key",
        codes: &[&H_RECORD_KEY],
        why: "The office's key can be withdrawn while jobs wait.",
        check: Check::WhileMade,
    },
    Rule {
        name: "chip_values_and_keys",
        codes: &[&H_CHIP],
        why: "A chip's profile and keys can be changed while jobs wait.",
        check: Check::WhileMade,
    },
    Rule {
        name: "face_missing",
        codes: &[&H_NO_FACE],
        why: "A product's folder can be changed while jobs wait.",
        check: Check::WhileMade,
    },
    Rule {
        name: "fit",
        codes: &[
            &H_TEXT_OVERFLOW,
            &H_GLYPH_MISSING,
            &H_CODE_TOO_LONG,
            &H_CODE_CHARACTER,
            &H_RECORD_TOO_LONG,
            &H_RECORD_MISSING,
            &H_SIGNATURE_BROKEN,
            &H_PHOTO_MISSING,
        ],
        why: "Faces, fonts and signature pictures can be changed while jobs wait; drawing finds it without looking twice.",
        check: Check::WhileMade,
    },
    Rule {
        name: "machine_station",
        codes: &[&H_NO_STATION],
        why: "Which printer prints the card is known when it is prepared, not before.",
        check: Check::WhileMade,
    },
];

/// The rule for any other refusal.
const DEFINITION_CHANGED: Rule = Rule {
    name: "definition_changed",
    codes: &[],
    why: "The product, the office or the program changed after intake: the card is made anew, and what the rules of today refuse is not printed.",
    check: Check::WhileMade,
};

/// The rule that gives this code.
pub fn rule_of(code: &str) -> Option<&'static Rule> {
    let gives = |rule: &&Rule| rule.codes.iter().any(|known| known.code == code);
    let refuses = || (Severity::of(code) == Severity::Refuse).then_some(&DEFINITION_CHANGED);
    RULES.iter().find(gives).or_else(refuses)
}

/// How long a job may wait, and how many blanks it may take, before a person must check.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Time since it was accepted, or last released.
    pub stale_after: SignedDuration,
    /// Blanks spoiled for it since then.
    pub blanks: u32,
}

/// The inputs of the rules.
#[derive(Clone, Copy)]
pub struct Circumstances<'a> {
    /// The job as stored in the ledger.
    pub record: &'a JobRecord,
    /// The end that its approval states.
    pub approval_ends: Option<Timestamp>,
    /// The current time.
    pub moment: Moment,
    /// Its limits.
    pub limits: Limits,
    /// Its card; `None` if cards are not made from products.
    pub card: Option<OfCard<'a>>,
}

/// The inputs of the rules about a product's card.
#[derive(Clone, Copy)]
pub struct OfCard<'a> {
    /// The kind of card.
    pub product: &'a Product,
    /// The typed card from intake.
    pub card: &'a ReadyCard,
    /// The day of printing, in the office's time zone.
    pub day: Date,
    /// The renderer that would draw it.
    pub renderer: &'a CardRenderer,
}

/// Reasons against printing a job now that did not exist when it was accepted. A person may release it again.
pub fn recheck(circumstances: &Circumstances<'_>) -> Vec<Finding> {
    let found = RULES.iter().filter_map(|rule| match rule.check {
        Check::Now(check) => check(circumstances),
        Check::WhileMade => None,
    });
    found.collect()
}

fn approval_expired(c: &Circumstances<'_>) -> Option<Finding> {
    approval::expired(c.approval_ends, c.record.received_at, c.moment.now)
}

fn waited_too_long(c: &Circumstances<'_>) -> Option<Finding> {
    let waits = c.moment.now.duration_since(c.record.waits_since);
    (waits > c.limits.stale_after).then(|| H_STALE.at("job", &[]))
}

fn clock_doubtful(c: &Circumstances<'_>) -> Option<Finding> {
    let seems_old = approval_expired(c).is_some() || waited_too_long(c).is_some();
    (c.moment.doubtful && seems_old).then(|| H_CLOCK.at("job", &[]))
}

fn blanks_spoiled(c: &Circumstances<'_>) -> Option<Finding> {
    (c.record.spoiled >= c.limits.blanks).then(|| H_BLANKS_SPOILED.at("job", &[]))
}

fn encoder_missing(c: &Circumstances<'_>) -> Option<Finding> {
    let OfCard { product, renderer, .. } = c.card?;
    renderer.without_encoder(product)
}

fn kind_on_the_day(c: &Circumstances<'_>) -> Option<Finding> {
    let OfCard { product, card, day, .. } = c.card?;
    product.kind_changed(card, c.record.kind.as_deref(), day)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_rule_has_a_name_a_reason_and_codes_of_its_own() {
        let names: BTreeSet<_> = RULES.iter().map(|rule| rule.name).collect();
        assert_eq!(names.len(), RULES.len());
        for rule in RULES {
            assert!(rule.why.ends_with('.'), "{}", rule.name);
            for code in rule.codes {
                assert_eq!(rule_of(code.code).map(|found| found.name), Some(rule.name));
            }
        }
    }

    #[test]
    fn a_code_is_found_under_its_rule() {
        let name = |code: &str| rule_of(code).map(|rule| rule.name);
        assert_eq!(name("E_PHOTO_TRUNCATED"), Some("photo_unreadable"));
        assert_eq!(name("E_NIK_LEN"), Some("definition_changed"));
        assert_eq!(name("H_CHIP"), Some("chip_values_and_keys"));
        assert_eq!(name("H_CHIP_SETUP"), None, "found out at the card, not before");
        assert_eq!(name("W_NIK_AREA"), None, "a warning was accepted or not at intake");
    }
}
