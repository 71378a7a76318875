//! Other ways for notifications than the desktop: a command of the user's, a webhook, an ntfy topic.
//!
//! Addresses may hold keys, so they are never logged, and errors name none.

use crate::os::process_group;
use crate::service::{Outbox, ServiceThread};
use anyhow::{Context as _, Result, bail};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, select};
use magia_core::effect::Channel;
use magia_core::event::Event;
use magia_protocol::wire::{NoticeKind, NotificationInfo, SessionId};
use serde_json::json;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Notifications that wait to be sent. Beyond it they fail, and the ledger says so.
const WAITING_MAX: usize = 64;
/// How long a server may take for all of it.
const SERVER_WAIT: Duration = Duration::from_secs(10);
/// How long a command may run.
const COMMAND_WAIT: Duration = Duration::from_secs(10);
/// So often a command is asked whether it has ended.
const ENDED_CHECK: Duration = Duration::from_millis(20);
/// How long a slow server may keep the program from ending.
const STOP_WAIT: Duration = Duration::from_millis(200);

/// One notification on one way.
#[derive(Debug)]
struct Letter {
    channel: Channel,
    notification: Box<NotificationInfo>,
}

/// Sends notifications on a thread of its own.
#[derive(Debug)]
pub struct Channels {
    letters: Sender<Letter>,
    thread: ServiceThread,
}

impl Channels {
    /// Starts the thread; what came of each is told as [`Event::ChannelReported`].
    ///
    /// # Errors
    /// When the system has no thread for us.
    pub fn start(events: Sender<Event>) -> std::io::Result<Self> {
        let (letters, waiting) = bounded(WAITING_MAX);
        let thread = ServiceThread::start("magia-channels", events, move |outbox| run(&outbox, &waiting))?;
        Ok(Self { letters, thread })
    }

    /// Sends a notification. Never waits. `false` when too many wait already.
    pub fn send(&self, channel: Channel, notification: Box<NotificationInfo>) -> bool {
        match self.letters.try_send(Letter { channel, notification }) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }
}

impl Drop for Channels {
    fn drop(&mut self) {
        if !self.thread.stop_within(STOP_WAIT) {
            tracing::warn!("a notification is still on its way; its thread is left behind");
        }
    }
}

fn run(outbox: &Outbox, waiting: &Receiver<Letter>) {
    loop {
        let letter = select! {
            recv(waiting) -> letter => letter,
            recv(outbox.stop()) -> _ => return,
        };
        let Ok(Letter { channel, notification }) = letter else { return };
        let outcome = deliver(&channel, &notification, outbox);
        if let Err(err) = &outcome {
            tracing::warn!("a notification was not sent by {}: {err:#}", channel.name());
        }
        let outcome = outcome.map_err(|err| format!("{err:#}"));
        if !outbox.send(Event::ChannelReported { id: notification.id, channel: channel.name(), outcome }) {
            return;
        }
    }
}

fn deliver(channel: &Channel, notification: &NotificationInfo, outbox: &Outbox) -> Result<()> {
    match channel {
        Channel::Command(words) => run_command(words, notification, outbox),
        Channel::Webhook(address) => {
            let body = serde_json::to_string(&payload(notification)).context("writing JSON")?;
            let request = agent().post(address).header("content-type", "application/json");
            answered(request.send(body))
        }
        Channel::Ntfy(address) => {
            let (priority, tag) = match notification.kind {
                NoticeKind::Attention => ("high", "warning"),
                NoticeKind::Error => ("high", "x"),
                NoticeKind::Completed => ("default", "white_check_mark"),
                NoticeKind::Info => ("low", "information_source"),
            };
            let request = agent()
                .post(address)
                .header("title", header(&notification.title))
                .header("priority", priority)
                .header("tags", tag);
            let body = if notification.body.is_empty() { &notification.title } else { &notification.body };
            answered(request.send(body))
        }
    }
}

fn agent() -> ureq::Agent {
    // Led elsewhere, it would be asked there without what is to be told.
    ureq::Agent::config_builder().timeout_global(Some(SERVER_WAIT)).max_redirects(0).build().into()
}

