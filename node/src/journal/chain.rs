//! The hash chain: exactly which bytes are hashed (docs/protocol.md). Pure. It must never change, or old logs no longer
//! verify.

use super::StoredEvent;

/// The hash before the first event of an epoch.
pub const GENESIS: [u8; 32] = [0; 32];

/// BLAKE3 over the salt followed by the payload.
pub fn commitment(salt: &[u8; 16], payload: &[u8]) -> [u8; 32] {
    *blake3::Hasher::new().update(salt).update(payload).finalize().as_bytes()
}

/// The fields of an event that its hash covers, beside the previous hash.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    /// 32 hex digits.
    pub origin: &'a str,
    /// 16 hex digits.
    pub epoch: &'a str,
    /// From 1.
    pub seq: i64,
    /// The hybrid logical clock; see [`tick`].
    pub hlc: i64,
    /// Who did it: a user's id, `node`, `cli`.
    pub actor: &'a str,
    /// The kind of fact: `session.created`.
    pub kind: &'a str,
    /// The payload's version.
    pub v: i32,
    /// The id of what the event is about.
    pub subject: &'a str,
    /// See [`commitment`].
    pub commitment: &'a [u8],
}

/// BLAKE3 over the previous hash and the fields. Each field is preceded by its length (4 bytes, big endian); numbers
/// are 8 bytes, big endian.
pub fn hash(previous: &[u8], fields: &Fields<'_>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    let mut put = |bytes: &[u8]| {
        let length = u32::try_from(bytes.len()).expect("no field of an event is 4 GiB long");
        hasher.update(&length.to_be_bytes()).update(bytes);
    };
    put(previous);
    put(fields.origin.as_bytes());
    put(fields.epoch.as_bytes());
    put(&fields.seq.to_be_bytes());
    put(&fields.hlc.to_be_bytes());
    put(fields.actor.as_bytes());
    put(fields.kind.as_bytes());
    put(&i64::from(fields.v).to_be_bytes());
    put(fields.subject.as_bytes());
    put(fields.commitment);
    *hasher.finalize().as_bytes()
}

impl<'a> From<&'a StoredEvent> for Fields<'a> {
    fn from(event: &'a StoredEvent) -> Self {
        Self {
            origin: &event.origin,
            epoch: &event.epoch,
            seq: event.seq,
            hlc: event.hlc,
            actor: &event.actor,
            kind: &event.kind,
            v: event.v,
            subject: &event.subject,
            commitment: &event.commitment,
        }
    }
}

/// The greatest lead of the hybrid logical clock over the system clock. If the lead is greater, the system clock was
/// wrong and has been set back: the clock follows, or all later events would bear a wrong date.
const AHEAD_MS: model::Millis = 60_000;

/// The next value of a hybrid logical clock, with the time in the upper 48 bits. It is greater than the last value,
/// unless that was too far ahead of the time.
pub fn tick(last: i64, now: model::Millis) -> i64 {
    let time = now << 16;
    if last < latest(now) { time.max(last + 1) } else { time }
}

/// The first clock value that is too far ahead of the time.
pub(super) fn latest(now: model::Millis) -> i64 {
    now.saturating_add(AHEAD_MS) << 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_never_stands_still_or_goes_back() {
        let first = tick(0, 1_000);
        assert_eq!(first >> 16, 1_000);
        assert!(tick(first, 1_000) > first, "same millisecond");
        assert!(tick(first, 10) > first, "time went back");
        assert_eq!(tick(first, 2_000) >> 16, 2_000);
    }

    #[test]
    fn the_clock_goes_back_with_one_that_was_far_ahead() {
        let now = 1_795_305_600_000;
        let ahead = tick(0, now + AHEAD_MS - 1);
        assert!(tick(ahead, now) > ahead, "a minute is borne");
        for wrong in [AHEAD_MS, 2 * 3_600_000, 75 * 365 * 86_400_000] {
            let next = tick(tick(0, now + wrong), now);
            assert_eq!(next >> 16, now, "{wrong} ms ahead");
            assert!(tick(next, now) > next);
        }
    }

    #[test]
    fn fields_cannot_flow_into_one_another() {
        let fields = Fields {
            origin: "a",
            epoch: "b",
            seq: 1,
            hlc: 2,
            actor: "node",
            kind: "x.y",
            v: 1,
            subject: "ab",
            commitment: &[0; 32],
        };
        let moved = Fields {
            kind: "x.ya",
            subject: "b",
            ..fields
        };
        assert_ne!(hash(&GENESIS, &fields), hash(&GENESIS, &moved));
        assert_ne!(commitment(&[0; 16], b"a"), commitment(&[1; 16], b"a"));
    }
}
