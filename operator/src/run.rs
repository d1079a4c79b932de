//! Start, be elected, control, stop.
