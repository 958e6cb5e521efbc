//! The products that are part of the program, so that it runs without a folder. They are the files of
//! `config/products/`, included at build time.

use std::collections::BTreeMap;

use super::{ConfigFault, Product};

macro_rules! product {
    ($name:literal, [$($face:literal),+ $(,)?], $chip:expr) => {
        BuiltIn {
            name: $name,
            definition: include_str!(concat!("../../config/products/", $name, "/product.toml")),
            chip: $chip,
            faces: &[$(($face, include_str!(concat!("../../config/products/", $name, "/", $face)))),+],
        }
    };
}

struct BuiltIn {
    name: &'static str,
    definition: &'static str,
    chip: Option<&'static str>,
    faces: &'static [(&'static str, &'static str)],
}

const ALL: &[BuiltIn] = &[
    product!(
        "kia",
        [
            "kia2-front-a.svg",
            "kia2-front-b.svg",
            "kia2-back.svg",
            "kia1-front-a.svg",
            "kia1-front-b.svg"
        ],
        None
    ),
    product!(
        "staf",
        ["staf-front.svg", "staf-back.svg"],
        Some(include_str!("../../config/products/staf/chip.toml"))
    ),
];

/// The profile used until an office configures its own: fictional, every card is marked CONTOH.
pub const SAMPLE_OFFICE: &str = include_str!("../../config/office-contoh.toml");

/// Reads the built-in products.
///
/// # Errors
/// Never, as long as the tests pass, which check these files.
pub fn all() -> Result<Vec<Product>, Vec<ConfigFault>> {
    ALL.iter()
        .map(|product| {
            let faces: BTreeMap<_, _> = product
                .faces
                .iter()
                .map(|(file, svg)| ((*file).to_owned(), (*svg).to_owned()))
                .collect();
            Product::parse(product.name, product.definition, faces)?.with_chip(product.chip)
        })
        .collect()
}
