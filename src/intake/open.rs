//! Opens an examiner and the renderer of its cards: reads and checks everything that the configuration names, and
//! reports all faults.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use drivers::text::Text;
use jiff::tz::Offset;

use super::Examiner;
use crate::config::{Config, Fault};
use crate::product::RECORD;
use crate::product::folder::{FolderFault, Products};
use crate::product::{ConfigFault, Office, Settings, built_in};
use crate::record::SigningKey;
use crate::render::{CardRenderer, Design, Materials, faces};
use crate::small_file;
use crate::vault::{Vault, VaultError};

/// Largest signature picture, bytes; a larger file is a mistake.
const SIGNATURE_LIMIT: u64 = 1024 * 1024;
/// Largest office profile, bytes.
const OFFICE_LIMIT: u64 = 1024 * 1024;

impl Examiner {
    /// Reads products, faces and office.
    ///
    /// # Errors
    /// All faults of any of them.
    pub fn open(config: &Config) -> Result<Examiner, Vec<Fault>> {
        let mut faults = Vec::new();
        let products = read_products(config).unwrap_or_else(|wrong| {
            faults.extend(wrong);
            Products::default()
        });
        let office = read_office(config).map_err(|wrong| faults.extend(wrong)).ok();
        let designs = read_designs(&products, config.products.folder.is_some(), &mut faults);
        let signatures = office.as_ref().map(|o| read_signatures(config, o, &mut faults));
        check_settings(config, &products, office.as_ref(), &mut faults);
        let vault = Vault::open(config.vault.folder.as_deref().unwrap_or(Path::new("")));
        let (signers, notices) = read_signers(&vault, &products, &mut faults);
        let offset = Offset::from_hours(config.station.utc_offset_hours).map_err(|_| {
            faults.push(Fault::english(0, "station.utc_offset_hours must lie between -12 and 14"))
        });
        match (office, signatures, offset) {
            (Some(office), Some(signatures), Ok(offset)) if faults.is_empty() => {
                let (products, settings) = (Arc::new(products), config.product.clone());
                let materials = Materials {
                    specimen: config.specimen() || office.sample,
                    designs,
                    settings: settings.clone(),
                    signatures,
                    vault: Arc::new(vault),
                    signers,
                    offset,
                    encoder: config.encoder.as_ref().map(|encoder| encoder.station),
                };
                let renderer = CardRenderer::new(products.clone(), materials);
                let holder_key = None;
                Ok(Examiner { products, settings, office, holder_key, notices, offset, renderer })
            }
            _ => Err(faults),
        }
    }
}

fn read_products(config: &Config) -> Result<Products, Vec<Fault>> {
    let of_folder = |fault: &FolderFault| match fault {
        FolderFault::Wrong { path, fault } => of_file(&path.display().to_string(), fault),
        other => Fault::english(0, other.to_string()),
    };
    match &config.products.folder {
        Some(folder) => {
            Products::read(folder).map_err(|faults| faults.iter().map(of_folder).collect())
        }
        None => built_in::all()
            .map(Products::from_iter)
            .map_err(|faults| faults.iter().map(|fault| of_file("built in", fault)).collect()),
    }
}

fn read_office(config: &Config) -> Result<Office, Vec<Fault>> {
    let of_office = |name: &str, faults: Vec<ConfigFault>| {
        faults.iter().map(|fault| of_file(name, fault)).collect()
    };
    let Some(path) = &config.office.profile else {
        return Office::parse(built_in::SAMPLE_OFFICE)
            .map_err(|f| of_office("the sample office", f));
    };
    let text = small_file::read_text(path, OFFICE_LIMIT).map_err(|why| {
        vec![both(
            format!("office.profile {} tidak dapat dibaca: {why}", path.display()),
            format!("office.profile {} cannot be read: {why}", path.display()),
        )]
    })?;
    Office::parse(&text).map_err(|faults| of_office(&path.display().to_string(), faults))
}

