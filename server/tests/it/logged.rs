//! The log of a failure: one line, with its place in the code and its request's id.

use crate::bench::{Answer, Bench};
use node::journal::Outcome;
use sea_orm::ConnectionTrait;
use serde_json::json;
use std::{
    io,
    sync::{Arc, Mutex},
};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// The only line with these words.
    fn with(&self, words: &str) -> String {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let found: Vec<_> = text.lines().filter(|line| line.contains(words)).collect();
        assert_eq!(found.len(), 1, "{words} in {text}");
        found[0].to_owned()
    }
}

/// On one thread, so that the log of every task arrives here.
#[tokio::test]
async fn a_cause_is_logged_once_with_its_place_and_the_id_of_its_request() {
    let bench = Bench::new().await;
    let project = bench.folder.path().join("one");
    std::fs::create_dir_all(&project).unwrap();
    let by = model::Caller::node();
    let gone = bench.test.journal.commit(&by, |tx| {
        Box::pin(async move {
            tx.db().execute_unprepared(r#"DROP TABLE "project""#).await.unwrap();
            Ok(Outcome::new(()))
        })
    });
    gone.await.unwrap();
    let lines = Lines::default();
    let to = lines.clone();
    let log = tracing_subscriber::fmt()
        .with_writer(move || to.clone())
        .with_ansi(false)
        .with_max_level(tracing::Level::INFO);
    let logged = tracing::subscriber::set_default(log.finish());
    let read = bench.get("/api/v1/projects").await;
    // This failure is in the writer's task.
    let written = bench.post("/api/v1/projects", json!({"path": project})).await;
    drop(logged);
    for (answer, place) in [(read, "node/src/"), (written, "node/src/projects/mod.rs:")] {
        let Answer { headers, .. } = &answer;
        let id = headers["x-request-id"].to_str().unwrap().to_owned();
        let reference = answer.expect(500).json()["error"]["reference"]
            .as_str()
            .unwrap()
            .to_owned();
        let line = lines.with(&reference);
        assert!(
            line.contains("project") && line.contains(place) && line.contains(&id),
            "{line}"
        );
    }
    bench.end().await;
}
