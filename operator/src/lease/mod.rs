//! One operator writes at a time.
