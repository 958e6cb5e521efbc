//! Lines on the wire of the family, both ways: bytes to meaning and back. Knows no driver and no machine.
//!
//! A request is `#NUMBER VERB ARGUMENTS` and a line end; after `PRINT` follow the bytes that it announces. An answer is
//! `#NUMBER TEXT` and a line end: the number shows which request it answers.

/// The longest line.
const LINE_MAX_BYTES: usize = 200;
/// Two sides of one byte per dot, and their header.
pub const JOB_MAX_BYTES: usize = 2 * 1016 * 648 + 2;

/// A request to the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request<'a> {
    /// Identity: `MODEL|SERIAL|FIRMWARE`.
    Who,
    /// Status: those words of [`how`] that are true.
    How,
    /// Opens a job. The answer is its name.
    New,
    /// Prints this job under that name: [`HEARD`], else one of the words of [`Said`], and nothing moves.
    Print(&'a str, &'a [u8]),
    /// Asks for the state of that job: one word of [`Said`].
    Ask(&'a str),
    /// Ends that job, if no card was moved for it: [`OK`].
    Drop(&'a str),
    /// Ends every job for which no card was moved, and releases one that has stopped: [`OK`], or [`WORKING`].
    Rest,
    /// Ejects the card inside; `true`: into the hopper. [`OK`], [`EMPTY`] or [`WORKING`].
    Out(bool),
    /// Clears the errors that somebody has dealt with: [`OK`].
    Clear,
}

/// Done.
pub const OK: &str = "OK";
/// The job was received.
pub const HEARD: &str = "HEARD";
/// No card is inside.
pub const EMPTY: &str = "EMPTY";
/// The machine is working.
pub const WORKING: &str = "WORKING";
/// The request was not understood.
pub const WHAT: &str = "WHAT";

/// Words of the machine's status.
pub mod how {
    /// The cover is open.
    pub const COVER_OPEN: &str = "cover-open";
    /// The feeder is empty.
    pub const FEEDER_EMPTY: &str = "feeder-empty";
    /// A card is jammed.
    pub const JAM: &str = "jam";
    /// A sensor detects a card.
    pub const CARD: &str = "card";
    /// It is printing.
    pub const WORK: &str = "work";
    /// It has a job for which no card was moved yet, or one that has stopped.
    pub const OWNED: &str = "owned";
    /// It was switched on, and no job was opened since.
    pub const BOOTED: &str = "booted";
    /// All of them.
    pub const ALL: [&str; 7] = [COVER_OPEN, FEEDER_EMPTY, JAM, CARD, WORK, OWNED, BOOTED];
}

/// The state of a job in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// It was opened, but not received.
    Open,
    /// It was received, and waits.
    Waiting,
    /// Its card is being printed.
    Working,
    /// Its card has stopped inside.
    Stuck,
    /// Its card is completely printed and waits inside, as requested.
    Kept,
    /// Its card came out completely printed.
    Done,
    /// Its card was rejected, or taken out before it was completely printed.
    Spoiled,
    /// A person took its card out after it was completely printed.
    Removed,
    /// It ended before a card was moved.
    Never,
    /// The power failed, and its card is no longer inside.
    Cut,
    /// The log no longer goes back that far.
    Old,
    /// This log never gave that name.
    Other,
}

impl Said {
    const ALL: [(Self, &'static str); 12] = [
        (Self::Open, "OPEN"),
        (Self::Waiting, "WAITING"),
        (Self::Working, WORKING),
        (Self::Stuck, "STUCK"),
        (Self::Kept, "KEPT"),
        (Self::Done, "DONE"),
        (Self::Spoiled, "SPOILED"),
        (Self::Removed, "REMOVED"),
        (Self::Never, "NEVER"),
        (Self::Cut, "CUT"),
        (Self::Old, "OLD"),
        (Self::Other, "OTHER"),
    ];

    /// The word on the wire.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(said, _)| *said == self).map_or(WHAT, |(_, word)| word)
    }

    /// Parses a word from the wire.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, word)| *word == text).map(|(said, _)| *said)
    }
}

