//! The kit: every component of the pages, each shown in every state on `/kit`. It must not know features, ports or
//! server functions: components take values and signals, and report presses.

mod button;
mod chart;
mod code;
mod dialog;
mod feedback;
mod field;
pub mod format;
mod icon;
mod keyed_list;
mod lazy_child;
mod menu;
mod node;
pub mod plot;
mod status;
mod steady;
mod time;
mod title;
mod toast;
mod virtual_list;

pub use button::{Button, ButtonKind, IconButton, Kbd};
pub use chart::{Bars, Legend, Line, Meter, Spark};
pub(crate) use code::code;
pub use code::{CodeBlock, DiffView, Markdown};
pub use dialog::Dialog;
pub(crate) use feedback::sentence;
pub use feedback::{Empty, ErrorNote, Note, NoteTone, QueryState, Skeleton};
pub use field::{Field, Select, TextArea, TextInput, keep_typed};
pub use icon::{Icon, Mark, Shape};
pub(crate) use keyed_list::keyed_list;
pub use menu::{Menu, Segment, Tab, Tabs};
pub use node::{NodeChip, NodeStatus, RunsElsewhere};
pub use status::{Look, StatusWord};
pub use steady::{LOOK_MS, Steady, was_seen};
pub use time::{Ago, Clock, Cost, Elapsed, Exact, Short, provide_clock, quiet_clock, use_clock};
pub(crate) use time::{long, moment, zoned};
pub use title::LiveTitle;
pub(crate) use toast::ToastRow;
pub use toast::{Toast, Toasts, ToastsView, provide_toasts, toast, use_toasts};
pub use virtual_list::{Blank, VirtualChunk};
