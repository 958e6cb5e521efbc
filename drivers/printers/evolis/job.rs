//! A print job: composed faces to the bytes of part 1, and the fixed part 2. Knows no transport.
//!
//! Source: Evolis wire notes, section 6.2 (order and tags as captured). The line `Ppws`, the time of the job, is left
//! out: the same faces must give the same bytes, a driver has no clock, and older drivers print without the line
//! (notes, section 6.2, "minimal job").

use std::io::Write;
use std::sync::{Arc, OnceLock};

use super::Wire;
use super::bitmap::{
    RESIN_LEVELS, bits_of_levels, lay_out_whole_lines, open_panel, pack_seven, panel_bytes,
    panel_head,
};
use super::protocol::{RibbonKind, command};
use super::ribbon::HALF_PANEL_PART;
use super::status::{config, station};
use super::stream::{Item, Stream};
use crate::contract::{
    CardImage, FaceImage, HeadSize, PreparedCard, Prepress, PrepressError, Stop,
};
use crate::models::Model;
use crate::panels::{self, Colour, ColourRule, Coverage, DyeCube, Dyes};

/// Part 2 of every job: releases the machine when the card is out.
pub const PART_TWO: &[u8] = b"\x1bPcla;0\r\x1bPsync;11;1\r<END>\x1bPsync;11;0\r\0";

/// The command that takes a blank from the feeder.
const FEED: &[u8] = b"\x1bSs\r";

/// **The point of no return**: if at most this many bytes of `job` were sent, the machine has received nothing of the
/// command that feeds a blank, and the card is untouched. With one byte more the card may be anywhere.
///
/// A partly sent command counts as received: no machine was observed with a command cut off.
pub fn bytes_before_feed(job: &[u8]) -> usize {
    job.windows(FEED.len()).position(|window| window == FEED).unwrap_or(0)
}

/// [`Prepress`] for one model with one ribbon.
pub struct EvolisPrepress {
    /// The model.
    pub model: &'static Model<Wire>,
    /// The ribbon in the machine when this was made.
    pub ribbon: RibbonKind,
    /// What is fitted, in bits of [`config`].
    pub fitted: u32,
    /// Computed when first needed, and shared with the other prepresses of the same driver.
    pub cube: Arc<OnceLock<DyeCube>>,
}

impl Prepress for EvolisPrepress {
    fn head(&self) -> HeadSize {
        self.model.head.size()
    }

    fn reaches(&self, stop: Stop) -> bool {
        station(stop).is_none_or(|option| self.fitted & option != 0)
    }

    fn prepare(&self, card: &CardImage, into: &mut PreparedCard) -> Result<(), PrepressError> {
        self.check(&card.front, self.ribbon.front)?;
        if let Some(back) = &card.back {
            if self.fitted & config::FLIP == 0 {
                return Err(PrepressError::NoFlipper);
            }
            self.check(back, self.ribbon.back)?;
        }
        into.job.clear();
        into.model.clear();
        into.model.push_str(&self.model.name);
        into.ribbon.clear();
        into.ribbon.push_str(self.ribbon.name);
        into.sides = 1 + u8::from(card.back.is_some());
        into.stays_inside = card.stays_inside;
        let job = &mut into.job;
        job.reserve_exact(self.job_max_bytes(into.sides));
        self.open_card(card.back.is_some(), job);
        self.face("Sr", &card.front, self.ribbon.front.unwrap_or_default(), job);
        if let Some(back) = &card.back {
            self.face("Sv", back, self.ribbon.back.unwrap_or_default(), job);
        }
        if card.stays_inside {
            // Do not eject at the end of this card; eject again at the end of the next.
            commands(&["Pneab;A;0", "Se", "Pneab;A;1"], job);
        } else {
            commands(&["Se"], job);
        }
        commands(&["Psync;6;1"], job);
        job.extend_from_slice(b"</CARD>");
        commands(&["Psync;6;0", "Psync;4;1"], job);
        job.extend_from_slice(b"</DOC>");
        commands(&["Psync;4;0"], job);
        super::protocol::end_transmission(job);
        let panels = Stream::new(job, self.model.head).filter_map(|item| {
            if let Item::Panel(panel) = item { Some(panel.letter) } else { None }
        });
        into.ribbon_prints = Some(self.ribbon.sets_of(panels));
        Ok(())
    }
}

