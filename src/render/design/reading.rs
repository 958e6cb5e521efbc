//! Reads a face's SVG and finds everything in it that cannot be honoured. Knows no pixels and no product.

use std::collections::BTreeSet;

use drivers::text::Text;
use roxmltree::{Document, Node, NodeType, ParsingOptions};

use super::style::{Affine, Style, length};
use super::{Design, DesignFault, Layer, Piece, PieceKind, RECORD};
use super::{elements, limits};
use crate::render::layers::{Undrawable, is_drawable};
use crate::render::pictures::PictureFault;

/// The namespace of our attributes.
pub(super) const KARTU: &str = "urn:kartu:face:1";
pub(super) const XLINK: &str = "http://www.w3.org/1999/xlink";
pub(super) const SVG: &str = "http://www.w3.org/2000/svg";
const ATTRIBUTES: [&str; 10] = [
    "layer",
    "max-width",
    "lines",
    "pitch",
    "floor",
    "slot",
    "value",
    "level",
    "version-max",
    "when",
];
/// Elements that draw nothing where they stand.
const NOT_DRAWN: [&str; 14] = [
    "defs",
    "metadata",
    "title",
    "desc",
    "style",
    "script",
    "symbol",
    "clipPath",
    "mask",
    "marker",
    "pattern",
    "linearGradient",
    "radialGradient",
    "filter",
];
/// A drawing with more elements than this is no card.
const MAX_NODES: u32 = 50_000;
/// One bit each in a set of 64.
const MAX_CONDITIONS: usize = 64;
/// ISO/IEC 7810 ID-1, millimetres.
const CARD_MM: (f64, f64) = (85.60, 53.98);

/// One face being read.
pub(super) struct Reader<'a> {
    pub file: &'a str,
    pub known: &'a BTreeSet<String>,
    pub design: Design,
    pub faults: Vec<DesignFault>,
}

/// What the elements around say.
#[derive(Clone)]
pub(super) struct Around {
    pub transform: Affine,
    pub style: Style,
    pub layer: Option<Layer>,
    pub when: Vec<usize>,
}

/// See [`Design::parse`] and [`Design::built_in`].
pub(super) fn read(
    file: &str,
    svg: &str,
    known: &BTreeSet<String>,
    is_built_in: bool,
) -> Result<Design, Vec<DesignFault>> {
    let options = ParsingOptions { allow_dtd: true, nodes_limit: MAX_NODES, ..Default::default() };
    let document = Document::parse_with_options(svg, options).map_err(|error| {
        let words = Text::new(
            format!("Berkas SVG tidak terbaca ({error}). Simpan ulang dari Inkscape."),
            format!("The SVG file cannot be read ({error}). Save it again from Inkscape."),
        );
        vec![DesignFault { file: file.into(), line: error.pos().row, id: String::new(), words }]
    })?;
    let mut reader = Reader { file, known, design: Design::new(svg), faults: Vec::new() };
    limits::check(&mut reader, &document);
    let root = document.root_element();
    if let Some(transform) = reader.page(root) {
        let style = Style::default().of(root);
        let around = Around { transform, style, layer: None, when: Vec::new() };
        for child in root.children() {
            reader.element(child, &around);
        }
    }
    if !is_built_in
        && reader.faults.is_empty()
        && let Err(why) = is_drawable(svg)
    {
        let words = undrawable(&why);
        reader.fault(root, words.id, words.en);
    }
    if reader.faults.is_empty() { Ok(reader.design) } else { Err(reader.faults) }
}

fn undrawable(why: &Undrawable) -> Text {
    match why {
        Undrawable::Svg(error) => Text::new(
            format!("Gambar tidak dapat dirender ({error}). Simpan ulang dari Inkscape."),
            format!("The drawing cannot be rendered ({error}). Save it again from Inkscape."),
        ),
        Undrawable::Picture(PictureFault::Kind) => Text::fixed(
            "Gambar yang tertanam harus PNG atau JPEG. Ganti formatnya, lalu tanamkan lagi.",
            "An embedded picture must be PNG or JPEG. Convert it and embed it again.",
        ),
        Undrawable::Picture(PictureFault::Broken) => Text::fixed(
            "Gambar yang tertanam rusak atau lebih dari 4096 piksel. Tanamkan gambar yang utuh dan lebih kecil.",
            "An embedded picture is broken or has more than 4096 pixels on a side. Embed a whole, smaller one.",
        ),
        Undrawable::Picture(PictureFault::Inside) => Text::fixed(
            "Gambar yang tertanam tidak boleh tembus pandang, terpotong, bermasker atau berfilter. Ubah gambarnya sendiri, lalu tanamkan lagi.",
            "An embedded picture must have no opacity, clip, mask or filter on it. Change the picture itself and embed it again.",
        ),
    }
}

