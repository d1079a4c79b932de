//! The service over a real store in a temporary directory.

mod fixture;
mod idempotency;
mod reads;
mod transfer;
mod writes;
