//! The order that Go's unstable sort leaves behind.
//!
//! The CLI orders ports by their published number with a pattern-defeating quicksort. Up to twelve ports that
//! is an insertion sort and stable; beyond, ports of one number (`tcp` and `udp`, say) come out in an order
//! that only the same steps reproduce. It has to be reproduced: another order is another spec, and swarm
//! would replace all tasks of a service that Docker itself had deployed.

/// Up to here insertion is used.
const SHORT: usize = 12;
/// From here on the pivot is a median of medians, and a few inversions are repaired in place.
const LONG: usize = 50;
/// Inversions that are repaired before giving up.
const REPAIRS: usize = 5;
/// Exchanges after which a range is taken for descending, while the pivot is chosen.
const ALL_EXCHANGED: usize = 12;

/// Sorts by key with the same exchanges as Go's `sort.Slice`.
pub(super) fn sort_by_key<T, K: Ord>(items: &mut [T], key: impl Fn(&T) -> K) {
    let limit = bit_length(items.len());
    let end = items.len();
    Sorter { items, key }.sort(0, end, limit);
}

struct Sorter<'a, T, F> {
    items: &'a mut [T],
    key: F,
}

/// What choosing a pivot let us guess.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Guess {
    Nothing,
    Ascending,
    Descending,
}

