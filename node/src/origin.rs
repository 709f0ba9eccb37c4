//! The origin of events and rows: the id of the node that made them, as tables hold it. Pure.

use model::id::NodeId;

/// The id of the node with this `origin`, 32 hex digits.
pub fn node_of(origin: &str) -> NodeId {
    NodeId::from_uuid(uuid::Uuid::try_parse(origin).unwrap_or_default())
}

/// The `origin` of a node's events and rows, 32 hex digits.
pub fn origin_of(node: NodeId) -> String {
    node.uuid().as_simple().to_string()
}
