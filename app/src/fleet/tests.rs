//! The pages of the fleet, rendered on the server.

use super::fake::{Fleet, INVITE, OWN, link, node};
use crate::testing::{Fake, NOW, Rendered, caller, link_id, node_id, project, project_id};
use model::{
    Error, Role,
    fleet::{Detail, FleetNode, Link, LinkState, NodeRef, NodeState, Send, SentProjects},
    node::HealthSample,
};

fn fleet(nodes: Vec<FleetNode>, links: Vec<Link>) -> Fleet {
    let mut fleet = Fleet::default();
    fleet.nodes.extend(nodes);
    fleet.links = links;
    fleet
}

async fn render(fleet: Fleet, role: Role, path: &str) -> Rendered {
    let projects = vec![
        project(1, |p| p.name = "billing".into()),
        project(2, |p| p.name = "shop".into()),
    ];
    Fake {
        fleet,
        caller: Some(caller(role)),
        projects: projects.into(),
        ..Fake::default()
    }
    .render(path)
    .await
}

#[tokio::test]
async fn a_node_alone_says_what_pairing_gives_and_how() {
    let page = render(Fleet::default(), Role::Admin, "/fleet").await;
    page.offers(&[
        ("heading", "No other node yet"),
        ("link", "Make or open an invite"),
        ("table", "Nodes"),
        ("row", "workbench"),
    ])
    .withholds(&[("table", "Links")])
    .shows(&[
        "projects, sessions, approvals and usage",
        "Compare the fingerprints",
        "href=\"/fleet?pair=invite\"",
    ]);
    render(Fleet::default(), Role::Operator, "/fleet")
        .await
        .withholds(&[("link", "Make or open an invite"), ("link", "Pair with a node")])
        .shows(&["Pairing needs the role admin."]);
}

#[tokio::test]
async fn the_tables_say_of_each_node_and_link_what_the_map_draws() {
    let nodes = vec![
        node(2, |n| {
            (n.state, n.state_since, n.last_heard) = (NodeState::Silent, NOW - 7_200_000, Some(NOW - 7_200_000));
        }),
        node(3, |n| n.clock_ahead_ms = Some(125_000)),
        node(4, |n| {
            n.via = Some(NodeRef {
                id: node_id(3),
                name: "node-3".into(),
                here: false,
                silent_since: None,
            });
        }),
        node(5, |n| (n.version, n.last_heard) = (None, None)),
    ];
    let links = vec![
        link(2, |l| {
            (l.state, l.unsent_events, l.lag_ms) = (LinkState::Retrying, 1_284, Some(252_000));
            l.send.projects = SentProjects::Some(vec![project_id(2)]);
        }),
        link(3, |l| {
            (l.encrypted, l.send.detail) = (false, Detail::Outline);
            l.receive.projects = SentProjects::All;
        }),
        link(5, |l| l.state = LinkState::Paused),
    ];
    let page = render(fleet(nodes, links), Role::Viewer, "/fleet").await;
    page.shows(&["5 nodes, 1 silent, 1 link not connected, 1 link paused"]);
    let row = |words: &[&str]| {
        let html = page.visible();
        let found = html
            .split("role=\"row\"")
            .any(|row| words.iter().all(|word| row.contains(word)));
        assert!(found, "no row says {words:?} in {html}");
    };
    row(&["Silent", "12:36", ">node-2<", "a link"]);
    row(&["Live", ">node-3<", "clock 2m 05s ahead"]);
    row(&["Live", ">node-4<", "via node-3"]);
    row(&["Live", ">node-5<", "not known", "never"]);
    row(&[
        "Not connected",
        ">node-2<",
        "to node-2",
        ">shop<",
        "nothing",
        "4m 12s",
        "1,284",
    ]);
    row(&[
        "Live",
        ">node-3<",
        "not encrypted",
        "both ways",
        "all projects, outline only",
        "nothing waits",
    ]);
    row(&["Paused", ">node-5<"]);
    // The map is for the eye; whoever reads it by ear or by keyboard has the tables.
    page.shows(&["aria-hidden=\"true\" class=\"fm\""]);
    page.withholds(&[("link", "Pair with a node"), ("button", "Confirm")]);
}

