//! The state of a session page, in fine-grained signals: one per row, per block and per turn. It takes rows from the
//! first load, from scrolling up and from the live socket alike; it must not fetch any.

use super::approval::after_decision;
use super::order::{Block, Change, Order, Shown, Spot, is_edit, is_error, next_hit, place, says};
use crate::{error::AppError, ui::Blank};
use leptos::prelude::*;
use litemap::LiteMap;
use model::{
    approvals::{Approval, ApprovalState},
    entries::{Call, CallStatus, Entry, EntryBody, EntryKind, Partial},
    fleet::NodeRef,
    id::{ApprovalId, PromptId},
    sessions::{Prompt, PromptState, Session},
};

/// The body of an entry, as far as it is loaded.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Body {
    /// Not requested: nobody opened the row.
    #[default]
    Unasked,
    /// Being fetched.
    Asked,
    /// Loaded.
    Here(Box<EntryBody>),
    /// The fetch failed.
    Failed(AppError),
}

/// One row of the timeline.
#[derive(Clone)]
pub struct Row {
    /// The entry.
    pub entry: ArcRwSignal<Entry>,
    /// Whether it is open.
    pub open: ArcRwSignal<bool>,
    /// Its body.
    pub body: ArcRwSignal<Body>,
}

/// The changes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSum {
    /// Its path, as the agent gives it.
    pub path: String,
    /// Lines added.
    pub added: i64,
    /// Lines removed.
    pub removed: i64,
    /// The newest entry that changed it.
    pub seq: i64,
}

#[derive(Default)]
struct Inner {
    order: Order,
    // Sorted lists, because hash maps or trees would be 15 % of this page's code.
    rows: LiteMap<i64, Row>,
    turns: LiteMap<i64, ArcRwSignal<Vec<Block>>>,
    blocks: LiteMap<Block, ArcRwSignal<Vec<i64>>>,
    nested: LiteMap<String, ArcRwSignal<Vec<i64>>>,
    blanks: LiteMap<Spot, Blank>,
    /// The page's scroll position, in pixels.
    top: f64,
    /// Entries that changed a file, in order.
    edits: Vec<i64>,
    /// Background tasks, in order.
    tasks: Vec<i64>,
    /// The edit that was opened for being the newest.
    newest_edit: Option<i64>,
    /// Prompts that the socket has reported as no longer queued.
    settled: Vec<PromptId>,
    /// The entry in the address that is not here, and whether it is above the loaded ones.
    lost: ArcRwSignal<Option<(i64, bool)>>,
}

/// The loaded part of a timeline.
#[derive(Clone, Copy, Default)]
pub struct Timeline {
    /// Text being written, by its call.
    pub partials: RwSignal<LiteMap<Option<String>, Partial>>,
    /// The loaded turns, oldest first.
    pub turns: RwSignal<Vec<i64>>,
    /// Whether there are older entries to load.
    pub older: RwSignal<bool>,
    /// Counts the entries taken in.
    pub arrived: RwSignal<u64>,
    /// Counts changes in `Store::files`, `Store::background` or `Store::subagents`.
    pub marked: RwSignal<u64>,
    /// The newest list of things to do, or plan.
    pub plan: RwSignal<Option<i64>>,
}

/// The reader's position in a timeline.
#[derive(Clone, Copy)]
pub struct Reader {
    /// The number of entries that arrived while the reader was above, for the pill.
    pub unseen: RwSignal<usize>,
    /// Whether the reader is at the end.
    pub at_end: RwSignal<bool>,
    /// The entry a key led to.
    pub at: RwSignal<Option<i64>>,
    /// The filter of the timeline.
    pub shown: RwSignal<Shown>,
}

/// What a session asks of people.
#[derive(Clone, Copy)]
pub struct Asked {
    /// Its loaded approvals, oldest first.
    pub approvals: RwSignal<Vec<Approval>>,
    /// The decision that the dock shows, or is to show.
    pub docked: RwSignal<Option<ApprovalId>>,
    /// Called with a decision's outcome, even when its card is gone by then.
    pub decided: Callback<Approval>,
}

