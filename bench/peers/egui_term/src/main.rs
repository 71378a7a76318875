//! egui_term in a bare window of 1000 by 600: `magia-peer-egui-term PROGRAM [ARGUMENT...]`.
//!
//! What is measured of it, the benchmark measures of the window's own terminal in the same run.

use eframe::egui;
use egui_term::{BackendCommand, BackendSettings, PtyEvent, TerminalBackend, TerminalView};
use std::sync::mpsc::{self, Receiver};

struct Peer {
    backend: TerminalBackend,
    events: Receiver<(u64, PtyEvent)>,
}

fn main() -> eframe::Result {
    let mut words = std::env::args().skip(1);
    let shell = words.next().unwrap_or_else(|| "/bin/sh".to_owned());
    let args: Vec<String> = words.collect();
    let native = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default().with_title("terminal").with_inner_size([1000.0, 600.0]),
        renderer: eframe::Renderer::Glow,
        ..Default::default()
    };
    eframe::run_native(
        "terminal",
        native,
        Box::new(move |context| {
            // egui_term takes no other kind of channel.
            let (sender, events) = mpsc::channel();
            let settings = BackendSettings { shell, args, ..Default::default() };
            let backend = TerminalBackend::new(0, context.egui_ctx.clone(), sender, settings)?;
            Ok(Box::new(Peer { backend, events }))
        }),
    )
}

impl eframe::App for Peer {
    fn update(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        while let Ok((_, event)) = self.events.try_recv() {
            match event {
                PtyEvent::Exit => ctx.send_viewport_cmd(egui::ViewportCommand::Close),
                // The program's questions: egui_term leaves answering them to its user.
                PtyEvent::PtyWrite(text) => self.backend.process_command(BackendCommand::Write(text.into_bytes())),
                _ => {}
            }
        }
        egui::CentralPanel::default().frame(egui::Frame::NONE).show(ctx, |ui| {
            let size = ui.available_size();
            let view = TerminalView::new(ui, &mut self.backend).set_focus(true).set_size(size);
            ui.add(view);
        });
    }
}
