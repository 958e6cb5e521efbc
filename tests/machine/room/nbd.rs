//! The server's half of the NBD protocol, as far as QEMU speaks it: the fixed newstyle handshake, one export, simple
//! replies. Source of every number: the protocol's description, doc/proto.md of the project NetworkBlockDevice/nbd.

use std::io::{self, BufReader, BufWriter, Read, Write};

use crate::cache::Disk;

const GREETING: u64 = 0x4e42_444d_4147_4943;
const OPTION: u64 = 0x4948_4156_454f_5054;
const OPTION_REPLY: u64 = 0x0003_e889_0455_65a9;
const REQUEST: u32 = 0x2560_9513;
const REPLY: u32 = 0x6744_6698;

const FIXED_NEWSTYLE: u16 = 1;
const NO_ZEROES: u16 = 2;

const OPT_EXPORT_NAME: u32 = 1;
const OPT_ABORT: u32 = 2;
const OPT_INFO: u32 = 6;
const OPT_GO: u32 = 7;

const REP_ACK: u32 = 1;
const REP_INFO: u32 = 3;
const REP_ERR_UNSUPPORTED: u32 = (1 << 31) + 1;
const INFO_EXPORT: u16 = 0;

const HAS_FLAGS: u16 = 1;
const SEND_FLUSH: u16 = 4;
const SEND_FUA: u16 = 8;

const CMD_READ: u16 = 0;
const CMD_WRITE: u16 = 1;
const CMD_DISCONNECT: u16 = 2;
const CMD_FLUSH: u16 = 3;
const FLAG_FUA: u16 = 1;
const EINVAL: u32 = 22;

/// A client sends no more than this at once: what the protocol lets it assume.
const LONGEST: u32 = 32 << 20;

