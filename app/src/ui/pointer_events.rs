//! Pointer events gathered, so that a fast mouse costs no more than a slow one.
//!
//! On X11 eframe asks the display whether the window is minimised for each event that wants a frame, and waits for the
//! answer; a mouse that reports a thousand times a second, or a wheel that spins freely, kept it from ever painting. Here
//! it hears of where the pointer is and how far the wheel has turned once before each frame. Nothing else is held back,
//! and nothing overtakes what is.

use eframe::UserEvent;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use winit::application::ApplicationHandler;
use winit::event::{DeviceEvent, DeviceId, Modifiers, MouseScrollDelta, StartCause, TouchPhase, WindowEvent};
use winit::event_loop::{ActiveEventLoop, DeviceEvents};
use winit::window::WindowId;

/// Passes events on, those of the pointer gathered.
pub(super) struct Gathered<A> {
    app: A,
    waiting: Waiting,
    /// Set once the window was closed in good order.
    closed: Arc<AtomicBool>,
    broken: bool,
}

impl<A: ApplicationHandler<UserEvent>> Gathered<A> {
    pub(super) fn new(app: A, closed: Arc<AtomicBool>) -> Self {
        Self { app, waiting: Waiting::default(), closed, broken: false }
    }

    /// Whether the loop ended before the window was closed: eframe ends it so after an error, and says so in the log only.
    pub(super) const fn is_broken(&self) -> bool {
        self.broken
    }

    fn pass_on(&mut self, event_loop: &ActiveEventLoop) {
        for (window, event) in self.waiting.take() {
            self.app.window_event(event_loop, window, event);
        }
    }
}

impl<A: ApplicationHandler<UserEvent>> ApplicationHandler<UserEvent> for Gathered<A> {
    fn new_events(&mut self, event_loop: &ActiveEventLoop, cause: StartCause) {
        self.app.new_events(event_loop, cause);
    }

    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        // How the mouse moves beyond the window is nobody's business here.
        event_loop.listen_device_events(DeviceEvents::Never);
        self.app.resumed(event_loop);
    }

    fn user_event(&mut self, event_loop: &ActiveEventLoop, event: UserEvent) {
        self.pass_on(event_loop);
        self.app.user_event(event_loop, event);
    }

    fn window_event(&mut self, event_loop: &ActiveEventLoop, window: WindowId, event: WindowEvent) {
        if let Some(event) = self.waiting.hold(window, event) {
            self.pass_on(event_loop);
            self.app.window_event(event_loop, window, event);
        }
    }

    fn device_event(&mut self, event_loop: &ActiveEventLoop, device: DeviceId, event: DeviceEvent) {
        self.app.device_event(event_loop, device, event);
    }

    fn about_to_wait(&mut self, event_loop: &ActiveEventLoop) {
        self.pass_on(event_loop);
        self.app.about_to_wait(event_loop);
    }

    fn suspended(&mut self, event_loop: &ActiveEventLoop) {
        self.app.suspended(event_loop);
    }

    fn exiting(&mut self, event_loop: &ActiveEventLoop) {
        // The app closes what is open still.
        self.broken = !self.closed.load(Ordering::Relaxed);
        self.app.exiting(event_loop);
    }

    fn memory_warning(&mut self, event_loop: &ActiveEventLoop) {
        self.app.memory_warning(event_loop);
    }
}

/// What the pointer did that was not passed on yet: where it went, then how the wheel turned there.
#[derive(Debug, Default)]
struct Waiting {
    moved: Option<(WindowId, WindowEvent)>,
    turned: Option<(WindowId, WindowEvent)>,
    /// What was passed on last, since the focus came or went.
    modifiers: Option<Modifiers>,
}

impl Waiting {
    /// Adds an event of the pointer. Gives back one that is to be passed on at once, after what waits.
    fn hold(&mut self, window: WindowId, event: WindowEvent) -> Option<WindowEvent> {
        let is_here =
            |held: &Option<(WindowId, WindowEvent)>| held.as_ref().is_none_or(|(of, _)| *of == window);
        match event {
            WindowEvent::CursorMoved { .. } if is_here(&self.moved) && is_here(&self.turned) => {
                self.moved = Some((window, event));
                None
            }
            WindowEvent::MouseWheel { device_id, delta, phase: TouchPhase::Moved }
                if is_here(&self.moved) =>
            {
                if let Some((of, WindowEvent::MouseWheel { device_id: device, delta: sum, .. })) =
                    &mut self.turned
                {
                    let is_added = *of == window && *device == device_id && add(sum, delta);
                    return (!is_added).then_some(event);
                }
                self.turned = Some((window, event));
                None
            }
            // What moved it, in the device's own units; egui knows of no axes, and two of these come with each click.
            WindowEvent::AxisMotion { .. } => None,
            // On X11 they are told anew with each button of the mouse.
            WindowEvent::ModifiersChanged(modifiers) => {
                let is_known = self.modifiers.replace(modifiers) == Some(modifiers);
                (!is_known).then_some(event)
            }
            WindowEvent::Focused(_) => {
                self.modifiers = None;
                Some(event)
            }
            event => Some(event),
        }
    }

