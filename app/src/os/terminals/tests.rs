//! The tables of all systems: what each terminal is told, and which one is chosen.

use super::*;
use crate::os::terminals::choose::{Chosen, Surroundings, choose};
use magia_core::settings::TerminalChoice;
use magia_core::spawn::Wish;
use magia_protocol::wire::spawn::SpawnCode;
use std::collections::HashMap;

fn attach() -> Attach {
    Attach {
        exe: "/opt/my $X/magia".into(),
        id: "a-1".into(),
        nonce: "00ff".into(),
        cwd: "/work dir $x'q".into(),
        title: "hostile `title`; $(x)".into(),
    }
}

fn launchers() -> Vec<&'static dyn Launcher> {
    LINUX.iter().map(|one| one as &dyn Launcher).collect()
}

fn composed(launcher: &dyn Launcher, program: &str) -> Vec<String> {
    let launch = launcher.compose(Path::new(program), &attach()).unwrap();
    std::iter::once(launch.program.into_os_string())
        .chain(launch.arguments)
        .map(|word| word.into_string().unwrap())
        .collect()
}

/// The attach command, as it ends each command line.
const WORDS: [&str; 5] = ["/opt/my $X/magia", "attach", "a-1", "--spawn-nonce", "00ff"];

#[test]
fn each_linux_terminal_gets_the_attach_command_and_nothing_of_the_request() {
    let table: &[(&str, &[&str])] = &[
        ("xdg-terminal-exec", &[]),
        ("ghostty", &["--gtk-single-instance=false", "-e"]),
        ("kitty", &["--"]),
        ("alacritty", &["-e"]),
        ("wezterm", &["start", "--always-new-process", "--"]),
        ("foot", &["--"]),
        ("ptyxis", &["--new-window", "--"]),
        ("kgx", &["--"]),
        ("gnome-terminal", &["--"]),
        ("konsole", &["--separate", "-e"]),
        ("xfce4-terminal", &["--disable-server", "-x"]),
        ("mate-terminal", &["--disable-factory", "--"]),
        ("tilix", &["--new-process", "-e"]),
        ("terminator", &["-u", "-x"]),
        ("qterminal", &["-e"]),
        ("lxterminal", &["--no-remote", "-e"]),
        ("x-terminal-emulator", &["-e"]),
        ("xterm", &["-e"]),
    ];
    assert_eq!(LINUX.len(), table.len());
    for (terminal, (name, options)) in LINUX.iter().zip(table) {
        assert_eq!(terminal.name(), *name);
        let mut expected = vec!["/usr/bin/t"];
        expected.extend(*options);
        let text = "'/opt/my $X/magia' attach a-1 --spawn-nonce 00ff";
        match *name {
            "tilix" => expected.push(text),
            _ => expected.extend(WORDS),
        }
        assert_eq!(composed(terminal, "/usr/bin/t"), expected, "{name}");
    }
}

#[test]
fn macos_terminals() {
    let named = |name: &str| MACOS.iter().find(|one| one.is_named(name)).unwrap();
    let of = |name: &str, bundle: &str| composed(named(name), bundle);
    let file = named("Terminal.app").compose(Path::new("/Apps/Terminal.app"), &attach()).unwrap();
    let (name, text) = file.file.unwrap();
    assert_eq!(name, "open-a-1.command");
    assert_eq!(text, "#!/bin/sh\nrm -f \"$0\"\nexec '/opt/my $X/magia' attach a-1 --spawn-nonce 00ff\n");
    assert_eq!(
        of("terminal", "/Apps/Terminal.app"),
        ["/usr/bin/open", "-a", "/Apps/Terminal.app", LAUNCH_FILE]
    );
    let iterm = of("iTerm", "/Apps/iTerm.app");
    assert_eq!(iterm[..2], ["/usr/bin/osascript", "-e"]);
    assert!(iterm[2].contains("quoted form of") && !iterm[2].contains("a-1"), "{}", iterm[2]);
    assert_eq!(iterm[3..], WORDS);
    let ghostty = of("Ghostty", "/Apps/Ghostty.app");
    assert_eq!(ghostty[..5], ["/usr/bin/open", "-na", "/Apps/Ghostty.app", "--args", "-e"]);
    assert_eq!(ghostty[5..], WORDS);
    assert_eq!(of("kitty", "/Apps/kitty.app")[..2], ["/Apps/kitty.app/Contents/MacOS/kitty", "--"]);
    assert_eq!(of("alacritty", "/A.app")[..2], ["/A.app/Contents/MacOS/alacritty", "-e"]);
    assert_eq!(of("wezterm", "/W.app")[1..4], ["start", "--always-new-process", "--"]);
    let err = named("kitty").failure(Some(1), "execution error: no (-1743)");
    assert_eq!(err.code, SpawnCode::PermissionDenied);
}

