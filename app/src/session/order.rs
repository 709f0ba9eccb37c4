//! The order of a timeline: the turn and block of each entry, and the entries under a subagent's call. Plain data and
//! pure functions, without signals, so that every rule has a test.

use crate::ui::format::lower;
use litemap::LiteMap;
use model::{
    calls::CallClass,
    entries::{CallStatus, Entry, EntryKind},
};

/// The size of a block of entries. Blocks are cut at absolute `seq`s, so that older entries never move the others.
pub const BLOCK: i64 = 50;

/// A block of a turn: the turn, then `seq / BLOCK`.
pub type Block = (i64, i64);

/// A group of rows that are rendered together or not at all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spot {
    /// A block of a turn.
    Turn(Block),
    /// A block of entries nested under a call: the call, then `seq / BLOCK`.
    Nest(String, i64),
}

/// The effect of an insertion, so that only this part is rendered again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The entry was known; only its own row changes.
    pub known: bool,
    /// Turns that are new or whose list of blocks changed.
    pub turns: Vec<i64>,
    /// Blocks whose list of entries changed.
    pub blocks: Vec<Block>,
    /// Calls whose list of nested entries changed.
    pub calls: Vec<String>,
}

/// The place of every loaded entry.
#[derive(Clone, Debug, Default)]
pub struct Order {
    turns: LiteMap<i64, LiteMap<i64, Vec<i64>>>,
    nested: LiteMap<String, Vec<i64>>,
    calls: LiteMap<String, i64>,
    waiting: LiteMap<String, Vec<(i64, i64)>>,
    places: LiteMap<i64, Option<String>>,
}

impl Order {
    /// Inserts an entry; a known one changes nothing.
    pub fn insert(&mut self, entry: &Entry) -> Change {
        let mut change = Change::default();
        if self.places.contains_key(&entry.seq) {
            change.known = true;
            return change;
        }
        match &entry.parent {
            Some(parent) if self.calls.contains_key(parent) => {
                self.nest(parent, entry.seq);
                change.calls.push(parent.clone());
            }
            // Its call is older than what is loaded, so it stays at the top level until the call arrives.
            Some(parent) => {
                self.waiting
                    .entry(parent.clone())
                    .or_default()
                    .push((entry.turn, entry.seq));
                self.stand(entry.turn, entry.seq, &mut change);
            }
            None => self.stand(entry.turn, entry.seq, &mut change),
        }
        self.places.insert(entry.seq, entry.parent.clone());
        if let Some(call) = &entry.call
            && matches!(entry.kind, EntryKind::Tool | EntryKind::Task)
            && !self.calls.contains_key(&call.id)
        {
            self.calls.insert(call.id.clone(), entry.seq);
            self.adopt(&call.id, &mut change);
        }
        change
    }

    fn stand(&mut self, turn: i64, seq: i64, change: &mut Change) {
        let block = seq.div_euclid(BLOCK);
        let blocks = self.turns.entry(turn).or_default();
        if !blocks.contains_key(&block) {
            change.turns.push(turn);
        }
        place(blocks.entry(block).or_default(), seq);
        change.blocks.push((turn, block));
    }

    fn nest(&mut self, parent: &str, seq: i64) {
        place(self.nested.entry(parent.to_owned()).or_default(), seq);
    }

    /// Moves entries from the top level under their call.
    fn adopt(&mut self, call: &str, change: &mut Change) {
        for (turn, seq) in self.waiting.remove(call).unwrap_or_default() {
            let block = seq.div_euclid(BLOCK);
            if let Some(blocks) = self.turns.get_mut(&turn) {
                if let Some(seqs) = blocks.get_mut(&block) {
                    seqs.retain(|other| *other != seq);
                    change.blocks.push((turn, block));
                    if seqs.is_empty() {
                        blocks.remove(&block);
                        change.turns.push(turn);
                    }
                }
                if blocks.is_empty() {
                    self.turns.remove(&turn);
                }
            }
            self.nest(call, seq);
            change.calls.push(call.to_owned());
        }
    }

    /// The turns, oldest first.
    pub fn turns(&self) -> Vec<i64> {
        self.turns.keys().copied().collect()
    }

    /// The blocks of a turn, oldest first.
    pub fn blocks(&self, turn: i64) -> Vec<Block> {
        self.turns
            .get(&turn)
            .map(|blocks| blocks.keys().map(|block| (turn, *block)).collect())
            .unwrap_or_default()
    }

