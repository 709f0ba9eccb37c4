//! Agents: the dialects of coding agents, turned into one event model.
//! Drivers are pure; they must not spawn, read files or read a clock.
