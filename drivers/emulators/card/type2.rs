//! The memory of a Type 2 tag, with its one-time bits and locks (NXP MF0ICU1, NTAG213_215_216). Knows no reader.

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::memory::{Answer, Kind};

const PAGE_BYTES: usize = 4;
/// Pages in one answer.
const PAGES_READ: usize = 4;
const LOCKS: usize = 2;
const CAPABILITIES: usize = 3;
const FIRST_USER: usize = 4;
/// The static lock bytes lock pages 3 to 15.
const STATIC_LOCKED: usize = 16;

const READ: u8 = 0x30;
const FAST_READ: u8 = 0x3A;
const WRITE: u8 = 0xA2;
const COMPATIBILITY_WRITE: u8 = 0xA0;
const GET_VERSION: u8 = 0x60;
const PASSWORD: u8 = 0x1B;

type Page = [u8; PAGE_BYTES];

/// What differs between the NTAGs.
#[derive(Clone, Copy)]
struct Ntag {
    pages: usize,
    /// Page of the dynamic lock bytes; the two configuration pages, the password and its acknowledge follow.
    dynamic_locks: usize,
    /// Pages that one dynamic lock bit locks.
    locked_by_a_bit: usize,
    /// Storage size in the answer to GET VERSION, and in the capability container.
    size: [u8; 2],
}

/// The tag's memory.
pub(super) struct Type2 {
    pages: Vec<Page>,
    ntag: Option<Ntag>,
    password_shown: bool,
}

impl Ntag {
    fn of(kind: Kind) -> Option<Self> {
        let (pages, locked_by_a_bit, size) = match kind {
            Kind::Ntag213 => (45, 2, [0x0F, 0x12]),
            Kind::Ntag215 => (135, 16, [0x11, 0x3E]),
            Kind::Ntag216 => (231, 16, [0x13, 0x6D]),
            Kind::Classic1k | Kind::Ultralight => return None,
        };
        Some(Self { pages, dynamic_locks: pages - 5, locked_by_a_bit, size })
    }

    /// The bit that locks a page beyond the static ones.
    fn lock_bit(self, page: usize) -> Option<usize> {
        (STATIC_LOCKED..self.dynamic_locks)
            .contains(&page)
            .then(|| (page - STATIC_LOCKED) / self.locked_by_a_bit)
    }

    fn configuration(self) -> usize {
        self.dynamic_locks + 1
    }

    fn password(self) -> usize {
        self.dynamic_locks + 3
    }
}

impl Type2 {
    /// A tag as delivered.
    pub(super) fn new(kind: Kind, uid: &[u8]) -> Self {
        let ntag = Ntag::of(kind);
        let mut pages = vec![[0; PAGE_BYTES]; ntag.map_or(16, |ntag| ntag.pages)];
        if let &[a, b, c, d, e, f, g] = uid {
            pages[0] = [a, b, c, 0x88 ^ a ^ b ^ c];
            pages[1] = [d, e, f, g];
            pages[LOCKS] = [d ^ e ^ f ^ g, 0x48, 0, 0];
        }
        if let Some(ntag) = ntag {
            pages[CAPABILITIES] = [0xE1, 0x10, ntag.size[1], 0];
            pages[FIRST_USER] = [0x03, 0x00, 0xFE, 0x00];
            pages[ntag.dynamic_locks] = [0, 0, 0, 0xBD];
            pages[ntag.configuration()] = [0x04, 0, 0, 0xFF];
            pages[ntag.configuration() + 1] = [0x00, 0x05, 0, 0];
            pages[ntag.password()] = [0xFF; PAGE_BYTES];
        }
        Self { pages, ntag, password_shown: false }
    }

    pub(super) fn forget(&mut self) {
        self.password_shown = false;
    }

    pub(super) fn on_bytes(&mut self, frame: &[u8]) -> Answer {
        let done = match (frame, self.ntag) {
            ([READ, page], _) => {
                return self.read(usize::from(*page), PAGES_READ, self.pages.len());
            }
            ([WRITE, page, data @ ..], _) => {
                data.try_into().ok().and_then(|data| self.write(*page, data))
            }
            ([COMPATIBILITY_WRITE, page, data @ ..], _) if data.len() == 16 => {
                data.first_chunk().and_then(|data| self.write(*page, *data))
            }
            ([FAST_READ, first, last], Some(_)) if first <= last => {
                let (first, last) = (usize::from(*first), usize::from(*last));
                return self.read(first, last - first + 1, last + 1);
            }
            ([GET_VERSION], Some(ntag)) => {
                return Answer::Data(vec![0x00, 0x04, 0x04, 0x02, 0x01, 0x00, ntag.size[0], 0x03]);
            }
            ([PASSWORD, shown @ ..], Some(ntag)) => {
                let right = bool::from(shown.ct_eq(&self.pages[ntag.password()]));
                self.password_shown = right;
                let answer = &self.pages[ntag.password() + 1][..2];
                return if right { Answer::Data(answer.to_vec()) } else { Answer::Nak };
            }
            _ => None,
        };
        done.map_or(Answer::Nak, |()| Answer::Ack)
    }

