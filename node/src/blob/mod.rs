//! Blobs: texts too large for an event, addressed by their hash and stored once.
//! It must not be written outside a journal commit.
