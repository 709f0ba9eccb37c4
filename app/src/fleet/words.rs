//! What nodes and links are called on pages: looks, and what is sent in words. Pure.

use super::api::Names;
use crate::ui::{Look, format};
use model::fleet::{Detail, FleetNode, Link, LinkState, NodeState, Send, SentProjects, Transport};

/// A link that is further behind than this is shown as lagging, ms.
const BEHIND_MS: i64 = 10_000;
/// A choice of more projects than this is shown as a number.
const NAMED: usize = 3;

/// What is known of a node, as a look.
pub(super) fn node_look(node: &FleetNode) -> Look {
    match node.state {
        NodeState::Live if node.here => Look::DONE.called("This node"),
        NodeState::Live => Look::DONE.called("Live"),
        NodeState::Silent => Look::UNKNOWN.called("Silent"),
        NodeState::Revoked => Look::DENIED.called("Revoked"),
    }
}

/// What a link is doing, as a look.
pub(super) fn link_look(link: &Link) -> Look {
    match link.state {
        LinkState::Pending if link.inviter => Look::WAITING.called("Confirm it"),
        LinkState::Pending => Look::QUEUED.called("Not confirmed"),
        LinkState::Live if link.lag_ms.is_some_and(|lag| lag > BEHIND_MS) => Look::LAGGING,
        LinkState::Live => Look::DONE.called("Live"),
        LinkState::Retrying => Look::FAILED.called("Not connected"),
        LinkState::Paused => Look::IDLE.called("Paused"),
        LinkState::Revoked => Look::DENIED.called("Revoked"),
    }
}

/// Whether this side sends anything of its own or of others.
pub(super) fn sends(send: &Send) -> bool {
    send.projects != SentProjects::None || send.relay
}

/// Who sends: `both ways`, `to laptop`, `from laptop`, `nothing is sent`.
pub(super) fn direction(link: &Link) -> String {
    let peer = &link.peer.name;
    match (sends(&link.send), sends(&link.receive)) {
        (true, true) => "both ways".to_owned(),
        (true, false) => format!("to {peer}"),
        (false, true) => format!("from {peer}"),
        (false, false) => "nothing is sent".to_owned(),
    }
}

/// What one side sends: `all projects`, `billing, shop, outline only, no private sessions`.
pub(super) fn sent_words(send: &Send, names: &Names) -> String {
    let mut words = match &send.projects {
        SentProjects::All => "all projects".to_owned(),
        SentProjects::None if send.relay => "nothing of its own".to_owned(),
        SentProjects::None => return "nothing".to_owned(),
        SentProjects::Some(ids) => {
            let known: Vec<&str> = ids
                .iter()
                .filter_map(|id| names.iter().find(|(known, _)| known == id))
                .map(|(_, name)| name.as_str())
                .collect();
            if known.len() == ids.len() && known.len() <= NAMED {
                known.join(", ")
            } else {
                let count = i64::try_from(ids.len()).unwrap_or(i64::MAX);
                format::count(count, "project", "projects")
            }
        }
    };
    if send.detail == Detail::Outline {
        words.push_str(", outline only");
    }
    if send.private {
        words.push_str(", private sessions too");
    }
    if send.relay {
        words.push_str(", and what it holds of others");
    }
    words
}

/// How frames travel.
pub(super) const fn transport(transport: Transport) -> &'static str {
    match transport {
        Transport::WebSocket => "WebSocket",
        Transport::Push => "HTTP push",
    }
}

/// How far the peer is behind: `1.2s`, `nothing waits`, `not known`.
pub(super) fn lag(link: &Link) -> String {
    match link.lag_ms {
        Some(ms) => format::span_exact(ms),
        None if link.unsent_events == 0 => "nothing waits".to_owned(),
        None => "not known".to_owned(),
    }
}

/// How far a node's clock is off: `2m 05s ahead`, `1h 00m behind`; `None` when it is not.
pub(super) fn clock(node: &FleetNode) -> Option<String> {
    let ahead = node.clock_ahead_ms?;
    let way = if ahead < 0 { "behind" } else { "ahead" };
    Some(format!("{} {way}", format::span(ahead.saturating_abs())))
}