    /// Pages from `first`, rolling over to page 0 after the last readable one.
    fn read(&self, first: usize, count: usize, end: usize) -> Answer {
        let protects = self.ntag.is_some_and(|ntag| {
            self.pages[ntag.configuration() + 1][0] & 0x80 != 0 && !self.password_shown
        });
        let readable =
            if protects { self.protected_from().min(self.pages.len()) } else { self.pages.len() };
        if first >= readable || end > self.pages.len() {
            return Answer::Nak;
        }
        let shown = (first..first + count).flat_map(|page| self.shown(page % readable));
        Answer::Data(shown.collect())
    }

    /// A page as a reader sees it: password and its acknowledge read as zero.
    fn shown(&self, page: usize) -> Page {
        let secret = self.ntag.is_some_and(|ntag| page >= ntag.password());
        if secret { [0; PAGE_BYTES] } else { self.pages[page] }
    }

    fn protected_from(&self) -> usize {
        self.ntag.map_or(usize::MAX, |ntag| usize::from(self.pages[ntag.configuration()][3]))
    }

    fn write(&mut self, page: u8, data: Page) -> Option<()> {
        let page = usize::from(page);
        let barred = page >= self.protected_from() && !self.password_shown;
        if page < LOCKS || page >= self.pages.len() || barred || self.is_locked(page) {
            return None;
        }
        match self.ntag {
            _ if page == LOCKS => self.lock(data),
            // Bits of the capability container (one-time bits of an Ultralight) can be set but never cleared.
            _ if page == CAPABILITIES => or_into(&mut self.pages[page], data),
            Some(ntag) if page == ntag.dynamic_locks => self.lock_dynamically(ntag, data),
            _ => self.pages[page] = data,
        }
        Some(())
    }

    fn is_locked(&self, page: usize) -> bool {
        let [_, _, low, high] = self.pages[LOCKS];
        if (CAPABILITIES..STATIC_LOCKED).contains(&page) {
            return u16::from_le_bytes([low, high]) >> page & 1 != 0;
        }
        let Some(ntag) = self.ntag else {
            return false;
        };
        let settings = ntag.configuration()..ntag.password();
        if settings.contains(&page) && self.pages[ntag.configuration() + 1][0] & 0x40 != 0 {
            return true;
        }
        let locks = self.dynamic(ntag);
        ntag.lock_bit(page).is_some_and(|bit| locks >> bit & 1 != 0)
    }

    fn dynamic(&self, ntag: Ntag) -> u16 {
        let [low, high, ..] = self.pages[ntag.dynamic_locks];
        u16::from_le_bytes([low, high])
    }

    /// Lock bits can be set but never cleared; the three lowest freeze those of pages 3, 4 to 9 and 10 to 15.
    fn lock(&mut self, data: Page) {
        let [_, _, low, high] = self.pages[LOCKS];
        let now = u16::from_le_bytes([low, high]);
        let frozen = [(0, 0x0008), (1, 0x03F0), (2, 0xFC00)]
            .into_iter()
            .filter(|(bit, _)| now >> bit & 1 != 0)
            .fold(0, |all, (_, bits)| all | bits);
        let wanted = u16::from_le_bytes([data[2], data[3]]) & !frozen;
        let [low, high] = (now | wanted).to_le_bytes();
        self.pages[LOCKS][2..].copy_from_slice(&[low, high]);
    }

    /// The same for the dynamic lock bytes; every bit of the third byte freezes two lock bits.
    fn lock_dynamically(&mut self, ntag: Ntag, data: Page) {
        let (now, freezing) = (self.dynamic(ntag), self.pages[ntag.dynamic_locks][2]);
        let frozen = (0..8)
            .filter(|bit| freezing >> bit & 1 != 0)
            .fold(0, |all, bit| all | 0b11 << (2 * bit));
        let wanted = u16::from_le_bytes([data[0], data[1]]) & !frozen;
        let [low, high] = (now | wanted).to_le_bytes();
        self.pages[ntag.dynamic_locks] = [low, high, freezing | data[2], 0xBD];
    }

    /// The whole memory except the password.
    pub(super) fn content(&self) -> Vec<u8> {
        (0..self.pages.len()).flat_map(|page| self.shown(page)).collect()
    }

    /// Sets the whole memory except identifier and password. `content` is as long as [`Type2::content`].
    pub(super) fn set_content(&mut self, content: &[u8]) {
        let end = self.ntag.map_or(self.pages.len(), Ntag::password);
        let (new, _) = content.as_chunks::<PAGE_BYTES>();
        self.pages[LOCKS][2..].copy_from_slice(&new[LOCKS][2..]);
        self.pages[CAPABILITIES..end].copy_from_slice(&new[CAPABILITIES..end]);
    }
}

impl Drop for Type2 {
    fn drop(&mut self) {
        self.pages.zeroize();
    }
}

fn or_into(page: &mut Page, data: Page) {
    page.iter_mut().zip(data).for_each(|(byte, more)| *byte |= more);
}
