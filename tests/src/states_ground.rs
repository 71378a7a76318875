//! What a scenario stands on: the model's server and magia without its window, which a step may end and start again.

use std::cell::RefCell;

use anyhow::{Context, Result};

use crate::app::App;
use crate::model::{FakeModel, Vendor};
use crate::sandbox::Sandbox;

/// A vendor's fake model and magia.
pub struct Ground {
    /// The model's server.
    pub model: FakeModel,
    app: RefCell<Option<App>>,
}

impl Ground {
    /// Starts both.
    pub fn start(sandbox: &Sandbox, vendor: Vendor) -> Result<Self> {
        let model = FakeModel::of(sandbox, vendor)?;
        Ok(Self { model, app: RefCell::new(Some(App::start(sandbox)?)) })
    }

    /// Ends magia as `kill -9` does and starts it again.
    pub fn restart_magia(&self, sandbox: &Sandbox) -> Result<()> {
        let mut app = self.app.borrow_mut();
        app.take().context("no app runs")?.program().kill9()?;
        *app = Some(App::start(sandbox)?);
        Ok(())
    }
}
