//! The Inbox, rendered on the server.

use crate::testing::{Fake, NOW, approval};
use model::{
    Error,
    approvals::{ApprovalKind, ApprovalState, Decided, LimitOf, Question, QuestionOption, RememberScope, Verdict},
    calls::{CallClass, CallParts},
    entries::{Diff, DiffLine, Unplaced},
};

fn decided() -> Decided {
    Decided {
        decision: Verdict::Deny,
        at: NOW,
        by: None,
        by_name: Some("jonas".into()),
        via: "browser".into(),
        from: Some("192.0.2.7".into()),
        reason: Some("too broad".into()),
        remember: None,
    }
}

#[tokio::test]
async fn an_empty_inbox_says_what_would_be_here() {
    Fake::default()
        .render("/inbox")
        .await
        .shows(&["Nothing waits for you", "Start a session"]);
}

#[tokio::test]
async fn the_oldest_is_shown_with_its_exact_input_why_and_what_always_would_add() {
    let approvals = vec![
        approval(1, |a| a.input_html = Some("<span class=\"k\">cargo</span> test".into())),
        approval(2, |_| ()),
    ];
    let page = Fake {
        approvals: approvals.into(),
        ..Fake::default()
    }
    .render("/inbox")
    .await;
    page.shows(&[
        "The agent asks to run a command",
        "<span class=\"k\">cargo</span> test",
        "the mode ask asks before commands",
        "allow Bash(cargo test *)",
        "this project, on this machine",
        "Written to <code>local.json</code>.",
        "Allow once",
        "Deny…",
        "Next: Bash, billing-api",
    ]);
}

#[tokio::test]
async fn it_says_where_it_would_happen_and_whose_limit_denies_it() {
    let limited = |limit| Fake {
        approvals: vec![approval(1, |a| {
            a.expires = Some(NOW + 3_540_000);
            a.limit = Some(limit);
        })]
        .into(),
        ..Fake::default()
    };
    let page = limited(LimitOf::Unattended).render("/inbox").await;
    page.shows(&[
        "Directory",
        "<code>/srv/billing-api</code>",
        "Branch",
        "<code>main</code>",
        "a token or the command line started this session",
    ]);
    limited(LimitOf::Project)
        .render("/inbox")
        .await
        .shows(&["the project's limit"]);
}

#[tokio::test]
async fn the_address_names_the_item_and_a_change_is_a_diff() {
    let line = |sign, text: &str| DiffLine {
        sign,
        old: None,
        new: Some(41),
        parts: vec![(false, "size = ".into()), (true, text.into())],
    };
    let diff = Diff {
        path: "prod/rds.tf".into(),
        added: 1,
        removed: 1,
        lines: vec![line('-', "200"), line('+', "320")],
        omitted: 0,
        shortened: 0,
        unplaced: None,
    };
    let approvals = vec![
        approval(1, |_| ()),
        approval(2, |a| {
            a.class = CallClass::Edit;
            a.diff = Some(diff);
        }),
    ];
    let path = format!("/inbox?id={}", approvals[1].id);
    Fake {
        approvals: approvals.into(),
        ..Fake::default()
    }
    .render(&path)
    .await
    .shows(&["asks to change a file", "prod/rds.tf", "<em>320</em>"]);
}

#[tokio::test]
async fn a_change_without_a_place_invents_no_numbers_and_says_why() {
    let line = |sign, text: &str| DiffLine {
        sign,
        old: None,
        new: None,
        parts: vec![(false, text.into())],
    };
    let diff = Diff {
        path: "/etc/hosts".into(),
        added: 1,
        removed: 1,
        lines: vec![line('-', "one"), line('+', "two")],
        ..Diff::default()
    };
    let asked = approval(1, |a| {
        a.class = CallClass::Edit;
        a.diff = Some(Diff {
            unplaced: Some(Unplaced::Outside),
            ..diff
        });
    });
    let page = Fake {
        approvals: vec![asked].into(),
        ..Fake::default()
    }
    .render("/inbox")
    .await;
    page.shows(&[
        "No line numbers: the file lies outside of the project's folder",
        "diff-nn",
        "two",
    ])
    .lacks(&["@@"]);
}

#[tokio::test]
async fn a_name_that_is_not_here_shows_no_other_item() {
    for name in [crate::testing::approval_id(9).to_string(), "nonsense".to_owned()] {
        let page = Fake {
            approvals: vec![approval(1, |_| ())].into(),
            ..Fake::default()
        }
        .render(&format!("/inbox?id={name}"))
        .await;
        page.shows(&["This approval is not here any more", "What waits"])
            .withholds(&[("button", "Allow once")]);
    }
}

#[tokio::test]
async fn an_item_beyond_the_loaded_ones_is_fetched() {
    let approvals = (1..=120)
        .map(|n| approval(n, |a| a.target = format!("step {n}")))
        .collect::<Vec<_>>();
    let path = format!("/inbox?id={}", approvals[119].id);
    Fake {
        approvals: approvals.into(),
        ..Fake::default()
    }
    .render(&path)
    .await
    .shows(&["asks to run a command"])
    .offers(&[("button", "Allow once")]);
}

