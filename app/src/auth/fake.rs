//! An in-memory fake of the accounts port. Only compiled for tests.

use crate::testing::{Fake, NOW, hex, user_id};
use async_trait::async_trait;
use model::{
    Caller, Result,
    accounts::{Login, Me, NewToken, Token, TokenCreated, User},
    caller::Scope,
    id::TokenId,
    ports,
};

/// The data of the fake accounts port.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    /// Tokens.
    pub tokens: Vec<Token>,
    /// Logins.
    pub logins: Vec<Login>,
    /// Whether the sign-in page offers GitHub.
    pub github: bool,
}

/// A token, modified by the test.
pub fn token(n: u8, change: impl FnOnce(&mut Token)) -> Token {
    let mut token = Token {
        id: format!("tok_{}", hex(n)).parse().expect("well formed"),
        name: format!("token {n}"),
        user: user_id(1),
        scope: Scope::Write,
        created: NOW - 86_400_000,
        expires: None,
        used: None,
    };
    change(&mut token);
    token
}

#[async_trait]
impl ports::Accounts for Fake {
    async fn me(&self, caller: &Caller) -> Result<Me> {
        self.framed()?;
        Ok(Me {
            id: caller.user,
            name: caller.name.clone(),
            role: caller.role,
            scope: None,
        })
    }
    async fn users(&self, _: &Caller) -> Result<Vec<User>> {
        self.checked()?;
        Ok(Vec::new())
    }
    async fn tokens(&self, _: &Caller) -> Result<Vec<Token>> {
        self.checked()?;
        Ok(self.accounts.tokens.clone())
    }
    async fn has_password(&self, _: &Caller) -> Result<bool> {
        self.checked()?;
        Ok(true)
    }
    async fn create_token(&self, caller: &Caller, new: NewToken, _: String) -> Result<TokenCreated> {
        self.checked()?;
        let token = token(9, |token| {
            (token.name, token.scope, token.user) = (new.name, new.scope, caller.user.unwrap_or_else(|| user_id(1)));
        });
        Ok(TokenCreated {
            token,
            secret: "owz_shown_once".into(),
        })
    }
    async fn revoke_token(&self, _: &Caller, _: TokenId) -> Result<()> {
        self.checked()
    }
    async fn logins(&self, _: &Caller) -> Result<Vec<Login>> {
        self.checked()?;
        Ok(self.accounts.logins.clone())
    }
    async fn log_out_everywhere(&self, _: &Caller, _: bool) -> Result<()> {
        self.checked()
    }
    async fn change_password(&self, _: &Caller, _: String, _: String, _: bool) -> Result<()> {
        self.checked()
    }
}
