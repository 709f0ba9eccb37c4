//! The address of the Sessions page for each filter, what was typed on the way to it, and where new rows belong.
//! Pure functions; they must not touch the router, so that back, forward and links are tested as data.

use crate::ui::format;
use model::sessions::{Session, SessionFilter};

/// The address of this filter: `/sessions` or `/sessions?...`, with parts in a fixed order.
pub fn to_href(filter: &SessionFilter) -> String {
    let parts: Vec<_> = filter
        .to_query()
        .into_iter()
        .map(|(name, value)| format!("{name}={}", encode(&value)))
        .collect();
    if parts.is_empty() {
        "/sessions".into()
    } else {
        format!("/sessions?{}", parts.join("&"))
    }
}

/// Percent-encodes for a query value: everything but unreserved characters and commas, a space too.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b',') {
            out.push(char::from(byte));
        } else {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    out
}

/// The texts that the search box has sent to the address and not seen there yet. The page lags behind typing, and must
/// not overwrite newer text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked(Vec<String>);

impl Asked {
    /// The box sends this text.
    pub fn ask(&mut self, q: &str) {
        self.0.push(q.to_owned());
    }

    /// The address has this text now; gives whether it came from the box. Texts sent before it will not come any more.
    pub fn came(&mut self, q: &str) -> bool {
        match self.0.iter().position(|asked| asked == q) {
            Some(at) => {
                self.0.drain(..=at);
                true
            }
            None => {
                self.0.clear();
                false
            }
        }
    }
}

/// The index of a new row, newest activity first. `None` when it does not match, or belongs beyond the loaded rows
/// while `more` follows: the next page has it.
pub fn place(rows: &[Session], filter: &SessionFilter, session: &Session, more: bool) -> Option<usize> {
    if !filter.shows(session, format::lower) {
        return None;
    }
    let key = |session: &Session| (session.updated, session.id);
    match rows.iter().position(|other| key(session) > key(other)) {
        Some(at) => Some(at),
        None if more => None,
        None => Some(rows.len()),
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use crate::testing::session;
    use model::sessions::{AgentKind, SessionState};
    use std::collections::HashMap;

    fn read(href: &str) -> SessionFilter {
        let query = href.split_once('?').map_or("", |(_, query)| query);
        let pairs: HashMap<String, String> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), decode(value)))
            .collect();
        SessionFilter::from_query(|name| pairs.get(name).cloned())
    }

    fn decode(text: &str) -> String {
        let bytes = text.as_bytes();
        let mut out = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            if bytes[at] == b'%' {
                out.push(u8::from_str_radix(&text[at + 1..at + 3], 16).expect("two digits"));
                at += 3;
            } else {
                out.push(bytes[at]);
                at += 1;
            }
        }
        String::from_utf8(out).expect("UTF-8 went in")
    }

    #[test]
    fn every_filter_survives_the_way_through_the_address() {
        let filters = [
            SessionFilter::default(),
            SessionFilter {
                state: vec![SessionState::Working, SessionState::Waiting],
                project: Some("prj_01920000000070008000000000000001".parse().unwrap()),
                agent: Some(AgentKind::Claude),
                q: Some("50 % & \"größer\" #1?".into()),
                tag: Some("a b".into()),
                archived: true,
            },
            SessionFilter {
                q: Some("+".into()),
                ..SessionFilter::default()
            },
        ];
        for filter in filters {
            assert_eq!(read(&to_href(&filter)), filter, "{}", to_href(&filter));
        }
    }

    #[test]
    fn what_the_search_box_asked_for_is_told_from_what_came_otherwise() {
        let mut asked = Asked::default();
        for q in ["f", "fo", "foo"] {
            asked.ask(q);
        }
        assert!(
            asked.came("fo"),
            "an answer on its way is not written over what was typed since"
        );
        assert!(asked.came("foo"));
        assert!(!asked.came("fo"), "the same by the back button is");
        asked.ask("bar");
        assert!(!asked.came("elsewhere"));
        assert!(!asked.came("bar"), "what was overtaken is forgotten");
    }

    #[test]
    fn what_is_not_understood_is_left_out() {
        assert_eq!(
            read("/sessions?state=working,flying&project=x&agent=vim&q=&archived=no"),
            SessionFilter {
                state: vec![SessionState::Working],
                ..SessionFilter::default()
            }
        );
    }

    #[test]
    fn a_new_row_goes_to_its_place_by_its_last_activity() {
        let filter = SessionFilter::default();
        let rows: Vec<_> = [(1, 30), (2, 20), (3, 10)]
            .map(|(n, at)| session(n, |s| s.updated = at))
            .into();
        assert_eq!(place(&rows, &filter, &session(9, |s| s.updated = 25), false), Some(1));
        assert_eq!(place(&rows, &filter, &session(9, |s| s.updated = 5), false), Some(3));
        assert_eq!(
            place(&rows, &filter, &session(9, |s| s.updated = 5), true),
            None,
            "the next page brings it"
        );
    }

    #[test]
    fn a_row_that_the_filter_does_not_show_has_no_place() {
        let working = SessionFilter {
            state: vec![SessionState::Working],
            ..SessionFilter::default()
        };
        assert_eq!(
            place(&[], &working, &session(1, |s| s.state = SessionState::Working), false),
            Some(0)
        );
        assert_eq!(place(&[], &working, &session(1, |_| ()), false), None);
    }
}
