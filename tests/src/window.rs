//! magia's real window on a [`Display`]: read through eframe's inspection port, clicked with the X server's
//! own pointer.

use std::io::BufReader;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use egui_inspection::protocol::read_handshake;
use egui_inspection::{INSPECTION_ENV_VAR, PROTOCOL_VERSION, Request, Response, read_message, write_message};
use magia_protocol::ipc::connect_blocking;
use magia_protocol::paths::Socket;

use crate::app::binary;
use crate::display::{COVER, Display};
use crate::process::Program;
use crate::sandbox::Sandbox;
use crate::wait::{PATIENCE, wait_until};

/// When a key seems to have been missed, it is pressed again.
const KEY_PATIENCE: Duration = Duration::from_secs(5);

/// One thing in the window, as a screen reader gets it.
#[derive(Debug, Clone, PartialEq)]
pub struct Element {
    /// Such as `Button`.
    pub role: String,
    /// Its accessible name.
    pub label: String,
    /// Its text or value.
    pub value: String,
    /// The middle of it in the window, in pixels, when it is laid out.
    pub middle: Option<(f64, f64)>,
    /// Its width and height, in pixels.
    pub size: Option<(f64, f64)>,
}

/// A running `magia-app` with its window.
pub struct Window<'a> {
    sandbox: &'a Sandbox,
    display: &'a Display,
    program: Program,
    port: u16,
}

impl<'a> Window<'a> {
    /// Starts the app and waits until its window answers and its sockets take connections: they are opened beside the
    /// first frames, and a hook that finds none goes away without a word.
    pub fn start(sandbox: &'a Sandbox, display: &'a Display) -> Result<Self> {
        Self::start_with(sandbox, display, &[])
    }

