//! Signed requests and answers between nodes: a profile of RFC 9421 with Ed25519, and Content-Digest (RFC 9530) with
//! SHA-256. Pure: bytes, keys and the time in, a verdict out. It must not read a clock, a table or a socket.
//!
//! A request covers all of [`REQUEST`], an answer all of [`ANSWER`] and with them the request's own signature, so that
//! no answer fits another request. Exactly the text that this module writes is read: another order of components, a
//! second value of a header, or any further parameter is refused, not interpreted.

use super::key::{NodeKey, PublicKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use data_encoding::HEXLOWER;
use model::Millis;
use ring::digest::{SHA256, digest};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
};

/// What a request's signature covers.
pub const REQUEST: &str =
    r#"("@method" "@authority" "@path" "@query" "content-digest" "content-type" "ow-node" "ow-epoch")"#;
/// What an answer's signature covers.
pub const ANSWER: &str = r#"("@status" "content-digest" "content-type" "ow-node" "ow-epoch" "signature";req;key="ow")"#;
/// The headers that take part; a server hands every value of them to [`verify_request`].
pub const HEADERS: [&str; 6] = [
    "content-digest",
    "content-type",
    "ow-node",
    "ow-epoch",
    "signature-input",
    "signature",
];
/// How far the signer's clock may be from the checker's, seconds.
pub const SKEW_S: i64 = 300;
/// How many nonces of a key are kept; a key that sends more in ten minutes has its older requests refused.
const NONCES: usize = 8_192;
/// How many keys have nonces kept.
const KEYS: usize = 4_096;

/// Why a signature does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A header is missing, there twice, or not text.
    #[error("the header {0} must be there once")]
    Header(&'static str),
    /// The signature's description is not of this profile.
    #[error("the signature is not of the form that nodes use")]
    Form,
    /// It names another key.
    #[error("it is signed with another key than the one that was paired")]
    OtherKey,
    /// It was made too long ago, or is from the future.
    #[error("it was signed {0} s away from this node's time: set the clocks of both machines")]
    Time(i64),
    /// The body is not the one that was signed.
    #[error("its body was changed on the way")]
    Body,
    /// The signature does not fit.
    #[error("its signature does not fit: it was changed on the way")]
    Signature,
    /// This very request came before.
    #[error("it came before")]
    Repeated,
}

/// A request, as its sender makes it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `POST`.
    pub method: &'a str,
    /// Host, and port where it is not the scheme's own, in lower case.
    pub authority: &'a str,
    /// From the slash on.
    pub path: &'a str,
    /// Without the question mark.
    pub query: Option<&'a str>,
    /// The value of `Content-Type`.
    pub content_type: &'a str,
    /// The whole body.
    pub body: &'a [u8],
}

/// A request, as it arrived.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// `POST`.
    pub method: &'a str,
    /// The authorities that mean the checker: the request's own, and those of its public addresses, since a proxy may
    /// have put its own in.
    pub authorities: &'a [String],
    /// From the slash on.
    pub path: &'a str,
    /// Without the question mark.
    pub query: Option<&'a str>,
    /// Names in lower case with values, at least every value of [`HEADERS`].
    pub headers: &'a [(String, String)],
    /// The whole body.
    pub body: &'a [u8],
}

/// Who signs: its node's id and its log's epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// `nod_...`.
    pub node: String,
    /// 16 hex digits.
    pub epoch: String,
}

/// The headers to add, and the signature itself, which the answer is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Names in lower case with values: `content-digest`, `ow-node`, `ow-epoch`, `signature-input`, `signature`.
    pub headers: Vec<(&'static str, String)>,
    /// The value of the signature: base64 between colons.
    pub signature: String,
}

/// The text that is signed: a line for each component, and the description of the signature (RFC 9421, section 2.5).
fn base(components: &[(&str, &str)], params: &str) -> String {
    let mut text = String::with_capacity(512);
    for (name, value) in components {
        // An identifier with parameters is quoted already.
        if name.starts_with('"') {
            text.push_str(name);
        } else {
            text.extend(["\"", name, "\""]);
        }
        text.extend([": ", value, "\n"]);
    }
    text.extend(["\"@signature-params\": ", params]);
    text
}

