//! Tests of the operator from outside.