impl<T, K: Ord, F: Fn(&T) -> K> Sorter<'_, T, F> {
    fn less(&self, a: usize, b: usize) -> bool {
        (self.key)(&self.items[a]) < (self.key)(&self.items[b])
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.items.swap(a, b);
    }

    /// Sorts from `from` up to `to`. `limit` counts the bad pivots that are put up with.
    fn sort(&mut self, mut from: usize, mut to: usize, mut limit: u32) {
        let (mut balanced, mut partitioned) = (true, true);
        loop {
            let length = to - from;
            if length <= SHORT {
                return self.insert(from, to);
            }
            if limit == 0 {
                // Here Go turns to a heap. No list of ports was found that leads here.
                let key = &self.key;
                return self.items[from..to].sort_by_key(key);
            }
            if !balanced {
                self.shuffle(from, length);
                limit -= 1;
            }
            let (mut pivot, mut guess) = self.pivot(from, length);
            if guess == Guess::Descending {
                self.items[from..to].reverse();
                pivot = (to - 1) - (pivot - from);
                guess = Guess::Ascending;
            }
            if balanced && partitioned && guess == Guess::Ascending && self.repair(from, to) {
                return;
            }
            // Everything here is at least as large as what precedes: equal ones are set aside.
            if from > 0 && !self.less(from - 1, pivot) {
                from = self.set_equal_aside(from, to, pivot);
                continue;
            }
            let (middle, was_partitioned) = self.partition(from, to, pivot);
            partitioned = was_partitioned;
            let (left, right) = (middle - from, to - middle);
            if left < right {
                balanced = left >= length / 8;
                self.sort(from, middle, limit);
                from = middle + 1;
            } else {
                balanced = right >= length / 8;
                self.sort(middle + 1, to, limit);
                to = middle;
            }
        }
    }

    fn insert(&mut self, from: usize, to: usize) {
        for next in from + 1..to {
            self.sink(next, from);
        }
    }

    /// Moves an item to the left while it is smaller than its neighbour.
    fn sink(&mut self, start: usize, from: usize) {
        let mut at = start;
        while at > from && self.less(at, at - 1) {
            self.swap(at, at - 1);
            at -= 1;
        }
    }

    /// Moves items at or above the pivot to the right of it; says whether there were none to move.
    fn partition(&mut self, from: usize, to: usize, pivot: usize) -> (usize, bool) {
        self.swap(from, pivot);
        let (mut low, mut high) = (from + 1, to - 1);
        let mut untouched = true;
        loop {
            while low <= high && self.less(low, from) {
                low += 1;
            }
            while low <= high && !self.less(high, from) {
                high -= 1;
            }
            if low > high {
                self.swap(high, from);
                return (high, untouched);
            }
            untouched = false;
            self.swap(low, high);
            low += 1;
            high -= 1;
        }
    }

    /// Moves items equal to the pivot to the left; returns where the larger ones begin.
    fn set_equal_aside(&mut self, from: usize, to: usize, pivot: usize) -> usize {
        self.swap(from, pivot);
        let (mut low, mut high) = (from + 1, to - 1);
        loop {
            while low <= high && !self.less(from, low) {
                low += 1;
            }
            while low <= high && self.less(from, high) {
                high -= 1;
            }
            if low > high {
                return low;
            }
            self.swap(low, high);
            low += 1;
            high -= 1;
        }
    }

    /// Sorts a range that is nearly sorted; `false`: it was not.
    fn repair(&mut self, from: usize, to: usize) -> bool {
        let mut at = from + 1;
        for _ in 0..REPAIRS {
            while at < to && !self.less(at, at - 1) {
                at += 1;
            }
            if at == to {
                return true;
            }
            if to - from < LONG {
                return false;
            }
            self.swap(at, at - 1);
            if at - from >= 2 {
                self.sink(at - 1, 0);
            }
            if to - at >= 2 {
                let mut next = at + 1;
                while next < to && self.less(next, next - 1) {
                    self.swap(next, next - 1);
                    next += 1;
                }
            }
        }
        false
    }

    /// Breaks a pattern that makes bad pivots, by numbers that are random and always the same.
    fn shuffle(&mut self, from: usize, length: usize) {
        let mask = (1_u64 << bit_length(length)) - 1;
        let mut random = length as u64;
        let centre = from + length / 4 * 2;
        for nth in 0..3 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let other = usize::try_from(random & mask).expect("the mask is below twice the length");
            let other = if other >= length { other - length } else { other };
            self.swap(centre - 1 + nth, from + other);
        }
    }

    fn pivot(&self, from: usize, length: usize) -> (usize, Guess) {
        let mut exchanged = 0;
        let quarter = length / 4;
        let mut spots = [from + quarter, from + quarter * 2, from + quarter * 3];
        if length >= LONG {
            spots = spots.map(|spot| self.median([spot - 1, spot, spot + 1], &mut exchanged));
        }
        let pivot = self.median(spots, &mut exchanged);
        let guess = match exchanged {
            0 => Guess::Ascending,
            ALL_EXCHANGED => Guess::Descending,
            _ => Guess::Nothing,
        };
        (pivot, guess)
    }

    fn median(&self, [mut a, mut b, mut c]: [usize; 3], exchanged: &mut usize) -> usize {
        let mut order = |x: &mut usize, y: &mut usize| {
            if self.less(*y, *x) {
                std::mem::swap(x, y);
                *exchanged += 1;
            }
        };
        order(&mut a, &mut b);
        order(&mut b, &mut c);
        order(&mut a, &mut b);
        b
    }
}

/// Returns how many bits a number needs.
fn bit_length(number: usize) -> u32 {
    usize::BITS - number.leading_zeros()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_the_order_of_equal_ones_it_is_a_sort(keys in proptest::collection::vec(0_u8..20, 0..300)) {
            let mut items: Vec<_> = keys.iter().copied().enumerate().collect();
            sort_by_key(&mut items, |(_, key)| *key);
            prop_assert!(items.is_sorted_by_key(|(_, key)| *key));
            let mut places: Vec<_> = items.iter().map(|(place, _)| *place).collect();
            places.sort_unstable();
            prop_assert!(places.into_iter().eq(0..keys.len()));
        }

        #[test]
        fn up_to_twelve_it_is_stable(keys in proptest::collection::vec(0_u8..4, 0..=12)) {
            let mut items: Vec<_> = keys.iter().copied().enumerate().collect();
            let mut stable = items.clone();
            sort_by_key(&mut items, |(_, key)| *key);
            stable.sort_by_key(|(_, key)| *key);
            prop_assert_eq!(items, stable);
        }
    }
}
