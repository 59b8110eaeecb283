//! Ends of archives and of packed streams.

use std::io::{self, Read};

use super::format::Verdict;

const BLOCK: usize = 512;
/// The 48 bits that end a stream of bzip2, at any bit.
const BZIP2_END: u64 = 0x1772_4538_5090;

/// Says what a mark at the end means.
pub(super) fn ends(is: &str, has_end: bool) -> Verdict {
    if has_end { Verdict::whole(is) } else { Verdict::cut(is, "the mark of its end is missing") }
}

/// Goes from header to header: a tar ends with a block of zeros.
pub(super) fn tar(content: &mut dyn Read) -> io::Result<Verdict> {
    let is = "tar";
    let mut header = [0; BLOCK];
    loop {
        match fill(content, &mut header)? {
            BLOCK if header.iter().all(|byte| *byte == 0) => return Ok(Verdict::whole(is)),
            BLOCK => {}
            _ => return Ok(Verdict::cut(is, "it ends before its end mark")),
        }
        let Some(size) = tar_size(&header) else { return Ok(Verdict::Unknown) };
        let padded = size.div_ceil(BLOCK as u64) * BLOCK as u64;
        if io::copy(&mut content.take(padded), &mut io::sink())? < padded {
            let name = String::from_utf8_lossy(&header[..100]);
            let name = name.trim_end_matches('\0');
            return Ok(Verdict::cut(is, &format!("it ends in the middle of `{name}`")));
        }
    }
}

/// Reads the size in a header, in octal or, with the first bit set, in binary. `None` where the header is none.
fn tar_size(header: &[u8; BLOCK]) -> Option<u64> {
    let octal = |field: &[u8]| {
        let text = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
        if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
    };
    let sum: u64 = header
        .iter()
        .enumerate()
        .map(|(at, byte)| if (148..156).contains(&at) { u64::from(b' ') } else { u64::from(*byte) })
        .sum();
    if octal(&header[148..156])? != sum {
        return None;
    }
    let size = &header[124..136];
    if size[0] & 0x80 == 0 {
        return octal(size);
    }
    Some(u64::from_be_bytes(size[4..].try_into().expect("twelve bytes less four are eight")))
}

fn fill(content: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match content.read(&mut buffer[read..])? {
            0 => break,
            more => read += more,
        }
    }
    Ok(read)
}

/// Whether a zip has its directory's end, with a comment that ends where the file does.
pub(super) fn zip_end(tail: &[u8]) -> bool {
    (0..tail.len().saturating_sub(21)).rev().any(|at| {
        tail[at..].starts_with(b"PK\x05\x06")
            && at + 22 + usize::from(u16::from_le_bytes([tail[at + 20], tail[at + 21]])) == tail.len()
    })
}

/// Whether a stream of bzip2 has its end: the mark, a sum of 32 bits, and up to seven bits of nothing.
pub(super) fn bzip2_end(tail: &[u8]) -> bool {
    let Some(last) = tail.len().checked_sub(11).map(|at| &tail[at..]) else { return false };
    let bits = last.iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    (0..8).any(|padding| (bits >> (32 + padding)) & 0xffff_ffff_ffff == u128::from(BZIP2_END))
}
