//! Directories below the configured ones, for choosing where a terminal starts.
//!
//! A path is compared after the disk has said where it really leads, so neither `..` nor a link leaves the roots.

use super::answer::{Answer, Envelope, Refused, read};
use super::{Api, rows};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use magia_protocol::wire::spawn::SpawnCode;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::PoisonError;
use std::time::{SystemTime, UNIX_EPOCH};
use utoipa::{IntoParams, ToSchema};

/// Entries of a directory that are listed at most.
const ENTRIES_MAX: usize = 10_000;

/// Which directory.
#[derive(Debug, Deserialize, IntoParams)]
pub(super) struct Browse {
    /// The directory; the user's home without one.
    path: Option<String>,
}

/// A directory's entries.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Listing {
    /// Where it really is.
    #[serde(rename = "absolutePath")]
    absolute_path: String,
    /// Directories first.
    files: Vec<Entry>,
}

/// An entry.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Entry {
    name: String,
    /// Seconds since 1970, as text.
    created: String,
    /// Seconds since 1970, as text.
    #[serde(rename = "lastModified")]
    last_modified: String,
    size: u64,
    #[serde(rename = "isDir")]
    is_dir: bool,
}

/// A directory to be made.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Make {
    /// Where; those above it are made too.
    path: String,
}

/// Lists a directory below the configured roots (the setting `httpRoots`).
#[utoipa::path(get, path = "/api/fs/browse", params(Browse),
    responses((status = 200, body = Listing), (status = 400, body = Envelope), (status = 403, body = Envelope),
        (status = 404, body = Envelope)), tag = "files")]
pub(super) async fn browse(State(api): State<Api>, Query(query): Query<Browse>) -> Answer<Json<Listing>> {
    let place = Place::new(&api);
    let typed = query.path.unwrap_or_else(|| "~".to_owned());
    rows::on_disk(move || place.list(&typed)).await?.map(Json)
}

/// Makes a directory below the configured roots.
#[utoipa::path(post, path = "/api/mkdir", request_body = Make,
    responses((status = 200, body = Envelope), (status = 400, body = Envelope), (status = 403, body = Envelope),
        (status = 500, body = Envelope)), tag = "files")]
pub(super) async fn mkdir(State(api): State<Api>, body: Bytes) -> Answer<Envelope> {
    let make: Make = read(&body)?;
    let place = Place::new(&api);
    rows::on_disk(move || place.make(&make.path)).await??;
    Ok(Envelope::done("Directory created successfully"))
}

/// What may be looked at.
struct Place {
    home: PathBuf,
    roots: Vec<String>,
}

impl Place {
    fn new(api: &Api) -> Self {
        let roots = api.roots.read().unwrap_or_else(PoisonError::into_inner).clone();
        Self { home: api.places.home.clone(), roots }
    }

    fn list(&self, typed: &str) -> Answer<Listing> {
        let real = self.real(&self.absolute(typed)?)?;
        if !real.is_dir() {
            return Err(Refused::wrong("Path is not a directory"));
        }
        let entries = fs::read_dir(&real).map_err(|err| Refused::failed(err.to_string()))?;
        let mut files: Vec<Entry> =
            entries.flatten().take(ENTRIES_MAX).filter_map(|entry| listed(&entry)).collect();
        files.sort_by(|one, other| (!one.is_dir, &one.name).cmp(&(!other.is_dir, &other.name)));
        Ok(Listing { absolute_path: real.to_string_lossy().into_owned(), files })
    }

    fn make(&self, typed: &str) -> Answer<()> {
        let wanted = self.absolute(typed)?;
        if wanted.components().any(|part| matches!(part, Component::ParentDir)) {
            return Err(Refused::wrong("a path to be made has no .. in it"));
        }
        // What is there already decides where the rest comes to lie.
        let there = wanted.ancestors().find(|path| path.symlink_metadata().is_ok()).unwrap_or(Path::new("/"));
        let real = self.real(there)?;
        let rest = wanted.strip_prefix(there).unwrap_or(Path::new(""));
        fs::create_dir_all(real.join(rest)).map_err(|err| Refused::failed(err.to_string()))
    }

