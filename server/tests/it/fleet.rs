//! Two nodes over real sockets: invite, join, confirm, pause, revoke; and every invite that must not work.

use crate::bench::Bench;
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    middleware::{Next, from_fn},
    response::Response,
};
use model::Caller;
use serde_json::{Value, json};
use server::connections::{self, Bounds};
use std::{sync::Arc, time::Duration};

/// A node that listens, reached by other nodes.
struct Listening {
    bench: Bench,
}

/// What lies between two nodes.
type Layer = fn(Router) -> Router;

async fn node(number: u64, name: &str, kind: &str, between: Layer) -> Listening {
    let listener = connections::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let (name, kind) = (name.to_owned(), kind.to_owned());
    let bench = Bench::number(number, |_| {
        let mut flags = vec![
            ("listen", address.to_string()),
            ("node.name", name),
            ("node.kind", kind.clone()),
        ];
        if kind == "cloud" {
            // A proxy on this machine that ends nothing: what it says is the address that is listened on.
            flags.push(("public_url", format!("http://{address}")));
            flags.push(("behind_proxy", "true".into()));
        }
        flags
    })
    .await;
    let bounds = Bounds::of(1_024, Arc::new(|_| true));
    tokio::spawn(connections::serve(
        vec![listener],
        between(bench.app.clone()),
        bounds,
        bench.state.stop.clone(),
    ));
    Listening { bench }
}

async fn pair_of(between: Layer) -> (Listening, Listening) {
    (
        node(11, "cloud", "cloud", between).await,
        node(12, "laptop", "local", |app| app).await,
    )
}

fn send(projects: &str) -> Value {
    json!({"projects": projects, "detail": "full", "private": false, "relay": false})
}

impl Listening {
    async fn invite(&self, auto: bool) -> String {
        let new = json!({"auto": auto, "send": send("none")});
        let made = self.bench.post("/api/v1/invites", new).await.expect(201).json();
        made["invite"].as_str().unwrap().to_owned()
    }

    async fn join(&self, invite: &str, status: u16) -> Value {
        let new = json!({"invite": invite, "send": send("all")});
        self.bench.post("/api/v1/links", new).await.expect(status).json()
    }

    async fn link(&self) -> Value {
        let links = self.bench.get("/api/v1/links").await.expect(200).json();
        links["items"][0].clone()
    }

    async fn act(&self, id: &str, act: &str, status: u16) -> Value {
        let answer = self.bench.ask("POST", &format!("/api/v1/links/{id}/{act}"), None).await;
        answer.expect(status).json()
    }

