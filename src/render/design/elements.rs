//! Placeholders and slots of a face: reads one element and says what of it cannot be honoured.

use roxmltree::Node;

use super::qr::qr_rules;
use super::reading::{Around, KARTU, Reader};
use super::style::{Style, length};
use super::{Layer, PieceKind, Placeholder, RECORD, Slot, SlotKind, Template};
use crate::render::fonts::{KNOWN_FONTS, Typeface};

/// One printer's point, millimetres.
pub(in crate::render) const MM_PER_PT: f32 = 25.4 / 72.0;
/// Points; DOMAIN section 11: 5 on a front. A face that goes lower says so.
const FLOOR_PT: f64 = 5.0;
/// Line to line, in font sizes, when the face does not say.
const PITCH: f64 = 1.2;

/// A `<text>`: a placeholder when it has braces in it, otherwise a label or static art.
pub(super) fn text(reader: &mut Reader, node: Node, around: &Around) {
    let runs = text_runs(node);
    let whole: String = runs.iter().map(|run| run.text().unwrap_or_default()).collect();
    let holder = runs.iter().find_map(Node::parent_element).unwrap_or(node);
    let style = style_within(node, holder, &around.style);
    let Some(typeface) = typeface(reader, node, &style) else { return };
    let before = reader.faults.len();
    check_placeholder(reader, node, around, &style, &runs);
    let is_plain = reader.faults.len() == before;
    if whole.contains(['{', '}']) {
        reader.cut(node, PieceKind::Dynamic);
        let max_width = widest(reader, node);
        let template = template(reader, node, &whole);
        let text = set(reader, (node, holder), around, &style, (typeface, max_width, template));
        reader.design.texts.extend(text);
        return;
    }
    // What a placeholder cannot follow, static art can: it is drawn as it stands.
    reader.faults.truncate(before);
    if is_plain && around.layer == Some(Layer::Resin) {
        reader.cut(node, PieceKind::Dynamic);
        let template = Template::fixed(&one_spaced(&whole));
        let text = set(reader, (node, holder), around, &style, (typeface, f64::MAX, template));
        reader.design.labels.extend(text);
    }
}

/// A text in millimetres of the card. `None` when a fault was found that leaves nothing to set.
fn set(
    reader: &mut Reader,
    (node, holder): (Node, Node),
    around: &Around,
    style: &Style,
    (typeface, max_width, template): (Typeface, f64, Template),
) -> Option<Placeholder> {
    let at = |name| position(node, holder, name).unwrap_or(0.0);
    let (x_mm, y_mm) = around.transform.point(at("x"), at("y"));
    let scale = around.transform.a;
    let lines = reader.number(node, "lines").unwrap_or(1.0);
    let floor_pt = reader.number(node, "floor").unwrap_or(FLOOR_PT);
    let (layer, size) = (around.layer?, style.size?);
    let pitch = reader.number(node, "pitch").unwrap_or(size * PITCH);
    Some(Placeholder {
        layer,
        typeface,
        x_mm: x_mm as f32,
        y_mm: y_mm as f32,
        size_mm: (size * scale) as f32,
        anchor: style.anchor,
        max_width_mm: (max_width * scale) as f32,
        lines: lines as usize,
        pitch_mm: (pitch * scale) as f32,
        floor_pt: floor_pt as f32,
        ink: style.fill.unwrap_or_default(),
        template,
        when: around.when.clone(),
    })
}

fn widest(reader: &mut Reader, node: Node) -> f64 {
    if !node.has_attribute((KARTU, "max-width")) {
        reader.fault(
            node,
            "Teks ini berisi nilai tetapi tanpa kartu:max-width. Beri lebar terbesarnya.",
            "This text holds a value but has no kartu:max-width. Give its widest line.",
        );
    }
    reader.number(node, "max-width").unwrap_or_default()
}

