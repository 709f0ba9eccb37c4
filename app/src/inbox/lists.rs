//! The lists of pending and decided approvals, which follow the socket, and the choice of the shown item. Pure
//! functions; they must not navigate or render.

use model::{
    approvals::{Approval, ApprovalState},
    id::ApprovalId,
    live::Row,
};

/// The most decided approvals kept on the page.
const KEEP: usize = 50;

/// The two lists.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lists {
    /// Pending approvals, oldest first.
    pub waiting: Vec<Approval>,
    /// Decided approvals, newest first.
    pub decided: Vec<Approval>,
    /// The approval that was named and is in neither list.
    pub named: Option<Approval>,
}

impl Lists {
    /// Inserts or updates an approval.
    pub fn take(&mut self, approval: Approval) {
        let id = approval.id;
        if approval.state == ApprovalState::Pending {
            // A page of the list may arrive after the socket has reported the decision.
            if self.decided.iter().any(|other| other.id == id) {
                return;
            }
            if let Some(known) = self.waiting.iter_mut().find(|other| other.id == id) {
                *known = approval;
                return;
            }
            let later = |other: &Approval| (other.created, other.id) > (approval.created, id);
            let at = self.waiting.iter().position(later).unwrap_or(self.waiting.len());
            self.waiting.insert(at, approval);
            return;
        }
        self.waiting.retain(|other| other.id != id);
        match self.decided.iter_mut().find(|other| other.id == id) {
            Some(known) => *known = approval,
            None => self.decided.insert(0, approval),
        }
        self.decided.truncate(KEEP);
    }

    /// Adds the named approval. A pending one joins the others, so that the socket updates it and it has neighbours.
    pub fn name(&mut self, approval: Approval) {
        if approval.state == ApprovalState::Pending {
            self.take(approval);
        } else {
            self.named = Some(approval);
        }
    }

    /// Removes a deleted approval, or all of a deleted session.
    pub fn drop(&mut self, gone: &str) {
        let stays = |other: &Approval| other.id.to_string() != gone && other.session.to_string() != gone;
        self.waiting.retain(stays);
        self.decided.retain(stays);
        self.named.take_if(|named| !stays(named));
    }

    /// Updates the names of sessions and projects; `true` if one changed.
    pub fn rename(&mut self, row: &Row) -> bool {
        let mut changed = false;
        for approval in self.waiting.iter_mut().chain(&mut self.decided).chain(&mut self.named) {
            let (name, now) = match row {
                Row::Session(session) if session.id == approval.session => {
                    (&mut approval.session_title, &session.title)
                }
                Row::Project(project) if project.id == approval.project => (&mut approval.project_name, &project.name),
                _ => continue,
            };
            if name != now {
                name.clone_from(now);
                changed = true;
            }
        }
        changed
    }

    /// The item to show: exactly the wanted one, or nothing; with none wanted, the oldest pending one.
    pub fn shown(&self, wanted: Option<ApprovalId>) -> Option<&Approval> {
        match wanted {
            Some(id) => self
                .waiting
                .iter()
                .chain(&self.decided)
                .chain(&self.named)
                .find(|approval| approval.id == id),
            None => self.waiting.first(),
        }
    }

    /// The pending item one step after or before `at`; stops at the ends.
    pub fn step(&self, at: Option<ApprovalId>, on: bool) -> Option<ApprovalId> {
        let place = at.and_then(|id| self.waiting.iter().position(|approval| approval.id == id));
        let next = match (place, on) {
            (None, _) => 0,
            (Some(at), true) => (at + 1).min(self.waiting.len().checked_sub(1)?),
            (Some(at), false) => at.saturating_sub(1),
        };
        self.waiting.get(next).map(|approval| approval.id)
    }

    /// The item to show once `id` is decided: the one after it, else the one before.
    pub fn after(&self, id: ApprovalId) -> Option<ApprovalId> {
        self.around(id).first().copied()
    }

    /// All pending items besides `id`, in the order to show them once it is decided: those after it, then those before
    /// it, nearest first.
    pub fn around(&self, id: ApprovalId) -> Vec<ApprovalId> {
        let Some(place) = self.waiting.iter().position(|approval| approval.id == id) else {
            return Vec::new();
        };
        self.waiting[place + 1..]
            .iter()
            .chain(self.waiting[..place].iter().rev())
            .map(|approval| approval.id)
            .collect()
    }

    /// The item to show now that `id` is decided. `around` is [`Lists::around`] from the time of sending; some of those
    /// may be decided by now.
    pub fn next(&self, id: ApprovalId, around: &[ApprovalId]) -> Option<ApprovalId> {
        let waits = |id: &ApprovalId| self.waiting.iter().any(|approval| approval.id == *id);
        around
            .iter()
            .copied()
            .find(waits)
            .or_else(|| self.after(id))
            .or_else(|| {
                self.waiting
                    .iter()
                    .map(|approval| approval.id)
                    .find(|other| *other != id)
            })
    }
}

#[cfg(all(test, feature = "ssr"))]
pub(crate) mod tests {
    use super::*;

