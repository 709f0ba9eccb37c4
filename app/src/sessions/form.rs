//! Parses the form for a new session, as a browser without WASM sends it. The node validates; only a missing value is
//! refused here.

use model::{
    Error, Result,
    sessions::{AgentKind, Mode, NewSession},
};

/// Parses the fields; empty ones are absent.
pub fn read(
    project: &str,
    folder: Option<String>,
    agent: &str,
    mode: &str,
    prompt: &str,
    title: Option<String>,
    model: Option<String>,
) -> Result<NewSession> {
    let project = match project.trim() {
        "" | "new" => None,
        id => Some(
            id.parse()
                .map_err(|_| Error::invalid("project", "choose a project from the list"))?,
        ),
    };
    Ok(NewSession {
        project,
        // A chosen project wins over a path that was typed before and is now hidden.
        folder: filled(folder).filter(|_| project.is_none()),
        agent: AgentKind::parse(agent).ok_or_else(|| Error::invalid("agent", "choose an agent from the list"))?,
        mode: Mode::parse(mode).ok_or_else(|| Error::invalid("mode", "choose plan, ask or auto-accept"))?,
        // Browsers send line ends as CR LF.
        prompt: prompt.replace("\r\n", "\n"),
        title: filled(title),
        model: filled(model),
        visibility: None,
    })
}

/// The trimmed text of a field, if it is not empty.
fn filled(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROJECT: &str = "prj_01920000000070008000000000000001";

    #[test]
    fn empty_fields_are_absent_and_line_ends_are_plain() {
        let new = read(
            PROJECT,
            Some("  ".into()),
            "claude",
            "plan",
            "a\r\nb",
            Some("  ".into()),
            Some(" opus ".into()),
        )
        .unwrap();
        assert_eq!(new.prompt, "a\nb");
        assert_eq!(
            (new.folder, new.title, new.model.as_deref()),
            (None, None, Some("opus"))
        );
    }

    #[test]
    fn a_folder_is_meant_only_where_no_project_is_chosen() {
        let folder = |project| {
            read(project, Some(" /work/x ".into()), "demo", "ask", "go", None, None)
                .unwrap()
                .folder
        };
        assert_eq!(folder("new").as_deref(), Some("/work/x"));
        assert_eq!(folder(PROJECT), None);
    }

    #[test]
    fn what_is_wrong_names_its_field() {
        let field = |error: Error| match error {
            Error::Invalid { field, .. } => field,
            other => panic!("{other:?}"),
        };
        let read = |project, agent, mode| field(read(project, None, agent, mode, "", None, None).unwrap_err());
        assert_eq!(read("x", "claude", "plan"), "project");
        assert_eq!(read(PROJECT, "vim", "plan"), "agent");
        assert_eq!(read(PROJECT, "demo", "yolo"), "mode");
    }
}
