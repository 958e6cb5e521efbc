//! Messages from vpcd to a card. Knows no library and no socket.

/// A message from vpcd to a card. vpcd always speaks first, in messages with a length (`transport::vpcd`).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ToCard<'m> {
    /// Switches the power off; not answered.
    PowerOff,
    /// Switches the power on; not answered, the request for the answer to reset follows.
    PowerOn,
    /// Resets the card; not answered either.
    Reset,
    /// Asks for the answer to reset; also sent at every poll for a card.
    GiveAtr,
    /// A command APDU.
    Command(&'m [u8]),
}

impl<'m> ToCard<'m> {
    /// `None` for an empty message or an unknown single byte.
    pub fn parse(message: &'m [u8]) -> Option<Self> {
        match message {
            [0x00] => Some(Self::PowerOff),
            [0x01] => Some(Self::PowerOn),
            [0x02] => Some(Self::Reset),
            [0x04] => Some(Self::GiveAtr),
            [] | [_] => None,
            command => Some(Self::Command(command)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values are from vsmartcard's `vpcd.h` (VPCD_CTRL_*) and its API description.
    #[test]
    fn what_vpcd_says() {
        assert_eq!(ToCard::parse(&[0]), Some(ToCard::PowerOff));
        assert_eq!(ToCard::parse(&[1]), Some(ToCard::PowerOn));
        assert_eq!(ToCard::parse(&[2]), Some(ToCard::Reset));
        assert_eq!(ToCard::parse(&[4]), Some(ToCard::GiveAtr));
        assert_eq!(ToCard::parse(&[]), None);
        assert_eq!(ToCard::parse(&[3]), None);
        let select = [0x00, 0xA4, 0x04, 0x00];
        assert_eq!(ToCard::parse(&select), Some(ToCard::Command(&select)));
    }
}
