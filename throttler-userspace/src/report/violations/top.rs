//! The worst of many, without keeping them all.

/// Items are the better the smaller.
pub(super) struct Top<T> {
    /// Keep so many; `None`: all.
    most: Option<usize>,
    items: Vec<T>,
}

impl<T: Ord> Top<T> {
    pub(super) fn new(most: Option<usize>) -> Self {
        Self {
            most,
            items: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, item: T) {
        self.items.push(item);
        if let Some(most) = self.most
            && self.items.len() >= most.saturating_mul(2).saturating_add(1024)
        {
            self.items.select_nth_unstable(most);
            self.items.truncate(most);
        }
    }

    /// Puts them in an order that numbers of names have no part in.
    pub(super) fn settle<K: Ord>(&mut self, order: impl Fn(&T) -> K) {
        self.items.sort_unstable();
        self.items.truncate(self.most.unwrap_or(usize::MAX));
        self.items.sort_by_cached_key(order);
    }

    /// The items, after [`Top::settle`] in order.
    pub(super) fn items(&self) -> &[T] {
        &self.items
    }
}

#[cfg(test)]
mod tests {
    use super::Top;

    #[test]
    fn the_smallest_stay_in_order() {
        for most in [None, Some(1), Some(10), Some(5_000)] {
            let mut top = Top::new(most);
            // Every number below 10,007 once, in no order: it is prime.
            (0..10_007_u64).for_each(|item| top.push(item * 7_919 % 10_007));
            top.settle(|item| *item);
            let expected: Vec<u64> = (0..10_007).take(most.unwrap_or(usize::MAX)).collect();
            assert_eq!(top.items(), expected, "{most:?}");
        }
    }
}