fn read_designs(
    products: &Products,
    from_disk: bool,
    faults: &mut Vec<Fault>,
) -> BTreeMap<(String, String), Design> {
    let mut designs = BTreeMap::new();
    for product in products.iter() {
        let record = product.record.is_some().then_some(RECORD);
        let names = product.value_names().into_iter().chain(record);
        let known: BTreeSet<String> = names.map(str::to_owned).collect();
        for (file, svg) in &product.faces {
            // The program's own tests draw the built-in faces.
            let read = if from_disk { faces::within_deadline } else { Design::parse };
            match read(file, svg, &known) {
                Ok(design) => drop(designs.insert((product.name.clone(), file.clone()), design)),
                Err(wrong) => faults.extend(wrong.iter().map(|fault| {
                    let file = format!("{}/{}", product.name, fault.file);
                    let line = usize::try_from(fault.line).unwrap_or_default();
                    Fault::of_key(Some(file), line, &fault.id, &fault.words)
                })),
            }
        }
    }
    designs
}

fn read_signatures(
    config: &Config,
    office: &Office,
    faults: &mut Vec<Fault>,
) -> BTreeMap<String, Vec<u8>> {
    let folder = config.office.profile.as_deref().and_then(Path::parent).unwrap_or(Path::new("."));
    let mut signatures = BTreeMap::new();
    for file in office.officials.iter().filter_map(|official| official.image.as_ref()) {
        let path = folder.join(file);
        match small_file::read(&path, SIGNATURE_LIMIT).ok() {
            Some(bytes) => drop(signatures.insert(file.clone(), bytes)),
            None => {
                let path = path.display();
                faults.push(both(
                    format!("tanda tangan {path} tidak dapat dibaca atau lebih besar dari {SIGNATURE_LIMIT} byte"),
                    format!("the signature {path} cannot be read or is larger than {SIGNATURE_LIMIT} bytes"),
                ));
            }
        }
    }
    signatures
}

/// The keys of the products' records. A missing key holds the jobs of its product and no others; a key that exists and
/// cannot be trusted is a fault.
fn read_signers(
    vault: &Vault,
    products: &Products,
    faults: &mut Vec<Fault>,
) -> (BTreeMap<String, SigningKey>, Vec<Text>) {
    let (mut signers, mut notices) = (BTreeMap::new(), Vec::new());
    faults.extend(
        vault
            .check()
            .err()
            .map(|wrong| Fault::english(0, format!("vault.folder: {}", told(&wrong)))),
    );
    for product in products.iter() {
        let Some(rules) = &product.record else { continue };
        match vault.signing_key(&rules.key) {
            Ok(key) => drop(signers.insert(rules.key.clone(), key)),
            Err(wrong @ VaultError::Missing { .. }) => notices.push(Text::new(
                format!(
                    "pekerjaan {} akan ditahan, rekamannya tidak dapat ditandatangani: {wrong}",
                    product.name
                ),
                format!(
                    "jobs for {} will be held, its record cannot be signed: {wrong}",
                    product.name
                ),
            )),
            Err(wrong) => faults.push(Fault::english(0, told(&wrong))),
        }
    }
    (signers, notices)
}

/// The error with its cause.
fn told(wrong: &VaultError) -> String {
    let cause = std::error::Error::source(wrong);
    cause.map_or_else(|| wrong.to_string(), |cause| format!("{wrong}: {cause}"))
}

fn check_settings(
    config: &Config,
    products: &Products,
    office: Option<&Office>,
    faults: &mut Vec<Fault>,
) {
    for (name, settings) in &config.product {
        let Ok(product) = products.find(name) else {
            faults.push(both(
                format!("product.{name} bukan produk"),
                format!("product.{name} is not a product"),
            ));
            continue;
        };
        let asked = Settings {
            layout: settings.layout.clone(),
            issue_age_max_days: settings.issue_age_max_days,
        };
        let faults_here =
            office.map(|office| product.incompatible(office, &asked)).unwrap_or_default();
        faults.extend(faults_here.iter().map(|fault| {
            Fault::of_key(None, 0, &format!("product.{name}.{}", fault.key), &fault.words)
        }));
    }
}

fn both(id: String, en: String) -> Fault {
    Fault::at(0, Text::new(id, en))
}

fn of_file(file: &str, fault: &ConfigFault) -> Fault {
    Fault::of_key(Some(file.to_owned()), fault.line, &fault.key, &fault.words)
}
