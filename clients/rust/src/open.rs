//! Opens a limiter by a URL.

use crate::error::Error;
use crate::limiter::Limiter;

impl Limiter {
    /// Returns a limiter for a URL: `redis://user:password@host:6379/0` for a server, or `http://host:8765` for rl-coordinator. `rediss://`
    /// and `unix://` need the feature of redis-rs, `http://` needs the feature `http`, and `https://` the feature `https`. It connects at
    /// the first request.
    ///
    /// ```no_run
    /// # fn example() -> Result<(), redis_rl::Error> {
    /// let limiter = redis_rl::Limiter::open("redis://localhost")?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the URL is none of these, or its feature is off.
    pub fn open(url: &str) -> Result<Self, Error> {
        if url.starts_with("http://") || url.starts_with("https://") {
            #[cfg(feature = "http")]
            return Self::http(crate::http::Http::at(url));
            #[cfg(not(feature = "http"))]
            return Err(Error::Invalid("this needs the feature http of redis-rl".to_owned()));
        }
        #[cfg(feature = "redis")]
        return match ::redis::Client::open(url) {
            Ok(client) => Ok(Self::new(client)),
            Err(error) => Err(Error::Invalid(error.to_string())),
        };
        #[cfg(not(feature = "redis"))]
        Err(Error::Invalid("this needs the feature redis of redis-rl".to_owned()))
    }
}
