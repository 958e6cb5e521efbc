//! QR and Code 128 as whole pixels of resin. Knows symbols and rectangles, not what a code means.

use drivers::contract::{FaceImage, HeadSize};
use fast_qr::{ECL, Mode, QRBuilder};

use super::design::{QrLevel, QrRules, Slot, SlotKind};
use super::ink::{Area, Raster, clear_rgb};

/// Versions of QR codes that there are (ISO/IEC 18004).
const VERSIONS: usize = 40;
/// White modules around a QR code (ISO/IEC 18004).
const QR_QUIET: usize = 4;
/// White modules beside a Code 128 (ISO/IEC 15417).
const CODE128_QUIET: usize = 10;
/// Narrower bars than this many pixels blur into one another on a ribbon printer.
const MIN_MODULE_PX: u32 = 2;
/// Codes are judged on the coarsest head that we know, so that a job held here is held everywhere.
pub(super) const COARSEST: HeadSize =
    HeadSize { width_px: 1016, height_px: 648, dpi_x: 300, dpi_y: 300 };

/// Why a code cannot be printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CodeFault {
    /// More than the symbol or the slot can hold.
    TooLong,
    /// A character that the symbol has no sign for.
    Character,
}

/// A symbol: dark modules row by row, without its quiet zone.
pub(super) struct Symbol {
    dark: Vec<bool>,
    columns: usize,
    rows: usize,
    quiet: usize,
}

impl Symbol {
    /// Column, row and darkness of every module, without the quiet zone.
    pub fn modules(&self) -> impl Iterator<Item = (u32, u32, bool)> {
        let place = |n: usize| ((n % self.columns) as u32, (n / self.columns) as u32);
        self.dark.iter().enumerate().map(move |(n, dark)| (place(n).0, place(n).1, *dark))
    }
}

/// A record's text as a QR code in each error correction; none for a text that no QR code holds.
pub(super) fn record_symbols(text: &str) -> Vec<Symbol> {
    let in_level = |level| {
        let rules = QrRules { level, version_max: VERSIONS };
        qr(QRBuilder::new(text).mode(Mode::Alphanumeric), rules).ok()
    };
    [QrLevel::L, QrLevel::M, QrLevel::Q, QrLevel::H].into_iter().filter_map(in_level).collect()
}

/// Encodes a slot's text, and checks that the slot can hold it on the coarsest head.
pub(super) fn encode(slot: &Slot, text: &str) -> Result<Symbol, CodeFault> {
    let symbol = match slot.kind {
        SlotKind::Code128 => code128(text)?,
        // Base45 was made for this mode: 11 bits for two letters.
        SlotKind::Record => qr(QRBuilder::new(text).mode(Mode::Alphanumeric), slot.qr)?,
        _ => qr(&mut QRBuilder::new(text), slot.qr)?,
    };
    let coarsest = Raster::new(COARSEST, (0.0, 0.0));
    module_px(&symbol, slot, &coarsest).map(|_| symbol).ok_or(CodeFault::TooLong)
}

/// Prints a symbol into its slot, centred, on bare card.
pub(super) fn print(face: &mut FaceImage, raster: &Raster, slot: &Slot, symbol: &Symbol) {
    let area = raster.area(slot.x_mm, slot.y_mm, slot.width_mm, slot.height_mm);
    clear_rgb(face, area);
    let Some((across, down)) = module_px(symbol, slot, raster) else { return };
    let down = if symbol.rows == 1 { area.height_px } else { down };
    let used = |modules: usize, px: u32| modules as i32 * px as i32;
    let left = area.left_px + (area.width_px as i32 - used(symbol.columns, across)) / 2;
    let top = area.top_px + (area.height_px as i32 - used(symbol.rows, down)) / 2;
    for (n, _) in symbol.dark.iter().enumerate().filter(|(_, dark)| **dark) {
        let (column, row) = (n % symbol.columns, n / symbol.columns);
        let module = Area {
            left_px: left + used(column, across),
            top_px: top + used(row, down),
            width_px: across,
            height_px: down,
        };
        blacken(face, module);
    }
}

/// Whole pixels a module, across and down; `None` when the slot is too small.
fn module_px(symbol: &Symbol, slot: &Slot, raster: &Raster) -> Option<(u32, u32)> {
    let modules = |n: usize| (n + 2 * symbol.quiet) as f32;
    let mut module_mm = slot.width_mm / modules(symbol.columns);
    if symbol.rows > 1 {
        module_mm = module_mm.min(slot.height_mm / modules(symbol.rows));
    }
    // Half a hair more, so that a slot drawn as exactly n pixels holds n pixels after rounding.
    let whole = |scale: f32| (module_mm * scale + 0.01) as u32;
    let (across, down) = (whole(raster.scale_x), whole(raster.scale_y));
    (across.min(down) >= MIN_MODULE_PX).then_some((across, down))
}

/// The smallest version that holds the text, if the face allows it.
fn qr(builder: &mut QRBuilder, rules: QrRules) -> Result<Symbol, CodeFault> {
    let level = match rules.level {
        QrLevel::L => ECL::L,
        QrLevel::M => ECL::M,
        QrLevel::Q => ECL::Q,
        QrLevel::H => ECL::H,
    };
    let smallest = builder.ecl(level).build().map_err(|_| CodeFault::TooLong)?;
    // `Version` counts from 0.
    if smallest.version.is_none_or(|version| version as usize >= rules.version_max) {
        return Err(CodeFault::TooLong);
    }
    let size = smallest.size;
    let row = |y: usize| smallest[y][..size].iter().map(|module| module.value());
    let dark = (0..size).flat_map(row).collect();
    Ok(Symbol { dark, columns: size, rows: size, quiet: QR_QUIET })
}

/// Code set C (two digits a sign) for an even number of digits, otherwise B.
fn code128(text: &str) -> Result<Symbol, CodeFault> {
    if text.is_empty() || !text.chars().all(|c| (' '..='~').contains(&c)) {
        return Err(CodeFault::Character);
    }
    let digits = text.len().is_multiple_of(2) && text.bytes().all(|b| b.is_ascii_digit());
    let set = if digits { '\u{0106}' } else { '\u{0181}' };
    let code = barcoders::sym::code128::Code128::new(format!("{set}{text}"))
        .map_err(|_| CodeFault::Character)?;
    let dark: Vec<bool> = code.encode().into_iter().map(|bar| bar == 1).collect();
    let columns = dark.len();
    Ok(Symbol { dark, columns, rows: 1, quiet: CODE128_QUIET })
}

fn blacken(face: &mut FaceImage, area: Area) {
    let stride = FaceImage::resin_stride(face.width_px);
    let columns =
        area.left_px.max(0)..(area.left_px + area.width_px as i32).min(face.width_px as i32);
    let rows = area.top_px.max(0)..(area.top_px + area.height_px as i32).min(face.height_px as i32);
    for y in rows {
        for x in columns.clone() {
            face.resin[y as usize * stride + x as usize / 8] |= 0x80 >> (x % 8);
        }
    }
}