    /// The same with more in its environment.
    pub fn start_with(sandbox: &'a Sandbox, display: &'a Display, env: &[(&str, &str)]) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|free| free.local_addr())
            .context("a free port")?
            .port();
        let mut command = sandbox.command(binary("magia-app")?);
        command
            .env("DISPLAY", display.name())
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            .env(INSPECTION_ENV_VAR, format!("127.0.0.1:{port}"))
            .envs(env.iter().copied());
        let program = sandbox.spawn("magia-window", command)?;
        let mut window = Self { sandbox, display, program, port };
        let answer = wait_until("the window to answer", PATIENCE, || match window.program.try_wait() {
            Some(status) => Some(Err(anyhow!("magia-app ended ({status}): {}", window.program.stderr()))),
            None => window.ask(&Request::GetInfo).ok().map(Ok),
        })?;
        answer?;
        let runtime = sandbox.runtime_dir();
        wait_until("the sockets to be open", PATIENCE, || {
            let is_open = |socket: Socket| {
                socket.path_in(&runtime).is_ok_and(|path| connect_blocking(&path, PATIENCE).is_ok())
            };
            [Socket::Hooks, Socket::Permissions, Socket::Cli].into_iter().all(is_open).then_some(())
        })?;
        Ok(window)
    }

    /// The app's process id.
    pub fn pid(&self) -> u32 {
        self.program.pid()
    }

    /// The process, for signals, its end and its output.
    pub fn program(&mut self) -> &mut Program {
        &mut self.program
    }

    /// Everything in the window that has a name or a value.
    pub fn elements(&self) -> Result<Vec<Element>> {
        let Response::Tree { pixels_per_point, accesskit, .. } = self.ask(&Request::GetTree)? else {
            bail!("the window answered something else than its tree");
        };
        let update = accesskit.context("the window has no accessibility tree yet")?;
        let scale = f64::from(pixels_per_point);
        let elements = update.nodes.iter().map(|(_, node)| Element {
            role: format!("{:?}", node.role()),
            label: node.label().unwrap_or_default().to_owned(),
            value: node.value().unwrap_or_default().to_owned(),
            middle: node
                .bounds()
                .map(|rect| ((rect.x0 + rect.x1) / 2.0 * scale, (rect.y0 + rect.y1) / 2.0 * scale)),
            size: node.bounds().map(|rect| (rect.width() * scale, rect.height() * scale)),
        });
        Ok(elements.filter(|element| !element.label.is_empty() || !element.value.is_empty()).collect())
    }

    /// Waits for something with this role whose name begins with `label`.
    pub fn wait_for(&self, role: &str, label: &str) -> Result<Element> {
        self.wait_within(role, label, PATIENCE)
    }

    /// The same, but not longer than `patience`.
    pub fn wait_within(&self, role: &str, label: &str, patience: Duration) -> Result<Element> {
        wait_until(&format!("the {role} {label:?} in the window"), patience, || {
            self.elements().ok()?.into_iter().find(|it| it.role == role && it.label.starts_with(label))
        })
        .with_context(|| format!("in the window: {:#?}", self.elements().unwrap_or_default()))
    }

    /// Waits until nothing in the window has this role and a name that begins with `label`.
    pub fn wait_until_gone(&self, role: &str, label: &str) -> Result<()> {
        wait_until(&format!("the {role} {label:?} to leave the window"), PATIENCE, || {
            let elements = self.elements().ok()?;
            (!elements.iter().any(|it| it.role == role && it.label.starts_with(label))).then_some(())
        })
    }

    /// Waits until something in the window is called, or says, `text`, or more that holds it.
    pub fn wait_for_text(&self, text: &str) -> Result<Element> {
        wait_until(&format!("the text {text:?} in the window"), PATIENCE, || {
            self.elements().ok()?.into_iter().find(|it| it.label.contains(text) || it.value.contains(text))
        })
        .with_context(|| format!("in the window: {:#?}", self.elements().unwrap_or_default()))
    }

    /// Whether the window manager has it in front.
    pub fn is_in_front(&self) -> Result<bool> {
        let active = self.display.run(self.sandbox, &["xdotool", "getactivewindow"]).unwrap_or_default();
        Ok(self.seen_id().is_some_and(|id| active.trim() == id))
    }

    /// Opens another program's window over this one. One that is not on the screen yet would come over it later.
    pub fn cover(&self) -> Result<Program> {
        wait_until("the window to be seen", PATIENCE, || self.seen_id())?;
        let program = self.display.cover(self.sandbox)?;
        wait_until("the window to be covered", PATIENCE, || {
            if self.is_in_front().ok()? {
                self.display.give_keyboard_to(self.sandbox, COVER).ok()?;
                return None;
            }
            Some(())
        })?;
        Ok(program)
    }

    /// Moves the real pointer onto an element and presses the left button.
    pub fn click(&self, element: &Element) -> Result<()> {
        let place = element.middle.with_context(|| format!("{element:?} has no place in the window"))?;
        self.click_at(place, &["1"])
    }

    /// Moves the real pointer to a place in the window and presses a button: 1 to 3, 4 and 5 for the wheel; before it may
    /// stand `xdotool click`'s options.
    pub fn click_at(&self, (x, y): (f64, f64), button: &[&str]) -> Result<()> {
        let (x, y) = (format!("{x:.0}"), format!("{y:.0}"));
        let id = self.id()?;
        self.display.run(self.sandbox, &["xdotool", "windowactivate", "--sync", &id])?;
        let to = ["xdotool", "mousemove", "--sync", "--window", &id, &x, &y, "click"];
        self.display.run(self.sandbox, &[&to[..], button].concat())?;
        Ok(())
    }

    /// Drags from one place to another with the left button, in small steps as a hand does.
    pub fn drag(&self, from: (f64, f64), to: (f64, f64)) -> Result<()> {
        let id = self.id()?;
        let place = |at: f64| {
            [from.0 + (to.0 - from.0) * at, from.1 + (to.1 - from.1) * at].map(|part| format!("{part:.0}"))
        };
        let places: Vec<[String; 2]> = (0..=10).map(|step| place(f64::from(step) / 10.0)).collect();
        let mut argv = vec!["xdotool", "windowactivate", "--sync", &id];
        for (step, [x, y]) in places.iter().enumerate() {
            argv.extend(["mousemove", "--window", &id, x, y, "sleep", "0.03"]);
            if step == 0 {
                argv.extend(["mousedown", "1", "sleep", "0.1"]);
            }
        }
        argv.extend(["mouseup", "1"]);
        self.display.run(self.sandbox, &argv)?;
        Ok(())
    }

    /// Gives the window another size.
    pub fn resize(&self, width: u16, height: u16) -> Result<()> {
        let (id, width, height) = (self.id()?, width.to_string(), height.to_string());
        self.display.run(self.sandbox, &["xdotool", "windowsize", "--sync", &id, &width, &height])?;
        Ok(())
    }

    /// Presses a key or a chord (`ctrl+k`, `1`, `Escape`) with the window in front.
    pub fn key(&self, chord: &str) -> Result<()> {
        self.keys(&[chord])
    }

    /// Presses several, one after the other.
    pub fn keys(&self, chords: &[&str]) -> Result<()> {
        let id = self.id()?;
        let argv = [&["xdotool", "windowactivate", "--sync", &id, "key"][..], chords].concat();
        self.display.run(self.sandbox, &argv)?;
        Ok(())
    }

    /// Types text, key by key, with the window in front.
    pub fn type_text(&self, text: &str) -> Result<()> {
        let id = self.id()?;
        self.display.run(self.sandbox, &["xdotool", "windowactivate", "--sync", &id, "type", text])?;
        Ok(())
    }

    /// Has the window manager ask the window to close until the app has ended; a chord that comes right after the
    /// window may be lost.
    pub fn close(&mut self) -> Result<ExitStatus> {
        let asked_again = Duration::from_secs(3);
        let deadline = Instant::now() + PATIENCE;
        loop {
            // When the window has gone, there is none to press a key in.
            let pressed = self.key("alt+F4");
            match self.program.wait(asked_again) {
                Ok(status) => return Ok(status),
                Err(err) if Instant::now() >= deadline => {
                    return Err(err).with_context(|| format!("{pressed:?}"));
                }
                Err(_) => {}
            }
        }
    }

    /// Presses the close button's chord once; what comes of it is the window's affair.
    fn ask_to_close(&self) -> Result<()> {
        self.key("alt+F4")
    }

    /// The same until the window is gone from the screen; the app goes on. Under load the window manager has missed the
    /// key.
    pub fn close_to_hide(&mut self) -> Result<()> {
        let mut pressed = Ok(());
        wait_until("the window to hide from the key that closes", PATIENCE, || {
            pressed = self.ask_to_close();
            wait_until("its answer", KEY_PATIENCE, || (!self.is_shown()).then_some(())).ok()
        })
        .with_context(|| format!("{pressed:?}"))?;
        self.wait_until_hidden()
    }

    /// The same until the window answers with `text`.
    pub fn ask_to_close_until(&self, text: &str) -> Result<Element> {
        let found = || {
            self.elements().ok()?.into_iter().find(|it| it.label.contains(text) || it.value.contains(text))
        };
        wait_until(&format!("the answer {text:?} to the key that closes"), PATIENCE, || {
            if let Err(err) = self.ask_to_close() {
                return Some(Err(err));
            }
            wait_until("its answer", KEY_PATIENCE, found).ok().map(Ok)
        })?
    }

    /// Whether the X server shows the window.
    pub fn is_shown(&self) -> bool {
        self.seen_id().is_some()
    }

    /// Waits until the window is gone from the screen while the app goes on.
    pub fn wait_until_hidden(&mut self) -> Result<()> {
        wait_until("the window to be hidden", PATIENCE, || (!self.is_shown()).then_some(()))?;
        match self.program.try_wait() {
            Some(status) => bail!("magia-app ended ({status}): {}", self.program.stderr()),
            None => Ok(()),
        }
    }

    /// Waits until the window is on the screen and in front.
    pub fn wait_until_in_front(&self) -> Result<()> {
        wait_until("the window to be in front", PATIENCE, || self.is_in_front().ok()?.then_some(()))
    }

    /// Waits until the window has stopped changing.
    pub fn settle(&self) -> Result<()> {
        self.ask(&Request::Settle { max_steps: 100 }).map(drop)
    }

    /// Writes what the window shows as a PNG.
    pub fn screenshot(&self, path: &Path) -> Result<()> {
        let Response::Screenshot(png) = self.ask(&Request::GetScreenshot { pixels_per_point: None })? else {
            bail!("the window answered something else than a picture");
        };
        std::fs::write(path, png.bytes).with_context(|| format!("writing {}", path.display()))
    }

    /// The X server's id of the window.
    fn id(&self) -> Result<String> {
        // It answers before the window manager has shown it.
        wait_until("the app's window", PATIENCE, || self.seen_id())
    }

    /// The same, if the window is on the screen now.
    fn seen_id(&self) -> Option<String> {
        let pid = self.pid().to_string();
        let search = ["xdotool", "search", "--onlyvisible", "--pid", &pid];
        let found = self.display.run(self.sandbox, &search).ok()?;
        Some(found.lines().next()?.to_owned())
    }

    fn ask(&self, request: &Request) -> Result<Response> {
        ask(self.port, request)
    }
}