impl Reader<'_> {
    pub fn fault(&mut self, node: Node, id: impl Into<String>, en: impl Into<String>) {
        let line = node.document().text_pos_at(node.range().start).row;
        let name = node.attribute("id").unwrap_or_default().to_owned();
        let words = Text::new(id, en);
        self.faults.push(DesignFault { file: self.file.into(), line, id: name, words });
    }

    /// The page must be an ID-1 card; gives user units → millimetres.
    fn page(&mut self, root: Node) -> Option<Affine> {
        let mm = |name| root.attribute(name)?.strip_suffix("mm")?.trim().parse::<f64>().ok();
        let numbers = root.attribute("viewBox").unwrap_or_default();
        let numbers: Vec<f64> = numbers
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter_map(|n| n.parse().ok())
            .collect();
        let close = |is: f64, want: f64| (is - want).abs() <= 0.05;
        if let (Some(w), Some(h), [x, y, box_w, box_h]) = (mm("width"), mm("height"), &numbers[..])
            && close(w, CARD_MM.0)
            && close(h, CARD_MM.1)
            && *box_w > 0.0
            && close(box_h / box_w, h / w)
        {
            let scale = w / box_w;
            return Some(Affine::new(scale, 0.0, 0.0, scale, -x * scale, -y * scale));
        }
        self.fault(
            root,
            "Halaman harus berukuran kartu. Pasang width=\"85.6mm\" height=\"53.98mm\" viewBox=\"0 0 85.6 53.98\".",
            "The page must have a card's size. Set width=\"85.6mm\" height=\"53.98mm\" viewBox=\"0 0 85.6 53.98\".",
        );
        None
    }

    fn element(&mut self, node: Node, around: &Around) {
        let name = node.tag_name().name();
        let foreign = node.tag_name().namespace().is_some_and(|space| space != SVG);
        if node.node_type() != NodeType::Element || foreign {
            return;
        }
        self.check_references(node);
        if NOT_DRAWN.contains(&name) {
            for inner in node.descendants().skip(1).filter(Node::is_element) {
                self.check_references(inner);
            }
            return;
        }
        self.check_attributes(node);
        let style = around.style.of(node);
        if style.hidden {
            return;
        }
        let Some(around) = self.enter(node, around, style) else { return };
        if name != "g" && around.layer.is_none() {
            self.fault(
                node,
                "Elemen ini di luar lapisan. Pindahkan ke grup dengan kartu:layer.",
                "This element is outside every layer. Move it into a group with kartu:layer.",
            );
            return;
        }
        match name {
            "g" | "a" | "switch" | "svg" => {
                for child in node.children() {
                    self.element(child, &around);
                }
            }
            _ if node.has_attribute((KARTU, "slot")) => elements::slot(self, node, &around),
            "text" => elements::text(self, node, &around),
            "flowRoot" => self.fault(
                node,
                "Teks mengalir tidak dapat dicetak. Ubah menjadi teks biasa (Text > Convert to Text).",
                "Flowed text cannot be printed. Make it plain text (Text > Convert to Text).",
            ),
            _ => {}
        }
    }

    /// Transform, layer and condition of an element on top of those around it.
    fn enter(&mut self, node: Node, around: &Around, style: Style) -> Option<Around> {
        let mut inside = Around { style, ..around.clone() };
        if let Some(text) = node.attribute("transform") {
            let Some(own) = Affine::parse(text) else {
                self.fault(
                    node,
                    "Atribut transform tidak dipahami. Simpan ulang dari Inkscape.",
                    "The transform attribute is not understood. Save it again from Inkscape.",
                );
                return None;
            };
            inside.transform = around.transform.then(own);
        }
        if let Some(name) = node.attribute((KARTU, "layer")) {
            inside.layer = Some(self.layer(node, name, around)?);
        }
        if let Some(name) = node.attribute((KARTU, "when")) {
            let bit = self.condition(node, name)?;
            inside.when.push(bit);
            self.cut(node, PieceKind::When(bit));
        }
        Some(inside)
    }

    fn layer(&mut self, node: Node, name: &str, around: &Around) -> Option<Layer> {
        let layer = match name {
            "background" => Layer::Background,
            "colour" => Layer::Colour,
            "resin" => Layer::Resin,
            _ => {
                self.fault(
                    node,
                    format!(
                        "Lapisan \"{name}\" tidak dikenal. Pilih background, colour atau resin."
                    ),
                    format!("There is no layer \"{name}\". Choose background, colour or resin."),
                );
                return None;
            }
        };
        if node.tag_name().name() != "g" || around.layer.is_some() {
            self.fault(
                node,
                "Lapisan harus berupa grup dan tidak boleh di dalam lapisan lain. Pindahkan ke luar.",
                "A layer must be a group and not inside another layer. Move it out.",
            );
            return None;
        }
        self.cut(node, PieceKind::Layer(layer));
        Some(layer)
    }

    fn condition(&mut self, node: Node, name: &str) -> Option<usize> {
        self.check_value_name(node, name);
        let known = self.design.conditions.iter().position(|c| c == name);
        if known.is_none() && self.design.conditions.len() == MAX_CONDITIONS {
            self.fault(
                node,
                format!("Lebih dari {MAX_CONDITIONS} syarat kartu:when. Kurangi."),
                format!("More than {MAX_CONDITIONS} kartu:when conditions. Use fewer."),
            );
            return None;
        }
        Some(known.unwrap_or_else(|| {
            self.design.conditions.push(name.to_owned());
            self.design.conditions.len() - 1
        }))
    }

    /// Notes that a part of the file is not in every static picture.
    pub fn cut(&mut self, node: Node, what: PieceKind) {
        self.design.pieces.push(Piece { bytes: node.range(), what });
    }

    /// A name in braces or in `kartu:when` must be one that the product can fill in.
    pub fn check_value_name(&mut self, node: Node, name: &str) {
        if name == RECORD && self.known.contains(name) {
            self.fault(
                node,
                "Rekaman hanya dapat menjadi isi QR: kartu:slot=\"qr\" kartu:value=\"{record}\", tanpa teks lain.",
                "The record can only be a QR code: kartu:slot=\"qr\" kartu:value=\"{record}\", with no other text.",
            );
            return;
        }
        if !self.known.contains(name) {
            let hint = nearest(name, self.known.iter().map(String::as_str));
            self.fault(
                node,
                format!("Nilai \"{name}\" tidak dikenal produk ini.{}", hint_id(hint)),
                format!("This product has no value \"{name}\".{}", hint_en(hint)),
            );
        }
    }

    fn check_attributes(&mut self, node: Node) {
        for attribute in node.attributes().filter(|a| a.namespace() == Some(KARTU)) {
            let name = attribute.name();
            if !ATTRIBUTES.contains(&name) {
                let hint = nearest(name, ATTRIBUTES.into_iter());
                self.fault(
                    node,
                    format!("Atribut kartu:{name} tidak dikenal.{}", hint_id(hint)),
                    format!("There is no attribute kartu:{name}.{}", hint_en(hint)),
                );
            }
        }
    }

    /// A face is one file: pictures inside as data:, everything else by `#id`.
    fn check_references(&mut self, node: Node) {
        let href = node.attribute((XLINK, "href")).or_else(|| node.attribute("href"));
        let inside = |to: &str| to.starts_with('#') || to.starts_with("data:");
        if href.is_some_and(|to| !inside(to.trim())) && node.tag_name().name() != "a" {
            self.fault(
                node,
                "Rujukan ke berkas luar tidak dibaca. Tanamkan gambar ke dalam berkas (Extensions > Images > Embed).",
                "Outside files are not read. Embed the picture in the file (Extensions > Images > Embed).",
            );
        }
    }

    /// A number in one of our attributes; the default when absent, a fault when it is no positive number.
    pub fn number(&mut self, node: Node, name: &str) -> Option<f64> {
        let text = node.attribute((KARTU, name))?;
        let number = length(text).filter(|n| *n > 0.0);
        if number.is_none() {
            self.fault(
                node,
                format!("kartu:{name} harus berupa angka lebih dari nol."),
                format!("kartu:{name} must be a number above zero."),
            );
        }
        number
    }
}

fn nearest<'a>(name: &str, among: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = among.map(|other| (strsim::damerau_levenshtein(name, other), other));
    scored.filter(|(distance, _)| *distance <= 3).min().map(|(_, other)| other)
}

fn hint_id(hint: Option<&str>) -> String {
    hint.map(|near| format!(" Maksudnya \"{near}\"?")).unwrap_or(" Periksa ejaannya.".into())
}

fn hint_en(hint: Option<&str>) -> String {
    hint.map(|near| format!(" Did you mean \"{near}\"?")).unwrap_or(" Check the spelling.".into())
}