    /// The entries of a block, in order.
    pub fn entries(&self, block: Block) -> Vec<i64> {
        self.turns
            .get(&block.0)
            .and_then(|blocks| blocks.get(&block.1))
            .cloned()
            .unwrap_or_default()
    }

    /// The calls with nested entries, oldest first.
    pub fn parents(&self) -> Vec<i64> {
        let mut seqs = Vec::new();
        for seq in self.nested.keys().filter_map(|call| self.calls.get(call)) {
            place(&mut seqs, *seq);
        }
        seqs
    }

    /// The entries nested under a call, in order.
    pub fn nested(&self, call: &str) -> Vec<i64> {
        self.nested.get(call).cloned().unwrap_or_default()
    }

    /// The entry of a call.
    pub fn call(&self, id: &str) -> Option<i64> {
        self.calls.get(id).copied()
    }

    /// The calls around an entry, innermost first; showing it means to open them.
    pub fn above(&self, seq: i64) -> Vec<i64> {
        let mut found = Vec::new();
        let mut at = seq;
        while let Some(call) = self
            .places
            .get(&at)
            .and_then(Option::as_ref)
            .and_then(|parent| self.call(parent))
        {
            if found.contains(&call) {
                break;
            }
            found.push(call);
            at = call;
        }
        found
    }

    /// The group that an entry of this turn is rendered in.
    pub fn spot(&self, turn: i64, seq: i64) -> Spot {
        let block = seq.div_euclid(BLOCK);
        match self
            .places
            .get(&seq)
            .and_then(Option::as_ref)
            .filter(|parent| self.calls.contains_key(*parent))
        {
            Some(call) => Spot::Nest(call.clone(), block),
            None => Spot::Turn((turn, block)),
        }
    }

    /// All loaded entries, in order.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = i64> + '_ {
        self.places.keys().copied()
    }

    /// The oldest loaded entry.
    pub fn first(&self) -> Option<i64> {
        self.places.keys().next().copied()
    }

    /// How many entries are loaded.
    pub fn loaded(&self) -> usize {
        self.places.len()
    }
}

/// The blocks of an ascending list of entries.
pub fn blocks_of(seqs: &[i64]) -> Vec<i64> {
    let mut blocks: Vec<i64> = seqs.iter().map(|seq| seq.div_euclid(BLOCK)).collect();
    blocks.dedup();
    blocks
}

/// The entries of one block in an ascending list.
pub fn in_block(seqs: &[i64], block: i64) -> &[i64] {
    let from = seqs.partition_point(|seq| seq.div_euclid(BLOCK) < block);
    let to = seqs.partition_point(|seq| seq.div_euclid(BLOCK) <= block);
    &seqs[from..to]
}

/// Inserts a number into an ascending list. New entries are last, so the search starts at the end.
pub(super) fn place(list: &mut Vec<i64>, seq: i64) {
    let at = list
        .iter()
        .rposition(|other| *other < seq)
        .map_or(0, |before| before + 1);
    if list.get(at) != Some(&seq) {
        list.insert(at, seq);
    }
}

/// Whether the entry is an error.
pub fn is_error(entry: &Entry) -> bool {
    entry.kind == EntryKind::Error
        || entry
            .call
            .as_ref()
            .is_some_and(|call| call.status == CallStatus::Failed)
}

/// Whether the entry changed a file.
pub fn is_edit(entry: &Entry) -> bool {
    entry.call.as_ref().is_some_and(|call| {
        matches!(call.class, CallClass::Edit | CallClass::Write) || call.added.is_some() || call.removed.is_some()
    })
}

/// A filter of the timeline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shown {
    /// Everything.
    #[default]
    All,
    /// Messages of people and agents.
    Talk,
    /// Changes of files.
    Edits,
    /// Errors.
    Errors,
    /// Actions of the agent.
    Actions,
}

impl Shown {
    /// All filters, in the order they are offered.
    pub const ALL: [Self; 5] = [Self::All, Self::Talk, Self::Edits, Self::Errors, Self::Actions];