/// The state of a session page. Cheap to copy; lives as long as the page.
#[derive(Clone, Copy)]
pub struct Store {
    /// The session.
    pub session: RwSignal<Session>,
    /// Whether its project is trusted.
    pub trusted: RwSignal<bool>,
    /// Whether its project has files of its own that would run if it were trusted.
    pub runs_own: RwSignal<bool>,
    /// Whether the person may drive it.
    pub may_drive: bool,
    /// Queued prompts, oldest first.
    pub queued: RwSignal<Vec<Prompt>>,
    /// The loaded part of the timeline.
    pub timeline: Timeline,
    /// The reader's position in it.
    pub reader: Reader,
    /// The approvals.
    pub asked: Asked,
    inner: StoredValue<Inner>,
}

impl Store {
    /// Applies the row that an action returned, unless the socket has sent a newer one, which nothing would restore.
    pub fn take_answer(self, session: Session) {
        // The page may be gone before the answer comes.
        let newer = self
            .session
            .try_with_untracked(|now| (session.updated, session.state_since) >= (now.updated, now.state_since));
        if newer.unwrap_or(false) {
            self.session.set(session);
        }
    }

    /// The store of a page that was just opened.
    pub fn new(
        session: Session,
        trusted: bool,
        runs_own: bool,
        may_drive: bool,
        queued: Vec<Prompt>,
        approvals: Vec<Approval>,
    ) -> Self {
        let nobody = Callback::new(|_| ());
        let mut store = Self {
            session: RwSignal::new(session),
            trusted: RwSignal::new(trusted),
            runs_own: RwSignal::new(runs_own),
            may_drive,
            queued: RwSignal::new(queued),
            timeline: Timeline::default(),
            reader: Reader {
                unseen: RwSignal::new(0),
                at_end: RwSignal::new(true),
                at: RwSignal::new(None),
                shown: RwSignal::new(Shown::All),
            },
            asked: Asked {
                approvals: RwSignal::new(approvals),
                docked: RwSignal::new(None),
                decided: nobody,
            },
            inner: StoredValue::new(Inner::default()),
        };
        store.asked.decided = Callback::new(move |now: Approval| {
            let id = now.id;
            store.take_approval(now);
            after_decision(store, id);
        });
        store
    }

    /// The node that the session runs on, unless it is this one.
    pub fn elsewhere(self) -> Option<NodeRef> {
        self.session
            .with_untracked(|session| (!session.node.here).then(|| session.node.clone()))
    }

    /// Whether its page is still there: an answer may come later.
    pub fn is_here(&self) -> bool {
        self.inner.try_with_value(|_| ()).is_some()
    }

    /// Applies a page of entries in one go.
    pub fn load(&self, entries: &[Entry]) {
        let mut changes = Vec::with_capacity(entries.len());
        self.inner
            .update_value(|inner| changes.extend(entries.iter().map(|entry| inner.take(entry))));
        self.tell(changes);
        self.follow_plan(entries);
        let newest = entries.iter().rev().find(|entry| is_edit(entry)).map(|entry| entry.seq);
        self.inner.update_value(|inner| inner.open_newest(newest, true));
    }

    /// Applies an entry from the socket.
    pub fn take(&self, entry: &Entry) {
        let mut change = Change::default();
        self.inner.update_value(|inner| change = inner.take(entry));
        let new = !change.known;
        self.tell(vec![change]);
        self.timeline.arrived.update(|arrived| *arrived += 1);
        self.follow_plan(std::slice::from_ref(entry));
        if new && !self.reader.at_end.get_untracked() {
            self.reader.unseen.update(|unseen| *unseen += 1);
        }
        let ended = entry.call.as_ref().is_some_and(|call| call.status == CallStatus::Ok);
        if is_edit(entry) && ended {
            let close = self.reader.at_end.get_untracked();
            self.inner
                .update_value(|inner| inner.open_newest(Some(entry.seq), close));
        }
        // The text being written has become an entry.
        if matches!(entry.kind, EntryKind::Message | EntryKind::Thought | EntryKind::Plan) && new {
            self.timeline.partials.update(|partials| {
                partials.remove(&entry.parent);
            });
        }
    }

