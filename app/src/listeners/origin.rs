//! Who is at the other end of the CLI socket.

use crate::os::ancestry::ancestors;
use crate::os::tcp_peer::tcp_peer;
use magia_core::event::Origin;
use magia_protocol::process::PeerCred;
use magia_protocol::wire::method::Access;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Describes the peer. Its program and its ancestors are looked up only for methods that an agent may not call:
/// two reads of `/proc` per hop. No ancestors there means that they could not be told (another pid namespace, a
/// peer that has gone, too long a chain), never that there are none: each list begins with the peer itself and
/// goes up to the first process.
pub(super) fn of_peer(cred: PeerCred, access: Access) -> Origin {
    let guarded = matches!(access, Access::Guarded | Access::Asked) && cred.pid != 0;
    Origin::Cli {
        pid: cred.pid,
        exe: if guarded { exe_path(cred.pid) } else { None },
        ancestors: if guarded { ancestors(cred.pid) } else { Vec::new() },
    }
}

/// Describes the other end of a loopback connection: which process it is, the kernel's tables say.
pub(super) fn of_http(peer: SocketAddr) -> Origin {
    match tcp_peer(peer) {
        Some(pid) => Origin::Http { pid, exe: exe_path(pid), ancestors: ancestors(pid) },
        None => Origin::Http { pid: 0, exe: None, ancestors: Vec::new() },
    }
}

#[cfg(target_os = "linux")]
fn exe_path(pid: u32) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/exe")).ok()
}
#[cfg(not(target_os = "linux"))]
fn exe_path(_pid: u32) -> Option<PathBuf> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::process::Command;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// A process that is being made has its parent's connections until it is another program.
    #[test]
    fn a_caller_that_starts_programs_meanwhile_is_known() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (_server, peer) = listener.accept().unwrap();
        let over = AtomicBool::new(false);
        let unknown = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    // Without a program it is a fork that ends at once.
                    Command::new("/nonexistent").spawn().unwrap_err();
                }
            });
            let known =
                |origin: &Origin| matches!(origin, Origin::Http { ancestors, .. } if !ancestors.is_empty());
            let unknown = (0..200).map(|_| of_http(peer)).filter(|origin| !known(origin)).count();
            over.store(true, Ordering::Relaxed);
            unknown
        });
        drop(client);
        assert_eq!(unknown, 0, "of 200");
    }

    fn own() -> PeerCred {
        PeerCred { pid: std::process::id(), uid: 0, gid: 0 }
    }

    #[test]
    fn guarded_methods_know_the_whole_chain() {
        let Origin::Cli { pid, exe, ancestors } = of_peer(own(), Access::Guarded) else { panic!("a CLI") };
        assert_eq!(pid, std::process::id());
        assert_eq!(exe, std::env::current_exe().ok());
        let pids: Vec<u32> = ancestors.iter().map(|one| one.process.pid).collect();
        assert_eq!(pids[..2], [std::process::id(), std::os::unix::process::parent_id()]);
        assert!(ancestors.iter().all(|one| !one.exe.is_empty()));
        assert!(ancestors[0].process.start > 0);
    }

    #[test]
    fn reads_look_nothing_up_and_strangers_have_no_chain() {
        for (cred, access) in [
            (own(), Access::Read),
            (own(), Access::Act),
            (PeerCred { pid: 0, ..own() }, Access::Guarded),
            (PeerCred { pid: u32::MAX, ..own() }, Access::Guarded),
        ] {
            let origin = of_peer(cred, access);
            assert_eq!(origin, Origin::Cli { pid: cred.pid, exe: None, ancestors: Vec::new() });
        }
    }
}
