//! What is forbidden where, and why.

use crate::tidy::source::{Literals, code_only, has_token, split_tests, used_paths};

/// A file longer than this wants to be two.
pub const MOST_LINES: usize = 800;

/// Files that may break one rule: path from the root, rule, reason.
pub const EXCEPTIONS: &[(&str, &str, &str)] = &[(
    "bench/peers/egui_term/src/main.rs",
    "every channel is bounded",
    "the library that is measured takes no other kind, and it is no part of magia",
)];

/// Words that must not occur in some part of the tree.
struct Forbidden {
    rule: &'static str,
    /// Beginnings of paths from the root that the rule is about.
    inside: &'static [&'static str],
    /// Beginnings of paths that it is not about.
    except: &'static [&'static str],
    part: Part,
    words: &'static [&'static str],
}

/// Which part of a file a rule is about.
#[derive(PartialEq, Eq)]
enum Part {
    /// All of it.
    All,
    /// Not the tests: neither `#[cfg(test)]` items nor files of tests.
    Product,
    /// Only the tests.
    Tests,
}

const FORBIDDEN: &[Forbidden] = &[
    Forbidden {
        rule: "core is pure: no I/O, clock, threads, environment, chance or window",
        inside: &["app/core/src/"],
        except: &[],
        part: Part::Product,
        words: &[
            "std::fs",
            "std::net",
            "std::thread",
            "std::env",
            "std::process",
            "std::os",
            "Instant::now",
            "SystemTime::now",
            "now_v7",
            "new_v4",
            "tokio",
            "egui",
            "eframe",
            "crossbeam_channel",
            "rusqlite",
        ],
    },
    Forbidden {
        rule: "drawing does no I/O and never waits",
        inside: &["app/src/ui/", "app/src/ui.rs"],
        except: &[],
        part: Part::Product,
        words: &[
            "std::fs",
            "std::process",
            "std::net",
            "std::thread",
            "UnixStream",
            "UnixListener",
            "tokio",
            "rusqlite",
            ".lock(",
            "recv",
            "recv_timeout",
            "sleep",
        ],
    },
    Forbidden {
        rule: "listeners know neither window nor services",
        inside: &["app/src/listeners/"],
        except: &[],
        part: Part::Product,
        words: &["crate::ui", "crate::services", "egui", "eframe"],
    },
    Forbidden {
        rule: "services know neither window nor listeners",
        inside: &["app/src/services/"],
        except: &[],
        part: Part::Product,
        words: &["crate::ui", "crate::listeners", "egui", "eframe"],
    },
    Forbidden {
        rule: "the hub knows no window",
        inside: &["app/src/hub/", "app/src/hub.rs"],
        except: &[],
        part: Part::Product,
        words: &["crate::ui", "egui", "eframe"],
    },
    Forbidden {
        rule: "only run.rs wires channels",
        inside: &["app/src/"],
        // A part's own bells and replies, which never leave it, are not wiring between parts.
        except: &[
            "app/src/run.rs",
            "app/src/service.rs",
            "app/src/hub/owner.rs",
            "app/src/services/",
            "app/src/os/",
            "app/src/listeners/",
        ],
        part: Part::Product,
        words: &[
            "bounded(",
            "bounded::<",
            "mpsc::channel(",
            "mpsc::channel::<",
            "sync_channel(",
            "sync_channel::<",
            "broadcast::channel(",
            "watch::channel(",
        ],
    },
    Forbidden {
        rule: "every channel is bounded",
        inside: &[""],
        except: &[],
        part: Part::All,
        words: &[
            "unbounded(",
            "unbounded::<",
            "unbounded_channel(",
            "unbounded_channel::<",
            "mpsc::channel()",
        ],
    },
    Forbidden {
        rule: "nothing is left to do, to ignore or to debug",
        inside: &[""],
        except: &[],
        part: Part::All,
        words: &["todo!", "unimplemented!", "dbg!", "#[ignore"],
    },
    Forbidden {
        rule: "tests wait for a fact and never sleep",
        inside: &[""],
        except: &[],
        part: Part::Tests,
        words: &["thread::sleep", "tokio::time::sleep", "time::sleep", "sleep("],
    },
];

