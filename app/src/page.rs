//! The entry of a page in the lists of pages. Each feature declares its own; `nav` has the table of all.

/// A page, as lists link to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageLink {
    /// Its name.
    pub name: &'static str,
    /// Its path.
    pub href: &'static str,
    /// Its icon.
    pub icon: &'static str,
    /// The letter that opens it after `G`; `None` for none.
    pub letter: Option<&'static str>,
    /// The list it appears in, besides the palette, which has all pages.
    pub place: Place,
}

/// A list of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the rail and in the phone's bar.
    First,
    /// In the rail and under "More".
    Rail,
    /// In the rail, with the projects that were used last under it, and under "More".
    Projects,
    /// Behind the node's card at the foot of the rail, and under "More".
    Card,
    /// At the foot of the rail and under "More".
    Foot,
    /// In the list of settings, in this group of it.
    Settings(&'static str),
    /// In the palette only.
    Palette,
}
