//! What happens to a request, step by step, whichever host it runs in.

pub mod forecast;