impl EvolisPrepress {
    fn check(&self, face: &FaceImage, panels: Option<&str>) -> Result<(), PrepressError> {
        let head = self.head();
        let pixels = self.model.head.dots();
        let resin = FaceImage::resin_stride(head.width_px) * head.height_px as usize;
        let whole = (face.width_px, face.height_px) == (head.width_px, head.height_px)
            && face.rgb.len() == pixels * 3
            && face.resin.len() == resin;
        if !whole {
            return Err(PrepressError::WrongSize {
                head,
                got_width_px: face.width_px,
                got_height_px: face.height_px,
            });
        }
        let ribbon = || self.ribbon.name.to_owned();
        match panels {
            None => Err(PrepressError::UnsupportedRibbon { ribbon: ribbon() }),
            Some(_) if self.ribbon.half_panel() => {
                let most_px = head.width_px / HALF_PANEL_PART;
                let columns = panels::colour_columns(face);
                let got_px = columns.map_or(0, |columns| columns.end() - columns.start() + 1);
                if got_px <= most_px {
                    return Ok(());
                }
                Err(PrepressError::HalfPanel { ribbon: ribbon(), got_px, most_px })
            }
            Some(panels) if !panels.contains('y') && panels::has_colour(face) => {
                Err(PrepressError::NoColour { ribbon: ribbon() })
            }
            Some(_) => Ok(()),
        }
    }

    /// Capacity for every panel of every side: a buffer that grows by doubling would take twice the memory.
    fn job_max_bytes(&self, sides: u8) -> usize {
        /// Commands and tags take about 700 bytes for a card and 400 a side.
        const TEXT_BYTES: usize = 2048;
        let dots = self.model.head.dots();
        TEXT_BYTES + usize::from(sides) * (3 * dots + 2 * panel_bytes(&self.model.head, 1))
    }

