//! Secure channels: our host and a recorded one against our card, at every security level, key length and interface;
//! and the faults.

use std::time::Duration;

use drivers::encoder::apdu::Status;
use drivers::scp03::card_side::{EXTERNAL_AUTHENTICATE, INITIALIZE_UPDATE, Messages};
use drivers::scp03::{Key, Keys, Level, Scp03Error, Session};

use super::*;

fn bytes(hex: &str) -> Vec<u8> {
    crate::card::hex::bytes(hex).unwrap()
}

/// Nine sessions recorded from real cards; the driver's own tests describe the columns.
const RECORDED: &str = include_str!("../../../scp03/tests/scp03-vectors.txt");
const HOST: [u8; 8] = *b"chance!!";
const AID: [u8; 8] = [0xA0, 0, 0, 1, 0x51, 0, 0, 0];
const LEVELS: [Level; 5] =
    [Level::Mac, Level::MacEnc, Level::MacRmac, Level::MacEncRmac, Level::Full];
const FILE: &str = "[[content]]\nfid = 'DF01'\naid = 'F04B494101'\nactive = true\n\
    files = [{ fid = '0101', size_bytes = 600, update = 'secure', active = true }]";

fn keys(length: usize, seed: u8) -> Keys {
    let key = |more| Key::new(&vec![seed + more; length]).unwrap();
    Keys { enc: key(1), mac: key(2), dek: key(3) }
}

struct Bench {
    card: SharedChip,
    reader: Direct,
    chip: Chip,
}

impl Bench {
    fn new(how: &str, length: usize) -> Self {
        let key = |byte: &str| byte.repeat(length);
        let domain = format!(
            "[domain]\nversion = 1\nenc = '{}'\nmac = '{}'\ndek = '{}'",
            key("11"),
            key("12"),
            key("13")
        );
        let settings = format!("kind = 'file'\n{how}\n{FILE}\n{domain}");
        let settings: CardSettings = toml::from_str(&settings).unwrap();
        let card = settings.make().unwrap();
        let field = Field::default();
        field.put(card.clone());
        let mut reader = Direct::new(field);
        let chip = reader.power_on(Duration::ZERO).unwrap();
        Self { card, reader, chip }
    }

    fn channel(&mut self) -> Channel<'_> {
        Channel::new(&mut self.reader, &self.chip)
    }

    fn change(&self, change: &serde_json::Value) {
        self.card.lock().change(change).unwrap();
    }
}

fn select(name: &[u8]) -> Command {
    Command::new(0, 0xA4, 4, 0).with(name).expecting(256)
}

fn choose() -> Command {
    Command::new(0, 0xA4, 2, 0x0C).with([1, 1])
}

fn open(channel: &mut Channel<'_>, level: Level, keys: &Keys) -> Result<Session, Scp03Error> {
    Session::open(channel, keys, 1, level, HOST, None)
}

#[test]
fn a_file_is_written_through_every_channel_and_by_nobody_else() {
    for how in
        ["", "extended = false", "interface = 'contact'", "interface = 'contact'\nprotocol = 't0'"]
    {
        for (level, length) in LEVELS.into_iter().zip([16, 24, 32, 16, 24]) {
            let mut bench = Bench::new(how, length);
            let mut channel = bench.channel();
            channel.send(&select(&[0xF0, 0x4B, 0x49])).unwrap();
            channel.send(&choose()).unwrap();
            let update = |data: &[u8]| Command::new(0, 0xD6, 0, 0).with(data);
            assert_eq!(channel.send(&update(&[7])).unwrap().status, Status(0x6982));
            let mut session = open(&mut channel, level, &keys(length, 0x10)).unwrap();
            let record: Vec<u8> = (0..=255).cycle().take(600).collect();
            let most = session.data_max(&channel);
            assert!((200..=600).contains(&most.min(600)), "{how} {level:?}: {most}");
            for (number, block) in record.chunks(most).enumerate() {
                let [.., high, low] = (number * most).to_be_bytes();
                let command = Command::new(0, 0xD6, high, low).with(block);
                let reply = session.send(&mut channel, &command).unwrap();
                assert_eq!((reply.data.len(), reply.status), (0, Status::OK), "{how} {level:?}");
            }
            let mut back = Vec::new();
            for offset in [0_u16, 240, 480] {
                let [high, low] = offset.to_be_bytes();
                let read = Command::new(0, 0xB0, high, low).expecting(240);
                back.extend(session.send(&mut channel, &read).unwrap().data);
            }
            assert_eq!(back, record, "{how} {level:?}");
            // A command outside the channel closes it.
            assert_eq!(channel.send(&update(&[7])).unwrap().status, Status(0x6982));
            let after = session.send(&mut channel, &update(&[7])).unwrap();
            assert_eq!(after.status, Status(0x6985));
        }
    }
}

