//! How a device of the USB printer class answers on its control endpoint. Knows no family and no socket.
//!
//! Source: USB 2.0, chapter 9; USB printer class 1.1, section 4.2.

/// The endpoint that receives bytes.
pub(super) const ENDPOINT_OUT: u32 = 1;
/// The endpoint that sends bytes; on the bus with the direction bit, 0x82.
pub(super) const ENDPOINT_IN: u32 = 2;

/// Bytes per bulk packet at high speed (USB 2.0, section 5.8.3).
const PACKET_BYTES: u16 = 512;

/// The identity that the device reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsbIdentity {
    /// Vendor number.
    pub vendor_id: u16,
    /// Product number.
    pub product_id: u16,
    /// Maker.
    pub manufacturer: String,
    /// Product.
    pub product: String,
    /// Serial number.
    pub serial: String,
}

/// The result of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Control {
    /// Bytes for the host; none for a request that returns no data.
    Says(Vec<u8>),
    /// An unknown request.
    Refuses,
    /// Clears the stall of the pipe to the printer (`true`) or from it.
    EndsStall { outward: bool },
    /// Asks whether that pipe is stalled.
    TellsStall { outward: bool },
    /// Drops the pending answer and incomplete input.
    Resets,
}

/// Answers one setup packet.
pub(super) fn control(identity: &UsbIdentity, setup: [u8; 8]) -> Control {
    let [kind, request, value_low, value_high, index_low, ..] = setup;
    let length = usize::from(u16::from_le_bytes([setup[6], setup[7]]));
    let says = |mut bytes: Vec<u8>| {
        bytes.truncate(length);
        Control::Says(bytes)
    };
    match (kind, request) {
        // GET_DESCRIPTOR.
        (0x80, 6) => match descriptor(identity, value_high, value_low) {
            Some(bytes) => says(bytes),
            None => Control::Refuses,
        },
        // GET_CONFIGURATION; GET_STATUS of device and interface; GET_INTERFACE.
        (0x80, 8) => says(vec![1]),
        (0x80, 0) => says(vec![1, 0]),
        (0x81, 0) => says(vec![0, 0]),
        (0x81, 10) => says(vec![0]),
        (0x82, 0) => Control::TellsStall { outward: index_low & 0x80 == 0 },
        // CLEAR_FEATURE(ENDPOINT_HALT).
        (0x02, 1) if value_low == 0 => Control::EndsStall { outward: index_low & 0x80 == 0 },
        // SET_CONFIGURATION starts afresh; whatever was pending is not for this host.
        (0x00, 9) => Control::Resets,
        // SET_INTERFACE, and the features of the device.
        (0x01, 11) | (0x00, 1 | 3) => says(Vec::new()),
        // GET_DEVICE_ID, GET_PORT_STATUS (selected, no error, paper), SOFT_RESET.
        (0xa1, 0) => says(device_id(identity)),
        (0xa1, 1) => says(vec![0x18]),
        (0x21 | 0x23, 2) => Control::Resets,
        _ => Control::Refuses,
    }
}

fn descriptor(identity: &UsbIdentity, kind: u8, number: u8) -> Option<Vec<u8>> {
    let [vendor_low, vendor_high] = identity.vendor_id.to_le_bytes();
    let [product_low, product_high] = identity.product_id.to_le_bytes();
    let [packet_low, packet_high] = PACKET_BYTES.to_le_bytes();
    match (kind, number) {
        #[rustfmt::skip]
        (1, _) => Some(vec![
            18, 1, 0x00, 0x02, 0, 0, 0, 64,
            vendor_low, vendor_high, product_low, product_high, 0x00, 0x01, 1, 2, 3, 1,
        ]),
        #[rustfmt::skip]
        (2, 0) => Some(vec![
            9, 2, 32, 0, 1, 1, 0, 0xc0, 0,
            // One interface: printer, bidirectional.
            9, 4, 0, 0, 2, 7, 1, 2, 0,
            7, 5, ENDPOINT_OUT as u8, 2, packet_low, packet_high, 0,
            7, 5, ENDPOINT_IN as u8 | 0x80, 2, packet_low, packet_high, 0,
        ]),
        // The languages: English (United States).
        (3, 0) => Some(vec![4, 3, 0x09, 0x04]),
        (3, 1) => Some(string(&identity.manufacturer)),
        (3, 2) => Some(string(&identity.product)),
        (3, 3) => Some(string(&identity.serial)),
        (6, _) => Some(vec![10, 6, 0x00, 0x02, 0, 0, 0, 64, 1, 0]),
        _ => None,
    }
}

/// A string descriptor holds at most 126 UTF-16 units.
fn string(text: &str) -> Vec<u8> {
    let units: Vec<u8> = text.encode_utf16().take(126).flat_map(u16::to_le_bytes).collect();
    let mut bytes = vec![(units.len() + 2) as u8, 3];
    bytes.extend(units);
    bytes
}

/// IEEE 1284 device id; its length counts itself.
fn device_id(identity: &UsbIdentity) -> Vec<u8> {
    let UsbIdentity { manufacturer, product, serial, .. } = identity;
    let text = format!("MFG:{manufacturer};MDL:{product};CLS:PRINTER;SN:{serial};");
    let mut bytes = ((text.len() + 2) as u16).to_be_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> UsbIdentity {
        UsbIdentity {
            vendor_id: 0x1234,
            product_id: 0x5678,
            manufacturer: "M".into(),
            product: "P".into(),
            serial: "S1".into(),
        }
    }

    #[test]
    fn descriptors_byte_for_byte() {
        let ask = |setup| control(&identity(), setup);
        let device = [18, 1, 0, 2, 0, 0, 0, 64, 0x34, 0x12, 0x78, 0x56, 0, 1, 1, 2, 3, 1];
        assert_eq!(ask([0x80, 6, 0, 1, 0, 0, 64, 0]), Control::Says(device.to_vec()));
        assert_eq!(ask([0x80, 6, 0, 1, 0, 0, 8, 0]), Control::Says(device[..8].to_vec()));
        let Control::Says(config) = ask([0x80, 6, 0, 2, 0, 0, 255, 0]) else { panic!() };
        assert_eq!(config.len(), usize::from(config[2]));
        assert_eq!(ask([0x80, 6, 3, 3, 9, 4, 255, 0]), Control::Says(vec![6, 3, b'S', 0, b'1', 0]));
        assert_eq!(ask([0x80, 6, 9, 3, 9, 4, 255, 0]), Control::Refuses);
        let id = b"\0\x20MFG:M;MDL:P;CLS:PRINTER;SN:S1;".to_vec();
        assert_eq!(ask([0xa1, 0, 0, 0, 0, 0, 255, 0]), Control::Says(id));
        assert_eq!(ask([0x82, 0, 0, 0, 0x82, 0, 2, 0]), Control::TellsStall { outward: false });
        assert_eq!(ask([0x02, 1, 0, 0, 0x01, 0, 0, 0]), Control::EndsStall { outward: true });
        assert_eq!(ask([0xc0, 0x77, 0, 0, 0, 0, 8, 0]), Control::Refuses);
    }
}
