//! The bodies of the fuzz targets as property tests, with random bytes and with fragments of real messages.

#[path = "../../../fuzz/bodies.rs"]
mod bodies;

use proptest::prelude::*;

/// Fragments that get past a parser's first check.
const PIECES: [&str; 32] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\n",
    "&",
    "=",
    "%00",
    "%",
    "\"\"",
    "null",
    "true",
    "-9223372036854775808",
    "18446744073709551616",
    "1e999",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"type\":\"assistant\"",
    "\"type\":\"control_request\"",
    "\"message\":{\"content\":[{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"Bash\",\"input\":{}}]}",
    "\"type\":\"result\",\"usage\":{\"input_tokens\":9223372036854775807}",
    "\"say\":\"follow\"",
    "\"topics\":[{\"topic\":\"node\"}]",
    "\"after\":-1",
    "\"project\":\"prj_01920000000070008000000000000001\"",
    "\"agent\":\"demo\",\"mode\":\"ask\",\"prompt\":\"x\"",
    "\"decision\":\"allow\"",
    "limit=5&after=",
    "c2VzXzEKMg",
    "\u{202e}\u{fffe}",
];

fn anything() -> impl Strategy<Value = Vec<u8>> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..200);
    let pieces = proptest::collection::vec(prop::sample::select(&PIECES[..]), 0..24)
        .prop_map(|pieces| pieces.concat().into_bytes());
    // Deeper than any parser recurses.
    let deep = (1..400_usize, prop::sample::select(vec![b'[', b'{'])).prop_map(|(depth, open)| vec![open; depth]);
    prop_oneof![3 => bytes, 6 => pieces, 1 => deep]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_a_reader_of_what_comes_from_outside_fail(bytes in anything()) {
        bodies::agent_lines(&bytes);
        bodies::socket_frame(&bytes);
        bodies::list_cursor(&bytes);
        bodies::rest_request(&bytes);
        bodies::server_function(&bytes);
    }
}
