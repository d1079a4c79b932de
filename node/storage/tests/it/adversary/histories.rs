//! Random histories without accidents.

use super::budget::each_seed;
use super::trial::Trial;

#[test]
fn whatever_is_written_reads_back_as_the_model_says() {
    each_seed("histories", 1.0, |seed| {
        let mut trial = Trial::new(seed);
        for _ in 0..80 {
            match trial.random.below(24) {
                0 => trial.flush(),
                1 => {
                    trial.close();
                    trial.open();
                }
                2..=4 => trial.look_back(),
                5 => trial.check(),
                6 => trial.check_pins(),
                7..=8 => trial.checkpoint(),
                9 => trial.compact(),
                10 => trial.write_meanwhile(6),
                _ => trial.write(4),
            }
        }
        trial.check();
        trial.check_pins();
        trial.close();
        trial.open();
        trial.check();
        trial.check_pins();
        (0..4).for_each(|_| trial.look_back());
        trial.close();
    });
}
