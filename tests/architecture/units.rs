//! What stands in `systemd/` and must agree with itself, with the drivers and with the program. Touches no disk; what systemd
//! itself thinks of the units, `tests/outside/systemd` asks.

use std::collections::BTreeSet;

/// The values of a key of a unit, in their order.
pub fn values<'t>(unit: &'t str, key: &str) -> Vec<&'t str> {
    let assigned = unit.lines().filter(|line| !line.starts_with('#'));
    assigned.filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
}

/// Where the template differs from the service, other than in what an instance must have of its own.
pub fn template_differences(name: &str, service: &str, template: &str) -> Vec<String> {
    let lines = |unit: &str| -> Vec<String> {
        let told = unit.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        told.map(str::to_owned).collect()
    };
    let of_one = service
        .replace("Kartu print station", "Kartu print station %i")
        .replace("/etc/kartu/kartud.toml", "/etc/kartu/%i.toml")
        .replace("StateDirectory=kartu", "StateDirectory=kartu-%i")
        .replace(":kartu.", ":kartu-%i.")
        .replace("Also=kartud.socket", "Also=kartud@%i.socket");
    let (wanted, found) = (lines(&of_one), lines(template));
    let is_in = |all: &[String], line: &String| all.contains(line);
    let missing = wanted.iter().filter(|line| !is_in(&found, line));
    let missing = missing.map(|line| format!("{name} lacks {line}"));
    let strange = found.iter().filter(|line| !is_in(&wanted, line));
    missing.chain(strange.map(|line| format!("{name} alone has {line}"))).collect()
}

/// Where the rules of udev let other vendors' machines be opened than the drivers know.
pub fn vendor_differences(rules: &str, known: &BTreeSet<u16>) -> Vec<String> {
    let rules: Vec<&str> = rules.lines().filter(|line| !line.starts_with('#')).collect();
    let names = |rule: &str, vendor: u16| rule.contains(&format!("{{idVendor}}==\"{vendor:04x}\""));
    let does = |vendor: u16, what: &str| {
        rules.iter().any(|rule| names(rule, vendor) && rule.contains(what))
    };
    let mut faults = Vec::new();
    for vendor in known {
        for what in [
            "SUBSYSTEM==\"usb\", ENV{DEVTYPE}==\"usb_device\", ATTR{idVendor}",
            "SUBSYSTEM==\"usbmisc\", KERNEL==\"lp[0-9]*\", ATTRS{idVendor}",
            "GROUP=\"kartu\", MODE=\"0660\", TAG+=\"systemd\"",
            "SYMLINK+=\"kartu/$env{ID_SERIAL_SHORT}\"",
            "SYMLINK+=\"kartu/lp-$env{ID_SERIAL_SHORT}\"",
        ] {
            if !does(*vendor, what) {
                faults.push(format!("70-kartu.rules has no {what} for the vendor {vendor:04x}"));
            }
        }
    }
    let vendors = rules.iter().filter_map(|rule| rule.split("{idVendor}==\"").nth(1)?.get(..4));
    let strange: BTreeSet<&str> = vendors
        .filter(|vendor| u16::from_str_radix(vendor, 16).map_or(true, |v| !known.contains(&v)))
        .collect();
    faults.extend(
        strange.iter().map(|vendor| format!("70-kartu.rules names {vendor}, which no family has")),
    );
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = include_str!("../../systemd/70-kartu.rules");

    #[test]
    fn a_vendor_that_has_no_rule_and_a_rule_that_has_no_vendor_are_found() {
        assert_eq!(vendor_differences(RULES, &BTreeSet::from([0x0f49])), [""; 0]);
        assert_eq!(vendor_differences(RULES, &BTreeSet::from([0x0f49, 0x0c1f])).len(), 5);
        let faults = vendor_differences(RULES, &BTreeSet::new());
        assert_eq!(faults, ["70-kartu.rules names 0f49, which no family has"]);
        let closed = RULES.replace("MODE=\"0660\"", "MODE=\"0600\"");
        assert_eq!(vendor_differences(&closed, &BTreeSet::from([0x0f49])).len(), 1);
    }

    #[test]
    fn a_template_that_is_laxer_than_the_service_is_found() {
        let service = "[Service]\nStateDirectory=kartu\nNoNewPrivileges=yes\n";
        let template = "[Service]\nStateDirectory=kartu-%i\nPrivateNetwork=no\n";
        let faults = template_differences("kartud@.service", service, template);
        assert_eq!(
            faults,
            [
                "kartud@.service lacks NoNewPrivileges=yes",
                "kartud@.service alone has PrivateNetwork=no"
            ]
        );
    }
}
