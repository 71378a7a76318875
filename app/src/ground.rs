//! What a magia begins to serve on: a lock of its own, or all that another one has left.

use crate::listeners::Inheritance;
use crate::places::Places;
use crate::takeover::{Estate, Offer, Standby};
use anyhow::{Context as _, Result};
use magia_protocol::paths::InstanceLock;
use magia_protocol::wire::RequestId;

/// What it begins with.
#[derive(Debug)]
pub enum Ground {
    /// The lock, just taken.
    Own(InstanceLock),
    /// What another magia has handed over.
    Left(Box<Estate>),
    /// A magia without a window that hands over when it is asked.
    Offered(Offer),
}

/// What there is to begin with.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) lock: InstanceLock,
    pub(crate) inheritance: Inheritance,
    /// The requests whose gates are inherited; `None` without a magia before this one.
    pub(crate) requests: Option<Vec<RequestId>>,
    /// The process that serves again once this one ends.
    pub(crate) standby: Option<Standby>,
}

impl Ground {
    /// Takes over, when that is offered. From now on nobody else serves.
    ///
    /// # Errors
    /// Somebody else serves.
    pub(crate) fn settle(self, places: &Places) -> Result<Settled> {
        let (estate, standby) = match self {
            Self::Own(lock) => {
                let inheritance = Inheritance::default();
                return Ok(Settled { lock, inheritance, requests: None, standby: None });
            }
            Self::Left(estate) => (*estate, None),
            Self::Offered(offer) => offer.claim(&places.runtime)?,
        };
        let requests = Some(estate.requests());
        let Estate { lock, inheritance } = estate;
        let lock = InstanceLock::inherit(&places.runtime, lock).context("taking over the lock")?;
        Ok(Settled { lock, inheritance, requests, standby })
    }
}
