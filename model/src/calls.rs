//! Tool calls in words that all agents share: the class of a call, and where its input says what. The agent's driver
//! fills this in once, when a call begins or is asked for. Code that shows or counts calls knows no tool by its name.

use crate::sessions::words;
use serde::{Deserialize, Serialize};
use serde_json::Value;

words! {
    /// The class of a tool call, whatever the agent calls its tool.
    CallClass {
        /// Runs a command in a shell, or manages a running one.
        Shell = "shell",
        /// Changes a part of a file.
        Edit = "edit",
        /// Writes a whole file.
        Write = "write",
        /// Reads a file.
        Read = "read",
        /// Looks for files, text in them, or tools.
        Search = "search",
        /// Fetches a page or searches the web.
        Web = "web",
        /// Starts a subagent.
        Subagent = "subagent",
        /// Proposes a plan.
        Plan = "plan",
        /// Updates the list of things to do.
        Todo = "todo",
        /// Asks a person.
        Question = "question",
        /// Reads instructions for a kind of work, or runs a command of the agent's own.
        Skill = "skill",
        /// Calls a tool of a server that the agent is connected to.
        Server = "server",
        /// Anything else, and tools unknown to the driver.
        Other = "other",
    }
}

/// JSON pointers (RFC 6901) into a call's input, like `/command`; absent where the call has no such thing. Pages show
/// the text as what its field says, but it remains the agent's word.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CallParts {
    /// The command of a shell: all that the call does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The agent's own description of the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// The file it acts on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The text it replaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    /// The text that comes in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
    /// Whether every occurrence of the old text is replaced: a boolean, or the text `true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub everywhere: Option<String>,
    /// All that the file will hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// The address it fetches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What it searches the web for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The plan, as Markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// The questions, which are also typed beside the input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub questions: Option<String>,
    /// Not a pointer: the language of the command, like `sh`, where the driver knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// Prints only the fields that are set.
impl std::fmt::Debug for CallParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            command,
            purpose,
            path,
            old,
            new,
            everywhere,
            content,
            url,
            query,
            plan,
            questions,
            language,
        } = self;
        let all = [
            ("command", command),
            ("purpose", purpose),
            ("path", path),
            ("old", old),
            ("new", new),
            ("everywhere", everywhere),
            ("content", content),
            ("url", url),
            ("query", query),
            ("plan", plan),
            ("questions", questions),
            ("language", language),
        ];
        f.debug_map()
            .entries(all.iter().filter_map(|(name, part)| Some((name, part.as_ref()?))))
            .finish()
    }
}

impl CallParts {
    /// Whether the input has no known part.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether every occurrence of the old text is replaced, as the agent reads its input.
    pub fn is_everywhere(&self, input: &Value) -> bool {
        at(input, self.everywhere.as_deref())
            .is_some_and(|all| all.as_bool() == Some(true) || all.as_str() == Some("true"))
    }
}

/// The text that one of the [`CallParts`] points to; `None` where it points to none.
pub fn text<'i>(input: &'i Value, part: Option<&str>) -> Option<&'i str> {
    at(input, part).and_then(Value::as_str)
}

fn at<'i>(input: &'i Value, part: Option<&str>) -> Option<&'i Value> {
    part.and_then(|pointer| input.pointer(pointer))
}

/// What a call is, according to its agent's driver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallShape {
    /// Its class.
    pub class: CallClass,
    /// The tool's name for people, where it differs from the agent's own: `slack post`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Where in its input the parts are.
    #[serde(skip_serializing_if = "CallParts::is_empty")]
    pub parts: Box<CallParts>,
}

impl CallShape {
    /// The name for people of the tool that the agent calls `tool`.
    pub fn name<'n>(&'n self, tool: &'n str) -> &'n str {
        self.label.as_deref().unwrap_or(tool)
    }
}

impl Default for CallShape {
    fn default() -> Self {
        Self {
            class: CallClass::Other,
            label: None,
            parts: Box::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_part_is_read_where_the_driver_says_it_lies_and_nowhere_else() {
        let parts = CallParts {
            command: Some("/argv/2".into()),
            everywhere: Some("/all".into()),
            ..CallParts::default()
        };
        let input = json!({ "argv": ["sh", "-c", "make"], "command": "rm", "all": "true" });
        assert_eq!(text(&input, parts.command.as_deref()), Some("make"));
        assert_eq!(
            (
                text(&input, parts.path.as_deref()),
                text(&json!({ "argv": [] }), parts.command.as_deref())
            ),
            (None, None)
        );
        assert!(
            parts.is_everywhere(&input)
                && !parts.is_everywhere(&json!({ "all": "false" }))
                && !CallParts::default().is_everywhere(&input)
        );
    }

    #[test]
    fn a_shape_of_an_older_event_is_of_no_known_kind() {
        assert_eq!(serde_json::from_str::<CallShape>("{}").unwrap(), CallShape::default());
        assert_eq!(
            serde_json::to_string(&CallShape::default()).unwrap(),
            r#"{"class":"other"}"#
        );
    }
}