    /// Whether the filter shows an entry; one that waits for an answer is always shown. Subscribes, with a filter also
    /// to the entry.
    pub fn is_shown(&self, seq: i64) -> bool {
        let shown = self.reader.shown.get();
        shown == Shown::All
            || self.row(seq).is_none_or(|row| {
                row.entry
                    .with(|entry| shown.keeps(entry) || entry.approval.is_some_and(|approval| self.waits(approval)))
            })
    }

    /// The files changed in the loaded entries, newest last: lines added and removed, and the newest change.
    /// Subscribes.
    pub fn files(&self) -> Vec<FileSum> {
        self.timeline.marked.track();
        let mut files = Vec::<FileSum>::new();
        for (seq, call) in self.calls(|inner| &inner.edits) {
            let (added, removed) = (call.added.unwrap_or_default(), call.removed.unwrap_or_default());
            let before = files
                .iter()
                .position(|file| file.path == call.target)
                .map(|at| files.remove(at));
            let (more, less) = before.map_or((0, 0), |file| (file.added, file.removed));
            files.push(FileSum {
                path: call.target,
                added: added + more,
                removed: removed + less,
                seq,
            });
        }
        files
    }

    /// The background tasks: the entry, and a name. Subscribes.
    pub fn background(&self) -> Vec<(i64, String)> {
        self.timeline.marked.track();
        let running = self
            .calls(|inner| &inner.tasks)
            .into_iter()
            .filter(|(_, call)| call.status == CallStatus::Running);
        running
            .map(|(seq, call)| {
                (
                    seq,
                    if call.target.is_empty() {
                        call.name().to_owned()
                    } else {
                        call.target
                    },
                )
            })
            .collect()
    }

    /// The calls of subagents. Subscribes.
    pub fn subagents(&self) -> Vec<(i64, Call)> {
        self.timeline.marked.track();
        let parents = self.inner.with_value(|inner| inner.order.parents());
        parents
            .into_iter()
            .filter_map(|seq| Some((seq, self.row(seq)?.entry.with_untracked(|entry| entry.call.clone())?)))
            .collect()
    }

    fn calls(&self, of: fn(&Inner) -> &Vec<i64>) -> Vec<(i64, Call)> {
        let seqs = self.inner.with_value(|inner| of(inner).clone());
        seqs.into_iter()
            .filter_map(|seq| Some((seq, self.row(seq)?.entry.with_untracked(|entry| entry.call.clone())?)))
            .collect()
    }

    /// The heads of the loaded turns: the entry, and its first prompt.
    pub fn prompts(&self) -> Vec<(i64, String)> {
        let prompts = self.hits(|entry| entry.kind == EntryKind::Prompt);
        prompts
            .into_iter()
            .filter_map(|seq| Some((seq, self.row(seq)?.entry.with_untracked(|entry| entry.preview.clone()))))
            .collect()
    }

    fn follow_plan(&self, entries: &[Entry]) {
        let newest = entries
            .iter()
            .filter(|entry| matches!(entry.kind, EntryKind::Plan | EntryKind::Todo))
            .map(|entry| entry.seq)
            .max();
        if newest > self.timeline.plan.get_untracked() {
            self.timeline.plan.set(newest);
        }
    }

