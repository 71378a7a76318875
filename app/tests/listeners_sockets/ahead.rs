//! The permission socket: answers that are given from a line that was only looked at.

use crate::support::{LIMIT, Place, hook_line, place_with, read_to_end};
use crossbeam_channel::{Receiver, Sender, bounded, select};
use magia_app::listeners::{Asked, Direct};
use magia_core::event::{Event, GateId};
use magia_protocol::paths::Socket;
use magia_protocol::wire::GateReply;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

const REQUEST: &str = r#"{"session_id":"s","cwd":"/","tool_name":"Bash","tool_input":{"command":"ls"}}"#;

/// A hub that answers every request by a rule, after a nod.
#[derive(Debug)]
struct Rule {
    reply: GateReply,
    asked: Sender<()>,
    nod: Receiver<()>,
    /// What each request was given, with the pid of its message.
    given: Mutex<Vec<(Option<GateId>, u32)>>,
}

impl Direct for Rule {
    fn take_now(&self, event: Event) -> Option<Event> {
        Some(event)
    }

    fn answer_now(&self, asked: &mut dyn Asked) -> bool {
        self.asked.send(()).expect("the test");
        self.nod.recv().expect("the test");
        let gate = asked.give(&self.reply);
        self.given.lock().expect("no panic").push((gate, asked.message().pid));
        gate.is_some()
    }
}

/// The listeners come last: they end once nobody waits for a nod.
struct Asking {
    nod: Sender<()>,
    asked: Receiver<()>,
    rule: Arc<Rule>,
    place: Place,
}

fn asking(reply: GateReply) -> Asking {
    let ((asked, is_asked), (nod, nods)) = (bounded(1), bounded(1));
    let rule = Arc::new(Rule { reply, asked, nod: nods, given: Mutex::default() });
    Asking { place: place_with(Arc::clone(&rule) as Arc<dyn Direct>), rule, asked: is_asked, nod }
}

impl Asking {
    /// A handler whose request stands before the rule. A line that comes later than its connection is not looked at so:
    /// then another handler asks.
    fn ask(&self, pid: usize) -> UnixStream {
        loop {
            let mut client = self.place.client(Socket::Permissions);
            client.write_all(&hook_line("PermissionRequest", pid, REQUEST)).expect("written");
            let Some(gate) = self.asked_or_opened() else { return client };
            drop(client);
            let closed = self.place.next();
            assert!(matches!(closed, Event::GateClosed { gate: at } if at == gate), "{closed:?}");
        }
    }

    /// `None` when the rule is asked, else the gate that was opened.
    fn asked_or_opened(&self) -> Option<GateId> {
        loop {
            select! {
                recv(self.asked) -> asked => {
                    asked.expect("the rule");
                    return None;
                }
                recv(self.place.hub) -> event => match event.expect("an event") {
                    Event::GateOpened { gate, .. } => return Some(gate),
                    Event::ListenerReported(_) => {}
                    other => panic!("{other:?}"),
                },
                default(LIMIT) => panic!("neither asked nor opened"),
            }
        }
    }

    fn answer(&self) {
        self.nod.send(()).expect("the rule waits");
    }

    fn assert_ends(&self, pid: u32, expect_delivered: bool) {
        let Event::GateAnswered { gate, delivered } = self.place.next() else { panic!("not answered") };
        assert_eq!(delivered, expect_delivered);
        assert_eq!(self.rule.given.lock().expect("no panic").last(), Some(&(Some(gate), pid)));
        assert_eq!(self.place.listeners().gates().waiting(), 0);
        self.place.assert_nothing_came();
    }
}

#[test]
fn an_answer_is_written_to_the_byte_and_told_once() {
    // The second is more than the socket holds: the rest is written as the handler reads.
    for body in ["yes".to_owned(), "x".repeat(4 << 20)] {
        let reply = GateReply::answer(body);
        let asking = asking(reply.clone());
        for pid in 1..3 {
            let mut client = asking.ask(pid);
            asking.answer();
            assert_eq!(read_to_end(&mut client).into_bytes(), reply.encode());
            asking.assert_ends(pid as u32, true);
        }
    }
}

#[test]
fn an_answer_that_nobody_takes_is_told_as_not_delivered() {
    let asking = self::asking(GateReply::answer("x".repeat(4 << 20)));
    let client = asking.ask(1);
    drop(client);
    asking.answer();
    asking.assert_ends(1, false);

    let mut client = asking.ask(2);
    asking.answer();
    client.read_exact(&mut [0; 1000]).expect("the beginning");
    drop(client);
    asking.assert_ends(2, false);
}

#[test]
fn when_the_gates_are_closed_nothing_is_answered() {
    let asking = asking(GateReply::answer("yes"));
    let mut client = asking.ask(1);
    asking.place.listeners().gates().close();
    asking.answer();
    assert_eq!(read_to_end(&mut client), "! magia is stopping\n");
    assert_eq!(*asking.rule.given.lock().expect("no panic"), [(None, 1)]);
    asking.place.assert_nothing_came();
}
