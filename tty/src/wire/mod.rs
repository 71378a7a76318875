//! What a holder and its clients say to each other: frames of one byte for the kind, the payload's length as four bytes,
//! big endian, and the payload.
//!
//! The frame and the kinds 0x01 to 0x05 are VibeTunnel's (`ipc.sock`), 0x40 to 0x47 are ours. The client speaks first: a
//! first frame other than [`kind::HELLO`] means a client that knows VibeTunnel's kinds only. A kind that one side does not
//! know is skipped. docs/terminals.md is the page for people who write clients.

mod frame;
mod from_holder;
mod message;
mod to_holder;

pub use frame::{
    Decoder, Frame, FrameReader, HEADER_BYTES, PAYLOAD_MAX_BYTES, WireError, encode, encode_parts,
};
pub use from_holder::{FromHolder, SnapshotAssembly};
pub use message::{
    ClientKind, Control, Exit, Fault, Format, Hello, HolderHello, RecordingState, Role, SignalName, WIRE_MAX,
    WIRE_MIN, fault,
};
pub use to_holder::ToHolder;

pub(crate) use from_holder::{output_frame, snapshot_frames};

/// The kinds of frames.
pub mod kind {
    /// Client: bytes for the program's input.
    pub const STDIN: u8 = 0x01;
    /// Client: a JSON object with `cmd`.
    pub const CONTROL: u8 = 0x02;
    /// Both: a JSON object with `app` and `status`; a client's goes to all other clients.
    pub const STATUS: u8 = 0x03;
    /// Both: comes back as it was sent.
    pub const HEARTBEAT: u8 = 0x04;
    /// Holder: a JSON object with `code` and `message`.
    pub const ERROR: u8 = 0x05;
    /// Both, first: who speaks, which versions of the wire it knows (JSON).
    pub const HELLO: u8 = 0x40;
    /// Holder: the whole screen at one place of the output.
    pub const SNAPSHOT: u8 = 0x41;
    /// Holder: output of the program, with its place.
    pub const OUTPUT: u8 = 0x42;
    /// Holder: how the program ended (JSON).
    pub const EXIT: u8 = 0x43;
    /// Holder: the terminal's size, which holds from here on in the stream (JSON).
    pub const RESIZED: u8 = 0x44;
    /// Holder: whether the client decides on the size. Client: that it took or lost the focus (JSON).
    pub const ROLE: u8 = 0x45;
    /// Client: whether to hold the output back (JSON).
    pub const PAUSE: u8 = 0x46;
    /// Client: up to which place it has dealt with the output (u64, big endian).
    pub const ACK: u8 = 0x47;
}
