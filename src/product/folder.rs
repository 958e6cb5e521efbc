//! `config/products/*` on the disk → the products of this station. The only file of `product/` that reads files.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::check::unknown_product;
use super::{ConfigFault, Product};
use crate::finding::Finding;
use crate::small_file;

/// Largest product file or face, bytes; a larger one is a mistake.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// All products, by name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Products {
    by_name: BTreeMap<String, Product>,
}

/// Why a folder of products is unusable.
#[derive(Debug, thiserror::Error)]
pub enum FolderFault {
    /// A file or folder cannot be read.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file is larger than allowed.
    #[error("{path} is larger than {FILE_BYTES_MAX} bytes")]
    TooLarge {
        /// The path.
        path: PathBuf,
    },
    /// A `product.toml` or a `chip.toml` has a fault.
    #[error("{path}: {fault}")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The fault, with its line.
        fault: ConfigFault,
    },
}

impl FromIterator<Product> for Products {
    fn from_iter<I: IntoIterator<Item = Product>>(products: I) -> Self {
        Self {
            by_name: products.into_iter().map(|product| (product.name.clone(), product)).collect(),
        }
    }
}

impl Products {
    /// Reads every folder in `folder` that holds a `product.toml`, with the SVG files and the `chip.toml` beside it.
    ///
    /// # Errors
    /// All faults of any of them.
    pub fn read(folder: &Path) -> Result<Products, Vec<FolderFault>> {
        let entries = sorted_entries(folder).map_err(|fault| vec![fault])?;
        let (mut products, mut faults) = (Products::default(), Vec::new());
        for path in entries.iter().filter(|path| path.join("product.toml").exists()) {
            match read_product(path) {
                Ok(product) => drop(products.by_name.insert(product.name.clone(), product)),
                Err(wrong) => faults.extend(wrong),
            }
        }
        if faults.is_empty() { Ok(products) } else { Err(faults) }
    }

    /// The product of this name.
    ///
    /// # Errors
    /// `E_PRODUCT`, naming the nearest known product.
    pub fn find(&self, name: &str) -> Result<&Product, Finding> {
        self.by_name
            .get(name)
            .ok_or_else(|| unknown_product(name, self.by_name.keys().map(String::as_str)))
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Product> {
        self.by_name.values()
    }
}

fn read_product(folder: &Path) -> Result<Product, Vec<FolderFault>> {
    let alone = |fault| vec![fault];
    let mut faces = BTreeMap::new();
    for path in sorted_entries(folder).map_err(alone)? {
        if path.extension().is_some_and(|extension| extension == "svg") {
            faces.insert(file_name(&path), read_text(&path).map_err(alone)?);
        }
    }
    let path = folder.join("product.toml");
    let text = read_text(&path).map_err(alone)?;
    let product = Product::parse(&file_name(folder), &text, faces).map_err(|f| wrong(&path, f))?;
    let path = folder.join("chip.toml");
    let chip = if path.exists() { Some(read_text(&path).map_err(alone)?) } else { None };
    product.with_chip(chip.as_deref()).map_err(|faults| wrong(&path, faults))
}

fn wrong(path: &Path, faults: Vec<ConfigFault>) -> Vec<FolderFault> {
    let fault = |fault| FolderFault::Wrong { path: path.to_owned(), fault };
    faults.into_iter().map(fault).collect()
}

fn sorted_entries(folder: &Path) -> Result<Vec<PathBuf>, FolderFault> {
    let unreadable = |source| FolderFault::Unreadable { path: folder.to_owned(), source };
    let entries: io::Result<Vec<_>> =
        fs::read_dir(folder).map_err(unreadable)?.map(|one| Ok(one?.path())).collect();
    let mut paths = entries.map_err(unreadable)?;
    paths.sort();
    Ok(paths)
}

fn read_text(path: &Path) -> Result<String, FolderFault> {
    small_file::read_text(path, FILE_BYTES_MAX).map_err(|source| match source.kind() {
        io::ErrorKind::FileTooLarge => FolderFault::TooLarge { path: path.to_owned() },
        _ => FolderFault::Unreadable { path: path.to_owned(), source },
    })
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
