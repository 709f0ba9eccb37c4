//! The text of an invite: `ow1_` and base32 of who invites, where, and a secret. Pure. It must not know whether an
//! invite still works.

use super::key::PublicKey;
use data_encoding::{BASE32_NOPAD, HEXLOWER};
use model::{id::NodeId, node::NodeKind};
use uuid::Uuid;

/// The prefix of every invite of this version.
pub const PREFIX: &str = "ow1_";
/// The version of the bytes behind the prefix.
const VERSION: u8 = 1;
/// The most addresses that an invite carries.
pub const URLS: usize = 4;
/// The longest invite that is read, characters.
const LONGEST: usize = 4_096;
/// Bytes of the sum at the end, which tells a truncated paste from an invite of another node.
const SUM: usize = 4;

/// What an invite carries.
#[derive(Clone, PartialEq, Eq)]
pub struct InviteText {
    /// The inviting node.
    pub node: NodeId,
    /// Its kind.
    pub kind: NodeKind,
    /// Its name, at most 64 characters.
    pub name: String,
    /// Its key, which the joiner pins.
    pub key: PublicKey,
    /// The handle under which it finds the invite again; not secret.
    pub handle: [u8; 8],
    /// What the joiner proves to know.
    pub secret: [u8; 16],
    /// Where it is reached, at least one, the first first.
    pub urls: Vec<String>,
}

/// Without the secret.
impl std::fmt::Debug for InviteText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "InviteText({} {:?} {:?})", self.node, self.name, self.urls)
    }
}

/// Why a text is no invite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnInvite {
    /// It does not begin like one.
    #[error("an invite begins with ow1_: copy the whole line that the other node shows")]
    Prefix,
    /// It is not whole.
    #[error("this invite is not whole: copy the whole line that the other node shows")]
    Damaged,
    /// It is of a later version.
    #[error("this invite was made by a newer version of OrchWiz: upgrade this node first")]
    Newer,
}

impl InviteText {
    /// `ow1_...`.
    pub fn encode(&self) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend(self.node.uuid().as_bytes());
        bytes.push(NodeKind::ALL.iter().position(|kind| *kind == self.kind).map_or(0, byte));
        bytes.extend(self.key.bytes());
        bytes.extend(self.handle);
        bytes.extend(self.secret);
        let name: String = self.name.chars().take(64).collect();
        for text in std::iter::once(&name).chain(self.urls.iter().take(URLS)) {
            let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
            bytes.extend(length.to_be_bytes());
            bytes.extend(&text.as_bytes()[..usize::from(length)]);
        }
        let sum = blake3::hash(&bytes);
        bytes.extend(&sum.as_bytes()[..SUM]);
        format!("{PREFIX}{}", BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())
    }

    /// Reads [`encode`](Self::encode), with spaces around it and in either case; also the link of a page that carries
    /// one as `?invite=`.
    pub fn decode(text: &str) -> Result<Self, NotAnInvite> {
        let text = text.trim();
        let text = text.rsplit_once("invite=").map_or(text, |(_, invite)| invite);
        let text = text.split(['&', '#']).next().unwrap_or_default();
        let rest = text
            .get(..PREFIX.len())
            .filter(|prefix| prefix.eq_ignore_ascii_case(PREFIX))
            .map(|_| &text[PREFIX.len()..])
            .ok_or(NotAnInvite::Prefix)?;
        if rest.len() > LONGEST {
            return Err(NotAnInvite::Damaged);
        }
        let bytes = BASE32_NOPAD
            .decode(rest.to_ascii_uppercase().as_bytes())
            .map_err(|_| NotAnInvite::Damaged)?;
        let (bytes, sum) = bytes.split_last_chunk::<SUM>().ok_or(NotAnInvite::Damaged)?;
        if blake3::hash(bytes).as_bytes()[..SUM] != sum[..] {
            return Err(NotAnInvite::Damaged);
        }
        if bytes.first() != Some(&VERSION) {
            return Err(NotAnInvite::Newer);
        }
        Self::fields(&mut &bytes[1..]).ok_or(NotAnInvite::Damaged)
    }

    fn fields(bytes: &mut &[u8]) -> Option<Self> {
        let node = NodeId::from_uuid(Uuid::from_bytes(take(bytes)?));
        let [kind] = take(bytes)?;
        let kind = *NodeKind::ALL.get(usize::from(kind))?;
        let key = PublicKey::new(take(bytes)?);
        let (handle, secret) = (take(bytes)?, take(bytes)?);
        let name = text(bytes)?;
        let mut urls = Vec::new();
        while !bytes.is_empty() && urls.len() < URLS {
            urls.push(text(bytes)?);
        }
        let fine = bytes.is_empty() && !urls.is_empty() && is_a_name(&name);
        fine.then_some(Self {
            node,
            kind,
            name,
            key,
            handle,
            secret,
            urls,
        })
    }

    /// The handle as the table has it.
    pub fn handle_text(&self) -> String {
        HEXLOWER.encode(&self.handle)
    }
}

