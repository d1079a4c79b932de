//! Histories with crashes: at any operation, in any state of the disk.

use super::budget::each_seed;
use super::trial::Trial;

#[test]
fn what_was_acknowledged_survives_every_crash_and_the_rest_is_whole_or_not_there() {
    each_seed("crashes", 1.0, |seed| {
        let mut trial = Trial::new(seed);
        for _ in 0..4 {
            // Some crashes come between commands, most within one of the disk's operations.
            if !trial.random.one_in(5) {
                trial.disk.crash_after(1 + trial.random.below(120));
            }
            for _ in 0..30 {
                if trial.is_over() {
                    break;
                }
                match trial.random.below(16) {
                    0..=2 => trial.try_keep(),
                    3 => trial.look_back(),
                    _ => trial.try_write(4),
                }
            }
            trial.crash();
            trial.recover();
        }
        trial.close();
        trial.open();
        trial.settle();
        trial.close();
    });
}

#[test]
fn every_crash_point_of_a_short_life_recovers() {
    let life = |trial: &mut Trial| {
        for step in 0..12 {
            if trial.is_over() {
                return;
            }
            if step % 4 == 3 { trial.try_keep() } else { trial.try_write(2) }
        }
        trial.close();
    };
    let mut point = 1;
    loop {
        let mut trial = Trial::new(7);
        let before = trial.disk.mutations();
        trial.disk.crash_after(point);
        life(&mut trial);
        let survived = !trial.disk.is_off();
        assert!(survived || trial.disk.mutations() >= before + point);
        trial.crash();
        trial.open();
        trial.settle();
        trial.close();
        if survived {
            assert!(point > 30, "only {point} operations in that life");
            break;
        }
        point += 1;
    }
}