    /// Waits until a link is in this state.
    async fn until(&self, state: &str) -> Value {
        let mut last = Value::Null;
        for _ in 0..400 {
            last = self.bench.get("/api/v1/links").await.expect(200).json();
            let found = last["items"]
                .as_array()
                .unwrap()
                .iter()
                .find(|link| link["state"] == state);
            if let Some(found) = found {
                return found.clone();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not {state} within 20 s: {last}");
    }
}

async fn end(nodes: (Listening, Listening)) {
    nodes.0.bench.end().await;
    nodes.1.bench.end().await;
}

fn message(refusal: &Value) -> &str {
    refusal["error"]["message"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_are_paired_confirmed_paused_and_parted() {
    let nodes = pair_of(|app| app).await;
    let (cloud, laptop) = (&nodes.0, &nodes.1);
    let joined = laptop.join(&cloud.invite(false).await, 201).await;
    let id = joined["id"].as_str().unwrap();
    assert_eq!(
        (&joined["state"], &joined["inviter"]),
        (&json!("pending"), &json!(false))
    );
    assert_eq!(
        (&joined["peer"]["name"], &joined["peer"]["kind"]),
        (&json!("cloud"), &json!("cloud"))
    );
    assert_eq!(
        (&joined["send"]["projects"], &joined["receive"]["projects"]),
        (&json!("all"), &json!("none"))
    );
    assert_eq!(joined["encrypted"], false);

    // Each side shows the fingerprint that the other has.
    let there = cloud.link().await;
    assert_eq!((there["id"].as_str(), &there["state"]), (Some(id), &json!("pending")));
    assert_eq!(
        (&there["peer"]["name"], &there["peer"]["url"]),
        (&json!("laptop"), &Value::Null)
    );
    let own = |node: &Listening| node.bench.state.fleet.key().public().fingerprint();
    assert_eq!(there["peer"]["fingerprint"], own(laptop));
    assert_eq!(joined["peer"]["fingerprint"], own(cloud));

    // Only the side that made the invite confirms.
    let refused = laptop.act(id, "confirm", 409).await;
    assert!(message(&refused).contains("cloud"), "{refused}");
    laptop.act(id, "pause", 409).await;
    let confirmed = cloud.act(id, "confirm", 200).await;
    assert_eq!(
        (&confirmed["state"], &confirmed["state_detail"]),
        (&json!("retrying"), &json!("not connected yet"))
    );
    cloud.until("live").await;
    let heard = laptop.until("live").await;
    assert_eq!(heard["id"], id);

    // What one side sends is known on the other.
    let patch = json!({"send": send("none")});
    laptop
        .bench
        .ask("PATCH", &format!("/api/v1/links/{id}"), Some(patch))
        .await
        .expect(200);
    for _ in 0..200 {
        if cloud.link().await["receive"]["projects"] == "none" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(cloud.link().await["receive"]["projects"], "none");

    assert_eq!(laptop.act(id, "pause", 200).await["state"], "paused");
    laptop.act(id, "resume", 200).await;
    laptop.until("live").await;

    // Both know each other as nodes.
    for (node, other) in [(cloud, "laptop"), (laptop, "cloud")] {
        let nodes = node.bench.get("/api/v1/nodes").await.expect(200).json();
        assert_eq!(
            (&nodes["items"][0]["here"], &nodes["items"][1]["name"]),
            (&json!(true), &json!(other))
        );
        assert_eq!(nodes["items"][1]["state"], "live", "{nodes}");
    }

    // The joiner ends it; the inviter hears so.
    let revoke = format!("/api/v1/links/{id}?forget=true");
    laptop.bench.ask("DELETE", &revoke, None).await.expect(204);
    let over = cloud.until("revoked").await;
    assert!(over["state_detail"].as_str().unwrap().contains("laptop"), "{over}");
    laptop.act(id, "resume", 409).await;
    cloud.act(id, "confirm", 409).await;

    // Nobody renames a known node before somebody has confirmed that it is the same.
    let node = &laptop.bench.state.services.node;
    node.rename(&Caller::cli(), "cloud too".into()).await.unwrap();
    let claimed = laptop.join(&cloud.invite(false).await, 201).await;
    let name_of = async |node: &Listening| {
        let nodes = node.bench.get("/api/v1/nodes").await.expect(200).json();
        nodes["items"][1]["name"].clone()
    };
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(
        (name_of(cloud).await, &cloud.until("pending").await["peer"]["name"]),
        (json!("laptop"), &json!("cloud too"))
    );
    let claimed = claimed["id"].as_str().unwrap();
    cloud.act(claimed, "confirm", 200).await;
    for _ in 0..200 {
        if name_of(cloud).await == "cloud too" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(name_of(cloud).await, "cloud too");
    laptop
        .bench
        .ask("DELETE", &format!("/api/v1/links/{claimed}"), None)
        .await
        .expect(204);
    let is_over = async || {
        let links = cloud.bench.get("/api/v1/links").await.expect(200).json();
        links["items"]
            .as_array()
            .unwrap()
            .iter()
            .all(|link| link["state"] == "revoked")
    };
    for _ in 0..200 {
        if is_over().await {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    // Paired anew, with a link of its own, confirmed by itself; the inviter ends that one.
    let again = laptop.join(&cloud.invite(true).await, 201).await;
    assert_eq!(again["state"], "retrying");
    assert_ne!(again["id"], id);
    cloud
        .bench
        .ask(
            "DELETE",
            &format!("/api/v1/links/{}", again["id"].as_str().unwrap()),
            None,
        )
        .await
        .expect(204);
    for _ in 0..300 {
        let links = laptop.bench.get("/api/v1/links").await.expect(200).json();
        if links["items"]
            .as_array()
            .unwrap()
            .iter()
            .all(|link| link["state"] == "revoked")
        {
            end(nodes).await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the joiner does not hear that its link is over");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_works_once_for_ten_minutes_and_on_another_node() {
    let nodes = pair_of(|app| app).await;
    let (cloud, laptop) = (&nodes.0, &nodes.1);
    let invite = cloud.invite(false).await;
    let own = cloud.join(&invite, 422).await;
    assert!(message(&own).contains("own"), "{own}");

    laptop.join(&invite, 201).await;
    let twice = laptop.join(&invite, 409).await;
    assert!(message(&twice).contains("already"), "{twice}");
    let third = node(13, "third", "local", |app| app).await;
    let used = third.join(&invite, 422).await;
    assert!(message(&used).contains("was used"), "{used}");
    assert_eq!(third.link().await, Value::Null);

    let late = cloud.invite(false).await;
    // Ten minutes pass on all clocks alike.
    for node in [cloud, laptop, &third] {
        node.bench.test.clock.advance(600_000);
    }
    let expired = third.join(&late, 422).await;
    assert!(message(&expired).contains("expired"), "{expired}");
    third.bench.end().await;
    end(nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_with_a_wrong_secret_is_dead_after_five_tries() {
    let nodes = pair_of(|app| app).await;
    let (cloud, laptop) = (&nodes.0, &nodes.1);
    let invite = cloud.invite(false).await;
    let forged = with_another_secret(&invite);
    for _ in 0..5 {
        let refused = laptop.join(&forged, 422).await;
        assert!(message(&refused).contains("secret is wrong"), "{refused}");
    }
    let refused = laptop.join(&invite, 422).await;
    assert!(message(&refused).contains("too often"), "{refused}");
    assert_eq!((cloud.link().await, laptop.link().await), (Value::Null, Value::Null));
    end(nodes).await;
}

/// The same invite with one bit of its secret changed and its sum made right.
fn with_another_secret(invite: &str) -> String {
    let text = invite.strip_prefix("ow1_").unwrap().to_ascii_uppercase();
    let mut bytes = data_encoding::BASE32_NOPAD.decode(text.as_bytes()).unwrap();
    bytes.truncate(bytes.len() - 4);
    // Behind the version, the node, its kind, its key and the handle.
    bytes[1 + 16 + 1 + 32 + 8] ^= 1;
    let sum = blake3::hash(&bytes);
    bytes.extend(&sum.as_bytes()[..4]);
    format!(
        "ow1_{}",
        data_encoding::BASE32_NOPAD.encode(&bytes).to_ascii_lowercase()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_changed_on_the_way_makes_no_link() {
    let nodes = pair_of(|app| {
        app.layer(from_fn(|request: Request, next: Next| async move {
            let answer: Response = next.run(request).await;
            let (parts, body) = answer.into_parts();
            let bytes = to_bytes(body, 1 << 20).await.unwrap();
            let text = String::from_utf8_lossy(&bytes).replace("\"confirmed\":false", "\"confirmed\":true ");
            Response::from_parts(parts, Body::from(text))
        }))
    })
    .await;
    let (cloud, laptop) = (&nodes.0, &nodes.1);
    let refused = laptop.join(&cloud.invite(false).await, 503).await;
    assert!(message(&refused).contains("changed on the way"), "{refused}");
    assert_eq!(laptop.link().await, Value::Null);
    end(nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_not_there_is_named() {
    let nodes = pair_of(|app| app).await;
    let (cloud, laptop) = (&nodes.0, &nodes.1);
    let invite = cloud.invite(false).await;
    cloud.bench.state.stop.ask();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let refused = laptop.join(&invite, 503).await;
    assert!(message(&refused).contains("cannot be reached"), "{refused}");
    end(nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_be_read_on_the_way_is_sent_only_where_a_person_allows_it() {
    let open = Bench::number(14, |_| vec![("public_url", "http://orch.invalid".into())]).await;
    let laptop = node(12, "laptop", "local", |app| app).await;
    let new = json!({"auto": false, "send": send("none")});
    let made = open.post("/api/v1/invites", new).await.expect(201).json();
    let refused = laptop.join(made["invite"].as_str().unwrap(), 422).await;
    assert_eq!(refused["error"]["field"], "unencrypted", "{refused}");
    // Where it is allowed, only the way is missing.
    let new = json!({"invite": made["invite"], "send": send("all"), "unencrypted": true});
    let refused = laptop.bench.post("/api/v1/links", new).await.expect(503).json();
    assert!(message(&refused).contains("cannot be reached"), "{refused}");
    laptop.bench.end().await;
    open.end().await;
}
