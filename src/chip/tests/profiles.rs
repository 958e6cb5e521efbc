//! What a `chip.toml` may contain, and how faults in it are reported.

use drivers::encoder::Interface;
use proptest::prelude::*;

use super::{profile, text};
use crate::chip::{Action, Data, Profile};

const SOUND: &str = r#"
name = "staf"
version = "2"
reader = "contactless"

[[step]]
select_aid = "F04B494101"
on = { "6A82" = "create", "9000" = "write" }

[[step]]
label = "create"
apdu = "00E00000 {lc} 62 0A 82 01 01 83 02 01 01 80 02 {size:record}"
expect = ["9000", "6A89"]

[[step]]
label = "write"
update_binary = { fid = "0101", data = "record", block = 200, verify = true }

[[step]]
apdu = "80E60C00 00"
expect = ["9000", "61xx"]
irreversible = true
"#;

fn faults(text: &str) -> Vec<String> {
    Profile::parse(text).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn a_profile_is_read_and_knows_what_it_needs() {
    let staf = Profile::parse(SOUND).unwrap();
    assert_eq!((staf.name.as_str(), staf.version.as_str()), ("staf", "2"));
    assert_eq!(staf.reader, Some(Interface::Contactless));
    let names: Vec<&str> = staf.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["1 select_aid", "create", "write", "4 apdu"]);
    assert_eq!(format!("{:?}", staf.steps[0].on), "[(6A82, 1), (9000, 2)]");
    assert_eq!(staf.values().into_iter().collect::<Vec<_>>(), ["record"]);
    let Action::UpdateBinary { file, verify: true } = &staf.steps[2].action else { panic!() };
    assert_eq!((file.fid, file.block), (Some(0x0101), 200));
    let other = Profile::parse(&SOUND.replace("block = 200", "block = 100")).unwrap();
    assert_eq!(other.version, staf.version);
    assert_ne!(other.full_version(), staf.full_version(), "the text is part of the version");
}

#[test]
fn every_kind_of_step_is_read() {
    let all = profile(
        r#"
[[step]]
secure = { scp = "03", keys = "vault:kia-isd", key_version = 48, level = "cmac+cenc+rmac" }
[[step]]
verify = { key = "vault:pin", reference = 1, pad_to = 8 }
[[step]]
update_binary = { data = "field:nama", offset = 4, verify = false }
[[step]]
read_binary = { data = "field:nama", offset = 4 }
[[step]]
classic_write = { sector = 1, key = "vault:classic", key_type = "B", data = "card_number" }
[[step]]
page_write = { page = 4, data = "hex:0102" }
[[step]]
ndef = { data = "record", type = "kartu.example:record" }
[[step]]
put_key = { keys = "vault:new", key_version = 1, replaces = 48 }
irreversible = true
[[step]]
lock = true
irreversible = true
"#,
    );
    let keys: Vec<&str> = all.keys().into_iter().collect();
    assert_eq!(keys, ["classic", "kia-isd", "new", "pin"]);
    assert_eq!(all.fields().into_iter().collect::<Vec<_>>(), ["nama"]);
    let Action::PageWrite { data, .. } = &all.steps[5].action else { panic!() };
    assert_eq!(data, &Data::Literal(vec![1, 2]));
}

#[test]
fn everything_wrong_is_said_at_once_with_its_line() {
    let told = faults(
        r#"name = "x"
versoin = "1"
[[step]]
select_aid = "F04B49410"
expect = ["90"]
on = { "6A82" = "creat" }
[[step]]
label = "create"
update_binary = { fid = "101", data = "rekord", blok = 3 }
[[step]]
verify = { key = "404142434445464748494A4B4C4D4E4F" }
[[step]]
selct_aid = "F0"
"#,
    );
    for (at, sentence) in [
        "line 1: version: must be given.",
        "line 2: versoin: unknown key; the nearest is version.",
        "line 4: step[1].select_aid: must be 1-16 bytes",
        "line 5: step[1].expect: must hold status words",
        "line 9: step[2].update_binary.fid: must be 4 hexadecimal digits.",
        "line 9: step[2].update_binary.data: there is no such data; the nearest is record.",
        "line 9: step[2].update_binary.blok: unknown key; the nearest is block.",
        "line 11: step[3].verify.key: a key is only named",
        "line 12: step[4].step: a step must have exactly one of",
        "line 13: step[4].selct_aid: unknown key; the nearest is select_aid.",
    ]
    .into_iter()
    .enumerate()
    {
        assert!(told.iter().any(|fault| fault.starts_with(sentence)), "{at}: {told:#?}");
    }
    assert_eq!(told.len(), 10, "{told:#?}");
    assert!(!told.join("").contains("404142"), "a key in the wrong place is not repeated");
}

