//! `product.toml` → [`Product`], except the fields, which `definition_field.rs` reads. Reports every fault at once.
//! Must not know jobs.

use std::collections::{BTreeMap, BTreeSet};

use drivers::text::Text;
use sha2::{Digest as _, Sha256};

use super::age::{Kind, ValidUntil};
use super::definition_field::{self, Names};
use super::{
    AgeRule, BackgroundRule, Code, Field, Front, HolderRule, IssueRule, Layout, Paper, PhotoRules,
    Product, RECORD, Reason, chip, codes, recommendation, record, stripe,
};
use crate::nearest::nearest;
use crate::toml_sheet::{ConfigFault, Page, Sheet};

impl Product {
    /// Compiles the text of a `product.toml`. `faces`: file name → SVG text of every face in its folder.
    ///
    /// # Errors
    /// Everything that is wrong, with line, key and a sentence: unknown keys, wrong types, names of fields, codes
    /// or faces that do not exist, and braces in a face that no value fills.
    pub fn parse(
        name: &str,
        text: &str,
        faces: BTreeMap<String, String>,
    ) -> Result<Product, Vec<ConfigFault>> {
        let product = Page::read(text, |sheet| read_product(name, sheet, faces))?;
        Ok(Product { definition_sha256: Sha256::digest(text).into(), ..product })
    }
}

fn read_product(name: &str, mut sheet: Sheet<'_>, faces: BTreeMap<String, String>) -> Product {
    let (fields, index) = definition_field::read_fields(&mut sheet);
    let names = Names { index: &index };
    let kinds = read_kinds(&mut sheet);
    let age = sheet.child("age").map(|one| read_age(one, &names));
    let mut product = Product {
        name: name.to_owned(),
        title: sheet.words("title"),
        reasons: sheet.list("reason").into_iter().map(|one| read_reason(one, &names)).collect(),
        papers: sheet.list("attachment").into_iter().map(read_paper).collect(),
        recommendation: sheet.child("recommendation").map(recommendation::read).unwrap_or_default(),
        photo: sheet.child("photo").map(read_photo),
        layouts: read_layouts(&mut sheet, &kinds),
        default_layout: sheet.demanded_text("layout"),
        issue: sheet.child("issue").map(|one| read_issue(one, &names)),
        holder: sheet.child("holder").and_then(|one| read_holder(one, &names, &fields)),
        record: sheet.child(RECORD).map(|one| record::read(one, &names, &fields, age)),
        age,
        chip_rule: sheet.child("chip").map(chip::read),
        chip: None,
        definition_sha256: [0; 32],
        stripe: None,
        fields,
        kinds,
        faces,
        index,
    };
    let stripe = sheet.child("magnetic");
    product.stripe = stripe.map(|one| stripe::read(one, &product.value_names(), &product.fields));
    check_whole(&product, &sheet);
    check_faces(&product, &sheet);
    sheet.close();
    product
}

fn read_kinds(sheet: &mut Sheet<'_>) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = Vec::new();
    for mut one in sheet.list("kind") {
        let kind = Kind {
            code: one.demanded_text("code"),
            label: one.words("label"),
            below_age: u8::try_from(one.demanded_count("below_age")).unwrap_or(u8::MAX),
            photo: one.flag("photo").unwrap_or_default(),
            valid_until: match one.demanded_text("valid_until").as_str() {
                "birthday" => ValidUntil::Birthday,
                "office_wording" => ValidUntil::OfficeWording,
                "day_before" => ValidUntil::DayBefore,
                other => {
                    let words = ["birthday", "day_before", "office_wording"];
                    definition_field::not_one_of(&one, "valid_until", other, &words);
                    ValidUntil::DayBefore
                }
            },
            short_days: one.count("short_days"),
        };
        if kinds.last().is_some_and(|before| before.below_age >= kind.below_age) {
            one.fault(
                "below_age",
                "harus lebih besar dari jenis sebelumnya.",
                "must be greater than in the kind before.",
            );
        }
        one.close();
        kinds.push(kind);
    }
    kinds
}

