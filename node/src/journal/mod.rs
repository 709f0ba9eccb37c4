//! The journal: the only way to change anything. Numbers, hashes, applies and appends events in one transaction.
//! No event leaves it before its commit.