/// What stands beside the title: `3 nodes, 1 silent, 1 link not connected`.
pub(super) fn sentence(nodes: &[FleetNode], links: &[Link]) -> String {
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let mut parts = vec![format::count(count(nodes.len()), "node", "nodes")];
    let silent = nodes.iter().filter(|node| node.state == NodeState::Silent).count();
    if silent > 0 {
        parts.push(format!("{silent} silent"));
    }
    for (state, what) in [
        (LinkState::Pending, "waiting for a confirmation"),
        (LinkState::Retrying, "not connected"),
        (LinkState::Paused, "paused"),
    ] {
        let n = links.iter().filter(|link| link.state == state).count();
        if n > 0 {
            parts.push(format!("{} {what}", format::count(count(n), "link", "links")));
        }
    }
    parts.join(", ")
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use crate::{
        fleet::fake::{link, node},
        testing::project_id,
    };

    #[test]
    fn what_is_sent_is_said_by_name_where_names_are_known() {
        let names = vec![
            (project_id(1), "billing".to_owned()),
            (project_id(2), "shop".to_owned()),
        ];
        let send = |projects, change: fn(&mut Send)| {
            let mut send = Send {
                projects,
                ..Send::default()
            };
            change(&mut send);
            sent_words(&send, &names)
        };
        assert_eq!(send(SentProjects::All, |_| ()), "all projects");
        assert_eq!(send(SentProjects::None, |_| ()), "nothing");
        assert_eq!(
            send(SentProjects::None, |send| send.relay = true),
            "nothing of its own, and what it holds of others"
        );
        assert_eq!(
            send(SentProjects::Some(vec![project_id(2), project_id(1)]), |send| {
                (send.detail, send.private) = (Detail::Outline, true);
            }),
            "shop, billing, outline only, private sessions too"
        );
        assert_eq!(
            send(SentProjects::Some(vec![project_id(1), project_id(9)]), |_| ()),
            "2 projects"
        );
    }

    #[test]
    fn who_sends_is_said_for_both_sides() {
        let both = |send, receive| {
            direction(&link(2, |link| {
                (link.send.projects, link.receive.projects) = (send, receive);
            }))
        };
        assert_eq!(both(SentProjects::All, SentProjects::All), "both ways");
        assert_eq!(both(SentProjects::All, SentProjects::None), "to node-2");
        assert_eq!(both(SentProjects::None, SentProjects::Some(vec![])), "from node-2");
        assert_eq!(both(SentProjects::None, SentProjects::None), "nothing is sent");
    }

    #[test]
    fn the_sentence_counts_what_is_wrong() {
        let nodes = [
            node(1, |node| node.here = true),
            node(2, |node| node.state = NodeState::Silent),
        ];
        let links = [link(2, |link| link.state = LinkState::Retrying), link(3, |_| ())];
        assert_eq!(sentence(&nodes, &links), "2 nodes, 1 silent, 1 link not connected");
        assert_eq!(sentence(&nodes[..1], &[]), "1 node");
    }

    #[test]
    fn a_clock_and_a_lag_are_said_with_their_sign() {
        assert_eq!(
            clock(&node(2, |node| node.clock_ahead_ms = Some(125_000))).as_deref(),
            Some("2m 05s ahead")
        );
        assert_eq!(
            clock(&node(2, |node| node.clock_ahead_ms = Some(-90_000))).as_deref(),
            Some("1m 30s behind")
        );
        assert_eq!(clock(&node(2, |_| ())), None);
        assert_eq!(lag(&link(2, |_| ())), "nothing waits");
        assert_eq!(
            lag(&link(2, |link| (link.unsent_events, link.lag_ms) = (4, Some(1_200)))),
            "1.2s"
        );
        assert_eq!(lag(&link(2, |link| link.unsent_events = 4)), "not known");
        assert_eq!(link_look(&link(2, |link| link.lag_ms = Some(11_000))), Look::LAGGING);
    }
}
