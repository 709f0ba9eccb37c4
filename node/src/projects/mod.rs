//! Projects: folders a node knows, their git facts and their trust.
//! It must not run anything a folder contains.
