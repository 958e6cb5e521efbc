//! Drawn children for the demo and the tests: a plain face with shoulders before the demanded backdrop.
//! No real person; knows no job. The same seed gives the same bytes.

use jpeg_encoder::{ColorType, Encoder};
use tiny_skia::{
    Color, FillRule, GradientStop, LineCap, LinearGradient, Paint, PathBuilder, Pixmap, Point,
    RadialGradient, Shader, SpreadMode, Stroke, Transform,
};

use crate::product::Backdrop;

/// Pixels across; heights make 3:4 and 2:3.
const WIDTH_PX: u32 = 600;
/// The two shapes in which photos come.
const HEIGHTS_PX: [u32; 2] = [800, 900];
const JPEG_QUALITY: u8 = 90;

type Rgb = [u8; 3];

const SKINS: [Rgb; 5] =
    [[241, 205, 172], [226, 180, 143], [204, 153, 115], [178, 126, 90], [150, 102, 72]];
const HAIRS: [Rgb; 4] = [[28, 24, 26], [48, 34, 28], [66, 44, 32], [20, 22, 30]];
const CLOTHES: [Rgb; 6] = [
    [244, 244, 240],
    [150, 214, 190],
    [236, 190, 70],
    [214, 226, 240],
    [210, 112, 80],
    [248, 168, 178],
];

/// How the hair is worn.
#[derive(Clone, Copy)]
enum Hair {
    Short,
    Fringe,
    Long,
    Plaits,
    Veil,
}

const HAIRCUTS: [Hair; 5] = [Hair::Short, Hair::Long, Hair::Fringe, Hair::Plaits, Hair::Veil];

/// One drawn child.
struct Child {
    skin: Rgb,
    hair: Rgb,
    clothes: Rgb,
    cut: Hair,
    /// Half the face's width, pixels.
    cheek: f32,
    smile: f32,
}

/// A portrait as a JPEG of 600 x 800 or 600 x 900 pixels, quality 90, that passes every photo check without a warning.
pub fn draw_portrait(backdrop: Backdrop, seed: u32) -> Vec<u8> {
    let child = Child::from_seed(seed);
    let height = HEIGHTS_PX[seed as usize % HEIGHTS_PX.len()];
    let mut canvas = Canvas::new(height);
    canvas.wall(backdrop);
    child.draw(&mut canvas);
    canvas.into_jpeg()
}

impl Child {
    fn from_seed(seed: u32) -> Self {
        let mut dice = Dice(seed);
        Self {
            cut: HAIRCUTS[seed as usize % HAIRCUTS.len()],
            skin: dice.pick(&SKINS),
            hair: dice.pick(&HAIRS),
            clothes: dice.pick(&CLOTHES),
            cheek: 126.0 + dice.below(18) as f32,
            smile: 12.0 + dice.below(16) as f32,
        }
    }

    fn draw(&self, on: &mut Canvas) {
        let veil = matches!(self.cut, Hair::Veil);
        self.hair_behind(on);
        self.shoulders(on);
        if !veil {
            on.oval(300.0 - self.cheek - 4.0, 372.0, 20.0, 34.0, shade(self.skin, 0.90));
            on.oval(300.0 + self.cheek + 4.0, 372.0, 20.0, 34.0, shade(self.skin, 0.90));
        }
        self.head(on);
        self.eyes(on);
        self.nose_and_mouth(on);
        self.hair_before(on);
    }

    fn shoulders(&self, on: &mut Canvas) {
        let bottom = on.height + 10.0;
        // Neck, its shadow, then the shirt with a collar.
        on.shape(shade(self.skin, 0.92), |p| {
            p.move_to(246.0, 470.0);
            p.line_to(354.0, 470.0);
            p.line_to(372.0, 690.0);
            p.line_to(228.0, 690.0);
        });
        on.oval(300.0, 522.0, 53.0, 40.0, shade(self.skin, 0.80));
        on.shape(self.clothes, |p| {
            p.move_to(60.0, bottom);
            p.cubic_to(64.0, 690.0, 110.0, 628.0, 214.0, 600.0);
            p.quad_to(300.0, 726.0, 386.0, 600.0);
            p.cubic_to(490.0, 628.0, 536.0, 690.0, 540.0, bottom);
        });
        let collar = shade(self.clothes, 0.84);
        for side in [-1.0, 1.0] {
            let x = |from_middle: f32| 300.0 + side * from_middle;
            on.shape(collar, |p| {
                p.move_to(x(92.0), 588.0);
                p.line_to(x(0.0), 668.0);
                p.line_to(x(46.0), 716.0);
                p.line_to(x(112.0), 606.0);
            });
            on.line(shade(self.clothes, 0.72), 4.0, |p| {
                p.move_to(x(162.0), bottom);
                p.quad_to(x(158.0), 770.0, x(172.0), 722.0);
            });
        }
        on.line(shade(self.clothes, 0.72), 4.0, |p| {
            p.move_to(300.0, 670.0);
            p.line_to(300.0, bottom);
        });
    }

