//! The effect of a socket's row on the Overview, before it is read again as a whole. Pure. Totals are estimates from
//! rows alone; the next reading corrects them.

use super::sentence::Counts;
use crate::live::patch_list;
use model::{
    approvals::{Approval, ApprovalState},
    node::{Activity, Overview},
    sessions::{Session, SessionState},
};

/// The lane of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    Troubled,
    Working,
    Done,
    None,
}

fn lane(session: &Session) -> Lane {
    if session.deleted.is_some() || session.archived.is_some() {
        return Lane::None;
    }
    match session.state {
        SessionState::Failed | SessionState::Unknown => Lane::Troubled,
        SessionState::Queued | SessionState::Starting | SessionState::Working => Lane::Working,
        SessionState::Idle | SessionState::Done | SessionState::Interrupted => Lane::Done,
        // A waiting session is shown by its approvals.
        SessionState::Waiting => Lane::None,
    }
}

/// Applies a session's row.
pub fn take_session(overview: &mut Overview, session: &Session) {
    let wanted = lane(session);
    let id = session.id;
    if wanted != Lane::Troubled {
        overview.troubled.retain(|other| other.id != id);
    }
    if wanted != Lane::Working {
        overview.working.retain(|other| other.id != id);
    }
    let was_done = overview.done_today.iter().any(|other| other.id == id);
    if wanted != Lane::Done && was_done {
        overview.done_today.retain(|other| other.id != id);
        overview.done_today_total = (overview.done_today_total - 1).max(0);
    }
    let key = |session: &Session| session.id;
    match wanted {
        Lane::Troubled => {
            patch_list(&mut overview.troubled, session.clone(), key, |_| Some(0));
        }
        Lane::Working => {
            patch_list(&mut overview.working, session.clone(), key, |_| Some(0));
        }
        Lane::Done => {
            patch_list(&mut overview.done_today, session.clone(), key, |_| Some(0));
            if !was_done {
                overview.done_today_total += 1;
            }
            overview.done_today.truncate(12);
        }
        Lane::None => {}
    }
}

/// Applies an approval's row.
pub fn take_approval(overview: &mut Overview, approval: &Approval) {
    let id = approval.id;
    let known = overview.approvals.iter().any(|other| other.id == id);
    if approval.state == ApprovalState::Pending {
        patch_list(
            &mut overview.approvals,
            approval.clone(),
            |one| one.id,
            |list| {
                Some(
                    list.iter()
                        .position(|other| (other.created, other.id) > (approval.created, id))
                        .unwrap_or(list.len()),
                )
            },
        );
        if !known {
            overview.approvals_total += 1;
        }
    } else if known {
        overview.approvals.retain(|other| other.id != id);
        overview.approvals_total = (overview.approvals_total - 1).max(0);
    }
}

/// Removes a deleted row.
pub fn drop(overview: &mut Overview, id: &str) {
    let before = overview.approvals.len();
    overview
        .approvals
        .retain(|one| one.id.to_string() != id && one.session.to_string() != id);
    let fewer = i64::try_from(before - overview.approvals.len()).unwrap_or(i64::MAX);
    overview.approvals_total = overview.approvals_total.saturating_sub(fewer).max(0);
    for list in [&mut overview.troubled, &mut overview.working, &mut overview.done_today] {
        list.retain(|one| one.id.to_string() != id);
    }
}

/// Takes only what no row carries (sums, the stream, the checklist) from a reading older than the socket's rows.
pub fn take_sums(overview: &mut Overview, read: Overview) {
    overview.days = read.days;
    overview.projects = read.projects;
    overview.activity = read.activity;
    overview.checklist = read.checklist;
}

/// The numbers of the sentence.
pub fn counts(overview: &Overview) -> Counts {
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let queued = overview
        .working
        .iter()
        .filter(|session| session.state == SessionState::Queued)
        .count();
    Counts {
        needs: overview.approvals_total.saturating_add(count(overview.troubled.len())),
        working: count(overview.working.len() - queued),
        queued: count(queued),
        done: overview.done_today_total,
    }
}

/// The events of one place: a session or a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// The newest.
    pub newest: Activity,
    /// The others, newest first.
    pub earlier: Vec<Activity>,
}

