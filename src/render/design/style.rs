//! The little CSS and the transforms that Inkscape writes on elements. Knows no card.

use roxmltree::Node;

/// What an element inherits from those around it.
#[derive(Debug, Clone)]
pub(super) struct Style {
    pub family: String,
    pub size: Option<f64>,
    pub bold: bool,
    pub slanted: bool,
    pub anchor: Anchor,
    pub fill: Option<[u8; 3]>,
    pub hidden: bool,
    pub opaque: bool,
    /// The value of a property that a placeholder cannot follow.
    pub unusable: Option<&'static str>,
}

/// Where a text stands against its `x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::render) enum Anchor {
    /// Starts there.
    Start,
    /// Is centred there.
    Middle,
    /// Ends there.
    End,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            family: String::new(),
            size: None,
            bold: false,
            slanted: false,
            anchor: Anchor::Start,
            fill: Some([0, 0, 0]),
            hidden: false,
            opaque: true,
            unusable: None,
        }
    }
}

impl Style {
    /// This style with what the element itself says.
    pub fn of(&self, node: Node) -> Self {
        let mut style = self.clone();
        if let Some(family) = property(node, "font-family") {
            let first = family.split(',').next().unwrap_or_default();
            style.family = first.trim().trim_matches(['\'', '"']).to_owned();
        }
        if let Some(size) = property(node, "font-size") {
            style.size = length(size);
        }
        if let Some(weight) = property(node, "font-weight") {
            style.bold = weight == "bold" || weight.parse::<u32>().is_ok_and(|w| w >= 600);
        }
        if let Some(slant) = property(node, "font-style") {
            style.slanted = slant != "normal";
        }
        match property(node, "text-anchor") {
            Some("middle") => style.anchor = Anchor::Middle,
            Some("end") => style.anchor = Anchor::End,
            Some(_) => style.anchor = Anchor::Start,
            None => {}
        }
        if let Some(fill) = property(node, "fill") {
            style.fill = colour(fill);
        }
        style.see_what_is_drawn(node);
        style
    }

    fn see_what_is_drawn(&mut self, node: Node) {
        self.hidden |= property(node, "display") == Some("none")
            || property(node, "visibility") == Some("hidden");
        for name in ["opacity", "fill-opacity"] {
            let value = property(node, name).and_then(|o| o.parse::<f64>().ok());
            self.opaque &= value.is_none_or(|o| o >= 1.0);
        }
        for name in ["letter-spacing", "word-spacing", "baseline-shift"] {
            let plain = |v: &str| matches!(v, "normal" | "baseline") || length(v) == Some(0.0);
            if property(node, name).is_some_and(|v| !plain(v)) {
                self.unusable = Some(name);
            }
        }
        for name in ["clip-path", "mask", "filter"] {
            if property(node, name).is_some_and(|v| v != "none") {
                self.unusable = Some(name);
            }
        }
    }
}

/// A property as CSS has it: the `style` attribute before the attribute of the same name.
pub(super) fn property<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    let declared = node.attribute("style").and_then(|style| {
        let mut pairs = style.split(';').filter_map(|d| d.split_once(':'));
        pairs.rfind(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
    });
    declared.or_else(|| node.attribute(name).map(str::trim))
}

/// A length in user units: a bare number or `px`. Other units would be CSS pixels, not millimetres, so they are no length.
pub(super) fn length(text: &str) -> Option<f64> {
    let number = text.trim().strip_suffix("px").unwrap_or(text.trim());
    number.parse().ok().filter(|n: &f64| n.is_finite())
}

fn colour(text: &str) -> Option<[u8; 3]> {
    let digits = match text {
        "black" => "000000",
        "white" => "ffffff",
        _ => text.strip_prefix('#')?,
    };
    let value = u32::from_str_radix(digits, 16).ok()?;
    let byte = |shift: u32| (value >> shift) as u8;
    match digits.len() {
        6 => Some([byte(16), byte(8), byte(0)]),
        3 => Some([8, 4, 0].map(|shift| ((value >> shift) & 15) as u8 * 17)),
        _ => None,
    }
}

