//! Caches, the queue of clusters, back-off.