    /// From the job's first byte to the command that feeds the blank.
    fn open_card(&self, two_sided: bool, job: &mut Vec<u8>) {
        let (head, wire, ribbon) = (&self.model.head, &self.model.wire, self.ribbon.number);
        let say = |job: &mut Vec<u8>, text: std::fmt::Arguments<'_>| {
            write!(job, "{text}").expect("writing to memory does not fail");
        };
        commands(&["Psync;1;0"], job);
        job.extend_from_slice(b"<HEADER>");
        commands(&["Psmgr;1", "Pcla;1", "Ppmode;0"], job);
        say(
            job,
            format_args!("\x1bPr;{ribbon};t\r\x1bPwres;{};{};{ribbon}\r", head.dpi_x, head.dpi_y),
        );
        commands(&["Psk;10", "Piqla;a;d"], job);
        if !wire.encoding.is_empty() {
            command(&wire.encoding, job);
        }
        commands(&["Peoic;k;D"], job);
        if wire.trays {
            commands(&["Pcim;F", "Pcem;D"], job);
        }
        commands(&["Psync;2"], job);
        job.extend_from_slice(b"</HEADER>");
        commands(&["Psync;12;1"], job);
        say(job, format_args!("<OPTION Dpi={}x{}>", head.dpi_x, head.dpi_y));
        commands(&["Psync;13;0"], job);
        job.extend_from_slice(b"</OPTION>");
        commands(&["Psync;3;1"], job);
        say(job, format_args!("<DOC Duplex={}>", u8::from(two_sided)));
        commands(&["Psync;3;0", "Psync;5;1"], job);
        job.extend_from_slice(b"<CARD>");
        commands(&["Psync;5;0", "Ss", "Mr;s"], job);
    }

    /// One side with the ribbon's panels for it; empty panels are left out.
    fn face(&self, turn: &str, face: &FaceImage, letters: &str, job: &mut Vec<u8>) {
        commands(&["Psync;9;1"], job);
        job.extend_from_slice(b"<FACE>");
        let settings = [
            "Pc;a;=;10",
            "Pl;a;=;10",
            "Pc;k;=;10",
            "Pc;o;=;10",
            "Pc;l;=;10",
            "Pc;f;=;10",
            "Pl;f;=;10",
        ];
        commands(&["Psync;9;0", turn], job);
        commands(&settings, job);
        if self.ribbon.half_panel() {
            commands(&["Psp;3"], job);
        }
        if letters.contains('y') {
            self.dye(face, job);
        }
        if letters.contains('k') {
            self.two_level('k', job, |plane| panels::resin(face, plane));
        }
        if letters.contains('o') {
            self.two_level('o', job, |plane| {
                panels::varnish(self.head(), &face.unvarnished, plane)
            });
        }
        commands(&["Psync;10;1"], job);
        job.extend_from_slice(b"</FACE>");
        commands(&["Psync;10;0"], job);
    }

    /// Resin or varnish: `<BINARY Size=n>`, the panel that `fill` writes, `</BINARY>`; nothing for an
    /// empty panel.
    fn two_level(&self, letter: char, job: &mut Vec<u8>, fill: impl FnOnce(&mut [u8])) {
        let before = job.len();
        let bytes = panel_bytes(&self.model.head, 1);
        let head = panel_head(self.model, letter, RESIN_LEVELS, &mut [0; 32]).len();
        write!(job, "<BINARY Size={}>", head + bytes + 1).expect("writing to memory does not fail");
        open_panel(self.model, letter, RESIN_LEVELS, job);
        let start = job.len();
        job.resize(start + bytes, 0);
        fill(&mut job[start..]);
        // Padding after the last line is not printed; the maker's jobs have varnish there too.
        let rest = if letter == 'o' { 0xff } else { 0 };
        lay_out_whole_lines(&mut job[start..], &self.model.head, rest);
        if job[start..].iter().all(|&eight| eight == 0) {
            job.truncate(before);
        } else {
            job.extend_from_slice(b"\r</BINARY>");
        }
    }

    /// `Pida` and the three dye panels. The panels are separated directly into the job, a little behind their final
    /// place, because the text before them (coverage, sizes) is known only afterwards; then they move up.
    fn dye(&self, face: &FaceImage, job: &mut Vec<u8>) {
        /// Room for `Pida`, `<BINARY …>` and three panel heads: at most 125 bytes.
        const ROOM_BYTES: usize = 160;
        let dots = self.model.head.dots();
        let start = job.len();
        let first = start + ROOM_BYTES;
        job.resize(first + 3 * dots, 0);
        let (yellow, rest) = job[first..].split_at_mut(dots);
        let (magenta, cyan) = rest.split_at_mut(dots);
        let mut dyes = Dyes { yellow, magenta, cyan };
        panels::separate(face, self.colour(), &mut dyes);
        let coverage = Coverage::of(&dyes);
        let used = [&*dyes.yellow, &*dyes.magenta, &*dyes.cyan]
            .map(|panel| panel.iter().any(|&dot| dot != 0));
        let mut bytes = dots;
        if bits_of_levels(self.model.wire.colour_levels) == Some(7) {
            for panel in [dyes.yellow, dyes.magenta, dyes.cyan] {
                bytes = pack_seven(panel);
            }
        }
        let mut text = [0; 32];
        let head = panel_head(self.model, 'y', self.model.wire.colour_levels, &mut text).len();
        let count = used.iter().filter(|&&used| used).count();
        let Coverage { white_percent, yellow_mean, magenta_mean, cyan_mean } = coverage;
        let mut at = put(
            job,
            start,
            format_args!("\x1bPida;{white_percent};{yellow_mean};{magenta_mean};{cyan_mean}\r"),
        );
        if count > 0 {
            at = put(job, at, format_args!("<BINARY Size={}>", count * (head + bytes + 1)));
        }
        for (place, letter) in
            ['y', 'm', 'c'].into_iter().enumerate().filter(|&(place, _)| used[place])
        {
            let opening = panel_head(self.model, letter, self.model.wire.colour_levels, &mut text);
            job[at..at + opening.len()].copy_from_slice(opening);
            at += opening.len();
            let from = first + place * dots;
            job.copy_within(from..from + bytes, at);
            at += bytes;
            job[at] = b'\r';
            at += 1;
        }
        job.truncate(at);
        if count > 0 {
            job.extend_from_slice(b"</BINARY>");
        }
    }

    fn colour(&self) -> Colour<'_> {
        match self.model.colour {
            ColourRule::Complement => Colour::Complement,
            ColourRule::Dyes => Colour::Dyes(self.cube.get_or_init(DyeCube::build)),
        }
    }
}

fn commands(texts: &[&str], job: &mut Vec<u8>) {
    for text in texts {
        command(text, job);
    }
}

/// Writes text over `job` from `at` on and returns where it ends.
fn put(job: &mut [u8], at: usize, text: std::fmt::Arguments<'_>) -> usize {
    let mut left = &mut job[at..];
    let whole = left.len();
    left.write_fmt(text).expect("there is room for three panels behind");
    at + whole - left.len()
}
