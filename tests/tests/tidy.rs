//! The source tree keeps its own rules, and each rule can fail.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use magia_tests::tidy::matrix::{Named, empty_cells, has_test, named_tests};
use magia_tests::tidy::rules::{Dependency, MOST_LINES, check_dependency, check_name, check_rust};
use serde_json::Value;

/// Directories that are not source.
const SKIPPED: [&str; 5] = ["target", ".git", ".agents", "node_modules", ".ci"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every file and directory of the tree, as paths from the root with `/`.
fn tree() -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut open = vec![root()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).with_context(|| format!("listing {}", dir.display()))? {
            let entry = entry?;
            let path = entry.path();
            if SKIPPED.contains(&entry.file_name().to_str().unwrap_or_default()) {
                continue;
            }
            found.push(path.strip_prefix(root())?.to_string_lossy().into_owned());
            if entry.file_type()?.is_dir() {
                open.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[test]
fn every_file_keeps_the_rules() -> Result<()> {
    let mut complaints = Vec::new();
    for path in tree()? {
        complaints.extend(check_name(&path));
        if path.ends_with(".rs") {
            complaints.extend(check_rust(&path, &std::fs::read_to_string(root().join(&path))?));
        }
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
    Ok(())
}

#[test]
fn every_test_that_the_matrix_of_providers_names_exists() -> Result<()> {
    let matrix = std::fs::read_to_string(root().join("docs/providers.md")).context("reading the matrix")?;
    let named = named_tests(&matrix);
    assert!(named.len() >= 30, "the matrix names {} tests only", named.len());
    let mut missing = Vec::new();
    for Named { file, test } in named {
        let source =
            std::fs::read_to_string(root().join(format!("tests/tests/{file}.rs"))).unwrap_or_default();
        if !has_test(&source, &test) {
            missing.push(format!("{file}::{test}"));
        }
    }
    assert!(missing.is_empty(), "docs/providers.md names tests that do not exist: {missing:?}");
    assert_eq!(empty_cells(&matrix), Vec::<String>::new());
    Ok(())
}

#[test]
fn a_matrix_that_promises_too_much_is_found_out() {
    let matrix = "| | a | b |\n| --- | --- | --- |\n| allow | `one::it_works`, `two::it_too` | why not |\n\
                  | deny | `no test` |  |\n`crate::Type` and `x`";
    let named: Vec<String> =
        named_tests(matrix).into_iter().map(|named| format!("{}::{}", named.file, named.test)).collect();
    assert_eq!(named, ["one::it_works", "two::it_too"]);
    assert_eq!(empty_cells(matrix), ["4: | deny | `no test` |  |"]);
    let source = "#[test]\nfn it_works() -> Result<()> {\n}\nfn it_too() {}\n// #[test]\n";
    assert!(has_test(source, "it_works"));
    assert!(!has_test(source, "it_too"), "a function is not a test");
    assert!(!has_test(source, "it"), "nor is a part of a name");
}

#[test]
fn every_dependency_keeps_the_rules() -> Result<()> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--manifest-path"])
        .arg(root().join("Cargo.toml"))
        .output()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let dependencies =
        dependencies(&serde_json::from_slice(&output.stdout)?).context("reading cargo metadata")?;
    assert!(dependencies.iter().any(|dependency| dependency.of == "magia-hook-handler"));
    let complaints: Vec<String> = dependencies.iter().filter_map(check_dependency).collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
    Ok(())
}

fn dependencies(metadata: &Value) -> Option<Vec<Dependency>> {
    let mut dependencies = Vec::new();
    for package in metadata.get("packages")?.as_array()? {
        for dependency in package.get("dependencies")?.as_array()?.iter().filter(|it| it["kind"].is_null()) {
            let features = dependency.get("features")?.as_array()?;
            dependencies.push(Dependency {
                of: package.get("name")?.as_str()?.to_owned(),
                on: dependency.get("name")?.as_str()?.to_owned(),
                features: features.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
                default_features: dependency.get("uses_default_features")?.as_bool()?,
            });
        }
    }
    Some(dependencies)
}

/// Asserts that the rule whose text contains `rule` objects to `code` at `path`.
#[track_caller]
fn refused(path: &str, code: &str, rule: &str) {
    let complaints = check_rust(path, &format!("//! A file.\n{code}"));
    assert!(complaints.iter().any(|complaint| complaint.contains(rule)), "{path}: {code}: {complaints:?}");
}

#[track_caller]
fn accepted(path: &str, code: &str) {
    assert_eq!(check_rust(path, &format!("//! A file.\n{code}")), Vec::<String>::new(), "{code}");
}

#[test]
fn the_core_is_pure() {
    let path = "app/core/src/model/sessions.rs";
    refused(path, "use std::fs;", "core is pure");
    refused(path, "use std::{collections::BTreeMap, thread};", "core is pure");
    refused(path, "fn f() { let now = Instant::now(); }", "core is pure");
    refused(path, "fn f() -> Uuid { Uuid::now_v7() }", "core is pure");
    accepted(path, "// not std::fs\nuse std::time::Duration;\nconst A: &str = \"std::fs\";");
    accepted(path, "#[cfg(test)]\nmod tests { use std::fs; }");
}

#[test]
fn drawing_never_waits() {
    refused("app/src/ui/panels/a/ui.rs", "fn f() { x.lock(); }", "never waits");
    refused("app/src/ui/app.rs", "fn f() { for x in rx.recv() {} }", "never waits");
    refused("app/src/ui/app.rs", "use std::process::Command;", "never waits");
    accepted("app/src/ui/app.rs", "fn f() { rx.try_recv() }");
    accepted("app/src/services/git.rs", "use std::process::Command;");
}

#[test]
fn the_parts_of_the_app_do_not_know_each_other() {
    refused("app/src/listeners/hooks.rs", "use crate::ui::state;", "neither window");
    refused("app/src/listeners/hooks.rs", "use crate::{hub, services::git};", "nor services");
    refused("app/src/services/git.rs", "use crate::listeners;", "nor listeners");
    refused("app/src/hub/mod.rs", "fn f(ctx: &egui::Context) {}", "no window");
    accepted("app/src/run.rs", "use crate::{hub, listeners, services, ui};");
}

#[test]
fn channels_are_bounded_and_wired_in_one_place() {
    refused("app/src/hub/mod.rs", "fn f() { let (a, b) = bounded::<u8>(4); }", "wires channels");
    refused("app/src/hub/mod.rs", "fn f() { let (a, b) = tokio::sync::mpsc::channel(4); }", "wires channels");
    accepted("app/src/run.rs", "fn f() { let (a, b) = crossbeam_channel::bounded(4); }");
    accepted("app/src/hub/mod.rs", "fn f() { let (a, b) = oneshot::channel(); }");
    refused("app/src/run.rs", "fn f() { let (a, b) = crossbeam_channel::unbounded(); }", "is bounded");
    refused("cli/src/main.rs", "fn f() { let (a, b) = std::sync::mpsc::channel(); }", "is bounded");
}

#[test]
fn colours_are_in_the_theme_and_sockets_in_paths() {
    refused("app/src/ui/widgets/badge.rs", "fn f() { Color32::from_rgb(1, 2, 3) }", "names colours");
    refused("app/src/ui/widgets/badge.rs", "fn f() { egui::Color32::RED }", "names colours");
    accepted("app/src/ui/widgets/badge.rs", "fn f() { egui::Color32::TRANSPARENT }");
    accepted("app/src/ui/theme.rs", "fn f() { Color32::from_rgb(1, 2, 3) }");
    refused("app/src/listeners/hooks.rs", "const A: &str = \"hooks.sock\";", "where sockets are");
    accepted("protocol/src/paths.rs", "const A: &str = \"hooks.sock\";");
    accepted("cli/src/main.rs", "// hooks.sock\nuse x.socket;");
}

#[test]
fn nothing_is_left_over() {
    for word in ["todo!()", "unimplemented!()", "dbg!(1)"] {
        refused("cli/src/main.rs", &format!("fn f() {{ {word} }}"), "left to do");
    }
    refused("cli/src/main.rs", "#[cfg(test)] mod tests { #[test] #[ignore] fn f() {} }", "left to do");
    refused("tests/tests/a.rs", "fn f() { std::thread::sleep(x) }", "never sleep");
    refused("app/src/run.rs", "#[cfg(test)] mod tests { use std::thread::sleep; }", "never sleep");
    accepted("app/src/services/git.rs", "async fn f() { tokio::time::sleep(x).await }");
}

#[test]
fn files_are_short_named_and_introduced() {
    refused("cli/src/main.rs", &"\n".repeat(MOST_LINES + 1), "too long");
    assert!(!check_rust("cli/src/main.rs", "fn main() {}").is_empty());
    assert!(check_name("app/src/utils.rs").is_some());
    assert!(check_name("app/src/helpers").is_some());
    assert!(check_name("app/src/listeners").is_none());
}

#[test]
fn dependencies_point_one_way() {
    let dependency = |of: &str, on: &str, features: &[&str], default_features| Dependency {
        of: of.to_owned(),
        on: on.to_owned(),
        features: features.iter().map(ToString::to_string).collect(),
        default_features,
    };
    let refused =
        |of, on| assert!(check_dependency(&dependency(of, on, &[], true)).is_some(), "{of} -> {on}");
    refused("magia-hook-handler", "serde");
    refused("magia-hook-handler", "magia-protocol");
    refused("magia", "magia-core");
    refused("magia-core", "tokio");
    refused("magia-protocol", "magia-core");
    refused("magia-tests", "magia-app");
    assert_eq!(
        check_dependency(&dependency("magia-hook-handler", "magia-protocol", &["paths"], false)),
        None
    );
    assert_eq!(check_dependency(&dependency("magia-app", "magia-core", &[], true)), None);
}
