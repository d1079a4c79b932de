//! The adversary: random histories against a plain model, and everything that a disk may do to a store.
//!
//! | module | responsibility |
//! |---|---|
//! | `model` | what is right, said as simply as it can be: lists that are searched from end to end |
//! | `seen` | everything that a view answers, to be compared |
//! | `lists` | its lists and searches |
//! | `scene` | the concepts, labels and times that histories are made of |
//! | `author` | random commands |
//! | `trial` | a store and its model, side by side |
//! | `budget` | how long an adversary goes on, and with which seeds |
//! | `histories` | commands, checkpoints, compactions, restarts |
//! | `accident` | what a trial does around an accident |
//! | `crashes` | the power goes at any operation |
//! | `faults` | calls of the disk fail |
//! | `erased` | no file holds what was erased |
//! | `full` | the disk is full |
//! | `flip` | every byte of every file |
//! | `fuzz` | every decoder under mutated bytes |
//! | `kill` | a process that is killed |

mod accident;
mod author;
mod budget;
mod crashes;
mod erased;
mod faults;
mod flip;
mod full;
mod fuzz;
mod histories;
mod kill;
mod lists;
mod model;
mod scene;
mod seen;
mod trial;