    fn absolute(&self, typed: &str) -> Answer<PathBuf> {
        let path = match typed.strip_prefix('~') {
            Some("") => self.home.clone(),
            Some(rest) if rest.starts_with('/') => self.home.join(rest.trim_start_matches('/')),
            _ => PathBuf::from(typed),
        };
        match path.is_absolute() && !typed.contains('\0') {
            true => Ok(path),
            false => Err(Refused::wrong("Path is not absolute")),
        }
    }

    /// Where a path really leads, when that is below a root. What lies elsewhere is not told from what is not there.
    fn real(&self, path: &Path) -> Answer<PathBuf> {
        let forbidden = || {
            let why = "not below a directory of the setting httpRoots";
            Refused::new(403, SpawnCode::PermissionDenied, why)
        };
        let roots: Vec<PathBuf> =
            self.roots.iter().filter_map(|root| self.absolute(root).ok()?.canonicalize().ok()).collect();
        let inside = |path: &Path| roots.iter().any(|root| path.starts_with(root));
        match path.canonicalize() {
            Ok(real) if inside(&real) => Ok(real),
            Err(err) if err.kind() == io::ErrorKind::NotFound => {
                let parent = path.ancestors().skip(1).find_map(|above| above.canonicalize().ok());
                match parent.is_some_and(|above| inside(&above)) {
                    true => Err(Refused::new(404, SpawnCode::CwdNotFound, "Path does not exist")),
                    false => Err(forbidden()),
                }
            }
            Ok(_) | Err(_) => Err(forbidden()),
        }
    }
}

fn listed(entry: &fs::DirEntry) -> Option<Entry> {
    let facts = entry.metadata().ok()?;
    Some(Entry {
        name: entry.file_name().to_string_lossy().into_owned(),
        created: seconds(facts.created()),
        last_modified: seconds(facts.modified()),
        size: facts.len(),
        is_dir: facts.is_dir(),
    })
}

fn seconds(time: io::Result<SystemTime>) -> String {
    let since = time.ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    since.as_secs().to_string()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use axum::response::IntoResponse as _;

    #[test]
    fn nothing_outside_of_the_roots_is_shown_or_made() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("home/src");
        fs::create_dir_all(root.join("b")).unwrap();
        fs::create_dir_all(dir.path().join("secret")).unwrap();
        fs::write(root.join("a"), "x").unwrap();
        std::os::unix::fs::symlink(dir.path().join("secret"), root.join("way-out")).unwrap();
        let home = dir.path().join("home");
        let place = Place { home: home.clone(), roots: vec!["~/src".to_owned()] };
        let status = |answer: Answer<Listing>| match answer {
            Ok(_) => 200,
            Err(refused) => refused.into_response().status().as_u16(),
        };
        let listing = place.list("~/src").unwrap();
        assert_eq!(listing.absolute_path, root.canonicalize().unwrap().to_string_lossy());
        let names: Vec<&str> = listing.files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["b", "a", "way-out"]);
        let inside = root.to_string_lossy().into_owned();
        for (typed, expected) in [
            (inside.clone(), 200),
            (format!("{inside}/b/.."), 200),
            (format!("{inside}/nothing"), 404),
            (format!("{inside}/a"), 400),
            (format!("{inside}/.."), 403),
            (format!("{inside}/../../secret"), 403),
            (format!("{inside}/way-out"), 403),
            ("~".to_owned(), 403),
            ("/".to_owned(), 403),
            ("/nonexistent/x".to_owned(), 403),
            ("src".to_owned(), 400),
        ] {
            assert_eq!(status(place.list(&typed)), expected, "{typed}");
        }
        place.make(&format!("{inside}/c/d")).unwrap();
        assert!(root.join("c/d").is_dir());
        for typed in
            [format!("{inside}/../x"), format!("{inside}/way-out/x"), "~/x".to_owned(), "/x/y".to_owned()]
        {
            assert!(place.make(&typed).is_err(), "{typed}");
        }
        assert!(!dir.path().join("secret/x").exists() && !home.join("x").exists());
        assert_eq!(
            status(Place { home, roots: Vec::new() }.list(&inside)),
            403,
            "without roots nothing is shown"
        );
    }
}
