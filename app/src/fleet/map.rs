//! The map: nodes as cards, links as lines. The layout is pure and in one unit for every width: thousandths across,
//! pixels down. The tables below the map say the same, so screen readers and the keyboard skip it.

use super::words::{direction, link_look, node_look, sends};
use crate::{
    ui::{Exact, Look, StatusWord, format},
    view,
};
use leptos::prelude::*;
use model::{
    Millis,
    fleet::{FleetNode, Link, LinkState, NodeState},
    id::{LinkId, NodeId},
};

/// The width of a card, thousandths.
const CARD: i64 = 220;
/// Where the columns begin, thousandths.
const LEFT: i64 = 0;
const MIDDLE: i64 = 390;
const RIGHT: i64 = 780;
/// How far a node that a peer passes on is moved in, thousandths.
const INDENT: i64 = 20;
/// How far the lines' common part is from this node's card, thousandths.
const TRUNK: i64 = 24;
/// With more nodes than this the cards are low and close together.
const ROOMY: usize = 12;
/// With at most this many peers they all stand on one side.
const ONE_SIDE: usize = 4;

/// A node on the map.
#[derive(Clone, Debug, PartialEq)]
struct Card {
    id: NodeId,
    name: String,
    kind: &'static str,
    look: Look,
    /// Since when, where that matters: it is not live.
    since: Option<Millis>,
    here: bool,
    /// Passed on by a peer.
    passed_on: bool,
    x: i64,
    y: i64,
    w: i64,
}

/// A link on the map, or that a peer passes a node on.
#[derive(Clone, Debug, PartialEq)]
struct Line {
    /// Its link; `None` for a node that is passed on.
    link: Option<Label>,
    /// The class of its colour and dashes.
    tone: &'static str,
    path: String,
}

/// What stands at a link's line.
#[derive(Clone, Debug, PartialEq)]
struct Label {
    id: LinkId,
    /// Who sends, in words: its hover text.
    direction: String,
    look: Look,
    upper: String,
    since: Option<Millis>,
    lower: Option<String>,
    /// This node sends; the peer does.
    arrows: (bool, bool),
    x: i64,
    w: i64,
    y: i64,
    /// The peer stands to the right of this node.
    right: bool,
}

/// Everything in its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout {
    height: i64,
    card: i64,
    cards: Vec<Card>,
    lines: Vec<Line>,
}

/// A peer with its link, and the nodes that it passes on.
struct Branch<'a> {
    node: &'a FleetNode,
    link: Option<&'a Link>,
    passed_on: Vec<&'a FleetNode>,
}

/// The link that is shown for a peer: the one that stands, else the last that ended.
fn shown(links: &[Link], peer: NodeId) -> Option<&Link> {
    let of_peer = || links.iter().filter(|link| link.peer.id == peer);
    of_peer()
        .find(|link| link.state != LinkState::Revoked)
        .or_else(|| of_peer().max_by_key(|link| link.state_since))
}

fn branches<'a>(nodes: &'a [FleetNode], links: &'a [Link]) -> Vec<Branch<'a>> {
    let passed_on_by = |peer: NodeId| move |node: &&FleetNode| node.via.as_ref().is_some_and(|via| via.id == peer);
    // A node whose passer-on is not known stands by itself.
    let known = |id: NodeId| nodes.iter().any(|node| node.id == id && node.via.is_none());
    nodes
        .iter()
        .filter(|node| !node.here && node.via.as_ref().is_none_or(|via| !known(via.id)))
        .map(|node| Branch {
            node,
            link: shown(links, node.id),
            passed_on: nodes.iter().filter(passed_on_by(node.id)).collect(),
        })
        .collect()
}

/// The class of a link's line.
const fn tone(look: Look, state: LinkState) -> &'static str {
    match state {
        LinkState::Live if matches!(look.tone.as_bytes(), b"waiting") => "fm-lag",
        LinkState::Live => "fm-live",
        LinkState::Retrying => "fm-bad",
        LinkState::Pending | LinkState::Paused | LinkState::Revoked => "fm-off",
    }
}

fn label(link: &Link, x: i64, w: i64, y: i64, right: bool) -> Label {
    let look = link_look(link);
    let live = link.state == LinkState::Live;
    Label {
        id: link.id,
        direction: direction(link),
        look,
        upper: match link.lag_ms {
            Some(ms) if live => format!("{} behind", format::span_exact(ms)),
            _ => look.word.to_owned(),
        },
        since: (!live).then_some(link.state_since),
        lower: (link.unsent_events > 0).then(|| format!("{} wait", format::short(link.unsent_events))),
        arrows: (sends(&link.send), sends(&link.receive)),
        x,
        w,
        y,
        right,
    }
}

fn card(node: &FleetNode, x: i64, y: i64, w: i64, passed_on: bool) -> Card {
    Card {
        id: node.id,
        name: node.name.clone(),
        kind: node.kind.word(),
        look: node_look(node),
        since: (node.state != NodeState::Live).then_some(node.state_since),
        here: node.here,
        passed_on,
        x,
        y,
        w,
    }
}

