//! From what is taught to what is stored: requests in, operations out. Pure: it sees stored knowledge only through
//! [`Knowledge`](sutra_protocol::Knowledge) and changes nothing but its own [`Overlay`].
//!
//! ```text
//!   request ─ stage ─→ outline: NewConcept + drafts ─ link ─→ Learn, NewAssociation, AssociationKey
//!                                                      │ │
//!                                         Knowledge ───┘ └─── Overlay: what earlier items will create
//! ```
//!
//! | module | responsibility |
//! |---|---|
//! | [`planner`] | the entry: one request, one operation |
//! | [`outline`] | a learn request taken apart: its concept, and its associations as drafts |
//! | [`draft`] | an association whose ends are still names |
//! | `reference` | how a request names a concept, and where it does so |
//! | [`link`] | from a name to a concept |
//! | [`overlay`] | what is taught but not applied yet |
//! | [`mention`] | the parts of a text that name entities |
//! | [`stage`] | the pipeline: embed, classify, extract |
//! | [`refusal`] | why a request can't become an operation |

pub mod draft;
pub mod link;
pub mod mention;
pub mod outline;
pub mod overlay;
pub mod planner;
pub mod reference;
pub mod refusal;
pub mod stage;

#[cfg(test)]
mod fixture;

pub use draft::Draft;
pub use outline::Outline;
pub use overlay::Overlay;
pub use planner::Planner;
pub use reference::{Place, Reference};
pub use refusal::Refusal;
