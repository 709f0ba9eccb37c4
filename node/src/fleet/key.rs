//! The node's key: Ed25519, made at the first start, in the file `node.key` of the data directory. It signs and checks
//! bytes; what is signed is decided elsewhere.

use crate::clock::Deps;
use data_encoding::{BASE32_NOPAD, HEXLOWER};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

/// The file's name in the data directory.
pub const FILE: &str = "node.key";
/// PKCS#8 version 2 (RFC 8410, section 10.3) up to the 32 bytes of the private key, and between those and the 32 bytes
/// of the public one. The second lets a damaged file be told from another key.
const BEFORE_PRIVATE: &[u8] = b"\x30\x51\x02\x01\x01\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
const BEFORE_PUBLIC: &[u8] = b"\x81\x21\x00";
/// Groups of a fingerprint, of four characters each: 160 bits.
const GROUPS: usize = 8;

/// Why there is no key. Each is a sentence for the person who starts the node.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("{path}: {cause}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// Others may read it.
    #[error(
        "{0} can be read by others on this machine: whoever has this key is this node; make it private with `chmod 600`"
    )]
    Readable(PathBuf),
    /// It is no key, or not whole.
    #[error(
        "{0} is damaged: bring back a copy of it, or remove it and pair again with every node (a new key is made then)"
    )]
    Damaged(PathBuf),
}

/// A node's key pair. Cheap to clone; its `Debug` shows the public half.
#[derive(Clone)]
pub struct NodeKey(Arc<Ed25519KeyPair>);

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeKey({})", self.public().fingerprint())
    }
}

impl NodeKey {
    /// Reads the key in this directory; makes one where there is none.
    pub fn open(data_dir: &Path, deps: &Deps) -> Result<Self, KeyError> {
        let path = data_dir.join(FILE);
        let failed = |cause| KeyError::File {
            path: path.clone(),
            cause,
        };
        match OpenOptions::new().read(true).open(&path) {
            Ok(file) => Self::read(file, &path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let bytes = fresh(&deps.bytes());
                write(data_dir, &path, &bytes).map_err(failed)?;
                Self::parse(&bytes).ok_or_else(|| KeyError::Damaged(path.clone()))
            }
            Err(cause) => Err(failed(cause)),
        }
    }

    /// The mode is that of the file that is open, so that nobody exchanges it in between.
    fn read(mut file: File, path: &Path) -> Result<Self, KeyError> {
        let failed = |cause| KeyError::File {
            path: path.to_owned(),
            cause,
        };
        if file.metadata().map_err(failed)?.mode() & 0o077 != 0 {
            return Err(KeyError::Readable(path.to_owned()));
        }
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut file, &mut bytes).map_err(failed)?;
        Self::parse(&bytes).ok_or_else(|| KeyError::Damaged(path.to_owned()))
    }

    fn parse(pkcs8: &[u8]) -> Option<Self> {
        Ed25519KeyPair::from_pkcs8(pkcs8).ok().map(|pair| Self(Arc::new(pair)))
    }

    /// A key from its 32 private bytes.
    ///
    /// # Panics
    /// Never: any 32 bytes are a private key.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("32 bytes are a private key");
        Self(Arc::new(pair))
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(bytes)
    }

    /// The signature of `message`, 64 bytes.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }
}

/// The whole file of a key with this private half.
fn fresh(seed: &[u8; 32]) -> Vec<u8> {
    let public = NodeKey::from_seed(seed).public();
    [BEFORE_PRIVATE, seed, BEFORE_PUBLIC, &public.0].concat()
}

/// Makes the file at once as a whole, and lasting.
fn write(data_dir: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = data_dir.join(format!("{FILE}.partial"));
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(data_dir)?.sync_all()
}

/// A node's public key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// A key from its 32 bytes. Bytes that are no key fit no signature.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What people compare: 160 bits of the key's BLAKE3 in base32, `ABCD-EFGH-...` in eight groups.
    pub fn fingerprint(&self) -> String {
        let text = BASE32_NOPAD.encode(&blake3::hash(&self.0).as_bytes()[..GROUPS * 4 * 5 / 8]);
        let groups: Vec<&str> = (0..GROUPS).filter_map(|n| text.get(n * 4..n * 4 + 4)).collect();
        groups.join("-")
    }

    /// Whether `signature` is this key's for `message`.
    pub fn fits(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0)
            .verify(message, signature)
            .is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.fingerprint())
    }
}

/// Text that is not 64 lower-case hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a public key is 64 hexadecimal digits")]
pub struct NotAKey;

impl FromStr for PublicKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| NotAKey)?;
        bytes.try_into().map(Self).map_err(|_| NotAKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::testing::deps;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_made_once_and_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let made = NodeKey::open(dir.path(), &deps(1).0).unwrap();
        let again = NodeKey::open(dir.path(), &deps(2).0).unwrap();
        assert_eq!(made.public(), again.public());
        let mode = fs::metadata(dir.path().join(FILE)).unwrap().mode() & 0o777;
        assert_eq!(mode, 0o600);
        assert!(made.public().fits(b"hello", &again.sign(b"hello")));
        assert!(!made.public().fits(b"hellp", &again.sign(b"hello")));
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        NodeKey::open(dir.path(), &deps(1).0).unwrap();
        for mode in [0o640, 0o604, 0o660] {
            fs::set_permissions(dir.path().join(FILE), fs::Permissions::from_mode(mode)).unwrap();
            let refused = NodeKey::open(dir.path(), &deps(1).0).unwrap_err();
            assert!(
                matches!(refused, KeyError::Readable(_)) && refused.to_string().contains("chmod 600"),
                "{refused}"
            );
        }
    }

    #[test]
    fn a_key_with_any_changed_or_missing_byte_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        NodeKey::open(dir.path(), &deps(1).0).unwrap();
        let path = dir.path().join(FILE);
        let whole = fs::read(&path).unwrap();
        for place in 0..whole.len() {
            let mut other = whole.clone();
            other[place] ^= 0x41;
            fs::write(&path, &other).unwrap();
            assert!(
                matches!(NodeKey::open(dir.path(), &deps(1).0), Err(KeyError::Damaged(_))),
                "byte {place}"
            );
        }
        for length in [0, 1, 48, whole.len() - 1] {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(
                matches!(NodeKey::open(dir.path(), &deps(1).0), Err(KeyError::Damaged(_))),
                "{length} bytes"
            );
        }
    }

    #[test]
    fn what_a_start_that_was_cut_off_left_is_no_key() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("node.key.partial"), b"half").unwrap();
        NodeKey::open(dir.path(), &deps(1).0).unwrap();
        assert!(!dir.path().join("node.key.partial").exists());
    }

    #[test]
    fn a_fingerprint_is_eight_groups_of_four() {
        let fingerprint = NodeKey::from_seed(&[7; 32]).public().fingerprint();
        let groups: Vec<&str> = fingerprint.split('-').collect();
        assert_eq!(groups.len(), 8);
        assert!(
            groups
                .iter()
                .all(|group| group.len() == 4 && group.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()))
        );
        assert_ne!(fingerprint, NodeKey::from_seed(&[8; 32]).public().fingerprint());
    }

    #[test]
    fn a_public_key_round_trips_as_text() {
        let key = NodeKey::from_seed(&[7; 32]).public();
        assert_eq!(key.to_string().parse(), Ok(key));
        for bad in ["", "ab", &"g".repeat(64), &"AB".repeat(32), &"ab".repeat(33)] {
            assert_eq!(bad.parse::<PublicKey>(), Err(NotAKey), "{bad}");
        }
    }
}
