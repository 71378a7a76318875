//! The desktop's dark and light, told by a portal on a private bus.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

use crossbeam_channel::{Receiver, bounded};
use magia_app::os::color_scheme::ColorScheme;
use magia_core::event::Event;
use std::process::{Command, Stdio};
use std::time::Duration;
use zbus::blocking::connection::Builder;
use zbus::zvariant::{OwnedValue, Value};

const LONG: Duration = Duration::from_secs(30);
/// Set in the process that was started inside of a bus of its own.
const INSIDE: &str = "MAGIA_TEST_INSIDE_SESSION";

struct Portal(u32);

#[zbus::interface(name = "org.freedesktop.portal.Settings")]
impl Portal {
    fn read(&self, namespace: &str, key: &str) -> OwnedValue {
        assert_eq!((namespace, key), ("org.freedesktop.appearance", "color-scheme"));
        // As the first version of the portal: a variant within a variant.
        Value::Value(Box::new(Value::U32(self.0))).try_into().unwrap()
    }
}

fn told(hub: &Receiver<Event>) -> Option<bool> {
    match hub.recv_timeout(LONG).unwrap() {
        Event::DesktopSchemeChanged(dark) => dark,
        other => panic!("not the desktop: {other:?}"),
    }
}

#[test]
fn it_is_asked_and_its_changes_are_followed() {
    if std::env::var_os(INSIDE).is_none() {
        let output = Command::new("dbus-run-session")
            .arg("--")
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "it_is_asked_and_its_changes_are_followed", "--nocapture"])
            .env(INSIDE, "1")
            .stdin(Stdio::null())
            .output()
            .expect("dbus-run-session is needed for this test");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let portal = Builder::session()
        .unwrap()
        .name("org.freedesktop.portal.Desktop")
        .unwrap()
        .serve_at("/org/freedesktop/portal/desktop", Portal(2))
        .unwrap()
        .build()
        .unwrap();
    let (events, hub) = bounded(16);
    let following = ColorScheme::start(events).unwrap();
    assert_eq!(told(&hub), Some(false), "light at the start");
    let change = |namespace: &str, key: &str, value: u32| {
        portal
            .emit_signal(
                None::<&str>,
                "/org/freedesktop/portal/desktop",
                "org.freedesktop.portal.Settings",
                "SettingChanged",
                &(namespace, key, Value::U32(value)),
            )
            .unwrap();
    };
    change("org.freedesktop.appearance", "contrast", 1);
    change("org.example", "color-scheme", 1);
    change("org.freedesktop.appearance", "color-scheme", 1);
    assert_eq!(told(&hub), Some(true));
    change("org.freedesktop.appearance", "color-scheme", 1);
    change("org.freedesktop.appearance", "color-scheme", 0);
    assert_eq!(told(&hub), None, "no preference");
    drop(following);
    assert!(hub.recv_timeout(LONG).is_err(), "the thread has ended");
}
