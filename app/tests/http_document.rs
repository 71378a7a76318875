//! The API's description: docs/openapi.json is the code's, and says all routes.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use magia_app::listeners::http::{ROUTES, document};
use serde_json::Value;
use std::path::Path;

#[test]
fn the_document_in_docs_is_the_codes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let made = document();
    if std::env::var_os("MAGIA_BLESS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == made, "docs/openapi.json is another; MAGIA_BLESS=1 writes it anew");
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let document: Value = serde_json::from_str(&document()).unwrap();
    let mut described: Vec<(String, String)> = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        described.extend(methods.as_object().unwrap().keys().map(|method| (path.clone(), method.clone())));
    }
    let served = ROUTES.iter().flat_map(|(path, methods)| {
        methods.iter().map(move |method| ((*path).to_owned(), (*method).to_owned()))
    });
    let mut served: Vec<(String, String)> = served.collect();
    described.sort();
    served.sort();
    assert_eq!(described, served);
}
