//! What a dump is, and whether it goes to its end. One pass, bounded memory.

use std::cell::RefCell;
use std::io::{self, BufRead as _, BufReader, Cursor, Read};
use std::path::Path;
use std::rc::Rc;

use super::{archive, pg_custom};

/// Enough to know any form, and for the comment at the end of a zip.
const HEAD: usize = 4 << 10;
const TAIL: usize = 66 << 10;
/// A compressed dump holds a dump; a third layer is no backup tool's.
const LAYERS: usize = 2;

/// What was found out about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes to its end.
    Whole { is: String },
    /// Its end is missing.
    Cut { is: String, says: String },
    /// Of no form whose end can be told.
    Unknown,
}

impl Verdict {
    pub(super) fn whole(is: &str) -> Self {
        Self::Whole { is: is.into() }
    }

    pub(super) fn cut(is: &str, says: &str) -> Self {
        Self::Cut { is: is.into(), says: says.into() }
    }

    /// Says what holds it.
    fn inside(self, of: &str) -> Self {
        match self {
            Self::Whole { is } => Self::Whole { is: format!("{of}, holding {is}") },
            Self::Cut { is, says } => Self::Cut { is: format!("{of}, holding {is}"), says },
            Self::Unknown => Self::whole(of),
        }
    }
}

/// Reads a file to its end and says what it is. Errors: it could not be read, which says nothing about it.
pub(super) fn judge(path: &Path, content: &mut dyn Read) -> io::Result<Verdict> {
    let broken = Rc::new(RefCell::new(None));
    let mut content = Watched { content, broken: Rc::clone(&broken) };
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let judged = layer(&name, &mut content, LAYERS);
    // A decoder cannot tell a bad stream from a bad disk.
    let failed = broken.borrow_mut().take();
    match failed {
        Some(error) => Err(error),
        None => {
            // What follows does not matter, but has to be readable.
            io::copy(&mut content, &mut io::sink())?;
            judged
        }
    }
}

/// Remembers an error of the source.
struct Watched<'a> {
    content: &'a mut dyn Read,
    broken: Rc<RefCell<Option<io::Error>>>,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.content.read(buffer).map_err(|error| {
            let says = error.to_string();
            let kind = error.kind();
            if kind != io::ErrorKind::Interrupted {
                *self.broken.borrow_mut() = Some(error);
            }
            io::Error::new(kind, says)
        })
    }
}

fn layer(name: &str, content: &mut dyn Read, layers: usize) -> io::Result<Verdict> {
    let mut head = Vec::with_capacity(HEAD);
    Read::take(&mut *content, HEAD as u64).read_to_end(&mut head)?;
    let mut all = Cursor::new(head.clone()).chain(content);
    if layers > 0 && head.starts_with(&[0x1f, 0x8b]) {
        let inner = name.trim_end_matches(".gz");
        return Ok(unpacked("gzip", inner, &mut flate2::read::MultiGzDecoder::new(all), layers));
    }
    if layers > 0 && head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let inner = name.trim_end_matches(".zst");
        return Ok(match zstd::Decoder::new(all) {
            Ok(mut decoder) => unpacked("zstd", inner, &mut decoder, layers),
            Err(_) => Verdict::Unknown,
        });
    }
    if head.starts_with(b"PGDMP") {
        return pg_custom::judge(&mut BufReader::new(all));
    }
    if head.len() >= 512 && &head[257..262] == b"ustar" {
        return archive::tar(&mut all);
    }
    let is_json = Path::new(name).extension().is_some_and(|extension| extension == "json");
    if is_json && matches!(head.iter().find(|byte| !byte.is_ascii_whitespace()), Some(b'{' | b'[')) {
        return Ok(json(&mut BufReader::new(all)));
    }
    let scanned = scan(head, &mut all)?;
    Ok(scanned.judge())
}

/// Judges what a decoder gives; the decoder's own errors are the verdict.
fn unpacked(of: &str, inner: &str, decoder: &mut dyn Read, layers: usize) -> Verdict {
    let judged = layer(inner, decoder, layers - 1).and_then(|judged| {
        io::copy(decoder, &mut io::sink())?;
        Ok(judged)
    });
    match judged {
        Ok(judged) => judged.inside(of),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Verdict::cut(of, "its end is missing"),
        Err(error) => Verdict::cut(of, &format!("it cannot be unpacked: {error}")),
    }
}

/// One JSON value, or several in a row.
fn json(content: &mut dyn io::BufRead) -> Verdict {
    let is = "JSON";
    let mut values = serde_json::Deserializer::from_reader(content).into_iter::<serde::de::IgnoredAny>();
    loop {
        match values.next() {
            None => return Verdict::whole(is),
            Some(Ok(_)) => {}
            Some(Err(error)) if error.is_eof() => {
                return Verdict::cut(is, "it ends in the middle of a value");
            }
            // Something else that looks like it: not for us to say.
            Some(Err(_)) => return Verdict::Unknown,
        }
    }
}

