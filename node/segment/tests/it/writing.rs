//! Writing that does not go well.

use std::borrow::Cow;
use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sutra_disk::{Disk, DiskCall, Failure, Fault, Open, SimulatedDisk, When};
use sutra_protocol::{AssociationKey, ConceptId, Namespace};
use sutra_segment::{AssociationRow, ConceptRow, Pace, Segment, SegmentError, SegmentId, Shape, Source, write};

use crate::answers::assert_answers;
use crate::fixture::{FILE, Knowledge, STORE, minute, open};

fn try_write(disk: &SimulatedDisk, parts: &[&dyn Source], pace: &Pace) -> Result<(), SegmentError> {
    write(disk, Path::new(FILE), SegmentId(7), STORE, parts, pace).map(drop)
}

/// A ward with letters enough to fill several blocks.
fn letters() -> Knowledge {
    let mut ward = Knowledge::ward();
    for n in 0..40 {
        let mut letter = ward.plain(&format!("letter {n}"), minute(n));
        letter.content = format!("Letter {n}: the patient was seen on the ward. ").repeat(800).into();
        ward.record(letter);
    }
    ward
}

#[test]
fn the_file_is_synced_as_it_grows_and_before_it_has_its_name() {
    let ward = letters();
    let syncs = |sync_bytes| {
        let disk = SimulatedDisk::new(1);
        try_write(&disk, &[&ward], &Pace { sync_bytes, cancelled: None }).unwrap();
        disk.calls(DiskCall::Sync)
    };
    assert_eq!(syncs(u64::MAX), 1);
    let bytes = ward.segment().bytes();
    assert!(bytes > 4 << 18, "{bytes}");
    assert!((bytes >> 18..=(bytes >> 18) + 2).contains(&syncs(1 << 18)), "{} syncs for {bytes} bytes", syncs(1 << 18));
    // What a crash leaves once the directory is synced, too, is all of it.
    let disk = SimulatedDisk::new(3);
    try_write(&disk, &[&ward], &Pace::default()).unwrap();
    disk.sync_dir(Path::new("")).unwrap();
    assert_answers(&open(&disk.crash()).parts()[0], &ward);
}

/// Sets the flag when the last association is asked for.
struct Cancelling<'a>(&'a Knowledge, Arc<AtomicBool>);

impl Source for Cancelling<'_> {
    fn namespace(&self) -> &Namespace {
        &self.0.namespace
    }

    fn shape(&self) -> Option<Shape> {
        self.0.shape
    }

    fn concepts(&self) -> Box<dyn Iterator<Item = (ConceptId, Cow<'_, ConceptRow>)> + '_> {
        self.0.concepts()
    }

    fn associations(&self) -> Box<dyn Iterator<Item = (AssociationKey, Cow<'_, AssociationRow>)> + '_> {
        self.1.store(true, Ordering::Relaxed);
        self.0.associations()
    }
}

#[test]
fn a_cancelled_file_is_gone_and_the_one_before_it_is_not() {
    let ward = letters();
    let disk = SimulatedDisk::new(1);
    Knowledge::ward().write(&disk);
    let cancelled = Arc::new(AtomicBool::new(false));
    let pace = Pace { cancelled: Some(Arc::clone(&cancelled)), ..Pace::default() };
    let error = try_write(&disk, &[&Cancelling(&ward, cancelled)], &pace).unwrap_err();
    assert!(matches!(error, SegmentError::Cancelled { .. }), "{error}");
    assert_eq!(disk.paths(), [Path::new("/").join(FILE)]);
    assert_answers(&open(&disk).parts()[0], &Knowledge::ward());
}

#[test]
fn whatever_the_disk_refuses_the_old_file_stays_and_no_other_is_left() {
    let ward = letters();
    for (call, step) in
        [(DiskCall::Create, "create"), (DiskCall::Write, "write"), (DiskCall::Sync, "sync"), (DiskCall::Rename, "rename")]
    {
        for nth in 1..4 {
            let disk = SimulatedDisk::new(nth);
            Knowledge::ward().write(&disk);
            disk.fault(Fault::new(call, Failure::Io, When::Nth(nth)));
            let written = try_write(&disk, &[&ward], &Pace { sync_bytes: 1 << 18, cancelled: None });
            disk.heal();
            if nth > 1 && matches!(call, DiskCall::Create | DiskCall::Rename) {
                written.unwrap();
                continue;
            }
            let error = written.unwrap_err();
            assert!(matches!(&error, SegmentError::Disk { step: found, .. } if *found == step), "{call:?}: {error}");
            assert!(error.to_string().contains(FILE), "{error}");
            assert_eq!(disk.paths(), [Path::new("/").join(FILE)], "{call:?}");
            assert_answers(&open(&disk).parts()[0], &Knowledge::ward());
        }
    }
}

#[test]
fn a_full_disk_is_an_error_and_leaves_nothing() {
    let disk = SimulatedDisk::new(1);
    disk.set_capacity(Some(600_000));
    let error = try_write(&disk, &[&letters()], &Pace::default()).unwrap_err();
    assert!(matches!(error, SegmentError::Disk { step: "write", .. }), "{error}");
    assert!(disk.paths().is_empty());
}

#[test]
fn what_does_not_fit_is_named() {
    let disk = SimulatedDisk::new(1);
    let refused = |parts: &[&dyn Source]| {
        let error = try_write(&disk, parts, &Pace::default()).unwrap_err();
        assert!(disk.paths().is_empty());
        assert!(matches!(error, SegmentError::Unfit { .. }), "{error}");
        error.to_string()
    };
    let ward = Knowledge::ward();
    assert!(refused(&[&ward, &ward]).contains("namespace cardiology: it is given twice"));

    let mut shapeless = ward.clone();
    shapeless.shape = None;
    assert!(refused(&[&shapeless]).contains("has no shape"));

    let mut other = ward.clone();
    other.namespace = "oncology".parse().unwrap();
    assert!(refused(&[&other]).contains("of namespace cardiology"));

    let mut longer = ward.clone();
    let mut concept = longer.plain("five dimensions", minute(1));
    concept.vector = Some([1.0, 2.0, 3.0, 4.0, 5.0].into());
    longer.record(concept);
    assert!(refused(&[&longer]).contains("5 dimensions"));
    let error = write(&disk, Path::new(FILE), SegmentId(1), &"s".repeat(129), &[], &Pace::default()).unwrap_err();
    assert!(error.to_string().contains("129 bytes; at most 128"), "{error}");
}

/// Gives other rows each time, or not in their order.
struct Unsteady<'a> {
    of: &'a Knowledge,
    /// How often rows of concepts, and of associations, were asked for.
    asked: [Cell<u32>; 2],
    change: Change,
}

