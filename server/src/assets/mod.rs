//! The site's files (wasm, script, stylesheet, fonts, icons): embedded with the feature `embed`, else from the site's
//! folder. Every client that passes the guard gets them, so no file may depend on the caller.

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use leptos::prelude::LeptosOptions;
use std::{
    borrow::Cow,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The folder of built files on the site; their names carry a content hash.
pub const PKG: &str = "pkg";
/// The prefix of the built files' names.
const OUTPUT: &str = "orchwiz";
/// The prefix of the manifest that lists the pieces of wasm for each group of pages.
const MANIFEST: &str = "__wasm_split_manifest";
/// The prefix of the script that loads those pieces.
const LOADER: &str = "__wasm_split";
const FOREVER: &str = "public, max-age=31536000, immutable";
const A_WEEK: &str = "public, max-age=604800";
const AN_HOUR: &str = "public, max-age=3600";
const ASK: &str = "no-cache";

#[cfg(feature = "embed")]
#[derive(rust_embed::RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../target/site"]
struct Embedded;

/// The source of the site's files. Cheap to clone.
#[derive(Clone)]
pub struct Site {
    /// The folder, when the files are not embedded.
    folder: Option<Arc<PathBuf>>,
}

/// A problem with the files of the site.
#[derive(Debug, thiserror::Error)]
#[error("the names of the site's files cannot be written to {path}: {cause}")]
pub struct SiteError {
    path: String,
    cause: std::io::Error,
}

impl Site {
    /// The embedded site, else the one in `folder`.
    pub fn new(folder: PathBuf) -> Self {
        let embedded = cfg!(feature = "embed");
        Self {
            folder: (!embedded).then(|| Arc::new(folder)),
        }
    }

    /// The bytes of one file, by its path on the site without the leading slash.
    async fn read(&self, path: &str) -> Option<Cow<'static, [u8]>> {
        match &self.folder {
            Some(folder) => tokio::fs::read(folder.join(path)).await.ok().map(Cow::Owned),
            None => embedded(path),
        }
    }

    /// What Leptos needs to name the files in a page. Leptos reads the hashes and the wasm manifest from a disk, so an
    /// embedded site writes these two small files into `notes` once.
    pub fn options(&self, listen: std::net::SocketAddr, notes: &Path) -> Result<LeptosOptions, SiteError> {
        let options = LeptosOptions::builder()
            .output_name(OUTPUT)
            .site_pkg_dir(PKG)
            .site_addr(listen);
        let (root, hashes) = match &self.folder {
            Some(folder) => {
                let hashes = std::env::current_exe()
                    .ok()
                    .map(|exe| exe.with_file_name("hash.txt"))
                    .filter(|path| path.exists());
                (folder.display().to_string(), hashes)
            }
            // Leptos resolves the hash file against the program's folder; an absolute path stays as it is.
            None => {
                let notes = std::path::absolute(notes).unwrap_or_else(|_| notes.to_owned());
                let hashes = note_names(&notes, &embedded_names()).map_err(|cause| SiteError {
                    path: notes.display().to_string(),
                    cause,
                })?;
                (notes.display().to_string(), hashes)
            }
        };
        let options = options.site_root(root);
        Ok(match hashes.as_ref().and_then(|path| path.to_str()) {
            Some(path) => options.hash_files(true).hash_file(Arc::from(path)).build(),
            None => options.hash_files(false).build(),
        })
    }
}

/// Writes the files that Leptos reads. Gives the path of the hash file; `None` where no name carries a hash.
fn note_names(notes: &Path, names: &[String]) -> std::io::Result<Option<PathBuf>> {
    let Some(text) = hashes(names) else { return Ok(None) };
    std::fs::create_dir_all(notes.join(PKG))?;
    let path = notes.join("hash.txt");
    std::fs::write(&path, text)?;
    let manifest = names
        .iter()
        .find(|name| name.contains(MANIFEST) && Path::new(name).extension().is_some_and(|ending| ending == "json"));
    if let Some((name, bytes)) = manifest.and_then(|name| Some((name, embedded(name)?))) {
        std::fs::write(notes.join(name), bytes)?;
    }
    Ok(Some(path))
}

#[cfg(feature = "embed")]
fn embedded(path: &str) -> Option<Cow<'static, [u8]>> {
    Embedded::get(path).map(|file| file.data)
}

#[cfg(not(feature = "embed"))]
fn embedded(_: &str) -> Option<Cow<'static, [u8]>> {
    None
}

fn embedded_names() -> Vec<String> {
    #[cfg(feature = "embed")]
    return Embedded::iter().map(Cow::into_owned).collect();
    #[cfg(not(feature = "embed"))]
    return Vec::new();
}

/// The lines `js: HASH` for hashed files, in cargo-leptos' format.
fn hashes(names: &[String]) -> Option<String> {
    let mut lines: Vec<String> = names
        .iter()
        .filter_map(|name| {
            let file = name.strip_prefix(PKG)?.strip_prefix('/')?;
            let mut parts = file.split('.');
            match (parts.next()?, parts.next()?, parts.next()?, parts.next()) {
                (OUTPUT, hash, kind @ ("js" | "wasm" | "css"), None) => Some(format!("{kind}: {hash}\n")),
                (MANIFEST, hash, "json", None) => Some(format!("manifest: {hash}\n")),
                (LOADER, hash, "js", None) => Some(format!("split: {hash}\n")),
                _ => None,
            }
        })
        .collect();
    lines.sort();
    (!lines.is_empty()).then(|| lines.concat())
}

