//! What every page inside the frame can ask for: who is signed in, how the node is, which projects were used last, what
//! it offers the palette. The frame itself is drawn by `nav`.

mod api;
mod health;
mod last_projects;
mod names;
mod remind;
mod theme;
mod verbs;

pub(crate) use api::{FrameView, read_frame};
pub(crate) use health::{health_look, look_of};
pub(crate) use last_projects::LastProjects;
pub(crate) use names::read_project_names;
pub(crate) use remind::{ReminderChoice, remind};
pub(crate) use theme::ThemeSegment;
pub(crate) use verbs::{PageVerbs, Verb, offer_verbs};

use crate::NodeResource;
use leptos::prelude::*;

/// What the frame read.
pub(crate) type FrameResource = NodeResource<FrameView>;

/// Who is signed in and what the node is, for pages inside the frame. Read it inside a `Suspense`.
pub(crate) fn use_frame() -> Option<FrameResource> {
    use_context::<FrameResource>()
}
