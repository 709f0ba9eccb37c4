//! The caller's own account, for pages and REST. It only delegates; each function it calls checks the caller itself.

use super::AccountsService;
use async_trait::async_trait;
use model::{
    Action, Caller, Result, Via,
    accounts::{Login, Me, NewToken, Token, TokenCreated, User},
    caller::{Resource, require},
    id::TokenId,
    ports::Accounts,
};

#[async_trait]
impl Accounts for AccountsService {
    async fn me(&self, caller: &Caller) -> Result<Me> {
        // A metrics token reads metrics only, not even its owner's name.
        require(caller, Action::ReadNode, Resource::Node, "user")?;
        let scope = match caller.via {
            Via::Token { scope, .. } => Some(scope),
            _ => None,
        };
        Ok(Me {
            id: caller.user,
            name: caller.name.clone(),
            role: caller.role,
            scope,
        })
    }

    async fn users(&self, caller: &Caller) -> Result<Vec<User>> {
        self.list_users(caller).await
    }

    async fn tokens(&self, caller: &Caller) -> Result<Vec<Token>> {
        self.own_tokens(caller).await
    }

    async fn has_password(&self, caller: &Caller) -> Result<bool> {
        self.has_own_password(caller).await
    }

    async fn create_token(&self, caller: &Caller, new: NewToken, password: String) -> Result<TokenCreated> {
        self.create_own_token(caller, new, password).await
    }

    async fn revoke_token(&self, caller: &Caller, id: TokenId) -> Result<()> {
        self.revoke_own_token(caller, id).await
    }

    async fn logins(&self, caller: &Caller) -> Result<Vec<Login>> {
        self.own_logins(caller).await
    }

    async fn log_out_everywhere(&self, caller: &Caller, tokens: bool) -> Result<()> {
        self.end_own_logins(caller, tokens).await
    }

    async fn change_password(&self, caller: &Caller, current: String, new: String, tokens: bool) -> Result<()> {
        self.change_own_password(caller, current, new, tokens).await
    }
}