/// What a server said. ureq's errors may hold the address, which may hold a key.
fn answered(outcome: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<()> {
    match outcome {
        Ok(answer) if answer.status().is_redirection() => {
            bail!("the server answered {}: give the address that it leads to", answer.status().as_u16())
        }
        Ok(_) => Ok(()),
        Err(ureq::Error::StatusCode(code)) => bail!("the server answered {code}"),
        Err(ureq::Error::Timeout(_)) => bail!("the server did not answer in time"),
        Err(ureq::Error::HostNotFound) => bail!("there is no such host"),
        Err(ureq::Error::Io(err)) => bail!("the server cannot be reached: {}", err.kind()),
        Err(_) => bail!("the server cannot be reached"),
    }
}

/// A header's value in ASCII, as ntfy reads it: RFC 2047 for the rest.
fn header(text: &str) -> String {
    use base64::Engine as _;
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.is_ascii() {
        return line;
    }
    format!("=?UTF-8?B?{}?=", base64::engine::general_purpose::STANDARD.encode(line))
}

fn payload(notification: &NotificationInfo) -> serde_json::Value {
    json!({
        "id": notification.id,
        "kind": notification.kind,
        "title": notification.title,
        "body": notification.body,
        "project": notification.project,
        "session": notification.session,
        "session_title": notification.session_title,
        "provider": notification.provider,
        "request": notification.request,
        "at_ms": notification.at_ms,
    })
}

fn run_command(words: &[String], notification: &NotificationInfo, outbox: &Outbox) -> Result<()> {
    let session = match notification.session {
        SessionId::NOBODY => String::new(),
        session => session.to_string(),
    };
    // One pass over each word: what an agent wrote is not looked at for names again.
    let filled = words.iter().map(|word| {
        let filled = fill(word, |name| match name {
            "title" => Some(&notification.title),
            "body" => Some(&notification.body),
            "kind" => Some(notification.kind.as_str()),
            "project" => Some(&notification.project),
            "session" => Some(&session),
            _ => None,
        });
        // What an agent wrote is no option, and no name of a file to be read in its place.
        let is_free = word.starts_with('{') && filled.starts_with(['-', '@']);
        if is_free { format!(" {filled}") } else { filled }
    });
    let mut filled = filled.collect::<Vec<_>>().into_iter();
    let program = filled.next().context("no command")?;
    let mut command = Command::new(&program);
    command.args(filled).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    process_group::apart(&mut command);
    let mut child = command.spawn().with_context(|| format!("starting {program}"))?;
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().context("waiting for it")? {
            match status.success() {
                true => return Ok(()),
                false => bail!("{program} ended with {status}"),
            }
        }
        let late = started.elapsed() >= COMMAND_WAIT;
        if late || outbox.stop().recv_timeout(ENDED_CHECK).is_err_and(|err| err.is_disconnected()) {
            process_group::end(child.id());
            let ended = child.kill().and_then(|()| child.wait());
            tracing::debug!("a command for notifications was ended: {ended:?}");
            bail!("{program} ran for more than {} s and was ended", started.elapsed().as_secs());
        }
    }
}