    /// The word in the address.
    pub const fn key(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Talk => "talk",
            Self::Edits => "edits",
            Self::Errors => "errors",
            Self::Actions => "actions",
        }
    }

    /// The word on its button.
    pub const fn word(self) -> &'static str {
        match self {
            Self::All => "All",
            Self::Talk => "Talk",
            Self::Edits => "Edits",
            Self::Errors => "Errors",
            Self::Actions => "Actions",
        }
    }

    /// The filter of a word in the address; everything for an unknown word.
    pub fn of(key: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|shown| shown.key() == key)
            .unwrap_or_default()
    }

    /// Whether the filter keeps an entry. Prompts always stay, as heads of turns. The caller keeps entries that wait
    /// for an answer.
    pub fn keeps(self, entry: &Entry) -> bool {
        entry.kind == EntryKind::Prompt
            || match self {
                Self::All => true,
                Self::Talk => matches!(entry.kind, EntryKind::Message | EntryKind::Plan),
                Self::Edits => is_edit(entry),
                Self::Errors => is_error(entry),
                Self::Actions => matches!(entry.kind, EntryKind::Tool | EntryKind::Task),
            }
    }
}

/// The next hit after `at`, in a circle; `None` when there is none.
pub fn next_hit(hits: &[i64], at: Option<i64>) -> Option<i64> {
    match at {
        None => hits.first().copied(),
        Some(at) => hits.iter().find(|seq| **seq > at).or_else(|| hits.first()).copied(),
    }
}

/// Whether an entry contains `needle` (lower case), ignoring case.
pub fn says(entry: &Entry, needle: &str) -> bool {
    !needle.is_empty()
        && (lower(&entry.preview).contains(needle)
            || entry.call.as_ref().is_some_and(|call| {
                lower(&call.target).contains(needle)
                    || lower(&call.tool).contains(needle)
                    || lower(call.name()).contains(needle)
            })
            || entry
                .html
                .as_deref()
                .is_some_and(|html| lower(&text_of(html)).contains(needle)))
}

