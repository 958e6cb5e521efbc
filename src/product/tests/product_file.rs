//! A product file or an office profile with mistakes: all of them are reported at once, each with its line and the
//! nearest name.

use std::path::Path;

use super::{KIA, OFFICE, kia_faces};
use crate::product::folder::{FolderFault, Products};
use crate::product::{ConfigFault, Office, Product};

fn faults(text: &str) -> Vec<ConfigFault> {
    Product::parse("kia", text, kia_faces()).expect_err("it has mistakes")
}

fn line_of(text: &str, part: &str) -> usize {
    text.lines().position(|line| line.contains(part)).map_or(0, |at| at + 1)
}

#[test]
fn all_mistakes_at_once_with_line_and_nearest_name() {
    let mistakes = [
        ("max_side_px = 6000", "max_side_pixel = 6000", "max_side_px"),
        ("sex = \"jenis_kelamin\"", "sex = \"jenis_kelamim\"", "jenis_kelamin"),
        ("code = \"E_POLICE_REPORT\"", "code = \"E_POLICE_RAPORT\"", "E_POLICE_REPORT"),
        ("type = \"no_kk\"", "type = \"nokk\"", "no_kk"),
        ("pad = 3", "pad = \"3\"", "a whole number"),
        ("default = \"-\"", "default = \"?\"", "does not keep the rules"),
        ("chars = \"A-Z0-9./ -\"", "chars = \"Z-A\"", "must be a list"),
        ("valid_until = \"day_before\"", "valid_until = \"daybefore\"", "day_before"),
        ("layout = \"kia2\"", "layout = \"kja2\"", "kia2"),
    ];
    let text = mistakes.iter().fold(KIA.to_owned(), |text, (good, bad, _)| {
        assert!(text.contains(good), "{good}");
        text.replacen(good, bad, 1)
    });
    let found = faults(&text);
    for (_, bad, hint) in mistakes {
        let line = line_of(&text, bad);
        let told = found.iter().any(|fault| fault.line == line && fault.words.en.contains(hint));
        assert!(told, "{bad} on line {line}: {found:#?}");
    }
    assert_eq!(found.len(), mistakes.len(), "{found:#?}");
    assert!(found.is_sorted_by_key(|fault| fault.line));
}

#[test]
fn a_key_names_its_table() {
    let text = KIA.replacen("hold_above = 60", "hold_over = 60", 1);
    let keys: Vec<String> = faults(&text).into_iter().map(|fault| fault.key).collect();
    assert_eq!(keys, ["field[2].hold_above", "field[2].hold_over"]);
}

#[test]
fn what_is_not_toml_is_told_with_its_line() {
    let found = faults("title = { id = \"x\", en = \"x\" }\nlayout = = 3\n");
    assert!(found.iter().all(|fault| fault.line == 2) && !found.is_empty(), "{found:#?}");
}

#[test]
fn parts_that_need_each_other() {
    let text = KIA.replace("[age]\nborn", "[ages]\nborn");
    let keys: Vec<String> = faults(&text).into_iter().map(|fault| fault.key).collect();
    assert_eq!(keys, ["ages", "kind", "photo"]);
    let text = KIA.replacen("below_age = 5\n", "below_age = 18\n", 1);
    assert_eq!(faults(&text).len(), 1);
    let text = KIA.replacen(
        "front = { A = \"kia2-front-a.svg\", B",
        "front = { C = \"kia2-front-a.svg\", B",
        1,
    );
    assert_eq!(faults(&text).len(), 1);
}

#[test]
fn faces_must_be_there_and_ask_only_for_values_that_exist() {
    let mut faces = kia_faces();
    faces.remove("kia2-back.svg");
    let face = "<style>.a{fill:red}</style><text>{nama} {tgl_lahr} {provinsi} {ref_cetak}</text>";
    faces.insert("kia1-front-a.svg".to_owned(), face.to_owned());
    let found = Product::parse("kia", KIA, faces).expect_err("two faces are wrong");
    let sentences: Vec<&str> = found.iter().map(|fault| fault.words.en.as_ref()).collect();
    let expected = [
        "face kia1-front-a.svg asks for {tgl_lahr}, which does not exist; the nearest is {tgl_lahir}.",
        "there is no face kia2-back.svg.",
    ];
    assert_eq!(sentences, expected);
}

#[test]
fn an_office_profile_with_mistakes() {
    let text = OFFICE
        .replace("tanda_tangan = \"KOSONG\"", "tanda_tangan = \"GAMBAR\"")
        .replace("kabupaten = ", "kabupatem = ")
        .replace("199501 1 999", "199513 1 999");
    let keys: Vec<String> =
        Office::parse(&text).expect_err("wrong").into_iter().map(|fault| fault.key).collect();
    assert_eq!(keys, ["kabupaten", "kabupatem", "pejabat[1].gambar", "pejabat[1].nip"]);
}

#[test]
fn the_template_of_an_office_profile_can_be_read() {
    let office = Office::parse(include_str!("../../../config/office.example.toml"))
        .expect("the template is right");
    assert!(office.sample, "a template that is not filled in must not make real cards");
}

/// A value that is left as in the template would be printed on every card of the office.
#[test]
fn a_template_that_is_not_filled_in_makes_no_real_cards() {
    let template = include_str!("../../../config/office.example.toml");
    let real = template.replace("contoh = true", "");
    let keys: Vec<String> =
        Office::parse(&real).expect_err("not filled in").into_iter().map(|f| f.key).collect();
    assert_eq!(
        keys,
        ["provinsi", "kabupaten", "tempat_terbit", "kecamatan", "kecamatan", "pejabat[1].nama"]
    );
    let filled = OFFICE.replace("contoh = true", "");
    assert!(!Office::parse(&filled).expect("an office of its own").sample);
    for (key, text) in [("provinsi", "\"SUMATERA BARAT\""), ("tempat_terbit", "\"PAINAN\"")] {
        let blank = filled.replace(&format!("{key} = {text}"), &format!("{key} = \" \""));
        assert_eq!(Office::parse(&blank).expect_err(key)[0].key, key);
    }
    let kind = OFFICE.replace("kab_jenis = \"KABUPATEN\"", "kab_jenis = \"KAB\"");
    assert_eq!(Office::parse(&kind).expect_err("no kind of regency")[0].key, "kab_jenis");
}

#[test]
fn products_are_read_from_their_folders() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    put("staf/product.toml", super::STAF);
    put("staf/staf-front.svg", "<svg>{nama}</svg>");
    let chip = include_str!("../../../config/products/staf/chip.toml");
    put("staf/chip.toml", &chip.replace("select_aid", "selct_aid"));
    put("staf/staf-back.svg", "<svg>{record}</svg>");
    put("catatan.txt", "not a product");
    let faults = Products::read(folder.path()).expect_err("a profile with mistakes");
    let told = faults[0].to_string();
    assert!(told.contains("staf/chip.toml: line ") && told.contains("step[1]"), "{told}");
    put("staf/chip.toml", chip);
    let products = Products::read(folder.path()).expect("one product");
    assert!(products.find("staf").expect("there it is").chip.is_some());
    let unknown = products.find("staff").expect_err("a typing error");
    assert!(unknown.code == "E_PRODUCT" && unknown.words.en.contains("staf."), "{unknown:?}");

    put("kia/product.toml", KIA);
    let faults = Products::read(folder.path()).expect_err("kia has no faces here");
    assert!(
        faults.iter().all(|fault| matches!(fault, FolderFault::Wrong { .. })) && faults.len() == 5
    );
    assert!(Products::read(Path::new("no-such-folder")).is_err());
}
