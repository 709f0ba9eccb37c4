//! What this browser shows and remembers: theme, density, and folded parts (the rail, its projects, a session's panel).
//! The script in the page's head applies them before the first paint. It also serves every element with
//! `data-theme-set`, `data-theme-next`, `data-density-set` or `data-flip`, so that switching works before WASM has
//! loaded; no other code may.

use leptos::prelude::*;

/// Light, dark or as the system says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// Always light.
    Light,
    /// Always dark.
    Dark,
    /// As the system is set.
    System,
}

impl Theme {
    /// All of them, in the order they are offered.
    pub const ALL: [Self; 3] = [Self::Light, Self::Dark, Self::System];

    /// The word in storage and in `data-theme-set`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
            Self::System => "system",
        }
    }

    /// The name on buttons.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Light => "Light",
            Self::Dark => "Dark",
            Self::System => "System",
        }
    }
}

/// The height of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Density {
    /// 32 px.
    Comfortable,
    /// 26 px.
    Compact,
}

impl Density {
    /// Both densities.
    pub const ALL: [Self; 2] = [Self::Comfortable, Self::Compact];

    /// The word in storage and in `data-density-set`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Comfortable => "comfortable",
            Self::Compact => "compact",
        }
    }

    /// The name on buttons.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Comfortable => "Comfortable",
            Self::Compact => "Compact",
        }
    }
}

/// Switches the theme, persistently for this browser.
pub fn set_theme(theme: Theme) {
    super::remember("orchwiz.theme", (theme != Theme::System).then(|| theme.word()));
    if cfg!(feature = "hydrate")
        && let Ok(event) = web_sys::Event::new("storage")
    {
        let _ = window().dispatch_event(&event);
    }
}

/// Toggles a foldable part (`rail`, `projects`, `panel`), persistently for this browser.
pub fn flip(what: &str) {
    fold(what, super::recall(&format!("orchwiz.{what}")).is_none());
}

/// Opens a folded part.
pub fn unfold(what: &str) {
    fold(what, false);
}

fn fold(what: &str, away: bool) {
    super::remember(&format!("orchwiz.{what}"), away.then_some("off"));
    if cfg!(feature = "hydrate")
        && let Ok(event) = web_sys::Event::new("storage")
    {
        let _ = window().dispatch_event(&event);
    }
}

/// Marks the pressed buttons, for buttons that were not on the page when it loaded.
pub fn show_pressed() {
    if cfg!(feature = "hydrate")
        && let Ok(event) = web_sys::Event::new("orchwiz:pressed")
    {
        let _ = window().dispatch_event(&event);
    }
}

/// Runs in the head before the first paint, under the page's nonce.
pub const HEAD_SCRIPT: &str = r"(function(){
var r=document.documentElement,k=function(n,v){try{if(v===undefined)return localStorage.getItem(n);v?localStorage.setItem(n,v):localStorage.removeItem(n)}catch(e){}return null};
function press(){var t=k('orchwiz.theme')||'system',d=k('orchwiz.density')||'comfortable';
document.querySelectorAll('[data-theme-set]').forEach(function(b){b.setAttribute('aria-pressed',String(b.dataset.themeSet===t))});
document.querySelectorAll('[data-flip]').forEach(function(b){b.setAttribute('aria-expanded',String(r.dataset[b.dataset.flip]!=='off'))});
document.querySelectorAll('[data-density-set]').forEach(function(b){b.setAttribute('aria-pressed',String(b.dataset.densitySet===d))})}
function show(){var t=k('orchwiz.theme'),d=k('orchwiz.density');
if(t==='light'||t==='dark')r.dataset.theme=t;else delete r.dataset.theme;
if(d==='compact')r.dataset.density=d;else delete r.dataset.density;
['rail','projects','panel'].forEach(function(n){if(k('orchwiz.'+n)==='off')r.dataset[n]='off';else delete r.dataset[n]});press()}
show();addEventListener('storage',show);addEventListener('orchwiz:pressed',press);document.addEventListener('DOMContentLoaded',press);
addEventListener('click',function(e){var b=e.target.closest&&e.target.closest('[data-theme-set],[data-theme-next],[data-density-set],[data-flip]');if(!b)return;
if(b.dataset.flip)k('orchwiz.'+b.dataset.flip,r.dataset[b.dataset.flip]==='off'?'':'off');
else if(b.dataset.densitySet)k('orchwiz.density',b.dataset.densitySet==='compact'?'compact':'');
else if(b.dataset.themeSet)k('orchwiz.theme',b.dataset.themeSet==='system'?'':b.dataset.themeSet);
else{var now=r.dataset.theme||(matchMedia('(prefers-color-scheme: dark)').matches?'dark':'light');k('orchwiz.theme',now==='dark'?'light':'dark')}
show()})})()";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_script_knows_every_word() {
        for word in Theme::ALL
            .map(Theme::word)
            .into_iter()
            .chain(Density::ALL.map(Density::word))
        {
            assert!(HEAD_SCRIPT.contains(&format!("'{word}'")), "{word}");
        }
        assert!(!HEAD_SCRIPT.contains("</"), "nothing may end the script element early");
    }
}
