//! The scope of a reservation.

use std::time::Duration;

use super::open::Open;
use crate::decision::QuotaDecision;
use crate::error::Error;

/// An admitted request whose cost is an estimate until it is settled.
///
/// | the reservation | what is charged |
/// |---|---|
/// | is [settled](Self::settle) | what was used. A unit that is not named stays as estimated |
/// | is [cancelled](Self::cancel) | nothing |
/// | is dropped | what [`used`](Self::used) said, else the estimate, because it is not known what was used. An in-flight slot is free |
/// | ends with its program | the estimate. The slot is free after the ttl |
#[derive(Debug)]
#[must_use = "a reservation that is dropped is over"]
pub struct Reservation {
    pub(super) decision: QuotaDecision,
    pub(super) open: Option<Open>,
}

impl Reservation {
    /// Returns the answer that admitted the request.
    pub fn decision(&self) -> &QuotaDecision {
        &self.decision
    }

    /// Returns the key that the reservation is open at, the first of several. `None` if the fail mode has admitted the request.
    pub fn key(&self) -> Option<&str> {
        self.open.as_ref()?.scope.keys.first().map(|(key, _)| key.as_str())
    }

    /// Says what was used of a unit. It is sent when the reservation is settled or dropped.
    pub fn used(&mut self, unit: impl Into<String>, n: u64) -> &mut Self {
        if let Some(open) = &mut self.open {
            let unit = unit.into();
            open.used.retain(|(known, _)| *known != unit);
            open.used.push((unit, n));
        }
        self
    }

    /// Reports what was really used, and ends the reservation. Units that are not named stay as estimated.
    ///
    /// It is sent even if the future is dropped. If the server does not answer, that is the error, and it is sent again in the background,
    /// while the reservation lasts: repeating it is safe.
    ///
    /// # Errors
    ///
    /// The kinds of [`Error`], except [`Error::Denied`].
    pub async fn settle<U: Into<String>>(
        mut self,
        used: impl IntoIterator<Item = (U, u64)>,
    ) -> Result<(), Error> {
        for (unit, n) in used {
            self.used(unit, n);
        }
        match self.open.take() {
            Some(open) => open.end(false).await,
            None => Ok(()),
        }
    }

    /// Ends the reservation at what [`used`](Self::used) said, else at the estimate. Dropping it does the same, and waits for nothing.
    ///
    /// # Errors
    ///
    /// The kinds of [`Error`], except [`Error::Denied`].
    pub async fn close(self) -> Result<(), Error> {
        self.settle([] as [(&str, u64); 0]).await
    }

    /// Gives everything back, including the request itself, and ends the reservation. It is sent as [`settle`](Self::settle) is.
    ///
    /// # Errors
    ///
    /// The kinds of [`Error`], except [`Error::Denied`].
    pub async fn cancel(mut self) -> Result<(), Error> {
        match self.open.take() {
            Some(open) => open.end(true).await,
            None => Ok(()),
        }
    }

    /// Admits nobody at the keys of the reservation before `duration` from now, as for a provider's `Retry-After`.
    ///
    /// # Errors
    ///
    /// The kinds of [`Error`], except [`Error::Denied`].
    pub async fn hold(&self, duration: Duration) -> Result<(), Error> {
        let Some(open) = &self.open else { return Ok(()) };
        let mut held = Ok(());
        for (key, _) in &open.scope.keys {
            held = held.and(open.scope.limiter.hold(key, duration).await.map(drop));
        }
        held
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            open.leave();
        }
    }
}
