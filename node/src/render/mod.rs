//! Rendering: Markdown, diffs and highlighted code as safe HTML or typed lines.
//! Whatever it returns as HTML is sanitised or escaped.