    fn head(&self, on: &mut Canvas) {
        let (cheek, skin) = (self.cheek, self.skin);
        on.shape(skin, |p| {
            p.move_to(300.0 - cheek, 330.0);
            p.cubic_to(300.0 - cheek, 160.0, 300.0 + cheek, 160.0, 300.0 + cheek, 330.0);
            p.cubic_to(300.0 + cheek, 450.0, 356.0, 530.0, 300.0, 530.0);
            p.cubic_to(244.0, 530.0, 300.0 - cheek, 450.0, 300.0 - cheek, 330.0);
        });
        let blush = [skin[0], (f32::from(skin[1]) * 0.82) as u8, (f32::from(skin[2]) * 0.80) as u8];
        for side in [-1.0, 1.0] {
            on.glow(300.0 + side * 78.0, 424.0, 36.0, blush);
        }
    }

    fn eyes(&self, on: &mut Canvas) {
        for side in [-1.0, 1.0] {
            let x = 300.0 + side * 56.0;
            on.oval(x, 362.0, 24.0, 16.0, [252, 252, 250]);
            on.oval(x, 362.0, 14.0, 15.0, [58, 38, 28]);
            on.oval(x, 362.0, 7.0, 7.5, [14, 10, 10]);
            on.oval(x + 5.0, 356.0, 3.8, 3.8, [255, 255, 255]);
            on.line([40, 28, 26], 5.0, |p| {
                p.move_to(x - 26.0, 360.0);
                p.quad_to(x, 338.0, x + 26.0, 360.0);
            });
            on.line(shade(self.hair, 1.1), 8.0, |p| {
                p.move_to(x - 30.0, 322.0 + side * 3.0);
                p.quad_to(x, 306.0, x + 30.0, 322.0 - side * 3.0);
            });
        }
    }

    fn nose_and_mouth(&self, on: &mut Canvas) {
        on.line(shade(self.skin, 0.74), 5.0, |p| {
            p.move_to(284.0, 418.0);
            p.quad_to(300.0, 432.0, 316.0, 418.0);
        });
        let (smile, lip) = (self.smile, [176, 84, 80]);
        on.shape(lip, |p| {
            p.move_to(256.0, 464.0);
            p.quad_to(300.0, 464.0 + smile * 0.5, 344.0, 464.0);
            p.quad_to(300.0, 464.0 + smile * 2.2, 256.0, 464.0);
        });
        on.line(shade(lip, 0.72), 4.0, |p| {
            p.move_to(254.0, 463.0);
            p.quad_to(300.0, 464.0 + smile * 0.6, 346.0, 463.0);
        });
    }

    fn hair_behind(&self, on: &mut Canvas) {
        match self.cut {
            Hair::Long => on.shape(shade(self.hair, 0.85), |p| {
                p.move_to(136.0, 340.0);
                p.cubic_to(120.0, 110.0, 480.0, 110.0, 464.0, 340.0);
                p.cubic_to(474.0, 470.0, 488.0, 560.0, 462.0, 640.0);
                p.line_to(138.0, 640.0);
                p.cubic_to(112.0, 560.0, 126.0, 470.0, 136.0, 340.0);
            }),
            Hair::Plaits => {
                for side in [-1.0, 1.0] {
                    for knot in 0..4_u8 {
                        let down = f32::from(knot);
                        on.oval(
                            300.0 + side * (164.0 + down * 6.0),
                            430.0 + down * 52.0,
                            30.0,
                            34.0,
                            self.hair,
                        );
                    }
                    on.oval(300.0 + side * 184.0, 606.0, 22.0, 12.0, [214, 60, 84]);
                }
            }
            Hair::Short | Hair::Fringe | Hair::Veil => {}
        }
    }