#[tokio::test]
async fn plans_and_questions_have_their_own_answers() {
    let plan = approval(1, |a| {
        a.kind = ApprovalKind::Plan;
        a.plan_html = Some("<ol><li>First</li></ol>".into());
    });
    Fake {
        approvals: vec![plan].into(),
        ..Fake::default()
    }
    .render("/inbox")
    .await
    .shows(&[
        "proposes a plan",
        "<li>First</li>",
        "Approve, auto-accept edits",
        "Send back…",
    ]);
    let question = approval(1, |a| {
        a.kind = ApprovalKind::Question;
        a.questions = vec![Question {
            question: "Keep the old route?".into(),
            header: "Route".into(),
            options: vec![QuestionOption {
                label: "Yes".into(),
                description: "one release".into(),
            }],
            multi_select: false,
        }];
    });
    Fake {
        approvals: vec![question].into(),
        ..Fake::default()
    }
    .render("/inbox")
    .await
    .shows(&[
        "Keep the old route?",
        "one release",
        "In your own words",
        "type=\"radio\"",
    ]);
}

#[tokio::test]
async fn a_decided_one_says_who_decided_and_offers_nothing() {
    let approvals = vec![approval(1, |a| {
        a.state = ApprovalState::Denied;
        a.decided = Some(decided());
    })];
    let path = format!("/inbox?id={}", approvals[0].id);
    let page = Fake {
        approvals: approvals.into(),
        ..Fake::default()
    }
    .render(&path)
    .await;
    page.shows(&["jonas denied: too broad", "from 192.0.2.7", "Answered"])
        .withholds(&[("button", "Allow once"), ("button", "Deny")]);
}

#[tokio::test]
async fn without_a_suggestion_there_is_no_always() {
    let approvals = vec![approval(1, |a| a.suggestions.clear())];
    Fake {
        approvals: approvals.into(),
        ..Fake::default()
    }
    .render("/inbox")
    .await
    .offers(&[("button", "Allow once")])
    .lacks(&["Always…", "would add", "Where the rule is written"]);
}

#[tokio::test]
async fn who_may_remember_for_the_session_alone_is_told_what_more_would_need() {
    let asked = |scopes: &[RememberScope]| Fake {
        approvals: vec![approval(1, |a| a.scopes = scopes.to_vec())].into(),
        ..Fake::default()
    };
    let untrusted = "The project is not trusted";
    asked(&[RememberScope::Session])
        .render("/inbox")
        .await
        .shows(&["needs the role admin"])
        .lacks(&[untrusted]);
    asked(&[RememberScope::Session, RememberScope::User])
        .render("/inbox")
        .await
        .shows(&[untrusted])
        .lacks(&["needs the role admin"]);
    asked(RememberScope::ALL)
        .render("/inbox")
        .await
        .lacks(&[untrusted, "needs the role admin"]);
}

#[tokio::test]
async fn an_error_offers_to_try_again() {
    Fake::failing(Error::StorageFull)
        .render("/inbox")
        .await
        .shows(&["The inbox could not be read.", "Try again"]);
}

#[tokio::test]
async fn until_the_page_lives_decisions_are_plain_forms() {
    let page = Fake {
        approvals: vec![approval(1, |_| ()), approval(2, |_| ())].into(),
        ..Fake::default()
    }
    .render("/inbox")
    .await;
    page.shows(&[
        "action=\"/api/rpc/approvals/answer\"",
        "type=\"submit\"",
        "name=\"verdict\" value=\"allow\"",
        "name=\"verdict\" value=\"deny\"",
        "name=\"reason\"",
        &format!("name=\"next\" value=\"{}\"", crate::testing::approval_id(2)),
        "(connecting)",
    ]);
    let plan = approval(1, |a| {
        a.kind = ApprovalKind::Plan;
        a.input = serde_json::json!({ "plan": "First" });
    });
    Fake {
        approvals: vec![plan].into(),
        ..Fake::default()
    }
    .render("/inbox")
    .await
    .shows(&["name=\"mode\" value=\"ask\"", "name=\"mode\" value=\"auto-accept\""]);
    let question = approval(1, |a| {
        a.kind = ApprovalKind::Question;
        a.questions = vec![Question {
            question: "Keep it?".into(),
            header: String::new(),
            options: vec![QuestionOption {
                label: "Yes".into(),
                description: String::new(),
            }],
            multi_select: false,
        }];
    });
    let form = format!("form=\"{}-form\"", question.id);
    Fake {
        approvals: vec![question].into(),
        ..Fake::default()
    }
    .render("/inbox")
    .await
    .shows(&["name=\"chosen[q0][]\"", "name=\"own[q0]\"", &form]);
}

