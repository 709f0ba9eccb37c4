//! The sentence at the top of the Overview, made of numbers alone. Pure. It leaves out zeros, puts what needs a person
//! first, and must not soften anything.

/// The numbers of the sentence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pending approvals and troubled sessions.
    pub needs: i64,
    /// Sessions at work.
    pub working: i64,
    /// Sessions that wait for a free place.
    pub queued: i64,
    /// Sessions that came to rest today.
    pub done: i64,
}

/// The strong part and the rest: `6 things need you.` and `4 working, 2 queued, 23 done today.`
pub fn sentence(counts: Counts) -> (String, String) {
    let strong = match counts.needs {
        0 => "Nothing needs you.".to_owned(),
        1 => "1 thing needs you.".to_owned(),
        n => format!("{n} things need you."),
    };
    let parts: Vec<String> = [
        (counts.working, "working"),
        (counts.queued, "queued"),
        (counts.done, "done today"),
    ]
    .into_iter()
    .filter(|(n, _)| *n > 0)
    .map(|(n, word)| format!("{n} {word}"))
    .collect();
    let rest = if parts.is_empty() {
        "Nothing is running.".to_owned()
    } else {
        format!("{}.", parts.join(", "))
    };
    (strong, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_needs_a_person_and_leaves_out_what_is_zero() {
        let say = |needs, working, queued, done| {
            let (strong, rest) = sentence(Counts {
                needs,
                working,
                queued,
                done,
            });
            format!("{strong} {rest}")
        };
        assert_eq!(
            say(6, 4, 2, 23),
            "6 things need you. 4 working, 2 queued, 23 done today."
        );
        assert_eq!(say(1, 0, 0, 3), "1 thing needs you. 3 done today.");
        assert_eq!(say(0, 0, 0, 0), "Nothing needs you. Nothing is running.");
    }
}
