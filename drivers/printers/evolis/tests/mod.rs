//! The driver with machines that follow a script. The emulators' crate tests it with the emulated machine and whole
//! cards.
#![allow(clippy::unwrap_used)]

mod conversation;
mod reports;
pub mod scripted;
mod wire;

use crate::contract::*;

/// A card with a colour and a block of resin.
fn colour_card(printer: &dyn CardPrinter) -> PreparedCard {
    let head = printer.prepress().head();
    let mut front = FaceImage::white(head.width_px, head.height_px);
    front.rgb.fill(140);
    front.resin[4000..4100].fill(0xff);
    let image = CardImage { front, back: None, stays_inside: false };
    let mut card = PreparedCard::default();
    printer.prepress().prepare(&image, &mut card).unwrap();
    card
}
