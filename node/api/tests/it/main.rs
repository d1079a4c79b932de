//! Whole interfaces over real sockets and a real store.

mod grid;
mod http;
