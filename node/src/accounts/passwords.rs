//! Password hashing with argon2id, off the async threads, a few at a time. It is unaware of whose password it is. Its
//! timing must not reveal whether a person exists.

use crate::{clock::Deps, journal::Stored};
use argon2::{
    Argon2, Params,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use model::{Error, Result};
use std::time::Duration;
use tokio::sync::{OnceCell, Semaphore};

/// The most hashes at once: each takes 19 MiB and a core.
const AT_ONCE: usize = 2;
/// How long a caller waits for their turn.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Passwords {
    turn: Semaphore,
    /// The hash for unknown names, so that they take as long as known ones.
    nobody: OnceCell<String>,
    deps: Deps,
}

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Wrong,
    Right,
    /// Right, but hashed with old parameters: hash it anew.
    RightButOld,
}

impl Passwords {
    pub(super) fn new(deps: Deps) -> Self {
        Self {
            turn: Semaphore::new(AT_ONCE),
            nobody: OnceCell::new(),
            deps,
        }
    }

    /// The PHC string of `password` with a fresh salt.
    pub(super) async fn hash(&self, password: String) -> Result<String> {
        let salt = self.deps.bytes::<16>();
        self.run(move || {
            let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
            hash.map(|hash: PasswordHash| hash.to_string()).stored()
        })
        .await?
    }

    /// Checks `password` against `hash`. Without a hash it takes as long and returns `Wrong`.
    pub(super) async fn verify(&self, password: String, hash: Option<String>) -> Result<Verdict> {
        let known = hash.is_some();
        let hash = match hash {
            Some(hash) => hash,
            None => self
                .nobody
                .get_or_try_init(|| self.hash("nobody has this password".into()))
                .await?
                .clone(),
        };
        let verdict = self.run(move || check(password.as_bytes(), &hash)).await?;
        Ok(if known { verdict } else { Verdict::Wrong })
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let turn = tokio::time::timeout(PATIENCE, self.turn.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(Error::Unavailable(
                "too many people are signing in at once, try again in a moment".into(),
            ));
        };
        tokio::task::spawn_blocking(work).await.stored()
    }
}

/// An unreadable hash matches nothing.
fn check(password: &[u8], hash: &str) -> Verdict {
    let Ok(hash) = PasswordHash::new(hash) else {
        return Verdict::Wrong;
    };
    if Argon2::default().verify_password(password, &hash).is_err() {
        return Verdict::Wrong;
    }
    let today = Params::default();
    let same = Params::try_from(&hash).is_ok_and(|then| {
        (then.m_cost(), then.t_cost(), then.p_cost()) == (today.m_cost(), today.t_cost(), today.p_cost())
    });
    if same { Verdict::Right } else { Verdict::RightButOld }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::testing;

    #[tokio::test]
    async fn a_password_matches_its_own_hash_only() {
        let passwords = Passwords::new(testing::deps(1).0);
        let hash = passwords.hash("correct horse".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$"), "{hash}");
        assert_eq!(
            passwords.verify("correct horse".into(), Some(hash.clone())).await,
            Ok(Verdict::Right)
        );
        assert_eq!(
            passwords.verify("correct hors".into(), Some(hash.clone())).await,
            Ok(Verdict::Wrong)
        );
        assert_eq!(
            passwords.verify("correct horse".into(), Some("garbage".into())).await,
            Ok(Verdict::Wrong)
        );
        assert_ne!(
            passwords.hash("correct horse".into()).await.unwrap(),
            hash,
            "the salt is fresh"
        );
    }

    #[tokio::test]
    async fn the_stand_in_for_unknown_people_has_no_password() {
        let passwords = Passwords::new(testing::deps(1).0);
        assert_eq!(
            passwords.verify("nobody has this password".into(), None).await,
            Ok(Verdict::Wrong)
        );
    }

    #[test]
    fn a_hash_of_weaker_parameters_asks_to_be_renewed() {
        let weak = Params::new(1_024, 1, 1, None).unwrap();
        let hash: PasswordHash = Argon2::from(weak)
            .hash_password_with_salt(b"correct horse", &[7; 16])
            .unwrap();
        assert_eq!(check(b"correct horse", &hash.to_string()), Verdict::RightButOld);
        assert_eq!(check(b"wrong", &hash.to_string()), Verdict::Wrong);
    }
}
