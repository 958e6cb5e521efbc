//! Faces as designers save them: what Inkscape does to a file, and what a file may not ask for.

use super::*;

/// One layer of a face with this inside.
fn page(inside: &str) -> String {
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"
 xmlns:kartu="urn:kartu:face:1" xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape"
 xmlns:sodipodi="http://sodipodi.sourceforge.net/DTD/sodipodi-0.dtd"
 width="85.6mm" height="53.98mm" viewBox="0 0 85.6 53.98">
{inside}
</svg>"##
    )
}

fn in_layer(layer: &str, inside: &str) -> String {
    page(&format!("<g id=\"l\" kartu:layer=\"{layer}\">\n{inside}\n</g>"))
}

fn faults(svg: &str) -> Vec<DesignFault> {
    Design::parse("wajah.svg", svg, &known()).err().unwrap_or_default()
}

const FONT: &str = "font-family:'Roboto Condensed';font-weight:bold;font-size:2.2931px";

#[test]
fn a_face_saved_by_inkscape_prints_the_same_card() {
    let drawn = in_layer(
        "resin",
        &format!(
            r##"<text id="label" x="4" y="16.2" style="{FONT}">Nama</text>
<text id="nama" x="24" y="20" style="{FONT}" kartu:max-width="38" kartu:lines="2" kartu:pitch="2.75">{{nama}}</text>
<rect id="qr" x="4" y="25" width="18" height="18" kartu:slot="qr" kartu:value="{{tte}}" kartu:when="tte"/>"##
        ),
    );
    let saved = page(
        r##"<!-- Created with Inkscape (http://www.inkscape.org/) -->
<sodipodi:namedview id="namedview1" pagecolor="#ffffff" inkscape:zoom="2.1"><inkscape:grid id="grid1"/></sodipodi:namedview>
<defs id="defs1"><linearGradient id="lg1"><stop offset="0" style="stop-color:#000"/></linearGradient></defs>
<g inkscape:groupmode="layer" id="layer3" inkscape:label="resin" kartu:layer="resin" transform="translate(10,-5)">
 <g id="g9" transform="scale(0.5)">
  <text xml:space="preserve" style="font-size:4.5862px;line-height:1.25;font-family:'Roboto Condensed';-inkscape-font-specification:'Roboto Condensed, Bold';font-weight:bold;letter-spacing:0px;fill:#000000;fill-opacity:1;stroke:none" x="-12" y="42.4" id="label"><tspan sodipodi:role="line" id="tspan1" x="-12" y="42.4" style="stroke-width:0.26">Nama</tspan></text>
  <text xml:space="preserve" transform="matrix(2,0,0,2,8,10)" style="font-style:normal;font-weight:bold;font-size:2.2931px;font-family:'Roboto Condensed'" x="10" y="20" id="nama" kartu:max-width="38" kartu:lines="2" kartu:pitch="2.75" kartu:floor="5"><tspan sodipodi:role="line" id="tspan2" x="10" y="20">{nama}</tspan></text>
 </g>
 <rect style="opacity:0.5;fill:#ff0000" id="qr" x="-6" y="30" width="18" height="18" kartu:slot="qr" kartu:value="{tte}" kartu:when="tte" inkscape:unknown="7"/>
</g>"##,
    );
    let drawn = Design::parse("a.svg", &drawn, &known()).unwrap();
    let saved = Design::parse("b.svg", &saved, &known()).unwrap();
    let values = child("S4");
    let (a, b) = (
        composed(&sheet(&drawn, &values, None), HEAD),
        composed(&sheet(&saved, &values, None), HEAD),
    );
    assert!(a == b);
    assert!(a.front.resin.iter().any(|byte| *byte != 0));
}

