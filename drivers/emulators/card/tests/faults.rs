//! Faults of a card, as the program that writes it meets them.

use serde_json::json;

use super::*;

const CARD: &str =
    "kind = 'file'\n[[content]]\nfid = '3F00'\nfiles = [{ fid = '0101', size_bytes = 8 }]";

fn open() -> Bench {
    let mut bench = Bench::new(CARD);
    assert_eq!(bench.status(&Command::new(0, 0xA4, 2, 0x0C).with([1, 1])), 0x9000);
    bench
}

#[test]
fn a_card_pulled_out_while_it_is_written_holds_what_it_had_heard() {
    for (done, holds) in [(false, 0), (true, 7)] {
        let mut bench = open();
        bench.change(&json!({"faults": {"torn_out_after": 1, "torn_out_done": done}}));
        assert_eq!(bench.status(&update(0, &[7])), 0x9000);
        assert_eq!(bench.try_send(&update(1, &[7])), Err(EncoderError::CardLost));
        let gone = bench.reader.power_on(Duration::from_secs(3));
        assert_eq!(gone, Err(EncoderError::NoCard { waited: Duration::from_secs(3) }));
        assert_eq!(bench.reader.clock().elapsed(), Duration::from_secs(3));
        bench.change(&json!({"faults": {"torn_out_after": null}}));
        bench.again();
        bench.send(&Command::new(0, 0xA4, 2, 0x0C).with([1, 1]));
        assert_eq!(bench.send(&read(0, 3)).data, [7, holds, 0]);
    }
}

#[test]
fn a_mute_card_costs_the_readers_patience_and_a_slow_one_its_own_time() {
    let mut bench = open();
    bench.change(&json!({"faults": {"slow_ms": 700, "mute_after": 1}}));
    assert_eq!(bench.status(&read(0, 1)), 0x9000);
    assert_eq!(bench.reader.clock().elapsed(), Duration::from_millis(700));
    assert_eq!(bench.try_send(&read(0, 1)), Err(EncoderError::CardLost));
    assert_eq!(bench.reader.clock().elapsed(), Duration::from_millis(5700));
    bench.change(&json!({"faults": {"slow_ms": 6000, "mute_after": null}}));
    assert_eq!(bench.try_send(&read(0, 1)), Err(EncoderError::CardLost));
}

#[test]
fn a_wrong_status_a_changed_answer_and_a_changed_content() {
    let mut bench = open();
    let wrong = json!({"wrong_status": {"command": 1, "status": "6581"}, "bit_flip": {"answer": 2, "bit": 8}});
    bench.change(&json!({ "faults": wrong }));
    assert_eq!(bench.status(&update(0, &[7, 7])), 0x6581);
    assert_eq!(bench.send(&read(0, 3)).data, [0, 1, 0]);
    assert_eq!(bench.send(&read(0, 3)).data, [0, 0, 0]);
    bench.change(&json!({"flip_stored": {"directory": "3F00", "file": "0101", "bit": 16}}));
    assert_eq!(bench.send(&read(0, 3)).data, [0, 0, 1]);
}

#[test]
fn a_change_that_is_not_known_changes_nothing() {
    for card in [CARD, "kind = 'ntag213'"] {
        let bench = Bench::new(card);
        let before = bench.card.lock().state();
        for wrong in [
            json!([]),
            json!({"colour": 1}),
            json!({"faults": {"slow_ms": 7}, "content": 1}),
            json!({"faults": {"slow_ms": 7}, "flip_stored": {}}),
            json!({"faults": {"slow_ms": 7}, "content": "00"}),
        ] {
            assert!(bench.card.lock().change(&wrong).is_err(), "{wrong}");
            assert_eq!(bench.card.lock().state(), before);
        }
    }
}

#[test]
fn a_card_that_was_taken_away_is_lost() {
    let mut bench = open();
    let field = Field::default();
    field.put(bench.card.clone());
    let mut reader = Direct::new(field.clone());
    reader.power_on(Duration::ZERO).unwrap();
    assert!(field.take().is_some() && field.take().is_none());
    let mut answer = vec![1];
    assert_eq!(reader.transmit(&[0, 0xB0, 0, 0, 1], &mut answer), Err(EncoderError::CardLost));
    assert!(answer.is_empty());
    assert_eq!(reader.power_off(), Ok(()));
    // Another reader that has taken the card over meanwhile finds it powered off.
    assert_eq!(bench.status(&read(0, 1)), 0x6986);
}

#[test]
fn any_bytes_leave_a_card_standing() {
    let mut bench = open();
    let mut bytes: u32 = 1;
    for length in (0..40).cycle().take(4000) {
        let command: Vec<u8> = std::iter::repeat_with(|| {
            bytes = bytes.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            bytes.to_be_bytes()[0]
        })
        .take(length)
        .collect();
        let mut answer = Vec::new();
        let header: &[u8] = if length % 2 == 0 { &[0] } else { &[] };
        let _ = bench.reader.transmit(&[header, &command].concat(), &mut answer);
    }
    assert_eq!(bench.status(&Command::new(0, 0xA4, 0, 0x0C)), 0x9000);
}