/// Every word of a machine's answers; only these are ever quoted.
pub const VOCABULARY: &[&str] = &[
    OK, HEARD, EMPTY, WORKING, WHAT, "REMOVED", "KEPT", "OPEN", "WAITING", "STUCK", "DONE",
    "SPOILED", "NEVER", "CUT", "OLD", "OTHER",
];

impl<'a> Request<'a> {
    /// Encodes a request.
    pub fn emit(&self, number: u32, into: &mut Vec<u8>) {
        into.clear();
        let line = match self {
            Self::Who => "WHO".to_owned(),
            Self::How => "HOW".to_owned(),
            Self::New => "NEW".to_owned(),
            Self::Print(name, job) => format!("PRINT {name} {}", job.len()),
            Self::Ask(name) => format!("ASK {name}"),
            Self::Drop(name) => format!("DROP {name}"),
            Self::Rest => "REST".to_owned(),
            Self::Out(good) => format!("OUT {}", if *good { "hopper" } else { "reject" }),
            Self::Clear => "CLEAR".to_owned(),
        };
        into.extend_from_slice(format!("#{number} {line}\n").as_bytes());
        if let Self::Print(_, job) = self {
            into.extend_from_slice(job);
        }
    }

    /// Decodes a request.
    pub fn take(bytes: &'a [u8]) -> Taken<'a> {
        let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else {
            let too_long = bytes.len() > LINE_MAX_BYTES;
            return if too_long { Taken::Noise(bytes.len()) } else { Taken::Part };
        };
        let line = str::from_utf8(&bytes[..end]).unwrap_or_default();
        let (number, rest) = line.split_once(' ').unwrap_or_default();
        let Some(number) = number.strip_prefix('#').and_then(|number| number.parse().ok()) else {
            return Taken::Noise(end + 1);
        };
        let words: Vec<&str> = rest.split(' ').collect();
        let request = match words[..] {
            ["WHO"] => Self::Who,
            ["HOW"] => Self::How,
            ["NEW"] => Self::New,
            ["PRINT", name, length] => {
                let length = length.parse::<usize>().ok().filter(|&length| length <= JOB_MAX_BYTES);
                let Some(length) = length else { return Taken::Noise(end + 1) };
                let Some(job) = bytes.get(end + 1..end + 1 + length) else { return Taken::Part };
                return Taken::Whole(number, Self::Print(name, job), end + 1 + length);
            }
            ["ASK", name] => Self::Ask(name),
            ["DROP", name] => Self::Drop(name),
            ["REST"] => Self::Rest,
            ["OUT", "hopper"] => Self::Out(true),
            ["OUT", "reject"] => Self::Out(false),
            ["CLEAR"] => Self::Clear,
            _ => return Taken::Unknown(number, end + 1),
        };
        Taken::Whole(number, request, end + 1)
    }
}

/// The first item of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken<'a> {
    /// An incomplete request.
    Part,
    /// A request with its number, and how many bytes it takes.
    Whole(u32, Request<'a>, usize),
    /// A line with a number, but an unknown request.
    Unknown(u32, usize),
    /// Bytes that are no line of this protocol.
    Noise(usize),
}

/// Encodes an answer.
pub fn answer(number: u32, text: &str) -> Vec<u8> {
    format!("#{number} {text}\n").into_bytes()
}

/// Decodes an answer: the request's number, and the text.
pub fn read_answer(bytes: &[u8]) -> Option<(u32, &str)> {
    let line = str::from_utf8(bytes.strip_suffix(b"\n")?).ok()?;
    let (number, text) = line.strip_prefix('#')?.split_once(' ')?;
    Some((number.parse().ok()?, text)).filter(|_| !text.contains('\n'))
}

/// Is the answer complete?
pub fn whole(bytes: &[u8]) -> bool {
    bytes.ends_with(b"\n")
}

/// Parses any bytes as input from the wire, in both directions.
pub fn any_bytes(bytes: &[u8]) {
    let mut rest = bytes;
    while let Taken::Whole(_, _, used) | Taken::Unknown(_, used) | Taken::Noise(used) =
        Request::take(rest)
    {
        rest = &rest[used..];
        if rest.is_empty() {
            break;
        }
    }
    let _ = read_answer(bytes);
}
