//! libFuzzer's side: gives any bytes to the target that `KARTU_FUZZ_TARGET` names. `tests/fuzz` builds and starts it.
#![no_main]

mod targets;

use std::sync::LazyLock;

static CHOSEN: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("KARTU_FUZZ_TARGET").unwrap_or_default();
    let found = targets::TARGETS.iter().find(|target| target.0 == name);
    found.unwrap_or_else(|| panic!("KARTU_FUZZ_TARGET={name:?} is no target")).1
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| CHOSEN(bytes));
