//! Dye on a white card: how much of which dye gives which colour, and back.
//! Knows no printer, no ribbon and no image.
//!
//! **The forward model.** A dye printed alone at level L lets through, in its own channel (cyan: red,
//! magenta: green, yellow: blue), the light that sRGB value `1 - L/255` stands for; so its density is
//! `D = -log10(linear(1 - L/255))`, at most [`DENSITY_MAX`]. No dye is pure: each also absorbs a
//! share of the other channels ([`ABSORPTION`]). Densities add; the light that comes back is
//! `10^-D`. White card is white, and the darkest black that dye can give is called black
//! ([`BLACK_POINT`], black point compensation).
//!
//! **The inverse.** Densities are linear in the dyes, so inside the gamut it is one 3x3 system. A dye
//! that would have to be negative, or more than the ribbon gives, stays at its bound and the others
//! are found again for their own channels: hue bends a little, lightness is kept.
//! Done for 33^3 colours ([`DyeCube`]) and interpolated over tetrahedra between them, in integers.
//!
//! The absorptions are fitted by hand so that the one colour known from a maker's profile comes out
//! exactly (Evolis wire notes, section 5: Primacy 2, sRGB (20,60,160) -> C219 M178 Y21); their sizes are
//! those of usual sublimation dyes. A measured profile of a real ribbon would replace them.

/// The most density that one dye gives in its own channel.
const DENSITY_MAX: f64 = 2.0;

/// Rows: red, green, blue. Columns: cyan, magenta, yellow. Share of a dye's own density that it has in
/// each channel.
const ABSORPTION: [[f64; 3]; 3] = [[1.0, 0.065, 0.0], [0.083, 1.0, 0.02], [0.05, 0.244, 1.0]];

/// Linear light of the darkest colour that counts as black.
const BLACK_POINT: f64 = 0.008;

/// Nodes along each axis of the cube.
const NODES: usize = 33;

/// Nodes hold levels in sixteenths, so that interpolation has room to round.
const NODE_SCALE: f64 = 16.0;

/// A node is one number with three lanes of 21 bits (cyan lowest), so that one multiplication serves three
/// dyes: 255 x 16 x 256 has 20 bits, so no lane ever runs into the next.
const LANE_BITS: u32 = 21;
const LANE_MASK: u64 = (1 << LANE_BITS) - 1;

/// Half a level in each lane, in sixteenths of 1/256.
const ROUNDING: u64 = (1 << 11) * (1 | 1 << LANE_BITS | 1 << (2 * LANE_BITS));

/// Node distance along red, green and blue.
const RED: usize = NODES * NODES;
const GREEN: usize = NODES;
const BLUE: usize = 1;
const FAR_CORNER: usize = RED + GREEN + BLUE;

/// The path from the low to the far corner of a cell goes along its longest component first and its shortest last.
/// Indexed by the results of "red >= green, green >= blue, red >= blue": the second and the third corner. The
/// contradictory results (1 and 6) never occur.
const WAYS: [(usize, usize); 8] = [
    (BLUE, FAR_CORNER - RED),
    (0, 0),
    (GREEN, FAR_CORNER - RED),
    (GREEN, FAR_CORNER - BLUE),
    (BLUE, FAR_CORNER - GREEN),
    (RED, FAR_CORNER - GREEN),
    (0, 0),
    (RED, FAR_CORNER - BLUE),
];

/// Steps of the table from density to level; the error of linear interpolation is below 1/100 level.
const DENSITY_STEPS: usize = 4096;

/// sRGB to dye levels, tabulated.
pub struct DyeCube {
    /// C, M, Y of each node in lanes, blue fastest.
    nodes: Vec<u64>,
    /// For each 8-bit value: the node below it, and its distance from that node in 1/256.
    place: [(u16, u16); 256],
}

