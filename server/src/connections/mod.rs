//! Network connections: their number, their time limits, and their end when the node stops. It moves bytes between
//! sockets and the router; it must not look into a request.

mod body;
mod places;
mod stream;

use crate::stop::Stop;
use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
};
use body::{Answering, Punctual};
use futures::future::join_all;
use http::{Response, StatusCode};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use places::{Place, Places};
use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use stream::Stream;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// The accept backlog; the kernel may allow less.
const BACKLOG: u32 = 4_096;
/// The largest request head, and the most of an answer that waits for a slow reader, in bytes.
const BUFFER: usize = 64 * 1024;
/// The interval of the check for time limits; a connection may exceed its limit by this much.
const TICK: Duration = Duration::from_millis(500);

/// Whether an address is exempt from the limit per address: proxies and this machine.
pub type Exempt = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// Limits of connections. Beyond a limit the connection is closed without an answer; only a late body gets one.
#[derive(Clone)]
pub struct Bounds {
    /// The most connections. A new one replaces the one that has waited longest without a whole request.
    pub all: usize,
    /// The most connections of one address; an IPv6 /64 counts as one.
    pub of_an_address: usize,
    /// Addresses that `of_an_address` does not limit.
    pub exempt: Exempt,
    /// Until the first byte comes.
    pub first: Duration,
    /// From the first byte of a request's head to its last.
    pub head: Duration,
    /// From the head of a request to the end of its body.
    pub body: Duration,
    /// Between an answer and the next request.
    pub idle: Duration,
    /// The longest time in which the client may read nothing of a pending answer.
    pub write: Duration,
}

impl Bounds {
    /// The limits for a process with so many file descriptors.
    pub fn of(open_files: u64, exempt: Exempt) -> Self {
        // The other half is for the database, spools, agents and their sockets.
        let all = usize::try_from(open_files / 2).unwrap_or(usize::MAX).clamp(64, 8_192);
        Self {
            all,
            of_an_address: (all / 4).min(512),
            exempt,
            first: Duration::from_secs(15),
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            // Longer than proxies keep theirs, so that they never send a request into a connection being closed.
            idle: Duration::from_secs(150),
            write: Duration::from_secs(30),
        }
    }
}

/// Listens at `address`.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // A restarted node gets its port back at once.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves `app` on all listeners until the node stops and every open request has its answer.
pub async fn serve(listeners: Vec<TcpListener>, app: Router, bounds: Bounds, stop: Stop) {
    let places = Places::new(bounds.clone());
    let open = TaskTracker::new();
    let sweeper = async {
        loop {
            tokio::time::sleep(TICK).await;
            places.sweep();
        }
    };
    let (places, open) = (&places, &open);
    let accepting = listeners.iter().map(|listener| {
        let (app, stop) = (app.clone(), stop.clone());
        async move {
            loop {
                let (stream, peer) = accept(listener).await;
                if let Some(place) = places.take(peer.ip()).await {
                    open.spawn(connection(stream, peer, place, app.clone(), bounds.body, stop.clone()));
                }
            }
        }
    });
    let accepting = join_all(accepting);
    let until_asked = async {
        tokio::select! {
            _ = accepting => {}
            () = stop.asked() => {}
        }
        // Connections without a whole request are closed at once.
        places.dismiss();
        open.close();
        open.wait().await;
    };
    tokio::select! {
        () = sweeper => {}
        () = until_asked => {}
    }
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionRefused
                        | io::ErrorKind::ConnectionAborted
                        | io::ErrorKind::ConnectionReset
                ) => {}
            Err(error) => {
                // Most likely out of file descriptors: try again when some are free.
                tracing::error!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, place: Place, app: Router, body: Duration, stop: Stop) {
    let seat = place.seat();
    let speak = async {
        // Until the first byte, a connection costs no buffer and no parser.
        if stream.readable().await.is_ok() {
            Box::pin(speak(stream, peer, place, app, body, stop)).await;
        }
    };
    tokio::select! {
        () = seat.lost() => {}
        () = speak => {}
    }
}

/// HTTP/1.1 only. Browsers speak HTTP/2 only over TLS, which a proxy ends, and proxies do not need it here.
async fn speak(stream: TcpStream, peer: SocketAddr, place: Place, app: Router, limit: Duration, stop: Stop) {
    // `TCP_NODELAY` sends small answers at once; a failure here shows at the first use.
    let _ = stream.set_nodelay(true);
    let seat = place.seat();
    let service = service_fn(move |request: http::Request<Incoming>| {
        let (app, seat) = (app.clone(), seat.clone());
        async move {
            let Some(busy) = seat.begin() else {
                return Err(io::Error::from(io::ErrorKind::TimedOut));
            };
            let mut request: Request = request.map(|body| Body::new(Punctual::new(body, limit)));
            request.extensions_mut().insert(ConnectInfo(peer));
            let Ok(response) = app.oneshot(request).await;
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                busy.for_good();
                return Ok(response.map(|body| Answering::new(body, None)));
            }
            Ok::<Response<Answering>, io::Error>(response.map(|body| Answering::new(body, Some(busy))))
        }
    });
    // The header limit stays at its default of 100: the parser then keeps them on the stack.
    let connection = http1::Builder::new()
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(Stream::new(stream, place)), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.asked() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
