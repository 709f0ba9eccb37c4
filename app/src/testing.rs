//! For tests of pages: a fake node in memory, and pages rendered as on the server. The fake of each port is in its
//! feature's `fake.rs`. Only compiled for tests.

pub use crate::{auth::fake::token, inbox::fake::approval, projects::fake::project, sessions::fake::session};

use crate::{
    auth::fake::Accounts, fleet::fake::Fleet, inbox::fake::Approvals, overview::fake::Node, projects::fake::Projects,
    sessions::fake::Sessions, usage::fake::Usage,
};
use axum::{body::Body, http::Request};
use leptos::{config::LeptosOptions, prelude::provide_context};
use model::{
    Caller, Error, Page, PageQuery, Pos, Result, Role, Services, Via,
    fleet::NodeRef,
    id::{ApprovalId, LinkId, NodeId, ProjectId, SessionId, UserId},
};
use scraper::{ElementRef, Html, Selector};
use std::sync::{Arc, Once};

#[cfg(test)]
#[path = "../../model/contract.rs"]
mod contract;

/// 2026-11-22 14:36:05 UTC.
pub const NOW: model::Millis = 1_795_358_165_000;

pub(crate) fn hex(n: u8) -> String {
    format!("019200000000700080000000000000{n:02x}")
}

/// The `n`th session's id.
pub fn session_id(n: u8) -> SessionId {
    format!("ses_{}", hex(n)).parse().expect("well formed")
}

/// The `n`th project's id.
pub fn project_id(n: u8) -> ProjectId {
    format!("prj_{}", hex(n)).parse().expect("well formed")
}

/// The `n`th approval's id.
pub fn approval_id(n: u8) -> ApprovalId {
    format!("apr_{}", hex(n)).parse().expect("well formed")
}

/// The `n`th node's id; the first is the fake node's own.
pub fn node_id(n: u8) -> NodeId {
    format!("nod_{}", hex(n)).parse().expect("well formed")
}

/// The `n`th link's id.
pub fn link_id(n: u8) -> LinkId {
    format!("lnk_{}", hex(n)).parse().expect("well formed")
}

/// The `n`th user's id.
pub fn user_id(n: u8) -> UserId {
    format!("usr_{}", hex(n)).parse().expect("well formed")
}

/// The node that answers.
pub fn here() -> NodeRef {
    NodeRef {
        id: format!("nod_{}", hex(7)).parse().expect("well formed"),
        name: "workbench".into(),
        here: true,
        silent_since: None,
    }
}

/// Mara, signed in by cookie, with this role.
pub fn caller(role: Role) -> Caller {
    let via = Via::Cookie {
        login: "login-1".into(),
    };
    Caller {
        user: Some(user_id(1)),
        name: "mara".into(),
        role,
        via,
        from: Some("127.0.0.1".into()),
    }
}

/// The data of a fake node. `Fake::default()` is a new, empty node with Mara as its owner.
#[derive(Clone)]
pub struct Fake {
    /// The signed-in person; `None` for an anonymous visitor.
    pub caller: Option<Caller>,
    /// The error of every port that the frame does not need; `None` to answer from the data.
    pub error: Option<Error>,
    /// Whether the frame's ports fail with `error` as well.
    pub frame_fails: bool,
    /// Sessions and their contents.
    pub sessions: Sessions,
    /// Approvals.
    pub approvals: Approvals,
    /// Projects.
    pub projects: Projects,
    /// Usage.
    pub usage: Usage,
    /// Tokens, logins, ways to sign in.
    pub accounts: Accounts,
    /// The node itself.
    pub node: Node,
    /// The nodes it knows, and its links to them.
    pub fleet: Fleet,
    /// The newest position.
    pub pos: Pos,
}

impl Default for Fake {
    fn default() -> Self {
        Self {
            caller: Some(caller(Role::Owner)),
            error: None,
            frame_fails: false,
            sessions: Sessions::default(),
            approvals: Approvals::default(),
            projects: Projects::default(),
            usage: Usage::default(),
            accounts: Accounts::default(),
            node: Node::default(),
            fleet: Fleet::default(),
            pos: 41,
        }
    }
}

/// A rendered page.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The HTTP status.
    pub status: u16,
    /// The target, for redirects.
    pub location: Option<String>,
    /// The whole document.
    pub html: String,
}

impl Rendered {
    /// The document without scripts and hydration marks: what a person can read.
    pub fn visible(&self) -> String {
        let mut rest = self.html.as_str();
        let mut out = String::with_capacity(rest.len());
        while let Some(start) = rest.find("<script") {
            out.push_str(&rest[..start]);
            rest = rest[start..]
                .find("</script>")
                .map_or("", |end| &rest[start + end + "</script>".len()..]);
        }
        out.push_str(rest);
        out.replace("<!>", "").replace("<!--hot-reload-->", "")
    }

