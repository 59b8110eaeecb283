//! `pg_dump -Fc`: a table of contents that says how many blocks of data follow, and the blocks.

use std::io::{self, Read};

use super::format::Verdict;

/// The newest version of the form that we know, of PostgreSQL 17.
const NEWEST: (u8, u8) = (1, 16);
/// The oldest that anybody still has, of PostgreSQL 9.0.
const OLDEST: (u8, u8) = (1, 11);
const CUSTOM: u8 = 1;
const DATA: u8 = 1;
const LARGE_OBJECTS: u8 = 3;
/// Most entries that are believed: more is no table of contents.
const ENTRIES: i64 = 10_000_000;
/// Longest text in a table of contents: definitions of functions.
const TEXT: i64 = 64 << 20;

/// What stopped the reading.
enum Stop {
    End,
    /// Not what we know of the form.
    Strange,
    Io(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::End } else { Self::Io(error) }
    }
}

struct Reader<'a> {
    content: &'a mut dyn Read,
    integer: usize,
    offset: usize,
}

/// Reads a dump to its end.
pub(super) fn judge(content: &mut dyn Read) -> io::Result<Verdict> {
    let is = "a custom dump of PostgreSQL";
    let mut reader = Reader { content, integer: 4, offset: 8 };
    let promised = match reader.contents() {
        Ok(promised) => promised,
        Err(Stop::End) => return Ok(Verdict::cut(is, "it ends in its table of contents")),
        Err(Stop::Strange) => return Ok(Verdict::Unknown),
        Err(Stop::Io(error)) => return Err(error),
    };
    let mut found = 0;
    loop {
        match reader.block() {
            Ok(true) => found += 1,
            Ok(false) if found < promised => {
                let says = format!("{found} of {promised} blocks of data are there");
                return Ok(Verdict::cut(is, &says));
            }
            Ok(false) => return Ok(Verdict::whole(is)),
            Err(Stop::End) => {
                let says = format!("it ends in block {} of {promised}", found + 1);
                return Ok(Verdict::cut(is, &says));
            }
            Err(Stop::Strange) => return Ok(Verdict::Unknown),
            Err(Stop::Io(error)) => return Err(error),
        }
    }
}

impl Reader<'_> {
    /// Reads the header and the table of contents; returns how many entries have data.
    fn contents(&mut self) -> Result<u64, Stop> {
        let mut magic = [0; 5];
        self.content.read_exact(&mut magic)?;
        let version = (self.byte()?, self.byte()?);
        let _revision = self.byte()?;
        if version < OLDEST || version > NEWEST {
            return Err(Stop::Strange);
        }
        let since = |minor: u8| version >= (1, minor);
        self.integer = self.byte()?.into();
        self.offset = self.byte()?.into();
        if self.byte()? != CUSTOM || self.integer > 8 || self.offset > 8 {
            return Err(Stop::Strange);
        }
        // How the data is packed.
        if since(15) {
            self.byte()?;
        } else {
            self.integer()?;
        }
        // When it was made, field by field.
        for _ in 0..7 {
            self.integer()?;
        }
        // Database, and the versions of server and program.
        for _ in 0..3 {
            self.text()?;
        }
        let entries = self.integer()?;
        if !(0..=ENTRIES).contains(&entries) {
            return Err(Stop::Strange);
        }
        let mut with_data = 0;
        for _ in 0..entries {
            let _id = self.integer()?;
            with_data += u64::from(self.integer()? != 0);
            // Ids of table and object, tag, kind.
            for _ in 0..4 {
                self.text()?;
            }
            let _section = self.integer()?;
            // Definition, removal, copy, schema, table space.
            for _ in 0..5 {
                self.text()?;
            }
            if since(14) {
                self.text()?;
            }
            if since(16) {
                self.integer()?;
            }
            // Owner, and a flag that is a text.
            self.text()?;
            self.text()?;
            // What it depends on, until there is no text.
            while self.text()? {}
            // Where its data is, with a byte that says whether that is known.
            self.skip(1 + self.offset as u64)?;
        }
        Ok(with_data)
    }

    /// Reads a block of data; `false` at the end of the file.
    fn block(&mut self) -> Result<bool, Stop> {
        let mut kind = [0];
        if self.content.read(&mut kind)? == 0 {
            return Ok(false);
        }
        let _id = self.integer()?;
        match kind[0] {
            DATA => self.parts()?,
            LARGE_OBJECTS => {
                while self.integer()? != 0 {
                    self.parts()?;
                }
            }
            _ => return Err(Stop::Strange),
        }
        Ok(true)
    }

    /// Skips parts, each with its length, until one of none.
    fn parts(&mut self) -> Result<(), Stop> {
        loop {
            match self.integer()? {
                0 => return Ok(()),
                length => self.skip(u64::try_from(length).map_err(|_| Stop::Strange)?)?,
            }
        }
    }

    fn byte(&mut self) -> Result<u8, Stop> {
        let mut byte = [0];
        self.content.read_exact(&mut byte)?;
        Ok(byte[0])
    }

    /// A sign, then the least byte first.
    fn integer(&mut self) -> Result<i64, Stop> {
        let negative = self.byte()? != 0;
        let mut bytes = [0; 8];
        self.content.read_exact(&mut bytes[..self.integer])?;
        let value = i64::from_le_bytes(bytes);
        Ok(if negative { value.wrapping_neg() } else { value })
    }

    /// Skips a text; `false` where there is none.
    fn text(&mut self) -> Result<bool, Stop> {
        let length = self.integer()?;
        if length > TEXT {
            return Err(Stop::Strange);
        }
        let Ok(length) = u64::try_from(length) else { return Ok(false) };
        self.skip(length)?;
        Ok(true)
    }

    fn skip(&mut self, bytes: u64) -> Result<(), Stop> {
        let skipped = io::copy(&mut self.content.take(bytes), &mut io::sink())?;
        if skipped < bytes { Err(Stop::End) } else { Ok(()) }
    }
}
