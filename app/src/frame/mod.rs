//! Data for every page inside the frame: the caller, the node's health, recent projects, and the page's verbs for the
//! palette. `nav` renders the frame itself.

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

/// The frame's data.
pub(crate) type FrameResource = NodeResource<FrameView>;

/// The caller and the node, for pages inside the frame. Read it inside a `Suspense`.
pub(crate) fn use_frame() -> Option<FrameResource> {
    use_context::<FrameResource>()
}