/// Content-Digest of a body.
fn digest_of(body: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(digest(&SHA256, body)))
}

fn quoted(signature: &[u8]) -> String {
    format!(":{}:", STANDARD.encode(signature))
}

fn query_of(query: Option<&str>) -> String {
    format!("?{}", query.unwrap_or_default())
}

fn request_params(created: i64, nonce: &str, key: &PublicKey) -> String {
    format!(
        r#"{REQUEST};created={created};nonce="{nonce}";keyid="{}";alg="ed25519""#,
        key.fingerprint()
    )
}

fn answer_params(created: i64, key: &PublicKey) -> String {
    format!(
        r#"{ANSWER};created={created};keyid="{}";alg="ed25519""#,
        key.fingerprint()
    )
}

/// Signs a request. `nonce` must be new for each try, also where the same is sent again.
pub fn sign_request(key: &NodeKey, signer: &Signer, request: &Request<'_>, now: Millis, nonce: [u8; 16]) -> Signed {
    let digest = digest_of(request.body);
    let params = request_params(now.div_euclid(1_000), &HEXLOWER.encode(&nonce), &key.public());
    let text = base(
        &[
            ("@method", request.method),
            ("@authority", request.authority),
            ("@path", request.path),
            ("@query", &query_of(request.query)),
            ("content-digest", &digest),
            ("content-type", request.content_type),
            ("ow-node", &signer.node),
            ("ow-epoch", &signer.epoch),
        ],
        &params,
    );
    signed(key, signer, digest, &params, &text)
}

