//! Flags and environment, checked.
