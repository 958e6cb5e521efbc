//! Which frames a pseudo-APDU becomes, and which responses the card's answers become.
#![allow(clippy::unwrap_used)]

use super::*;

const UID: [u8; 7] = [4, 1, 2, 3, 4, 5, 6];
const CLASSIC: Tag<'static> = Tag { uid: &[9, 8, 7, 6], kind: TagKind::Classic };
const TYPE2: Tag<'static> = Tag { uid: &UID, kind: TagKind::Type2 };

/// Executes one command; returns its response and the frames that reached the card, which answers from a list.
fn carry(
    storage: &mut Storage,
    tag: Tag<'_>,
    command: &[u8],
    answers: &[Result<Vec<u8>, FrameFault>],
) -> (Result<Reply, EncoderError>, Vec<Vec<u8>>) {
    let mut frames = Vec::new();
    let mut answers = answers.iter().cloned();
    let reply = storage.carry(command, tag, &mut |frame| {
        frames.push(frame.to_vec());
        answers.next().unwrap()
    });
    (reply, frames)
}

fn status(tag: Tag<'_>, command: &[u8], answers: &[Result<Vec<u8>, FrameFault>]) -> u16 {
    carry(&mut Storage::new(), tag, command, answers).0.unwrap().status.0
}

#[test]
fn a_key_is_loaded_and_opens_a_sector() {
    let mut storage = Storage::new();
    let load = [0xFF, 0x82, 0, 1, 6, 0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5];
    assert_eq!(carry(&mut storage, CLASSIC, &load, &[]).0, Ok(Reply::bare(0x9000)));
    let open = [0xFF, 0x86, 0, 0, 5, 1, 0, 4, 0x61, 1];
    let (reply, frames) = carry(&mut storage, CLASSIC, &open, &[Ok(Vec::new())]);
    assert_eq!(reply, Ok(Reply::bare(0x9000)));
    assert_eq!(frames, [[0x61, 4, 0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 9, 8, 7, 6]]);
    let (reply, _) = carry(&mut storage, CLASSIC, &open, &[Err(FrameFault::Refused)]);
    assert_eq!(reply, Ok(Reply::bare(word::NOT_ALLOWED)));
    assert_eq!(format!("{storage:?}"), "Storage");
    let unknown = [0xFF, 0x86, 0, 0, 5, 1, 0, 4, 0x61, 2];
    assert_eq!(carry(&mut storage, CLASSIC, &unknown, &[]).0, Ok(Reply::bare(word::NO_KEY)));
    assert_eq!(status(TYPE2, &open, &[]), word::NOT_SUPPORTED);
}

#[test]
fn reading_takes_as_many_answers_as_it_needs() {
    let page = |byte| Ok(vec![byte; 16]);
    let read = |tag, le| {
        carry(&mut Storage::new(), tag, &[0xFF, 0xB0, 0, 4, le], &[page(1), page(2), page(3)])
    };
    let (reply, frames) = read(TYPE2, 40);
    assert_eq!(reply.unwrap().data, [&[1; 16][..], &[2; 16], &[3; 8]].concat());
    assert_eq!(frames, [[0x30, 4], [0x30, 8], [0x30, 12]]);
    let (reply, frames) = read(CLASSIC, 32);
    assert_eq!(reply.unwrap().data.len(), 32);
    assert_eq!(frames, [[0x30, 4], [0x30, 5]]);
    assert_eq!(read(TYPE2, 0).0.unwrap().data, [1; 16]);
    assert_eq!(status(TYPE2, &[0xFF, 0xB0, 0, 4, 16], &[Ok(vec![0])]), word::NOT_ALLOWED);
    assert_eq!(status(TYPE2, &[0xFF, 0xB0, 0, 254, 32], &[page(1)]), word::NO_SUCH_PLACE);
}

#[test]
fn writing_goes_by_the_cards_own_unit_and_ends_at_the_first_refusal() {
    let write = [0xFF, 0xD6, 0, 4, 8, 1, 2, 3, 4, 5, 6, 7, 8];
    let (reply, frames) =
        carry(&mut Storage::new(), TYPE2, &write, &[Ok(vec![0x0A]), Ok(Vec::new())]);
    assert_eq!(reply, Ok(Reply::bare(0x9000)));
    assert_eq!(frames, [[0xA2, 4, 1, 2, 3, 4], [0xA2, 5, 5, 6, 7, 8]]);
    assert_eq!(status(TYPE2, &write, &[Ok(vec![0])]), word::NOT_ALLOWED);
    let refused = [Ok(vec![0x0A]), Err(FrameFault::Refused)];
    assert_eq!(status(TYPE2, &write, &refused), word::WRITTEN_IN_PART);
    assert_eq!(status(CLASSIC, &write, &[]), word::WRONG_LENGTH);
    let block = [&[0xFF, 0xD6, 0, 4, 16][..], &[7; 16]].concat();
    let (_, frames) = carry(&mut Storage::new(), CLASSIC, &block, &[Ok(Vec::new())]);
    assert_eq!(frames, [[&[0xA0, 4][..], &[7; 16]].concat()]);
}

#[test]
fn the_identifier_is_told_and_the_rest_refused() {
    let ask = |le| carry(&mut Storage::new(), TYPE2, &[0xFF, 0xCA, 0, 0, le], &[]).0.unwrap();
    assert_eq!(ask(0), Reply { data: UID.to_vec(), status: Status::OK });
    assert_eq!(ask(4), Reply::bare(0x6C07));
    for (command, refused) in [
        (&[0xFF, 0xCA, 1, 0, 0][..], word::NOT_SUPPORTED),
        (&[0xFF, 0xB0, 1, 0, 0], word::NO_SUCH_PLACE),
        (&[0xFF, 0xB0, 0, 0], word::WRONG_LENGTH),
        (&[0xFF, 0x82, 0, 200, 6, 1, 2, 3, 4, 5, 6], word::UNKNOWN_KEY),
        (&[0xFF, 0x82, 0, 0, 1, 1], word::WRONG_LENGTH),
        (&[0xFF, 0x00, 0, 0], word::UNKNOWN_INSTRUCTION),
        (&[0x00, 0xA4, 4, 0], word::UNKNOWN_CLASS),
        (&[0xFF], word::WRONG_LENGTH),
    ] {
        assert_eq!(status(TYPE2, command, &[]), refused, "{command:02X?}");
    }
    let other = Tag { uid: &UID, kind: TagKind::of(0x20) };
    assert_eq!(status(other, &[0xFF, 0xB0, 0, 0, 0], &[]), word::NOT_SUPPORTED);
    assert_eq!((TagKind::of(0x08), TagKind::of(0x00)), (TagKind::Classic, TagKind::Type2));
}

#[test]
fn a_lost_card_is_lost_and_no_status() {
    let lost = [Err(FrameFault::Lost(EncoderError::CardLost))];
    for command in [&[0xFF, 0xB0, 0, 4, 16][..], &[0xFF, 0xD6, 0, 4, 4, 1, 2, 3, 4]] {
        let (reply, _) = carry(&mut Storage::new(), TYPE2, command, &lost);
        assert_eq!(reply, Err(EncoderError::CardLost));
    }
}

#[test]
fn moving_a_readers_memory_moves_no_key() {
    assert_eq!(size_of::<Storage>(), size_of::<usize>());
}
