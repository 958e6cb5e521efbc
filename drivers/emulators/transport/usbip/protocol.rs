//! USB/IP messages: bytes to meaning and back. Knows no printer and no socket.
//!
//! Source: Linux, Documentation/usb/usbip_protocol.rst, commands and replies after the import; all integers
//! big-endian, except the setup packet, which is as on the bus.

/// Length of every message's header.
pub(super) const HEADER_BYTES: usize = 48;

/// More than any host controller requests at once; a kernel that requests more is out of step.
const TRANSFER_MAX_BYTES: usize = 16 * 1024 * 1024;

const CMD_SUBMIT: u32 = 1;
const CMD_UNLINK: u32 = 2;
const RET_SUBMIT: u32 = 3;
const RET_UNLINK: u32 = 4;

const DIRECTION_OUT: u32 = 0;

/// A request of the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Request {
    /// A transfer.
    Transfer(Transfer),
    /// Cancels the transfer of number `victim`.
    Unlink { number: u32, victim: u32 },
}

/// One transfer to or from an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Transfer {
    /// Identifies the transfer in its reply.
    pub number: u32,
    /// 0: the control endpoint.
    pub endpoint: u32,
    /// From the host to the device?
    pub outward: bool,
    /// Bytes to send, or at most to receive.
    pub length: usize,
    /// The setup packet of a control transfer.
    pub setup: [u8; 8],
    /// What the host sends.
    pub data: Vec<u8>,
}

/// The bytes are not USB/IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OutOfStep;

impl Request {
    /// Takes one message from the front of `inbox`; `None`: it is not complete yet.
    pub fn take(inbox: &mut Vec<u8>) -> Result<Option<Self>, OutOfStep> {
        let Some(header) = inbox.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
        let word = |at: usize| {
            let bytes =
                [header[at * 4], header[at * 4 + 1], header[at * 4 + 2], header[at * 4 + 3]];
            u32::from_be_bytes(bytes)
        };
        let number = word(1);
        match word(0) {
            CMD_UNLINK => {
                let wish = Self::Unlink { number, victim: word(5) };
                inbox.drain(..HEADER_BYTES);
                Ok(Some(wish))
            }
            CMD_SUBMIT => {
                let outward = word(3) == DIRECTION_OUT;
                let length = word(6) as usize;
                if length > TRANSFER_MAX_BYTES {
                    return Err(OutOfStep);
                }
                let end = HEADER_BYTES + if outward { length } else { 0 };
                if inbox.len() < end {
                    return Ok(None);
                }
                let mut setup = [0; 8];
                setup.copy_from_slice(&header[40..]);
                let endpoint = word(4);
                let data = inbox[HEADER_BYTES..end].to_vec();
                inbox.drain(..end);
                Ok(Some(Self::Transfer(Transfer {
                    number,
                    endpoint,
                    outward,
                    length,
                    setup,
                    data,
                })))
            }
            _ => Err(OutOfStep),
        }
    }
}

/// How a transfer ended, as the kernel's error numbers have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub(super) enum Status {
    Done = 0,
    /// EPIPE.
    Stalled = -32,
    /// EOVERFLOW: the device sent more than requested.
    Babble = -75,
    /// ECONNRESET: cancelled before it ended.
    TakenBack = -104,
}

/// Reply to [`Request::Transfer`]: `length` bytes were transferred; `data` are those that the host receives.
pub(super) fn transferred(number: u32, status: Status, length: usize, data: &[u8]) -> Vec<u8> {
    let mut message = header(RET_SUBMIT, number, status, length);
    message.extend_from_slice(data);
    message
}

/// Reply to [`Request::Unlink`]: [`Status::TakenBack`], or [`Status::Done`] when the transfer had ended already.
pub(super) fn unlinked(number: u32, status: Status) -> Vec<u8> {
    header(RET_UNLINK, number, status, 0)
}

fn header(command: u32, number: u32, status: Status, length: usize) -> Vec<u8> {
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    let words = [command, number, 0, 0, 0, (status as i32).cast_unsigned(), length];
    let mut message: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    message.resize(HEADER_BYTES, 0);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the kernel's document: bytes 0 to 0x2f of USBIP_CMD_SUBMIT, here a GET_DESCRIPTOR and a bulk write.
    fn submit(direction: u8, endpoint: u8, length: u8, setup: [u8; 8], data: &[u8]) -> Vec<u8> {
        let mut m = vec![0, 0, 0, 1, 0, 0, 0, 7, 0, 1, 0, 2, 0, 0, 0, direction, 0, 0, 0, endpoint];
        m.extend([0, 0, 2, 0, 0, 0, 0, length, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
        m.extend(setup);
        m.extend(data);
        m
    }

    #[test]
    fn a_wish_is_taken_when_it_is_all_there() {
        let get_descriptor = [0x80, 6, 0, 1, 0, 0, 0x12, 0];
        let all = [
            submit(1, 0, 18, get_descriptor, b""),
            submit(0, 1, 3, [0; 8], b"abc"),
            [&[0, 0, 0, 2, 0, 0, 0, 9][..], &[0; 12], &[0, 0, 0, 7], &[0; 24]].concat(),
        ]
        .concat();
        let mut inbox = Vec::new();
        let mut wishes = Vec::new();
        for byte in all {
            inbox.push(byte);
            wishes.extend(Request::take(&mut inbox).unwrap());
        }
        let transfer = |endpoint, outward, length, setup, data: &[u8]| {
            let data = data.to_vec();
            Request::Transfer(Transfer { number: 7, endpoint, outward, length, setup, data })
        };
        assert_eq!(
            wishes,
            [
                transfer(0, false, 18, get_descriptor, b""),
                transfer(1, true, 3, [0; 8], b"abc"),
                Request::Unlink { number: 9, victim: 7 },
            ]
        );
        assert!(inbox.is_empty());
        assert_eq!(Request::take(&mut vec![9; HEADER_BYTES]), Err(OutOfStep));
    }

    #[test]
    fn replies_byte_for_byte() {
        let mut want = vec![0, 0, 0, 3, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        want.extend([0, 0, 0, 0, 0, 0, 0, 2]);
        want.resize(HEADER_BYTES, 0);
        want.extend(b"ok");
        assert_eq!(transferred(7, Status::Done, 2, b"ok"), want);
        let stalled = transferred(7, Status::Stalled, 0, b"");
        assert_eq!(stalled[20..28], [0xff, 0xff, 0xff, 0xe0, 0, 0, 0, 0]);
        let taken_back = unlinked(9, Status::TakenBack);
        assert_eq!(taken_back[..8], [0, 0, 0, 4, 0, 0, 0, 9]);
        assert_eq!(taken_back[20..24], [0xff, 0xff, 0xff, 0x98]);
        assert_eq!(taken_back.len(), HEADER_BYTES);
    }
}
