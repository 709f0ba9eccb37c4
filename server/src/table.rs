//! The list of routes: one call registers a route in the router and in the list, so the two cannot differ. It must not
//! decide who may call what; the guard and the ports do.

use axum::{Router, handler::Handler, routing::MethodFilter};
use http::Method;

/// The area of a route; it decides the form of refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    /// A page, rendered on the server.
    Page,
    /// A server function of a page.
    ServerFunction,
    /// REST under `/api/v1`.
    Rest,
    /// Signing in and out, set-up.
    Auth,
    /// The live socket.
    Socket,
    /// What other nodes ask, signed.
    Peer,
    /// Figures of the node.
    Metrics,
    /// Open to any client that passes the guard: health, the OpenAPI document, files of the site.
    Open,
}

/// One registered route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    /// `GET`, `POST`, ...
    pub method: String,
    /// The path as axum writes it: `/api/v1/sessions/{id}`.
    pub path: String,
    /// Its area.
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

/// A router with the list of its routes.
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
    /// No routes.
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

    /// Adds a router, with the list of its routes.
    #[must_use]
    pub fn with(mut self, router: Router<S>, list: impl IntoIterator<Item = Route>) -> Self {
        self.router = self.router.merge(router);
        self.list.extend(list);
        self
    }

    /// Adds all routes of another.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.with(other.router, other.list)
    }

    /// Applies `f` to the router; `f` adds layers and no routes.
    #[must_use]
    pub fn layered(mut self, f: impl FnOnce(Router<S>) -> Router<S>) -> Self {
        self.router = f(self.router);
        self
    }

    /// The registered routes, ordered by path and method.
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