/// A `<rect kartu:slot>`.
pub(super) fn slot(reader: &mut Reader, node: Node, around: &Around) {
    reader.cut(node, PieceKind::Dynamic);
    let Some(kind) = slot_kind(reader, node) else { return };
    let number = |name| node.attribute(name).and_then(length);
    let (x, y) = (number("x").unwrap_or(0.0), number("y").unwrap_or(0.0));
    let size = number("width").zip(number("height")).filter(|(w, h)| *w > 0.0 && *h > 0.0);
    let upright = around.transform.is_upright();
    let (Some((width, height)), true, "rect") = (size, upright, node.tag_name().name()) else {
        reader.fault(
            node,
            "Slot harus berupa persegi panjang yang tegak. Gambar ulang tanpa diputar.",
            "A slot must be an upright rectangle. Draw it again without turning it.",
        );
        return;
    };
    let Some(layer) = slot_layer(reader, node, kind, around.layer) else { return };
    let value = node.attribute((KARTU, "value")).unwrap_or_default();
    let is_record = kind == SlotKind::Qr
        && reader.known.contains(RECORD)
        && value.trim().strip_prefix('{').and_then(|name| name.strip_suffix('}')) == Some(RECORD);
    let (kind, template) = match is_record {
        true => (SlotKind::Record, Template::default()),
        false => (kind, template(reader, node, value)),
    };
    let qr = qr_rules(reader, node, kind);
    if value.is_empty() && matches!(kind, SlotKind::Qr | SlotKind::Code128) {
        reader.fault(
            node,
            "Slot kode tanpa kartu:value. Tulis nilainya, misalnya {tte}.",
            "A code slot without kartu:value. Name its value, such as {tte}.",
        );
    }
    let (x_mm, y_mm) = around.transform.point(x, y);
    reader.design.slots.push(Slot {
        kind,
        layer,
        x_mm: x_mm as f32,
        y_mm: y_mm as f32,
        width_mm: (width * around.transform.a) as f32,
        height_mm: (height * around.transform.d) as f32,
        template,
        qr,
        when: around.when.clone(),
    });
}

fn slot_kind(reader: &mut Reader, node: Node) -> Option<SlotKind> {
    match node.attribute((KARTU, "slot")).unwrap_or_default() {
        "photo" => Some(SlotKind::Photo),
        "qr" => Some(SlotKind::Qr),
        "code128" => Some(SlotKind::Code128),
        "signature" => Some(SlotKind::Signature),
        other => {
            reader.fault(
                node,
                format!("Slot \"{other}\" tidak dikenal. Pilih photo, qr, code128 atau signature."),
                format!("There is no slot \"{other}\". Choose photo, qr, code128 or signature."),
            );
            None
        }
    }
}

/// A photo needs colour; a code is read by machines and needs resin.
fn slot_layer(reader: &mut Reader, node: Node, kind: SlotKind, on: Option<Layer>) -> Option<Layer> {
    let (fits, want) = match kind {
        SlotKind::Photo => (on == Some(Layer::Colour), "colour"),
        SlotKind::Qr | SlotKind::Record | SlotKind::Code128 => (on == Some(Layer::Resin), "resin"),
        SlotKind::Signature => (on != Some(Layer::Background), "resin"),
    };
    if !fits {
        reader.fault(
            node,
            format!("Slot ini di lapisan yang salah. Pindahkan ke lapisan {want}."),
            format!("This slot is on the wrong layer. Move it to the layer {want}."),
        );
    }
    on.filter(|_| fits)
}

/// The runs of letters of a text. White space between Inkscape's line spans is not among them.
fn text_runs<'a, 'i>(node: Node<'a, 'i>) -> Vec<Node<'a, 'i>> {
    let runs: Vec<_> = node.descendants().filter(Node::is_text).collect();
    let has_letters = |n: &Node| n.text().is_some_and(|t| !t.trim().is_empty());
    if runs.iter().filter(|n| has_letters(n)).count() <= 1 {
        return runs.into_iter().filter(has_letters).collect();
    }
    runs
}

/// The style at the span that holds the letters.
fn style_within(node: Node, holder: Node, around: &Style) -> Style {
    let mut spans: Vec<_> = holder.ancestors().take_while(|n| *n != node).collect();
    spans.reverse();
    spans.into_iter().fold(around.clone(), |style, span| style.of(span))
}

