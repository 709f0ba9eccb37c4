//! The store: connections, the lease, and the only place that opens transactions.
//! It must not know any feature.