/// Answers with a file if the path names one; else passes the request on.
pub async fn serve(State(site): State<Site>, request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let path = request.uri().path().trim_start_matches('/').to_owned();
    let Some(kind) = content_type(&path).filter(|_| reads && is_plain(&path)) else {
        return next.run(request).await;
    };
    let Some((encoding, bytes)) = site.find(&path, request.headers()).await else {
        return if path.starts_with("pkg/") {
            (StatusCode::NOT_FOUND, "there is no such file\n").into_response()
        } else {
            next.run(request).await
        };
    };
    let etag = format!("\"{}\"", blake3::hash(&bytes).to_hex().get(..32).unwrap_or_default());
    let unchanged = request
        .headers()
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == etag));
    let mut headers = HeaderMap::new();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching(&path)));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    if unchanged {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    let body = match (request.method() == Method::HEAD, bytes) {
        (true, _) => Body::empty(),
        (false, Cow::Borrowed(bytes)) => Body::from(bytes),
        (false, Cow::Owned(bytes)) => Body::from(bytes),
    };
    (headers, body).into_response()
}

impl Site {
    /// The file in the best encoding that the browser accepts: brotli, gzip, plain.
    async fn find(&self, path: &str, headers: &HeaderMap) -> Option<(Option<&'static str>, Cow<'static, [u8]>)> {
        let accepted = headers
            .get(header::ACCEPT_ENCODING)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        for (encoding, ending) in [("br", "br"), ("gzip", "gz")] {
            if accepts(accepted, encoding)
                && let Some(bytes) = self.read(&format!("{path}.{ending}")).await
            {
                return Some((Some(encoding), bytes));
            }
        }
        self.read(path).await.map(|bytes| (None, bytes))
    }
}

/// Whether an `Accept-Encoding` takes this encoding.
fn accepts(accepted: &str, encoding: &str) -> bool {
    accepted.split(',').any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let refused = |weight: &str| {
            weight
                .strip_prefix("q=")
                .and_then(|weight| weight.parse::<f32>().ok())
                .is_some_and(|weight| weight <= 0.0)
        };
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding)) && !parts.any(refused)
    })
}

/// Whether a path has plain names only: no `..`, no dot files, no empty parts, no escapes.
fn is_plain(path: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
    };
    path != "hash.txt" && path.split('/').all(plain)
}

/// The media type by extension; `None` for extensions the site does not have.
fn content_type(path: &str) -> Option<&'static str> {
    let (_, ending) = path.rsplit('/').next()?.rsplit_once('.')?;
    Some(match ending {
        "wasm" => "application/wasm",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "woff2" => "font/woff2",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        _ => return None,
    })
}

/// The `Cache-Control` of a file: immutable when its name carries a hash.
fn caching(path: &str) -> &'static str {
    let hashed = |name: &str| name.split('.').nth_back(1).is_some_and(|part| part.len() >= 16);
    match path.split_once('/') {
        Some((PKG, name)) if hashed(name) => FOREVER,
        Some(("fonts", _)) => A_WEEK,
        // A page shows more icons while the node is away, so the browser must not need to revalidate.
        None if path == "icons.svg" => AN_HOUR,
        _ => ASK,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_paths_name_files() {
        for good in ["pkg/orchwiz.abc.js", "favicon.ico", "fonts/inter-latin.woff2"] {
            assert!(is_plain(good), "{good}");
        }
        for bad in [
            "",
            "../data/orchwiz.db",
            "pkg/../../x.js",
            "pkg//x.js",
            ".env.txt",
            "pkg/.x.js",
            "a%2fb.js",
            "a\\b.js",
            "hash.txt",
        ] {
            assert!(!is_plain(bad), "{bad}");
        }
    }

    #[test]
    fn hashed_names_are_kept_for_ever_and_no_others() {
        assert_eq!(caching("pkg/orchwiz.vJ0dXK2yZbR1n3mQ5t7u9w.wasm"), FOREVER);
        assert_eq!(caching("pkg/orchwiz.js"), ASK);
        assert_eq!((caching("icons.svg"), caching("favicon.svg")), (AN_HOUR, ASK));
        assert_eq!(caching("fonts/inter.woff2"), A_WEEK);
    }

    #[test]
    fn the_names_of_built_files_give_their_hashes() {
        let names = [
            "pkg/orchwiz.AAA.js",
            "pkg/orchwiz.AAA.js.br",
            "pkg/orchwiz.BBB.wasm",
            "pkg/orchwiz.CCC.css",
            "pkg/snippets/x.js",
            "fonts/a.woff2",
        ];
        let text = hashes(&names.map(str::to_owned));
        assert_eq!(text.as_deref(), Some("css: CCC\njs: AAA\nwasm: BBB\n"));
        let split = [
            "pkg/__wasm_split.DDD.js",
            "pkg/__wasm_split_manifest.EEE.json",
            "pkg/__wasm_split_manifest.EEE.json.br",
            "pkg/chunk_1.FFF.wasm",
        ];
        assert_eq!(
            hashes(&split.map(str::to_owned)).as_deref(),
            Some("manifest: EEE\nsplit: DDD\n")
        );
        assert_eq!(hashes(&["pkg/orchwiz.js".into()]), None);
    }

    #[test]
    fn an_encoding_counts_unless_it_is_refused() {
        assert!(accepts("gzip, deflate, br", "br"));
        assert!(accepts("br;q=0.5", "br"));
        assert!(!accepts("br;q=0", "br"));
        assert!(!accepts("gzip", "br"));
    }
}
