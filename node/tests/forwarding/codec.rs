//! What the codec promises: what is written is read back byte for byte, and nothing that comes in makes it panic or take
//! more than its limits.

use model::id::NodeId;
use node::{
    forwarding::core::{
        Batch, Decoded, Epoch, Event, Frame, Have, Head, Hello, Item, Known, LogId, Message, Nack, PLAIN_MAX, Payload,
        Ping, Reason, Refusal, Skip, WIRE_MAX, Withdrawn, pack, unpack,
    },
    journal::chain,
};
use proptest::{collection::vec, prelude::*};

/// The first bytes of a zstd frame.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const FRAMES_MAX: usize = 256;
const MESSAGES_MAX: usize = 64;

fn packed(plain: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(plain, 1).unwrap()
}

fn node() -> impl Strategy<Value = NodeId> {
    any::<u128>().prop_map(|id| NodeId::from_uuid(uuid::Uuid::from_u128(id)))
}

fn log() -> impl Strategy<Value = LogId> {
    (node(), any::<[u8; 8]>()).prop_map(|(origin, epoch)| LogId {
        origin,
        epoch: Epoch(epoch),
    })
}

fn name() -> impl Strategy<Value = String> {
    "[^\0]{0,40}"
}

fn have() -> impl Strategy<Value = Have> {
    (
        log(),
        1..1_000_000_i64,
        any::<[u8; 32]>(),
        0..1_000_i64,
        any::<u64>(),
        0..1_000_i64,
    )
        .prop_map(|(log, seq, hash, hole, pass, through)| Have {
            log,
            seq,
            hash,
            hole: hole.min(seq),
            pass,
            through: through.min(seq),
        })
}

