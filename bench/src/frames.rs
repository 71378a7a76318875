//! Frames as the window itself notes them: nobody has to look at the screen meanwhile, which costs what is measured.

use crate::stats::Samples;

/// What makes the window note its frames: the name of the variable, and its value.
pub const NOTED: (&str, &str) = ("MAGIA_LOG", "warn,magia_app::ui::frames=trace");

/// One frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame {
    /// From the begin of the one before, in milliseconds.
    pub since_ms: f64,
    /// How long it took to build, without painting.
    pub built_ms: f64,
}

/// The frames that a log tells of.
pub fn read(log: &str) -> Vec<Frame> {
    let field = |line: &str, name: &str| {
        let rest = line.split_once(name)?.1;
        rest.split(' ').next()?.parse::<f64>().ok()
    };
    let frame = |line: &str| {
        let line = line.split_once("magia_app::ui::frames: frame ")?.1;
        let since_ms = field(line, "since_us=")? / 1e3;
        Some(Frame { since_ms, built_ms: field(line, "built_us=")? / 1e3 })
    };
    log.lines().filter_map(frame).collect()
}

/// The times from one frame to the next, without the first: before it the window rested.
pub fn gaps(frames: &[Frame]) -> Samples {
    frames.iter().skip(1).map(|frame| frame.since_ms).collect()
}

/// What building took.
pub fn built(frames: &[Frame]) -> Samples {
    frames.iter().skip(1).map(|frame| frame.built_ms).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_from_the_log() {
        let log = "2026-11-27T08:00:00Z  WARN magia_app: something\n\
                   2026-11-27T08:00:01Z TRACE magia_app::ui::frames: frame since_us=0 built_us=900 facts_ms=3\n\
                   2026-11-27T08:00:02Z TRACE magia_app::ui::frames: frame since_us=21000 built_us=1500 facts_ms=9\n\
                   2026-11-27T08:00:03Z TRACE magia_app::ui::frames: frame since_";
        let frames = read(log);
        assert_eq!(frames.len(), 2, "a line that is half written is none");
        assert_eq!((gaps(&frames).p50(), built(&frames).p50()), (21.0, 1.5));
    }
}
