//! What every implementation of a port keeps: the node's own, and the fakes that pages are tested with. It is compiled
//! into the tests of both, and asks only about what is there. A rule that pages rely on belongs here: a fake that
//! breaks it shows pages what no node would say.

use model::{
    Caller, Error, Page, PageQuery, Result,
    approvals::{ApprovalFilter, ApprovalState, Decide},
    fleet::{self, LinkPatch, LinkState, NewLink},
    id::{ApprovalId, LinkId, NodeId, ProjectId, SessionId},
    ports,
    sessions::{SessionFilter, SessionPatch},
};
use std::fmt::Debug;

/// An id that nothing has.
fn nothing<T: std::str::FromStr<Err: Debug>>(kind: &str) -> T {
    format!("{kind}_019200000000700080000000deadbeef")
        .parse()
        .expect("it is well formed")
}

fn is_missing<T: Debug>(what: &str, answer: Result<T>) {
    assert!(matches!(answer, Err(Error::NotFound(_))), "{what}: {answer:?}");
}

/// A list read as one page, and read in pages of one, is the same; limits and cursors that are none are refused by
/// name.
async fn pages<T: Debug + PartialEq>(list: impl AsyncFn(PageQuery) -> Result<Page<T>>) -> Vec<T> {
    let whole = list(PageQuery {
        after: None,
        limit: Some(200),
    })
    .await
    .expect("a list");
    assert_eq!(whole.next, None, "the contract is for lists of one page");
    let (mut single, mut after) = (Vec::new(), None);
    loop {
        let page = list(PageQuery {
            after: after.take(),
            limit: Some(1),
        })
        .await
        .expect("a page");
        assert!(page.items.len() <= 1, "a page of one");
        single.extend(page.items);
        assert!(single.len() <= whole.items.len(), "pages do not end");
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(single, whole.items);
    for limit in [0, 201] {
        let refused = list(PageQuery {
            after: None,
            limit: Some(limit),
        })
        .await;
        assert!(
            matches!(&refused, Err(Error::Invalid { field, .. }) if field == "limit"),
            "limit {limit}: {refused:?}"
        );
    }
    let refused = list(PageQuery {
        after: Some("no cursor".into()),
        limit: None,
    })
    .await;
    assert!(
        matches!(&refused, Err(Error::Invalid { field, .. }) if field == "after"),
        "{refused:?}"
    );
    whole.items
}

/// Sessions: `caller` may drive them.
pub async fn sessions(port: &dyn ports::Sessions, caller: &Caller) {
    let list = async |filter: SessionFilter| pages(async |page| port.list(caller, filter.clone(), page).await).await;
    let all = list(SessionFilter::default()).await;
    assert!(all.len() > 1, "a contract about nothing");
    assert!(
        all.is_sorted_by_key(|session| std::cmp::Reverse((session.updated, session.id))),
        "newest activity first"
    );
    for session in &all {
        assert_eq!(
            &port.find(caller, session.id).await.expect("what is listed is found"),
            session
        );
        let view = port
            .view(caller, session.id)
            .await
            .expect("what is listed can be opened");
        assert_eq!((&view.session, view.may_drive), (session, true));
        let whole = SessionFilter {
            state: vec![session.state],
            project: Some(session.project),
            agent: Some(session.agent),
            q: Some(session.title.to_uppercase()),
            tag: Some(session.tags.first().cloned().unwrap_or_else(|| "none".into())),
            archived: false,
        };
        // Each field by itself, so that a new one is asked about, too.
        let fields = serde_json::to_value(&whole).expect("plain data encodes");
        let alone = fields
            .as_object()
            .expect("a filter is an object")
            .iter()
            .map(|(name, value)| serde_json::json!({ name: value }));
        let mut filters: Vec<SessionFilter> = alone
            .map(|field| serde_json::from_value(field).expect("what was written is read"))
            .collect();
        filters.extend([
            whole,
            SessionFilter {
                q: Some(format!(" {} ", session.project_name)),
                ..SessionFilter::default()
            },
        ]);
        for filter in filters {
            let shown: Vec<_> = all
                .iter()
                .filter(|session| filter.shows(session, str::to_lowercase))
                .cloned()
                .collect();
            assert_eq!(list(filter.clone()).await, shown, "{filter:?}");
        }
        entries(port, caller, session.id).await;
    }
    let none: SessionId = nothing("ses");
    is_missing("find", port.find(caller, none).await);
    is_missing("view", port.view(caller, none).await);
    is_missing("entries", port.entries(caller, none, 0, 10, false).await);
    is_missing("entries_before", port.entries_before(caller, none, 10, 10).await);
    is_missing("entry_body", port.entry_body(caller, none, 1).await);
    is_missing("update", port.update(caller, none, SessionPatch::default()).await);
    is_missing("delete", port.delete(caller, none).await);
    is_missing("restore", port.restore(caller, none).await);
    is_missing("prompt", port.prompt(caller, none, "go".into()).await);
    is_missing("stop", port.stop(caller, none).await);
    is_missing("interrupt", port.interrupt(caller, none).await);
    is_missing("resume", port.resume(caller, none).await);
    is_missing("fork", port.fork(caller, none).await);
    is_missing("raw", port.raw(caller, none, PageQuery::default()).await);
}

/// The timeline of a session read forwards, backwards and from its end is the same.
async fn entries(port: &dyn ports::Sessions, caller: &Caller, id: SessionId) {
    let seqs = async |page: Result<Page<model::entries::Entry>>| {
        page.expect("entries")
            .items
            .into_iter()
            .map(|entry| entry.seq)
            .collect::<Vec<_>>()
    };
    let all = seqs(port.entries(caller, id, 0, 200, false).await).await;
    assert!(all.is_sorted_by(|one, next| one < next), "in order, each once: {all:?}");
    let newest = all[all.len().saturating_sub(2)..].to_vec();
    assert_eq!(
        seqs(port.entries(caller, id, 0, 2, true).await).await,
        newest,
        "the last two"
    );
    if let [.., last] = all.as_slice() {
        assert_eq!(
            seqs(port.entries(caller, id, *last, 10, false).await).await,
            Vec::<i64>::new(),
            "nothing after the last"
        );
        let before = seqs(port.entries_before(caller, id, *last, 200).await).await;
        assert_eq!(before.as_slice(), &all[..all.len() - 1], "all before the last");
    }
}

/// Approvals: `caller` may decide. Denies every one that waits.
pub async fn approvals(port: &dyn ports::Approvals, caller: &Caller) {
    let list = async |filter: ApprovalFilter| pages(async |page| port.list(caller, filter.clone(), page).await).await;
    let all = list(ApprovalFilter::default()).await;
    assert!(!all.is_empty(), "a contract about nothing");
    let pending: Vec<_> = all
        .iter()
        .filter(|approval| approval.state == ApprovalState::Pending)
        .cloned()
        .collect();
    assert_eq!(
        list(ApprovalFilter {
            state: Some(ApprovalState::Pending),
            ..ApprovalFilter::default()
        })
        .await,
        pending
    );
    assert_eq!(
        port.pending(caller).await.expect("a number"),
        i64::try_from(pending.len()).expect("few")
    );
    for approval in &all {
        assert_eq!(
            &port.find(caller, approval.id).await.expect("what is listed is found"),
            approval
        );
        let of_session = list(ApprovalFilter {
            session: Some(approval.session),
            ..ApprovalFilter::default()
        })
        .await;
        assert!(of_session.contains(approval) && of_session.iter().all(|other| other.session == approval.session));
    }
    for approval in all.iter().filter(|approval| approval.state != ApprovalState::Pending) {
        let again = port.decide(caller, approval.id, Decide::deny("no")).await;
        assert!(again.is_err(), "what is over is decided once: {again:?}");
    }
    let none: ApprovalId = nothing("apr");
    is_missing("find", port.find(caller, none).await);
    is_missing("input", port.input(caller, none).await);
    is_missing("decide", port.decide(caller, none, Decide::allow()).await);
}

/// Projects: `caller` may edit them.
pub async fn projects(port: &dyn ports::Projects, caller: &Caller) {
    let all = pages(async |page| port.list(caller, page).await).await;
    assert!(!all.is_empty(), "a contract about nothing");
    assert!(
        all.is_sorted_by_key(|project| (project.name.clone(), project.id)),
        "by name"
    );
    let names: Vec<_> = all.iter().map(|project| (project.id, project.name.clone())).collect();
    assert_eq!(port.names(caller).await.expect("names"), names);
    for project in &all {
        assert_eq!(
            &port.find(caller, project.id).await.expect("what is listed is found"),
            project
        );
    }
    let none: ProjectId = nothing("prj");
    is_missing("find", port.find(caller, none).await);
    is_missing("own_files", port.own_files(caller, none).await);
    is_missing(
        "update",
        port.update(caller, none, model::projects::ProjectPatch::default())
            .await,
    );
    is_missing("delete", port.delete(caller, none).await);
}

/// The fleet, for a caller who may change links. It asks also of a node that knows no other.
pub async fn fleet(port: &dyn ports::Fleet, caller: &Caller) {
    let nodes = port.nodes(caller).await.expect("nodes");
    let links = port.links(caller).await.expect("links");
    let here: Vec<bool> = nodes.iter().map(|node| node.here).collect();
    assert!(
        here[0] && !here[1..].contains(&true),
        "this node first, and once: {here:?}"
    );
    let names: Vec<_> = nodes[1..].iter().map(|node| (node.name.clone(), node.id)).collect();
    assert!(names.is_sorted(), "the others by name: {names:?}");
    for node in &nodes {
        assert_eq!(
            port.node(caller, node.id).await.expect("what is listed is found").id,
            node.id
        );
        if let Some(via) = &node.via {
            assert!(
                nodes.iter().any(|other| other.id == via.id),
                "who passes {} on is listed",
                node.name
            );
        }
    }
    for link in &links {
        assert_eq!(
            port.link(caller, link.id).await.expect("what is listed is found").id,
            link.id
        );
        // The map draws a line between two cards.
        assert!(
            link.state == LinkState::Pending || nodes.iter().any(|node| node.id == link.peer.id),
            "the peer {} is listed",
            link.peer.name
        );
    }
    is_missing("node", port.node(caller, nothing::<NodeId>("nod")).await);
    let none: LinkId = nothing("lnk");
    is_missing("link", port.link(caller, none).await);
    is_missing("confirm", port.confirm(caller, none).await);
    is_missing("update", port.update(caller, none, LinkPatch::default()).await);
    is_missing("pause", port.pause(caller, none).await);
    is_missing("resume", port.resume(caller, none).await);
    is_missing("revoke", port.revoke(caller, none, false).await);
    // The pages show it beside the field.
    let about_invite = |refused: Error| matches!(refused, Error::Invalid { field, .. } if field == "invite");
    let text = "nonsense".to_owned();
    assert!(about_invite(
        port.read_invite(caller, text.clone()).await.expect_err("no invite")
    ));
    let new = NewLink {
        invite: text,
        send: fleet::Send::default(),
        unencrypted: false,
    };
    assert!(about_invite(port.join(caller, new).await.expect_err("no invite")));
}