#[tokio::test]
async fn the_inviting_side_is_asked_with_the_joiners_fingerprint() {
    let waits = || {
        fleet(
            vec![],
            vec![link(2, |l| {
                (l.state, l.peer.name) = (LinkState::Pending, "laptop".into());
            })],
        )
    };
    for path in ["/fleet".to_owned(), format!("/fleet/links/{}", link_id(2))] {
        let page = render(waits(), Role::Admin, &path).await;
        page.offers(&[
            ("group", "Confirm laptop"),
            ("button", "Confirm laptop"),
            ("button", "Refuse it"),
        ])
        .shows(&[
            "P002-QQQQ-RRRR-SSSS-TTTT-UUUU-VVVV-WWWW",
            "action=\"/api/rpc/fleet/confirm\"",
            "action=\"/api/rpc/fleet/revoke\"",
        ]);
        let page = render(waits(), Role::Operator, &path).await;
        page.withholds(&[("button", "Confirm laptop"), ("button", "Refuse it")]);
    }
}

#[tokio::test]
async fn the_joining_side_waits_and_cannot_confirm() {
    let joined = link(2, |l| (l.state, l.inviter) = (LinkState::Pending, false));
    let fleet = fleet(vec![], vec![joined]);
    let page = render(fleet.clone(), Role::Admin, &format!("/fleet/links/{}", link_id(2))).await;
    page.withholds(&[("button", "Confirm node-2")])
        .shows(&["Waiting for the confirmation.", "An admin of node-2 confirms it"]);
    render(fleet, Role::Admin, "/fleet")
        .await
        .withholds(&[("button", "Confirm node-2")]);
}

#[tokio::test]
async fn the_dialog_is_there_before_wasm_and_its_forms_are_plain() {
    let page = render(Fleet::default(), Role::Admin, "/fleet?pair=invite").await;
    page.offers(&[
        ("list", "Steps"),
        ("radio", "All projects"),
        ("radio", "Nothing"),
        ("radio", "Chosen projects"),
        ("checkbox", "billing"),
        ("checkbox", "Private sessions too"),
        ("checkbox", "Pass on other nodes"),
        ("button", "Make invite"),
        ("link", "Open an invite"),
    ])
    .shows(&["action=\"/api/rpc/fleet/invite\"", "<dialog open"]);
    render(Fleet::default(), Role::Admin, "/fleet?pair=join")
        .await
        .offers(&[("textbox", "Invite"), ("button", "Open invite")])
        .shows(&["action=\"/fleet\""]);
    render(Fleet::default(), Role::Admin, "/fleet")
        .await
        .lacks(&["<dialog open", "Make invite"]);
    render(Fleet::default(), Role::Viewer, "/fleet?pair=invite")
        .await
        .withholds(&[("button", "Make invite")]);
}

#[tokio::test]
async fn an_invite_opened_as_a_link_shows_who_made_it_and_both_fingerprints() {
    let page = render(Fleet::default(), Role::Admin, &format!("/fleet?invite={INVITE}")).await;
    page.offers(&[("button", "Pair with cloud"), ("radio", "Chosen projects")])
        .shows(&[
            "P002-QQQQ-RRRR-SSSS-TTTT-UUUU-VVVV-WWWW",
            OWN,
            "https://node-2.example",
            "action=\"/api/rpc/fleet/join\"",
            "value=\"ow1_works\"",
        ])
        .lacks(&["Not encrypted"]);
    let plain = Fleet {
        encrypted: false,
        ..Fleet::default()
    };
    render(plain, Role::Admin, &format!("/fleet?invite={INVITE}"))
        .await
        .shows(&["Not encrypted."]);
    let page = render(Fleet::default(), Role::Admin, "/fleet?invite=ow1_spent").await;
    page.shows(&["The invite could not be opened.", "This is no invite."])
        .withholds(&[("button", "Pair with")]);
    // Whoever may not pair learns nothing of the invite.
    let page = render(Fleet::default(), Role::Operator, &format!("/fleet?invite={INVITE}")).await;
    page.withholds(&[("button", "Pair with")]).lacks(&["QQQQ"]);
}

#[tokio::test]
async fn a_link_is_paused_resumed_changed_and_revoked_by_admins_alone() {
    let path = format!("/fleet/links/{}", link_id(2));
    let of = |state, detail: Option<&str>| {
        let detail = detail.map(str::to_owned);
        fleet(vec![], vec![link(2, |l| (l.state, l.state_detail) = (state, detail))])
    };
    let live = render(of(LinkState::Live, None), Role::Admin, &path).await;
    live.offers(&[("heading", "Link to node-2"), ("button", "Pause")])
        .withholds(&[("button", "Resume")])
        .shows(&[
            "Change what this node sends",
            "Revoke…",
            "Revoke and forget node-2",
            "What node-2 sent stays here",
            "is removed from this node",
            "name=\"forget\"",
            "HTTP push, encrypted",
        ]);
    render(of(LinkState::Paused, None), Role::Admin, &path)
        .await
        .offers(&[("button", "Resume")])
        .withholds(&[("button", "Pause")]);
    render(
        of(LinkState::Retrying, Some("connection refused, next try in 4 s")),
        Role::Admin,
        &path,
    )
    .await
    .offers(&[("button", "Pause"), ("alert", "Connection refused, next try in 4 s.")]);
    render(of(LinkState::Revoked, None), Role::Admin, &path)
        .await
        .withholds(&[("button", "Pause"), ("button", "Resume")])
        .shows(&["Forget what node-2 sent"])
        .lacks(&["Change what this node sends", "Revoke…"]);
    for state in [LinkState::Live, LinkState::Paused, LinkState::Revoked] {
        render(of(state, None), Role::Operator, &path)
            .await
            .offers(&[("heading", "Link to node-2")])
            .withholds(&[("button", "Pause"), ("button", "Resume")])
            .lacks(&["Change what this node sends", "Revoke…", "Forget…"]);
    }
}