    /// An approval with the `n`th id, asked at time `n`.
    pub(crate) fn approval(n: u8, state: ApprovalState) -> Approval {
        crate::testing::approval(n, |approval| {
            approval.state = state;
            approval.created = i64::from(n);
        })
    }

    fn lists(waiting: &[u8]) -> Lists {
        let mut lists = Lists::default();
        for n in waiting {
            lists.take(approval(*n, ApprovalState::Pending));
        }
        lists
    }

    #[test]
    fn what_waits_is_oldest_first_and_known_ones_are_patched() {
        let mut lists = lists(&[3, 1, 2]);
        lists.take(approval(2, ApprovalState::Pending));
        let order: Vec<_> = lists.waiting.iter().map(|approval| approval.created).collect();
        assert_eq!(order, [1, 2, 3]);
    }

    #[test]
    fn names_follow_the_socket() {
        let mut lists = lists(&[1, 2]);
        lists.name(approval(3, ApprovalState::Denied));
        let session = crate::testing::session(1, |session| session.title = "Renamed".into());
        let project = crate::testing::project(1, |project| project.name = "moved".into());
        let same = |approval: &&Approval| approval.session == session.id;
        let count = lists.waiting.iter().chain(&lists.named).filter(same).count();
        assert!(count > 0);
        assert!(lists.rename(&Row::Session(Box::new(session.clone()))));
        assert!(!lists.rename(&Row::Session(Box::new(session.clone()))));
        assert!(lists.rename(&Row::Project(Box::new(project.clone()))));
        let called =
            |approval: &&Approval| approval.session_title == session.title && approval.project_name == project.name;
        assert_eq!(lists.waiting.iter().chain(&lists.named).filter(called).count(), count);
    }

    #[test]
    fn a_decided_one_changes_lists_once() {
        let mut lists = lists(&[1, 2]);
        lists.take(approval(1, ApprovalState::Allowed));
        lists.take(approval(1, ApprovalState::Allowed));
        assert_eq!((lists.waiting.len(), lists.decided.len()), (1, 1));
        lists.take(approval(1, ApprovalState::Pending));
        assert_eq!(lists.waiting.len(), 1, "what was read before waits no more");
        lists.drop(&approval(1, ApprovalState::Allowed).id.to_string());
        assert!(lists.decided.is_empty());
    }

    #[test]
    fn what_a_session_asked_goes_with_it() {
        let mut lists = lists(&[1, 2]);
        lists.take(approval(2, ApprovalState::Denied));
        lists.name(crate::testing::approval(3, |approval| {
            approval.state = ApprovalState::Denied;
            approval.session = crate::testing::session_id(2);
        }));
        lists.drop(&crate::testing::session_id(1).to_string());
        assert_eq!(
            (lists.waiting.len(), lists.decided.len(), lists.named.is_some()),
            (0, 0, true)
        );
    }

    #[test]
    fn after_a_decision_the_next_one_is_shown_and_at_the_end_the_one_before() {
        let lists = lists(&[1, 2, 3]);
        let id = |n| approval(n, ApprovalState::Pending).id;
        assert_eq!(lists.after(id(1)), Some(id(2)));
        assert_eq!(lists.after(id(3)), Some(id(2)));
        assert_eq!(lists.after(id(9)), None);
        assert_eq!(super::Lists::default().after(id(1)), None);
    }

    #[test]
    fn what_was_said_to_come_next_comes_although_the_socket_was_faster_than_the_answer() {
        let mut lists = lists(&[1, 2, 3, 4]);
        let id = |n| approval(n, ApprovalState::Pending).id;
        let around = lists.around(id(2));
        assert_eq!(around, [id(3), id(4), id(1)]);
        lists.take(approval(2, ApprovalState::Allowed));
        assert_eq!(lists.next(id(2), &around), Some(id(3)));
        lists.take(approval(3, ApprovalState::Denied));
        assert_eq!(
            lists.next(id(2), &around),
            Some(id(4)),
            "somebody else has decided the one that came next"
        );
        lists.take(approval(5, ApprovalState::Pending));
        for n in [1, 4] {
            lists.take(approval(n, ApprovalState::Allowed));
        }
        assert_eq!(lists.next(id(2), &around), Some(id(5)));
    }

    #[test]
    fn steps_stop_at_the_ends() {
        let lists = lists(&[1, 2]);
        let id = |n| approval(n, ApprovalState::Pending).id;
        assert_eq!(lists.step(Some(id(1)), true), Some(id(2)));
        assert_eq!(lists.step(Some(id(2)), true), Some(id(2)));
        assert_eq!(lists.step(Some(id(1)), false), Some(id(1)));
        assert_eq!(lists.step(None, true), Some(id(1)));
        assert_eq!(Lists::default().step(None, true), None);
    }

    #[test]
    fn what_was_asked_for_is_shown_even_when_it_is_decided() {
        let mut lists = lists(&[1, 2]);
        let id = |n| approval(n, ApprovalState::Pending).id;
        assert_eq!(lists.shown(None).map(|a| a.id), Some(id(1)));
        lists.take(approval(2, ApprovalState::Denied));
        assert_eq!(lists.shown(Some(id(2))).map(|a| a.state), Some(ApprovalState::Denied));
        assert_eq!(lists.shown(Some(id(7))), None, "never another one");
    }
}
