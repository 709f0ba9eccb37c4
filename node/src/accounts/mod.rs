//! Accounts: people, passwords, logins and API tokens.
//! It stores secrets only hashed and must not serve HTTP.