#[test]
fn a_layer_hidden_in_inkscape_is_not_printed() {
    let text = format!(r#"<text x="4" y="20" style="{FONT}" kartu:max-width="60">{{nama}}</text>"#);
    let hidden = page(&format!(r#"<g kartu:layer="resin" style="display:none">{text}</g>"#));
    let design = Design::parse("a.svg", &hidden, &known()).unwrap();
    let values = child("S2");
    assert!(
        composed(&sheet(&design, &values, None), HEAD).front.resin.iter().all(|byte| *byte == 0)
    );
}

#[test]
fn every_fault_is_told_at_once_with_its_line_and_id() {
    let svg = page(&format!(
        r##"<g id="l" kartu:layer="resin">
<text id="miring" x="4" y="9" transform="rotate(10)" style="{FONT}" kartu:max-width="9">{{nama}}</text>
<text id="huruf" x="4" y="9" style="font-family:Comic;font-size:2px" kartu:max-width="9">{{nama}}</text>
<text id="ejaan" x="4" y="9" style="{FONT}" kartu:max-width="9">{{namaa}}</text>
<rect id="slot" x="1" y="1" width="9" height="9" kartu:slot="barkode"/>
</g>
<g id="emas" kartu:layer="gold"/>
<rect id="luar" x="1" y="1" width="2" height="2"/>"##
    ));
    let faults = faults(&svg);
    let told: Vec<(u32, &str)> = faults.iter().map(|f| (f.line - 5, f.id.as_str())).collect();
    let want = [(1, "miring"), (2, "huruf"), (3, "ejaan"), (4, "slot"), (6, "emas"), (7, "luar")];
    assert_eq!(told, want, "{faults:#?}");
    assert!(faults[2].words.en.contains("Did you mean \"nama\"?"), "{:?}", faults[2].words);
    assert!(faults.iter().all(|fault| fault.file == "wajah.svg"));
}

#[test]
fn what_cannot_be_honoured_is_a_fault() {
    let text = |more: &str, inside: &str| {
        in_layer(
            "resin",
            &format!(r#"<text id="t" x="4" y="9" style="{FONT}" {more}>{inside}</text>"#),
        )
    };
    let bad = [
        text("", "{nama}"),
        text(r#"kartu:max-width="nol""#, "{nama}"),
        text(r#"kartu:max-width="9" kartu:maxlines="2""#, "{nama}"),
        text(r#"kartu:max-width="9""#, "{nama"),
        text(r#"kartu:max-width="9" dx="1 2""#, "{nama}"),
        text(r#"kartu:max-width="9" rotate="3""#, "{nama}"),
        text(r#"kartu:max-width="9" opacity="0.5""#, "{nama}"),
        text(r#"kartu:max-width="9" letter-spacing="1px""#, "{nama}"),
        text(r#"kartu:max-width="9" transform="scale(1,2)""#, "{nama}"),
        text(r#"kartu:max-width="9" kartu:when="tidak_ada""#, "{nama}"),
        text(r#"kartu:max-width="9""#, r#"<tspan y="1">{nama}</tspan><tspan y="3">{nik}</tspan>"#),
        text("font-style=\"italic\"", "Nama"),
        in_layer(
            "background",
            &format!(r#"<text x="1" y="2" style="{FONT}" kartu:max-width="9">{{nama}}</text>"#),
        ),
        in_layer("resin", r#"<rect x="1" y="1" width="9" height="9" kartu:slot="photo"/>"#),
        in_layer(
            "colour",
            r#"<rect x="1" y="1" width="9" height="9" kartu:slot="qr" kartu:value="{tte}"/>"#,
        ),
        in_layer("resin", r#"<rect x="1" y="1" width="9" height="9" kartu:slot="qr"/>"#),
        in_layer("resin", r#"<circle r="9" kartu:slot="signature"/>"#),
        in_layer("colour", r#"<image href="/etc/hostname" width="9" height="9"/>"#),
        in_layer(
            "colour",
            r#"<image xlink:href="https://example.id/x.png" width="9" height="9"/>"#,
        ),
        in_layer("colour", r#"<g kartu:layer="resin"/>"#),
        page("").replace("85.6mm", "210mm"),
        "<svg".to_owned(),
    ];
    for svg in bad {
        assert_eq!(faults(&svg).len(), 1, "{svg}\n{:#?}", faults(&svg));
    }
}

#[test]
fn a_picture_inside_the_file_is_drawn() {
    let dot = image::RgbImage::from_pixel(2, 2, image::Rgb([0, 128, 0]));
    let mut png = std::io::Cursor::new(Vec::new());
    dot.write_to(&mut png, image::ImageFormat::Png).unwrap();
    use base64::Engine;
    let data = base64::engine::general_purpose::STANDARD.encode(png.into_inner());
    let inside = format!(
        r#"<image href="data:image/png;base64,{data}" x="10" y="10" width="9" height="9"/>"#
    );
    let design = Design::parse("a.svg", &in_layer("colour", &inside), &known()).unwrap();
    let values = BTreeMap::new();
    let face = composed(&sheet(&design, &values, None), HEAD).front;
    assert!(face.rgb.chunks_exact(3).any(|pixel| pixel == [0, 128, 0]));
}

/// A dot as a picture inside a face, in this format, with these attributes.
fn picture_of_a_dot(format: image::ImageFormat, mime: &str, attributes: &str) -> String {
    use base64::Engine;
    let dot = image::RgbImage::from_pixel(16, 16, image::Rgb([0, 128, 0]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    dot.write_to(&mut bytes, format).unwrap();
    let data = base64::engine::general_purpose::STANDARD.encode(bytes.into_inner());
    format!(
        r#"<image href="data:{mime};base64,{data}" x="10" y="10" width="9" height="9" {attributes}/>"#
    )
}

#[test]
fn a_picture_stands_where_it_is_put_and_covers_what_is_below_it() {
    for (format, mime) in
        [(image::ImageFormat::Png, "image/png"), (image::ImageFormat::Jpeg, "image/jpeg")]
    {
        let picture = picture_of_a_dot(format, mime, "");
        let red = r##"<rect x="8" y="8" width="13" height="13" fill="#ff0000"/>"##;
        let blue = r##"<rect x="14" y="14" width="9" height="9" fill="#0000ff"/>"##;
        let svg = in_layer(
            "colour",
            &format!("<g transform=\"translate(2 1)\">{red}{picture}{blue}</g>"),
        );
        let design = Design::parse("a.svg", &svg, &known()).unwrap();
        let face = composed(&sheet(&design, &BTreeMap::new(), None), HEAD).front;
        let at = |x_mm: f32, y_mm: f32| {
            let (x, y) = ((x_mm * 300.0 / 25.4) as usize, (y_mm * 300.0 / 25.4) as usize);
            let at = (y * face.width_px as usize + x) * 3;
            [face.rgb[at], face.rgb[at + 1], face.rgb[at + 2]]
        };
        let is = |seen: [u8; 3], wanted: [u8; 3]| {
            seen.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) <= 3)
        };
        assert!(is(at(11.0, 10.0), [255, 0, 0]), "below and around it: {:?}", at(11.0, 10.0));
        assert!(is(at(14.0, 13.0), [0, 128, 0]), "{mime}: {:?}", at(14.0, 13.0));
        assert!(is(at(19.0, 18.0), [0, 0, 255]), "above it: {:?}", at(19.0, 18.0));
        assert!(is(at(30.0, 30.0), [255, 255, 255]), "nothing there: {:?}", at(30.0, 30.0));
    }
}

#[test]
fn a_picture_that_cannot_be_drawn_is_refused_with_its_face() {
    let png = |attributes| picture_of_a_dot(image::ImageFormat::Png, "image/png", attributes);
    let gif = r#"<image href="data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7" width="9" height="9"/>"#;
    let cut = r#"<image href="data:image/png;base64,iVBORw0KGgo=" width="9" height="9"/>"#;
    for (picture, sentence) in [
        (gif.to_owned(), "must be PNG or JPEG"),
        (png("opacity=\"0.5\""), "no opacity, clip, mask or filter"),
        (cut.to_owned(), "broken or has more than 4096 pixels"),
    ] {
        let faults = Design::parse("a.svg", &in_layer("colour", &picture), &known()).unwrap_err();
        assert!(faults[0].words.en.contains(sentence), "{sentence}: {faults:?}");
    }
}

#[test]
fn static_art_under_a_condition_comes_and_goes() {
    let svg =
        in_layer("resin", r#"<g kartu:when="tte"><rect x="10" y="10" width="5" height="5"/></g>"#);
    let design = Design::parse("a.svg", &svg, &known()).unwrap();
    assert_eq!(design.value_names(), ["tte"].into());
    let mut composer = Composer::new();
    for (value, drawn) in [("ada", true), ("", false), ("ada", true), (" ", false)] {
        let values = BTreeMap::from([("tte".to_owned(), value.to_owned())]);
        let mut card = blank();
        composer.compose(&sheet(&design, &values, None), HEAD, &mut card).unwrap();
        assert_eq!(card.front.resin.iter().any(|byte| *byte != 0), drawn, "{value:?}");
    }
}

#[test]
fn our_own_faces_ask_for_what_they_should() {
    assert!(design("kia2-front-b").has_photo_slot() && design("staf-front").has_photo_slot());
    assert!(!design("kia2-front-a").has_photo_slot() && !design("kia1-front-a").has_photo_slot());
    assert!(design("kia2-back").value_names().contains("tte"));
    assert!(!design("kia1-front-b").value_names().contains("tte"), "too small for a code");
}
