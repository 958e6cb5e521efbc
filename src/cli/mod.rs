//! The command line: one file per subcommand. Exit codes have meanings; see [`Exit`].

/// Prints a line. Unlike `println!`, it does not panic when the reading end is closed.
macro_rules! say {
    ($($told:tt)*) => {{
        use std::io::Write as _;
        writeln!(std::io::stdout().lock(), $($told)*)
    }};
}

mod backup;
mod blanks;
mod check_config;
mod chip;
mod client;
mod clock;
mod codes;
mod cut;
#[cfg(feature = "emulators")]
mod demo;
mod doctor;
#[cfg(feature = "emulators")]
mod emulate;
mod files;
mod find;
mod init;
mod jobs;
mod keys;
mod ledger;
mod local_time;
mod preview;
mod printer;
mod restore;
mod run;
mod settle;
mod signals;
#[cfg(feature = "emulators")]
mod state_file;
mod status;
mod submit;
mod support;
mod usb;
mod verify;

use std::io;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
#[cfg(target_os = "linux")]
use rustix::process::DumpableBehavior;

/// The exit codes of all commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// It failed; the reason is on stderr.
    Failed = 1,
    /// The command line is invalid (clap ends with this code), or names something impossible.
    CommandLine = 2,
    /// The station refused: the job is wrong, or does not exist.
    Refused = 3,
    /// No station answers at the address, or no printer or card reader is there.
    Unreachable = 4,
    /// The configuration, or a file like it (a profile, a list of keys), is wrong.
    Config = 5,
}

const AFTER: &str = "\
Exit codes: 0 done, 1 failed, 2 wrong command line, 3 refused by the station,
4 nobody at the address (station, printer, card reader), 5 wrong configuration.
Kode keluar: 0 selesai, 1 gagal, 2 perintah salah, 3 ditolak stasiun,
4 tidak ada di alamat itu (stasiun, printer, pembaca kartu), 5 konfigurasi salah.";

/// kartud: the print station. One approval, one good card.
#[derive(Parser)]
#[command(version, about, after_help = AFTER, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the station until it is told to stop (SIGTERM, Ctrl-C)
    Run(run::Args),
    /// Begin a new station: ledger, keys, office, printer; keeps whatever is there
    Init(init::Args),
    #[cfg(feature = "emulators")]
    /// Run the same station on an emulated printer and print the sample cards
    Demo(demo::Args),
    /// Say everything that is wrong with a configuration
    CheckConfig(check_config::Args),
    /// Check a chip's profile, or try it on a card without printing
    Chip(chip::Args),
    /// Post a job
    Submit(submit::Args),
    /// List the jobs
    Jobs(jobs::ListArgs),
    /// Show one job and what happened to it
    Job(jobs::ShowArgs),
    /// Say what became of a card that nobody saw
    Resolve(settle::ResolveArgs),
    /// Let a held job be printed
    Release(settle::ByArgs),
    /// Withdraw a job whose card has not begun to move
    Cancel(settle::ByArgs),
    /// Note that a card was given to the applicant
    HandOver(settle::ByArgs),
    /// End a held job whose approval has expired; its number stays spent
    Expire(settle::ByArgs),
    /// Show how the days of blanks close, and enter what is done with blanks
    Blanks(blanks::Args),
    /// Look after a ledger: verify, export, adopt, retire
    Ledger(ledger::Args),
    /// Say what is wrong with this station and its computer, why it matters, and what to do
    Doctor(doctor::Args),
    /// Put together what a vendor needs to help, without personal data and without keys
    SupportBundle(support::Args),
    /// Copy the ledger to another disk, beside the running station, and verify the copy
    Backup(backup::Args),
    /// Put a copy back on this or another computer: holds whatever may have been printed since it was made
    Restore(restore::Args),
    /// Make or show the keys that sign the records of cards
    Keys(keys::Args),
    /// Check the signed record of a card, without a station and without a network
    Verify(verify::Args),
    /// Explain a code, or list all of them: what it means, what to do, and who
    Codes(codes::Args),
    /// Say that the computer's clock is right, where nothing else can
    Clock(clock::Args),
    /// Show how the station and its printer are
    Status(status::Args),
    /// Compose a card without a station, marked CONTOH
    Preview(preview::Args),
    /// Ask a printer about itself
    Printer(printer::Args),
    #[cfg(feature = "emulators")]
    /// Be a card machine, at the bytes
    Emulate(Box<emulate::Args>),
    /// Tell which USB printers are plugged in
    Usb(usb::Args),
}

/// Every subcommand with its options, for tests that compare documents with it.
pub fn command_line() -> clap::Command {
    Cli::command()
}

/// Keys and children's data pass through this memory: after a crash the kernel must write none of it to a file, and no
/// other program of the same user may read it (prctl(2), `PR_SET_DUMPABLE`).
fn keep_memory_closed() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        eprintln!("kartud: a crash could leave its memory in a file: {error}");
    }
}

/// Parses the command line and runs the command.
pub fn main() -> ExitCode {
    keep_memory_closed();
    crate::panics::report_only_the_place();
    let exit = match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Init(args) => init::run(&args),
        #[cfg(feature = "emulators")]
        Command::Demo(args) => demo::run(&args),
        Command::CheckConfig(args) => check_config::run(&args),
        Command::Chip(args) => chip::run(&args),
        Command::Submit(args) => submit::run(&args),
        Command::Jobs(args) => jobs::list(&args),
        Command::Job(args) => jobs::show(&args),
        Command::Resolve(args) => settle::resolve(&args),
        Command::Release(args) => settle::release(&args),
        Command::Cancel(args) => settle::cancel(&args),
        Command::HandOver(args) => settle::hand_over(&args),
        Command::Expire(args) => settle::expire(&args),
        Command::Blanks(args) => blanks::run(&args),
        Command::Ledger(args) => ledger::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::SupportBundle(args) => support::run(&args),
        Command::Backup(args) => backup::run(&args),
        Command::Restore(args) => restore::run(&args),
        Command::Keys(args) => keys::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Codes(args) => codes::run(&args),
        Command::Clock(args) => clock::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Preview(args) => preview::run(&args),
        Command::Printer(args) => printer::run(&args),
        #[cfg(feature = "emulators")]
        Command::Emulate(args) => emulate::run(&args),
        Command::Usb(args) => usb::run(&args),
    };
    let exit = exit.unwrap_or_else(|error| {
        // A closed pipe (`kartud jobs | head`) is not reported.
        let broken_pipe = error
            .downcast_ref::<io::Error>()
            .is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe);
        if broken_pipe {
            return Exit::Done;
        }
        eprintln!("{}kartud: {error:#}", crate::log::error_mark());
        client::exit_of(&error)
    });
    ExitCode::from(exit as u8)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn what_does_not_exist_is_offered_only_by_a_build_with_emulators() {
        let mut cli = Cli::command();
        let help = cli.render_long_help().to_string();
        for name in ["demo", "emulate"] {
            let offered = help.lines().any(|line| line.trim_start().starts_with(name));
            assert_eq!(offered, cfg!(feature = "emulators"), "{name}: {help}");
            let known = cli.find_subcommand(name).is_some();
            assert_eq!(known, cfg!(feature = "emulators"), "{name}");
        }
    }
}