fn broken(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn u16_of(wire: &mut impl Read) -> io::Result<u16> {
    let mut bytes = [0; 2];
    wire.read_exact(&mut bytes)?;
    Ok(u16::from_be_bytes(bytes))
}

fn u32_of(wire: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    wire.read_exact(&mut bytes)?;
    Ok(u32::from_be_bytes(bytes))
}

fn u64_of(wire: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    wire.read_exact(&mut bytes)?;
    Ok(u64::from_be_bytes(bytes))
}

/// Serves one client. `Ok`: it took its leave; an error: it is gone, or is no NBD client.
pub fn serve(from: impl Read, to: impl Write, disk: &mut Disk) -> io::Result<()> {
    let (mut from, mut to) = (BufReader::new(from), BufWriter::new(to));
    if !shake_hands(&mut from, &mut to, disk.size())? {
        return Ok(());
    }
    while request(&mut from, &mut to, disk)? {
        to.flush()?;
    }
    Ok(())
}

/// False: the client wanted no more than to ask.
fn shake_hands(from: &mut impl Read, to: &mut impl Write, size: u64) -> io::Result<bool> {
    to.write_all(&GREETING.to_be_bytes())?;
    to.write_all(&OPTION.to_be_bytes())?;
    to.write_all(&(FIXED_NEWSTYLE | NO_ZEROES).to_be_bytes())?;
    to.flush()?;
    let no_zeroes = u32_of(from)? & u32::from(NO_ZEROES) != 0;
    let flags = HAS_FLAGS | SEND_FLUSH | SEND_FUA;
    let export = [&size.to_be_bytes()[..], &flags.to_be_bytes()].concat();
    loop {
        if u64_of(from)? != OPTION {
            return Err(broken("no option"));
        }
        let (option, length) = (u32_of(from)?, u32_of(from)?);
        if length > LONGEST {
            return Err(broken("an option without end"));
        }
        io::copy(&mut from.by_ref().take(length.into()), &mut io::sink())?;
        match option {
            OPT_EXPORT_NAME => {
                to.write_all(&export)?;
                to.write_all(&[0; 124][if no_zeroes { 124 } else { 0 }..])?;
            }
            OPT_INFO | OPT_GO => {
                reply(to, option, REP_INFO, &[&INFO_EXPORT.to_be_bytes(), &export[..]].concat())?;
                reply(to, option, REP_ACK, &[])?;
            }
            OPT_ABORT => reply(to, option, REP_ACK, &[])?,
            _ => reply(to, option, REP_ERR_UNSUPPORTED, &[])?,
        }
        to.flush()?;
        match option {
            OPT_EXPORT_NAME | OPT_GO => return Ok(true),
            OPT_ABORT => return Ok(false),
            _ => {}
        }
    }
}

fn reply(to: &mut impl Write, option: u32, kind: u32, data: &[u8]) -> io::Result<()> {
    to.write_all(&OPTION_REPLY.to_be_bytes())?;
    to.write_all(&option.to_be_bytes())?;
    to.write_all(&kind.to_be_bytes())?;
    to.write_all(&(data.len() as u32).to_be_bytes())?;
    to.write_all(data)
}

/// Reads one request and answers it. False: the client takes its leave.
fn request(from: &mut impl Read, to: &mut impl Write, disk: &mut Disk) -> io::Result<bool> {
    if u32_of(from)? != REQUEST {
        return Err(broken("no request"));
    }
    let (flags, command, cookie) = (u16_of(from)?, u16_of(from)?, u64_of(from)?);
    let (offset, length) = (u64_of(from)?, u32_of(from)?);
    if length > LONGEST {
        return Err(broken("a request without end"));
    }
    let mut data = Vec::new();
    if command == CMD_WRITE {
        data.resize(length as usize, 0);
        from.read_exact(&mut data)?;
    }
    let mut error = if disk.holds(offset, length.into()) { 0 } else { EINVAL };
    match command {
        CMD_DISCONNECT => return Ok(false),
        CMD_FLUSH => {
            disk.flush()?;
            error = 0;
        }
        CMD_READ if error == 0 => {
            data.resize(length as usize, 0);
            disk.read(offset, &mut data)?;
        }
        CMD_WRITE if error == 0 => {
            disk.write(offset, &data);
            // More than was asked for: this write and those before it. Linux asks a disk like this one for flushes only.
            if flags & FLAG_FUA != 0 {
                disk.flush()?;
            }
        }
        _ => error = EINVAL,
    }
    to.write_all(&REPLY.to_be_bytes())?;
    to.write_all(&error.to_be_bytes())?;
    to.write_all(&cookie.to_be_bytes())?;
    if command == CMD_READ && error == 0 {
        to.write_all(&data)?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::{Cache, SECTOR};

    fn option(number: u32, data: &[u8]) -> Vec<u8> {
        let mut bytes = OPTION.to_be_bytes().to_vec();
        bytes.extend(number.to_be_bytes());
        bytes.extend((data.len() as u32).to_be_bytes());
        bytes.extend(data);
        bytes
    }

    fn command(flags: u16, command: u16, cookie: u64, offset: u64, length: u32) -> Vec<u8> {
        let mut bytes = REQUEST.to_be_bytes().to_vec();
        bytes.extend(flags.to_be_bytes());
        bytes.extend(command.to_be_bytes());
        bytes.extend(cookie.to_be_bytes());
        bytes.extend(offset.to_be_bytes());
        bytes.extend(length.to_be_bytes());
        bytes
    }

    /// What the server says to these words, and whether the client took its leave.
    fn said(words: &[Vec<u8>]) -> (Vec<u8>, bool) {
        let image = tempfile::tempfile().unwrap();
        image.set_len(64 * SECTOR as u64).unwrap();
        let mut disk = Disk::new(image, Cache::Honest).unwrap();
        let mut heard = Vec::new();
        let left = serve(&words.concat()[..], &mut heard, &mut disk).is_ok();
        (heard, left)
    }

    #[test]
    fn a_client_asks_for_the_export_writes_reads_and_leaves() {
        let flags = 3_u32.to_be_bytes().to_vec();
        let write = [command(0, CMD_WRITE, 1, 512, 512), vec![9; 512]].concat();
        let words = [
            flags,
            option(8, &[]),
            option(OPT_GO, &[0; 6]),
            write,
            command(0, CMD_FLUSH, 2, 0, 0),
            command(0, CMD_READ, 3, 512, 512),
            command(0, CMD_READ, 4, 64 * 512, 512),
            command(0, CMD_DISCONNECT, 5, 0, 0),
        ];
        let (heard, left) = said(&words);
        assert!(left);
        assert_eq!(heard[..18], *b"NBDMAGICIHAVEOPT\0\x03");
        // No structured replies; then the export: 32 kB, with flags, flush and FUA.
        assert_eq!(heard[26..38], [0, 0, 0, 8, 0x80, 0, 0, 1, 0, 0, 0, 0]);
        assert_eq!(heard[58..70], [0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 13]);
        let mut answers = &heard[heard.len() - (4 * 16 + 512)..];
        for (cookie, error, length) in [(1, 0, 0), (2, 0, 0), (3, 0, 512), (4, EINVAL, 0)] {
            assert_eq!(u32_of(&mut answers).unwrap(), REPLY);
            assert_eq!(u32_of(&mut answers).unwrap(), error);
            assert_eq!(u64_of(&mut answers).unwrap(), cookie);
            let (data, rest) = answers.split_at(length);
            assert!(data.iter().all(|&byte| byte == 9));
            answers = rest;
        }
    }

    #[test]
    fn a_client_that_vanishes_has_not_taken_its_leave() {
        let (_, left) = said(&[3_u32.to_be_bytes().to_vec(), option(OPT_GO, &[0; 6])]);
        assert!(!left);
    }
}
