//! The differences between chips, with a card that answers from a list and checks the commands.
#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::collections::VecDeque;

use super::*;
use crate::encoder::Interface;

/// The commands to expect, and the responses to give.
struct Scripted(VecDeque<(Vec<u8>, Vec<u8>)>);

impl CardEncoder for Scripted {
    fn power_on(&mut self, patience: Duration) -> Result<Chip, EncoderError> {
        Err(EncoderError::NoCard { waited: patience })
    }

    fn transmit(&mut self, command: &[u8], answer: &mut Vec<u8>) -> Result<(), EncoderError> {
        let (asked, said) = self.0.pop_front().expect("it is asked no more than this");
        assert_eq!(command, asked, "{command:02X?} instead of {asked:02X?}");
        *answer = said;
        Ok(())
    }

    fn power_off(&mut self) -> Result<(), EncoderError> {
        Ok(())
    }
}

fn chip(t0: bool, extended: bool, apdu_max_bytes: usize) -> Chip {
    let limits = Limits { t0, extended, apdu_max_bytes };
    Chip { interface: Interface::Contact, atr: vec![0x3B, 0], uid: None, limits }
}

/// Sends over a chip that follows the script, and checks that the script was used up.
fn send(chip: &Chip, script: &[(&[u8], &[u8])], command: &Command) -> Result<Reply, EncoderError> {
    let lines = script.iter().map(|(asked, said)| (asked.to_vec(), said.to_vec()));
    let mut card = Scripted(lines.collect());
    let reply = Channel::new(&mut card, chip).send(command);
    assert!(card.0.is_empty(), "{} commands were not sent", card.0.len());
    reply
}

fn select() -> Command {
    Command::new(0, 0xA4, 4, 0).with([0xF0, 1]).expecting(256)
}

#[test]
fn t0_never_gives_data_and_length_together_and_fetches_the_answer() {
    let script: [(&[u8], &[u8]); 3] = [
        (&[0, 0xA4, 4, 0, 2, 0xF0, 1], &[0x61, 3]),
        (&[0, 0xC0, 0, 0, 3], &[7, 8, 0x61, 1]),
        (&[0, 0xC0, 0, 0, 1], &[9, 0x90, 0]),
    ];
    let reply = send(&chip(true, false, 261), &script, &select()).unwrap();
    assert_eq!((reply.data, reply.status), (vec![7, 8, 9], Status::OK));
}

#[test]
fn a_wrong_length_is_asked_again_with_the_right_one_and_only_once() {
    let read = Command::new(0, 0xB0, 0, 0).expecting(256);
    let script: [(&[u8], &[u8]); 2] =
        [(&[0, 0xB0, 0, 0, 0], &[0x6C, 2]), (&[0, 0xB0, 0, 0, 2], &[7, 8, 0x90, 0])];
    assert_eq!(send(&chip(true, false, 261), &script, &read).unwrap().data, [7, 8]);
    let script: [(&[u8], &[u8]); 2] =
        [(&[0, 0xB0, 0, 0, 0], &[0x6C, 2]), (&[0, 0xB0, 0, 0, 2], &[0x6C, 3])];
    let reply = send(&chip(true, false, 261), &script, &read).unwrap();
    assert_eq!(reply.status, Status(0x6C03));
    let case_one = Command::new(0, 0x44, 0, 0);
    let script: [(&[u8], &[u8]); 1] = [(&[0, 0x44, 0, 0], &[0x6C, 2])];
    assert_eq!(send(&chip(true, false, 261), &script, &case_one).unwrap().status, Status(0x6C02));
}

#[test]
fn get_response_also_learns_its_right_length() {
    let script: [(&[u8], &[u8]); 3] = [
        (&[0, 0xA4, 4, 0, 2, 0xF0, 1], &[0x61, 0]),
        (&[0, 0xC0, 0, 0, 0], &[0x6C, 1]),
        (&[0, 0xC0, 0, 0, 1], &[9, 0x90, 0]),
    ];
    assert_eq!(send(&chip(true, false, 261), &script, &select()).unwrap().data, [9]);
}