type Rows = Vec<(ConceptId, ConceptRow)>;
type Edges = Vec<(AssociationKey, AssociationRow)>;

#[derive(Clone, Copy)]
enum Change {
    Concepts(fn(&mut Rows, u32)),
    Associations(fn(&mut Edges, u32)),
}

impl Source for Unsteady<'_> {
    fn namespace(&self) -> &Namespace {
        &self.of.namespace
    }

    fn shape(&self) -> Option<Shape> {
        self.of.shape
    }

    fn concepts(&self) -> Box<dyn Iterator<Item = (ConceptId, Cow<'_, ConceptRow>)> + '_> {
        self.asked[0].set(self.asked[0].get() + 1);
        let mut rows: Rows = self.of.concepts.iter().map(|(id, row)| (*id, row.clone())).collect();
        if let Change::Concepts(change) = self.change {
            change(&mut rows, self.asked[0].get());
        }
        Box::new(rows.into_iter().map(|(id, row)| (id, Cow::Owned(row))))
    }

    fn associations(&self) -> Box<dyn Iterator<Item = (AssociationKey, Cow<'_, AssociationRow>)> + '_> {
        self.asked[1].set(self.asked[1].get() + 1);
        let mut edges: Edges = self.of.associations.iter().map(|(key, row)| (key.clone(), row.clone())).collect();
        if let Change::Associations(change) = self.change {
            change(&mut edges, self.asked[1].get());
        }
        Box::new(edges.into_iter().map(|(key, row)| (key, Cow::Owned(row))))
    }
}

#[test]
fn a_source_that_breaks_its_promises_writes_nothing() {
    let ward = Knowledge::ward();
    let disk = SimulatedDisk::new(1);
    let changes = [
        Change::Concepts(|rows, _| rows.swap(0, 1)),
        Change::Concepts(|rows, time| rows.truncate(6 - time as usize)),
        Change::Concepts(|rows, time| drop((time == 2).then(|| rows.remove(3)))),
        Change::Concepts(|rows, time| rows.iter_mut().filter(|_| time == 2).for_each(|(_, row)| taught_by(row, "somebody else"))),
        // The third and fourth time, vectors are written.
        Change::Concepts(|rows, time| {
            if time == 3 {
                rows.clear()
            }
        }),
        Change::Associations(|edges, _| edges.swap(0, 1)),
        Change::Associations(|edges, time| {
            if time == 2 {
                edges.swap(0, 1)
            }
        }),
        Change::Associations(|edges, time| drop((time > 1).then(|| edges.pop()))),
        Change::Associations(|edges, time| {
            edges.iter_mut().for_each(|(key, _)| key.label = format!("label {time}").as_str().into())
        }),
        Change::Associations(|edges, time| edges.truncate(time as usize)),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let unsteady = Unsteady { of: &ward, asked: [Cell::new(0), Cell::new(0)], change };
        let Err(error) = try_write(&disk, &[&unsteady], &Pace::default()) else { panic!("change {at} was written") };
        assert!(matches!(error, SegmentError::Unfit { .. }), "change {at}: {error}");
        assert!(disk.paths().is_empty());
    }
}

fn taught_by(row: &mut ConceptRow, teacher: &str) {
    for concept in row.versions.iter_mut().filter_map(|version| version.concept.as_mut()) {
        Arc::make_mut(concept).asserted_by = teacher.into();
    }
}

#[test]
fn a_name_left_from_a_crash_is_written_over() {
    let disk = SimulatedDisk::new(1);
    disk.open(&Path::new(FILE).with_extension("new"), Open::Create).unwrap().write_at(0, &[7; 900_000]).unwrap();
    Knowledge::ward().write(&disk);
    assert_eq!(disk.paths(), [Path::new("/").join(FILE)]);
    Segment::open(&disk, Path::new(FILE), STORE).unwrap().verify().unwrap();
}
