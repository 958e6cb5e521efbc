//! Coefficients to samples: the exact integer transform of Loeffler, Ligtenberg and Moschytz (ICASSP 1989) with 13-bit
//! constants, and plain short transforms for reduced sizes. Arithmetic wraps: a nonsense block gives nonsense, never a
//! panic.

use std::num::Wrapping;

type Number = Wrapping<i32>;

/// Fraction bits of a constant, and of the first pass's results.
const POINT: u32 = 13;
const KEPT: u32 = 2;

/// `constant(x)` is x in fixed point, with 13 fraction bits.
const fn constant(value: f64) -> Number {
    Wrapping((value * (1 << POINT) as f64 + if value < 0.0 { -0.5 } else { 0.5 }) as i32)
}

/// Writes a block of `size * size` samples (8, 4, 2 or 1) into `to`, whose rows lie `stride` apart.
pub(super) fn samples(block: &[i32; 64], size: usize, to: &mut [u8], stride: usize) {
    match size {
        8 => whole(block, to, stride),
        4 => reduced::<4>(block, &QUARTERS, to, stride),
        2 => reduced::<2>(block, &HALVES, to, stride),
        _ => to[0] = level(Wrapping(block[0]), 3),
    }
}

/// Rounds the fraction bits away and shifts the range so that its middle is 128.
fn level(value: Number, point: u32) -> u8 {
    let rounded = (value + Wrapping(1 << (point - 1))) >> point as usize;
    (rounded + Wrapping(128)).0.clamp(0, 255) as u8
}

fn whole(block: &[i32; 64], to: &mut [u8], stride: usize) {
    if block[1..].iter().all(|&c| c == 0) {
        let flat = level(Wrapping(block[0]), 3);
        (0..8).for_each(|y| to[y * stride..y * stride + 8].fill(flat));
        return;
    }
    let mut middle = [[Wrapping(0); 8]; 8];
    for x in 0..8 {
        let column = line(std::array::from_fn(|y| Wrapping(block[y * 8 + x])));
        for (y, value) in column.into_iter().enumerate() {
            middle[y][x] = (value + Wrapping(1 << (POINT - KEPT - 1))) >> (POINT - KEPT) as usize;
        }
    }
    for (y, row) in middle.into_iter().enumerate() {
        let values = line(row).map(|value| level(value, POINT + KEPT + 3));
        to[y * stride..y * stride + 8].copy_from_slice(&values);
    }
}

/// Eight values at once, each times 2^13 and the square root of eight.
fn line(s: [Number; 8]) -> [Number; 8] {
    let both = (s[2] + s[6]) * constant(0.541_196_100);
    let (low, high) =
        (both - s[6] * constant(1.847_759_065), both + s[2] * constant(0.765_366_865));
    let (sum, difference) = ((s[0] + s[4]) << POINT as usize, (s[0] - s[4]) << POINT as usize);
    let even = [sum + high, difference + low, difference - low, sum - high];

    let all = (s[7] + s[3] + s[5] + s[1]) * constant(1.175_875_602);
    let outer = -(s[7] + s[1]) * constant(0.899_976_223);
    let inner = -(s[5] + s[3]) * constant(2.562_915_447);
    let (left, right) = (
        all - (s[7] + s[3]) * constant(1.961_570_560),
        all - (s[5] + s[1]) * constant(0.390_180_644),
    );
    let odd = [
        s[1] * constant(1.501_321_110) + outer + right,
        s[3] * constant(3.072_711_026) + inner + left,
        s[5] * constant(2.053_119_869) + inner + right,
        s[7] * constant(0.298_631_336) + outer + left,
    ];
    std::array::from_fn(|n| if n < 4 { even[n] + odd[n] } else { even[7 - n] - odd[7 - n] })
}

/// Half the cosine transform's basis, by sample and frequency; the constant one divided by the root of two.
const QUARTERS: [[Number; 4]; 4] = {
    let (flat, one, three) =
        (constant(0.353_553_391), constant(0.461_939_766), constant(0.191_341_716));
    let (low, minus_one, minus_three) =
        (constant(-0.353_553_391), constant(-0.461_939_766), constant(-0.191_341_716));
    [
        [flat, one, flat, three],
        [flat, three, low, minus_one],
        [flat, minus_three, low, one],
        [flat, minus_one, flat, minus_three],
    ]
};
const HALVES: [[Number; 2]; 2] = [
    [constant(0.353_553_391), constant(0.353_553_391)],
    [constant(0.353_553_391), constant(-0.353_553_391)],
];

/// The transform of `N` samples a side on the `N` lowest frequencies.
fn reduced<const N: usize>(
    block: &[i32; 64],
    basis: &[[Number; N]; N],
    to: &mut [u8],
    stride: usize,
) {
    // Three bits are kept between the passes.
    const BETWEEN: u32 = POINT - 3;
    let mut middle = [[Wrapping(0); N]; N];
    for (y, row) in middle.iter_mut().enumerate() {
        for (x, value) in row.iter_mut().enumerate() {
            let sum: Number = (0..N).map(|v| basis[y][v] * Wrapping(block[v * 8 + x])).sum();
            *value = (sum + Wrapping(1 << (BETWEEN - 1))) >> BETWEEN as usize;
        }
    }
    for (y, row) in middle.iter().enumerate() {
        for x in 0..N {
            let sum: Number = (0..N).map(|u| basis[x][u] * row[u]).sum();
            to[y * stride + x] = level(sum, POINT + 3);
        }
    }
}
