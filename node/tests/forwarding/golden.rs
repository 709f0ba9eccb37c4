//! Messages as version 1 of the protocol writes them. They stay in the repository for ever: what they say must be read by
//! every later version, and what is written must not change. `GOLDEN=write` adds the file where there is none.

use model::id::NodeId;
use node::{
    forwarding::core::{
        Batch, Epoch, Event, Frame, Have, Head, Hello, Item, Known, LogId, Message, Nack, Payload, Ping, Reason, Skip,
        Withdrawn,
    },
    journal::chain,
};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/forwarding/golden-v1.txt");

fn log() -> LogId {
    LogId {
        origin: NodeId::from_uuid(uuid::Uuid::from_u128(0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f)),
        epoch: Epoch([0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77]),
    }
}

/// The first event of the test vectors in docs/protocol.md, then a run of skips, then an event without its payload.
fn batch() -> Batch {
    let payload = Payload {
        bytes: "{\"id\":\"prj_01920000000070008000000000000001\",\"name\":\"Größe\",\"path\":\"/srv/größe\",\"demo\":false}"
            .into(),
        salt: [1; 16],
    };
    let mut first = Event {
        seq: 1,
        hlc: 117_657_147_801_600_000,
        actor: "cli".into(),
        kind: "project.added".into(),
        v: 1,
        subject: "prj_01920000000070008000000000000001".into(),
        commitment: chain::commitment(&payload.salt, &payload.bytes),
        payload: Some(payload),
        hash: [0; 32],
    };
    first.hash = first.hash_after(log(), &chain::GENESIS);
    let mut last = Event {
        seq: 5,
        kind: "of.a_later_version".into(),
        v: 9,
        payload: None,
        ..first.clone()
    };
    last.hash = last.hash_after(log(), &[7; 32]);
    Batch {
        log: log(),
        pass: 11,
        first: 1,
        last: 5,
        hole: 0,
        previous: Some(chain::GENESIS),
        items: vec![
            Item::Event(first),
            Item::Skip(Skip {
                from: 2,
                to: 4,
                reason: Reason::Filtered,
                hash: [7; 32],
            }),
            Item::Event(last),
        ],
    }
}

fn frames() -> Vec<(&'static str, Frame)> {
    let have = Have {
        log: log(),
        seq: 5,
        hash: [9; 32],
        hole: 4,
        pass: 11,
        through: 5,
    };
    let hello = Hello {
        proto: [1, 1],
        node: log().origin,
        epoch: log().epoch,
        have: vec![have],
        filter: 3,
        name: "laptop".into(),
        kind: "local".into(),
        version: "0.1.0".into(),
        nodes: vec![Known {
            id: NodeId::from_uuid(uuid::Uuid::from_u128(5)),
            name: "cloud".into(),
            kind: "cloud".into(),
        }],
        max_bytes: 1 << 20,
        credit: 4 << 20,
        paused: false,
    };
    let head = Head {
        log: log(),
        seq: 5,
        hash: [9; 32],
        signature: vec![3; 64],
    };
    let ping = Ping {
        health: Some(b"{}".to_vec()),
        paused: true,
    };
    let withdrawn = Withdrawn {
        origin: log().origin,
        subjects: vec!["ses_01920000000070008000000000000003".into()],
    };
    vec![
        ("hello", Frame::Hello(hello)),
        ("batch", Frame::Batch(batch())),
        ("ack", Frame::Ack(have)),
        ("head", Frame::Head(head)),
        ("credit", Frame::Credit(1 << 20)),
        ("nack expected", Frame::Nack(Nack::Expected { log: log(), seq: 6 })),
        ("nack diverged", Frame::Nack(Nack::Diverged { log: log() })),
        ("nack unwanted", Frame::Nack(Nack::Unwanted { log: log() })),
        ("nack bad_version", Frame::Nack(Nack::BadVersion([1, 1]))),
        ("nack paused", Frame::Nack(Nack::Paused)),
        ("nack revoked", Frame::Nack(Nack::Revoked)),
        ("nack busy", Frame::Nack(Nack::Busy)),
        ("nack refused", Frame::Nack(Nack::Refused("bomb".into()))),
        ("ping", Frame::Ping(ping)),
        ("withdrawn", Frame::Withdrawn(withdrawn)),
    ]
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

fn bytes(hex: &str) -> Vec<u8> {
    let pair = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(pair).collect()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test's own switch")]
fn golden_messages_are_read_and_written() {
    let messages = frames().into_iter().zip(1..).map(|((name, frame), number)| {
        let message = Message {
            connection: [0xab; 16],
            number,
            frames: vec![frame],
        };
        (name, message)
    });
    let messages: Vec<_> = messages.collect();
    if std::env::var("GOLDEN").is_ok_and(|what| what == "write") && !std::path::Path::new(FILE).exists() {
        let lines = messages
            .iter()
            .map(|(name, message)| format!("{name}: {}\n", hex(&message.encode().unwrap())));
        std::fs::write(FILE, lines.collect::<String>()).unwrap();
    }
    let file = std::fs::read_to_string(FILE).unwrap();
    assert_eq!(file.lines().count(), messages.len());
    for (line, (name, message)) in file.lines().zip(messages) {
        let (golden_name, golden) = line.split_once(": ").unwrap();
        let golden = bytes(golden);
        assert_eq!(golden_name, name);
        assert_eq!(
            Message::decode(&golden).unwrap().message,
            message,
            "{name} is read otherwise"
        );
        // The compressor may change, the JSON may not.
        let plain = |bytes: &[u8]| String::from_utf8(zstd::decode_all(bytes).unwrap()).unwrap();
        assert_eq!(
            plain(&message.encode().unwrap()),
            plain(&golden),
            "{name} is written otherwise"
        );
    }
}