#[tokio::test]
async fn a_links_page_says_what_both_sides_send() {
    let sends = Send {
        projects: SentProjects::Some(vec![project_id(1)]),
        private: true,
        ..Send::default()
    };
    let link = link(2, |l| (l.send, l.encrypted) = (sends, false));
    let page = render(
        fleet(vec![], vec![link]),
        Role::Viewer,
        &format!("/fleet/links/{}", link_id(2)),
    )
    .await;
    page.shows(&[
        "Billing, private sessions too.",
        "Nothing.",
        "Not encrypted.",
        "to node-2",
        "P002-QQQQ",
    ]);
}

#[tokio::test]
async fn a_nodes_page_claims_nothing_newer_than_the_last_word() {
    let health = HealthSample {
        at: NOW - 4_000,
        cpu_percent: Some(23.0),
        disk_free: Some(41_300_000_000),
        ..HealthSample::default()
    };
    let nodes = vec![
        node(2, |n| {
            (n.state, n.state_since, n.health) = (NodeState::Silent, NOW - 7_200_000, Some(health));
        }),
        node(3, |n| {
            n.via = Some(NodeRef {
                id: node_id(2),
                name: "node-2".into(),
                here: false,
                silent_since: None,
            });
        }),
    ];
    let fleet = fleet(nodes, vec![link(2, |l| l.state = LinkState::Retrying)]);
    render(fleet.clone(), Role::Viewer, &format!("/fleet/nodes/{}", node_id(2)))
        .await
        .offers(&[("heading", "node-2"), ("link", "Link to node-2")])
        .shows(&["Silent", "12:36", "No word since then.", "23 %", "41.3 GB", "not known"]);
    render(fleet.clone(), Role::Viewer, &format!("/fleet/nodes/{}", node_id(3)))
        .await
        .offers(&[("link", "node-2")])
        .shows(&["passed on by", "only nodes that are linked directly say it"])
        .withholds(&[("link", "Link to")]);
    render(fleet, Role::Viewer, &format!("/fleet/nodes/{}", node_id(1)))
        .await
        .offers(&[("link", "The last hour, name and machine")])
        .shows(&["this node itself"]);
}

#[tokio::test]
async fn what_is_not_there_is_404_and_what_fails_says_so() {
    for path in [
        format!("/fleet/links/{}", link_id(9)),
        format!("/fleet/nodes/{}", node_id(9)),
        "/fleet/links/nonsense".to_owned(),
        "/fleet/nodes/nonsense".to_owned(),
    ] {
        let page = Fake::default().render(&path).await;
        assert_eq!(page.status, 404, "{path}");
        page.shows(&["There is no such"]);
    }
    Fake::failing(Error::Internal("ref-1".into()))
        .render("/fleet")
        .await
        .shows(&["The fleet could not be read.", "Try again"]);
}

#[tokio::test]
async fn fifty_nodes_are_in_the_table_and_on_the_map() {
    let via = |n: u8| {
        Some(NodeRef {
            id: node_id(n),
            name: format!("node-{n}"),
            here: false,
            silent_since: None,
        })
    };
    let mut nodes: Vec<FleetNode> = (2..=40).map(|n| node(n, |_| ())).collect();
    nodes.extend((41..=50).map(|n| node(n, |node| node.via = via(2 + n % 4))));
    let links = (2..=40)
        .map(|n| {
            link(n, |link| match n % 9 {
                0 => (link.state, link.unsent_events) = (LinkState::Retrying, 1_284),
                1 => (link.lag_ms, link.unsent_events) = (Some(252_000), 3_004),
                2 => link.state = LinkState::Paused,
                _ => link.receive.projects = SentProjects::All,
            })
        })
        .collect();
    let page = render(fleet(nodes, links), Role::Admin, "/fleet").await;
    assert_eq!(page.count("row", "node-"), 49 + 39);
    assert_eq!(page.html.matches("class=\"fm-c").count(), 50);
}
