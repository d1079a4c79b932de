//! A full disk.

use super::budget::each_seed;
use super::trial::Trial;

#[test]
fn a_full_disk_refuses_writes_answers_reads_and_goes_on_when_there_is_space() {
    each_seed("full disk", 0.5, |seed| {
        let mut trial = Trial::new(seed);
        for _ in 0..3 {
            trial.disk.set_capacity(Some(trial.disk.used() + trial.random.below(150_000)));
            for _ in 0..400 {
                if !trial.refused.is_empty() || trial.is_over() {
                    break;
                }
                if trial.random.one_in(2) {
                    trial.try_write(3);
                } else {
                    trial.try_large(10_000);
                }
            }
            assert!(!trial.is_over(), "a full disk ends nothing: {:?}", trial.store().failure());
            assert!(!trial.refused.is_empty(), "the disk was full, and nothing was refused");
            trial.check();
            trial.look_back();
            trial.check_pins();
            // A start on a full disk must work too: nobody could make space otherwise.
            if trial.random.one_in(2) {
                trial.crash();
                trial.open();
                trial.settle();
            }
            trial.disk.set_capacity(None);
            trial.settle();
            trial.write_when_it_can();
            if trial.random.one_in(2) {
                trial.checkpoint();
            }
        }
        trial.crash();
        trial.recover();
        trial.close();
    });
}
