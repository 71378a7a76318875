//! Where our list of sessions differs from the agents' own.

use magia_protocol::wire::{ProcessId, Provider, ProviderSessionId, SessionId};

/// A session as magia has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Ours.
    pub id: SessionId,
    /// The agent's kind.
    pub provider: Provider,
    /// The agent's configuration directory.
    pub config_root: String,
    /// The agent's own id.
    pub provider_session_id: ProviderSessionId,
    /// Its live processes.
    pub processes: Vec<ProcessId>,
    /// Whether it has ended.
    pub ended: bool,
}

/// A session as an agent's own files have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The agent's kind.
    pub provider: Provider,
    /// The configuration directory whose files these are.
    pub config_root: String,
    /// The agent's own id.
    pub provider_session_id: ProviderSessionId,
    /// The process that lives and works on it; `None` when the agent does not say.
    pub process: Option<ProcessId>,
}

/// What differs, one sentence each. `complete` says of which provider and directory `listed` has every live session, so
/// that what is missing in it means something.
pub fn drift(known: &[Known], listed: &[Listed], complete: &[(Provider, &str)]) -> Vec<String> {
    let mut found: Vec<String> = listed.iter().filter_map(|listed| of_listed(known, listed)).collect();
    for session in known.iter().filter(|session| !session.ended) {
        let root = session.config_root.trim_end_matches('/');
        if !complete.contains(&(session.provider, root)) {
            continue;
        }
        for process in &session.processes {
            if !listed.iter().any(|listed| listed.process == Some(*process)) {
                found.push(format!(
                    "magia lists {} with process {}, which {}'s own files do not",
                    session.id.short(),
                    process.pid,
                    session.provider
                ));
            }
        }
    }
    found
}

fn of_listed(known: &[Known], listed: &Listed) -> Option<String> {
    let Listed { provider, provider_session_id: theirs, process, .. } = listed;
    let named: Vec<&Known> = known
        .iter()
        .filter(|known| known.provider == *provider && known.provider_session_id == *theirs)
        .collect();
    let Some(process) = process else {
        return named.is_empty().then(|| format!("{provider} works on {theirs}, which magia does not list"));
    };
    if named.iter().any(|known| !known.ended && known.processes.contains(process)) {
        return None;
    }
    let pid = process.pid;
    let elsewhere = known
        .iter()
        .find(|known| !known.ended && known.provider == *provider && known.processes.contains(process));
    Some(match (elsewhere, named.first()) {
        (Some(other), _) => format!(
            "process {pid} works on {theirs} says {provider}, on {} says magia",
            other.provider_session_id
        ),
        (None, Some(known)) if known.ended => {
            format!("magia calls {} ended, but process {pid} of {provider} works on it", known.id.short())
        }
        (None, Some(known)) => {
            format!("process {pid} of {provider} works on {}, which magia does not know", known.id.short())
        }
        (None, None) => format!("process {pid} of {provider} works on {theirs}, which magia does not list"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const ROOT: &str = "/home/me/.claude";

    fn known(n: u128, theirs: &str, pid: Option<u32>) -> Known {
        Known {
            id: SessionId::from_uuid(Uuid::from_u128(n)),
            provider: Provider::Claude,
            config_root: format!("{ROOT}/"),
            provider_session_id: ProviderSessionId(theirs.into()),
            processes: pid.map(|pid| ProcessId { pid, start: 1 }).into_iter().collect(),
            ended: pid.is_none(),
        }
    }

    fn listed(theirs: &str, pid: u32) -> Listed {
        Listed {
            provider: Provider::Claude,
            config_root: ROOT.into(),
            provider_session_id: ProviderSessionId(theirs.into()),
            process: Some(ProcessId { pid, start: 1 }),
        }
    }

    #[test]
    fn each_kind_of_drift_is_told_and_nothing_else() {
        let complete = [(Provider::Claude, ROOT)];
        let check = |known: &[Known], listed: &[Listed], expected: &[&str]| {
            let found = drift(known, listed, &complete);
            assert_eq!(found.len(), expected.len(), "{found:?}");
            for (found, expected) in found.iter().zip(expected) {
                assert!(found.contains(expected), "{found}");
            }
        };
        check(&[known(1, "a", Some(7)), known(2, "b", None)], &[listed("a", 7)], &[]);
        check(&[], &[listed("a", 7)], &["process 7 of claude works on a, which magia does not list"]);
        check(&[known(1, "a", None)], &[listed("a", 7)], &["ended, but process 7"]);
        let ended = Known { ended: true, ..known(1, "a", Some(7)) };
        check(&[ended], &[listed("a", 7)], &["ended, but process 7"]);
        check(&[known(1, "a", Some(7))], &[], &["which claude's own files do not"]);
        check(
            &[known(1, "b", Some(7))],
            &[listed("a", 7)],
            &["process 7 works on a says claude, on b says magia"],
        );
        check(
            &[known(1, "a", Some(7))],
            &[listed("a", 7), listed("a", 8)],
            &["process 8 of claude works on"],
        );
        assert_eq!(
            drift(&[known(1, "a", Some(7))], &[], &[]),
            Vec::<String>::new(),
            "who says not all says nothing"
        );
        let codex = Listed { provider: Provider::Codex, process: None, ..listed("t", 1) };
        assert_eq!(drift(&[], &[codex], &[]).len(), 1);
    }
}
