//! How alike two words are spelt, for those who ask "did you mean …?".

/// Longest part of a word that is compared: names that people mistype are shorter, and hostile ones cost no more.
const LETTERS: usize = 200;

/// Counts the letters to insert, delete, replace or swap with their neighbour, to make one word of the other.
pub fn distance(one: &str, other: &str) -> usize {
    let letters = |word: &str| word.chars().take(LETTERS).collect::<Vec<_>>();
    let (a, b) = (letters(one), letters(other));
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + changed);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_one_letter_is_one_away() {
        for (one, other) in [("image", "imge"), ("imge", "image"), ("path", "pxth"), ("paht", "path")] {
            assert_eq!(distance(one, other), 1, "{one} {other}");
        }
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("é", "é"), 0);
    }

    #[test]
    fn a_word_without_end_costs_no_more_than_a_long_one() {
        assert_eq!(distance(&"x".repeat(1 << 20), "y"), LETTERS);
    }
}
