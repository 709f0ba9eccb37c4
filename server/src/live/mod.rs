//! `GET /live`: one WebSocket per tab, which carries rows as they are now between the browser and the node's live hub.
//! It must not decide what a caller sees. For a slow browser it must not buffer more than the hub had ready at once.

use crate::{
    answer::{
        error::{ApiError, ApiResult},
        extract::Known,
    },
    auth::ended::ended,
    metrics::Metrics,
    stop::Stop,
};
use async_trait::async_trait;
use axum::{
    extract::{
        State,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    response::Response,
};
use futures::SinkExt;
use http::StatusCode;
use model::{Caller, Pos, Services, live::ClientSays};
use node::{
    accounts::AccountsService,
    live::{Tail, Told},
};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, interval_at, timeout};

/// The path of the socket.
pub const PATH: &str = "/live";
/// The largest message a browser may send, in bytes.
const MAX_MESSAGE: usize = 64 * 1024;
/// The read buffer, in bytes. Small, because the library zeroes the buffer at every poll, which means at every event.
const READ: usize = 4 * 1024;
/// Token bucket of a browser's messages: the burst; one token comes back every half second.
const BURST: u32 = 40;
/// The ping interval; a browser without a sign of life for twice as long is gone.
const PING: Duration = Duration::from_secs(25);
/// The time limit for sending one frame.
const PATIENCE: Duration = Duration::from_secs(20);

/// WebSocket close codes.
mod code {
    /// The login is gone: sign in again.
    pub const SIGNED_OUT: u16 = 4401;
    /// The node restarts: reconnect in a moment.
    pub const RESTART: u16 = 1012;
    /// The browser broke the protocol.
    pub const POLICY: u16 = 1008;
    /// The node cannot serve this socket any longer.
    pub const INTERNAL: u16 = 1011;
}

/// The live hub, as sockets use it.
#[async_trait]
pub trait Hub: Send + Sync {
    /// Follows the node as `caller`; gives nothing until topics are named.
    fn follow(&self, caller: Caller) -> Box<dyn Feed>;
    /// Events after a position that `caller` may see, out of the next `limit`.
    async fn events(&self, caller: &Caller, after: Pos, limit: u64) -> model::Result<Tail>;
}

/// A follower of the hub.
#[async_trait]
pub trait Feed: Send {
    /// Waits for the next message; `None` when the hub has ended. Cancel-safe.
    async fn next(&mut self) -> Option<Told>;
    /// The next message if it is ready, to go out in the same write.
    fn at_hand(&mut self) -> Option<Told>;
    /// Passes on a message of the browser.
    async fn say(&mut self, says: ClientSays) -> model::Result<()>;
}

/// The live hub, as the state carries it.
pub type SharedHub = Arc<dyn Hub>;

/// The dependencies of a socket.
#[derive(Clone)]
pub struct Live {
    /// What sockets follow.
    pub hub: SharedHub,
    /// The ports.
    pub services: Services,
    /// Counts the sockets.
    pub metrics: Metrics,
    /// Checks whether the caller's login still holds.
    pub accounts: AccountsService,
    /// The signal to stop.
    pub stop: Stop,
}

/// `GET /live`.
pub async fn upgrade(
    State(state): State<Live>,
    Known(caller): Known,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> ApiResult<Response> {
    let upgrade = upgrade.map_err(|_| {
        ApiError::http(
            StatusCode::UPGRADE_REQUIRED,
            "upgrade_required",
            "this is a WebSocket: ask for an upgrade",
        )
    })?;
    // A metrics token may read nothing that a socket carries.
    state.services.approvals.pending(&caller).await?;
    let open = state.metrics.socket(&caller)?;
    let upgrade = upgrade
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE)
        .read_buffer_size(READ);
    Ok(upgrade.on_upgrade(async move |socket| {
        serve(socket, state, caller).await;
        drop(open);
    }))
}

/// The end of a socket.
enum End {
    /// The browser closed it, or is gone.
    Left,
    /// We close it.
    Close(u16, &'static str),
}

async fn serve(mut socket: WebSocket, state: Live, caller: Caller) {
    let mut feed = state.hub.follow(caller.clone());
    let ended = ended(&state.accounts, &state.stop, &caller);
    let end = tokio::select! {
        end = talk(&mut socket, feed.as_mut()) => end,
        () = ended => End::Close(code::SIGNED_OUT, "signed out"),
    };
    let end = if state.stop.is_asked() {
        End::Close(code::RESTART, "the node restarts")
    } else {
        end
    };
    if let End::Close(code, reason) = end {
        let frame = CloseFrame {
            code,
            reason: reason.into(),
        };
        // The browser may be gone already, and then nobody needs the frame.
        let _ = timeout(Duration::from_secs(1), socket.send(Message::Close(Some(frame)))).await;
    }
}

async fn talk(socket: &mut WebSocket, feed: &mut dyn Feed) -> End {
    let mut heard = Instant::now();
    let mut allowance = Allowance {
        left: BURST,
        since: heard,
    };
    let mut ping = interval_at(heard + PING, PING);
    loop {
        let message = tokio::select! {
            incoming = socket.recv() => {
                heard = Instant::now();
                match incoming {
                    Some(Ok(Message::Text(text))) => {
                        if !allowance.take(heard) {
                            return End::Close(code::POLICY, "too many messages");
                        }
                        let Ok(says) = serde_json::from_str(text.as_str()) else { return End::Close(code::POLICY, "not understood") };
                        if let Err(error) = feed.say(says).await {
                            tracing::warn!(%error, "a live socket could not follow what it asked for");
                            return End::Close(code::INTERNAL, "the node cannot go on");
                        }
                        continue;
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                    Some(Ok(Message::Binary(_))) => return End::Close(code::POLICY, "send text"),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return End::Left,
                }
            }
            says = feed.next() => {
                let Some(told) = says else { return End::Close(code::INTERNAL, "the node cannot go on") };
                // One network write for everything that is ready: writes are most of a tab's cost.
                let mut last = Message::text(told.text());
                while let Some(told) = feed.at_hand() {
                    if !is_taken(socket.feed(std::mem::replace(&mut last, Message::text(told.text())))).await {
                        return End::Left;
                    }
                }
                last
            }
            _ = ping.tick() => {
                if heard.elapsed() > PING * 2 {
                    return End::Left;
                }
                Message::Ping(axum::body::Bytes::new())
            }
        };
        if !is_taken(socket.send(message)).await {
            return End::Left;
        }
    }
}

/// Whether the browser takes a frame within the time limit.
async fn is_taken(sent: impl Future<Output = Result<(), axum::Error>>) -> bool {
    matches!(timeout(PATIENCE, sent).await, Ok(Ok(())))
}

/// The token bucket of a browser's messages.
struct Allowance {
    left: u32,
    since: Instant,
}

impl Allowance {
    fn take(&mut self, now: Instant) -> bool {
        let earned = u32::try_from(now.duration_since(self.since).as_millis() / 500).unwrap_or(BURST);
        if earned > 0 {
            self.left = (self.left + earned).min(BURST);
            self.since = now;
        }
        let may = self.left > 0;
        self.left = self.left.saturating_sub(1);
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_and_a_flood_is_not() {
        let start = Instant::now();
        let mut allowance = Allowance {
            left: BURST,
            since: start,
        };
        for _ in 0..BURST {
            assert!(allowance.take(start));
        }
        assert!(!allowance.take(start));
        assert!(allowance.take(start + Duration::from_millis(500)));
        assert!(!allowance.take(start + Duration::from_millis(600)));
    }
}
