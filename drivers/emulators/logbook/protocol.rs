//! Lines on the wire of the family, both ways: bytes to meaning and back. Knows no driver and no machine.
//!
//! A request is `#NUMBER VERB ARGUMENTS` and a line end; behind `PRINT` follow the bytes that it announces. An answer is
//! `#NUMBER TEXT` and a line end: an answer to an older question is known by its number.

/// No line is longer.
const LINE_MAX_BYTES: usize = 200;
/// Two sides of one byte a dot, and their head.
pub const JOB_MAX_BYTES: usize = 2 * 1016 * 648 + 2;

/// What the machine is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request<'a> {
    /// Who are you? `MODEL|SERIAL|FIRMWARE`.
    Who,
    /// How are you? The words of [`how`] that are true.
    How,
    /// Open a job. Its name.
    New,
    /// Print this job under that name: [`HEARD`], else one of the words of [`Said`] and nothing moves.
    Print(&'a str, &'a [u8]),
    /// What became of the job of that name? One word of [`Said`].
    Ask(&'a str),
    /// End the job of that name, if no card was moved for it: [`OK`].
    Drop(&'a str),
    /// End every job for which no card was moved, and let go of one that has stopped: [`OK`], or [`WORKING`].
    Rest,
    /// Let the card inside out: `true` to the hopper. [`OK`], [`EMPTY`] or [`WORKING`].
    Out(bool),
    /// Somebody has dealt with the errors: [`OK`].
    Clear,
}

/// Done.
pub const OK: &str = "OK";
/// The job is heard.
pub const HEARD: &str = "HEARD";
/// No card is inside.
pub const EMPTY: &str = "EMPTY";
/// It is at work.
pub const WORKING: &str = "WORKING";
/// It does not understand.
pub const WHAT: &str = "WHAT";

/// How a machine can be.
pub mod how {
    /// The cover is open.
    pub const COVER_OPEN: &str = "cover-open";
    /// No blanks.
    pub const FEEDER_EMPTY: &str = "feeder-empty";
    /// A card sticks.
    pub const JAM: &str = "jam";
    /// A sensor sees a card.
    pub const CARD: &str = "card";
    /// It prints.
    pub const WORK: &str = "work";
    /// It has a job for which no card was moved yet, or one that has stopped.
    pub const OWNED: &str = "owned";
    /// It was switched on, and no job was opened since.
    pub const BOOTED: &str = "booted";
    /// All of them.
    pub const ALL: [&str; 7] = [COVER_OPEN, FEEDER_EMPTY, JAM, CARD, WORK, OWNED, BOOTED];
}

/// What the log says of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// It was opened, and nothing was heard of it.
    Open,
    /// It was heard, and waits.
    Waiting,
    /// Its card is on its way.
    Working,
    /// Its card stands inside, and nothing moves it.
    Stuck,
    /// Its card is whole, and waits inside as it was told to.
    Kept,
    /// Its card came out whole.
    Done,
    /// Its card was rejected, or taken out before all was printed on it.
    Spoiled,
    /// Somebody took its card out when all was printed on it.
    Removed,
    /// It ended before a card was moved.
    Never,
    /// The power went, and its card is not inside any more.
    Cut,
    /// The log begins later.
    Old,
    /// No such name was ever given by this log.
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

    /// As it stands on the wire.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(said, _)| *said == self).map_or(WHAT, |(_, word)| word)
    }

    /// From the wire.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, word)| *word == text).map(|(said, _)| *said)
    }
}

/// Every word with which a machine answers; only these are ever quoted.
pub const VOCABULARY: &[&str] = &[
    OK, HEARD, EMPTY, WORKING, WHAT, "REMOVED", "KEPT", "OPEN", "WAITING", "STUCK", "DONE",
    "SPOILED", "NEVER", "CUT", "OLD", "OTHER",
];

impl<'a> Request<'a> {
    /// To the wire.
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

    /// From the wire.
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

/// What stands at the head of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken<'a> {
    /// No whole request yet.
    Part,
    /// A request with its number, and how many bytes it takes.
    Whole(u32, Request<'a>, usize),
    /// A line with a number that says nothing known.
    Unknown(u32, usize),
    /// Bytes that are no line of ours.
    Noise(usize),
}

/// An answer, to the wire.
pub fn answer(number: u32, text: &str) -> Vec<u8> {
    format!("#{number} {text}\n").into_bytes()
}

/// The number of the question and the text, from the wire.
pub fn read_answer(bytes: &[u8]) -> Option<(u32, &str)> {
    let line = str::from_utf8(bytes.strip_suffix(b"\n")?).ok()?;
    let (number, text) = line.strip_prefix('#')?.split_once(' ')?;
    Some((number.parse().ok()?, text)).filter(|_| !text.contains('\n'))
}

/// Is it a whole answer?
pub fn whole(bytes: &[u8]) -> bool {
    bytes.ends_with(b"\n")
}

/// Reads any bytes as what may come over the wire, in both directions.
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
