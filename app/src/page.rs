//! What lists of pages show of one. Each feature says its own; `nav` has the table of all.

/// A page that something leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageLink {
    /// What it is called.
    pub name: &'static str,
    /// Its path.
    pub href: &'static str,
    /// Its icon.
    pub icon: &'static str,
    /// The letter that leads to it after `G`; `None` for none.
    pub letter: Option<&'static str>,
    /// Where it is listed, beside the palette, which has all of them.
    pub place: Place,
}

/// Where a page is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the rail and in the phone's bar.
    First,
    /// In the rail and under "More".
    Rail,
    /// In the rail, with the projects that were used last under it, and under "More".
    Projects,
    /// At the foot of the rail and under "More".
    Foot,
    /// In the list of settings, in this group of it.
    Settings(&'static str),
    /// In the palette only.
    Palette,
}
