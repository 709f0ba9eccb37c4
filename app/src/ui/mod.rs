//! The kit: every component the pages are built of, each in every state on `/kit`.
//! It must not know features, ports or server functions; components take values and signals and say what was pressed.

mod button;
mod changing;
mod chart;
mod code;
mod dialog;
mod each;
mod feedback;
mod field;
pub mod format;
pub(crate) mod hear;
mod icon;
mod late;
mod menu;
pub mod plot;
mod status;
mod steady;
mod stretch;
mod time;
mod title;
mod toast;

pub use button::{Button, ButtonKind, IconButton, Kbd};
pub(crate) use changing::{changing, effect};
pub use chart::{Bars, Legend, Line, Meter, Spark};
pub(crate) use code::code;
pub use code::{CodeBlock, DiffView, Markdown};
pub use dialog::Dialog;
pub(crate) use each::each;
pub(crate) use feedback::sentence;
pub use feedback::{Empty, ErrorNote, Note, NoteTone, QueryState, Skeleton};
pub use field::{Field, Select, TextArea, TextInput, keep_typed};
pub use icon::{Icon, Mark, Shape};
pub use menu::{Menu, Segment, Tab, Tabs};
pub use status::{Look, StatusWord};
pub use steady::{LOOK_MS, Steady, was_seen};
pub use stretch::{Blank, Stretch};
pub use time::{Ago, Clock, Cost, Elapsed, Exact, Short, provide_clock, quiet_clock, use_clock};
pub(crate) use time::{long, moment, zoned};
pub use title::LiveTitle;
pub(crate) use toast::ToastRow;
pub use toast::{Toast, Toasts, ToastsView, provide_toasts, toast, use_toasts};
