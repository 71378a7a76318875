//! An input that a person wrote in place of the agent's: what may be sent back, and how harmful it is.

use super::risk::{self, Judgement};
use super::{RealPaths, command_of, inside, is_shell};
use crate::subject::Subject;
use serde_json::Value;
use std::mem::discriminant;
use std::path::Path;

/// Whether `edited` can stand for `original` in a call of `tool`. The error is one sentence for a person.
///
/// It must be an object of the same kind: a command stays a command, an edit an edit; a field keeps its JSON type.
/// Fields may be added and left out as long as that holds; the agent checks the rest.
pub fn check(tool: &str, original: &Value, edited: &Value) -> Result<(), String> {
    if matches!(tool, "AskUserQuestion" | "ExitPlanMode") {
        return Err(format!("the input of {tool} cannot be edited"));
    }
    let Some(fields) = edited.as_object() else {
        return Err("the input must be a JSON object".to_owned());
    };
    for (key, value) in fields {
        let was = original.get(key);
        if was.is_some_and(|was| discriminant(was) != discriminant(value)) {
            return Err(format!("{key:?} has another type than in the agent's input"));
        }
    }
    if is_shell(tool) && command_of(edited).is_none_or(|command| command.trim().is_empty()) {
        return Err(format!("an input of {tool} needs a command"));
    }
    let (was, is) = (Subject::unmarked(tool, original), Subject::unmarked(tool, edited));
    if discriminant(&was) != discriminant(&is) {
        return Err(format!("this is no longer an input of {tool}"));
    }
    Ok(())
}

/// How harmful the edited call is. `paths` are those of the original: of another file only its name is known, so it
/// counts as outside of the project unless the name says that it is inside, and is never low.
pub fn judge(tool: &str, original: &Value, edited: &Value, paths: Option<&RealPaths>) -> Judgement {
    let file = |input: &Value| {
        ["file_path", "notebook_path", "path"]
            .iter()
            .find_map(|key| input.get(*key).and_then(Value::as_str))
            .map(str::to_owned)
    };
    let named = file(edited);
    if named == file(original) {
        return risk::judge(tool, edited, paths);
    }
    let target =
        paths.zip(named).map(|(paths, named)| (paths.cwd.clone(), paths.cwd.join(Path::new(&named))));
    match target {
        Some((cwd, target)) if inside(&cwd, &target).is_none() => {
            risk::judge(tool, edited, Some(&RealPaths { cwd, target }))
        }
        _ => risk::judge(tool, edited, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use magia_protocol::wire::Risk;
    use serde_json::json;

    #[test]
    fn an_edited_input_is_of_the_same_kind() {
        let bash = json!({"command": "make", "timeout": 5});
        assert_eq!(check("Bash", &bash, &json!({"command": "make -n"})), Ok(()));
        assert_eq!(check("Bash", &bash, &json!({"command": "make", "run_in_background": true})), Ok(()));
        for bad in [
            json!("make"),
            json!(["make"]),
            json!(null),
            json!({}),
            json!({"command": " "}),
            json!({"command": 7}),
            json!({"command": "make", "timeout": "5"}),
            json!({"file_path": "/a", "content": ""}),
        ] {
            assert!(check("Bash", &bash, &bad).is_err(), "{bad}");
        }
        let write = json!({"file_path": "/a", "content": "x"});
        assert_eq!(check("Write", &write, &json!({"file_path": "/b", "content": ""})), Ok(()));
        assert!(check("Write", &write, &json!({"file_path": "/b"})).is_err());
        assert!(check("ExitPlanMode", &json!({"plan": "a"}), &json!({"plan": "b"})).is_err());
        assert_eq!(check("mcp__x", &json!({"a": 1}), &json!({"a": 2})), Ok(()));
    }

    #[test]
    fn what_was_edited_is_judged_anew() {
        let paths = RealPaths { cwd: "/p".into(), target: "/p/a".into() };
        let was = json!({"file_path": "/p/a", "content": ""});
        let risk =
            |path: &str| judge("Write", &was, &json!({"file_path": path, "content": "x"}), Some(&paths)).risk;
        assert_eq!(risk("/p/a"), Risk::Low);
        assert_eq!(risk("b"), Risk::Medium);
        assert_eq!(risk("/p/b"), Risk::Medium, "it may be a link");
        assert_eq!(risk("/etc/passwd"), Risk::High);
        assert_eq!(risk("/p/../x"), Risk::High);
        let (was, now) = (json!({"command": "ls"}), json!({"command": "ls; rm -rf /"}));
        assert_eq!(judge("Bash", &was, &now, None).risk, Risk::High);
    }
}
