//! Content that is rendered once on the server. While Leptos waits for a page's resources, it renders everything below,
//! looking for more resources, throws that away, and renders it again later. A page reads at its top, so nothing is to
//! be found below, and this renders only the second time. It must not be used around anything that reads by itself.

use leptos::prelude::*;

/// A view that `make` renders when it is needed.
pub(super) fn lazy_child(make: impl FnOnce() -> AnyView + Send + 'static) -> AnyView {
    #[cfg(feature = "ssr")]
    return server::Late(Box::new(make)).into_any();
    #[cfg(not(feature = "ssr"))]
    make()
}

#[cfg(feature = "ssr")]
mod server {
    use leptos::{
        prelude::*,
        tachys::{
            html::attribute::any_attribute::AnyAttribute,
            hydration::Cursor,
            no_attrs,
            ssr::StreamBuilder,
            view::{Position, PositionState},
        },
    };

    pub(super) struct Late(pub(super) Box<dyn FnOnce() -> AnyView + Send>);

    no_attrs!(Late);

    impl Render for Late {
        type State = <AnyView as Render>::State;

        fn build(self) -> Self::State {
            (self.0)().build()
        }

        fn rebuild(self, state: &mut Self::State) {
            (self.0)().rebuild(state);
        }
    }

    impl RenderHtml for Late {
        type AsyncOutput = AnyView;
        type Owned = Self;
        const MIN_LENGTH: usize = 0;

        fn dry_resolve(&mut self) {}

        async fn resolve(self) -> AnyView {
            (self.0)().resolve().await
        }

        fn to_html_with_buf(
            self,
            buf: &mut String,
            position: &mut Position,
            escape: bool,
            mark_branches: bool,
            extra_attrs: Vec<AnyAttribute>,
        ) {
            (self.0)().to_html_with_buf(buf, position, escape, mark_branches, extra_attrs);
        }

        fn to_html_async_with_buf<const OUT_OF_ORDER: bool>(
            self,
            buf: &mut StreamBuilder,
            position: &mut Position,
            escape: bool,
            mark_branches: bool,
            extra_attrs: Vec<AnyAttribute>,
        ) {
            (self.0)().to_html_async_with_buf::<OUT_OF_ORDER>(buf, position, escape, mark_branches, extra_attrs);
        }

        fn hydrate<const FROM_SERVER: bool>(self, cursor: &Cursor, position: &PositionState) -> Self::State {
            (self.0)().hydrate::<FROM_SERVER>(cursor, position)
        }

        fn into_owned(self) -> Self {
            self
        }
    }
}
