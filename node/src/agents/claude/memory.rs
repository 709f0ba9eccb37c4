//! A driver's bounded memory of a stream, because an agent might start calls for ever without ending them. The oldest
//! value is evicted first.

use std::collections::{HashMap, VecDeque};

/// The newest values by name, at most `count` of them and `bytes` in all.
pub struct Recent<T> {
    count: usize,
    bytes: usize,
    held: usize,
    order: VecDeque<String>,
    values: HashMap<String, (T, usize)>,
}

impl<T> Recent<T> {
    /// An empty memory with these limits.
    pub fn new(count: usize, bytes: usize) -> Self {
        Self {
            count,
            bytes,
            held: 0,
            order: VecDeque::new(),
            values: HashMap::new(),
        }
    }

    /// Inserts a value of about `size` bytes.
    pub fn insert(&mut self, name: &str, value: T, size: usize) {
        self.remove(name);
        let size = size + name.len();
        self.held += size;
        self.order.push_back(name.to_owned());
        self.values.insert(name.to_owned(), (value, size));
        while self.values.len() > self.count || self.held > self.bytes {
            let Some(oldest) = self.order.front().cloned() else {
                break;
            };
            self.remove(&oldest);
        }
    }

    pub fn get(&self, name: &str) -> Option<&T> {
        self.values.get(name).map(|(value, _)| value)
    }

    pub fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        self.values.get_mut(name).map(|(value, _)| value)
    }

    /// Removes a value and returns it.
    pub fn remove(&mut self, name: &str) -> Option<T> {
        let (value, size) = self.values.remove(name)?;
        self.held -= size;
        self.order.retain(|held| held != name);
        Some(value)
    }

    /// The approximate number of bytes held.
    #[cfg(test)]
    pub fn held(&self) -> usize {
        self.held
    }

    /// The names held, oldest first.
    pub fn names(&self) -> Vec<String> {
        self.order.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_when_there_are_too_many_or_they_are_too_large() {
        let mut recent = Recent::new(2, 100);
        recent.insert("a", 1, 10);
        recent.insert("b", 2, 10);
        recent.insert("a", 3, 10);
        recent.insert("c", 4, 10);
        assert_eq!(
            (recent.get("a"), recent.get("b"), recent.get("c")),
            (Some(&3), None, Some(&4))
        );
        recent.insert("d", 5, 95);
        assert_eq!(recent.names(), ["d"]);
        recent.insert("e", 6, 1000);
        assert!(recent.names().is_empty(), "a value over the limit is not kept at all");
        assert_eq!(recent.held, 0);
    }
}
