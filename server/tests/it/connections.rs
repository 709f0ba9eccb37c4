//! Connection limits: slow connections end, surplus ones make room, and honest clients notice nothing.

use crate::{
    bench::Bench,
    real::{Running, run, text},
};
use model::caller::{Role, Scope};
use server::connections::{self, Bounds};
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

const HEAD: &[u8] = b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:3000\r\n";

fn bounds(all: usize, of_an_address: usize, limit: Duration) -> Bounds {
    Bounds {
        all,
        of_an_address,
        exempt: Arc::new(|_| false),
        first: limit,
        head: limit,
        body: limit,
        idle: limit,
        write: limit,
    }
}

fn serve(bench: &Bench, bounds: Bounds) -> SocketAddr {
    let listener = connections::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(connections::serve(
        vec![listener],
        bench.app.clone(),
        bounds,
        bench.state.stop.clone(),
    ));
    address
}

/// Reads until the other side closes.
async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let read = timeout(Duration::from_secs(20), stream.read_to_end(&mut all)).await;
    // A connection that is cut off may end with an error; only its end counts here.
    let _ = read.expect("the connection ends");
    all
}

/// Sends one request on a connection of its own; gives the status line.
async fn honest(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(&[HEAD, b"Connection: close\r\n\r\n"].concat())
        .await
        .unwrap();
    String::from_utf8_lossy(&rest(&mut stream).await)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_come_or_is_not_taken_in_time_ends_its_connection() {
    let bench = Bench::new().await;
    let address = serve(&bench, bounds(100, 100, Duration::from_millis(700)));
    let begun = Instant::now();
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut half = TcpStream::connect(address).await.unwrap();
    half.write_all(HEAD).await.unwrap();
    let mut kept = TcpStream::connect(address).await.unwrap();
    kept.write_all(&[HEAD, b"\r\n"].concat()).await.unwrap();
    let mut bodiless = TcpStream::connect(address).await.unwrap();
    let post = b"POST /auth/login HTTP/1.1\r\nHost: 127.0.0.1:3000\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nname";
    bodiless.write_all(post).await.unwrap();
    assert!(rest(&mut silent).await.is_empty());
    assert!(rest(&mut half).await.is_empty());
    assert!(rest(&mut kept).await.starts_with(b"HTTP/1.1 200"));
    // A handler waits for this body, so it answers that the body broke off.
    assert!(rest(&mut bodiless).await.starts_with(b"HTTP/1.1 4"));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());

    // A client that asks for megabytes and reads nothing.
    let mut greedy = TcpStream::connect(address).await.unwrap();
    let many = b"GET /api/openapi.json HTTP/1.1\r\nHost: 127.0.0.1:3000\r\n\r\n".repeat(2_000);
    let sent = timeout(Duration::from_secs(5), greedy.write_all(&many)).await;
    sleep(Duration::from_secs(3)).await;
    let got = rest(&mut greedy).await.len();
    let whole = server::openapi::text().len() * 2_000;
    assert!(got < whole / 2, "{got} of {whole} bytes were waited for ({sent:?})");
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_node_makes_room_by_ending_who_waits_longest() {
    let bench = Bench::new().await;
    // First the whole node is full, then one address.
    for (all, of_an_address) in [(8, 100), (100, 8)] {
        let address = serve(&bench, bounds(all, of_an_address, Duration::from_mins(1)));
        let mut waiting = Vec::new();
        for _ in 0..8 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(HEAD).await.unwrap();
            waiting.push(stream);
            sleep(Duration::from_millis(20)).await;
        }
        let begun = Instant::now();
        for _ in 0..4 {
            assert_eq!(honest(address).await, "HTTP/1.1 200 OK");
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        // The oldest was closed; the newest is still open.
        assert!(rest(&mut waiting[0]).await.is_empty());
        waiting[7].write_all(b"\r\n").await.unwrap();
        let mut answer = [0; 12];
        waiting[7].read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
    }
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_is_not_spoken_without_tls() {
    let bench = Bench::new().await;
    let address = serve(&bench, bounds(100, 100, Duration::from_secs(1)));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .unwrap();
    let answer = rest(&mut stream).await;
    assert!(
        answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"),
        "{:?}",
        String::from_utf8_lossy(&answer)
    );
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_cannot_take_every_stream_or_socket() {
    let bench = Bench::new().await;
    bench.user("vera", Role::Viewer).await;
    let theirs = bench.token_of("vera", Scope::Read).await;
    let other = bench.token_of("vera", Scope::Write).await;
    let head = bench.test.journal.head().await;
    let stream = |token: String| {
        use tower::ServiceExt;
        let request = http::Request::get(format!("/api/v1/events?after={head}"))
            .header("host", "127.0.0.1:3000")
            .header("accept", "text/event-stream");
        let request = request.header("authorization", format!("Bearer {token}"));
        bench
            .app
            .clone()
            .oneshot(request.body(axum::body::Body::empty()).unwrap())
    };
    let mut open = Vec::new();
    let refused = loop {
        let response = stream(theirs.clone()).await.unwrap();
        if response.status() != 200 {
            break response.status().as_u16();
        }
        open.push(response);
        assert!(open.len() < 200, "nothing stops them");
    };
    assert_eq!(refused, 429);
    assert_eq!(
        stream(other.clone()).await.unwrap().status(),
        429,
        "another token of the same person"
    );
    assert_eq!(
        stream(bench.token.clone()).await.unwrap().status(),
        200,
        "somebody else"
    );
    open.pop();
    assert_eq!(stream(other).await.unwrap().status(), 200, "one has ended");

    let address = serve(&bench, bounds(2_000, 2_000, Duration::from_mins(1)));
    let mut open = Vec::new();
    let refused = loop {
        match crate::live::open(address, &[("authorization", &format!("Bearer {theirs}"))]).await {
            Ok(socket) => open.push(socket),
            Err(status) => break status,
        }
        assert!(open.len() < 500, "nothing stops them");
    };
    assert_eq!(refused, 429);
    assert!(
        crate::live::open(address, &[("authorization", &format!("Bearer {}", bench.token))])
            .await
            .is_ok(),
        "somebody else"
    );
    bench.end().await;
}

/// Memory of a process, kB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn thousands_of_idle_and_slow_connections_leave_an_honest_client_its_answers() {
    // This process holds the clients' ends.
    assert!(
        node::process::raise_open_files() > 4_000,
        "this test needs 4,000 open files"
    );
    let folder = tempfile::tempdir().unwrap();
    let node = Running::start(folder.path());
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", node.pid())).unwrap();
    let files: Vec<&str> = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap()
        .split_whitespace()
        .collect();
    assert_eq!(files[3], files[4], "the soft limit is the hard one");
    let data = folder.path().to_str().unwrap();
    let (code, _, err) = text(&run(
        &[
            "user",
            "add",
            "mara",
            "--role",
            "owner",
            "--password-stdin",
            "--data",
            data,
        ],
        Some("correct horse battery\n"),
    ));
    assert_eq!(code, Some(0), "{err}");
    let (_, token, _) = text(&run(&["token", "create", "--user", "mara", "--data", data], None));
    let address: SocketAddr = node.url.trim_start_matches("http://").parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let _ = rustls::crypto::ring::default_provider().install_default();
        // One connection per request, which is harder to get served.
        let client = reqwest::Client::builder().pool_max_idle_per_host(0).timeout(Duration::from_secs(20)).build().unwrap();
        let me = async || {
            let begun = Instant::now();
            let answer = client.get(format!("{}/api/v1/me", node.url)).bearer_auth(token.trim()).send().await;
            assert_eq!(answer.unwrap().status().as_u16(), 200);
            begun.elapsed()
        };
        for _ in 0..50 {
            me().await;
        }
        let before = resident(node.pid());
        let mut idle = Vec::new();
        for _ in 0..2_000 {
            idle.push(TcpStream::connect(address).await.unwrap());
        }
        let mut slow = tokio::task::JoinSet::new();
        let post = b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 10000\r\n\r\n";
        for place in 0..1_000 {
            let begin: &'static [u8] = if place % 2 == 0 { b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nX-Slow: " } else { post };
            slow.spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                // Until the node cuts it off.
                let mut sent = stream.write_all(begin).await;
                while sent.is_ok() {
                    sleep(Duration::from_secs(1)).await;
                    sent = stream.write_all(b"a").await;
                }
            });
        }
        sleep(Duration::from_secs(1)).await;
        let (mut times, mut most) = (Vec::new(), 0);
        for _ in 0..100 {
            times.push(me().await);
            most = most.max(resident(node.pid()));
            sleep(Duration::from_millis(30)).await;
        }
        times.sort();
        let more = most.saturating_sub(before);
        eprintln!("p50 {:?}, p99 {:?}, {} kB more than {} kB", times[50], times[98], more, before);
        assert!(times[98] <= Duration::from_secs(1), "p99 {:?}", times[98]);
        assert!(more <= 64 * 1024, "{more} kB more");
        drop(idle);
        slow.abort_all();
    });
}
