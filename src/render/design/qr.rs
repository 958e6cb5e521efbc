//! How a face wants its QR codes: error correction and the largest version.

use roxmltree::Node;

use super::reading::{KARTU, Reader};
use super::{QrLevel, QrRules, SlotKind};

/// Version 7, correction M: at most 122 bytes (DOMAIN section 4, `tte`).
const USUAL: QrRules = QrRules { level: QrLevel::M, version_max: 7 };
/// The largest version that there is (ISO/IEC 18004).
const VERSION_MAX: f64 = 40.0;

/// `kartu:level` and `kartu:version-max` of a slot.
pub(super) fn qr_rules(reader: &mut Reader, node: Node, kind: SlotKind) -> QrRules {
    let is_qr = matches!(kind, SlotKind::Qr | SlotKind::Record);
    if !is_qr && ["level", "version-max"].iter().any(|name| node.has_attribute((KARTU, *name))) {
        reader.fault(
            node,
            "kartu:level dan kartu:version-max hanya untuk slot qr. Hapus.",
            "kartu:level and kartu:version-max are for qr slots only. Remove them.",
        );
    }
    let level = match node.attribute((KARTU, "level")) {
        None => USUAL.level,
        Some("L") => QrLevel::L,
        Some("M") => QrLevel::M,
        Some("Q") => QrLevel::Q,
        Some("H") => QrLevel::H,
        Some(_) => {
            reader.fault(
                node,
                "kartu:level harus L, M, Q atau H.",
                "kartu:level must be L, M, Q or H.",
            );
            USUAL.level
        }
    };
    let version = reader.number(node, "version-max").unwrap_or(USUAL.version_max as f64);
    if version > VERSION_MAX || version.fract() != 0.0 {
        reader.fault(
            node,
            "kartu:version-max harus bilangan bulat 1 sampai 40.",
            "kartu:version-max must be a whole number from 1 to 40.",
        );
    }
    QrRules { level, version_max: version as usize }
}
