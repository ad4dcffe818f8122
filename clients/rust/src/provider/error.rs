//! Why a request has no answer.

use std::fmt;

use crate::error::Error;

/// Why a request has no answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum SendError<E = reqwest::Error> {
    /// The limit denies it, or its request is wrong. It was not sent.
    Limit(Error),
    /// It could not be sent, or got no answer.
    Send(E),
    /// Its body is a stream, of which the use cannot be estimated, and which cannot be sent again.
    Stream,
}

impl<E: fmt::Display> fmt::Display for SendError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(error) => error.fmt(f),
            Self::Send(error) => error.fmt(f),
            Self::Stream => f.write_str("the body of a request to a provider must not be a stream"),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for SendError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Limit(error) => Some(error),
            Self::Send(error) => Some(error),
            Self::Stream => None,
        }
    }
}

impl SendError {
    /// Changes the type of an error that was made before anything was sent.
    pub(super) fn before<E>(self) -> SendError<E> {
        match self {
            Self::Limit(error) => SendError::Limit(error),
            Self::Send(error) => SendError::Limit(Error::Invalid(error.to_string())),
            Self::Stream => SendError::Stream,
        }
    }
}
