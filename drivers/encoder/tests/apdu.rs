//! Commands and responses byte for byte, and arbitrary bytes.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn bytes(command: &Command, form: Form) -> Vec<u8> {
    command.encode(form).unwrap().to_vec()
}

#[test]
fn every_case_of_the_standard_has_its_bytes() {
    let bare = Command::new(0x00, 0xA4, 0x04, 0x0C);
    let read = Command::new(0x00, 0xB0, 0x01, 0x02);
    let short: [(Command, &[u8]); 5] = [
        (bare.clone(), &[0x00, 0xA4, 0x04, 0x0C]),
        (read.clone().expecting(5), &[0x00, 0xB0, 0x01, 0x02, 5]),
        (read.clone().expecting(256), &[0x00, 0xB0, 0x01, 0x02, 0]),
        (bare.clone().with([7, 8]), &[0x00, 0xA4, 0x04, 0x0C, 2, 7, 8]),
        (bare.clone().with([7, 8]).expecting(256), &[0x00, 0xA4, 0x04, 0x0C, 2, 7, 8, 0]),
    ];
    let extended: [(Command, &[u8]); 5] = [
        (bare.clone(), &[0x00, 0xA4, 0x04, 0x0C]),
        (read.clone().expecting(600), &[0x00, 0xB0, 0x01, 0x02, 0, 2, 88]),
        (read.expecting(65_536), &[0x00, 0xB0, 0x01, 0x02, 0, 0, 0]),
        (bare.clone().with([7, 8]), &[0x00, 0xA4, 0x04, 0x0C, 0, 0, 2, 7, 8]),
        (bare.with([7, 8]).expecting(256), &[0x00, 0xA4, 0x04, 0x0C, 0, 0, 2, 7, 8, 1, 0]),
    ];
    for (form, cases) in [(Form::Short, short), (Form::Extended, extended)] {
        for (command, expected) in cases {
            assert_eq!(bytes(&command, form), expected);
            assert_eq!(Command::parse(expected), Ok(command));
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_with_what_would() {
    let command = Command::new(0, 0xD6, 0, 0).with(vec![0; 256]);
    let error = ApduError::DataTooLong { got: 256, most: 255 };
    assert_eq!(command.encode(Form::Short), Err(error));
    assert_eq!(command.form(), Form::Extended);
    for (le, form, most) in
        [(0, Form::Short, 256), (257, Form::Short, 256), (65_537, Form::Extended, 65_536)]
    {
        let error = ApduError::Expected { got: le, most };
        assert_eq!(Command::new(0, 0xB0, 0, 0).expecting(le).encode(form), Err(error));
    }
    let wrong: [&[u8]; 7] = [
        &[],
        &[0, 0xB0, 0],
        &[0, 0xD6, 0, 0, 3, 1, 2],
        &[0, 0xD6, 0, 0, 1, 1, 2, 3],
        &[0, 0xD6, 0, 0, 0, 1],
        &[0, 0xD6, 0, 0, 0, 0, 0, 9],
        &[0, 0xD6, 0, 0, 0, 0, 1, 7, 8],
    ];
    for bytes in wrong {
        assert_eq!(Command::parse(bytes), Err(ApduError::Lengths(bytes.len())), "{bytes:02X?}");
    }
}

#[test]
fn statuses_say_what_to_do_next() {
    assert!(Status(0x9000).is_ok());
    assert!(Status(0x6282).is_warning() && Status(0x63C2).is_warning());
    assert!(!Status(0x6A82).is_warning());
    assert_eq!(Status(0x6110).waiting(), Some(16));
    assert_eq!(Status(0x6100).waiting(), Some(256));
    assert_eq!(Status(0x6C00).right_le(), Some(256));
    assert_eq!((Status(0x9000).waiting(), Status(0x6110).right_le()), (None, None));
    assert_eq!(Status(0x63C2).tries_left(), Some(2));
    assert_eq!(Status(0x6300).tries_left(), None);
    assert_eq!(Status::of(0x6A, 0x82).to_string(), "6A82");
}

#[test]
fn an_answer_under_two_bytes_is_a_lost_card() {
    assert_eq!(Reply::parse(&[]), Err(EncoderError::CardLost));
    assert_eq!(Reply::parse(&[0x90]), Err(EncoderError::CardLost));
    let reply = Reply::parse(&[1, 2, 0x90, 0]).unwrap();
    assert_eq!((reply.data.as_slice(), reply.status), (&[1, 2][..], Status::OK));
    assert_eq!(reply.into_bytes(), [1, 2, 0x90, 0]);
}

#[test]
fn neither_command_nor_answer_shows_what_it_carries() {
    let command = Command::new(0x80, 0xD8, 1, 2).with(*b"KANARI").expecting(256);
    assert_eq!(format!("{command:?}"), "80 D8 01 02 Lc=6 Le=256");
    assert_eq!(format!("{:?}", Command::new(0, 0x44, 0, 0)), "00 44 00 00");
    let reply = Reply { data: b"KANARI".to_vec(), status: Status::OK };
    assert_eq!(format!("{reply:?}"), "6 bytes, 9000");
}

proptest! {
    #[test]
    fn a_command_comes_back_as_it_went(
        header in any::<[u8; 4]>(),
        data in prop_oneof![proptest::collection::vec(any::<u8>(), 0..260), Just(vec![7; 65_535])],
        le in proptest::option::of(prop_oneof![1_usize..300, 65_500_usize..=65_536]),
        extended in any::<bool>(),
    ) {
        let [cla, ins, p1, p2] = header;
        let command = Command { cla, ins, p1, p2, data, le };
        let form = if extended { Form::Extended } else { command.form() };
        let bytes = command.encode(form).unwrap();
        prop_assert_eq!(Command::parse(&bytes), Ok(command));
    }

    #[test]
    fn any_bytes_are_a_command_or_none_and_nothing_breaks(
        bytes in proptest::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 0..40),
    ) {
        if let Ok(command) = Command::parse(&bytes) {
            prop_assert_eq!(command.encode(Form::of(&bytes)).unwrap().to_vec(), bytes);
        }
    }
}