#[test]
fn windows_terminals() {
    let attach = Attach { exe: r"C:\a;b\magia.exe".into(), ..attach() };
    let words = |name: &str| {
        let terminal = WINDOWS.iter().find(|one| one.is_named(name)).unwrap();
        let launch = terminal.compose(Path::new("t.exe"), &attach).unwrap();
        launch.arguments.into_iter().map(|word| word.into_string().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(
        words("Windows Terminal"),
        ["-w", "new", "new-tab", "--", r"C:\a\;b\magia.exe", "attach", "a-1", "--spawn-nonce", "00ff"]
    );
    assert_eq!(words("conhost")[0], r"C:\a;b\magia.exe");
}

/// A machine with these programs and entries.
struct Machine {
    programs: Vec<&'static str>,
    preferred: Vec<&'static str>,
    entries: Vec<Entry>,
}

impl Lookup for Machine {
    fn program(&self, name: &str) -> Option<PathBuf> {
        self.programs.contains(&name).then(|| Path::new("/usr/bin").join(name))
    }

    fn bundle(&self, _id: &str) -> Option<PathBuf> {
        None
    }

    fn preferred_entries(&self) -> Vec<String> {
        self.preferred.iter().map(|name| (*name).to_owned()).collect()
    }

    fn desktop_entries(&self) -> Vec<Entry> {
        self.entries.clone()
    }
}

struct Case {
    machine: Machine,
    env: HashMap<&'static str, &'static str>,
    setting: TerminalChoice,
    window: bool,
}

impl Case {
    fn with(programs: &[&'static str]) -> Self {
        Self {
            machine: Machine { programs: programs.to_vec(), preferred: Vec::new(), entries: Vec::new() },
            env: HashMap::from([("DISPLAY", ":0")]),
            setting: TerminalChoice::Usual,
            window: false,
        }
    }

    fn env(mut self, name: &'static str, value: &'static str) -> Self {
        self.env.insert(name, value);
        self
    }

    fn set(mut self, setting: TerminalChoice) -> Self {
        self.setting = setting;
        self
    }

    /// What is chosen, in a word; of an error its code.
    fn choose(&self, wish: &Wish) -> String {
        let env = |name: &str| self.env.get(name).map(|value| (*value).to_owned());
        let launchers = launchers();
        let around = Surroundings {
            env: &env,
            installed: &self.machine,
            launchers: &launchers,
            needs_display: true,
            window: self.window,
        };
        match choose(wish, &self.setting, around) {
            Ok(Chosen::Program { launcher, program }) => {
                assert_eq!(program, Path::new("/usr/bin").join(launcher.name()));
                launcher.name().to_owned()
            }
            Ok(Chosen::Entry(entry)) => format!("entry {}", entry.name),
            Ok(Chosen::Template { program, .. }) => format!("template {}", program.display()),
            Ok(Chosen::Builtin) => "builtin".to_owned(),
            Ok(Chosen::Nowhere) => "none".to_owned(),
            Err(err) => err.code.to_string(),
        }
    }

    fn usual(&self) -> String {
        self.choose(&Wish::Usual)
    }

    fn named(&self, name: &str) -> String {
        self.choose(&Wish::Named(name.to_owned()))
    }
}

fn named(name: &str) -> TerminalChoice {
    TerminalChoice::Named(name.to_owned())
}

#[test]
fn the_order_of_the_choice() {
    let many = ["xterm", "kitty", "alacritty", "konsole", "gnome-terminal", "x-terminal-emulator"];
    // The request, in any spelling.
    for typed in ["kitty", "Kitty", " KITTY ", "kitty.app"] {
        assert_eq!(Case::with(&many).set(named("alacritty")).named(typed), "kitty");
    }
    assert_eq!(Case::with(&many).named("gnome"), "gnome-terminal");
    // Then the settings.
    assert_eq!(Case::with(&many).set(named("alacritty")).env("KITTY_PID", "1").usual(), "alacritty");
    // Then the terminal that magia was started in.
    let inside = Case::with(&many).env("XDG_CURRENT_DESKTOP", "KDE").env("KITTY_PID", "1");
    assert_eq!(inside.usual(), "kitty");
    assert_eq!(Case::with(&many).env("TERM_PROGRAM", "Alacritty").usual(), "alacritty");
    // Then what the user or the desktop has chosen.
    let mut chosen = Case::with(&many).env("XDG_CURRENT_DESKTOP", "KDE");
    assert_eq!(chosen.usual(), "konsole");
    chosen.machine.preferred = vec!["foot", "alacritty"];
    assert_eq!(chosen.usual(), "alacritty", "foot is not installed");
    chosen.machine.programs.push("xdg-terminal-exec");
    assert_eq!(chosen.usual(), "xdg-terminal-exec");
    assert_eq!(Case::with(&many).env("XDG_CURRENT_DESKTOP", "ubuntu:GNOME").usual(), "gnome-terminal");
    assert_eq!(Case::with(&many).usual(), "x-terminal-emulator");
    // Then any, xterm last.
    assert_eq!(Case::with(&["xterm", "terminator"]).usual(), "terminator");
    assert_eq!(Case::with(&["xterm"]).usual(), "xterm");
}

#[test]
fn a_terminal_that_is_not_there_gives_way_and_an_unknown_name_does_not() {
    // As in the seed's own example, which names ghostty.
    assert_eq!(Case::with(&["xterm"]).named("ghostty"), "xterm");
    assert_eq!(Case::with(&["xterm"]).set(named("foot")).usual(), "xterm");
    assert_eq!(Case::with(&["xterm"]).named("xtrem"), "TERMINAL_NOT_FOUND");
    assert_eq!(Case::with(&[]).usual(), "TERMINAL_NOT_FOUND");
    let mut entry = Case::with(&[]);
    let text = "[Desktop Entry]\nExec=st\nCategories=TerminalEmulator;\n";
    entry.machine.entries.extend(Entry::parse("st.desktop", text));
    assert_eq!(entry.usual(), "entry st");
    let template = TerminalChoice::Template(vec!["st".to_owned(), "-e".to_owned(), "{attach}".to_owned()]);
    assert_eq!(Case::with(&["st"]).set(template.clone()).usual(), "template /usr/bin/st");
    assert_eq!(Case::with(&["xterm"]).set(template).usual(), "TERMINAL_NOT_FOUND");
}

#[test]
fn displays_and_the_window() {
    let no_display = |case: Case| Case { env: HashMap::new(), ..case };
    assert_eq!(no_display(Case::with(&["xterm"])).usual(), "NO_DISPLAY");
    assert_eq!(no_display(Case::with(&["xterm"])).named("xterm"), "NO_DISPLAY");
    assert_eq!(no_display(Case::with(&["xterm"])).choose(&Wish::Nowhere), "none");
    let wayland = no_display(Case::with(&["xterm", "foot"])).env("WAYLAND_DISPLAY", "wayland-0");
    assert_eq!(wayland.usual(), "foot");
    assert_eq!(wayland.named("xterm"), "foot", "xterm needs X11");
    assert_eq!(Case::with(&["foot", "xterm"]).named("foot"), "xterm", "foot needs Wayland");
    assert_eq!(Case::with(&["xterm"]).choose(&Wish::Builtin), "NO_DISPLAY", "without a window");
    let window = Case { window: true, ..Case::with(&["xterm"]) };
    assert_eq!(window.choose(&Wish::Builtin), "builtin");
    assert_eq!(Case { window: true, ..Case::with(&[]) }.usual(), "builtin");
    assert_eq!(Case { window: true, ..Case::with(&["xterm"]).set(named("builtin")) }.usual(), "builtin");
}

#[test]
fn names_lead_to_one_terminal_each() {
    for table in [
        launchers(),
        MACOS.iter().map(|one| one as &dyn Launcher).collect(),
        WINDOWS.iter().map(|one| one as &dyn Launcher).collect(),
    ] {
        let mut names: Vec<&str> = table
            .iter()
            .flat_map(|one| std::iter::once(one.name()).chain(one.aliases().iter().copied()))
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "{names:?}");
    }
}