impl Thread {
    /// The key of the place.
    pub fn key(&self) -> String {
        self.newest.href.clone().unwrap_or_else(|| self.newest.pos.to_string())
    }
}

/// The events grouped by place; the place with the newest event is first.
pub fn threads(activity: Vec<Activity>) -> Vec<Thread> {
    let mut threads: Vec<Thread> = Vec::new();
    for line in activity {
        match threads
            .iter_mut()
            .find(|thread| line.href.is_some() && thread.newest.href == line.href)
        {
            Some(thread) => thread.earlier.push(line),
            None => threads.push(Thread {
                newest: line,
                earlier: Vec::new(),
            }),
        }
    }
    threads
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use crate::testing::{approval as asked, session};
    use model::node::Checklist;

    fn approval(n: u8, state: ApprovalState) -> Approval {
        asked(n, |approval| approval.state = state)
    }

    fn empty() -> Overview {
        Overview {
            approvals: Vec::new(),
            approvals_total: 0,
            troubled: Vec::new(),
            working: Vec::new(),
            done_today: Vec::new(),
            done_today_total: 0,
            days: Vec::new(),
            projects: Vec::new(),
            activity: Vec::new(),
            checklist: Checklist::default(),
            health: None,
            pos: 0,
        }
    }

    #[test]
    fn a_session_stands_in_one_lane_at_a_time() {
        let mut overview = empty();
        for state in SessionState::ALL {
            take_session(&mut overview, &session(1, |s| s.state = *state));
            let places = [&overview.troubled, &overview.working, &overview.done_today].map(Vec::len);
            let wanted = usize::from(*state != SessionState::Waiting);
            assert_eq!(places.iter().sum::<usize>(), wanted, "{state:?}");
        }
    }

    #[test]
    fn counts_follow_and_applying_twice_changes_nothing() {
        let mut overview = empty();
        for _ in 0..2 {
            take_approval(&mut overview, &approval(1, ApprovalState::Pending));
            take_session(&mut overview, &session(1, |s| s.state = SessionState::Working));
            take_session(&mut overview, &session(2, |s| s.state = SessionState::Queued));
            take_session(&mut overview, &session(3, |s| s.state = SessionState::Failed));
            take_session(&mut overview, &session(4, |s| s.state = SessionState::Idle));
        }
        assert_eq!(
            counts(&overview),
            Counts {
                needs: 2,
                working: 1,
                queued: 1,
                done: 1
            }
        );
        for _ in 0..2 {
            take_approval(&mut overview, &approval(1, ApprovalState::Allowed));
            take_session(&mut overview, &session(3, |s| s.archived = Some(1)));
            take_session(&mut overview, &session(4, |s| s.state = SessionState::Working));
        }
        assert_eq!(
            counts(&overview),
            Counts {
                needs: 0,
                working: 2,
                queued: 1,
                done: 0
            }
        );
    }

    #[test]
    fn an_older_reading_brings_sums_and_takes_no_row_back() {
        let mut overview = empty();
        take_session(&mut overview, &session(1, |s| s.state = SessionState::Working));
        let list = Checklist {
            demo_run: true,
            ..Checklist::default()
        };
        take_sums(
            &mut overview,
            Overview {
                checklist: list,
                ..empty()
            },
        );
        assert_eq!((overview.working.len(), overview.checklist), (1, list));
    }

    #[test]
    fn what_is_gone_is_taken_from_everywhere() {
        let mut overview = empty();
        take_approval(&mut overview, &approval(1, ApprovalState::Pending));
        take_session(&mut overview, &session(1, |s| s.state = SessionState::Working));
        drop(&mut overview, &approval(1, ApprovalState::Pending).id.to_string());
        drop(&mut overview, &session(1, |_| ()).id.to_string());
        assert_eq!(counts(&overview), Counts::default());
        // A session's approvals go with it.
        take_approval(&mut overview, &approval(1, ApprovalState::Pending));
        take_approval(&mut overview, &approval(2, ApprovalState::Pending));
        drop(&mut overview, &session(1, |_| ()).id.to_string());
        assert_eq!(counts(&overview), Counts::default());
    }
}
