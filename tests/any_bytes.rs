//! Bytes from outside that were kept, given to whoever reads them: seeds, and everything that `tests/fuzz` once found.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../fuzz/targets.rs"]
mod targets;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Each as it is, cut off in the middle, and with a bit changed: the readers behind the first check are reached too.
#[test]
fn bytes_that_were_kept_are_read_or_refused_by_every_reader() {
    for (name, read) in targets::TARGETS {
        let folder = corpus().join(name);
        let files = names(&folder);
        assert!(!files.is_empty(), "fuzz/corpus/{name} has nothing to begin with");
        for file in files {
            let bytes = fs::read(folder.join(&file)).unwrap();
            assert!(bytes.len() <= 64 * 1024, "{name}/{file}: make it small");
            read(&bytes);
            read(&bytes[..bytes.len() / 2]);
            let mut changed = bytes;
            let middle = changed.len() / 2;
            if let Some(byte) = changed.get_mut(middle) {
                *byte ^= 0x40;
            }
            read(&changed);
        }
    }
}

#[test]
fn every_folder_of_the_corpus_has_its_target() {
    let known: BTreeSet<String> =
        targets::TARGETS.iter().map(|target| target.0.to_owned()).collect();
    assert_eq!(names(&corpus()), known);
}
