//! Entities: the tables as SeaORM models, one a file.
//! They hold no logic.
