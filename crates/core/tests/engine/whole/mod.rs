//! Whole histories on several keys: every kind of request, lines, deletions, policies with overrides, clocks that
//! step.
//!
//! - [`dice`]: bytes as choices; [`setup`]: keys, limits and policies; [`ask`]: requests
//! - [`model`]: what each request should be answered; [`waiting`]: and when, if it waits
//! - [`play`], [`serve`]: the engine beside the model; [`end`]: reservations and refunds; [`check`]: what is compared

mod ask;
mod check;
mod dice;
mod end;
mod model;
mod play;
mod serve;
mod setup;
mod waiting;

pub(crate) use dice::Dice;
pub(crate) use play::Play;

/// Plays a history of these bytes.
pub(crate) fn play(bytes: &[u8], most: usize) {
    let mut dice = Dice::new(bytes);
    Play::new(&mut dice).all(&mut dice, most);
}