/// Signs an answer to the request with this signature.
pub fn sign_answer(
    key: &NodeKey,
    signer: &Signer,
    status: u16,
    content_type: &str,
    body: &[u8],
    request: &str,
    now: Millis,
) -> Signed {
    let digest = digest_of(body);
    let params = answer_params(now.div_euclid(1_000), &key.public());
    let text = base(
        &[
            ("@status", &status.to_string()),
            ("content-digest", &digest),
            ("content-type", content_type),
            ("ow-node", &signer.node),
            ("ow-epoch", &signer.epoch),
            (r#""signature";req;key="ow""#, request),
        ],
        &params,
    );
    signed(key, signer, digest, &params, &text)
}

fn signed(key: &NodeKey, signer: &Signer, digest: String, params: &str, text: &str) -> Signed {
    let signature = quoted(&key.sign(text.as_bytes()));
    Signed {
        headers: vec![
            ("content-digest", digest),
            ("ow-node", signer.node.clone()),
            ("ow-epoch", signer.epoch.clone()),
            ("signature-input", format!("ow={params}")),
            ("signature", format!("ow={signature}")),
        ],
        signature,
    }
}

/// The signer that a message names, before anything is checked: only for finding its key.
pub fn named(headers: &[(String, String)]) -> Result<Signer, Refusal> {
    Ok(Signer {
        node: only(headers, "ow-node")?.to_owned(),
        epoch: only(headers, "ow-epoch")?.to_owned(),
    })
}

/// Checks a request against the key of the node that it must be from. Returns its signature, for the answer. The nonce
/// is remembered only when all else holds, so that nobody can use up another's.
pub fn verify_request(
    received: &Received<'_>,
    key: &PublicKey,
    nonces: Option<&Nonces>,
    now: Millis,
) -> Result<String, Refusal> {
    let headers = Parts::of(received.headers)?;
    let given = headers.params(REQUEST)?;
    let (created, rest) = given.split_once(r#";nonce=""#).ok_or(Refusal::Form)?;
    let created: i64 = created.parse().map_err(|_| Refusal::Form)?;
    let nonce = rest.get(..32).ok_or(Refusal::Form)?;
    let bytes = HEXLOWER.decode(nonce.as_bytes()).map_err(|_| Refusal::Form)?;
    let bytes: [u8; 16] = bytes.try_into().map_err(|_| Refusal::Form)?;
    let params = request_params(created, nonce, key);
    headers.checked(&params, rest.get(32..))?;
    in_time(created, now)?;
    headers.holds(received.body)?;
    let query = query_of(received.query);
    // Whatever of these the sender called us by, it signed one of them.
    let fits = received.authorities.iter().any(|authority| {
        let text = base(
            &[
                ("@method", received.method),
                ("@authority", authority),
                ("@path", received.path),
                ("@query", &query),
                ("content-digest", headers.digest),
                ("content-type", headers.content_type),
                ("ow-node", headers.node),
                ("ow-epoch", headers.epoch),
            ],
            &params,
        );
        key.fits(text.as_bytes(), &headers.signature)
    });
    if !fits {
        return Err(Refusal::Signature);
    }
    if nonces.is_some_and(|nonces| !nonces.is_new(key, created, bytes, now.div_euclid(1_000))) {
        return Err(Refusal::Repeated);
    }
    Ok(quoted(&headers.signature))
}

/// Checks an answer to the request with this signature.
pub fn verify_answer(
    key: &PublicKey,
    status: u16,
    headers: &[(String, String)],
    body: &[u8],
    request: &str,
    now: Millis,
) -> Result<(), Refusal> {
    let headers = Parts::of(headers)?;
    let given = headers.params(ANSWER)?;
    let (created, rest) = given.split_once(';').ok_or(Refusal::Form)?;
    let created: i64 = created.parse().map_err(|_| Refusal::Form)?;
    let params = answer_params(created, key);
    headers.checked(&params, Some(rest))?;
    in_time(created, now)?;
    headers.holds(body)?;
    let text = base(
        &[
            ("@status", &status.to_string()),
            ("content-digest", headers.digest),
            ("content-type", headers.content_type),
            ("ow-node", headers.node),
            ("ow-epoch", headers.epoch),
            (r#""signature";req;key="ow""#, request),
        ],
        &params,
    );
    if key.fits(text.as_bytes(), &headers.signature) {
        Ok(())
    } else {
        Err(Refusal::Signature)
    }
}

fn in_time(created: i64, now: Millis) -> Result<(), Refusal> {
    let away = created.saturating_sub(now.div_euclid(1_000));
    if away.saturating_abs() > SKEW_S {
        return Err(Refusal::Time(away.saturating_abs()));
    }
    Ok(())
}

/// The one value of a header.
fn only<'h>(headers: &'h [(String, String)], name: &'static str) -> Result<&'h str, Refusal> {
    let mut values = headers.iter().filter(|(given, _)| given == name);
    match (values.next(), values.next()) {
        // A line's end in a value would let it pass for a further component.
        (Some((_, value)), None) if !value.chars().any(char::is_control) => Ok(value),
        _ => Err(Refusal::Header(name)),
    }
}

/// The headers of a signed message, each there once.
struct Parts<'h> {
    digest: &'h str,
    content_type: &'h str,
    node: &'h str,
    epoch: &'h str,
    input: &'h str,
    signature: Vec<u8>,
}

impl<'h> Parts<'h> {
    fn of(headers: &'h [(String, String)]) -> Result<Self, Refusal> {
        let text = only(headers, "signature")?;
        let signature = text
            .strip_prefix("ow=:")
            .and_then(|text| text.strip_suffix(':'))
            .and_then(|text| STANDARD.decode(text).ok())
            .ok_or(Refusal::Form)?;
        Ok(Self {
            digest: only(headers, "content-digest")?,
            content_type: only(headers, "content-type")?,
            node: only(headers, "ow-node")?,
            epoch: only(headers, "ow-epoch")?,
            input: only(headers, "signature-input")?,
            signature,
        })
    }

    /// What follows `;created=` where exactly these components are covered.
    fn params(&self, covered: &str) -> Result<&'h str, Refusal> {
        self.input
            .strip_prefix("ow=")
            .and_then(|input| input.strip_prefix(covered))
            .and_then(|input| input.strip_prefix(";created="))
            .ok_or(Refusal::Form)
    }

    /// Whether the description is the one that we would write ourselves. Where only the key's name in `rest` differs, it
    /// says so.
    fn checked(&self, params: &str, rest: Option<&str>) -> Result<(), Refusal> {
        if self.input.strip_prefix("ow=") == Some(params) {
            return Ok(());
        }
        let other = rest
            .and_then(|rest| rest.split_once(r#"keyid=""#))
            .and_then(|(_, rest)| rest.split_once('"'))
            .is_some_and(|(other, _)| !params.contains(other) && other.len() == 39);
        Err(if other { Refusal::OtherKey } else { Refusal::Form })
    }

    fn holds(&self, body: &[u8]) -> Result<(), Refusal> {
        if self.digest == digest_of(body) {
            Ok(())
        } else {
            Err(Refusal::Body)
        }
    }
}

/// The nonces of requests whose time is not over, in bounded memory for each key. A repeated request does no harm by
/// itself, since whatever it carries is applied once; this is the second lock.
#[derive(Debug, Default)]
pub struct Nonces(Mutex<HashMap<PublicKey, Seen>>);

#[derive(Debug, Default)]
struct Seen {
    nonces: BTreeSet<(i64, [u8; 16])>,
    /// Older requests can no longer be told from repeated ones.
    since: i64,
}

impl Nonces {
    /// Whether the request is new; it is not a second time.
    fn is_new(&self, key: &PublicKey, created: i64, nonce: [u8; 16], now: i64) -> bool {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= KEYS && !keys.contains_key(key) {
            keys.retain(|_, seen| seen.nonces.last().is_some_and(|(last, _)| *last >= now - SKEW_S));
        }
        let seen = keys.entry(*key).or_default();
        // What is older is refused for its time.
        seen.nonces = seen.nonces.split_off(&(now - SKEW_S, [0; 16]));
        if created < seen.since || !seen.nonces.insert((created, nonce)) {
            return false;
        }
        if seen.nonces.len() > NONCES
            && let Some((oldest, _)) = seen.nonces.pop_first()
        {
            seen.since = oldest.saturating_add(1);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{prelude::*, test_runner::TestRunner};

    const NOW: Millis = 1_795_305_600_123;

    fn key() -> NodeKey {
        NodeKey::from_seed(&[7; 32])
    }

    fn signer() -> Signer {
        Signer {
            node: "nod_0123456789abcdef0123456789abcdef".into(),
            epoch: "0123456789abcdef".into(),
        }
    }

    /// A request on the wire.
    #[derive(Clone, Debug, PartialEq)]
    struct Wire {
        method: String,
        authority: String,
        path: String,
        query: Option<String>,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    }

    fn sent() -> Wire {
        let request = Request {
            method: "POST",
            authority: "cloud.example.org",
            path: "/fwd/v1/exchange",
            query: Some("n=7"),
            content_type: "application/json",
            body: br#"{"hello":"world"}"#,
        };
        let signed = sign_request(&key(), &signer(), &request, NOW, [9; 16]);
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        headers.extend(signed.headers.into_iter().map(|(name, value)| (name.to_owned(), value)));
        Wire {
            method: request.method.into(),
            authority: request.authority.into(),
            path: request.path.into(),
            query: request.query.map(str::to_owned),
            headers,
            body: request.body.into(),
        }
    }

    fn verdict_at(wire: &Wire, nonces: Option<&Nonces>, now: Millis) -> Result<String, Refusal> {
        let received = Received {
            method: &wire.method,
            authorities: &["127.0.0.1:3000".to_owned(), wire.authority.clone()],
            path: &wire.path,
            query: wire.query.as_deref(),
            headers: &wire.headers,
            body: &wire.body,
        };
        verify_request(&received, &key().public(), nonces, now)
    }

    fn verdict(wire: &Wire) -> Result<String, Refusal> {
        verdict_at(wire, None, NOW)
    }

    #[test]
    fn the_example_of_rfc_9421_in_b_2_6_comes_out_byte_for_byte() {
        let pem = "MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF";
        let seed: [u8; 32] = STANDARD.decode(pem).unwrap()[16..].try_into().unwrap();
        let key = NodeKey::from_seed(&seed);
        let public = STANDARD
            .decode("MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=")
            .unwrap();
        assert_eq!(key.public().bytes()[..], public[12..]);
        let params = r#"("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519""#;
        let text = base(
            &[
                ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
                ("@method", "POST"),
                ("@path", "/foo"),
                ("@authority", "example.com"),
                ("content-type", "application/json"),
                ("content-length", "18"),
            ],
            params,
        );
        assert_eq!(
            text,
            "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@method\": POST\n\"@path\": /foo\n\"@authority\": example.com\n\"content-type\": application/json\n\"content-length\": 18\n\"@signature-params\": (\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\");created=1618884473;keyid=\"test-key-ed25519\""
        );
        let known = ":wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:";
        assert_eq!(quoted(&key.sign(text.as_bytes())), known);
    }

    #[test]
    fn a_content_digest_is_that_of_rfc_9530() {
        // Its appendix D: the digest of `{"hello": "world"}` and a line's end.
        assert_eq!(
            digest_of(b"{\"hello\": \"world\"}\n"),
            "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
        );
    }

    #[test]
    fn what_is_signed_is_accepted_and_bound_to_its_answer() {
        let wire = sent();
        let signature = verdict(&wire).unwrap();
        let answered = sign_answer(&key(), &signer(), 200, "application/json", b"{}", &signature, NOW);
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        headers.extend(
            answered
                .headers
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value)),
        );
        let check = |status, body: &[u8], headers: &[(String, String)], request: &str| {
            verify_answer(&key().public(), status, headers, body, request, NOW)
        };
        assert_eq!(check(200, b"{}", &headers, &signature), Ok(()));
        assert_eq!(check(202, b"{}", &headers, &signature), Err(Refusal::Signature));
        assert_eq!(check(200, b"{ }", &headers, &signature), Err(Refusal::Body));
        // The answer to another request.
        let other = quoted(&[1; 64]);
        assert_eq!(check(200, b"{}", &headers, &other), Err(Refusal::Signature));
        for place in 0..headers.len() {
            let mut changed = headers.clone();
            changed[place].1.insert(3, 'x');
            assert!(check(200, b"{}", &changed, &signature).is_err(), "{:?}", headers[place]);
            changed.remove(place);
            assert!(check(200, b"{}", &changed, &signature).is_err(), "{:?}", headers[place]);
        }
        // A request is no answer.
        assert!(check(200, &wire.body, &wire.headers, &signature).is_err());
    }

    #[test]
    fn what_is_old_or_from_the_future_is_refused() {
        let wire = sent();
        for (by, good) in [(0, true), (299, true), (-299, true), (302, false), (-302, false)] {
            let verdict = verdict_at(&wire, None, NOW + by * 1_000);
            assert_eq!(verdict.is_ok(), good, "{by} s: {verdict:?}");
            assert!(good || matches!(verdict, Err(Refusal::Time(_))));
        }
    }

    #[test]
    fn the_same_request_is_accepted_once() {
        let nonces = Nonces::default();
        assert!(verdict_at(&sent(), Some(&nonces), NOW).is_ok());
        assert_eq!(verdict_at(&sent(), Some(&nonces), NOW), Err(Refusal::Repeated));
        assert_eq!(
            verdict_at(&sent(), Some(&nonces), NOW + 200_000),
            Err(Refusal::Repeated)
        );
    }

    #[test]
    fn a_nonce_is_used_up_only_by_a_request_that_holds() {
        let nonces = Nonces::default();
        let mut forged = sent();
        forged.body.push(b' ');
        assert_eq!(verdict_at(&forged, Some(&nonces), NOW), Err(Refusal::Body));
        let mut forged = sent();
        forged.path = "/fwd/v1/pair".into();
        assert_eq!(verdict_at(&forged, Some(&nonces), NOW), Err(Refusal::Signature));
        assert!(verdict_at(&sent(), Some(&nonces), NOW).is_ok());
    }

    #[test]
    fn nonces_take_bounded_memory_and_what_was_forgotten_is_refused() {
        let nonces = Nonces::default();
        let public = key().public();
        let nonce = |n: usize| {
            let mut nonce = [0; 16];
            nonce[..8].copy_from_slice(&n.to_be_bytes());
            nonce
        };
        let second = |n: usize| i64::try_from(n / 100).unwrap();
        for n in 0..2 * NONCES {
            assert!(nonces.is_new(&public, second(n), nonce(n), 100), "{n}");
        }
        assert!(nonces.0.lock().unwrap()[&public].nonces.len() <= NONCES);
        for n in 0..2 * NONCES {
            assert!(
                !nonces.is_new(&public, second(n), nonce(n), 100),
                "{n} was accepted again"
            );
        }
    }

    #[test]
    fn another_key_is_named_as_such() {
        let wire = sent();
        let received = Received {
            method: &wire.method,
            authorities: std::slice::from_ref(&wire.authority),
            path: &wire.path,
            query: wire.query.as_deref(),
            headers: &wire.headers,
            body: &wire.body,
        };
        let other = NodeKey::from_seed(&[8; 32]).public();
        assert_eq!(verify_request(&received, &other, None, NOW), Err(Refusal::OtherKey));
    }

    /// One field, changed, left out or doubled.
    fn changed(which: usize, how: u8, at: usize, with: char) -> Wire {
        let mut wire = sent();
        let edit = |text: &mut String| {
            let places: Vec<usize> = text.char_indices().map(|(place, _)| place).collect();
            let place = places.get(at % places.len().max(1)).copied().unwrap_or(0);
            match how % 4 {
                0 => text.insert(place, with),
                1 => {
                    text.remove(place);
                }
                2 => {
                    text.remove(place);
                    text.insert(place, with);
                }
                _ => text.push(with),
            }
        };
        match which {
            0 => edit(&mut wire.method),
            1 => edit(&mut wire.authority),
            2 => edit(&mut wire.path),
            3 if how.is_multiple_of(5) => wire.query = None,
            3 => wire.query.iter_mut().for_each(edit),
            4 => {
                let place = at % wire.body.len();
                wire.body[place] ^= u8::try_from(with as u32 % 255).unwrap() + 1;
            }
            5 => wire.body.truncate(at % wire.body.len()),
            header => {
                let place = header % wire.headers.len();
                match how % 6 {
                    4 => {
                        wire.headers.remove(place);
                    }
                    5 => {
                        let twice = wire.headers[place].clone();
                        wire.headers.push(twice);
                    }
                    _ => edit(&mut wire.headers[place].1),
                }
            }
        }
        wire
    }

    #[test]
    fn none_of_ten_thousand_changed_requests_is_accepted() {
        let mut runner = TestRunner::new(ProptestConfig {
            cases: 10_000,
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        let original = sent();
        assert!(verdict(&original).is_ok());
        let any = (
            0_usize..16,
            any::<u8>(),
            any::<usize>(),
            prop::sample::select(('!'..='~').collect::<Vec<_>>()),
        );
        runner
            .run(&any, |(which, how, at, with)| {
                let wire = changed(which, how, at, with);
                prop_assume!(wire != original);
                prop_assert!(verdict(&wire).is_err(), "{:?}", wire);
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn the_description_of_a_signature_is_read_to_the_letter() {
        for (from, to) in [
            (r#""@query" "#, ""),
            (r#""@method" "@authority""#, r#""@authority" "@method""#),
            (r#"alg="ed25519""#, r#"alg="hmac-sha256""#),
            (r#";alg="ed25519""#, ""),
            (r#";alg="ed25519""#, r#";alg="ed25519";tag="x""#),
            (";created=", ";expires=1;created="),
            (";created=", ";created=0"),
            (";created=", ";created=+"),
            ("ow=", "ow2="),
            ("ow=", "OW="),
        ] {
            let mut wire = sent();
            let input = wire
                .headers
                .iter_mut()
                .find(|(name, _)| name == "signature-input")
                .unwrap();
            let changed = input.1.replacen(from, to, 1);
            assert_ne!(changed, input.1, "{from}");
            input.1 = changed;
            assert_eq!(verdict(&wire), Err(Refusal::Form), "{from} -> {to}");
        }
    }
}