    /// Asserts that a person can read each of these.
    #[track_caller]
    pub fn shows(&self, texts: &[&str]) -> &Self {
        let visible = self.visible();
        for text in texts {
            assert!(visible.contains(text), "{text:?} is missing in:\n{visible}");
        }
        self
    }

    /// How many elements of this ARIA role and with this in their name a person finds, as Playwright's `getByRole`
    /// would: what is hidden does not count.
    pub fn count(&self, role: &str, name: &str) -> usize {
        let page = Html::parse_document(&self.html);
        let all = Selector::parse("body *").expect("a selector");
        page.select(&all)
            .filter(|element| role_of(element) == Some(role) && !is_hidden(element))
            .filter(|element| name_of(element, &page).contains(name))
            .count()
    }

    /// Whether the group of this name stands open.
    pub fn is_open(&self, name: &str) -> bool {
        let page = Html::parse_document(&self.html);
        let open = Selector::parse("details[open]").expect("a selector");
        page.select(&open).any(|group| name_of(&group, &page).contains(name))
    }

    /// Asserts that a person finds an element of each of these roles and names.
    #[track_caller]
    pub fn offers(&self, elements: &[(&str, &str)]) -> &Self {
        for (role, name) in elements {
            assert!(self.count(role, name) > 0, "no {role} {name:?} in:\n{}", self.visible());
        }
        self
    }

    /// Asserts that a person finds no element of any of these roles and names.
    #[track_caller]
    pub fn withholds(&self, elements: &[(&str, &str)]) -> &Self {
        for (role, name) in elements {
            assert_eq!(self.count(role, name), 0, "{role} {name:?} in:\n{}", self.visible());
        }
        self
    }

    /// Asserts that none of these is on the page.
    #[track_caller]
    pub fn lacks(&self, texts: &[&str]) -> &Self {
        let visible = self.visible();
        for text in texts {
            assert!(!visible.contains(text), "{text:?} should not be in:\n{visible}");
        }
        self
    }
}

/// The role an element says, or has by its tag.
fn role_of<'e>(element: &ElementRef<'e>) -> Option<&'e str> {
    let value = element.value();
    value.attr("role").or_else(|| {
        Some(match (value.name(), value.attr("type").unwrap_or("text")) {
            ("button", _) | ("input", "button" | "submit") => "button",
            ("a", _) if value.attr("href").is_some() => "link",
            ("h1" | "h2" | "h3" | "h4", _) => "heading",
            ("input", "checkbox") => "checkbox",
            ("input", "radio") => "radio",
            ("input", "text" | "search" | "email" | "url" | "password") | ("textarea", _) => "textbox",
            ("ul" | "ol", _) => "list",
            ("li", _) => "listitem",
            ("details", _) => "group",
            _ => return None,
        })
    })
}

/// What an element is called: its label, else its text.
fn name_of(element: &ElementRef, page: &Html) -> String {
    let value = element.value();
    let text = |element: ElementRef| element.text().collect::<String>();
    let by_id = |id: &str| {
        let selector = Selector::parse(&format!("[id=\"{id}\"]")).ok()?;
        page.select(&selector).next().map(text)
    };
    let labelled = || {
        let selector = Selector::parse(&format!("label[for=\"{}\"]", value.id()?)).ok()?;
        page.select(&selector).next().map(text)
    };
    let label = || {
        let around = element.ancestors().filter_map(ElementRef::wrap);
        around.filter(|outer| outer.value().name() == "label").map(text).next()
    };
    value
        .attr("aria-label")
        .map(str::to_owned)
        .or_else(|| value.attr("aria-labelledby").and_then(by_id))
        .or_else(label)
        .or_else(labelled)
        .unwrap_or_else(|| text(*element))
}

/// Whether nobody finds the element: it stands in a part that is hidden, or in a `details` that is closed.
fn is_hidden(element: &ElementRef) -> bool {
    let is = |outer: &ElementRef, attribute: &str| outer.value().attr(attribute).is_some();
    let mut inner = *element;
    if is(&inner, "hidden") {
        return true;
    }
    for outer in element.ancestors().filter_map(ElementRef::wrap) {
        let closed = outer.value().name() == "details" && !is(&outer, "open") && inner.value().name() != "summary";
        if closed || is(&outer, "hidden") || is(&outer, "popover") {
            return true;
        }
        inner = outer;
    }
    false
}

impl Fake {
    /// A node whose ports fail with `error`, except for the frame's.
    pub fn failing(error: Error) -> Self {
        Self {
            error: Some(error),
            ..Self::default()
        }
    }

    /// The ports.
    pub fn services(self) -> Services {
        let fake = Arc::new(self);
        Services {
            sessions: fake.clone(),
            approvals: fake.clone(),
            projects: fake.clone(),
            usage: fake.clone(),
            accounts: fake.clone(),
            node: fake.clone(),
            fleet: fake,
        }
    }

