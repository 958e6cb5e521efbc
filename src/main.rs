//! `kartud`: see `kartud --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    kartu::cli::main()
}
