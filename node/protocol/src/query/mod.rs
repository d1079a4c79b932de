//! Listing concepts: in which order, and where a page ends.
//!
//! ```text
//!   Order::of(text) ─→ Order ──place(concept)──→ Place ──┬─ sorted ─→ a page
//!                                                        └─ Cursor ─→ where the next one begins
//! ```
//!
//! | module | responsibility |
//! |---|---|
//! | [`order`] | the orders there are, and a concept's place in one |
//! | [`sort_key`] | values of every kind as bytes that compare as the values do |
//! | [`cursor`] | the end of a page, as text that callers hand back |
//!
//! All of it is pure, so that whoever keeps an order on disk and whoever sorts in memory agree on every page.

pub mod cursor;
pub mod order;
pub mod sort_key;

pub use cursor::Cursor;
pub use order::{Order, Place, Sorting};
pub(crate) use sort_key::Number;
pub use sort_key::SortKey;
