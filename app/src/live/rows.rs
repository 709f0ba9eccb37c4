//! Lists that are patched in place: each row is a signal, so a change renders its row only. The page decides the order:
//! a patched row keeps its place unless the page moves it.

use leptos::prelude::*;

/// A keyed list with one signal per row. Render it with
/// `ui::keyed_list(move || rows.list(), |(key, _)| key.clone(), ..)`.
pub struct Rows<T: Send + Sync + 'static> {
    list: RwSignal<Vec<(String, ArcRwSignal<T>)>>,
    key: fn(&T) -> String,
}

impl<T: Send + Sync + 'static> Clone for Rows<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync + 'static> Copy for Rows<T> {}

impl<T: Clone + PartialEq + Send + Sync + 'static> Rows<T> {
    /// An empty list; `key` identifies a row.
    pub fn new(key: fn(&T) -> String) -> Self {
        Self {
            list: RwSignal::new(Vec::new()),
            key,
        }
    }

    /// Applies a fresh reading: remaining rows keep their signal and are rendered again only if they differ.
    pub fn replace(self, items: Vec<T>) {
        let old = self.list.get_untracked();
        let next: Vec<_> = items
            .into_iter()
            .map(|item| {
                let key = (self.key)(&item);
                match old.iter().find(|(k, _)| *k == key) {
                    Some((_, signal)) => {
                        set_if_changed(signal, item);
                        (key, signal.clone())
                    }
                    None => (key, ArcRwSignal::new(item)),
                }
            })
            .collect();
        let same = old.len() == next.len() && old.iter().zip(&next).all(|((a, _), (b, _))| a == b);
        if !same {
            self.list.set(next);
        }
    }

    /// Appends the next page of the same list; known rows are patched.
    pub fn extend(self, items: Vec<T>) {
        let mut list = self.list.get_untracked();
        let before = list.len();
        for item in items {
            let key = (self.key)(&item);
            match list.iter().find(|(k, _)| *k == key) {
                Some((_, signal)) => set_if_changed(signal, item),
                None => list.push((key, ArcRwSignal::new(item))),
            }
        }
        if list.len() != before {
            self.list.set(list);
        }
    }

    /// Patches a row in place, or inserts a new one at the index that `place` gives, at most at the end. `None` leaves
    /// a new row out.
    pub fn patch(self, item: T, place: impl FnOnce(&[T]) -> Option<usize>) {
        let key = (self.key)(&item);
        if let Some(signal) = self.find_untracked(&key) {
            set_if_changed(&signal, item);
            return;
        }
        let items: Vec<T> = self.items_untracked();
        if let Some(at) = place(&items) {
            self.list
                .update(|list| list.insert(at.min(list.len()), (key, ArcRwSignal::new(item))));
        }
    }

    /// Changes the rows that `is` accepts, in place.
    pub fn change(self, is: impl Fn(&T) -> bool, change: impl Fn(&mut T)) {
        for (_, signal) in self
            .list
            .get_untracked()
            .iter()
            .filter(|(_, signal)| signal.with_untracked(&is))
        {
            let mut item = signal.get_untracked();
            change(&mut item);
            set_if_changed(signal, item);
        }
    }

    /// Removes a row, if it is there.
    pub fn remove(self, key: &str) {
        if self.list.with_untracked(|list| list.iter().any(|(k, _)| k == key)) {
            self.list.update(|list| list.retain(|(k, _)| k != key));
        }
    }

    /// Moves a row, for lists that sort by a changing value.
    pub fn move_to(self, key: &str, at: usize) {
        let from = self.list.with_untracked(|list| list.iter().position(|(k, _)| k == key));
        if let Some(from) = from
            && from != at
        {
            self.list.update(|list| {
                let row = list.remove(from);
                list.insert(at.min(list.len()), row);
            });
        }
    }

    /// The signal of the row with this key, without subscribing.
    pub fn find_untracked(self, key: &str) -> Option<ArcRwSignal<T>> {
        self.list
            .with_untracked(|list| list.iter().find(|(k, _)| k == key).map(|(_, signal)| signal.clone()))
    }

    /// The index of the first row that `is` accepts, without subscribing and without copying rows.
    pub fn position_untracked(self, is: impl Fn(&T) -> bool) -> Option<usize> {
        self.list
            .with_untracked(|list| list.iter().position(|(_, signal)| signal.with_untracked(&is)))
    }

    /// Keys and signals, for `ui::keyed_list`. Subscribes to order and membership, not to the rows.
    pub fn list(self) -> Vec<(String, ArcRwSignal<T>)> {
        self.list.get()
    }

    /// Keys and signals of at most `count` rows from the `from`th on. Subscribes like [`Rows::list`].
    pub fn slice(self, from: usize, count: usize) -> Vec<(String, ArcRwSignal<T>)> {
        self.list
            .with(|list| list.iter().skip(from).take(count).cloned().collect())
    }

    /// The number of rows. Subscribes to membership.
    pub fn len(self) -> usize {
        self.list.read().len()
    }

    /// Whether the list is empty. Subscribes to membership.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The present rows, without subscribing.
    pub fn items_untracked(self) -> Vec<T> {
        self.list
            .with_untracked(|list| list.iter().map(|(_, signal)| signal.get_untracked()).collect())
    }
}

