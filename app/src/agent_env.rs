//! What agents in our terminals are told by their environment: asked for by services, known by listeners.

use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;

type Variables = dyn Fn() -> Vec<(OsString, OsString)> + Send + Sync;

/// The variables of a terminal that is about to start.
#[derive(Clone)]
pub struct AgentEnv(Arc<Variables>);

impl AgentEnv {
    /// Variables that `ask` knows; it may wait for a moment.
    pub fn new(ask: impl Fn() -> Vec<(OsString, OsString)> + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    /// None.
    pub fn none() -> Self {
        Self::new(Vec::new)
    }

    /// The variables, now. Waits for a moment at most; not for a thread that serves others.
    pub fn variables(&self) -> Vec<(OsString, OsString)> {
        (self.0)()
    }
}

impl fmt::Debug for AgentEnv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AgentEnv")
    }
}
