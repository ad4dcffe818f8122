//! What a decision changes: the only thing that replicas and the AOF get.
//!
//! An effect carries absolute instants and everything that it needs, so that it reads no clock and
//! decides nothing. Applying it is the same code on the primary, on a replica and when an AOF is
//! loaded: all three hold equal values.
//!
//! ```
//! use rl_core::effect::Effect;
//! use rl_core::grammar::limit::slide;
//! use rl_core::limit::effect::LimitEffect;
//! use rl_core::time::At;
//!
//! let words: [&[u8]; 4] = [b"RL.SLIDE", b"key", b"2", b"60"];
//! let rule = slide(words.as_slice())?.rule;
//! let at = At::from_ms(1_764_000_000_000);
//! let effect = Effect::Limit(LimitEffect::Admit { rule, at, cost: 1 });
//!
//! let sent = effect.encode(<[u8]>::to_vec);
//! let (primary, _) = effect.create().unwrap();
//! let (replica, _) = Effect::decode(&sent, None)?.create().unwrap();
//! assert_eq!(primary.encode(), replica.encode());
//! # Ok::<(), rl_core::fault::Fault>(())
//! ```

mod image;
mod kinds;
mod legacy;
mod quota_image;
pub mod told;

pub use self::kinds::Effect;
