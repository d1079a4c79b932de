//! The lease as an election sees it.

use std::time::Duration;

/// Version of the stored lease: another one after every write, whoever's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(pub String);

/// A lease as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its version.
    pub version: Version,
    /// Who holds it; `None`: it was given back.
    pub holder: Option<String>,
    /// How long the holder asked the others to wait for it.
    pub duration: Duration,
    /// How often the holder changed.
    pub transitions: i32,
}

/// A lease as it is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The version that it replaces; `None`: it is made.
    pub over: Option<Version>,
    /// Who holds it from then on; `None`: nobody.
    pub holder: Option<String>,
    /// How long the others are to wait for it.
    pub duration: Duration,
    /// How often the holder changed.
    pub transitions: i32,
}