/// A word with `{name}`s replaced; what is no known name stays.
fn fill<'a>(word: &str, value: impl Fn(&str) -> Option<&'a str>) -> String {
    let mut filled = String::with_capacity(word.len());
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        match after.split_once('}').and_then(|(name, after)| Some((value(name)?, after))) {
            Some((value, after)) => {
                filled.push_str(value);
                rest = after;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;
    use magia_protocol::wire::NoticeOutcome;
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::TcpListener;

    const LONG: Duration = Duration::from_secs(20);

    fn notification() -> Box<NotificationInfo> {
        Box::new(NotificationInfo {
            id: 7,
            at_ms: 1,
            kind: NoticeKind::Attention,
            session: SessionId::NOBODY,
            session_title: "cart".into(),
            project: "shop".into(),
            provider: None,
            request: None,
            title: "Permission required: cart".into(),
            body: "Bash: rm {title} $(x)".into(),
            outcome: NoticeOutcome::Sending,
            why: None,
            channels: Vec::new(),
            read: false,
            over: false,
        })
    }

    fn outcome(hub: &Receiver<Event>) -> (&'static str, Result<(), String>) {
        match hub.recv_timeout(LONG).unwrap() {
            Event::ChannelReported { id: 7, channel, outcome } => (channel, outcome),
            other => panic!("not a report: {other:?}"),
        }
    }

    #[test]
    fn a_command_gets_words_that_no_shell_reads() {
        let dir = tempfile::tempdir().unwrap();
        let said = dir.path().join("said");
        let (events, hub) = bounded(4);
        let channels = Channels::start(events).unwrap();
        let script = "printf '%s|' \"$@\" > \"$0\"";
        let free = ["{body}", "{title}", "x{body}"];
        let words = ["sh", "-c", script, said.to_str().unwrap(), "{kind}", "a {title}: {body} {nothing} {"];
        let mut letter = notification();
        (letter.title, letter.body) = ("-o".into(), "@/etc/passwd".into());
        let guarded: Vec<String> = words[..4].iter().chain(&free).map(|word| (*word).to_owned()).collect();
        assert!(channels.send(Channel::Command(guarded), letter));
        assert_eq!(outcome(&hub), ("command", Ok(())));
        assert_eq!(std::fs::read_to_string(&said).unwrap(), " @/etc/passwd| -o|x@/etc/passwd|");
        let words: Vec<String> = words.map(str::to_owned).to_vec();
        assert!(channels.send(Channel::Command(words), notification()));
        assert_eq!(outcome(&hub), ("command", Ok(())));
        let wanted = "attention|a Permission required: cart: Bash: rm {title} $(x) {nothing} {|";
        assert_eq!(std::fs::read_to_string(&said).unwrap(), wanted);
        for (words, why) in
            [(["false", ""], "ended with"), (["/nonexistent/x", ""], "starting /nonexistent/x")]
        {
            let words = words.map(str::to_owned).to_vec();
            assert!(channels.send(Channel::Command(words), notification()));
            let (_, outcome) = outcome(&hub);
            assert!(outcome.clone().unwrap_err().contains(why), "{outcome:?}");
        }
    }

    #[test]
    fn what_a_command_has_started_ends_with_it() {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut command = Command::new("sh");
        // Two processes hold the pipe; at its end both are gone.
        command.args(["-c", "sleep 4711 & echo; wait"]).stdin(Stdio::null()).stdout(writer);
        process_group::apart(&mut command);
        let mut child = command.spawn().unwrap();
        drop(command);
        let mut reader = BufReader::new(reader);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert_eq!(line, "\n");
        process_group::end(child.id());
        assert!(!child.wait().unwrap().success());
        assert_eq!(reader.read_to_string(&mut line).unwrap(), 0);
    }

    /// A server that answers once; gives the request's lines and its body.
    fn server(answer: &'static str) -> (String, std::thread::JoinHandle<(Vec<String>, String)>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/key-4711", listener.local_addr().unwrap());
        let served = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream);
            let mut head = Vec::new();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if line.trim().is_empty() {
                    break;
                }
                head.push(line.trim().to_ascii_lowercase());
            }
            let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            reader.read_exact(&mut body).unwrap();
            write!(reader.get_mut(), "HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .unwrap();
            (head, String::from_utf8(body).unwrap())
        });
        (address, served)
    }

    #[test]
    fn servers_get_it_and_their_refusal_names_no_key() {
        let (events, hub) = bounded(4);
        let channels = Channels::start(events).unwrap();
        let (address, served) = server("200 OK");
        assert!(channels.send(Channel::Webhook(address), notification()));
        assert_eq!(outcome(&hub), ("webhook", Ok(())));
        let (head, body) = served.join().unwrap();
        assert!(head[0].starts_with("post /key-4711"), "{head:?}");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (&body["kind"], &body["title"]),
            (&json!("attention"), &json!("Permission required: cart"))
        );

        let (address, served) = server("200 OK");
        let mut letter = notification();
        letter.title = "Agent finished: Ümlaut\r\nx: y".into();
        assert!(channels.send(Channel::Ntfy(address), letter));
        assert_eq!(outcome(&hub), ("ntfy", Ok(())));
        let (head, body) = served.join().unwrap();
        assert!(
            head.contains(&"priority: high".to_owned()) && !head.contains(&"x: y".to_owned()),
            "{head:?}"
        );
        assert!(head.iter().any(|line| line.starts_with("title: =?utf-8?b?")), "{head:?}");
        assert_eq!(body, "Bash: rm {title} $(x)");

        let (address, served) = server("301 Moved Permanently\r\nlocation: http://127.0.0.1:9/x");
        assert!(channels.send(Channel::Webhook(address), notification()));
        let why = "the server answered 301: give the address that it leads to";
        assert_eq!(outcome(&hub), ("webhook", Err(why.to_owned())));
        served.join().unwrap();
        let (address, served) = server("403 Forbidden");
        assert!(channels.send(Channel::Webhook(address), notification()));
        assert_eq!(outcome(&hub), ("webhook", Err("the server answered 403".to_owned())));
        served.join().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(channels.send(Channel::Ntfy(format!("http://{free}/key-4711")), notification()));
        let (_, outcome) = outcome(&hub);
        let why = outcome.unwrap_err();
        assert!(why.contains("cannot be reached") && !why.contains("4711"), "{why}");
    }
}
