//! Failover to a standby, as operators of PostgreSQL do it: from one moment to the next the node's address leads to
//! another machine.

#![expect(clippy::disallowed_methods, reason = "the test makes a server of its own")]

use crate::{
    away::{Between, is_well_again, thirty, write},
    commit,
    tables::every_kind,
};
use model::Error;
use node::store::{sql, testing::postgres_server};
use std::{
    env,
    net::TcpListener,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// A standby of the test server, until it is promoted.
struct Standby {
    data: PathBuf,
    port: u16,
    user: String,
}

impl Standby {
    /// `None` unless `scripts/postgres.sh` made the tests' server.
    fn of(server: &str) -> Option<Self> {
        let (folder, user) = (
            env::var("ORCHWIZ_TEST_POSTGRES_FOLDER").ok()?,
            env::var("ORCHWIZ_TEST_POSTGRES_USER").ok()?,
        );
        let free = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port");
        let standby = Self {
            data: PathBuf::from(folder).join("standby"),
            port: free.port(),
            user,
        };
        let data = standby.data.to_str().expect("a plain path");
        standby.run(&[
            "pg_basebackup",
            "--dbname",
            server,
            "--pgdata",
            data,
            "--write-recovery-conf",
            "--checkpoint",
            "fast",
            "--no-sync",
        ]);
        let log = standby.data.join("standby.log");
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off -c max_connections=300 -c ssl=off",
            standby.port
        );
        standby.run(&[
            "pg_ctl",
            "-D",
            data,
            "-w",
            "-t",
            "60",
            "-l",
            log.to_str().expect("a plain path"),
            "-o",
            &options,
            "start",
        ]);
        Some(standby)
    }

    /// Runs one of PostgreSQL's programs as its user.
    fn run(&self, words: &[&str]) {
        let status = self
            .command(words)
            .status()
            .expect("PostgreSQL's programs are installed");
        assert!(status.success(), "{words:?}: {status}");
    }

    fn command(&self, words: &[&str]) -> Command {
        let root = Command::new("id")
            .arg("-u")
            .output()
            .is_ok_and(|id| id.stdout.starts_with(b"0\n"));
        let words = if root {
            [&["runuser", "-u", &self.user, "--"], words].concat()
        } else {
            words.to_vec()
        };
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    fn promote(&self) {
        self.run(&[
            "pg_ctl",
            "-D",
            self.data.to_str().expect("a plain path"),
            "-w",
            "promote",
        ]);
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        // The folder of the tests' server is removed with all that is left of the standby.
        let _ = self
            .command(&[
                "pg_ctl",
                "-D",
                self.data.to_str().unwrap_or_default(),
                "-m",
                "immediate",
                "stop",
            ])
            .status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_is_promoted_is_written_to_and_until_then_everybody_hears_that_nothing_is_written() {
    let Some((standby, server)) = postgres_server().and_then(|server| Some((Standby::of(&server)?, server))) else {
        return;
    };
    let (between, test) = Between::store(69).await.expect("there is a server");
    commit(&test, every_kind()).await;
    let acknowledged = test.journal.head().await;
    // Replication is asynchronous. The test waits for it, because it is about the node.
    let followed = Instant::now();
    let primary = test.place.connect().await;
    let behind = "SELECT coalesce(min(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)), 1)::bigint AS behind FROM pg_stat_replication";
    while sql::one(&primary, behind, [])
        .await
        .expect("reads")
        .expect("a row")
        .try_get::<i64>("", "behind")
        .expect("a number")
        > 0
    {
        assert!(
            followed.elapsed() < Duration::from_secs(20),
            "the standby of {server} does not follow"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    between.lead_to(format!("127.0.0.1:{}", standby.port)).await;
    let (results, waited) = thirty(&test).await;
    assert!(
        results
            .iter()
            .all(|result| matches!(result, Err(Error::Unavailable(_)))),
        "{results:?}"
    );
    assert!(waited < Duration::from_secs(14), "{waited:?}");
    assert!(!test.journal.works());
    let read = test.journal.events(0, 1).await;
    assert!(
        read.as_ref().is_ok_and(|events| events.len() == 1),
        "a standby can be read: {read:?}"
    );

    standby.promote();
    is_well_again(&test).await;
    assert!(test.journal.head().await > acknowledged);
    write(test.journal.clone()).await.expect("writes");
    let here = sql::one(
        test.store.read(),
        "SELECT inet_server_port() AS port, pg_is_in_recovery() AS follows",
        [],
    )
    .await
    .expect("reads")
    .expect("a row");
    assert_eq!(
        here.try_get::<i32>("", "port").ok(),
        Some(i32::from(standby.port)),
        "readers have moved too"
    );
    assert_eq!(here.try_get::<bool>("", "follows").ok(), Some(false));
}
