//! The operator of Sutra Grid.

fn main() {}
