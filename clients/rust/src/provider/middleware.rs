//! A transport as a middleware of reqwest-middleware.

use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Error, Middleware, Next};

use super::error::SendError;
use super::transport::Transport;

#[async_trait::async_trait]
impl Middleware for Transport {
    /// Each attempt has the extensions of the request.
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response, Error> {
        let extensions = &*extensions;
        let send = |request| {
            let (next, mut extensions) = (next.clone(), extensions.clone());
            async move { next.run(request, &mut extensions).await }
        };
        self.send_by(request, send).await.map_err(|error| match error {
            SendError::Send(error) => error,
            other => Error::middleware(other),
        })
    }
}
