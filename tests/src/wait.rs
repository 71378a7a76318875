//! Waiting for a named fact: the one place in the tests that lets time pass.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long a fact may take before a test gives up on it. Long, because CI shares its cores; a test that
/// passes never waits this long.
pub const PATIENCE: Duration = Duration::from_secs(30);

const FIRST_PAUSE_MS: i32 = 1;
const LONGEST_PAUSE_MS: i32 = 20;

/// Asks `fact` again and again until it gives a value; fails with `what` once `timeout` is over.
///
/// The pauses are `poll(2)` on nothing, from 1 ms doubling to 20 ms: a fact in another process (a screen, a
/// file, a reply) has no descriptor in common that could be waited on.
pub fn wait_until<T>(what: &str, timeout: Duration, mut fact: impl FnMut() -> Option<T>) -> Result<T> {
    let started = Instant::now();
    let mut pause_ms = FIRST_PAUSE_MS;
    loop {
        if let Some(value) = fact() {
            return Ok(value);
        }
        if started.elapsed() >= timeout {
            bail!("waited {:.1} s in vain for: {what}", started.elapsed().as_secs_f32());
        }
        // SAFETY: no descriptors are passed, so there is nothing to point to.
        unsafe { libc::poll(std::ptr::null_mut(), 0, pause_ms) };
        pause_ms = (pause_ms * 2).min(LONGEST_PAUSE_MS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_that_comes_is_returned() {
        let mut asked = 0;
        let value = wait_until("three", PATIENCE, || {
            asked += 1;
            (asked == 3).then_some(asked)
        });
        assert_eq!(value.unwrap(), 3);
    }

    #[test]
    fn a_fact_that_does_not_come_is_named() {
        let err = wait_until("godot", Duration::from_millis(5), || None::<()>).unwrap_err();
        assert!(err.to_string().ends_with("in vain for: godot"), "{err}");
    }
}
