//! What is read from outside, read as the node reads it: the bodies of the fuzz targets, and of property tests in
//! `server/tests/it/hostile.rs`. Each takes any bytes and must neither panic nor keep more than it was given.

use app::wire::JsonText;
use leptos::server_fn::{Bytes, Decodes};
use model::{
    PageQuery,
    approvals::Decide,
    live::ClientSays,
    projects::NewProject,
    sessions::{AgentKind, NewSession, SessionFilter, SessionPatch},
};
use node::page;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use server::answer::extract::{query, read};
use std::collections::BTreeMap;

/// Lines of an agent's output, as Claude Code's driver reads them: the same lines always say the same.
pub fn agent_lines(bytes: &[u8]) {
    let said = || {
        let mut driver = node::agents::driver(AgentKind::Claude);
        bytes
            .split(|byte| *byte == b'\n')
            .flat_map(|line| driver.line(line))
            .collect::<Vec<_>>()
    };
    assert_eq!(format!("{:?}", said()), format!("{:?}", said()));
}

/// A frame that a browser sends over the live socket: what is understood is understood the same when it is said again.
pub fn socket_frame(bytes: &[u8]) {
    if let Ok(says) = serde_json::from_slice::<ClientSays>(bytes) {
        let again = serde_json::to_string(&says).expect("what was read can be written");
        assert_eq!(
            serde_json::from_str::<ClientSays>(&again).expect("and read again"),
            says
        );
    }
}

/// A list's cursor: what is accepted has as many parts as wanted, none of which the database refuses.
pub fn list_cursor(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for count in 1..4 {
        if let Ok(parts) = page::parts(&text, count) {
            assert!(parts.len() == count && parts.iter().all(|part| !part.contains('\0')));
        }
    }
    let parts: Vec<&str> = text.split('\n').collect();
    let read = page::parts(&page::cursor(&parts), parts.len());
    assert!(text.contains('\0') || read.is_ok_and(|read| read == parts));
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        _ => false,
    }
}

/// Bodies and parameters of REST: what is accepted has no NUL in any text.
pub fn rest_request(bytes: &[u8]) {
    fn body<T: DeserializeOwned + Serialize>(bytes: &[u8]) {
        if let Ok(value) = read::<T>(bytes) {
            assert!(!has_nul(
                &serde_json::to_value(&value).expect("what was read can be written")
            ));
        }
    }
    body::<NewSession>(bytes);
    body::<SessionPatch>(bytes);
    body::<NewProject>(bytes);
    body::<Decide>(bytes);
    let text = String::from_utf8_lossy(bytes);
    if let Ok(params) = query::<BTreeMap<String, Vec<String>>>(&text) {
        assert!(
            params
                .iter()
                .all(|(name, values)| !name.contains('\0') && values.iter().all(|value| !value.contains('\0')))
        );
    }
    let _ = query::<PageQuery>(&text);
}

/// What server functions are given.
pub fn server_function(bytes: &[u8]) {
    fn input<T: DeserializeOwned>(bytes: &[u8]) {
        let _ = <JsonText as Decodes<T>>::decode(Bytes::copy_from_slice(bytes));
    }
    input::<NewSession>(bytes);
    input::<SessionPatch>(bytes);
    input::<SessionFilter>(bytes);
    input::<PageQuery>(bytes);
    input::<Decide>(bytes);
}