    /// Notifies each changed list once.
    fn tell(&self, changes: Vec<Change>) {
        self.timeline.marked.update(|marked| *marked = marked.wrapping_add(1));
        let (mut turns, mut blocks, mut calls) = (Vec::new(), Vec::new(), Vec::new());
        for change in changes {
            add(&mut turns, change.turns);
            add(&mut blocks, change.blocks);
            add(&mut calls, change.calls);
        }
        for call in &calls {
            let list = self.inner.with_value(|inner| inner.order.nested(call));
            self.nested(call).set(list);
        }
        for block in blocks {
            let list = self.inner.with_value(|inner| inner.order.entries(block));
            self.block(block).set(list);
        }
        for turn in &turns {
            let list = self.inner.with_value(|inner| inner.order.blocks(*turn));
            self.turn(*turn).set(list);
        }
        if !turns.is_empty() {
            let all = self.inner.with_value(|inner| inner.order.turns());
            if self.timeline.turns.with_untracked(|before| *before != all) {
                self.timeline.turns.set(all);
            }
        }
    }

    /// The blocks of a turn.
    pub fn turn(&self, turn: i64) -> ArcRwSignal<Vec<Block>> {
        self.list(|inner| inner.turns.entry(turn).or_default().clone())
    }

    /// The entries of a block.
    pub fn block(&self, block: Block) -> ArcRwSignal<Vec<i64>> {
        self.list(|inner| inner.blocks.entry(block).or_default().clone())
    }

    /// The entries under a call.
    pub fn nested(&self, call: &str) -> ArcRwSignal<Vec<i64>> {
        self.list(|inner| inner.nested.entry(call.to_owned()).or_default().clone())
    }

    /// Whether these rows are left out of the document.
    pub fn blank(&self, spot: Spot) -> Blank {
        self.list(|inner| inner.blanks.entry(spot).or_default().clone())
    }

    fn list<T>(&self, of: impl FnOnce(&mut Inner) -> T) -> T {
        self.inner
            .try_update_value(of)
            .expect("the store lives as long as the page that draws from it")
    }

    /// A loaded row.
    pub fn row(&self, seq: i64) -> Option<Row> {
        self.inner.with_value(|inner| inner.rows.get(&seq).cloned())
    }

    /// Retries failed fetches of bodies.
    pub fn ask_again(&self) {
        let bodies: Vec<_> = self
            .inner
            .with_value(|inner| inner.rows.values().map(|row| row.body.clone()).collect());
        for body in bodies {
            if body.with_untracked(|body| matches!(body, Body::Failed(_))) {
                body.set(Body::Unasked);
            }
        }
    }

    /// Whether the timeline itself shows `why` since the newest prompt.
    pub fn said_why(&self, why: &str) -> bool {
        let since = self.last_prompt().map_or(0, |prompt| prompt.seq);
        let says = |entry: &Entry| entry.kind == EntryKind::Error && entry.seq > since && is_same(why, &entry.preview);
        !self.hits(says).is_empty()
    }

    /// The newest loaded prompt.
    pub fn last_prompt(&self) -> Option<Entry> {
        self.hits(|entry| entry.kind == EntryKind::Prompt)
            .last()
            .and_then(|seq| self.row(*seq))
            .map(|row| row.entry.get_untracked())
    }

    /// The oldest loaded entry.
    pub fn first(&self) -> Option<i64> {
        self.inner.with_value(|inner| inner.order.first())
    }

    /// Stores the scroll position; gives the one before.
    pub fn scrolled_to(&self, top: f64) -> f64 {
        self.list(|inner| std::mem::replace(&mut inner.top, top))
    }

    /// The number of loaded entries.
    pub fn loaded(&self) -> usize {
        self.inner.with_value(|inner| inner.order.loaded())
    }

