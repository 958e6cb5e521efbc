//! `kartu-manual FOLDER`: writes the manual of `kartud` into a folder, in the layout below `/usr/share`. Nothing of it is
//! described twice: commands come from clap, keys from the shipped configuration.

mod configuration;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Command;
use clap_complete::{Shell, generate};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

const CONFIGURATION: &str = include_str!("../../config/kartud.toml");

/// Commands of an administrator.
const SECTION: &str = "8";
const MANUAL: &str = "Kartu";

fn main() -> io::Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, "name the folder to write the manual into")
    })?;
    let mut program = kartu::cli::command_line();
    program.build();
    let pages = folder.join("man/man8");
    fs::create_dir_all(&pages)?;
    write_pages(&program, &pages)?;
    let version = program.get_version().unwrap_or_default();
    write(&folder.join("man/man5/kartud.toml.5"), &configuration::page(CONFIGURATION, version)?)?;
    for (shell, place) in [
        (Shell::Bash, "bash-completion/completions/kartud"),
        (Shell::Zsh, "zsh/vendor-completions/_kartud"),
        (Shell::Fish, "fish/vendor_completions.d/kartud.fish"),
    ] {
        let mut script = Vec::new();
        generate(shell, &mut kartu::cli::command_line(), "kartud", &mut script);
        write(&folder.join(place), &script)?;
    }
    Ok(())
}

/// One page a command; what stands below it has pages of its own.
fn write_pages(command: &Command, folder: &Path) -> io::Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let mut page = Vec::new();
    Man::new(command.clone()).section(SECTION).manual(MANUAL).render(&mut page)?;
    if command.get_name() == name { main_page() } else { see_also() }.to_writer(&mut page)?;
    write(&folder.join(format!("{name}.{SECTION}")), &page)?;
    let below = command.get_subcommands().filter(|one| one.get_name() != "help");
    below.filter(|one| !one.is_hide_set()).try_for_each(|one| write_pages(one, folder))
}

/// What the command line does not say of the program: its files, its signals, its surroundings.
const SECTIONS: [(&str, &[(&str, &str)]); 3] = [
    (
        "FILES",
        &[
            (
                "/etc/kartu/kartud.toml",
                "The configuration, kartud.toml(5). Another station on this computer has another one.",
            ),
            (
                "/etc/kartu/office.toml",
                "The office's data and officials, where office.profile names it.",
            ),
            (
                "/var/lib/kartu/",
                "The ledger with its log, its head and its lock, and the key holder. On a local disk.",
            ),
        ],
    ),
    (
        "SIGNALS",
        &[(
            "SIGTERM, SIGINT",
            "The station takes in nothing more, finishes the card that moves, and ends. A second one is refused while a card \
         moves; a third ends at once and leaves the card to a person.",
        )],
    ),
    (
        "ENVIRONMENT",
        &[
            ("CREDENTIALS_DIRECTORY", "Keys that systemd hands in; looked at before vault.folder."),
            (
                "KARTU_URL",
                "The station that commands speak with; the default is http://127.0.0.1:8631.",
            ),
            (
                "LC_ALL, LC_MESSAGES, LANG",
                "The language of messages: Indonesian where it begins with id, else English.",
            ),
            ("RUST_LOG", "Overrides log.level."),
        ],
    ),
];

fn main_page() -> Roff {
    let mut page = Roff::new();
    for (section, items) in SECTIONS {
        page.control("SH", [section]);
        for (name, what) in items {
            page.control("TP", []);
            page.text([bold(*name)]);
            page.text([roman(*what)]);
        }
    }
    page.control("SH", ["SEE ALSO"]);
    page.text([
        bold("kartud.toml"),
        roman("(5), "),
        bold("systemctl"),
        roman("(1), /usr/share/doc/kartud/"),
    ]);
    page
}

fn see_also() -> Roff {
    let mut page = Roff::new();
    page.control("SH", ["SEE ALSO"]);
    page.text([bold("kartud"), roman("(8), "), bold("kartud.toml"), roman("(5)")]);
    page
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, content)
}