/// Puts this node in the middle, or at the left beside few peers, and each peer with what it passes on into a column.
pub(super) fn lay_out(nodes: &[FleetNode], links: &[Link]) -> Layout {
    let (height, gap) = if nodes.len() > ROOMY { (48, 8) } else { (60, 20) };
    let all = branches(nodes, links);
    let two_sides = all.len() > ONE_SIDE;
    let home = if two_sides { MIDDLE } else { LEFT };
    // The ends of the columns so far: to the right of this node, and to its left.
    let mut ends = [0_i64, 0];
    let mut placed = Vec::with_capacity(all.len());
    for branch in &all {
        // Each goes where there is most room.
        let right = !two_sides || ends[0] <= ends[1];
        let end = &mut ends[usize::from(!right)];
        placed.push((branch, right, *end));
        let rows = 1 + i64::try_from(branch.passed_on.len()).unwrap_or(0);
        *end += rows * (height + gap);
    }
    let tallest = ends[0].max(ends[1]).max(height + gap) - gap;
    let home_y = (tallest - height) / 2;
    let middle = home_y + height / 2;

    let mut cards = Vec::with_capacity(nodes.len());
    cards.extend(
        nodes
            .iter()
            .filter(|node| node.here)
            .map(|node| card(node, home, home_y, CARD, false)),
    );
    let mut lines = Vec::new();
    for (branch, right, y) in placed {
        let x = match (right, two_sides) {
            (true, true) => RIGHT,
            (true, false) => MIDDLE,
            (false, _) => LEFT,
        };
        let at = y + height / 2;
        // From this node's edge to the common part, along it, and to the peer's edge.
        let (from, trunk, to) = if right {
            (home + CARD, home + CARD + TRUNK, x)
        } else {
            (home, home - TRUNK, x + CARD)
        };
        if let Some(link) = branch.link {
            let (start, width) = if right { (trunk, to - trunk) } else { (to, trunk - to) };
            let label = label(link, start, width, at, right);
            lines.push(Line {
                tone: tone(label.look, link.state),
                link: Some(label),
                path: format!("M{from} {middle}H{trunk}V{at}H{to}"),
            });
        }
        cards.push(card(branch.node, x, y, CARD, false));
        // What it passes on stands below it, moved away from this node.
        let stem = if right { x + INDENT / 2 } else { x + CARD - INDENT / 2 };
        for (below, node) in branch.passed_on.iter().enumerate() {
            let row = i64::try_from(below).unwrap_or(0) + 1;
            let top = y + row * (height + gap);
            let (left, edge) = if right {
                (x + INDENT, x + INDENT)
            } else {
                (x, x + CARD - INDENT)
            };
            cards.push(card(node, left, top, CARD - INDENT, true));
            lines.push(Line {
                link: None,
                tone: "fm-via",
                path: format!("M{stem} {}V{}H{edge}", y + height, top + height / 2),
            });
        }
    }
    // What is broken is drawn over what is not.
    lines.sort_by_key(|line| line.tone == "fm-bad");
    Layout {
        height: tallest,
        card: height,
        cards,
        lines,
    }
}

/// Thousandths as a length of a style.
fn across(thousandths: i64) -> String {
    format!("{}.{}%", thousandths / 10, thousandths % 10)
}

/// The map of what the signal holds.
#[component]
pub(super) fn FleetMap(
    /// Everything in its place.
    #[prop(into)]
    layout: Signal<Layout>,
) -> impl IntoView {
    move || draw(layout.get())
}

fn draw(layout: Layout) -> AnyView {
    let Layout {
        height,
        card,
        cards,
        lines,
    } = layout;
    let labels: Vec<Label> = lines.iter().filter_map(|line| line.link.clone()).collect();
    let of_peer = |at: &Card| {
        let y = at.y + card / 2;
        let beside = |label: &&Label| label.y == y && label.right == (at.x >= label.x);
        labels
            .iter()
            .find(beside)
            .filter(|_| !at.here && !at.passed_on)
            .cloned()
    };
    let drawn = cards
        .into_iter()
        .map(|at| {
            let label = of_peer(&at);
            view! {
                {card_view(at, card)}
                {label.map(label_view)}
            }
        })
        .collect_view();
    view! {
        <figure class="fm" aria-hidden="true">
            <div class="fm-in" style=format!("height:{height}px")>
                <svg class="fm-lines" viewBox=format!("0 0 1000 {height}") preserveAspectRatio="none">
                    {lines.into_iter().map(|line| view! { <path class=line.tone d=line.path></path> }).collect_view()}
                </svg>
                {drawn}
            </div>
        </figure>
    }
}

