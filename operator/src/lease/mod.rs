//! One operator writes at a time: a lease in the operator's own namespace, held by at most one of them at any instant.
//!
//! ```text
//!  election (pure: step(event, now) -> action) ◀──▶ keeper (asks and writes the lease) ──▶ Leadership ──▶ fence
//! ```
//!
//! Why never two hold it at an instant:
//! - A holder holds until two thirds of the duration after the moment at which it *sent* its last accepted write. Then it is over for
//!   it, whether its clock ran, its process stood still or its requests were lost.
//! - Another takes it only after the *whole* duration without any change, counted from the moment at which it *received* the record:
//!   later than the holder's sending of it. Both count on their own monotonic clock; no wall clock is read, and no clocks of two
//!   machines are compared. It is enough that neither runs half as fast again as the other.
//! - Every write names the version that it replaces, so that of two only one is accepted, and a late one none.
//! - Where there is no lease, there is no version: to make one is therefore not to hold it. Its maker waits the whole duration as well,
//!   because the one before may have been deleted under a holder. That is what the very first start waits for.
//!
//! Not covered: a machine that sleeps (suspend to memory) stops its monotonic clock too, so that for up to two thirds of the duration
//! after it wakes its operator may believe that it still holds the lease. Its first renewal is refused and ends it.
//!
//! | module | responsibility |
//! |---|---|
//! | [`election`] | the decision, without I/O |
//! | [`keeper`] | the API server's side of it |
//! | `record` | the lease as Kubernetes stores it |
//! | [`leadership`] | what the rest of the operator sees |

pub mod election;
pub mod keeper;
pub mod leadership;

mod record;

pub use election::{End, Loss, Timing};
pub use keeper::Keeper;
pub use leadership::Leadership;