impl DyeCube {
    /// Computes the table, which takes a few milliseconds.
    pub fn build() -> Self {
        let level = level_table();
        let axis: Vec<f64> =
            (0..NODES).map(|i| density_wanted(i as f64 / (NODES - 1) as f64)).collect();
        let mut nodes = Vec::with_capacity(NODES * NODES * NODES);
        for &red in &axis {
            for &green in &axis {
                for &blue in &axis {
                    let [c, m, y] =
                        dye_densities([red, green, blue]).map(|d| u64::from(level_of(&level, d)));
                    nodes.push(c | m << LANE_BITS | y << (2 * LANE_BITS));
                }
            }
        }
        let mut place = [(0, 0); 256];
        for (value, (node, part)) in place.iter_mut().enumerate() {
            // Rounded to 1/256 of a cell; 255 becomes the last node's cell with a full part.
            let at = (value * (NODES - 1) * 256 + 127) / 255;
            *node = (at / 256).min(NODES - 2) as u16;
            *part = (at - *node as usize * 256) as u16;
        }
        Self { nodes, place }
    }

    /// Levels of cyan, magenta and yellow for one sRGB colour. Branch-free, because photos would defeat branch
    /// prediction.
    pub fn separate(&self, rgb: [u8; 3]) -> [u8; 3] {
        let [(red, r), (green, g), (blue, b)] = rgb.map(|value| self.place[usize::from(value)]);
        let low = usize::from(red) * RED + usize::from(green) * GREEN + usize::from(blue);
        let [r, g, b] = [r, g, b].map(u64::from);
        let (second, third) =
            WAYS[usize::from(r >= g) << 2 | usize::from(g >= b) << 1 | usize::from(r >= b)];
        let (most, least) = (r.max(g).max(b), r.min(g).min(b));
        let middle = r + g + b - most - least;
        let lanes = self.nodes[low] * (256 - most)
            + self.nodes[low + second] * (most - middle)
            + self.nodes[low + third] * (middle - least)
            + self.nodes[low + FAR_CORNER] * least
            + ROUNDING;
        [0, LANE_BITS, 2 * LANE_BITS].map(|lane| ((lanes >> lane & LANE_MASK) >> 12) as u8)
    }
}

/// The colour of a white card with these levels of cyan, magenta and yellow: the forward model.
pub struct DyedCard {
    /// Own density of a dye at each level.
    density: [f64; 256],
    /// sRGB value of a channel for densities from 0 in steps of 1 / [`SEEN_STEPS`].
    seen: Vec<u8>,
}

/// Steps per unit of density: finer than sRGB can resolve.
const SEEN_STEPS: f64 = 4096.0;

impl DyedCard {
    /// Tabulates the density of each level.
    pub fn new() -> Self {
        let mut density = [0.0; 256];
        for (level, density) in density.iter_mut().enumerate() {
            *density = density_of(level as f64);
        }
        let deepest = DENSITY_MAX
            * ABSORPTION.map(|row| row.iter().sum::<f64>()).into_iter().fold(0.0, f64::max);
        let seen = (0..=(deepest * SEEN_STEPS) as usize + 1)
            .map(|step| {
                let light = (libm::pow(10.0, -(step as f64) / SEEN_STEPS) - BLACK_POINT)
                    / (1.0 - BLACK_POINT);
                libm::round(255.0 * encoded(light.clamp(0.0, 1.0))) as u8
            })
            .collect();
        Self { density, seen }
    }

    /// The sRGB colour that a person sees.
    pub fn colour(&self, cmy: [u8; 3]) -> [u8; 3] {
        let dyes = cmy.map(|level| self.density[level as usize]);
        ABSORPTION.map(|row| {
            let density = row[0] * dyes[0] + row[1] * dyes[1] + row[2] * dyes[2];
            self.seen[((density * SEEN_STEPS + 0.5) as usize).min(self.seen.len() - 1)]
        })
    }
}

impl Default for DyedCard {
    fn default() -> Self {
        Self::new()
    }
}

/// Own density of a dye at `level` (0..=255).
fn density_of(level: f64) -> f64 {
    let light = linear(1.0 - level / 255.0);
    (-libm::log10(light.max(1e-9))).clamp(0.0, DENSITY_MAX)
}

/// Density that a channel must have for an sRGB value (0..=1).
fn density_wanted(value: f64) -> f64 {
    -libm::log10(BLACK_POINT + (1.0 - BLACK_POINT) * linear(value))
}

