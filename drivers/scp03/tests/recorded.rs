//! Nine sessions recorded from real eUICCs, from pySim's unit tests (`test_globalplatform.py`, Harald Welte, sysmocom):
//! static keys, commands and answers, for AES-128, -192 and -256 at the levels 11, 03 and 33. One line each: name,
//! three keys, INITIALIZE UPDATE and its answer, EXTERNAL AUTHENTICATE, STORE DATA and its answer, and four more
//! commands. Answers stand without their status, which was 9000.

use super::*;

const SESSIONS: &str = include_str!("scp03-vectors.txt");

/// The plain commands, the same in every session.
const PLAIN: [&str; 5] = [
    "80e2910006bf3e035c015a",
    "80f22002",
    "80ca0066",
    "80f220020a4f0212345c054f9f70c5",
    "80f28002024f00",
];

fn bytes(hex: &str) -> Vec<u8> {
    base16ct::mixed::decode_vec(hex).unwrap()
}

struct Recorded {
    name: &'static str,
    keys: Keys,
    host: Short,
    challenge: Challenge,
    level: Level,
    authenticate: Command,
    commands: Vec<Command>,
    answer: Vec<u8>,
}

fn sessions() -> Vec<Recorded> {
    SESSIONS.lines().map(recorded).collect()
}

fn recorded(line: &'static str) -> Recorded {
    let mut parts = line.split_whitespace();
    let mut next = || parts.next().unwrap();
    let name = next();
    let mut key = || Key::new(&bytes(next())).unwrap();
    let keys = Keys { enc: key(), mac: key(), dek: key() };
    let initialize = Command::parse(&bytes(next())).unwrap();
    let challenge = Challenge::parse(&bytes(next())).unwrap();
    let authenticate = Command::parse(&bytes(next())).unwrap();
    let store = Command::parse(&bytes(next())).unwrap();
    let answer = bytes(next());
    let mut commands = vec![store];
    commands.extend(parts.map(|command| Command::parse(&bytes(command)).unwrap()));
    let host = initialize.data.as_slice().try_into().unwrap();
    let level = Level::of(authenticate.p1).unwrap();
    Recorded { name, keys, host, challenge, level, authenticate, commands, answer }
}

/// The plain command behind a recorded one; its expected length is the recorded one's.
fn plain(number: usize, recorded: &Command) -> Command {
    let mut plain = Command::parse(&bytes(PLAIN[number])).unwrap();
    plain.le = recorded.le;
    plain
}

#[test]
fn there_are_nine_sessions_at_three_levels_with_three_lengths_of_keys() {
    let all = sessions();
    assert_eq!(all.len(), 9);
    for level in [Level::MacRmac, Level::MacEnc, Level::Full] {
        for length in [16, 24, 32] {
            let fits = |one: &&Recorded| one.level == level && one.keys.enc.bytes().len() == length;
            let found: Vec<_> = all.iter().filter(fits).map(|one| one.name).collect();
            assert_eq!(found.len(), 1, "{level:?} {length}: {found:?}");
        }
    }
}

#[test]
fn the_hosts_side_says_what_the_recorded_host_said() {
    for one in sessions() {
        let (mut messages, expected) = Messages::new(&one.keys, one.host, one.challenge.challenge);
        assert_eq!(expected.card, one.challenge.cryptogram, "{}", one.name);
        let authenticate = Command::new(0x80, 0x82, one.level.byte(), 0).with(expected.host);
        assert_eq!(messages.sign(authenticate), one.authenticate, "{}", one.name);
        messages.open(one.level);
        for (number, recorded) in one.commands.iter().enumerate() {
            let wrapped = messages.wrap(&plain(number, recorded));
            assert_eq!(wrapped.data, recorded.data, "{} {number}", one.name);
            assert_eq!(&wrapped, recorded, "{} {number}", one.name);
            if number == 0 {
                let reply = Reply { data: one.answer.clone(), status: Status::OK };
                let reply = messages.unwrap_reply(reply).unwrap();
                assert_eq!(reply.data, bytes("bf3e125a1089882119900000000000000000000005"));
                let changed = Reply { status: Status(0x6282), data: one.answer.clone() };
                let believed = messages.unwrap_reply(changed).is_ok();
                assert_eq!(believed, !one.level.signs_answers(), "{}", one.name);
            }
        }
    }
}

#[test]
fn the_cards_side_understands_the_recorded_host_and_says_what_the_recorded_card_said() {
    for one in sessions() {
        let (mut messages, expected) = Messages::new(&one.keys, one.host, one.challenge.challenge);
        assert_eq!(messages.verified(&one.authenticate).unwrap().data, expected.host);
        messages.open(one.level);
        for (number, recorded) in one.commands.iter().enumerate() {
            let understood = messages.unwrap_command(recorded).unwrap();
            assert_eq!(understood, plain(number, recorded), "{} {number}", one.name);
            if number == 0 {
                let data = bytes("bf3e125a1089882119900000000000000000000005");
                let reply = messages.wrap_reply(Reply { data, status: Status::OK });
                assert_eq!(reply.data, one.answer, "{}", one.name);
            }
        }
    }
}

#[test]
fn the_recorded_cards_made_their_challenges_of_counter_and_name() {
    // ISD-R of an eUICC, SGP.02 2.2.3; the counter is at the end of the response.
    let isd_r = bytes("a0000005591010ffffffff8900000100");
    for (one, line) in sessions().iter().zip(SESSIONS.lines()) {
        let answer = bytes(line.split_whitespace().nth(5).unwrap());
        let sequence = *answer.last_chunk().unwrap();
        let challenge = card_challenge(&one.keys, sequence, &isd_r);
        assert_eq!(challenge, one.challenge.challenge, "{}", one.name);
    }
}

#[test]
fn every_changed_bit_of_a_recorded_command_is_refused() {
    for one in sessions() {
        let recorded = &one.commands[0];
        for bit in 0..recorded.data.len() * 8 {
            let (mut messages, _) = Messages::new(&one.keys, one.host, one.challenge.challenge);
            assert!(messages.verified(&one.authenticate).is_some());
            messages.open(one.level);
            let mut changed = recorded.clone();
            changed.data[bit / 8] ^= 1 << (bit % 8);
            assert!(messages.unwrap_command(&changed).is_none(), "{} {bit}", one.name);
        }
    }
}