    /// Renders the page at `path` (with its query) on the server, for this node.
    pub async fn render(self, path: &str) -> Rendered {
        // Listing the routes also starts Leptos' executor, as in the server.
        static ROUTES: Once = Once::new();
        ROUTES.call_once(|| drop(leptos_axum::generate_route_list(crate::App)));
        let mut request = Request::get(path)
            .header("accept", "text/html")
            .body(Body::empty())
            .expect("a path");
        if let Some(caller) = &self.caller {
            request.extensions_mut().insert(caller.clone());
        }
        let options = LeptosOptions::builder().output_name("orchwiz").build();
        // Only the link `works` is valid.
        let link_works: crate::auth::LinkCheck = Arc::new(|token| Box::pin(async move { Ok(token == "works") }));
        let auth = crate::auth::AuthOptions {
            github: self.accounts.github,
            link_works,
        };
        let services = self.services();
        let context = move || {
            provide_context(services.clone());
            provide_context(auth.clone());
        };
        // Every route asks for it, so what is read below something read is in the page too.
        let handler = leptos_axum::render_app_async_with_context(context, move || crate::shell(options.clone()));
        let response = handler(request).await;
        let status = response.status().as_u16();
        let location = response
            .headers()
            .get("location")
            .and_then(|to| to.to_str().ok())
            .map(str::to_owned);
        let body = axum::body::to_bytes(response.into_body(), usize::MAX)
            .await
            .expect("the whole page");
        let html = String::from_utf8(body.to_vec()).expect("UTF-8");
        #[expect(
            clippy::disallowed_methods,
            reason = "a switch of the test itself: where to leave pages for looking at"
        )]
        if let Ok(folder) = std::env::var("ORCHWIZ_TEST_PAGES") {
            let name: String = path
                .chars()
                .map(|c| if c.is_alphanumeric() { c } else { '_' })
                .collect();
            let thread = std::thread::current()
                .name()
                .unwrap_or("test")
                .rsplit("::")
                .next()
                .unwrap_or("test")
                .to_owned();
            std::fs::write(format!("{folder}/{thread}{name}.html"), &html).expect("the folder exists");
        }
        Rendered { status, location, html }
    }

    pub(crate) fn checked(&self) -> Result<()> {
        self.error.clone().map_or(Ok(()), Err)
    }

    pub(crate) fn framed(&self) -> Result<()> {
        if self.frame_fails { self.checked() } else { Ok(()) }
    }
}

/// A page of the items, cut as the node would.
pub(crate) fn page<T: Clone>(items: &[T], query: &PageQuery) -> Result<Page<T>> {
    let limit = usize::try_from(query.limit()?).unwrap_or(usize::MAX);
    let from = match &query.after {
        Some(after) => after
            .parse()
            .map_err(|_| Error::invalid("after", "this is not a cursor of this list"))?,
        None => 0_usize,
    };
    let from = from.min(items.len());
    let to = (from + limit).min(items.len());
    Ok(Page {
        items: items[from..to].to_vec(),
        next: (to < items.len()).then(|| to.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fleet::fake::{link, node},
        sessions::fake::entry,
    };
    use model::{
        approvals::ApprovalState,
        entries::{Entry, EntryKind},
        fleet::LinkState,
        sessions::SessionState,
    };

    #[tokio::test]
    async fn the_fakes_keep_the_contract_of_the_ports() {
        let entries: Vec<Entry> = (1..=3).map(|seq| entry(seq, EntryKind::Message, |_| ())).collect();
        let rows = vec![
            session(1, |session| session.updated = NOW),
            session(2, |session| {
                (session.state, session.tags) = (SessionState::Waiting, vec!["a b".into()]);
            }),
            session(3, |session| session.title = "Größe".into()),
        ];
        let fake = Fake {
            sessions: Sessions {
                rows,
                entries,
                ..Sessions::default()
            },
            approvals: vec![
                approval(1, |_| ()),
                approval(2, |approval| approval.state = ApprovalState::Denied),
            ]
            .into(),
            projects: vec![project(2, |project| project.name = "alpha".into()), project(1, |_| ())].into(),
            fleet: Fleet {
                nodes: vec![Fleet::default().nodes.remove(0), node(2, |_| ())],
                links: vec![link(2, |_| ()), link(3, |link| link.state = LinkState::Pending)],
                ..Fleet::default()
            },
            ..Fake::default()
        };
        let caller = caller(Role::Owner);
        contract::sessions(&fake, &caller).await;
        contract::approvals(&fake, &caller).await;
        contract::projects(&fake, &caller).await;
        contract::fleet(&fake, &caller).await;
    }
}
