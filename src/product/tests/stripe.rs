//! The content of a card's magnetic stripe and chip, as the product defines it; data that do not fit are found at
//! intake.

use drivers::contract::Coercivity;
use drivers::encoder::Interface;

use super::{STAF, check, codes_of, faces, set, staf_job};
use crate::product::{ConfigFault, Product};

const TRACKS: &str = r#"
[magnetic]
coercivity = "hico"
track1 = "B{no_pegawai}^{nama}^{berlaku_hingga:yymm}"
track2 = "0042={berlaku_hingga:yyyymmdd}"
"#;

fn parse(more: &str) -> Result<Product, Vec<ConfigFault>> {
    Product::parse("staf", &format!("{STAF}{more}"), faces(&["staf-front.svg", "staf-back.svg"]))
}

fn striped() -> Product {
    parse(TRACKS).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

/// Both codes of the stripe, each caused by a job that is good except for one thing.
pub fn codes() -> [&'static str; 2] {
    let mut job = staf_job();
    set(&mut job, "nama", "DEWI ?");
    let checked = check(&striped(), &job, true);
    assert_eq!(codes_of(&checked), ["E_TRACK_CHARACTER"]);
    assert_eq!(checked.findings[0].field.as_deref(), Some("fields.nama"));
    set(&mut job, "nama", "D".repeat(60));
    set(&mut job, "no_pegawai", "9".repeat(20));
    let checked = check(&striped(), &job, true);
    assert_eq!(codes_of(&checked), ["E_TRACK_LENGTH"]);
    assert!(checked.card.is_none() && checked.findings[0].words.en.contains("track 1"));
    ["E_TRACK_CHARACTER", "E_TRACK_LENGTH"]
}

#[test]
fn the_tracks_of_a_card_are_its_values_in_capitals() {
    let mut job = staf_job();
    set(&mut job, "nama", "Dewi, M.Si.");
    let tracks = check(&striped(), &job, true).card.unwrap().tracks.unwrap();
    assert_eq!(tracks.data(1), Some("BPSS-00042^DEWI, M.SI.^3103"));
    assert_eq!(tracks.data(2), Some("0042=20310301"));
    assert_eq!((tracks.data(3), tracks.coercivity()), (None, Some(Coercivity::High)));
    assert!(super::staf().stripe.is_none(), "a product that says nothing has none");
}

#[test]
fn a_stripe_that_cannot_be_is_refused_with_its_line() {
    for (good, bad, told) in [
        ("hico", "hiko", "the nearest is hico"),
        ("{nama}", "{nmaa}", "the nearest is {nama}"),
        ("{nama}", "{nama:yymm}", "are for dates only"),
        ("{nama}", "{nama:up}", "in braces only"),
        ("{nama}", "{nama", "asks for {nama^{"),
        ("0042=", "A0042=", "has a character that cannot stand"),
        ("B{no", "b{no", "has a character that cannot stand"),
        ("track2", "track4", "the nearest is track"),
    ] {
        let faults = parse(&TRACKS.replacen(good, bad, 1)).unwrap_err();
        assert!(faults[0].to_string().contains(told), "{bad}: {faults:?}");
        assert!(faults[0].line > STAF.lines().count(), "{bad}: {faults:?}");
    }
}

#[test]
fn a_chip_needs_its_profile_and_a_profile_its_chip() {
    let profile = include_str!("../../../config/products/staf/chip.toml");
    let staf = || parse("").unwrap();
    let chip = staf().with_chip(Some(profile)).unwrap().chip.unwrap();
    assert_eq!((chip.rule.station, chip.rule.attempts), (Interface::Contactless, 2));
    let told = |text: Option<&str>| staf().with_chip(text).unwrap_err()[0].to_string();
    assert!(told(None).contains("is not there, though product.toml has [chip]"));
    let unknown = profile.replace("{size:record}", "{size:field:no_pegwai}");
    let line = profile.lines().position(|line| line.contains("{size:record}")).unwrap() + 1;
    assert_eq!(
        told(Some(&unknown)),
        format!("line {line}: field:no_pegwai: there is no such field; the nearest is no_pegawai.")
    );
    let other = profile.replace("reader = \"contactless\"", "reader = \"contact\"");
    assert!(told(Some(&other)).contains("is not what [chip] station"));
    let kia = Product::parse("kia", super::KIA, super::kia_faces()).unwrap();
    assert!(kia.chip.is_none() && kia.clone().with_chip(None).is_ok());
    assert!(kia.with_chip(Some(profile)).unwrap_err()[0].words.en.contains("has no [chip]"));
    let rule = "[chip]\nstation = \"contactles\"\nattempts = 0\n";
    let faults = Product::parse("kia", &format!("{}{rule}", super::KIA), super::kia_faces());
    let faults = faults.unwrap_err();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].words.en.contains("the nearest is contactless"));
}
