//! Sessions recorded from real cards, both sides of each; and our own two sides against each other.
#![allow(clippy::unwrap_used)]

mod recorded;

use proptest::prelude::*;

use super::messages::card_challenge;
use super::*;

const LEVELS: [Level; 5] =
    [Level::Mac, Level::MacEnc, Level::MacRmac, Level::MacEncRmac, Level::Full];

fn keys(length: usize, seed: u8) -> Keys {
    let key = |more| Key::new(&vec![seed + more; length]).unwrap();
    Keys { enc: key(1), mac: key(2), dek: key(3) }
}

#[test]
fn what_a_card_may_say_to_initialize_update_is_understood_or_refused_in_words() {
    let mut good = vec![0; 10];
    good.extend([1, 3, 0x70]);
    good.extend([7; 19]);
    let parsed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut data = good.clone();
        change(&mut data);
        Challenge::parse(&data).and_then(|card| card.suits(1, Level::Full)).err()
    };
    assert_eq!(parsed(&|_| ()), None);
    assert_eq!(parsed(&|data| data.truncate(29)), None);
    assert_eq!(parsed(&|data| data.truncate(30)), Some(Scp03Error::Garbled("INITIALIZE UPDATE")));
    assert_eq!(parsed(&|data| data.truncate(20)), Some(Scp03Error::Garbled("INITIALIZE UPDATE")));
    let other = Scp03Error::OtherProtocol { protocol: 2, mode: 0x70 };
    assert_eq!(parsed(&|data| data[11] = 2), Some(other));
    let s16 = Scp03Error::OtherProtocol { protocol: 3, mode: 0x71 };
    assert_eq!(parsed(&|data| data[12] = 0x71), Some(s16));
    let other = Scp03Error::OtherVersion { asked: 1, found: 9 };
    assert_eq!(parsed(&|data| data[10] = 9), Some(other));
    assert_eq!(parsed(&|data| data[12] = 0x30), Some(Scp03Error::Level(Level::Full)));
    assert_eq!(parsed(&|data| data[12] = 0x00), Some(Scp03Error::Level(Level::Full)));
}

#[test]
fn the_versions_of_keys_are_read_from_a_whole_answer_or_not_at_all() {
    let whole = [0xE0, 0x06, 0xC0, 0x04, 0x01, 0x30, 0x88, 0x10];
    assert_eq!(put_key::versions(&whole), Some([0x30].into()));
    for cut in 0..whole.len() {
        assert_eq!(put_key::versions(&whole[..cut]), None, "{cut}");
    }
    for (place, byte) in [(0, 0xE1), (2, 0xC1), (1, 0x05), (3, 0x05)] {
        let mut other = whole;
        other[place] = byte;
        assert_eq!(put_key::versions(&other), None, "{place}");
    }
}

#[test]
fn the_keys_that_everybody_knows_are_known_and_no_key_is_shown() {
    let known = Key::new(b"@ABCDEFGHIJKLMNO").unwrap();
    // The value in every manual.
    assert_eq!(known.check_value(), [0x50, 0x4A, 0x77]);
    let mut set = Keys { enc: known.clone(), mac: known.clone(), dek: known };
    assert!(set.are_well_known());
    assert_eq!(format!("{set:?}"), "Keys { enc: ***, mac: ***, dek: *** }");
    set.dek = Key::new(&[7; 16]).unwrap();
    assert!(!set.are_well_known());
}

proptest! {
    #[test]
    fn what_one_side_wraps_the_other_unwraps(
        level in proptest::sample::select(LEVELS.to_vec()),
        length in proptest::sample::select(vec![16_usize, 24, 32]),
        exchanges in proptest::collection::vec(
            (proptest::collection::vec(any::<u8>(), 0..300), proptest::collection::vec(any::<u8>(), 0..300)),
            1..6,
        ),
    ) {
        let (mut host, _) = Messages::new(&keys(length, 0x10), [7; 8], [1; 8]);
        let (mut card, _) = Messages::new(&keys(length, 0x10), [7; 8], [1; 8]);
        host.open(level);
        card.open(level);
        for (asked, answered) in exchanges {
            let command = Command::new(0x80, 0xE2, 1, 2).with(asked).expecting(256);
            let understood = card.unwrap_command(&host.wrap(&command));
            prop_assert_eq!(understood, Some(command));
            let reply = Reply { data: answered, status: Status::OK };
            prop_assert_eq!(host.unwrap_reply(card.wrap_reply(reply.clone())), Ok(reply));
        }
    }
}
