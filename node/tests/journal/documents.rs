//! Checks the protocol's document: the test computes its test vectors and compares them with the file.

use node::journal::chain::{Fields, GENESIS, commitment, hash};
use std::{fmt::Write, fs, path::Path};

const BEGIN: &str = "<!-- vectors: written by `cargo test -p node --test journal documents`, see there -->\n";
const END: &str = "<!-- end of vectors -->\n";

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}

/// Two consecutive events with everything that is needed to compute their hashes by hand.
fn vectors() -> String {
    let (origin, epoch) = ("000102030405060708090a0b0c0d0e0f", "0011223344556677");
    let events: [(i64, i64, &str, &str, &str, &str); 2] = [
        (
            1,
            117_657_147_801_600_000,
            "cli",
            "project.added",
            "prj_01920000000070008000000000000001",
            r#"{"id":"prj_01920000000070008000000000000001","name":"Größe","path":"/srv/größe","demo":false}"#,
        ),
        (
            2,
            117_657_147_801_600_001,
            "usr_01920000000070008000000000000002",
            "session.moved",
            "ses_01920000000070008000000000000003",
            r#"{"state":"waiting","detail":"Bash"}"#,
        ),
    ];
    let mut text = String::new();
    let mut previous = GENESIS;
    for (number, (seq, hlc, actor, kind, subject, payload)) in (1_u8..).zip(events) {
        let salt = [number; 16];
        let commitment = commitment(&salt, payload.as_bytes());
        let fields = Fields {
            origin,
            epoch,
            seq,
            hlc,
            actor,
            kind,
            v: 1,
            subject,
            commitment: &commitment,
        };
        let this = hash(&previous, &fields);
        writeln!(text, "```text").expect("writes");
        for (name, value) in [
            ("previous", hex(&previous)),
            ("origin", origin.into()),
            ("epoch", epoch.into()),
            ("seq", seq.to_string()),
            ("hlc", hlc.to_string()),
            ("actor", actor.into()),
            ("kind", kind.into()),
            ("v", "1".into()),
            ("subject", subject.into()),
            ("salt", hex(&salt)),
            ("payload", payload.into()),
            ("commitment", hex(&commitment)),
            ("hash", hex(&this)),
        ] {
            writeln!(text, "{name:<11}{value}").expect("writes");
        }
        writeln!(text, "```\n").expect("writes");
        previous = this;
    }
    text
}

/// With `ORCHWIZ_WRITE_DOCS=1` it writes the vectors into the file instead.
#[test]
fn the_vectors_in_the_document_are_what_the_program_computes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/protocol.md");
    let document = fs::read_to_string(&path).expect("docs/protocol.md is there");
    let from = document.find(BEGIN).expect("the document has a place for the vectors") + BEGIN.len();
    let to = document.find(END).expect("the place has an end");
    let vectors = vectors();
    #[expect(clippy::disallowed_methods, reason = "who edits the protocol says so")]
    if std::env::var("ORCHWIZ_WRITE_DOCS").is_ok() {
        fs::write(&path, format!("{}{vectors}{}", &document[..from], &document[to..])).expect("writes");
    } else {
        assert_eq!(&document[from..to], vectors);
    }
}
