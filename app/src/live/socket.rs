//! The WebSocket behind [`super::Live`], in the browser only: connects, sends the followed topics, and reconnects. It
//! must touch the page only through `Live::hear`.

use super::{Live, LiveState, backoff};
use crate::browser;
use leptos::{ev, prelude::*, reactive::spawn_local};
use model::live::{ClientSays, ServerSays};
use std::{cell::RefCell, rc::Rc, time::Duration};
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{CloseEvent, MessageEvent, WebSocket};

/// A connection silent for so long is dead: the node sends something every 15 s.
const SILENCE_MS: i64 = 40_000;

struct Inner {
    live: Live,
    socket: RefCell<Option<Open>>,
    tries: RefCell<u32>,
    heard_at: RefCell<i64>,
    /// The timer of the next try.
    waiting: RefCell<Option<leptos::leptos_dom::helpers::TimeoutHandle>>,
}

/// A socket with its callbacks, which must live as long as it does.
struct Open {
    socket: WebSocket,
    _opened: Closure<dyn FnMut()>,
    _heard: Closure<dyn FnMut(MessageEvent)>,
    _closed: Closure<dyn FnMut(CloseEvent)>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        let _ = self.socket.close();
    }
}

/// Opens the connection after hydration; it ends with the page.
pub(super) fn start(live: Live) {
    Effect::new(move |started: Option<bool>| {
        let topics = live.topics.get();
        // Without topics there is nothing to follow yet.
        if topics == 0 {
            return false;
        }
        if started != Some(true) {
            run(live);
        }
        true
    });
}

fn run(live: Live) {
    let inner = Rc::new(Inner {
        live,
        socket: RefCell::new(None),
        tries: RefCell::new(0),
        heard_at: RefCell::new(browser::now().unwrap_or_default()),
        waiting: RefCell::new(None),
    });
    connect(&inner);

    // Coalesced: topics change in bursts between two pages, and one message is enough.
    let saying = inner.clone();
    let owner = live.owner.get_value();
    owner.with(|| {
        Effect::watch(
            move || live.topics.get(),
            move |_, _, _| {
                let saying = saying.clone();
                spawn_local(async move { follow(&saying) });
            },
            false,
        );

        let watched = inner.clone();
        browser::every(Duration::from_secs(5), move || {
            let silent = browser::now().unwrap_or_default() - *watched.heard_at.borrow() > SILENCE_MS;
            if silent && watched.socket.borrow().is_some() {
                lost(&watched);
            }
        });

        let back = inner.clone();
        let online = window_event_listener(ev::online, move |_| at_once(&back));
        let seen = inner.clone();
        let visible = window_event_listener(ev::visibilitychange, move |_| {
            if !document().hidden() {
                at_once(&seen);
            }
        });
        on_cleanup(move || {
            online.remove();
            visible.remove();
        });
    });
}

/// Reconnects now instead of after the backoff.
fn at_once(inner: &Rc<Inner>) {
    if inner.socket.borrow().is_none() {
        if let Some(waiting) = inner.waiting.borrow_mut().take() {
            waiting.clear();
        }
        connect(inner);
    }
}

fn address() -> String {
    let location = window().location();
    let scheme = if location.protocol().as_deref() == Ok("https:") {
        "wss"
    } else {
        "ws"
    };
    format!("{scheme}://{}/live", location.host().unwrap_or_default())
}

fn connect(inner: &Rc<Inner>) {
    let Ok(socket) = WebSocket::new(&address()) else {
        lost(inner);
        return;
    };
    *inner.heard_at.borrow_mut() = browser::now().unwrap_or_default();

    let opened = inner.clone();
    let on_open = Closure::<dyn FnMut()>::new(move || {
        *opened.tries.borrow_mut() = 0;
        opened.live.set_state.set(LiveState::CatchingUp);
        follow(&opened);
    });
    let heard = inner.clone();
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        *heard.heard_at.borrow_mut() = browser::now().unwrap_or_default();
        // An unknown message, from a newer node, is skipped.
        if let Some(says) = event
            .data()
            .as_string()
            .and_then(|text| serde_json::from_str::<ServerSays>(&text).ok())
        {
            heard.live.hear(&says);
        }
    });
    let closed = inner.clone();
    let on_close = Closure::<dyn FnMut(CloseEvent)>::new(move |event: CloseEvent| {
        // 1008 and 4401: the login ended. Reading the frame again leads to the sign-in page.
        if matches!(event.code(), 1008 | 4401 | 4403) {
            closed.live.check_login();
        }
        let lost_one = closed.clone();
        // A callback must not be dropped while it runs.
        spawn_local(async move { lost(&lost_one) });
    });
    socket.set_onopen(Some(on_open.as_ref().unchecked_ref()));
    socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));
    *inner.socket.borrow_mut() = Some(Open {
        socket,
        _opened: on_open,
        _heard: on_message,
        _closed: on_close,
    });
}

fn lost(inner: &Rc<Inner>) {
    inner.socket.borrow_mut().take();
    let live = inner.live;
    if !matches!(live.set_state.get_untracked(), LiveState::Offline { .. }) {
        live.set_state.set(LiveState::Offline {
            since: browser::now().unwrap_or_default(),
        });
    }
    let tries = *inner.tries.borrow();
    *inner.tries.borrow_mut() = tries.saturating_add(1);
    // A refused handshake looks like a lost network; reading the frame tells them apart.
    if tries > 0 && tries.is_multiple_of(2) {
        live.check_login();
    }
    let again = inner.clone();
    let delay = Duration::from_millis(u64::from(backoff(tries, browser::chance())));
    let handle = set_timeout_with_handle(
        move || {
            again.waiting.borrow_mut().take();
            if again.socket.borrow().is_none() {
                connect(&again);
            }
        },
        delay,
    );
    *inner.waiting.borrow_mut() = handle.ok();
}

fn follow(inner: &Rc<Inner>) {
    let socket = inner.socket.borrow();
    let Some(open) = socket
        .as_ref()
        .filter(|open| open.socket.ready_state() == WebSocket::OPEN)
    else {
        return;
    };
    let live = inner.live;
    let after = live.resume.get_value().after();
    if let Ok(text) = serde_json::to_string(&ClientSays::Follow {
        topics: live.all_topics(),
        after,
    }) {
        let _ = open.socket.send_with_str(&text);
    }
}