#[test]
fn a_refusal_is_an_answer_and_the_channel_stays_open() {
    for level in LEVELS {
        let mut bench = Bench::new("", 16);
        let mut channel = bench.channel();
        let mut session = open(&mut channel, level, &keys(16, 0x10)).unwrap();
        let missing = Command::new(0, 0xA4, 2, 0).with([9, 9]).expecting(256);
        assert_eq!(session.send(&mut channel, &missing).unwrap().status, Status(0x6A82));
        let found = Command::new(0, 0xA4, 1, 4).with([0xDF, 1]).expecting(256);
        let reply = session.send(&mut channel, &found).unwrap();
        assert_eq!((reply.status, reply.data[0]), (Status::OK, 0x62));
    }
}

#[test]
fn new_keys_are_put_confirmed_and_the_old_ones_of_no_use_any_more() {
    for (old, new) in [(16, 16), (16, 24), (24, 32), (32, 16)] {
        let mut bench = Bench::new("", old);
        let fresh = keys(new, 0x50);
        let mut channel = bench.channel();
        channel.send(&select(&AID)).unwrap();
        let mut session = open(&mut channel, Level::Full, &keys(old, 0x10)).unwrap();
        session.put_key(&mut channel, 1, 2, &fresh).unwrap();
        let refused = open(&mut channel, Level::Full, &keys(old, 0x10)).err().unwrap();
        let status = Status(0x6A88);
        assert_eq!(refused, Scp03Error::Refused { step: "INITIALIZE UPDATE", status });
        let mut session = Session::open(&mut channel, &fresh, 0, Level::Mac, HOST, None).unwrap();
        assert_eq!(session.opened().key_version, 2);
        // A second key set is added; another of the same version is refused.
        session.put_key(&mut channel, 0, 3, &keys(16, 0x70)).unwrap();
        let twice = session.put_key(&mut channel, 0, 3, &keys(16, 0x70)).unwrap_err();
        assert_eq!(twice, Scp03Error::Refused { step: "PUT KEY", status: Status(0x6A80) });
        let versions =
            session.send(&mut channel, &Command::new(0x80, 0xCA, 0, 0xE0).expecting(256));
        assert_eq!(versions.unwrap().data[..7], [0xE0, 36, 0xC0, 4, 1, 2, 0x88]);
        drop(channel);
        let shown = bench.card.lock().state();
        assert_eq!(shown["domain"]["keys"][0]["version"], 2);
        assert!(!shown.to_string().contains("515151"));
    }
}

#[test]
fn a_card_that_confirms_other_keys_is_not_believed() {
    let mut bench = Bench::new("", 16);
    let mut session = open(&mut bench.channel(), Level::Mac, &keys(16, 0x10)).unwrap();
    bench.change(&serde_json::json!({"faults": {"bit_flip": {"answer": 1, "bit": 20}}}));
    let refused = session.put_key(&mut bench.channel(), 1, 2, &keys(16, 0x50));
    assert_eq!(refused, Err(Scp03Error::KeysNotConfirmed));
}

#[test]
fn a_host_that_signs_rightly_but_shows_another_cryptogram_is_not_let_in() {
    let mut bench = Bench::new("", 16);
    let mut channel = bench.channel();
    let initialize = Command::new(0x80, INITIALIZE_UPDATE, 1, 0).with(HOST).expecting(256);
    let shown = channel.send(&initialize).unwrap();
    // After ten bytes of diversification data and three of key information.
    let challenge = *shown.data[13..].first_chunk().unwrap();
    let (mut messages, expected) = Messages::new(&keys(16, 0x10), HOST, challenge);
    let mut other = expected.host;
    other[0] ^= 1;
    let authenticate = Command::new(0x80, EXTERNAL_AUTHENTICATE, 1, 0);
    let refused = channel.send(&messages.sign(authenticate.clone().with(other))).unwrap();
    assert_eq!(refused.status, Status(0x6300));
    // The challenge is used up, even for the right cryptogram.
    let (mut messages, _) = Messages::new(&keys(16, 0x10), HOST, challenge);
    let late = channel.send(&messages.sign(authenticate.with(expected.host))).unwrap();
    assert_eq!(late.status, Status(0x6985));
}

#[test]
fn a_channel_ends_with_the_cards_power_and_with_another_application() {
    let ask = Command::new(0x80, 0xCA, 0, 0xE0).expecting(256);
    let mut bench = Bench::new("", 16);
    let mut session = open(&mut bench.channel(), Level::Mac, &keys(16, 0x10)).unwrap();
    bench.reader.power_on(Duration::ZERO).unwrap();
    let reply = session.send(&mut bench.channel(), &ask).unwrap();
    assert_eq!(reply.status, Status(0x6985));
    for name in [&AID[..], &[0xF0, 0x4B]] {
        let mut session = open(&mut bench.channel(), Level::Mac, &keys(16, 0x10)).unwrap();
        assert!(bench.channel().send(&select(name)).unwrap().status.is_ok());
        let reply = session.send(&mut bench.channel(), &ask).unwrap();
        assert_eq!(reply.status, Status(0x6985), "{name:02X?}");
    }
}

