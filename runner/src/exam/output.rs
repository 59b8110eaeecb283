//! What a program writes, bounded: its beginning and its end are kept, whatever comes between.

use std::collections::VecDeque;

use crate::mask::Masker;

/// Bytes kept of the beginning: reports of cases begin there.
const HEAD: usize = 1 << 20;
/// Bytes kept of the end: why it failed stands there.
const TAIL: usize = 512 << 10;
/// Bytes on each side of a cut that are not shown: half a secret would not be known as one.
const SEAM: usize = 4096;

/// The kept part of an output.
#[derive(Debug, Default)]
pub(super) struct Kept {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    dropped: u64,
}

impl Kept {
    /// Takes what came next.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let room = HEAD - self.head.len();
        let (first, rest) = bytes.split_at(bytes.len().min(room));
        self.head.extend_from_slice(first);
        self.tail.extend(rest);
        let over = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..over);
        self.dropped += over as u64;
    }

    /// Returns whether something was left out.
    pub(super) fn is_cut(&self) -> bool {
        self.dropped != 0
    }

    /// Returns all of it where nothing was left out, and the beginning where something was. Holds secrets.
    pub(super) fn whole(&self) -> String {
        let mut bytes = self.head.clone();
        if !self.is_cut() {
            bytes.extend(&self.tail);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Returns what is kept, without secrets, with a line where something was left out.
    pub(super) fn masked(&self, masker: &Masker) -> String {
        if !self.is_cut() {
            return masker.mask(&self.whole());
        }
        let text = |bytes: &[u8]| masker.mask(&String::from_utf8_lossy(bytes));
        let head = text(&self.head);
        let tail = text(&self.tail.iter().copied().collect::<Vec<_>>());
        let mut end = head.len().saturating_sub(SEAM);
        while !head.is_char_boundary(end) {
            end -= 1;
        }
        let mut from = SEAM.min(tail.len());
        while !tail.is_char_boundary(from) {
            from += 1;
        }
        let dropped = self.dropped + 2 * SEAM as u64;
        format!("{}\n[simmer: {dropped} bytes left out here]\n{}", &head[..end], &tail[from..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_keeps_its_beginning_and_its_end() {
        let mut kept = Kept::default();
        kept.push(b"first\n");
        for _ in 0..100 {
            kept.push(&[b'x'; 100_000]);
        }
        kept.push("é\nlast\n".as_bytes());
        let text = kept.masked(&Masker::default());
        assert!(text.starts_with("first\nxxx") && text.ends_with("xxé\nlast\n"));
        assert!(text.len() < HEAD + TAIL + 100, "{}", text.len());
        assert!(text.contains("\n[simmer: "), "the cut is told");
    }

    #[test]
    fn law_11_a_secret_that_lies_across_the_cut_is_not_shown_in_part() {
        let masker = Masker::default();
        masker.add("correct-horse-battery");
        for before in [HEAD - 21, HEAD - 11, HEAD - 1, HEAD] {
            let mut kept = Kept::default();
            kept.push(&vec![b'.'; before]);
            kept.push(b"correct-horse-battery");
            kept.push(&vec![b'.'; TAIL - 10]);
            let text = kept.masked(&masker);
            assert!(!text.contains("horse") && !text.contains("corr") && !text.contains("tery"), "{before}");
        }
    }

    #[test]
    fn what_fits_is_kept_as_it_is() {
        let mut kept = Kept::default();
        kept.push(&vec![b'a'; HEAD]);
        kept.push(b"end");
        assert!(!kept.is_cut() && kept.whole().ends_with("aend"));
    }
}