    fn hair_before(&self, on: &mut Canvas) {
        let side = self.cheek + 12.0;
        let (left, right) = (300.0 - side, 300.0 + side);
        match self.cut {
            Hair::Veil => self.veil(on),
            Hair::Fringe | Hair::Plaits => on.shape(self.hair, |p| {
                p.move_to(left, 350.0);
                p.cubic_to(left - 8.0, 110.0, right + 8.0, 110.0, right, 350.0);
                p.quad_to(right - 14.0, 304.0, right - 26.0, 288.0);
                p.quad_to(300.0, 262.0, left + 26.0, 288.0);
                p.quad_to(left + 14.0, 304.0, left, 350.0);
            }),
            Hair::Short | Hair::Long => on.shape(self.hair, |p| {
                p.move_to(left, 348.0);
                p.cubic_to(left - 14.0, 110.0, right + 14.0, 106.0, right, 348.0);
                p.cubic_to(right - 10.0, 296.0, right - 40.0, 268.0, 338.0, 246.0);
                p.cubic_to(290.0, 276.0, 220.0, 282.0, left + 30.0, 286.0);
                p.quad_to(left + 10.0, 310.0, left, 348.0);
            }),
        }
    }

    fn veil(&self, on: &mut Canvas) {
        let bottom = on.height + 10.0;
        let cloth = shade(self.clothes, 0.94);
        let cheek = self.cheek;
        on.shape_with_hole(
            cloth,
            |p| {
                p.move_to(300.0, 132.0);
                p.cubic_to(430.0, 132.0, 478.0, 240.0, 474.0, 360.0);
                p.cubic_to(472.0, 480.0, 500.0, 600.0, 530.0, bottom);
                p.line_to(70.0, bottom);
                p.cubic_to(100.0, 600.0, 128.0, 480.0, 126.0, 360.0);
                p.cubic_to(122.0, 240.0, 170.0, 132.0, 300.0, 132.0);
            },
            |p| {
                p.move_to(300.0 - cheek + 2.0, 350.0);
                p.cubic_to(300.0 - cheek + 4.0, 200.0, 296.0 + cheek, 200.0, 298.0 + cheek, 350.0);
                p.cubic_to(296.0 + cheek, 460.0, 356.0, 522.0, 300.0, 522.0);
                p.cubic_to(244.0, 522.0, 304.0 - cheek, 460.0, 302.0 - cheek, 350.0);
            },
        );
        for (from, to) in [(226.0, 180.0), (300.0, 296.0), (374.0, 420.0)] {
            on.line(shade(cloth, 0.82), 5.0, |p| {
                p.move_to(from, 560.0);
                p.quad_to((from + to) / 2.0 - 10.0, 660.0, to, bottom);
            });
        }
    }
}

/// A picture that is drawn upon. Coordinates are those of a 600 x 800 portrait; a taller one has more chest.
struct Canvas {
    pixels: Pixmap,
    height: f32,
}

impl Canvas {
    fn new(height_px: u32) -> Self {
        let pixels = Pixmap::new(WIDTH_PX, height_px).expect("a portrait has pixels");
        Self { pixels, height: height_px as f32 }
    }

    /// Lit a little from above, as a photographer's cloth is.
    fn wall(&mut self, backdrop: Backdrop) {
        let [bright, dim] = match backdrop {
            Backdrop::Red => [[214, 40, 44], [176, 22, 30]],
            Backdrop::Blue => [[42, 112, 214], [22, 78, 176]],
        };
        let stops =
            vec![GradientStop::new(0.0, colour(bright)), GradientStop::new(1.0, colour(dim))];
        let (top, bottom) = (Point::from_xy(0.0, 0.0), Point::from_xy(0.0, self.height));
        let shader =
            LinearGradient::new(top, bottom, stops, SpreadMode::Pad, Transform::identity());
        self.pixels.fill(colour(bright));
        if let (Some(shader), Some(all)) =
            (shader, tiny_skia::Rect::from_xywh(0.0, 0.0, WIDTH_PX as f32, self.height))
        {
            let paint = Paint { shader, ..Paint::default() };
            self.pixels.fill_rect(all, &paint, Transform::identity(), None);
        }
    }

