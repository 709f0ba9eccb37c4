//! Prefixed identifiers: UUIDv7 text such as `ses_0192...` (prefix, underscore, 32 hex digits). They sort by creation
//! time and are the same on both databases. Only the node's injected source creates them.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// A text that is not an identifier of the expected kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an id that starts with {expected}_")]
pub struct BadId {
    /// The prefix the id should have had.
    pub expected: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
        pub struct $name(Uuid);

        impl $name {
            /// The prefix of the text form, before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// Wraps a UUID that the node's id source made.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID inside, without the prefix.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        /// As the only value in a path it is the parameter `id`.
        #[cfg(feature = "openapi")]
        impl utoipa::IntoParams for $name {
            fn into_params(place: impl Fn() -> Option<utoipa::openapi::path::ParameterIn>) -> Vec<utoipa::openapi::path::Parameter> {
                let id = utoipa::openapi::path::ParameterBuilder::new()
                    .name("id")
                    .parameter_in(place().unwrap_or_default())
                    .required(utoipa::openapi::Required::True)
                    .schema(Some(utoipa::openapi::Ref::from_schema_name(<Self as utoipa::ToSchema>::name())));
                vec![id.build()]
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0.as_simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> std::result::Result<Self, BadId> {
                text.strip_prefix(concat!($prefix, "_"))
                    .filter(|hex| hex.len() == 32 && !hex.bytes().any(|b| b.is_ascii_uppercase()))
                    .and_then(|hex| Uuid::try_parse(hex).ok())
                    .map(Self)
                    .ok_or(BadId { expected: $prefix })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// A node: one deployment. Random, not a UUIDv7; survives key rotation.
    NodeId, "nod"
);
id!(
    /// The relation between this node and a peer, the same on both sides.
    LinkId, "lnk"
);
id!(
    /// A person who may sign in.
    UserId, "usr"
);
id!(
    /// An API token.
    TokenId, "tok"
);
id!(
    /// A project: a working directory a node knows.
    ProjectId, "prj"
);
id!(
    /// A session. Its UUID is also the id under which Claude Code keeps the conversation.
    SessionId, "ses"
);
id!(
    /// One agent process under its shim.
    RunId, "run"
);
id!(
    /// A tool call that waits, or waited, for a person.
    ApprovalId, "apr"
);
id!(
    /// A prompt, from its acceptance on; also the `uuid` under which the agent sees it.
    PromptId, "pmt"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips_and_refuses_other_kinds() {
        let id = SessionId::from_uuid(Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001));
        let text = id.to_string();
        assert_eq!(text, "ses_01920000000070008000000000000001");
        assert_eq!(text.parse(), Ok(id));
        for bad in [
            "",
            "ses_",
            "run_01920000000070008000000000000001",
            "ses_0192-0000",
            "ses_01920000000070008000000000000001 ",
            "ses_0192000000007000800000000000000A",
        ] {
            assert!(bad.parse::<SessionId>().is_err(), "{bad:?} was accepted");
        }
    }
}