/// One request on a connection of its own.
fn ask(port: u16, request: &Request) -> Result<Response> {
    let stream = TcpStream::connect(("127.0.0.1", port)).context("connecting to the window")?;
    stream.set_read_timeout(Some(Duration::from_secs(15))).context("setting a deadline")?;
    let mut reader = BufReader::new(&stream);
    let version = read_handshake(&mut reader).context("greeting the window")?;
    if version != PROTOCOL_VERSION {
        bail!("the window speaks inspection {version}, not {PROTOCOL_VERSION}");
    }
    write_message(&stream, request).context("asking the window")?;
    match read_message(&mut reader).context("reading the window's answer")? {
        Response::Error { message } => bail!("the window refused: {message}"),
        response => Ok(response),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui_inspection::protocol::write_handshake;

    fn peer(answer: Response) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            write_handshake(&stream).unwrap();
            let _request: Request = read_message(&stream).unwrap();
            write_message(&stream, &answer).unwrap();
        });
        port
    }

    #[test]
    fn an_answer_is_read() {
        let port = peer(Response::Settled { settled: true, steps: 2 });
        let answer = ask(port, &Request::Settle { max_steps: 3 }).unwrap();
        assert!(matches!(answer, Response::Settled { settled: true, steps: 2 }));
    }

    #[test]
    fn a_refusal_is_an_error() {
        let port = peer(Response::Error { message: "no".to_owned() });
        assert_eq!(ask(port, &Request::GetTree).unwrap_err().to_string(), "the window refused: no");
    }
}
