//! Building graphs: watched, stopped, and on a full disk.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use sutra_disk::RealDisk;
use sutra_vector::{BuildError, GraphConfig, Progress, Scalar, build};

use crate::failing::Full;
use crate::fixture::{Embeddings, build_at, part, shape};

fn on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn is_empty(dir: &Path) -> bool {
    fs::read_dir(dir).unwrap().next().is_none()
}

#[test]
fn a_build_inserts_each_vector_once_and_tells_how_far_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let part = part(shape(8, Scalar::F32), &Embeddings::uniform(1, 8).vectors(100));
    let mut seen = Vec::new();
    let mut watch = |progress| {
        seen.push(progress);
        ControlFlow::Continue(())
    };
    let built = build(&RealDisk, &dir.path().join("1.graph"), &part, &GraphConfig::default(), &mut watch).unwrap();
    assert_eq!(built.inserts, 100);
    assert_eq!(seen.first(), Some(&Progress { done: 0, total: 100 }));
    assert_eq!(seen.last(), Some(&Progress { done: 100, total: 100 }));
    assert!(seen.is_sorted_by_key(|progress| progress.done) && seen.len() >= 7);
    // What is left is the file, under its name.
    let names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["1.graph"]);
}

#[test]
fn the_same_vectors_make_the_same_file() {
    let dir = tempfile::tempdir().unwrap();
    let part = part(shape(24, Scalar::I8), &Embeddings::clustered(2, 24, 3).vectors(500));
    let [first, second] = ["a", "b"].map(|name| {
        build_at(&dir.path().join(name), &part);
        fs::read(dir.path().join(name)).unwrap()
    });
    assert!(first == second);
}

#[test]
fn a_stopped_build_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let part = part(shape(8, Scalar::F16), &Embeddings::uniform(3, 8).vectors(200));
    for last in [0, 64, 200] {
        let mut stop =
            |progress: Progress| if progress.done >= last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        let error = build(&RealDisk, &dir.path().join("9.graph"), &part, &GraphConfig::default(), &mut stop).unwrap_err();
        assert!(matches!(error, BuildError::Stopped { .. }) && error.to_string().contains("9.graph"), "{error}");
        assert!(is_empty(dir.path()));
    }
}

#[test]
fn a_disk_that_is_full_at_any_point_is_an_error_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let part = part(shape(384, Scalar::F16), &Embeddings::uniform(4, 384).vectors(2_600));
    let path = dir.path().join("7.graph");
    let size = build_at(&path, &part).bytes as i64;
    // More than a piece and what a pipe holds, so that usearch is stopped while it writes.
    assert!(size > 5 << 18);
    fs::remove_file(&path).unwrap();
    for room in [0, 1 << 20, size - 1] {
        let error = build(&Full::after(room), &path, &part, &GraphConfig::default(), &mut on).unwrap_err();
        match &error {
            BuildError::Write { source, .. } => assert_eq!(source.kind(), std::io::ErrorKind::StorageFull),
            other => panic!("{other:?}"),
        }
        assert!(error.to_string().contains("7.graph"));
        assert!(is_empty(dir.path()), "{room}");
    }
    assert_eq!(build(&Full::after(size), &path, &part, &GraphConfig::default(), &mut on).unwrap().bytes as i64, size);
}

#[test]
fn what_makes_no_graph_is_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("3.graph");
    let (none, one) = (part(shape(8, Scalar::F16), &[]), part(shape(8, Scalar::F16), &[vec![1.0; 8]]));
    let usual = GraphConfig::default();
    let refused = |part, config| build(&RealDisk, &path, part, &config, &mut on).unwrap_err();
    assert!(matches!(refused(&none, usual), BuildError::Empty { .. }));
    for (config, named) in [
        (GraphConfig { connectivity: 3, ..usual }, "connectivity is 4 to 128, not 3"),
        (GraphConfig { connectivity: 129, ..usual }, "connectivity is 4 to 128, not 129"),
        (GraphConfig { expansion_add: 0, ..usual }, "expansion_add is 1 to 4096, not 0"),
        (GraphConfig { expansion_search: 5000, ..usual }, "expansion_search is 1 to 4096, not 5000"),
    ] {
        let text = refused(&one, config).to_string();
        assert!(text.contains(named), "{text}");
    }
    assert!(is_empty(dir.path()));
    assert_eq!(build_at(&path, &one).inserts, 1);
}