/// `x` or `y` from the innermost span that has one; Inkscape writes both there and on the text.
fn position(node: Node, holder: Node, name: &str) -> Option<f64> {
    let end = node.parent();
    let spans = holder.ancestors().take_while(|n| Some(*n) != end);
    spans.into_iter().find_map(|span| span.attribute(name)).and_then(length)
}

fn typeface(reader: &mut Reader, node: Node, style: &Style) -> Option<Typeface> {
    let found = Typeface::named(&style.family, style.bold).filter(|_| !style.slanted);
    if found.is_none() {
        let (family, kind) = (&style.family, if style.bold { "bold" } else { "normal" });
        let kind = if style.slanted { "italic" } else { kind };
        reader.fault(
            node,
            format!("Huruf \"{family}\" ({kind}) tidak tertanam. Pakai: {KNOWN_FONTS}."),
            format!("The font \"{family}\" ({kind}) is not embedded. Use: {KNOWN_FONTS}."),
        );
    }
    found
}

/// As SVG shows it: white space at the ends is none, inside it is one space.
fn one_spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn template(reader: &mut Reader, node: Node, text: &str) -> Template {
    let Some(template) = Template::parse(&one_spaced(text)) else {
        reader.fault(
            node,
            "Kurung kurawal tidak berpasangan atau namanya salah. Tulis seperti {nama}.",
            "A brace without its partner, or an odd name in it. Write it like {nama}.",
        );
        return Template::default();
    };
    for name in template.names().map(str::to_owned).collect::<Vec<_>>() {
        reader.check_value_name(node, &name);
    }
    template
}

/// What a text with a value in it cannot be: our own letters are set upright, plain and in one piece.
fn check_placeholder(
    reader: &mut Reader,
    node: Node,
    around: &Around,
    style: &Style,
    runs: &[Node],
) {
    let lone = |name: &str| {
        let mut spans = node.descendants().filter(Node::is_element);
        spans.all(|span| span.attribute(name).is_none_or(|v| length(v).is_some()))
    };
    let moved = node.descendants().any(|span| {
        ["dx", "dy", "rotate", "textLength"].iter().any(|name| span.has_attribute(*name))
            || span.tag_name().name() == "textPath"
    });
    if !around.transform.is_upright() || !around.transform.is_even() {
        reader.fault(
            node,
            "Teks berisi nilai tidak boleh diputar, dimiringkan atau ditarik. Luruskan.",
            "A text with a value cannot be turned, slanted or stretched. Set it straight.",
        );
    }
    if runs.len() > 1 {
        reader.fault(
            node,
            "Teks berisi nilai harus satu potong. Satukan barisnya dan pakai kartu:lines.",
            "A text with a value must be in one piece. Join its lines and use kartu:lines.",
        );
    }
    if !lone("x") || !lone("y") || moved {
        reader.fault(
            node,
            "Huruf-huruf teks ini digeser satu per satu. Hapus kerning tangan (Text > Remove Manual Kerns).",
            "The letters of this text are moved one by one. Remove manual kerns (Text > Remove Manual Kerns).",
        );
    }
    check_letters(reader, node, style);
    if around.layer == Some(Layer::Background) {
        reader.fault(
            node,
            "Lapisan background hanya untuk gambar tetap. Pindahkan teks ini ke resin atau colour.",
            "The background layer is for static art only. Move this text to resin or colour.",
        );
    }
}

/// Size, colour and effects of a placeholder's letters.
fn check_letters(reader: &mut Reader, node: Node, style: &Style) {
    if style.size.is_none_or(|size| size <= 0.0) {
        reader.fault(
            node,
            "Ukuran huruf tidak ada atau bukan px. Tulis font-size dalam px.",
            "The font size is missing or not in px. Write font-size in px.",
        );
    }
    let opaque = style.opaque && style.fill.is_some();
    if let Some(name) = style.unusable.or((!opaque).then_some("opacity/fill")) {
        reader.fault(
            node,
            format!("Teks berisi nilai tidak dapat memakai {name}. Pakai warna polos tanpa efek."),
            format!("A text with a value cannot have {name}. Use a plain colour without effects."),
        );
    }
}
