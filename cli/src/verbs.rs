//! The verbs, one file per group: each builds a command, asks, and prints the reply.

pub mod attach;
pub mod autostart;
pub mod call;
pub mod data;
pub mod diagnostics;
pub mod events;
pub mod hooks;
pub mod keys;
pub mod metrics;
pub mod notifications;
pub mod permissions;
pub mod policy;
mod request_text;
pub mod run;
pub mod sessions;
pub mod settings;
pub mod shell;
mod status;
pub mod telemetry;
pub mod term;
pub mod uninstall;
pub mod wait;
mod window;

use crate::args::{Args, Verb};
use crate::failure::Exit;
use crate::output::Out;
use anyhow::Result;

/// Runs what was typed.
pub fn run(args: Args, out: &mut Out) -> Result<Exit> {
    let Some(verb) = args.verb else {
        return window::open(out);
    };
    match verb {
        Verb::Status => status::status(out),
        Verb::Ls(ls) => sessions::ls(&ls, out),
        Verb::Show(show) => sessions::show(&show, out),
        Verb::Why(one) => sessions::why(&one, out),
        Verb::Wait(wait) => wait::wait(&wait, out),
        Verb::Next => wait::next(out),
        Verb::Events(events) => events::run(&events, out),
        Verb::Metrics(metrics) => metrics::run(&metrics, out),
        Verb::Telemetry(telemetry) => telemetry::run(telemetry, out),
        Verb::Permissions(list) => permissions::list(&list, out),
        Verb::Allow(allow) => permissions::allow(&allow, out),
        Verb::Deny(deny) => permissions::deny(deny, out),
        Verb::Pass(pass) => permissions::pass(pass, out),
        Verb::Notifications(args) => notifications::run(&args, out),
        Verb::Digest => notifications::digest(out),
        Verb::Quit => notifications::quit(out),
        Verb::Policy(policy) => policy::run(policy, out),
        Verb::Hooks(hooks) => hooks::run(hooks, out),
        Verb::Rename(rename) => sessions::rename(rename, out),
        Verb::Pin(one) => sessions::mark(one, sessions::Mark::Pinned(true), out),
        Verb::Unpin(one) => sessions::mark(one, sessions::Mark::Pinned(false), out),
        Verb::Hide(one) => sessions::mark(one, sessions::Mark::Hidden(true), out),
        Verb::Unhide(one) => sessions::mark(one, sessions::Mark::Hidden(false), out),
        Verb::Settings(settings) => settings::run(settings, out),
        Verb::Keys(keys) => keys::run(keys, out),
        Verb::Call(call) => call::run(&call, out),
        Verb::Doctor => status::doctor(out),
        Verb::Diagnostics(diagnostics) => diagnostics::run(&diagnostics, out),
        Verb::Autostart(autostart) => autostart::run(&autostart, out),
        Verb::Reset(reset) => uninstall::reset(&reset, out),
        Verb::Uninstall(uninstall) => uninstall::uninstall(&uninstall, out),
        Verb::Retry(retry) => data::retry(retry, out),
        Verb::Run(run) => run::run(run, out),
        Verb::Attach(attach) => attach::attach(attach, out),
        Verb::Term(term) => term::run(term, out),
        Verb::Demo(demo) => crate::demo::run(&demo, out),
        Verb::Data(data) => data::run(&data, out),
        Verb::Completions(completions) => shell::completions(&completions, out),
        Verb::Man(man) => shell::man(&man, out),
        Verb::Version => status::version(out),
        Verb::DemoAgent(agent) => crate::demo::agent::run(&agent),
    }
}