#[test]
fn wrong_keys_are_found_out_before_anything_is_told_to_the_card() {
    let mut bench = Bench::new("", 16);
    let mut seen = Vec::new();
    let mut channel = bench.channel();
    channel.watch(|one| seen.push(one.header[1]));
    let wrong = open(&mut channel, Level::Full, &keys(16, 0x20)).err().unwrap();
    drop(channel);
    assert_eq!((wrong, seen), (Scp03Error::WrongKeys, vec![INITIALIZE_UPDATE]));
}

#[test]
fn keys_are_made_for_one_card_by_what_it_tells_of_itself() {
    let mut bench = Bench::new("", 16);
    let seen = std::cell::Cell::new([0; 10]);
    let diversify = |own: &[u8; 10], issuers: &Keys| {
        seen.set(*own);
        assert_eq!(issuers.enc.check_value(), keys(16, 0x20).enc.check_value());
        keys(16, 0x10)
    };
    let mut channel = bench.channel();
    let made = Session::open(&mut channel, &keys(16, 0x20), 1, Level::Mac, HOST, Some(&diversify));
    assert_eq!(made.unwrap().opened().diversification, seen.get());
    assert_eq!(seen.get(), *b"\0\0\0\x04\x4B\x41\x52\x54\x55\x80");
}

#[test]
fn a_changed_answer_closes_a_channel_that_signs_answers_and_no_other() {
    for level in LEVELS {
        for bit in [0, 9, 77, 180] {
            let mut bench = Bench::new("", 16);
            let mut session = open(&mut bench.channel(), level, &keys(16, 0x10)).unwrap();
            bench.change(&serde_json::json!({"faults": {"bit_flip": {"answer": 1, "bit": bit}}}));
            let ask = Command::new(0x80, 0xCA, 0, 0xE0).expecting(256);
            let reply = session.send(&mut bench.channel(), &ask);
            if level.byte() & 0x10 == 0 {
                assert!(reply.is_ok());
                continue;
            }
            assert_eq!(reply, Err(Scp03Error::Tampered));
            assert_eq!(session.send(&mut bench.channel(), &ask), Err(Scp03Error::Closed));
        }
    }
}

#[test]
fn what_does_not_fit_is_said_before_it_is_sent() {
    let mut bench = Bench::new("extended = false", 16);
    bench.chip.limits.extended = false;
    let mut channel = bench.channel();
    let mut session = open(&mut channel, Level::Full, &keys(16, 0x10)).unwrap();
    let long = Command::new(0, 0xD6, 0, 0).with(vec![0; 240]);
    let error = Scp03Error::TooLong { got: 240, most: 239 };
    assert_eq!(session.send(&mut channel, &long), Err(error));
    assert!(session.send(&mut channel, &Command::new(0x80, 0xCA, 0, 0xE0).expecting(256)).is_ok());
    assert!(matches!(Key::new(&[0; 20]), Err(Scp03Error::KeyLength(20))));
}

#[test]
fn a_card_names_the_versions_of_its_keys() {
    let mut bench = Bench::new("", 16);
    let mut channel = bench.channel();
    let mut session = open(&mut channel, Level::Mac, &keys(16, 0x10)).unwrap();
    assert_eq!(session.key_versions(&mut channel).unwrap(), Some([1].into()));
    session.put_key(&mut channel, 0, 7, &keys(16, 0x30)).unwrap();
    assert_eq!(session.key_versions(&mut channel).unwrap(), Some([1, 7].into()));
}

#[test]
fn the_recorded_host_is_let_in_by_no_card_but_its_own() {
    let keys = "version = 48\nenc = '000102030405060708090a0b0c0d0e0f'\n\
        mac = '101112131415161718191a1b1c1d1e1f'\ndek = '202122232425262728292a2b2c2d2e2f'";
    let aid = "aid = 'a0000005591010ffffffff8900000100'";
    for (begun, let_in) in [(1, false), (2, true), (3, false)] {
        let settings = format!("kind = 'file'\n[domain]\n{aid}\n{keys}");
        let settings: CardSettings = toml::from_str(&settings).unwrap();
        let field = Field::default();
        field.put(settings.make().unwrap());
        let mut reader = Direct::new(field);
        reader.power_on(std::time::Duration::ZERO).unwrap();
        // The first line was recorded when its card had begun two channels.
        let mut line = RECORDED.lines().next().unwrap().split_whitespace().skip(4);
        let (initialize, answered) = (bytes(line.next().unwrap()), bytes(line.next().unwrap()));
        let mut answer = Vec::new();
        for _ in 0..begun {
            reader.transmit(&initialize, &mut answer).unwrap();
        }
        assert_eq!(answer[10..answer.len() - 2] == answered[10..], let_in);
        reader.transmit(&bytes(line.next().unwrap()), &mut answer).unwrap();
        assert_eq!(answer == [0x90, 0x00], let_in, "{answer:02X?}");
    }
}