    fn hits(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<i64> {
        self.inner.with_value(|inner| {
            inner
                .order
                .all()
                .filter(|seq| inner.rows.get(seq).is_some_and(|row| row.entry.with_untracked(&wanted)))
                .collect()
        })
    }

    /// The next error after the reader's position.
    pub fn next_error(&self) -> Option<i64> {
        next_hit(&self.hits(is_error), self.reader.at.get_untracked())
    }

    /// The next change of a file after the reader's position.
    pub fn next_edit(&self) -> Option<i64> {
        next_hit(&self.hits(is_edit), self.reader.at.get_untracked())
    }

    /// The loaded entries that contain this text, in order.
    pub fn find(&self, text: &str) -> Vec<i64> {
        let needle = crate::ui::format::lower(text.trim());
        self.hits(|entry| says(entry, &needle))
    }

    /// Opens and renders everything around an entry, and with `itself` opens the entry too.
    pub fn reveal(&self, seq: i64, itself: bool) {
        let above = self.draw(seq);
        for row in above
            .into_iter()
            .chain(itself.then_some(seq))
            .filter_map(|seq| self.row(seq))
        {
            row.open.set(true);
        }
        self.reader.at.set(Some(seq));
    }

    /// Makes the browser render an entry and the calls it is nested under; gives these calls.
    fn draw(&self, seq: i64) -> Vec<i64> {
        let above = self.inner.with_value(|inner| inner.order.above(seq));
        for seq in above.iter().copied().chain([seq]) {
            let Some(turn) = self.row(seq).map(|row| row.entry.with_untracked(|entry| entry.turn)) else {
                continue;
            };
            let blank = self.blank(self.inner.with_value(|inner| inner.order.spot(turn, seq)));
            if blank.with_untracked(Option::is_some) {
                blank.set(None);
            }
        }
        above
    }

    /// This person's earlier prompts here, newest last; only complete ones.
    pub fn said(&self) -> Vec<String> {
        self.inner.with_value(|inner| {
            inner
                .order
                .all()
                .filter_map(|seq| inner.rows.get(&seq))
                .filter_map(|row| {
                    row.entry.with_untracked(|entry| {
                        (entry.kind == EntryKind::Prompt && !entry.more).then(|| entry.preview.clone())
                    })
                })
                .collect()
        })
    }

    /// Applies an approval.
    pub fn take_approval(&self, approval: Approval) {
        self.asked.approvals.update(
            |approvals| match approvals.iter_mut().find(|other| other.id == approval.id) {
                Some(known) => *known = approval,
                None => approvals.push(approval),
            },
        );
    }

    /// The present state of an approval.
    pub fn approval(&self, id: ApprovalId) -> Memo<Option<Approval>> {
        let approvals = self.asked.approvals;
        Memo::new(move |_| approvals.with(|list| list.iter().find(|approval| approval.id == id).cloned()))
    }

    /// The pending approvals, oldest first. Subscribes.
    pub fn pending(&self) -> Vec<ApprovalId> {
        let waits = |approval: &&Approval| approval.state == ApprovalState::Pending;
        self.asked.approvals.with(|list| {
            let mut waiting: Vec<_> = list
                .iter()
                .filter(waits)
                .map(|approval| (approval.created, approval.id))
                .collect();
            waiting.sort_unstable();
            waiting.into_iter().map(|(_, id)| id).collect()
        })
    }

    /// The entry in the address that is not here, and whether it is above the loaded ones.
    pub fn lost(&self) -> ArcRwSignal<Option<(i64, bool)>> {
        self.list(|inner| inner.lost.clone())
    }

    /// Whether this approval is pending. Subscribes.
    pub fn waits(&self, id: ApprovalId) -> bool {
        self.asked.approvals.with(|list| {
            list.iter()
                .any(|approval| approval.id == id && approval.state == ApprovalState::Pending)
        })
    }

    /// The number of pending approvals.
    pub fn waiting(&self) -> usize {
        self.asked.approvals.with(|list| {
            list.iter()
                .filter(|approval| approval.state == ApprovalState::Pending)
                .count()
        })
    }

    /// Applies a prompt from the socket: queued ones are shown, others have become entries or are gone.
    pub fn take_prompt(&self, prompt: Prompt) {
        if prompt.state != PromptState::Queued {
            self.inner.update_value(|inner| {
                add(&mut inner.settled, vec![prompt.id]);
            });
        }
        self.queued.update(|queued| take_prompt(queued, prompt));
    }

    /// Adds a prompt that was just accepted, unless the socket was faster: it would stay queued for ever.
    pub fn take_accepted(&self, prompt: Prompt) {
        let settled = self.inner.try_with_value(|inner| inner.settled.contains(&prompt.id));
        if settled == Some(false) && prompt.state == PromptState::Queued {
            self.queued.update(|queued| take_prompt(queued, prompt));
        }
    }

    /// Removes a prompt.
    pub fn drop_prompt(&self, id: PromptId) {
        self.queued.update(|queued| queued.retain(|prompt| prompt.id != id));
    }

    /// Applies text being written; empty text means that none is.
    pub fn take_partial(&self, partial: Partial) {
        if !partial.text.is_empty() {
            self.timeline.partials.update(|partials| {
                partials.insert(partial.parent.clone(), partial);
            });
        } else if self.timeline.partials.with_untracked(|partials| !partials.is_empty()) {
            self.timeline.partials.set(LiteMap::default());
        }
    }
}

impl Inner {
    fn take(&mut self, entry: &Entry) -> Change {
        let change = self.order.insert(entry);
        if let Some(row) = self.rows.get(&entry.seq) {
            let fails = is_error(entry) && !row.entry.with_untracked(is_error);
            let ended = row.entry.with_untracked(|before| before.call != entry.call);
            if row.entry.with_untracked(|before| before != entry) {
                row.entry.set(entry.clone());
            }
            // A body fetched during the call lacks its outcome.
            if ended && row.body.with_untracked(|body| *body != Body::Unasked) {
                row.body.set(Body::Unasked);
            }
            if fails {
                row.open.set(true);
            }
        } else {
            let open = is_error(entry) && entry.call.is_some();
            self.rows.insert(
                entry.seq,
                Row {
                    entry: ArcRwSignal::new(entry.clone()),
                    open: ArcRwSignal::new(open),
                    body: ArcRwSignal::new(Body::default()),
                },
            );
        }
        self.mark(entry);
        change
    }

