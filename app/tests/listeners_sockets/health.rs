//! What is counted, what fails, what is bound again.

use crate::support::{LIMIT, Place, deliver, hook_line, place, unchecked_place, wait_until};
use magia_app::listeners::HUB_CAPACITY;
use magia_core::event::Event;
use magia_protocol::paths::{Socket, own_uid};
use magia_protocol::wire::info::ListenerInfo;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn reported(place: &Place, name: &str, is_it: impl Fn(&ListenerInfo) -> bool) -> ListenerInfo {
    loop {
        match place.hub.recv_timeout(LIMIT).expect("a report in time") {
            Event::ListenerReported(info) if info.name == name && is_it(&info) => return info,
            _ => {}
        }
    }
}

#[test]
fn a_listener_that_cannot_start_says_why_and_is_tried_again() {
    let place = unchecked_place(HUB_CAPACITY, |lock| {
        fs::write(lock.dir().join("permissions.sock"), "somebody's").expect("written");
    });
    let error = reported(&place, "permissions", |info| !info.up).error.expect("a reason");
    assert!(error.starts_with("not a socket"), "{error}");
    wait_until("the others work", || place.listeners().health().iter().filter(|info| info.up).count() == 4);
    deliver(place.client(Socket::Hooks), &hook_line("Stop", 1, "{}"));
    place.next_hook();

    // Still in the way: said again, since somebody asked.
    assert!(place.listeners().retry("permissions"));
    reported(&place, "permissions", |info| !info.up);
    fs::remove_file(place.path(Socket::Permissions)).expect("removed");
    assert!(place.listeners().retry("permissions"));
    assert_eq!(reported(&place, "permissions", |info| info.up).error, None);
    assert!(place.path(Socket::Permissions).exists());
    assert!(!place.listeners().retry("nothing"));
}

#[test]
fn a_socket_that_was_cleaned_away_is_bound_again() {
    let place = place();
    reported(&place, "cli", |info| info.up);
    fs::remove_file(place.path(Socket::Hooks)).expect("cleaned");
    wait_until("it is back", || place.path(Socket::Hooks).exists());
    wait_until("it listens", || {
        magia_protocol::ipc::connect_blocking(&place.path(Socket::Hooks), LIMIT).is_ok()
    });
    deliver(place.client(Socket::Hooks), &hook_line("Stop", 1, "{}"));
    place.next_hook();
}

#[test]
fn a_directory_that_was_cleaned_away_is_made_and_locked_again() {
    let mut place = place();
    fs::remove_dir_all(place.lock.dir()).expect("cleaned");
    for socket in Socket::ALL {
        wait_until("it listens", || {
            magia_protocol::ipc::connect_blocking(&place.path(socket), LIMIT).is_ok()
        });
    }
    let second = magia_protocol::paths::InstanceLock::try_acquire(place.lock.dir());
    assert!(second.is_err(), "the fresh directory is locked");
    drop(place.listeners.take());
    magia_protocol::paths::InstanceLock::try_acquire(place.lock.dir()).expect("free after the stop");
}

#[test]
fn counters_are_reported_when_they_changed() {
    let place = place();
    deliver(place.client(Socket::Hooks), b"garbage\n");
    deliver(place.client(Socket::Hooks), &hook_line("Stop", 1, "{}"));
    let info = reported(&place, "hooks", |info| info.refused == 1 && info.messages == 1 && info.open == 0);
    assert_eq!((info.up, info.accepted), (true, 2));
}

#[test]
fn silent_and_endless_peers_are_sent_away() {
    let place = place();
    let sockets = [(Socket::Hooks, "hooks"), (Socket::Permissions, "permissions"), (Socket::Cli, "cli")];
    let mut clients = Vec::new();
    for (socket, _) in sockets {
        clients.push(place.client(socket));
        let mut half = place.client(socket);
        std::io::Write::write_all(&mut half, b"{\"v\":1,").expect("written");
        clients.push(half);
    }
    for client in &mut clients {
        let mut rest = Vec::new();
        // Hung up on, perhaps with its line unread.
        let _ = client.read_to_end(&mut rest);
        assert!(rest.is_empty() || rest == b"! magia could not read what the agent said\n");
    }
    for (_, name) in sockets {
        place.wait_for_refused(name, 2);
    }
    place.assert_nothing_came();
}

/// Connects as user `nobody` in a child process; gives its exit status: 0 for connected, else the error's number.
fn connect_as_nobody(path: &Path) -> i32 {
    // SAFETY: plain bytes, all zero is a valid value.
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    address.sun_family = libc::AF_UNIX as libc::sa_family_t;
    for (to, from) in address.sun_path.iter_mut().zip(path.as_os_str().as_bytes()) {
        *to = *from as libc::c_char;
    }
    let len = size_of::<libc::sockaddr_un>() as libc::socklen_t;
    // SAFETY: the child only makes system calls that are safe after a fork and ends by _exit.
    unsafe {
        let pid = libc::fork();
        if pid == 0 {
            let ready = libc::setgroups(0, std::ptr::null()) == 0
                && libc::setresgid(65_534, 65_534, 65_534) == 0
                && libc::setresuid(65_534, 65_534, 65_534) == 0;
            let socket = libc::socket(libc::AF_UNIX, libc::SOCK_STREAM, 0);
            if !ready || socket < 0 {
                libc::_exit(255);
            }
            let failed = libc::connect(socket, (&raw const address).cast(), len) != 0;
            libc::_exit(if failed { *libc::__errno_location() } else { 0 });
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(pid, &raw mut status, 0), pid);
        libc::WEXITSTATUS(status)
    }
}

#[test]
fn other_users_are_kept_out() {
    if own_uid() != 0 {
        eprintln!("not run: only root can become another user");
        return;
    }
    let place = place();
    for socket in Socket::ALL {
        assert_eq!(connect_as_nobody(&place.path(socket)), libc::EACCES);
    }
    // Even if the directory had been opened to them.
    for path in [place.temp.path(), place.lock.dir()] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o711)).expect("a mode");
    }
    for (socket, name) in [
        (Socket::Hooks, "hooks"),
        (Socket::Permissions, "permissions"),
        (Socket::Cli, "cli"),
        (Socket::Terminal, "terminal"),
        (Socket::Otel, "otel"),
    ] {
        fs::set_permissions(place.path(socket), fs::Permissions::from_mode(0o666)).expect("a mode");
        assert_eq!(connect_as_nobody(&place.path(socket)), 0);
        place.wait_for_refused(name, 1);
        assert_eq!(place.counter(name, |info| info.accepted), 0);
    }
    place.assert_nothing_came();
}

#[test]
fn who_asks_for_the_status_is_told_of_all_that_came() {
    let place = place();
    for number in 0..10 {
        deliver(place.client(Socket::Hooks), &hook_line("Stop", number, "{}"));
        place.next_hook();
    }
    let of_hooks = |info: &ListenerInfo| info.name == "hooks" && info.messages == 10;
    wait_until("all are counted", || place.listeners().health().iter().any(of_hooks));
    place.cli().send(r#"{"id":1,"method":"status"}"#);
    let mut told = 0;
    loop {
        match place.hub.recv_timeout(LIMIT).expect("the question in time") {
            Event::ListenerReported(info) if info.name == "hooks" => told = info.messages,
            Event::CommandReceived { .. } => break,
            _ => {}
        }
    }
    assert_eq!(told, 10);
}