/// Beginning, end and length of a file.
struct Scanned {
    head: Vec<u8>,
    tail: Vec<u8>,
    length: u64,
}

fn scan(head: Vec<u8>, all: &mut dyn Read) -> io::Result<Scanned> {
    let mut tail: Vec<u8> = Vec::new();
    let mut length = 0;
    let mut all = BufReader::with_capacity(64 << 10, all);
    loop {
        let part = all.fill_buf()?;
        if part.is_empty() {
            break;
        }
        let read = part.len();
        length += read as u64;
        tail.extend_from_slice(part);
        let surplus = tail.len().saturating_sub(TAIL);
        tail.drain(..surplus);
        all.consume(read);
    }
    Ok(Scanned { head, tail, length })
}

/// Texts by which dumps begin, what they are, and what they end with.
const TEXTS: &[(&str, &str, &str)] = &[
    ("-- PostgreSQL database dump", "a dump of PostgreSQL", "-- PostgreSQL database dump complete"),
    (
        "-- PostgreSQL database cluster dump",
        "a dump of a PostgreSQL cluster",
        "-- PostgreSQL database cluster dump complete",
    ),
    ("-- MySQL dump", "a dump of MySQL", "-- Dump completed"),
    ("-- MariaDB dump", "a dump of MariaDB", "-- Dump completed"),
];
/// Where the first lines are.
const FIRST: usize = 512;
/// Where the last lines are.
const LAST: usize = 1024;

impl Scanned {
    fn judge(&self) -> Verdict {
        let Self { head, tail, length } = self;
        if head.starts_with(b"SQLite format 3\0") {
            return self.sqlite();
        }
        if head.starts_with(b"\xfd7zXZ\0") {
            return archive::ends("xz", tail.trim_ascii_end_zeros().ends_with(b"YZ"));
        }
        if head.starts_with(b"BZh") && head.get(4..10) == Some(b"1AY&SY") {
            return archive::ends("bzip2", archive::bzip2_end(tail));
        }
        if head.starts_with(b"PK\x03\x04") {
            return archive::ends("zip", archive::zip_end(tail));
        }
        if head.starts_with(b"REDIS00") {
            // The mark of the end, then eight bytes of a sum.
            return archive::ends("a dump of Redis", *length > 18 && tail.iter().rev().nth(8) == Some(&0xff));
        }
        let first = String::from_utf8_lossy(&head[..head.len().min(FIRST)]);
        let last = String::from_utf8_lossy(&tail[tail.len().saturating_sub(LAST)..]);
        for (begin, is, end) in TEXTS {
            if first.lines().any(|line| line.starts_with(begin) && !line.contains("complete")) {
                return match last.contains(end) {
                    true => Verdict::whole(is),
                    false => Verdict::cut(is, &format!("the line `{end}` at its end is missing")),
                };
            }
        }
        if first.starts_with("PRAGMA foreign_keys=OFF;") {
            let is = "a dump of SQLite";
            return match last.trim_end().lines().next_back() {
                Some("COMMIT;") => Verdict::whole(is),
                Some(line) if line.starts_with("ROLLBACK;") => Verdict::cut(is, "it gave up: `ROLLBACK`"),
                Some(_) | None => Verdict::cut(is, "the line `COMMIT;` at its end is missing"),
            };
        }
        Verdict::Unknown
    }

    /// The header knows how many pages there are.
    fn sqlite(&self) -> Verdict {
        let is = "a database of SQLite";
        let number = |at: usize| {
            let bytes = self.head.get(at..at + 4)?;
            Some(u32::from_be_bytes(bytes.try_into().ok()?))
        };
        let (Some(changes), Some(pages), Some(valid_for), Some(size)) =
            (number(24), number(28), number(92), self.head.get(16..18))
        else {
            return Verdict::cut(is, "it ends in its header");
        };
        let size = match u64::from(u16::from_be_bytes([size[0], size[1]])) {
            1 => 65_536,
            size => size,
        };
        if !size.is_power_of_two() || size < 512 {
            return Verdict::Unknown;
        }
        // Versions before 3.7 leave the count as it was.
        let wanted = if changes == valid_for { size * u64::from(pages) } else { size };
        if self.length < wanted {
            let says = format!("it has {} bytes, and its header says {wanted}", self.length);
            return Verdict::cut(is, &says);
        }
        Verdict::whole(is)
    }
}

trait TrimZeros {
    fn trim_ascii_end_zeros(&self) -> &Self;
}

impl TrimZeros for [u8] {
    /// Streams may be padded.
    fn trim_ascii_end_zeros(&self) -> &Self {
        let end = self.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
        &self[..end]
    }
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