fn card_view(card: Card, height: i64) -> AnyView {
    let class = match (card.here, card.passed_on, card.since) {
        (true, ..) => "fm-c fm-here",
        (_, true, None) => "fm-c fm-in-1",
        (_, true, Some(_)) => "fm-c fm-in-1 fm-old",
        (_, false, Some(_)) => "fm-c fm-old",
        (_, false, None) => "fm-c",
    };
    let name = card.name.clone();
    let place = format!(
        "left:{};top:{}px;width:{};height:{height}px",
        across(card.x),
        card.y,
        across(card.w)
    );
    view! {
        <a class=class href=format!("/fleet/nodes/{}", card.id) style=place tabindex="-1" title=card.name>
            <span class="row">
                <b class="strong cut grow">{name}</b>
                <span class="xs faint">{card.kind}</span>
            </span>
            <span class="row">
                <StatusWord look=card.look />
                {card.since.map(|since| view! { <span class="xs muted cut">"since " <Exact at=since time=true /></span> })}
            </span>
        </a>
    }
}

fn label_view(label: Label) -> AnyView {
    let place = format!("left:{};top:{}px;width:{}", across(label.x), label.y, across(label.w));
    let (sent, received) = label.arrows;
    let class = format!("fm-l {}{}", label.look.tone, if label.right { "" } else { " fm-left" });
    view! {
        <a class=class href=format!("/fleet/links/{}", label.id) style=place tabindex="-1" title=label.direction>
            <span class="fm-u cut">{label.upper}</span>
            <span class="fm-d cut">
                {label.since.map(|since| view! { "since " <Exact at=since time=true /> " " })}
                {label.lower}
            </span>
            {sent.then(|| view! { <i class="fm-a fm-to"></i> })}
            {received.then(|| view! { <i class="fm-a fm-from"></i> })}
        </a>
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use crate::fleet::fake::{link, node};
    use model::fleet::NodeRef;

    fn here() -> FleetNode {
        node(1, |node| node.here = true)
    }

    /// Asserts that no two cards touch and that all are on the map.
    fn is_readable(layout: &Layout) {
        for (at, card) in layout.cards.iter().enumerate() {
            assert!(card.x >= 0 && card.x + card.w <= 1_000, "{card:?}");
            assert!(card.y >= 0 && card.y + layout.card <= layout.height, "{card:?}");
            for other in &layout.cards[at + 1..] {
                let apart = card.x + card.w <= other.x
                    || other.x + other.w <= card.x
                    || card.y + layout.card < other.y
                    || other.y + layout.card < card.y;
                assert!(apart, "{card:?} lies on {other:?}");
            }
        }
    }

    #[test]
    fn fifty_nodes_are_all_on_the_map_and_none_on_another() {
        let via = |n: u8| {
            Some(NodeRef {
                id: crate::testing::node_id(n),
                name: format!("node-{n}"),
                here: false,
                silent_since: None,
            })
        };
        let mut nodes = vec![here()];
        nodes.extend((2..=40).map(|n| node(n, |_| ())));
        nodes.extend((41..=50).map(|n| node(n, |node| node.via = via(2 + n % 4))));
        let links: Vec<Link> = (2..=40).map(|n| link(n, |_| ())).collect();
        let layout = lay_out(&nodes, &links);
        assert_eq!((layout.cards.len(), layout.lines.len()), (50, 49));
        is_readable(&layout);
        assert!(layout.height < 1_500, "{} px", layout.height);
        for count in [1, 2, 5, 6, 13] {
            is_readable(&lay_out(&nodes[..count], &links));
        }
    }

    #[test]
    fn a_broken_link_says_since_when_and_is_drawn_over_the_others() {
        let nodes = [here(), node(2, |_| ()), node(3, |_| ())];
        let links = [
            link(2, |link| {
                (link.state, link.state_since, link.unsent_events) = (LinkState::Retrying, 77, 1_284);
            }),
            link(3, |_| ()),
        ];
        let layout = lay_out(&nodes, &links);
        let last = layout.lines.last().expect("two lines");
        assert_eq!(last.tone, "fm-bad");
        let label = last.link.as_ref().expect("a link");
        assert_eq!((label.since, label.lower.as_deref()), (Some(77), Some("1,284 wait")));
        assert_eq!(label.upper, "Not connected");
        assert_eq!(label.arrows, (true, false));
    }

    #[test]
    fn a_peer_that_was_paired_again_has_the_line_of_the_link_that_stands() {
        let nodes = [here(), node(2, |_| ())];
        let ended = link(2, |link| link.state = LinkState::Revoked);
        let stands = link(9, |link| link.peer.id = nodes[1].id);
        let of = |links: &[Link]| {
            let layout = lay_out(&nodes, links);
            let label = layout.lines[0].link.clone().expect("a link");
            (layout.lines.len(), label.id)
        };
        assert_eq!(of(&[ended.clone(), stands.clone()]), (1, stands.id));
        assert_eq!(of(std::slice::from_ref(&ended)), (1, ended.id));
    }
}
