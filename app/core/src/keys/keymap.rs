//! Which keys run which command: the defaults, and what keybindings.json changes of them.

use super::{Chord, Context, UiCommand};
use magia_protocol::wire::nearest::nearest;
use serde_json::{Map, Value, json};

/// Chords that one command may have.
const CHORDS_MAX: usize = 4;

/// What a command's keys must be in keybindings.json.
const WANTED: &str = "a key as Ctrl+K, a list of up to 4 keys, or \"\" for none";

/// Two commands that one chord would run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Conflict {
    /// The chord.
    pub chord: Chord,
    /// The one that it runs.
    pub runs: UiCommand,
    /// The one that it does not run.
    pub hides: UiCommand,
}

impl Conflict {
    /// For a person.
    pub fn text(&self) -> String {
        format!("{} runs {}, so it does not run {}", self.chord, self.runs.id(), self.hides.id())
    }
}

/// The keys in use.
#[derive(Clone, PartialEq, Debug)]
pub struct Keymap {
    /// Every command and its chords; those that the user changed come first, for theirs win.
    chords: Vec<(UiCommand, Vec<Chord>)>,
    changed: Vec<UiCommand>,
    conflicts: Vec<Conflict>,
}

impl Default for Keymap {
    fn default() -> Self {
        Self::read(&Map::new()).0
    }
}

impl Keymap {
    /// Reads what keybindings.json holds. What cannot be used is named in the sentences that come back, and the
    /// command keeps its defaults.
    pub fn read(file: &Map<String, Value>) -> (Self, Vec<String>) {
        let mut problems = Vec::new();
        let mut own = Vec::new();
        for (id, value) in file {
            let Some(command) = UiCommand::from_id(id) else {
                let near = nearest(id, UiCommand::ALL.iter().map(|command| command.id()));
                let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
                problems.push(format!("keybindings.json: there is no command {id:?}{hint}"));
                continue;
            };
            match read_chords(command, value) {
                Ok(chords) => own.push((command, chords)),
                Err(wanted) => {
                    problems.push(format!("keybindings.json: {id} must be {wanted}; the default is used"));
                }
            }
        }
        own.sort_by_key(|(command, _)| *command);
        let changed: Vec<UiCommand> = own
            .iter()
            .filter(|(command, chords)| *chords != default_chords(*command))
            .map(|(command, _)| *command)
            .collect();
        let rest = UiCommand::ALL.iter().filter(|command| !own.iter().any(|(known, _)| known == *command));
        let rest: Vec<_> = rest.map(|command| (*command, default_chords(*command))).collect();
        own.extend(rest);
        let conflicts = conflicts(&own);
        (Self { chords: own, changed, conflicts }, problems)
    }

    /// Checks a change before it is saved. The error says which command and what it must be.
    pub fn check(change: &Map<String, Value>) -> Result<(), String> {
        for (id, value) in change {
            let Some(command) = UiCommand::from_id(id) else {
                let near = nearest(id, UiCommand::ALL.iter().map(|command| command.id()));
                let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
                return Err(format!("there is no command {id:?}{hint}"));
            };
            if !value.is_null() {
                read_chords(command, value).map_err(|wanted| format!("{id} must be {wanted}"))?;
            }
        }
        Ok(())
    }

    /// A command's chords.
    pub fn chords(&self, command: UiCommand) -> &[Chord] {
        self.chords.iter().find(|(known, _)| *known == command).map_or(&[], |(_, chords)| chords)
    }

    /// Every chord and its command, in the order in which they are tried.
    pub fn all(&self) -> impl Iterator<Item = (UiCommand, Chord)> {
        self.chords.iter().flat_map(|(command, chords)| chords.iter().map(|chord| (*command, *chord)))
    }

    /// A command's keys in words, as `N, F8`; empty when it has none.
    pub fn keys(&self, command: UiCommand) -> String {
        let words: Vec<String> = self.chords(command).iter().map(Chord::to_string).collect();
        words.join(", ")
    }

