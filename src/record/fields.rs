//! The numbers of well-known fields in a record, which keep it short. Knows no product.

/// Field and number. A number never changes its meaning and is never reused, because cards live longer than programs.
/// Fields that are not listed have their own names in the record.
const NUMBERS: [(&str, i64); 21] = [
    ("nama", 3),
    ("tgl_lahir", 4),
    ("nik", 5),
    ("tempat_lahir", 6),
    ("jenis_kelamin", 7),
    ("no_kk", 8),
    ("nama_kepala_keluarga", 9),
    ("no_akta_kelahiran", 10),
    ("agama", 11),
    ("kewarganegaraan", 12),
    ("alamat", 13),
    ("rt", 14),
    ("rw", 15),
    ("desa", 16),
    ("kecamatan", 17),
    ("gol_darah", 18),
    ("no_pegawai", 19),
    ("jabatan", 20),
    ("unit", 21),
    ("berlaku_hingga", 22),
    ("tgl_terbit", 23),
];

/// The number of a field.
pub(super) fn number(name: &str) -> Option<i64> {
    NUMBERS.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

/// The field of a number; an unknown number is used as the name.
pub(super) fn name(number: i64) -> String {
    let known = NUMBERS.iter().find(|(_, known)| *known == number);
    known.map_or_else(|| format!("#{number}"), |(name, _)| (*name).to_owned())
}
