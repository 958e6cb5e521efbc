//! Checks that concern all steps of a profile together: is everything read back, and is nothing made final before that?
//! Knows no card; `run` enforces the same rules at run time.

use drivers::text::Text;

use super::definition_step::Outline;
use super::values::Data;
use super::{Action, ProfileFault};
use crate::toml_sheet::Sheet;

/// Reports what is wrong with the order of the steps. A jump can only skip steps; data that stay unread because of a
/// jump are found when the profile runs.
pub fn order(steps: &[(Option<Outline>, Sheet<'_>)]) {
    let mut unread: Vec<(&Data, &Sheet<'_>)> = Vec::new();
    let mut secure = false;
    for (outline, sheet) in steps {
        let Some(Outline { step, .. }) = outline else { continue };
        let action = &step.action;
        let finals = matches!(action, Action::Lock | Action::PutKey { .. });
        if finals && !step.irreversible {
            sheet.fault(
                "irreversible",
                "langkah ini tidak dapat dibatalkan: tulis irreversible = true.",
                "this step cannot be undone: say irreversible = true.",
            );
        }
        if step.irreversible && !unread.is_empty() {
            sheet.fault(
                "irreversible",
                "semua yang ditulis sebelumnya harus dibaca kembali dahulu (verify = true atau read_binary).",
                "all that was written before must be read back first (verify = true or read_binary).",
            );
        }
        match action {
            Action::Secure { .. } => secure = true,
            Action::SelectAid(_) => secure = false,
            Action::PutKey { .. } if !secure => sheet.fault(
                "put_key",
                "memerlukan langkah secure sebelumnya.",
                "needs a secure step before it.",
            ),
            // Final settings, such as lock bits, cannot always be read as they were written.
            Action::Apdu { template, .. } if template.writes_unnamed() && !step.irreversible => {
                sheet.fault("apdu", UNNAMED.id, UNNAMED.en);
            }
            _ => {}
        }
        if let Some(read) = action.reads_back() {
            forget(&mut unread, read);
        }
        unread.extend(action.writes_unread().into_iter().map(|data| (data, sheet)));
    }
    for (_, sheet) in unread {
        sheet.fault(
            "verify",
            "yang ditulis langkah ini tidak pernah dibaca kembali.",
            "what this step writes is never read back.",
        );
    }
}

const UNNAMED: Text = Text::fixed(
    "isi yang ditulis harus ditulis sebagai {data:hex:…} atau {data:nama}, agar dibaca kembali.",
    "what is written must stand as {data:hex:…} or {data:name}, so that it is read back.",
);

fn forget(unread: &mut Vec<(&Data, &Sheet<'_>)>, read: &Data) {
    if let Some(at) = unread.iter().position(|(data, _)| *data == read) {
        unread.remove(at);
    }
}

impl super::Profile {
    /// The parts of this profile that do not fit a product: fields that it does not have, or another kind of reader.
    pub fn incompatible<'f>(
        &self,
        station: drivers::encoder::Interface,
        fields: impl IntoIterator<Item = &'f str> + Clone,
    ) -> Vec<ProfileFault> {
        let mut faults = Vec::new();
        let mut fault = |key: String, id: String, en: String| {
            let words = Text::new(id, en);
            faults.push(ProfileFault { line: 0, key, words });
        };
        if self.reader.is_some_and(|reader| reader != station) {
            fault(
                "reader".to_owned(),
                "berbeda dari [chip] station pada product.toml.".to_owned(),
                "is not what [chip] station of product.toml says.".to_owned(),
            );
        }
        for name in self.fields() {
            if fields.clone().into_iter().any(|field| field == name) {
                continue;
            }
            let near = crate::nearest::nearest(name, fields.clone()).unwrap_or("-");
            fault(
                format!("field:{name}"),
                format!("kolom tidak ada; yang paling mirip: {near}."),
                format!("there is no such field; the nearest is {near}."),
            );
        }
        faults
    }
}