fn read_reason(mut sheet: Sheet<'_>, names: &Names<'_>) -> Reason {
    let (code, label) = (sheet.demanded_text("code"), sheet.words("label"));
    let requires = sheet.child("requires").and_then(|mut one| {
        let field = names.demanded(&mut one, "field");
        let code = read_code(&mut one, "code", &codes::E_REQUIRED);
        one.close();
        Some((field?, code))
    });
    sheet.close();
    Reason { code, label, requires }
}

fn read_paper(mut sheet: Sheet<'_>) -> Paper {
    let paper = Paper {
        kind: sheet.demanded_text("kind"),
        label: sheet.words("label"),
        required: sheet.flag("required").unwrap_or_default(),
    };
    sheet.close();
    paper
}

fn read_photo(mut sheet: Sheet<'_>) -> PhotoRules {
    let usual = PhotoRules::default();
    let bytes = sheet.count("max_bytes").and_then(|bytes| usize::try_from(bytes).ok());
    let rules = PhotoRules {
        max_bytes: bytes.unwrap_or(usual.max_bytes),
        max_side_px: sheet.count("max_side_px").unwrap_or(usual.max_side_px),
        min_width_px: sheet.count("min_width_px").unwrap_or(usual.min_width_px),
        min_height_px: sheet.count("min_height_px").unwrap_or(usual.min_height_px),
        good_width_px: sheet.count("good_width_px").unwrap_or(usual.good_width_px),
        good_height_px: sheet.count("good_height_px").unwrap_or(usual.good_height_px),
        ratio_min: sheet.decimal("ratio_min").unwrap_or(usual.ratio_min),
        ratio_max: sheet.decimal("ratio_max").unwrap_or(usual.ratio_max),
        colour: sheet.flag("colour").unwrap_or(usual.colour),
        background: match sheet.text("background").as_deref() {
            None | Some("any") => BackgroundRule::Any,
            Some("birth_year_parity") => BackgroundRule::BirthYearParity,
            Some(other) => {
                definition_field::not_one_of(
                    &sheet,
                    "background",
                    other,
                    &["any", "birth_year_parity"],
                );
                BackgroundRule::Any
            }
        },
    };
    sheet.close();
    rules
}

fn read_layouts(sheet: &mut Sheet<'_>, kinds: &[Kind]) -> BTreeMap<String, Layout> {
    let mut layouts = BTreeMap::new();
    for (name, mut one) in sheet.children("layouts") {
        let front = if kinds.is_empty() {
            Front::One(one.demanded_text("front"))
        } else {
            let by_kind = one.named_texts("front").unwrap_or_default();
            if !by_kind.keys().eq(kinds.iter().map(|kind| &kind.code).collect::<BTreeSet<_>>()) {
                one.fault(
                    "front",
                    "harus satu berkas untuk tiap jenis.",
                    "must name one file for each kind.",
                );
            }
            Front::ByKind(by_kind)
        };
        let layout =
            Layout { front, back: one.text("back"), tte: one.flag("tte").unwrap_or_default() };
        one.close();
        layouts.insert(name, layout);
    }
    layouts
}

fn read_issue(mut sheet: Sheet<'_>, names: &Names<'_>) -> IssueRule {
    let field = names.demanded(&mut sheet, "field").unwrap_or_default();
    let rule = IssueRule { field, age_max_days: sheet.demanded_count("age_max_days") };
    sheet.close();
    rule
}

fn read_holder(mut sheet: Sheet<'_>, names: &Names<'_>, fields: &[Field]) -> Option<HolderRule> {
    let place = names.demanded(&mut sheet, "field");
    let same_days = sheet.count("same_holder_days").unwrap_or_default();
    let field = place.and_then(|place| fields.get(place));
    if field.is_some_and(|field| !field.required) {
        sheet.fault(
            "field",
            "harus kolom yang wajib diisi: tanpa isinya pemegang kartu tidak dikenali.",
            "must be a required field: without it nobody's card is recognised.",
        );
    }
    sheet.close();
    Some(HolderRule { field: field?.name.clone(), same_days })
}

fn read_age(mut sheet: Sheet<'_>, names: &Names<'_>) -> AgeRule {
    let rule = AgeRule {
        born: names.demanded(&mut sheet, "born").unwrap_or_default(),
        too_old: read_code(&mut sheet, "too_old", &codes::E_AGE),
        not_beyond: names.optional(&mut sheet, "not_beyond"),
    };
    sheet.close();
    rule
}

