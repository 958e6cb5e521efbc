//! Decides when an answer is complete, on a wire that does not mark its end. Knows no family and no system call.
//!
//! Three criteria were considered. A *short packet* ends a USB transfer, but not always an answer: a machine may send
//! an answer in two transfers, and one that fills its last packet may end without a short packet. *Silence* is a guess
//! that costs time on every answer. A *predicate* of the family is certain if the frame contains its own length, as
//! Evolis' does. So the predicate decides; without one, the short packet; and silence only ends what would otherwise
//! wait for ever: bytes that never become an answer go to the driver, which reports them as garbled.

use std::time::{Duration, Instant};

use super::{ANSWER_MAX_BYTES, Whole, WireFault};

/// A machine that has begun to answer continues at once; a pause of this length ends the answer.
const SPLIT_LIMIT: Duration = Duration::from_millis(500);

/// The result of one read, besides the bytes.
pub(super) struct ReadPart {
    /// Did the machine end its transfer with these bytes?
    pub ended: bool,
}

/// How an answer ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It is complete.
    Whole,
    /// It broke off; later bytes belong to it, not to the next exchange.
    BrokenOff,
}

/// Reads one answer. `read` appends the bytes that arrive within the given time, or fails with [`WireFault::Silent`].
///
/// # Errors
/// The error of `read`, if nothing had arrived; [`WireFault::TooLong`].
pub(super) fn read_answer(
    answer: &mut Vec<u8>,
    patience: Duration,
    whole: Option<Whole>,
    mut read: impl FnMut(&mut Vec<u8>, Duration) -> Result<ReadPart, WireFault>,
) -> Result<Ending, WireFault> {
    let began = Instant::now();
    let mut until = began + patience;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let heard =
            if left.is_zero() { Err(WireFault::Silent(patience)) } else { read(answer, left) };
        match heard {
            // An empty packet before the first byte is the end of an earlier answer that filled its last packet.
            Ok(_) if answer.is_empty() => {}
            Ok(_) if answer.len() > ANSWER_MAX_BYTES => {
                return Err(WireFault::TooLong(ANSWER_MAX_BYTES));
            }
            Ok(heard) => {
                if whole.map_or(heard.ended, |whole| whole(answer)) {
                    return Ok(Ending::Whole);
                }
                // An endless trickle of bytes is cut off too.
                until = (Instant::now() + SPLIT_LIMIT).min(began + patience + SPLIT_LIMIT);
            }
            Err(WireFault::Silent(_)) if answer.is_empty() => {
                return Err(WireFault::Silent(patience));
            }
            Err(WireFault::Silent(_)) => return Ok(Ending::BrokenOff),
            Err(fault) => return Err(fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Replays packets; an empty script is silence.
    fn play(packets: &[&[u8]], whole: Option<Whole>) -> (Vec<u8>, Result<Ending, WireFault>) {
        let mut answer = Vec::new();
        let mut left = packets.iter();
        let ending = read_answer(&mut answer, Duration::from_secs(9), whole, |answer, patience| {
            let packet = left.next().ok_or(WireFault::Silent(patience))?;
            answer.extend_from_slice(packet);
            Ok(ReadPart { ended: packet.len() < 4 })
        });
        (answer, ending)
    }

    const DOT: Option<Whole> = Some(|bytes| bytes.ends_with(b"."));

    #[test]
    fn an_answer_in_several_packets_is_one_answer() {
        let told = (b"one two.".to_vec(), Ok(Ending::Whole));
        assert_eq!(play(&[b"one ", b"two."], DOT), told);
        assert_eq!(play(&[b"one", b" tw", b"o.", b"next"], DOT), told);
        assert_eq!(play(&[b"", b"one ", b"", b"two."], DOT), told);
    }

    #[test]
    fn without_a_predicate_a_short_packet_ends_it() {
        assert_eq!(play(&[b"four", b"x", b"y"], None), (b"fourx".to_vec(), Ok(Ending::Whole)));
        assert_eq!(play(&[b"four", b"", b"y"], None), (b"four".to_vec(), Ok(Ending::Whole)));
    }

    #[test]
    fn what_never_becomes_an_answer_is_handed_over_and_remembered() {
        assert_eq!(play(&[b"one ", b"tw"], DOT), (b"one tw".to_vec(), Ok(Ending::BrokenOff)));
        assert_eq!(play(&[], DOT), (Vec::new(), Err(WireFault::Silent(Duration::from_secs(9)))));
        let long = vec![b'x'; ANSWER_MAX_BYTES];
        let (_, ending) = play(&[&long, b"y"], DOT);
        assert_eq!(ending, Err(WireFault::TooLong(ANSWER_MAX_BYTES)));
    }
}