    /// The first of its keys, for tooltips and menus.
    pub fn key(&self, command: UiCommand) -> Option<String> {
        self.chords(command).first().map(Chord::to_string)
    }

    /// What a button says when the pointer rests on it: `Settings (Ctrl+,)`.
    pub fn tip(&self, command: UiCommand, words: &str) -> String {
        match self.key(command) {
            Some(key) => format!("{words} ({key})"),
            None => words.to_owned(),
        }
    }

    /// Whether its keys are not the defaults.
    pub fn is_changed(&self, command: UiCommand) -> bool {
        self.changed.contains(&command)
    }

    /// Whether any command's keys are not the defaults.
    pub fn has_changes(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Chords that two commands want.
    pub fn conflicts(&self) -> &[Conflict] {
        &self.conflicts
    }

    /// The conflicts that a command is part of.
    pub fn conflicts_of(&self, command: UiCommand) -> impl Iterator<Item = &Conflict> {
        self.conflicts.iter().filter(move |conflict| conflict.runs == command || conflict.hides == command)
    }

    /// What `load_keybindings` returns: every command with its keys, context and whether they were changed.
    pub fn to_json(&self) -> Value {
        let row = |command: &UiCommand| {
            let keys: Vec<String> = self.chords(*command).iter().map(Chord::to_string).collect();
            json!({
                "id": command.id(),
                "label": command.label(),
                "context": command.context().as_str(),
                "keys": keys,
                "defaults": command.defaults(),
                "changed": self.is_changed(*command),
                "fixed": !command.can_change(),
                "conflicts": self.conflicts_of(*command).map(Conflict::text).collect::<Vec<_>>(),
            })
        };
        Value::Array(UiCommand::ALL.iter().map(row).collect())
    }
}

/// A command's default chords.
fn default_chords(command: UiCommand) -> Vec<Chord> {
    command.defaults().iter().filter_map(|text| Chord::parse(text)).collect()
}

fn read_chords(command: UiCommand, value: &Value) -> Result<Vec<Chord>, &'static str> {
    if !command.can_change() {
        return Err("left as it is: the digits answer requests");
    }
    let one = |value: &Value| value.as_str().and_then(Chord::parse);
    let chords = match value {
        Value::String(text) if text.trim().is_empty() => Some(Vec::new()),
        Value::String(_) => one(value).map(|chord| vec![chord]),
        Value::Array(all) if all.len() <= CHORDS_MAX => all.iter().map(one).collect::<Option<Vec<_>>>(),
        _ => None,
    };
    chords.ok_or(WANTED)
}

