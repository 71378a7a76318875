//! The types that cross a socket. Every wire carries a version; a newer one is answered with ours.

pub mod agent;
pub mod command;
pub mod gate;
pub mod hook;
pub mod ids;
pub mod info;
pub mod method;
pub mod metrics;
pub mod nearest;
pub mod notice;
pub mod redact;
pub mod rpc;
pub mod spawn;
pub mod surrogates;
pub mod terminal;
pub mod visible;

pub use agent::{AgentEventKind, Provider, RequestState, Risk, SessionState, TitleSource};
pub use command::Command;
pub use gate::GateReply;
pub use hook::{HookLine, HookMessage};
pub use ids::{ProcessId, ProviderSessionId, RequestId, SessionId};
pub use notice::{NoticeKind, NoticeOutcome, NotificationInfo};
pub use rpc::{ErrorCode, Request, Response, RpcError, StreamLine};
pub use surrogates::paired;
pub use terminal::{TerminalInfo, TerminalState};
pub use visible::{visible, visible_lines};

/// Version of the hook line, the CLI line and the gate reply. A peer that sends a newer one is answered
/// with this one.
pub const WIRE_VERSION: u32 = 1;
