//! Reads the fields of the form for a new session, as a browser without WASM sends them.
//! It must not check what the node checks: only what has no value at all is refused here.

use model::{
    Error, Result,
    id::ProjectId,
    sessions::{AgentKind, Mode, NewSession},
};

/// The form as it was filled in; the project may be one that is still to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled {
    /// Where it shall work, once known.
    pub project: Option<ProjectId>,
    /// Which agent.
    pub agent: AgentKind,
    /// How much it may do unasked.
    pub mode: Mode,
    /// The first prompt.
    pub prompt: String,
    /// What to call it.
    pub title: Option<String>,
    /// Which model.
    pub model: Option<String>,
}

/// Reads the fields; empty ones are absent.
#[cfg(feature = "ssr")]
pub fn read(project: &str, agent: &str, mode: &str, prompt: String, title: Option<String>, model: Option<String>) -> Result<Filled> {
    let project = match project.trim() {
        "" | "new" => None,
        id => Some(id.parse().map_err(|_| Error::invalid("project", "choose a project from the list"))?),
    };
    Ok(Filled {
        project,
        agent: AgentKind::parse(agent).ok_or_else(|| Error::invalid("agent", "choose an agent from the list"))?,
        mode: Mode::parse(mode).ok_or_else(|| Error::invalid("mode", "choose plan, ask or auto-accept"))?,
        // A browser sends line ends as CR LF.
        prompt: prompt.replace("\r\n", "\n"),
        title: some(title),
        model: some(model),
    })
}

/// A text field that was filled in.
#[cfg(feature = "ssr")]
pub fn some(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

impl TryFrom<Filled> for NewSession {
    type Error = Error;

    fn try_from(filled: Filled) -> Result<Self> {
        let project = filled.project.ok_or_else(|| Error::invalid("project", "choose a project, or give the path of a folder to add"))?;
        Ok(Self { project, agent: filled.agent, mode: filled.mode, prompt: filled.prompt, title: filled.title, model: filled.model, visibility: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROJECT: &str = "prj_01920000000070008000000000000001";

    #[test]
    fn empty_fields_are_absent_and_line_ends_are_plain() {
        let filled = read(PROJECT, "claude", "plan", "a\r\nb".into(), Some("  ".into()), Some(" opus ".into())).unwrap();
        assert_eq!(filled.prompt, "a\nb");
        assert_eq!((filled.title, filled.model.as_deref()), (None, Some("opus")));
    }

    #[test]
    fn what_is_wrong_names_its_field() {
        let field = |error: Error| match error {
            Error::Invalid { field, .. } => field,
            other => panic!("{other:?}"),
        };
        assert_eq!(field(read("x", "claude", "plan", String::new(), None, None).unwrap_err()), "project");
        assert_eq!(field(read(PROJECT, "vim", "plan", String::new(), None, None).unwrap_err()), "agent");
        assert_eq!(field(read(PROJECT, "demo", "yolo", String::new(), None, None).unwrap_err()), "mode");
        let none = read("new", "demo", "ask", "go".into(), None, None).unwrap();
        assert_eq!(field(NewSession::try_from(none).unwrap_err()), "project");
    }
}