#[test]
fn long_data_go_as_a_chain_where_the_reader_is_short_and_whole_where_it_is_not() {
    let update = Command::new(0x80, 0xE2, 1, 2).with([1, 2, 3, 4, 5]).expecting(256);
    let script: [(&[u8], &[u8]); 3] = [
        (&[0x90, 0xE2, 1, 2, 2, 1, 2], &[0x90, 0]),
        (&[0x90, 0xE2, 1, 2, 2, 3, 4], &[0x90, 0]),
        (&[0x80, 0xE2, 1, 2, 1, 5, 8], &[9, 0x90, 0]),
    ];
    let reply = send(&chip(false, false, 8), &script, &update).unwrap();
    assert_eq!((reply.data, reply.status), (vec![9], Status::OK));

    let long = Command::new(0, 0xD6, 0, 0).with(vec![7; 300]);
    let extended = [&[0, 0xD6, 0, 0, 0, 1, 44][..], &[7; 300]].concat();
    send(&chip(false, true, 65_544), &[(&extended, &[0x90, 0])], &long).unwrap();
}

#[test]
fn a_refused_block_ends_the_chain_with_the_cards_word() {
    let update = Command::new(0, 0xD6, 0, 0).with([1, 2, 3]);
    let script: [(&[u8], &[u8]); 1] = [(&[0x10, 0xD6, 0, 0, 2, 1, 2], &[0x68, 0x84])];
    let reply = send(&chip(false, false, 8), &script, &update).unwrap();
    assert_eq!(reply.status, Status(0x6884));
    let pseudo = Command::new(0xFF, 0xD6, 0, 4).with([1, 2, 3]);
    let refused = send(&chip(false, false, 8), &[], &pseudo);
    assert!(matches!(refused, Err(EncoderError::Unsupported(_))), "{refused:?}");
}

#[test]
fn an_answer_that_never_ends_is_ended() {
    let mut script: Vec<(&[u8], &[u8])> = vec![(&[0, 0xA4, 4, 0, 2, 0xF0, 1, 0], &[0x61, 0])];
    script.extend(std::iter::repeat_n((&[0, 0xC0, 0, 0, 0][..], &[0x61, 0][..]), PIECES_MAX));
    let endless = send(&chip(false, false, 261), &script, &select());
    assert!(matches!(endless, Err(EncoderError::Garbled { .. })), "{endless:?}");
    // A card that returns full pieces for ever is stopped by the total length.
    let piece = [&[7; 256][..], &[0x61, 0]].concat();
    script.truncate(1);
    script.extend(std::iter::repeat_n((&[0, 0xC0, 0, 0, 0][..], piece.as_slice()), 257));
    let long = send(&chip(false, false, 261), &script, &select());
    assert!(matches!(long, Err(EncoderError::Garbled { .. })), "{long:?}");
}

#[test]
fn an_ok_without_a_status_is_a_lost_card_and_is_seen() {
    let seen = RefCell::new(Vec::new());
    let mut card = Scripted(VecDeque::from([(vec![0, 0x44, 0, 0], vec![0x90])]));
    let here = chip(false, false, 261);
    let mut channel = Channel::new(&mut card, &here);
    channel.watch(|one| seen.borrow_mut().push((one.header, one.lc, one.le, one.got, one.status)));
    assert_eq!(channel.send(&Command::new(0, 0x44, 0, 0)), Err(EncoderError::CardLost));
    drop(channel);
    assert_eq!(seen.into_inner(), [([0, 0x44, 0, 0], 0, None, 0, None)]);
}

#[test]
fn lengths_follow_chip_and_reader() {
    let mut card = Scripted(VecDeque::new());
    for (t0, extended, most, data, answer) in [
        (true, true, 65_544, 255, 256),
        (false, false, 261, 255, 256),
        (false, false, 60, 54, 60),
        (false, true, 1000, 991, 1000),
        (false, true, 100_000, 65_535, 65_536),
        (false, false, 0, 1, 1),
    ] {
        let here = chip(t0, extended, most);
        let channel = Channel::new(&mut card, &here);
        assert_eq!((channel.data_max(), channel.answer_max()), (data, answer));
    }
}

#[test]
fn fetching_keeps_the_logical_channel_and_drops_the_rest() {
    for (cla, fetching) in
        [(0x84, 0), (0x90, 0), (0x81, 1), (0x45, 0x45), (0xC3, 0x43), (0xA0, 0xA0)]
    {
        assert_eq!(class_of_fetching(cla), fetching, "{cla:02X}");
    }
}
