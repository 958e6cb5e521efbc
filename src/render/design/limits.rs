//! What a face may not hold, since drawing it could take minutes or gigabytes: filters and their like, absurd numbers,
//! deep repetition. The deadline in `render/faces.rs` is the net below this.

use std::collections::BTreeMap;

use roxmltree::{Document, Node};

use super::reading::{Reader, SVG, XLINK};

/// Effects that are computed pixel by pixel, over and over, and that no card's static art needs.
const BANNED: [&str; 4] = ["filter", "mask", "pattern", "foreignObject"];
/// A card is 85.6 mm wide; drawn in thousandths of a millimetre its numbers are below this.
const MAX_NUMBER: f64 = 100_000.0;
/// A size of letters beyond this is larger than any card, whatever its units.
const MAX_FONT_SIZE: f64 = 20_000.0;
/// Elements with all their copies (`use`); copies of copies multiply.
const MAX_DRAWN: u64 = 50_000;
/// Copies of copies of copies: deeper than any drawing, and the end of one that copies itself.
const MAX_DEPTH: usize = 40;
/// Attributes that hold no measure.
const NO_MEASURE: [&str; 6] = ["id", "class", "href", "font-family", "lang", "version"];

/// Looks at every element, drawn or not: what is not drawn can be referred to.
pub(super) fn check<'a>(reader: &mut Reader, document: &'a Document<'a>) {
    for node in document.descendants().filter(|node| node.is_element()) {
        if node.tag_name().namespace() != Some(SVG) {
            continue;
        }
        let name = node.tag_name().name();
        if BANNED.contains(&name) {
            reader.fault(
                node,
                format!("Elemen {name} tidak boleh ada di muka kartu. Hapus (Filters > Remove Filters, lalu File > Clean Up Document)."),
                format!("A face cannot have the element {name}. Remove it (Filters > Remove Filters, then File > Clean Up Document)."),
            );
        }
        check_measures(reader, node);
        if name == "style" && has_filter(node.text().unwrap_or_default()) {
            filtered(reader, node);
        }
    }
    let by_id: BTreeMap<&str, Node> =
        document.descendants().filter_map(|node| Some((node.attribute("id")?, node))).collect();
    let root = document.root_element();
    if drawn(root, &by_id, &mut BTreeMap::new(), 0) > MAX_DRAWN {
        reader.fault(
            root,
            "Terlalu banyak elemen bersama salinannya (use). Ubah salinan menjadi gambar biasa (Edit > Clone > Unlink Clone) dan sederhanakan.",
            "Too many elements with their copies (use). Make copies plain objects (Edit > Clone > Unlink Clone) and simplify.",
        );
    }
}

/// How many elements are drawn for this one, its copies of others included.
fn drawn<'a>(
    node: Node<'a, 'a>,
    by_id: &BTreeMap<&str, Node<'a, 'a>>,
    known: &mut BTreeMap<u32, u64>,
    depth: usize,
) -> u64 {
    if let Some(count) = known.get(&node.id().get()) {
        return *count;
    }
    if depth > MAX_DEPTH {
        return u64::MAX;
    }
    let mut count = 1_u64;
    for child in node.children().filter(Node::is_element) {
        count = count.saturating_add(drawn(child, by_id, known, depth + 1));
    }
    if node.tag_name().name() == "use" {
        let href = node.attribute((XLINK, "href")).or_else(|| node.attribute("href"));
        let target = href.and_then(|to| by_id.get(to.trim().strip_prefix('#')?));
        if let Some(target) = target {
            count = count.saturating_add(drawn(*target, by_id, known, depth + 1));
        }
    }
    known.insert(node.id().get(), count);
    count
}

fn check_measures(reader: &mut Reader, node: Node) {
    let own = |space: Option<&str>| space.is_none_or(|space| space == SVG);
    for attribute in node.attributes().filter(|attribute| own(attribute.namespace())) {
        let (name, value) = (attribute.name(), attribute.value());
        if name == "filter" && value.trim() != "none" || name == "style" && has_filter(value) {
            filtered(reader, node);
        }
        let text = attribute.namespace() == Some(XLINK) || NO_MEASURE.contains(&name);
        if text || name.starts_with("data-") || name.starts_with("aria-") {
            continue;
        }
        let most = if name == "font-size" { MAX_FONT_SIZE } else { MAX_NUMBER };
        let large = numbers(value).any(|number| number > most);
        if large || name == "style" && font_sizes(value).any(|size| size > MAX_FONT_SIZE) {
            reader.fault(
                node,
                format!("Angka di {name} terlalu besar untuk kartu (lebih dari {most}). Perkecil atau hapus elemen ini."),
                format!("A number in {name} is too large for a card (above {most}). Make it smaller or remove this element."),
            );
        }
    }
}

fn filtered(reader: &mut Reader, node: Node) {
    reader.fault(
        node,
        "Efek filter tidak boleh ada di muka kartu. Hapus (Filters > Remove Filters).",
        "A face cannot have filter effects. Remove them (Filters > Remove Filters).",
    );
}

/// Does a style set a filter?
fn has_filter(style: &str) -> bool {
    style
        .split([';', '{', '}'])
        .filter_map(|one| one.split_once(':'))
        .any(|(name, value)| name.trim() == "filter" && value.trim() != "none")
}

fn font_sizes(style: &str) -> impl Iterator<Item = f64> {
    let declared = style.split(';').filter_map(|one| one.split_once(':'));
    declared.filter(|(name, _)| name.trim() == "font-size").flat_map(|(_, value)| numbers(value))
}

/// Every number in a value; colours and names have none.
fn numbers(value: &str) -> impl Iterator<Item = f64> {
    let part_of_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | '+' | '-' | 'e' | 'E');
    value.split(move |c: char| !part_of_number(c) && c != '#' && !c.is_ascii_alphabetic()).flat_map(
        move |token| {
            let token = if token.starts_with('#') { "" } else { token };
            pieces(token)
        },
    )
}

/// The numbers of `M10.5-3e9L4`: a path's commands and units stand between them.
fn pieces(token: &str) -> Vec<f64> {
    let mut found = Vec::new();
    let mut rest = token;
    while let Some(from) = rest.find(|c: char| c.is_ascii_digit() || c == '.') {
        rest = &rest[from..];
        let plain = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let mut end = plain;
        let exponent = rest[plain..].strip_prefix(['e', 'E']);
        if let Some(behind) = exponent {
            let sign = usize::from(behind.starts_with(['+', '-']));
            let digits = behind[sign..].bytes().take_while(u8::is_ascii_digit).count();
            end += if digits > 0 { 1 + sign + digits } else { 0 };
        }
        // What has two points is several numbers, none of them large for that.
        found.extend(rest[..end].parse::<f64>().ok());
        rest = &rest[end..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_wherever_svg_lets_them_stand() {
        let of = |text| numbers(text).collect::<Vec<f64>>();
        assert_eq!(of("M10.5-3e9L4"), [10.5, 3e9, 4.0]);
        assert_eq!(of("matrix(1e5,0 0,2)"), [1e5, 0.0, 0.0, 2.0]);
        assert_eq!(of("fill:#99999999;stroke-width:12px"), [12.0]);
        assert_eq!(of("1e999"), [f64::INFINITY]);
        assert!(of("none").is_empty());
    }
}