    fn shape(&mut self, ink: Rgb, draw: impl FnOnce(&mut PathBuilder)) {
        let mut path = PathBuilder::new();
        draw(&mut path);
        path.close();
        if let Some(path) = path.finish() {
            let at = Transform::identity();
            self.pixels.fill_path(&path, &paint(ink), FillRule::Winding, at, None);
        }
    }

    fn shape_with_hole(
        &mut self,
        ink: Rgb,
        outer: impl FnOnce(&mut PathBuilder),
        hole: impl FnOnce(&mut PathBuilder),
    ) {
        let mut path = PathBuilder::new();
        outer(&mut path);
        path.close();
        hole(&mut path);
        path.close();
        if let Some(path) = path.finish() {
            let at = Transform::identity();
            self.pixels.fill_path(&path, &paint(ink), FillRule::EvenOdd, at, None);
        }
    }

    fn line(&mut self, ink: Rgb, width: f32, draw: impl FnOnce(&mut PathBuilder)) {
        let mut path = PathBuilder::new();
        draw(&mut path);
        if let Some(path) = path.finish() {
            let stroke = Stroke { width, line_cap: LineCap::Round, ..Stroke::default() };
            self.pixels.stroke_path(&path, &paint(ink), &stroke, Transform::identity(), None);
        }
    }

    fn oval(&mut self, x: f32, y: f32, half_width: f32, half_height: f32, ink: Rgb) {
        let bounds = tiny_skia::Rect::from_xywh(
            x - half_width,
            y - half_height,
            half_width * 2.0,
            half_height * 2.0,
        );
        if let Some(path) = bounds.and_then(PathBuilder::from_oval) {
            let at = Transform::identity();
            self.pixels.fill_path(&path, &paint(ink), FillRule::Winding, at, None);
        }
    }

    /// A soft spot that fades out.
    fn glow(&mut self, x: f32, y: f32, radius: f32, ink: Rgb) {
        let [r, g, b] = ink;
        let stops = vec![
            GradientStop::new(0.0, Color::from_rgba8(r, g, b, 190)),
            GradientStop::new(1.0, Color::from_rgba8(r, g, b, 0)),
        ];
        let middle = Point::from_xy(x, y);
        let shader = RadialGradient::new(
            middle,
            0.0,
            middle,
            radius,
            stops,
            SpreadMode::Pad,
            Transform::identity(),
        );
        if let (Some(shader), Some(path)) = (shader, PathBuilder::from_circle(x, y, radius)) {
            let paint = Paint { shader, anti_alias: true, ..Paint::default() };
            let at = Transform::identity();
            self.pixels.fill_path(&path, &paint, FillRule::Winding, at, None);
        }
    }

    fn into_jpeg(self) -> Vec<u8> {
        let rgb: Vec<u8> =
            self.pixels.data().chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
        let mut jpeg = Vec::new();
        let side = |px: u32| u16::try_from(px).expect("a portrait is smaller than a JPEG may be");
        let (width, height) = (side(self.pixels.width()), side(self.pixels.height()));
        Encoder::new(&mut jpeg, JPEG_QUALITY)
            .encode(&rgb, width, height, ColorType::Rgb)
            .expect("a portrait's buffer has its size, and memory takes every byte");
        jpeg
    }
}

fn colour([r, g, b]: Rgb) -> Color {
    Color::from_rgba8(r, g, b, 255)
}

fn paint(ink: Rgb) -> Paint<'static> {
    Paint { shader: Shader::SolidColor(colour(ink)), anti_alias: true, ..Paint::default() }
}

/// Darker below 1, lighter above.
fn shade(ink: Rgb, by: f32) -> Rgb {
    ink.map(|channel| (f32::from(channel) * by).min(255.0) as u8)
}

/// A tiny generator (Numerical Recipes' LCG): the same seed, the same child, on every machine.
struct Dice(u32);

impl Dice {
    fn below(&mut self, sides: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 16) % sides
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u32) as usize]
    }
}