    /// Keeps lists of changed files and background tasks, since a search through all entries takes too long.
    fn mark(&mut self, entry: &Entry) {
        if is_edit(entry) && entry.call.as_ref().is_some_and(|call| call.status == CallStatus::Ok) {
            place(&mut self.edits, entry.seq);
        }
        if entry.kind == EntryKind::Task {
            place(&mut self.tasks, entry.seq);
        }
    }

    /// Opens the newest edit. Closes the one opened before, if that moves no text that anybody reads.
    fn open_newest(&mut self, seq: Option<i64>, close: bool) {
        let Some(seq) = seq.filter(|seq| Some(*seq) > self.newest_edit) else {
            return;
        };
        if let Some(before) = self.newest_edit.filter(|_| close).and_then(|seq| self.rows.get(&seq))
            && !before.entry.with_untracked(is_error)
        {
            before.open.set(false);
        }
        if let Some(row) = self.rows.get(&seq) {
            row.open.set(true);
            self.newest_edit = Some(seq);
        }
    }
}

/// Whether two texts, each possibly cut, are the same.
fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (
        one.trim_end_matches('…').trim_end(),
        other.trim_end_matches('…').trim_end(),
    );
    !one.is_empty() && !other.is_empty() && (one.starts_with(other) || other.starts_with(one))
}

/// Adds missing items; the lists are short.
fn add<T: PartialEq>(list: &mut Vec<T>, more: Vec<T>) {
    for one in more {
        if !list.contains(&one) {
            list.push(one);
        }
    }
}

/// Inserts, updates or removes a prompt in the queue.
pub fn take_prompt(queued: &mut Vec<Prompt>, prompt: Prompt) {
    let known = queued.iter().position(|other| other.id == prompt.id);
    match (prompt.state, known) {
        (PromptState::Queued, Some(at)) => queued[at] = prompt,
        (PromptState::Queued, None) => queued.push(prompt),
        (_, Some(at)) => {
            queued.remove(at);
        }
        (_, None) => {}
    }
}