/// Own densities of cyan, magenta and yellow for the wanted densities of red, green and blue.
fn dye_densities(wanted: [f64; 3]) -> [f64; 3] {
    let mut bound: [Option<f64>; 3] = [None; 3];
    loop {
        let dyes = solve(wanted, bound);
        // The dye that is farthest out of range is fixed at its bound first; that changes the solution for the others.
        let worst = (0..3)
            .filter(|&i| bound[i].is_none())
            .map(|i| (i, (-dyes[i]).max(dyes[i] - DENSITY_MAX)))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        match worst {
            Some((i, out)) if out > 0.0 => bound[i] = Some(dyes[i].clamp(0.0, DENSITY_MAX)),
            _ => return dyes.map(|d| d.clamp(0.0, DENSITY_MAX)),
        }
    }
}

/// Solves the channels of the free dyes; a bound dye takes its value and gives up its channel.
fn solve(wanted: [f64; 3], bound: [Option<f64>; 3]) -> [f64; 3] {
    let mut rows = ABSORPTION;
    let mut right = wanted;
    for (i, value) in bound.iter().enumerate() {
        if let Some(value) = value {
            rows[i] = [0.0; 3];
            rows[i][i] = 1.0;
            right[i] = *value;
        }
    }
    // Cramer's rule: the matrix is close to the identity, so its determinant is far from 0.
    let whole = determinant(rows);
    std::array::from_fn(|column| {
        let mut replaced = rows;
        for (row, value) in replaced.iter_mut().zip(right) {
            row[column] = value;
        }
        determinant(replaced) / whole
    })
}

fn determinant(m: [[f64; 3]; 3]) -> f64 {
    m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1])
        - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
        + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
}

/// Level (in [`NODE_SCALE`]ths) for densities 0..=[`DENSITY_MAX`] in equal steps.
fn level_table() -> Vec<f64> {
    (0..=DENSITY_STEPS)
        .map(|step| {
            let density = step as f64 * DENSITY_MAX / DENSITY_STEPS as f64;
            NODE_SCALE * 255.0 * (1.0 - encoded(libm::pow(10.0, -density)))
        })
        .collect()
}

fn level_of(table: &[f64], density: f64) -> u16 {
    let at = density * DENSITY_STEPS as f64 / DENSITY_MAX;
    let step = (at as usize).min(DENSITY_STEPS - 1);
    let part = at - step as f64;
    libm::round(table[step] * (1.0 - part) + table[step + 1] * part) as u16
}

/// sRGB value to linear light, both 0..=1 (IEC 61966-2-1).
fn linear(value: f64) -> f64 {
    if value <= 0.04045 { value / 12.92 } else { libm::pow((value + 0.055) / 1.055, 2.4) }
}

/// Linear light to sRGB value, both 0..=1 (IEC 61966-2-1).
fn encoded(light: f64) -> f64 {
    if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * libm::pow(light, 1.0 / 2.4) - 0.055 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_captured_colour_comes_out() {
        assert_eq!(DyeCube::build().separate([20, 60, 160]), [219, 178, 21]);
    }

    #[test]
    fn white_takes_no_dye_and_no_dye_is_white() {
        assert_eq!(DyeCube::build().separate([255; 3]), [0; 3]);
        assert_eq!(DyedCard::new().colour([0; 3]), [255; 3]);
    }

    #[test]
    fn black_takes_all_that_black_needs_and_looks_black() {
        let black = DyeCube::build().separate([0; 3]);
        assert!(DyedCard::new().colour(black).iter().all(|&v| v <= 8), "{black:?}");
    }

    #[test]
    fn a_node_is_what_the_model_says_without_interpolation() {
        let table = level_table();
        let cube = DyeCube::build();
        // 51 * 32 / 255 is no node, 0 and 255 are: walk all eight corners.
        for corner in 0..8_u8 {
            let rgb = std::array::from_fn(|i| if corner >> i & 1 == 1 { 255 } else { 0 });
            let wanted = rgb.map(|v| density_wanted(f64::from(v) / 255.0));
            let exact = dye_densities(wanted)
                .map(|d| libm::round(f64::from(level_of(&table, d)) / NODE_SCALE) as u8);
            assert_eq!(cube.separate(rgb), exact, "{rgb:?}");
        }
    }
}