/// Everything that is wrong with one Rust file; `path` is its path from the root, with `/`.
pub fn check_rust(path: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut complain = |rule: &str, what: &str| {
        if !EXCEPTIONS.iter().any(|(file, excepted, _)| *file == path && *excepted == rule) {
            complaints.push(format!("{path}: {rule}{what}"));
        }
    };
    let lines = text.lines().count();
    if lines > MOST_LINES {
        complain("a file is too long", &format!(" ({lines} lines, at most {MOST_LINES})"));
    }
    if !text.starts_with("//!") {
        complain("a file starts by saying what it is for (`//!`)", "");
    }
    let code = code_only(text, Literals::Blank);
    let (product, tests) =
        if is_test_file(path) { (String::new(), code.clone()) } else { split_tests(&code) };
    for forbidden in FORBIDDEN {
        let starts = |starts: &[&str]| starts.iter().any(|start| path.starts_with(start));
        if !starts(forbidden.inside) || starts(forbidden.except) {
            continue;
        }
        let part = match forbidden.part {
            Part::All => &code,
            Part::Product => &product,
            Part::Tests => &tests,
        };
        let used = used_paths(part).join("\n");
        for word in forbidden.words {
            if has_token(part, word) || has_token(&used, word) {
                complain(forbidden.rule, &format!(" (`{word}`)"));
            }
        }
    }
    if let Some(colour) = named_colour(&product).filter(|_| path.starts_with("app/src/") && !is_theme(path)) {
        complain("only the theme names colours", &format!(" (`{colour}`)"));
    }
    if path != "protocol/src/paths.rs" && !is_test_file(path) {
        let (product, _) = split_tests(&code_only(text, Literals::Keep));
        if has_token(&product, ".sock") {
            complain("only protocol/src/paths.rs knows where sockets are", " (`.sock`)");
        }
    }
    complaints
}

/// What is wrong with the name of a file or directory.
pub fn check_name(path: &str) -> Option<String> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem = name.split('.').next().unwrap_or(name);
    ["util", "utils", "helper", "helpers"]
        .contains(&stem)
        .then(|| format!("{path}: a name says what a thing is for, not that it helps"))
}

/// Files whose whole code is tests: cargo's own test and bench directories, and `tests.rs` modules.
fn is_test_file(path: &str) -> bool {
    path.starts_with("tests/")
        || path.contains("/tests/")
        || path.contains("/benches/")
        || path.ends_with("/tests.rs")
}

fn is_theme(path: &str) -> bool {
    path == "app/src/ui/theme.rs" || path.starts_with("app/src/ui/theme/")
}

/// The first colour that `code` spells out; transparent and the placeholder are no colours.
fn named_colour(code: &str) -> Option<String> {
    const NOT_COLOURS: [&str; 2] = ["TRANSPARENT", "PLACEHOLDER"];
    if has_token(code, "hex_color!") {
        return Some("hex_color!".to_owned());
    }
    ["Color32::", "Rgba::"].into_iter().find_map(|kind| {
        code.match_indices(kind).find_map(|(index, _)| {
            let rest = code.get(index + kind.len()..).unwrap_or_default();
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let constant =
                name.chars().next().is_some_and(char::is_uppercase) && !NOT_COLOURS.contains(&name.as_str());
            (constant || name.starts_with("from_")).then(|| format!("{kind}{name}"))
        })
    })
}

/// A workspace package's normal dependency, as `cargo metadata` gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The package that depends.
    pub of: String,
    /// The package it depends on.
    pub on: String,
    /// The features it asks for by name.
    pub features: Vec<String>,
    /// Whether it takes the default features too.
    pub default_features: bool,
}

/// What is wrong with one dependency.
pub fn check_dependency(dependency: &Dependency) -> Option<String> {
    let Dependency { of, on, features, default_features } = dependency;
    let complaint = match (of.as_str(), on.as_str()) {
        ("magia-hook-handler", "libc") => None,
        ("magia-hook-handler", "magia-protocol") => (features.as_slice() != ["paths"] || *default_features)
            .then_some("takes more of the protocol than `paths`"),
        ("magia-hook-handler", _) => Some("is not std, libc or the protocol's paths"),
        ("magia-protocol", on) if on.starts_with("magia") => Some("the protocol depends on nothing of ours"),
        ("magia-app", "magia-core") => None,
        (_, "magia-core") => Some("only the app sees the core"),
        ("magia-core", "tokio" | "eframe" | "egui" | "rusqlite" | "crossbeam-channel" | "libc") => {
            Some("the core is pure")
        }
        (_, "magia-app" | "magia" | "magia-hook-handler") => Some("programs are not libraries"),
        ("magia" | "magia-app" | "magia-bench", "magia-tty") => None,
        (_, "magia-tty") => Some("terminals are for the app and the command line"),
        _ => None,
    };
    complaint.map(|complaint| format!("{of} depends on {on}: {complaint}"))
}