    fn take(&mut self) -> impl Iterator<Item = (WindowId, WindowEvent)> + use<> {
        [self.moved.take(), self.turned.take()].into_iter().flatten()
    }
}

/// Adds to a way of the wheel; `false`, and nothing is added, when they are of two units.
fn add(sum: &mut MouseScrollDelta, more: MouseScrollDelta) -> bool {
    match (sum, more) {
        (MouseScrollDelta::LineDelta(x, y), MouseScrollDelta::LineDelta(more_x, more_y)) => {
            *x += more_x;
            *y += more_y;
        }
        (MouseScrollDelta::PixelDelta(sum), MouseScrollDelta::PixelDelta(more)) => {
            sum.x += more.x;
            sum.y += more.y;
        }
        _ => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use winit::dpi::PhysicalPosition;
    use winit::keyboard::ModifiersState;

    const WINDOW: WindowId = WindowId::dummy();

    fn moved(x: f64) -> WindowEvent {
        WindowEvent::CursorMoved { device_id: DeviceId::dummy(), position: PhysicalPosition::new(x, 2.0) }
    }

    fn turned(delta: MouseScrollDelta, phase: TouchPhase) -> WindowEvent {
        WindowEvent::MouseWheel { device_id: DeviceId::dummy(), delta, phase }
    }

    fn line(y: f32) -> WindowEvent {
        turned(MouseScrollDelta::LineDelta(0.0, y), TouchPhase::Moved)
    }

    fn pixels(y: f64) -> WindowEvent {
        turned(MouseScrollDelta::PixelDelta(PhysicalPosition::new(1.0, y)), TouchPhase::Moved)
    }

    fn taken(waiting: &mut Waiting) -> Vec<WindowEvent> {
        waiting.take().map(|(_, event)| event).collect()
    }

    #[test]
    fn many_become_the_last_place_and_the_whole_way() {
        let mut waiting = Waiting::default();
        for step in 0..1_000_u16 {
            assert_eq!(waiting.hold(WINDOW, moved(f64::from(step))), None);
            for axis in 0..2 {
                let axis = WindowEvent::AxisMotion { device_id: DeviceId::dummy(), axis, value: 1.0 };
                assert_eq!(waiting.hold(WINDOW, axis), None);
            }
            assert_eq!(waiting.hold(WINDOW, line(-1.0)), None);
        }
        assert_eq!(taken(&mut waiting), [moved(999.0), line(-1_000.0)]);
        assert_eq!(taken(&mut waiting), []);
    }

    #[test]
    fn modifiers_are_told_once_for_each_change_and_focus() {
        let mut waiting = Waiting::default();
        let held = |state: ModifiersState| WindowEvent::ModifiersChanged(Modifiers::from(state));
        let (shift, none) = (held(ModifiersState::SHIFT), held(ModifiersState::empty()));
        let mut told = |event: &WindowEvent| waiting.hold(WINDOW, event.clone()).is_some();
        assert_eq!([&shift, &shift, &none, &none, &shift].map(&mut told), [true, false, true, false, true]);
        assert_eq!([&WindowEvent::Focused(true), &shift, &shift].map(told), [true, true, false]);
    }

    #[test]
    fn what_cannot_be_added_is_passed_on_after_what_waits() {
        let mut waiting = Waiting::default();
        assert_eq!(waiting.hold(WINDOW, line(3.0)), None);
        let ended = turned(MouseScrollDelta::LineDelta(0.0, 0.0), TouchPhase::Ended);
        for other in [pixels(40.0), ended, WindowEvent::Focused(true), WindowEvent::RedrawRequested] {
            assert_eq!(waiting.hold(WINDOW, other.clone()), Some(other));
        }
        assert_eq!(taken(&mut waiting), [line(3.0)]);
        for y in [40.0, 2.0] {
            assert_eq!(waiting.hold(WINDOW, pixels(y)), None);
        }
        let sum = MouseScrollDelta::PixelDelta(PhysicalPosition::new(2.0, 42.0));
        assert_eq!(taken(&mut waiting), [turned(sum, TouchPhase::Moved)]);
    }
}