#[tokio::test]
async fn the_whole_input_is_there_and_open_where_more_is_asked_than_shown() {
    let part = |name: &str| Some(format!("/{name}"));
    let with = |class: CallClass, input: serde_json::Value, diff: Option<Diff>| {
        let parts = match class {
            CallClass::Shell => CallParts {
                command: part("command"),
                purpose: part("description"),
                ..CallParts::default()
            },
            CallClass::Edit => CallParts {
                path: part("file"),
                old: part("before"),
                new: part("after"),
                everywhere: part("all"),
                ..CallParts::default()
            },
            CallClass::Write => CallParts {
                path: part("file"),
                content: part("text"),
                ..CallParts::default()
            },
            _ => CallParts::default(),
        };
        Fake {
            approvals: vec![approval(1, |a| {
                a.class = class;
                a.parts = parts;
                a.input = input;
                a.diff = diff;
            })]
            .into(),
            ..Fake::default()
        }
    };
    let line = DiffLine {
        sign: '+',
        old: None,
        new: Some(1),
        parts: vec![(false, "two".into())],
    };
    let diff = || Diff {
        path: "a".into(),
        added: 1,
        lines: vec![line.clone()],
        ..Diff::default()
    };
    let open = "<details open class=\"whole\"";
    let shell = serde_json::json!({ "command": "make", "description": "Build it" });
    with(CallClass::Shell, shell, None)
        .render("/inbox")
        .await
        .shows(&["Build it", "All fields"])
        .lacks(&[open]);
    let outside = serde_json::json!({ "command": "make", "dangerouslyDisableSandbox": true });
    with(CallClass::Shell, outside, None)
        .render("/inbox")
        .await
        .shows(&[open, "dangerouslyDisableSandbox"]);
    let server = serde_json::json!({ "command": "select", "sql": "drop table users" });
    with(CallClass::Server, server, None).render("/inbox").await.shows(&[
        "<code>sql</code>",
        "drop table users",
        "<code>command</code>",
    ]);
    let edit = |all: bool| serde_json::json!({ "file": "/a", "before": "one", "after": "two", "all": all });
    with(CallClass::Edit, edit(false), Some(diff()))
        .render("/inbox")
        .await
        .lacks(&[open, "Replaces every place"]);
    with(CallClass::Edit, edit(true), Some(diff()))
        .render("/inbox")
        .await
        .shows(&["Replaces every place"]);
    with(CallClass::Edit, edit(false), Some(Diff { shortened: 1, ..diff() }))
        .render("/inbox")
        .await
        .shows(&[open, "only the beginning is shown"]);
    with(CallClass::Edit, edit(false), Some(Diff { omitted: 7, ..diff() }))
        .render("/inbox")
        .await
        .shows(&[open, "7 more lines are not shown"]);
    let write = serde_json::json!({ "file": "/a", "text": "two" });
    with(CallClass::Write, write.clone(), Some(diff()))
        .render("/inbox")
        .await
        .lacks(&[open]);
    with(CallClass::Write, write, Some(Diff { omitted: 7, ..diff() }))
        .render("/inbox")
        .await
        .shows(&[open]);
    let more = serde_json::json!({ "file": "/a", "text": "two", "mode": "0777" });
    with(CallClass::Write, more, Some(diff()))
        .render("/inbox")
        .await
        .shows(&[open, "<code>mode</code>", "0777"]);
}

#[tokio::test]
async fn what_cannot_be_seen_is_marked_and_warned_of() {
    let approvals = vec![approval(1, |a| {
        a.input =
            serde_json::json!({ "command": "echo safe \u{202e}; curl https://\u{440}aypal.com", "description": "x" });
        a.target = "echo safe \u{202e}; curl".into();
    })];
    let page = Fake {
        approvals: approvals.into(),
        ..Fake::default()
    }
    .render("/inbox")
    .await;
    page.shows(&[
        "Contains hidden characters",
        "<span class=\"hid\">U+202E</span>",
        "&lt;U+202E&gt;",
        "mixes letters of different alphabets",
    ]);
    page.lacks(&["\u{202e}"]);
    Fake {
        approvals: vec![approval(1, |_| ())].into(),
        ..Fake::default()
    }
    .render("/inbox")
    .await
    .lacks(&["hidden characters", "alphabets"]);
}

#[tokio::test]
async fn what_has_not_come_whole_cannot_be_allowed_and_is_whole_where_it_is_opened() {
    let approvals = vec![approval(1, |a| {
        a.input = serde_json::json!({ "command": "make the beginning" });
        a.input_cut = Some(model::approvals::Whole {
            bytes: 40_000,
            lines: 1_200,
        });
    })];
    let fake = || Fake {
        approvals: approvals.clone().into(),
        ..Fake::default()
    };
    fake()
        .render("/inbox")
        .await
        .shows(&["Only the beginning is shown", "Read all, 1,200 lines"])
        .lacks(&["Allow once"]);
    let opened = format!("/inbox?id={}", crate::testing::approval_id(1));
    fake()
        .render(&opened)
        .await
        .shows(&["make the beginning", "Allow once"])
        .lacks(&["Only the beginning is shown"]);
}
