//! The list of what is registered: a route enters the router and the list by the same call, so the two cannot differ.
//! It must not decide who may call what; the guard and the ports do.

use axum::{Router, handler::Handler, routing::MethodFilter};
use http::Method;

/// What a route belongs to; decides what its refusals look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    /// A page, drawn on the server.
    Page,
    /// A server function of a page.
    ServerFunction,
    /// REST under `/api/v1`.
    Rest,
    /// Signing in and out, set-up.
    Auth,
    /// The live socket.
    Socket,
    /// Figures of the node.
    Metrics,
    /// Open to whoever passes the guard: health, the OpenAPI document, files of the site.
    Open,
}

/// One registered route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    /// `GET`, `POST`, ...
    pub method: String,
    /// The path as axum writes it: `/api/v1/sessions/{id}`.
    pub path: String,
    /// What it belongs to.
    pub area: Area,
}

impl Route {
    /// One route.
    pub fn new(method: &Method, path: impl Into<String>, area: Area) -> Self {
        Self {
            method: method.as_str().to_owned(),
            path: path.into(),
            area,
        }
    }
}

/// A router and the list of what is in it.
pub struct Routes<S> {
    router: Router<S>,
    list: Vec<Route>,
}

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// Nothing yet.
    pub fn new() -> Self {
        Self {
            router: Router::new(),
            list: Vec::new(),
        }
    }

    /// Registers a handler.
    #[must_use]
    pub fn on<H, T>(mut self, method: &Method, path: &str, area: Area, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let filter = MethodFilter::try_from(method.clone()).expect("every method used here is a standard one");
        self.router = self.router.route(path, axum::routing::on(filter, handler));
        self.list.push(Route::new(method, path, area));
        self
    }

    /// Takes in a router that knows its own routes.
    #[must_use]
    pub fn with(mut self, router: Router<S>, list: impl IntoIterator<Item = Route>) -> Self {
        self.router = self.router.merge(router);
        self.list.extend(list);
        self
    }

    /// Takes in another one.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.with(other.router, other.list)
    }

    /// Puts the router of these routes through `f`, which adds layers and no routes.
    #[must_use]
    pub fn layered(mut self, f: impl FnOnce(Router<S>) -> Router<S>) -> Self {
        self.router = f(self.router);
        self
    }

    /// What is registered, in order of path and method.
    pub fn list(&self) -> Vec<Route> {
        let mut list = self.list.clone();
        list.sort_by(|a, b| (&a.path, &a.method).cmp(&(&b.path, &b.method)));
        list
    }

    /// The router.
    pub fn into_router(self) -> Router<S> {
        self.router
    }
}