/// The text of sanitised HTML: without tags, and with entities of markup characters decoded.
pub fn text_of(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut inside = false;
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' if inside => inside = false,
            c if !inside => text.push(c),
            _ => {}
        }
    }
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{entries::Call, id::SessionId};

    fn entry(seq: i64, turn: i64, kind: EntryKind) -> Entry {
        Entry {
            session: "ses_01920000000070008000000000000001".parse::<SessionId>().unwrap(),
            seq,
            turn,
            kind,
            at: 0,
            parent: None,
            by_name: None,
            preview: format!("entry {seq}"),
            more: false,
            html: None,
            call: None,
            approval: None,
        }
    }

    fn call(seq: i64, turn: i64, id: &str) -> Entry {
        let call = Call {
            id: id.into(),
            tool: "a tool".into(),
            class: CallClass::Subagent,
            label: None,
            target: "look".into(),
            status: CallStatus::Running,
            result: None,
            added: None,
            removed: None,
            ended: None,
        };
        Entry {
            call: Some(call),
            ..entry(seq, turn, EntryKind::Tool)
        }
    }

    fn under(seq: i64, turn: i64, parent: &str) -> Entry {
        Entry {
            parent: Some(parent.into()),
            ..entry(seq, turn, EntryKind::Message)
        }
    }

    #[test]
    fn entries_group_by_turn_in_order_whatever_order_they_come_in() {
        let mut order = Order::default();
        for (seq, turn) in [(4, 2), (1, 1), (5, 2), (2, 1), (3, 1)] {
            order.insert(&entry(seq, turn, EntryKind::Message));
        }
        assert_eq!(order.turns(), [1, 2]);
        assert_eq!(order.entries((1, 0)), [1, 2, 3]);
        assert_eq!(order.entries((2, 0)), [4, 5]);
        assert_eq!(order.first(), Some(1));
    }

    #[test]
    fn inserting_twice_changes_nothing() {
        let mut order = Order::default();
        let first = order.insert(&entry(7, 1, EntryKind::Message));
        assert_eq!(first.turns, [1]);
        let again = order.insert(&entry(7, 1, EntryKind::Message));
        assert_eq!(
            again,
            Change {
                known: true,
                ..Change::default()
            }
        );
        assert_eq!(order.entries((1, 0)), [7]);
    }

    #[test]
    fn blocks_are_cut_at_absolute_places_so_older_entries_do_not_move_newer_ones() {
        let mut order = Order::default();
        for seq in 60..=120 {
            order.insert(&entry(seq, 1, EntryKind::Message));
        }
        let before = order.entries((1, 2));
        for seq in 1..60 {
            order.insert(&entry(seq, 1, EntryKind::Message));
        }
        assert_eq!(order.blocks(1), [(1, 0), (1, 1), (1, 2)]);
        assert_eq!(order.entries((1, 2)), before);
        assert_eq!(order.loaded(), 120);
    }

    #[test]
    fn nested_entries_go_under_their_call_also_when_the_call_arrives_later() {
        let mut order = Order::default();
        assert_eq!(order.insert(&under(51, 1, "c1")).turns, [1]);
        assert_eq!(order.entries((1, 1)), [51]);
        let change = order.insert(&call(50, 1, "c1"));
        assert_eq!(change.calls, ["c1"]);
        assert_eq!(order.entries((1, 1)), [50]);
        assert_eq!(order.nested("c1"), [51]);
        order.insert(&under(52, 1, "c1"));
        assert_eq!(order.nested("c1"), [51, 52]);
        assert_eq!(order.above(52), [50]);
    }

    #[test]
    fn a_turn_whose_only_entries_were_adopted_is_gone() {
        let mut order = Order::default();
        order.insert(&under(60, 2, "c1"));
        assert_eq!(order.turns(), [2]);
        let change = order.insert(&call(10, 1, "c1"));
        assert!(change.turns.contains(&2));
        assert_eq!(order.turns(), [1]);
    }

    #[test]
    fn an_entry_is_drawn_with_its_block_or_under_its_call() {
        let mut order = Order::default();
        order.insert(&under(52, 1, "c1"));
        assert_eq!(
            order.spot(1, 52),
            Spot::Turn((1, 1)),
            "in the open until its call arrives"
        );
        order.insert(&call(50, 1, "c1"));
        assert_eq!(order.spot(1, 52), Spot::Nest("c1".into(), 1));
        assert_eq!(order.spot(1, 50), Spot::Turn((1, 1)));
    }

    #[test]
    fn a_list_is_cut_into_blocks_without_a_rest() {
        let seqs = [3, 49, 50, 99, 160];
        assert_eq!(blocks_of(&seqs), [0, 1, 3]);
        assert_eq!(in_block(&seqs, 0), [3, 49]);
        assert_eq!(in_block(&seqs, 1), [50, 99]);
        assert_eq!(in_block(&seqs, 2), [0_i64; 0]);
        assert_eq!(in_block(&seqs, 3), [160]);
    }

    #[test]
    fn looking_for_the_next_hit_goes_round() {
        assert_eq!(next_hit(&[3, 9], None), Some(3));
        assert_eq!(next_hit(&[3, 9], Some(3)), Some(9));
        assert_eq!(next_hit(&[3, 9], Some(9)), Some(3));
        assert_eq!(next_hit(&[], Some(9)), None);
    }

    #[test]
    fn finding_reads_previews_targets_and_the_words_of_html() {
        let mut one = call(1, 1, "c");
        one.html = Some("<p>Use <code>a&lt;b</code></p>".into());
        assert!(says(&one, "a<b"));
        assert!(says(&one, "look"));
        assert!(says(&one, "entry 1"));
        assert!(!says(&one, "code"), "tags are not text");
        assert!(!says(&one, ""));
    }

    #[test]
    fn a_filter_keeps_its_own_and_the_heads_of_turns() {
        let mut edit = call(1, 1, "c");
        edit.call.as_mut().unwrap().class = CallClass::Edit;
        let (prompt, message, error) = (
            entry(2, 1, EntryKind::Prompt),
            entry(3, 1, EntryKind::Message),
            entry(4, 1, EntryKind::Error),
        );
        for shown in Shown::ALL {
            assert_eq!(Shown::of(shown.key()), shown);
            assert!(shown.keeps(&prompt));
        }
        let kept = |shown: Shown| [&edit, &message, &error].map(|entry| shown.keeps(entry));
        assert_eq!(kept(Shown::All), [true; 3]);
        assert_eq!(kept(Shown::Talk), [false, true, false]);
        assert_eq!(kept(Shown::Edits), [true, false, false]);
        assert_eq!(kept(Shown::Errors), [false, false, true]);
        assert_eq!(kept(Shown::Actions), [true, false, false]);
        assert_eq!(Shown::of("nonsense"), Shown::All);
    }

    #[test]
    fn edits_and_errors_are_told_apart() {
        let mut edit = call(1, 1, "c");
        edit.call.as_mut().unwrap().class = CallClass::Edit;
        assert!(is_edit(&edit) && !is_error(&edit));
        edit.call.as_mut().unwrap().status = CallStatus::Failed;
        assert!(is_error(&edit));
        assert!(is_error(&entry(2, 1, EntryKind::Error)));
    }
}
