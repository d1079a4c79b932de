//! The MessagePack protocol.