/// Whether two commands could be meant at the same time: all contexts overlap in the window. A digit is a request's
/// only while one has the keys, but then it is, with Ctrl and Shift as well, so nothing else should want it.
fn conflicts(all: &[(UiCommand, Vec<Chord>)]) -> Vec<Conflict> {
    // The digits are read before all else on a request.
    let (digits, others): (Vec<_>, Vec<_>) =
        all.iter().partition(|(command, _)| command.context() == Context::Request);
    let mut taken: Vec<(Chord, UiCommand)> = Vec::new();
    for (command, chords) in digits {
        for chord in chords {
            let held = [(false, false), (true, false), (false, true), (true, true)];
            taken.extend(held.map(|(ctrl, shift)| (Chord { ctrl, shift, ..*chord }, *command)));
        }
    }
    let mut found = Vec::new();
    for (command, chords) in others {
        for chord in chords {
            match taken.iter().find(|(known, _)| known == chord) {
                Some((_, runs)) if runs != command => {
                    found.push(Conflict { chord: *chord, runs: *runs, hides: *command });
                }
                Some(_) => {}
                None => taken.push((*chord, *command)),
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value) -> (Keymap, Vec<String>) {
        let Value::Object(file) = value else { panic!("not an object") };
        Keymap::read(&file)
    }

    #[test]
    fn the_defaults_parse_and_do_not_conflict() {
        let keymap = Keymap::default();
        assert_eq!(keymap.conflicts(), []);
        assert!(!keymap.has_changes());
        for command in UiCommand::ALL {
            assert_eq!(keymap.chords(*command).len(), command.defaults().len(), "{}", command.id());
            assert_eq!(UiCommand::from_id(command.id()), Some(*command));
        }
        let mut ids: Vec<_> = UiCommand::ALL.iter().map(|command| command.id()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), UiCommand::ALL.len());
    }

    /// The names and keys that the seed's documentation gives.
    #[test]
    fn the_seeds_defaults_hold() {
        let keymap = Keymap::default();
        for (id, key) in [
            ("app.command-palette", "Ctrl+K"),
            ("app.settings", "Ctrl+,"),
            ("app.new-session", "Ctrl+N"),
            ("terminal.toggle", "Ctrl+`"),
            ("nav.go-home", "Ctrl+Shift+H"),
            ("nav.go-back", "Ctrl+["),
        ] {
            let command = UiCommand::from_id(id).unwrap();
            assert!(keymap.chords(command).contains(&Chord::parse(key).unwrap()), "{id}");
        }
    }

    #[test]
    fn a_file_changes_keys_and_the_users_own_win() {
        let (keymap, problems) = read(json!({
            "app.settings": "n", "app.new-session": "", "nav.up": ["Ctrl+Up", "W"], "nav.filter": "/",
        }));
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(keymap.keys(UiCommand::Settings), "N");
        assert_eq!(keymap.keys(UiCommand::NewSession), "");
        assert_eq!(keymap.key(UiCommand::NewSession), None);
        assert_eq!(keymap.tip(UiCommand::NewSession, "New session"), "New session");
        assert_eq!(keymap.keys(UiCommand::Up), "Ctrl+Up, W");
        assert!(keymap.is_changed(UiCommand::Up));
        assert!(!keymap.is_changed(UiCommand::Filter), "what it says is the default");
        let [conflict] = keymap.conflicts() else { panic!("{:?}", keymap.conflicts()) };
        assert_eq!((conflict.runs, conflict.hides), (UiCommand::Settings, UiCommand::NextNeedsYou));
        let first = keymap.all().find(|(_, chord)| *chord == conflict.chord);
        assert_eq!(first.map(|(command, _)| command), Some(UiCommand::Settings));
    }

    #[test]
    fn what_cannot_be_is_named_and_the_default_stays() {
        let (keymap, problems) = read(json!({
            "app.setings": "Ctrl+S", "app.settings": "Hyper+S", "nav.up": 7, "request.allow": "Y",
            "nav.down": ["A", "B", "C", "D", "E"],
        }));
        assert_eq!(problems.len(), 5, "{problems:?}");
        assert!(problems[0].contains("did you mean app.settings?"), "{problems:?}");
        assert!(problems[3].contains("the digits answer requests"), "{problems:?}");
        assert_eq!(keymap, Keymap::default());
    }

    #[test]
    fn a_change_is_checked_before_it_is_saved() {
        let check = |value: Value| match value {
            Value::Object(change) => Keymap::check(&change),
            _ => unreachable!(),
        };
        assert_eq!(check(json!({"app.settings": "Ctrl+S", "nav.up": null})), Ok(()));
        assert!(check(json!({"app.settings": "Hyper+S"})).unwrap_err().contains("as Ctrl+K"));
        assert!(check(json!({"x": null})).unwrap_err().contains("no command"));
        for (keys, runs) in
            [("1", UiCommand::Allow), ("Ctrl+1", UiCommand::Allow), ("Shift+3", UiCommand::Deny)]
        {
            let (keymap, _) = read(json!({"nav.up": keys}));
            let [conflict] = keymap.conflicts() else { panic!("{keys}: {:?}", keymap.conflicts()) };
            assert_eq!(
                (conflict.runs, conflict.hides),
                (runs, UiCommand::Up),
                "{keys}: a digit is a request's"
            );
        }
        assert_eq!(read(json!({"nav.up": "Alt+1"})).0.conflicts(), []);
    }
}
