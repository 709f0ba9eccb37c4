//! Connections from the network: how many there may be, how long each may take for what, and how they end when the node
//! stops. It moves bytes between sockets and the router; it must not look into a request.

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

/// Connections that wait to be accepted; the kernel may allow fewer.
const BACKLOG: u32 = 4_096;
/// The largest head of a request, and how much of an answer waits for a slow reader, in bytes.
const BUFFER: usize = 64 * 1024;
/// Bounds are looked after so often: a connection may have so much longer than is said.
const TICK: Duration = Duration::from_millis(500);

/// Says whether an address may hold as many connections as there are: what others reach the node through, and this
/// machine itself.
pub type Exempt = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// What connections may take. What is over a bound is closed without an answer, but for a body: its handler answers.
#[derive(Clone)]
pub struct Bounds {
    /// How many there may be. The one that has waited longest without a whole request makes room for a new one.
    pub all: usize,
    /// How many one address may hold; an IPv6 network of 64 bits counts as one.
    pub of_an_address: usize,
    /// Whom `of_an_address` does not concern.
    pub exempt: Exempt,
    /// Until the first byte comes.
    pub first: Duration,
    /// From the first byte of a request's head to its last.
    pub head: Duration,
    /// From the head of a request to the end of its body.
    pub body: Duration,
    /// Between an answer and the next request.
    pub idle: Duration,
    /// How long nothing may be taken of an answer that is there.
    pub write: Duration,
}

impl Bounds {
    /// The bounds of a process that may have so many files open.
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
            // Longer than proxies keep theirs: they must never send a request into a connection that is just being
            // closed.
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
    // A node that is started again gets its port at once.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves `app` until the node stops and every request that was under way has its answer.
pub async fn serve(listener: TcpListener, app: Router, bounds: Bounds, stop: Stop) {
    let places = Places::new(bounds.clone());
    let open = TaskTracker::new();
    let sweeper = async {
        loop {
            tokio::time::sleep(TICK).await;
            places.sweep();
        }
    };
    let accepting = async {
        loop {
            let (stream, peer) = accept(&listener).await;
            if let Some(place) = places.take(peer.ip()).await {
                open.spawn(connection(stream, peer, place, app.clone(), bounds.body, stop.clone()));
            }
        }
    };
    let until_asked = async {
        tokio::select! {
            () = accepting => {}
            () = stop.asked() => {}
        }
        // What has not begun a whole request by now is not waited for.
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
                // Out of files, most likely: there is nothing better to do than to try again when some are free.
                tracing::error!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, place: Place, app: Router, body: Duration, stop: Stop) {
    let seat = place.seat();
    let speak = async {
        // Before it has said anything a connection costs no buffer and no parser.
        if stream.readable().await.is_ok() {
            Box::pin(speak(stream, peer, place, app, body, stop)).await;
        }
    };
    tokio::select! {
        () = seat.lost() => {}
        () = speak => {}
    }
}

/// HTTP/1.1 alone: browsers speak HTTP/2 only over TLS, which a proxy ends, and proxies need none here.
async fn speak(stream: TcpStream, peer: SocketAddr, place: Place, app: Router, limit: Duration, stop: Stop) {
    // Small answers go out at once; a connection that is gone already shows itself on its first use.
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
    // No limit on the number of headers is set: without one it is 100, and they are kept on the stack.
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