#[test]
fn a_profile_jumps_forward_only() {
    let back = "[[step]]\nlabel = \"a\"\napdu = \"00A40000\"\n[[step]]\napdu = \"00A40000\"\non = { \"6A82\" = \"a\" }\n";
    assert!(faults(&text(back))[0].contains("line 8: step[2].on: may only jump forward"));
    let own = "[[step]]\nlabel = \"a\"\napdu = \"00A40000\"\non = { \"6A82\" = \"a\" }\n";
    assert!(faults(&text(own))[0].contains("may only jump forward"));
    let nowhere = "[[step]]\nlabel = \"a\"\napdu = \"00A40000\"\non = { \"6A82\" = \"aa\" }\n";
    assert!(faults(&text(nowhere))[0].contains("the nearest is a."));
    let twice = "[[step]]\nlabel = \"a\"\napdu = \"00A40000\"\n".repeat(2);
    assert!(faults(&text(&twice))[0].contains("this label is taken already"));
}

#[test]
fn nothing_is_made_final_before_all_is_read_back() {
    let write = "[[step]]\nupdate_binary = { data = \"record\", verify = false }\n";
    let read = "[[step]]\nread_binary = { data = \"record\" }\n";
    let finish = "[[step]]\napdu = \"80E60C00 00\"\nirreversible = true\n";
    profile(&format!("{write}{read}{finish}"));
    let early = faults(&text(&format!("{write}{finish}{read}")));
    assert!(
        early[0].starts_with("line 7: step[2].irreversible: all that was written"),
        "{early:?}"
    );
    let never = faults(&text(write));
    assert!(
        never[0].starts_with("line 3: step[1].verify: what this step writes is never"),
        "{never:?}"
    );
    let raw = "[[step]]\napdu = \"00DA0101 {lc} {data:record}\"\n";
    assert!(faults(&text(raw))[0].contains("never read back"));
    profile(&format!("{raw}[[step]]\napdu = \"00CA0101 {{le}}\"\nequals = \"record\"\n"));
    for unnamed in ["00D60000 04 01020304", "04DC0104 {lc} 0102", "FFD60004 04 01020304"] {
        let told = faults(&text(&format!("[[step]]\napdu = \"{unnamed}\"\n")));
        assert!(told[0].contains("must stand as {data:hex:…}"), "{unnamed}: {told:?}");
    }
    profile(
        "[[step]]\napdu = \"00D60000 {lc} {data:hex:01020304}\"\n\
         [[step]]\napdu = \"00B00000 04\"\nequals = \"hex:01020304\"\n",
    );
    let silent = faults(&text("[[step]]\nlock = true\n"));
    assert!(silent[0].contains("say irreversible = true"), "{silent:?}");
    let bare = "[[step]]\nput_key = { keys = \"vault:n\", key_version = 1 }\nirreversible = true\n";
    assert!(faults(&text(bare))[0].contains("needs a secure step"));
}

#[test]
fn a_profile_that_does_not_fit_the_product_is_told() {
    let staf = Profile::parse(&SOUND.replace("{size:record}", "{size:field:nmaa}")).unwrap();
    let told = staf.incompatible(Interface::Contact, ["nama", "unit"]);
    let told: Vec<String> = told.iter().map(ToString::to_string).collect();
    assert!(told[0].contains("reader: is not what [chip] station"), "{told:?}");
    assert!(
        told[1].contains("field:nmaa: there is no such field; the nearest is nama."),
        "{told:?}"
    );
}

/// Pieces of real profiles in random order come nearer to valid ones than random letters do.
fn mixed() -> impl Strategy<Value = String> {
    let pieces: Vec<&'static str> = SOUND
        .split_inclusive(['\n', ' ', '"', '{', '}', '='])
        .chain([
            "lock = true\n",
            "verify = { key = ",
            "secure = { scp = \"03\" ",
            "put_key",
            "ndef",
            "page = ",
            "sector = ",
            "99999999999",
            "-1",
            "[[step]]\n",
            "hex:",
            "{lc}",
            "{le}",
            "é",
            "\u{0}",
            "'",
            "label = ",
        ])
        .collect();
    proptest::collection::vec(proptest::sample::select(pieces), 0..60).prop_map(|all| all.concat())
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(any in "\\PC*", mixed in mixed(), cut in 0..SOUND.len()) {
        let _ = Profile::parse(&any);
        let _ = Profile::parse(&mixed);
        let (head, tail) = SOUND.split_at(cut);
        for text in [head.to_owned(), format!("{head}{mixed}{tail}"), format!("{head}{any}{tail}")] {
            if let Err(faults) = Profile::parse(&text) {
                prop_assert!(!faults.is_empty());
            }
        }
    }
}