/// x' = a x + c y + e, y' = b x + d y + f.
#[derive(Debug, Clone, Copy)]
pub(super) struct Affine {
    pub a: f64,
    pub b: f64,
    pub c: f64,
    pub d: f64,
    pub e: f64,
    pub f: f64,
}

impl Affine {
    pub const fn new(a: f64, b: f64, c: f64, d: f64, e: f64, f: f64) -> Self {
        Self { a, b, c, d, e, f }
    }

    /// The `transform` attribute; `None` when it is not understood.
    pub fn parse(text: &str) -> Option<Self> {
        let mut whole = Self::new(1.0, 0.0, 0.0, 1.0, 0.0, 0.0);
        for call in text.split(')').map(|c| c.trim_matches([' ', ',', '\n', '\t', '\r'])) {
            if call.is_empty() {
                continue;
            }
            let (name, numbers) = call.split_once('(')?;
            let numbers: Result<Vec<f64>, _> = numbers
                .split(|c: char| c == ',' || c.is_whitespace())
                .filter(|n| !n.is_empty())
                .map(str::parse)
                .collect();
            whole = whole.then(Self::call(name.trim(), &numbers.ok()?)?);
        }
        Some(whole)
    }

    fn call(name: &str, n: &[f64]) -> Option<Self> {
        Some(match (name, n) {
            ("translate", [x]) => Self::new(1.0, 0.0, 0.0, 1.0, *x, 0.0),
            ("translate", [x, y]) => Self::new(1.0, 0.0, 0.0, 1.0, *x, *y),
            ("scale", [s]) => Self::new(*s, 0.0, 0.0, *s, 0.0, 0.0),
            ("scale", [x, y]) => Self::new(*x, 0.0, 0.0, *y, 0.0, 0.0),
            ("matrix", [a, b, c, d, e, f]) => Self::new(*a, *b, *c, *d, *e, *f),
            ("rotate", [turn]) => Self::turned(*turn),
            ("rotate", [turn, x, y]) => Self::new(1.0, 0.0, 0.0, 1.0, *x, *y)
                .then(Self::turned(*turn))
                .then(Self::new(1.0, 0.0, 0.0, 1.0, -x, -y)),
            ("skewX", [turn]) => Self::new(1.0, 0.0, turn.to_radians().tan(), 1.0, 0.0, 0.0),
            ("skewY", [turn]) => Self::new(1.0, turn.to_radians().tan(), 0.0, 1.0, 0.0, 0.0),
            _ => return None,
        })
    }

    fn turned(degrees: f64) -> Self {
        let (sin, cos) = degrees.to_radians().sin_cos();
        Self::new(cos, sin, -sin, cos, 0.0, 0.0)
    }

    /// `inner` first, then this one.
    pub fn then(self, inner: Self) -> Self {
        Self {
            a: self.a * inner.a + self.c * inner.b,
            b: self.b * inner.a + self.d * inner.b,
            c: self.a * inner.c + self.c * inner.d,
            d: self.b * inner.c + self.d * inner.d,
            e: self.a * inner.e + self.c * inner.f + self.e,
            f: self.b * inner.e + self.d * inner.f + self.f,
        }
    }

    pub fn point(self, x: f64, y: f64) -> (f64, f64) {
        (self.a * x + self.c * y + self.e, self.b * x + self.d * y + self.f)
    }

    /// Neither turned, slanted nor mirrored.
    pub fn is_upright(self) -> bool {
        let slack = 1e-6 * (self.a.abs() + self.d.abs());
        self.b.abs() <= slack && self.c.abs() <= slack && self.a > 0.0 && self.d > 0.0
    }

    /// As large across as down.
    pub fn is_even(self) -> bool {
        (self.a - self.d).abs() <= 1e-3 * self.a.abs()
    }
}