/// Whether a peer may be called so: what it says is shown on pages and in terminals.
pub(super) fn is_a_name(name: &str) -> bool {
    let count = name.chars().count();
    (1..=64).contains(&count) && !name.chars().any(char::is_control)
}

fn byte(place: usize) -> u8 {
    u8::try_from(place).unwrap_or(u8::MAX)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*taken)
}

fn text(bytes: &mut &[u8]) -> Option<String> {
    let length = usize::from(u16::from_be_bytes(take(bytes)?));
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    String::from_utf8(taken.to_vec()).ok()
}

/// The key of a joiner's proof; the table keeps only this.
pub(super) fn hash_of(secret: &[u8; 16]) -> [u8; 32] {
    blake3::derive_key("orchwiz 2026-11-29 the proof of an invite", secret)
}

/// The joiner's proof that it knows the secret: bound to both keys, so that nobody in between can put in its own.
pub(super) fn proof(hash: &[u8; 32], inviter: &PublicKey, joiner: &PublicKey) -> [u8; 32] {
    let both = [inviter.bytes().as_slice(), joiner.bytes()].concat();
    *blake3::keyed_hash(hash, &both).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::key::NodeKey;

    fn invite() -> InviteText {
        InviteText {
            node: NodeId::from_uuid(Uuid::from_u128(7)),
            kind: NodeKind::Cloud,
            name: "cloud \u{e9}".into(),
            key: NodeKey::from_seed(&[7; 32]).public(),
            handle: [1; 8],
            secret: [2; 16],
            urls: vec!["https://cloud.example.org".into(), "http://10.0.0.2:3000".into()],
        }
    }

    #[test]
    fn an_invite_round_trips_however_it_is_pasted() {
        let text = invite().encode();
        assert!(text.starts_with("ow1_") && text.len() < 300, "{text}");
        for pasted in [
            text.clone(),
            format!("  {text}\n"),
            text.to_uppercase(),
            format!("https://laptop.example.org/fleet?invite={text}"),
            format!("http://localhost:3000/fleet?x=1&invite={text}&y=2#top"),
        ] {
            assert_eq!(InviteText::decode(&pasted), Ok(invite()), "{pasted}");
        }
    }

    #[test]
    fn an_invite_that_is_not_whole_is_told_from_one_that_is() {
        let text = invite().encode();
        for cut in PREFIX.len()..text.len() {
            assert!(InviteText::decode(&text[..cut]).is_err(), "{cut} characters");
        }
        for place in PREFIX.len()..text.len() {
            let mut other = text.clone();
            let with = if &other[place..=place] == "a" { "b" } else { "a" };
            other.replace_range(place..=place, with);
            assert!(InviteText::decode(&other).is_err(), "{other}");
        }
        for no in ["", "ow1", "ow2_aaaa", "owz_token", "ow1_", "ow1_\u{e9}\u{e9}\u{e9}"] {
            assert!(InviteText::decode(no).is_err(), "{no}");
        }
    }

    #[test]
    fn an_invite_keeps_its_secret_out_of_logs() {
        let said = format!("{:?}", invite());
        assert!(!said.contains("[2, 2"), "{said}");
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_pasted_is_read_or_refused(text in "(ow1_)?[a-z2-7]{0,300}|\\PC{0,80}", bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = InviteText::decode(&text);
            // With a sum that is right, so that the fields are read.
            let mut whole = [vec![VERSION], bytes].concat();
            let sum = blake3::hash(&whole);
            whole.extend(&sum.as_bytes()[..SUM]);
            if let Ok(read) = InviteText::decode(&format!("{PREFIX}{}", BASE32_NOPAD.encode(&whole))) {
                proptest::prop_assert_eq!(InviteText::decode(&read.encode()), Ok(read));
            }
        }
    }

    #[test]
    fn a_proof_fits_one_pair_of_keys() {
        let (one, two) = (
            NodeKey::from_seed(&[1; 32]).public(),
            NodeKey::from_seed(&[2; 32]).public(),
        );
        let hash = hash_of(&[2; 16]);
        assert_ne!(proof(&hash, &one, &two), proof(&hash, &two, &one));
        assert_ne!(proof(&hash, &one, &two), proof(&hash_of(&[3; 16]), &one, &two));
    }
}