fn set_if_changed<T: PartialEq + Send + Sync + 'static>(signal: &ArcRwSignal<T>, item: T) {
    if signal.with_untracked(|old| *old != item) {
        signal.set(item);
    }
}

/// Patches a plain list: replaces the item with the same key, or inserts a new one at the index from `place`. `None`
/// leaves a new item out. For short lists that are rendered as a whole; long ones use [`Rows`].
pub fn patch_list<T: PartialEq, K: PartialEq>(
    list: &mut Vec<T>,
    item: T,
    key: impl Fn(&T) -> K,
    place: impl FnOnce(&[T]) -> Option<usize>,
) -> bool {
    let wanted = key(&item);
    if let Some(old) = list.iter_mut().find(|old| key(old) == wanted) {
        let changed = *old != item;
        *old = item;
        return changed;
    }
    match place(list) {
        Some(at) => {
            list.insert(at.min(list.len()), item);
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Item = (u32, &'static str);

    fn rows() -> Rows<Item> {
        let rows = Rows::new(|item: &Item| item.0.to_string());
        rows.replace(vec![(1, "a"), (2, "b")]);
        rows
    }

    #[test]
    fn a_patch_changes_the_row_and_not_the_list() {
        Owner::new().with(|| {
            let rows = rows();
            let before = rows.list.get_untracked();
            rows.patch((2, "c"), |_| Some(0));
            let after = rows.list.get_untracked();
            assert_eq!(before, after, "the same signals in the same order");
            assert_eq!(rows.items_untracked(), [(1, "a"), (2, "c")]);
            rows.patch((2, "c"), |_| Some(0));
            assert_eq!(rows.items_untracked(), [(1, "a"), (2, "c")], "twice is once");
            rows.change(|item| item.0 == 1, |item| item.1 = "d");
            rows.change(|item| item.0 == 9, |item| item.1 = "not there");
            assert_eq!(
                (before, rows.items_untracked()),
                (rows.list.get_untracked(), vec![(1, "d"), (2, "c")])
            );
        });
    }

    #[test]
    fn new_rows_go_where_the_page_says() {
        Owner::new().with(|| {
            let rows = rows();
            rows.patch((3, "new"), |_| Some(0));
            rows.patch((4, "not for this list"), |_| None);
            rows.extend(vec![(2, "b"), (5, "next page")]);
            rows.remove("1");
            rows.move_to("5", 0);
            assert_eq!(rows.items_untracked(), [(5, "next page"), (3, "new"), (2, "b")]);
            let keys = |from, count| {
                rows.slice(from, count)
                    .into_iter()
                    .map(|(key, _)| key)
                    .collect::<Vec<_>>()
            };
            assert_eq!(
                (keys(0, 2), keys(2, 2), keys(4, 2)),
                (vec!["5".into(), "3".into()], vec!["2".into()], vec![])
            );
        });
    }

    #[test]
    fn a_fresh_reading_keeps_the_signals_of_rows_that_stay() {
        Owner::new().with(|| {
            let rows = rows();
            let kept = rows.list.get_untracked()[1].1.clone();
            rows.replace(vec![(2, "b2"), (9, "z")]);
            assert_eq!(kept.get_untracked(), (2, "b2"));
            assert_eq!(rows.items_untracked(), [(2, "b2"), (9, "z")]);
        });
    }

    #[test]
    fn a_plain_list_is_patched_by_key() {
        let mut list = vec![(1, "a"), (2, "b")];
        assert!(patch_list(&mut list, (2, "c"), |item| item.0, |_| None));
        assert!(!patch_list(&mut list, (2, "c"), |item| item.0, |_| None));
        assert!(!patch_list(&mut list, (3, "d"), |item| item.0, |_| None));
        assert!(patch_list(&mut list, (3, "d"), |item| item.0, |_| Some(9)));
        assert_eq!(list, [(1, "a"), (2, "c"), (3, "d")]);
    }
}
