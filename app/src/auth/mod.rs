//! The pages for anonymous visitors: sign-in and set-up. They only show forms; the server's `/auth/...` processes them.
//! They must not read or hold a password.

#[cfg(all(test, feature = "ssr"))]
pub mod fake;
mod set_up;
mod sign_in;
pub(crate) mod words;

use crate::{
    error::AppResult,
    lazy::lazy_page,
    ui::{Icon, Mark},
    view,
    wire::Rpc,
};
use leptos::{prelude::*, server};
use leptos_router::{
    Lazy, SsrMode,
    any_nested_route::IntoAnyNestedRoute,
    components::{Outlet, ParentRoute, Route},
    path,
};
use serde::{Deserialize, Serialize};
use std::{pin::Pin, sync::Arc};

/// Checks whether a set-up link is valid now.
pub type LinkCheck = Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = model::Result<bool>> + Send>> + Send + Sync>;

/// The server's facts for these pages, by context.
#[derive(Clone)]
pub struct AuthOptions {
    /// Whether sign-in with GitHub is offered.
    pub github: bool,
    /// Checks whether a set-up link is valid now.
    pub link_works: LinkCheck,
}

/// The node, as the sign-in page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SignInView {
    /// The node's name.
    pub node: String,
    /// Whether sign-in with GitHub is offered.
    pub github: bool,
}

/// What anybody may know before sign-in: the node's name and the ways to sign in.
#[server(prefix = "/api/rpc", endpoint = "auth/options", protocol = Rpc)]
pub(crate) async fn sign_in_options() -> AppResult<SignInView> {
    let node = crate::server::services()?.node.info(&model::Caller::node()).await?.name;
    Ok(SignInView {
        node,
        github: use_context::<AuthOptions>().is_some_and(|options| options.github),
    })
}

/// Whether a set-up link is valid now. Only a person with the link can ask.
#[server(prefix = "/api/rpc", endpoint = "auth/setup-link", protocol = Rpc)]
pub(crate) async fn setup_link_works(token: String) -> AppResult<bool> {
    match use_context::<AuthOptions>() {
        Some(options) if !token.is_empty() && token.len() <= 200 => Ok((options.link_works)(token).await?),
        _ => Ok(false),
    }
}

lazy_page!(SignInLazy, auth, sign_in::SignIn);
lazy_page!(SetUpLazy, auth, set_up::SetUp);

/// `/signin` and `/setup`.
#[component(transparent)]
pub(crate) fn AuthRoutes() -> impl leptos_router::MatchNestedRoutes + Clone {
    leptos::view! {
        <ParentRoute path=path!("") view=Outlet ssr=SsrMode::Async>
            <Route path=path!("signin") view={Lazy::<SignInLazy>::new()} />
            <Route path=path!("setup") view={Lazy::<SetUpLazy>::new()} />
        </ParentRoute>
    }
    .into_inner()
    .into_any_nested_route()
}

/// The layout of pages outside the frame.
#[component]
pub(crate) fn Sheet(
    /// The page's title.
    #[prop(into)]
    title: String,
    /// The form.
    children: Children,
) -> impl IntoView {
    view! {
        <div class="si">
            <main class="si-m" id="main">
                <div class="si-brand">
                    <Mark size=24 />
                    <span>"OrchWiz"</span>
                    <button type="button" class="btn btn-i btn-q push" data-theme-next aria-label="Switch theme" title="Switch theme">
                        <Icon name="sun-moon" />
                    </button>
                </div>
                <h1>{title}</h1>
                {children()}
            </main>
        </div>
    }
}
