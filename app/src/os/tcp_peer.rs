//! Which process is at the other end of a connection over the loopback interface.
//!
//! `/proc/net/tcp` knows the socket, `/proc/PID/fd` whose it is. A process of another user is not found, nor is anything
//! where the system has no such tables: then it is not known, and never guessed.

#[cfg(target_os = "linux")]
pub use linux::{tcp_peer, tcp_peer_user};

/// The user whose socket is at the other end of a connection; not known on this system.
#[cfg(not(target_os = "linux"))]
pub fn tcp_peer_user(_peer: std::net::SocketAddr, _own: std::net::SocketAddr) -> Option<u32> {
    None
}

/// The process that has the socket with this address; not known on this system.
#[cfg(not(target_os = "linux"))]
pub fn tcp_peer(_peer: std::net::SocketAddr) -> Option<u32> {
    None
}

#[cfg(target_os = "linux")]
mod linux {
    use magia_protocol::paths::own_uid;
    use magia_protocol::process::process_start_ticks;
    use std::fs;
    use std::net::{IpAddr, SocketAddr};

    /// The state of a connection that is open both ways.
    const ESTABLISHED: &str = "01";

    /// How often the tables are looked at: they change while they are read, and a socket may be left out.
    const LOOKS: usize = 3;

    /// The process that has the socket whose own address is `peer`, if it is one of ours. Of several processes that share it
    /// the one that began first: a child has what it inherits until it becomes another program, and may be gone by then.
    pub fn tcp_peer(peer: SocketAddr) -> Option<u32> {
        let wanted = socket(peer)?;
        let holders = processes()?.into_iter().filter(|pid| holds(*pid, &wanted));
        holders.min_by_key(|pid| (process_start_ticks(*pid).unwrap_or(u64::MAX), *pid))
    }

    /// The name of the socket whose own address is `peer`.
    fn socket(peer: SocketAddr) -> Option<String> {
        let look = || places(peer).find_map(|(table, peer)| inode_of(&fs::read_to_string(table).ok()?, peer));
        let inode = (0..LOOKS).find_map(|_| look())?;
        Some(format!("socket:[{inode}]"))
    }

