//! Kinds of ribbon, and the machine's report on the one inside, decoded and encoded. Knows no transport.
//!
//! Source: Evolis wire notes, sections 4.1, 6.2 and 7.

use super::protocol::value;

/// A kind of ribbon by the maker's number (section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RibbonKind {
    /// The number in `Rrt;all` and in the job.
    pub number: u16,
    /// Trade name.
    pub name: &'static str,
    /// Panels of a front that we can fill, in the order of the wire; `None`: a ribbon that we do not print with.
    pub front: Option<&'static str>,
    /// Panels of a back.
    pub back: Option<&'static str>,
}

const fn kind(
    number: u16,
    name: &'static str,
    front: Option<&'static str>,
    back: Option<&'static str>,
) -> RibbonKind {
    RibbonKind { number, name, front, back }
}

const COLOUR: Option<&str> = Some("ymcko");
const RESIN: Option<&str> = Some("k");

/// Every ribbon that the maker names. We fill those whose panels are clear from captured jobs or from the name alone;
/// the content of `S`, `F`, `H`, `I` and a second `O` is not documented, so these are refused.
#[rustfmt::skip]
pub const RIBBONS: &[RibbonKind] = &[
    // YMCKOS has half panels of dye: see `RibbonKind::half_panel`.
    kind(0, "YMCKO", COLOUR, COLOUR), kind(1, "KO", Some("ko"), Some("ko")), kind(HALF_PANEL, "YMCKOS", COLOUR, COLOUR),
    // The second K is for the back: colour in front, resin behind.
    kind(4, "YMCKOK", COLOUR, RESIN), kind(5, "YMCKOS13", None, None), kind(9, "YMCKOKS13", None, None),
    kind(10, "YMCKOKOS", None, None), kind(12, "SOKO", None, None), kind(13, "YMCKOO", None, None),
    kind(16, "SO", None, None), kind(91, "HOLO", None, None), kind(100, "KBLACK", RESIN, RESIN),
    kind(101, "KBLUE", RESIN, RESIN), kind(102, "KGREEN", RESIN, RESIN), kind(103, "KRED", RESIN, RESIN),
    kind(105, "KWHITE", RESIN, RESIN), kind(106, "KGOLD", RESIN, RESIN), kind(107, "KSILVER", RESIN, RESIN),
    kind(108, "KSCRATCH", RESIN, RESIN), kind(112, "KWAX", None, None), kind(114, "KSIGNATURE", None, None),
    kind(115, "KPREMIUM", None, None), kind(116, "KRMS", None, None), kind(1000, "YMCK", Some("ymck"), Some("ymck")),
    kind(1001, "YMCKK", Some("ymck"), RESIN), kind(1002, "YMCFK", None, None), kind(1003, "YMCKH", None, None),
    kind(1004, "YMCKI", None, None), kind(1005, "YMCKKI", None, None), kind(1050, "YMCKS", None, None),
    kind(1051, "YMCKKS", None, None), kind(1100, "KBLACK-R", None, None), kind(2000, "CLEAR", None, None),
];

/// YMCKOS, the one ribbon with half panels that was captured (section 6.2).
const HALF_PANEL: u16 = 3;

/// On half panels, colour may cover one part in this many of the card's long side. A conservative guess: the maker says
/// half, and on a machine of another model one user found a third. Wider colour is refused rather than lost.
pub const HALF_PANEL_PART: u32 = 3;

impl RibbonKind {
    /// Finds a kind by the maker's number.
    pub fn numbered(number: u16) -> Option<Self> {
        RIBBONS.iter().find(|kind| kind.number == number).copied()
    }

    /// Is its dye on half panels? Each face then has `Psp;3`, and the machine places the short dye where the colour is;
    /// panels are sent whole all the same (captured from the maker's SDK 9.4.1.9451, which cuts nothing off).
    pub fn half_panel(&self) -> bool {
        self.number == HALF_PANEL
    }

    /// Panels of one set, from the trade name (section 7). A final S or S13 means short colour panels, and is not a
    /// panel.
    pub fn set(&self) -> String {
        match self.name {
            "HOLO" => "o".to_owned(),
            "CLEAR" => String::new(),
            name if name.starts_with('K') && name != "KO" => "k".to_owned(),
            name => name.trim_end_matches("13").trim_end_matches('S').to_lowercase(),
        }
    }

    /// How many sets a card with these panels, in this order, takes. The first panel printed of a set begins it, and
    /// panels that are not wanted are wound past. No machine was observed counting: that the chip's `count` falls when
    /// a set begins is a guess, and so is that a back may use what the front left of its set.
    pub fn sets_of(&self, panels: impl Iterator<Item = char>) -> u32 {
        let set = self.set();
        // The ribbon starts at the end of a finished set.
        let (mut sets, mut place) = (0, set.len());
        for panel in panels {
            let ahead = set[place..].find(panel).map(|at| place + at);
            sets += u32::from(ahead.is_none());
            place = ahead.or_else(|| set.find(panel)).map_or(set.len(), |at| at + 1);
        }
        sets
    }

    /// Finds a kind by its trade name.
    pub fn named(name: &str) -> Option<Self> {
        RIBBONS.iter().find(|kind| kind.name == name).copied()
    }
}

/// The machine's report on its ribbon (`Rrt;all`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RibbonReport {
    /// The maker's number of its kind.
    pub number: u16,
    /// Prints on a new one.
    pub capacity: u32,
    /// Prints left.
    pub remaining: u32,
}

impl RibbonReport {
    /// Parses lines `key: value` or `key value`; `None` without `type` and `count`.
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self {
            number: value(text, "type")?.parse().ok()?,
            capacity: value(text, "qty").and_then(|v| v.parse().ok()).unwrap_or(0),
            remaining: value(text, "count")?.parse().ok()?,
        })
    }

    /// The emulated machine's answer, with the further keys that a real one has.
    pub fn emit(&self, name: &str) -> String {
        let used = self.capacity.saturating_sub(self.remaining);
        let progress = used.saturating_mul(100).checked_div(self.capacity).unwrap_or(0);
        format!(
            "label: {name}\nzone: 0\ntype: {}\nref: EMU-{name}\nqty: {}\ncount: {}\nprogress: {progress}\n\
             k7: 1\ndate: 1767225600\nevosn: EMURIBBON1\nm3: 0",
            self.number, self.capacity, self.remaining
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_ribbon_is_read_in_every_captured_form() {
        let want = Some(RibbonReport { number: 4, capacity: 200, remaining: 17 });
        assert_eq!(RibbonReport::parse("label: X\r\ntype: 4\r\nqty: 200\r\ncount: 17\r\n"), want);
        assert_eq!(RibbonReport::parse("type 4\nqty\t200\ncount:17"), want);
        assert_eq!(RibbonReport::parse(&want.clone().unwrap().emit("YMCKOK")), want);
        assert_eq!(RibbonReport::parse("type: 4"), None);
        assert_eq!(RibbonReport::parse("typed: 4\ncount: 1"), None);
    }

    #[test]
    fn no_ribbon_has_two_names_or_numbers() {
        for (place, kind) in RIBBONS.iter().enumerate() {
            assert!(
                RIBBONS[..place].iter().all(|k| k.number != kind.number && k.name != kind.name)
            );
        }
    }
}