/// A code of `codes::TABLE` by name; `usual` if the key is absent.
pub(super) fn read_code(
    sheet: &mut Sheet<'_>,
    key: &'static str,
    usual: &'static Code,
) -> &'static Code {
    let Some(name) = sheet.text(key) else { return usual };
    codes::find(&name).unwrap_or_else(|| {
        let known: Vec<&str> = codes::TABLE.iter().map(|code| code.code).collect();
        definition_field::not_one_of(sheet, key, &name, &known);
        usual
    })
}

/// Checks that need all parts.
fn check_whole(product: &Product, sheet: &Sheet<'_>) {
    if product.reasons.is_empty() {
        sheet.fault(
            "reason",
            "sedikitnya satu [[reason]] harus ada.",
            "there must be at least one [[reason]].",
        );
    }
    if !product.kinds.is_empty() && (product.age.is_none() || product.issue.is_none()) {
        sheet.fault(
            "kind",
            "[[kind]] memerlukan [age] dan [issue].",
            "[[kind]] needs [age] and [issue].",
        );
    }
    if product.kinds.iter().any(|kind| kind.photo) && product.photo.is_none() {
        sheet.fault(
            "kind",
            "jenis dengan foto memerlukan [photo].",
            "a kind with a photo needs [photo].",
        );
    }
    let by_birth = product
        .photo
        .as_ref()
        .is_some_and(|photo| photo.background == BackgroundRule::BirthYearParity);
    if by_birth && product.age.is_none() {
        sheet.fault(
            "photo",
            "birth_year_parity memerlukan [age].",
            "birth_year_parity needs [age].",
        );
    }
    if product.record.is_some() && product.field(RECORD).is_some() {
        sheet.fault(
            RECORD,
            "nama ini dipakai rekaman; beri kolomnya nama lain.",
            "this name is the record's; give the field another.",
        );
    }
    if !product.layouts.contains_key(&product.default_layout) {
        let known: Vec<&str> = product.layouts.keys().map(String::as_str).collect();
        definition_field::not_one_of(sheet, "layout", &product.default_layout, &known);
    }
}

/// Every face that a layout names must exist, and use only existing values.
fn check_faces(product: &Product, sheet: &Sheet<'_>) {
    let mut named = BTreeSet::new();
    for layout in product.layouts.values() {
        match &layout.front {
            Front::One(file) => drop(named.insert(file)),
            Front::ByKind(files) => named.extend(files.values()),
        }
        named.extend(&layout.back);
    }
    let known = product.value_names();
    let record = product.record.as_ref().map(|rules| rules.open);
    for file in named {
        let Some(svg) = product.faces.get(file) else {
            sheet.fault(
                "layouts",
                format!("berkas muka {file} tidak ada."),
                format!("there is no face {file}."),
            );
            continue;
        };
        if record == Some(false) && braces(svg).any(|brace| brace == RECORD) {
            sheet.fault(
                RECORD,
                format!(
                    "muka {file} memperlihatkan rekaman yang hanya untuk carrier = \"closed\"."
                ),
                format!("face {file} shows the record, which is for closed carriers only."),
            );
        }
        let is_known =
            |brace: &&str| known.contains(brace) || (record.is_some() && *brace == RECORD);
        for brace in braces(svg).filter(|brace| !is_known(brace)) {
            let near = nearest(brace, known.iter().copied()).unwrap_or("-");
            sheet.fault(
                "layouts",
                format!("muka {file} meminta {{{brace}}} yang tidak ada; yang paling mirip: {{{near}}}."),
                format!("face {file} asks for {{{brace}}}, which does not exist; the nearest is {{{near}}}."),
            );
        }
    }
}

/// The names in braces of an SVG text; braces with any other content (style sheets) are not placeholders.
fn braces(svg: &str) -> impl Iterator<Item = &str> {
    let inside = svg.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0));
    inside.filter(|name| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    })
}

/// The words of a list, for a sentence; the same in both languages.
pub(super) fn listed<'a>(values: impl IntoIterator<Item = &'a str>) -> Text {
    let joined = values.into_iter().collect::<Vec<_>>().join(", ");
    Text::new(joined.clone(), joined)
}