fn payload() -> impl Strategy<Value = Option<Payload>> {
    let bytes = prop_oneof![
        vec(any::<u8>(), 0..200),
        ".{0,80}".prop_map(String::into_bytes),
        Just(br#"{"id":"ses_1","title":"Gr\u00f6\u00dfe \"x\"\n","body":{"inline":"\u0000"}}"#.to_vec()),
    ];
    prop::option::of((bytes, any::<[u8; 16]>()).prop_map(|(bytes, salt)| Payload { bytes, salt }))
}

/// Items from `first` on, without a gap.
fn batch() -> impl Strategy<Value = Batch> {
    let event = (
        any::<i64>(),
        name(),
        name(),
        any::<i32>(),
        name(),
        payload(),
        any::<[u8; 32]>(),
    );
    let part = prop_oneof![
        4 => event.prop_map(|(hlc, actor, kind, v, subject, payload, hash)| {
            let commitment = payload
                .as_ref()
                .map_or(hash, |payload| chain::commitment(&payload.salt, &payload.bytes));
            (Some(Event { seq: 0, hlc, actor, kind, v, subject, payload, commitment, hash }), 1, hash)
        }),
        1 => (1..100_i64, any::<[u8; 32]>()).prop_map(|(length, hash)| (None, length, hash)),
    ];
    (log(), 1..u64::MAX, 1..1_000_i64, any::<[u8; 32]>(), vec(part, 1..12)).prop_map(
        |(log, pass, first, previous, parts)| {
            let mut next = first;
            let items = parts
                .into_iter()
                .map(|(event, length, hash)| {
                    let from = next;
                    next += length;
                    match event {
                        Some(event) => Item::Event(Event { seq: from, ..event }),
                        None => Item::Skip(Skip {
                            from,
                            to: next - 1,
                            reason: if length % 2 == 0 {
                                Reason::Filtered
                            } else {
                                Reason::Other("later".into())
                            },
                            hash,
                        }),
                    }
                })
                .collect();
            Batch {
                log,
                pass,
                first,
                last: next - 1,
                hole: first,
                previous: Some(previous),
                items,
            }
        },
    )
}

fn hello() -> impl Strategy<Value = Hello> {
    let known = (node(), name(), name()).prop_map(|(id, name, kind)| Known { id, name, kind });
    let who = (node(), any::<[u8; 8]>(), name(), name(), name());
    (
        who,
        vec(have(), 0..5),
        vec(known, 0..4),
        any::<[u64; 3]>(),
        any::<bool>(),
    )
        .prop_map(
            |((node, epoch, name, kind, version), have, nodes, [filter, max_bytes, credit], paused)| Hello {
                proto: [1, 3],
                node,
                epoch: Epoch(epoch),
                have,
                filter,
                name,
                kind,
                version,
                nodes,
                max_bytes,
                credit,
                paused,
            },
        )
}

fn nack() -> impl Strategy<Value = Nack> {
    prop_oneof![
        (log(), 1..1_000_i64).prop_map(|(log, seq)| Nack::Expected { log, seq }),
        log().prop_map(|log| Nack::Diverged { log }),
        log().prop_map(|log| Nack::Unwanted { log }),
        any::<[u32; 2]>().prop_map(Nack::BadVersion),
        Just(Nack::Paused),
        Just(Nack::Revoked),
        Just(Nack::Busy),
        name().prop_map(Nack::Refused),
        Just(Nack::Other("tired".into())),
    ]
}

fn frame() -> impl Strategy<Value = Frame> {
    prop_oneof![
        hello().prop_map(Frame::Hello),
        batch().prop_map(Frame::Batch),
        have().prop_map(Frame::Ack),
        (log(), 1..1_000_i64, any::<[u8; 32]>(), vec(any::<u8>(), 0..80)).prop_map(|(log, seq, hash, signature)| {
            Frame::Head(Head {
                log,
                seq,
                hash,
                signature,
            })
        }),
        any::<u64>().prop_map(Frame::Credit),
        nack().prop_map(Frame::Nack),
        (prop::option::of(vec(any::<u8>(), 0..90)), any::<bool>())
            .prop_map(|(health, paused)| Frame::Ping(Ping { health, paused })),
        (node(), vec(name(), 0..4)).prop_map(|(origin, subjects)| Frame::Withdrawn(Withdrawn { origin, subjects })),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    (any::<[u8; 16]>(), any::<u64>(), vec(frame(), 0..5)).prop_map(|(connection, number, frames)| Message {
        connection,
        number,
        frames,
    })
}

/// The message as JSON, changed by `change`, as bytes.
fn changed(message: &Message, change: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
    let plain = zstd::decode_all(message.encode().unwrap().as_slice()).unwrap();
    let mut json = serde_json::from_slice(&plain).unwrap();
    change(&mut json);
    packed(&serde_json::to_vec(&json).unwrap())
}

/// Adds a field that nobody knows to every object.
fn season(json: &mut serde_json::Value) {
    match json {
        serde_json::Value::Object(fields) => {
            fields.values_mut().for_each(season);
            fields.insert(
                "of_a_later_version".into(),
                serde_json::json!([{"deep": [null, 1e300, "\u{0}"]}]),
            );
        }
        serde_json::Value::Array(values) => values.iter_mut().for_each(season),
        _ => {}
    }
}

/// A message as a later version may write it: with fields and a frame that nobody knows.
pub fn seasoned(message: &Message) -> Vec<u8> {
    changed(message, |json| {
        season(json);
        let frames = json["frames"].as_array_mut().unwrap();
        frames.insert(0, serde_json::json!({"of_a_later_version": {"x": 1}}));
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(message in message()) {
        let bytes = message.encode().unwrap();
        let decoded = Message::decode(&bytes).unwrap();
        prop_assert_eq!(decoded, Decoded { message, unknown: 0 });
    }

    #[test]
    fn unknown_fields_and_frames_are_left_out(message in message()) {
        prop_assert_eq!(Message::decode(&seasoned(&message)).unwrap(), Decoded { message, unknown: 1 });
    }

    #[test]
    fn random_bytes_are_refused(bytes in vec(any::<u8>(), 0..400), json in ".{0,200}") {
        prop_assert!(Message::decode(&bytes).is_err());
        prop_assert!(Message::decode(&[&MAGIC, bytes.as_slice()].concat()).is_err());
        prop_assert!(Message::decode(&packed(&bytes)).is_err());
        prop_assert!(Message::decode(&packed(json.as_bytes())).is_err());
        let _ = unpack(&bytes);
    }

    /// A flipped bit is found by the checksum; cut or lengthened bytes are no whole frame.
    #[test]
    fn changed_bytes_are_refused(message in message(), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let bytes = message.encode().unwrap();
        let at = at.index(bytes.len());
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << bit;
        if let Ok(decoded) = Message::decode(&flipped) {
            // A bit of the header may say the same in another way.
            prop_assert_eq!(decoded.message, message);
        }
        prop_assert!(Message::decode(&bytes[..at]).is_err(), "cut");
        prop_assert_eq!(Message::decode(&[bytes.as_slice(), &[0]].concat()), Err(Refusal::NotZstd));
        prop_assert_eq!(Message::decode(&[bytes.as_slice(), &bytes].concat()), Err(Refusal::NotZstd));
    }

    /// Any value in the place of any other: a refusal or another message, never a panic.
    #[test]
    fn foreign_values_are_refused_or_read(message in message(), picks in vec((any::<u16>(), 0..8_usize), 1..6)) {
        fn leaves<'a>(json: &'a mut serde_json::Value, into: &mut Vec<&'a mut serde_json::Value>) {
            let is_leaf = match &*json {
                serde_json::Value::Object(fields) => fields.is_empty(),
                serde_json::Value::Array(values) => values.is_empty(),
                _ => true,
            };
            if is_leaf {
                return into.push(json);
            }
            match json {
                serde_json::Value::Object(fields) => fields.values_mut().for_each(|value| leaves(value, into)),
                serde_json::Value::Array(values) => values.iter_mut().for_each(|value| leaves(value, into)),
                _ => {}
            }
        }
        let bytes = changed(&message, |json| {
            let mut places = Vec::new();
            leaves(json, &mut places);
            for (place, value) in picks {
                let place = usize::from(place) % places.len();
                *places[place] = [
                    serde_json::json!(i64::MAX),
                    serde_json::json!(i64::MIN),
                    serde_json::json!(u64::MAX),
                    serde_json::json!(0),
                    serde_json::json!("\u{0}"),
                    serde_json::json!(null),
                    serde_json::json!([]),
                    serde_json::json!({"seq": 1}),
                ][value].clone();
            }
        });
        if let Ok(decoded) = Message::decode(&bytes) {
            prop_assert!(decoded.message.encode().is_ok());
        }
    }
}

#[test]
fn a_bomb_is_refused_before_it_is_parsed() {
    for plain in [vec![b' '; PLAIN_MAX + 1], vec![b'['; 200 << 20]] {
        let bomb = packed(&plain);
        assert!(bomb.len() < WIRE_MAX / 16, "{}", bomb.len());
        assert_eq!(Message::decode(&bomb), Err(Refusal::PlainTooLarge));
        // The same without a size in its header, as a stream writes it.
        let silent = zstd::stream::encode_all(plain.as_slice(), 1).unwrap();
        assert_eq!(Message::decode(&silent), Err(Refusal::PlainTooLarge));
    }
    // Small enough, but deep.
    assert!(matches!(
        Message::decode(&packed(&vec![b'['; 1 << 20])),
        Err(Refusal::Malformed(_))
    ));
    assert_eq!(
        Message::decode(&vec![0; WIRE_MAX + 1]),
        Err(Refusal::WireTooLarge(WIRE_MAX + 1))
    );
}

#[test]
fn a_window_that_is_too_large_is_refused() {
    let plain =
        serde_json::to_vec(&serde_json::json!({"connection": "0".repeat(32), "number": 1, "frames": []})).unwrap();
    let with_window = |log| {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(log).unwrap();
        std::io::Write::write_all(&mut encoder, &plain).unwrap();
        encoder.finish().unwrap()
    };
    assert!(Message::decode(&with_window(20)).is_ok());
    assert_eq!(Message::decode(&with_window(27)), Err(Refusal::NotZstd));
}

#[test]
fn lists_end_at_their_limits() {
    let message = Message {
        connection: [0; 16],
        number: 1,
        frames: vec![Frame::Credit(1)],
    };
    let many = changed(&message, |json| {
        json["frames"] = vec![serde_json::json!({}); FRAMES_MAX + 1].into();
    });
    assert!(matches!(Message::decode(&many), Err(Refusal::Malformed(_))));
    let two = changed(&message, |json| {
        json["frames"][0]["ping"] = serde_json::json!({});
    });
    assert_eq!(Message::decode(&two), Err(Refusal::Shape("a frame has two kinds")));
}

#[test]
fn messages_of_one_body_come_apart_again() {
    let messages = vec![b"one".to_vec(), Vec::new(), vec![7; 3_000]];
    let body = pack(&messages);
    assert_eq!(unpack(&body).unwrap(), messages);
    for cut in [1, 5, body.len() - 1] {
        assert!(unpack(&body[..cut]).is_err());
    }
    assert_eq!(unpack(&[0xff; 8]), Err(Refusal::WireTooLarge(0xffff_ffff)));
    assert!(unpack(&pack(&vec![Vec::new(); MESSAGES_MAX + 1])).is_err());
}