    fn processes() -> Option<Vec<u32>> {
        let entries = fs::read_dir("/proc").ok()?.flatten();
        Some(entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).collect())
    }

    fn holds(pid: u32, socket: &str) -> bool {
        let fds = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        fds.map(|fd| fs::read_link(fd.path())).any(|to| to.is_ok_and(|to| to.as_os_str() == socket))
    }

    /// The user whose socket has the address `peer` and is connected to `own`, in whatever state: one that has sent all
    /// may be closed already.
    pub fn tcp_peer_user(peer: SocketAddr, own: SocketAddr) -> Option<u32> {
        places(peer).zip(places(own)).find_map(|((table, peer), (_, own))| {
            let (peer, own) = (written(peer), written(own));
            let table = fs::read_to_string(table).ok()?;
            table.lines().skip(1).find_map(|line| {
                let mut fields = line.split_ascii_whitespace();
                let is_it = fields.nth(1)? == peer && fields.next()? == own;
                is_it.then(|| fields.nth(4)?.parse().ok())?
            })
        })
    }

    /// The tables where an address may be, and how it is written there: what gRPC's own library connects to an IPv4 address
    /// is a socket for IPv6.
    fn places(address: SocketAddr) -> impl Iterator<Item = (&'static str, SocketAddr)> {
        let (first, mapped) = match address {
            SocketAddr::V4(v4) => {
                let mapped = SocketAddr::new(IpAddr::V6(v4.ip().to_ipv6_mapped()), v4.port());
                (Some(("/proc/net/tcp", address)), mapped)
            }
            SocketAddr::V6(_) => (None, address),
        };
        first.into_iter().chain([("/proc/net/tcp6", mapped)])
    }

    /// The inode of the socket with this address of our user, which may be told twice. One address may have connections to
    /// several others; then it is not known which is meant.
    fn inode_of(table: &str, address: SocketAddr) -> Option<u64> {
        let wanted = written(address);
        let mut found = table.lines().skip(1).filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let ours = fields.get(7)?.parse::<u32>().ok()? == own_uid();
            let is_it = *fields.get(1)? == wanted && *fields.get(3)? == ESTABLISHED && ours;
            is_it.then(|| fields.get(9)?.parse().ok())?
        });
        let first = found.next()?;
        found.all(|other| other == first).then_some(first)
    }

    /// An address as the kernel writes it: each 32-bit word in the machine's byte order.
    fn written(address: SocketAddr) -> String {
        let bytes = match address.ip() {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        let words = bytes.as_chunks::<4>().0.iter().map(|word| format!("{:08X}", u32::from_ne_bytes(*word)));
        format!("{}:{:04X}", words.collect::<String>(), address.port())
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use std::net::{TcpListener, TcpStream};

        #[test]
        fn both_ends_of_a_connection_are_this_process() {
            for address in ["127.0.0.1:0", "[::1]:0"] {
                let Ok(listener) = TcpListener::bind(address) else { continue };
                let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
                let (server, peer) = listener.accept().unwrap();
                assert_eq!(peer, client.local_addr().unwrap());
                assert_eq!(tcp_peer(peer), Some(std::process::id()), "{address}");
                let own = listener.local_addr().unwrap();
                assert_eq!(tcp_peer_user(peer, own), Some(own_uid()));
                assert_eq!(tcp_peer_user(peer, peer), None);
                drop(client);
                assert!(tcp_peer_user(peer, own).is_some(), "half closed");
                drop(server);
            }
            assert_eq!(tcp_peer("127.0.0.1:1".parse().unwrap()), None);
        }

        #[test]
        fn a_child_that_inherits_a_socket_is_not_its_owner() {
            use std::os::fd::AsRawFd as _;
            use std::os::unix::process::CommandExt as _;
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (_server, peer) = listener.accept().unwrap();
            let fd = client.as_raw_fd();
            let mut command = std::process::Command::new("sleep");
            command.arg("60");
            // SAFETY: fcntl is async-signal-safe and touches no memory of ours.
            unsafe {
                command.pre_exec(move || match libc::fcntl(fd, libc::F_SETFD, 0) {
                    0 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                });
            }
            let mut child = command.spawn().unwrap();
            let known = tcp_peer(peer);
            child.kill().unwrap();
            child.wait().unwrap();
            assert_eq!(known, Some(std::process::id()));
        }

        #[test]
        fn a_socket_for_ipv6_that_speaks_ipv4_is_known() {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let own = listener.local_addr().unwrap();
            let Ok(client) = TcpStream::connect(("::ffff:127.0.0.1", own.port())) else { return };
            let (_server, peer) = listener.accept().unwrap();
            assert!(peer.is_ipv4() && client.local_addr().unwrap().is_ipv6());
            assert_eq!(tcp_peer_user(peer, own), Some(own_uid()));
            assert_eq!(tcp_peer(peer), Some(std::process::id()));
        }

        #[cfg(target_endian = "little")]
        #[test]
        fn of_two_connections_from_one_address_neither_is_guessed() {
            let line = |to: &str, inode: u64| {
                let uid = own_uid();
                format!(
                    "0: 0100007F:0FB4 {to} 01 00000000:00000000 00:00000000 00000000 {uid} 0 {inode} 1 0\n"
                )
            };
            let address = "127.0.0.1:4020".parse().unwrap();
            let one = format!("head\n{}", line("0100007F:0050", 7));
            assert_eq!(inode_of(&one, address), Some(7));
            let told_twice = format!("{one}{}", line("0100007F:0050", 7));
            assert_eq!(inode_of(&told_twice, address), Some(7), "the table changes while it is read");
            assert_eq!(inode_of(&format!("{one}{}", line("0200007F:0050", 8)), address), None);
        }

        #[cfg(target_endian = "little")]
        #[test]
        fn addresses_as_the_kernel_writes_them() {
            assert_eq!(written("127.0.0.1:4020".parse().unwrap()), "0100007F:0FB4");
            assert_eq!(written("[::1]:80".parse().unwrap()), "00000000000000000000000001000000:0050");
        }
    }
}
