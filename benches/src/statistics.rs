//! What many numbers say.

use std::time::Duration;

/// Numbers of one kind, in the order in which they were taken. Times are in seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Samples {
    taken: Vec<f64>,
}

impl Samples {
    /// Room for `count` numbers, so that taking them allocates nothing.
    pub(crate) fn with_capacity(count: usize) -> Self {
        Self { taken: Vec::with_capacity(count) }
    }

    pub(crate) fn push(&mut self, value: f64) {
        self.taken.push(value);
    }

    pub(crate) fn time(&mut self, time: Duration) {
        self.taken.push(time.as_secs_f64());
    }

    pub(crate) fn append(&mut self, mut others: Self) {
        self.taken.append(&mut others.taken);
    }

    pub(crate) fn len(&self) -> usize {
        self.taken.len()
    }

    pub(crate) fn as_slice(&self) -> &[f64] {
        &self.taken
    }

    /// The numbers in order, for quantiles. `None` without any.
    pub(crate) fn sorted(&self) -> Option<Sorted> {
        let mut sorted = self.taken.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        (!sorted.is_empty()).then_some(Sorted(sorted))
    }

    /// The median.
    ///
    /// # Errors
    /// Without any number: a bench that measured nothing must not pass for one that measured zero.
    pub(crate) fn median(&self) -> anyhow::Result<f64> {
        Ok(self.ordered()?.median())
    }

    /// As [`Samples::sorted`], but nothing measured is an error.
    pub(crate) fn ordered(&self) -> anyhow::Result<Sorted> {
        self.sorted().ok_or_else(|| anyhow::anyhow!("nothing was measured"))
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self { taken: values.into_iter().collect() }
    }
}

/// At least one number, ascending.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sorted(Vec<f64>);

impl Sorted {
    /// The nearest-rank quantile: the smallest number that at least the part `q` (0 to 1) of all numbers does not exceed.
    pub(crate) fn quantile(&self, q: f64) -> f64 {
        let rank = (q * self.0.len() as f64).ceil() as usize;
        self.0[rank.clamp(1, self.0.len()) - 1]
    }

    /// The middle one; of an even number, the mean of the two in the middle.
    pub(crate) fn median(&self) -> f64 {
        let half = self.0.len() / 2;
        if self.0.len().is_multiple_of(2) { f64::midpoint(self.0[half - 1], self.0[half]) } else { self.0[half] }
    }

    pub(crate) fn p95(&self) -> f64 {
        self.quantile(0.95)
    }

    pub(crate) fn p99(&self) -> f64 {
        self.quantile(0.99)
    }

    pub(crate) fn min(&self) -> f64 {
        self.0[0]
    }

    pub(crate) fn max(&self) -> f64 {
        self.0[self.0.len() - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl IntoIterator<Item = f64>) -> Sorted {
        values.into_iter().collect::<Samples>().sorted().unwrap()
    }

    #[test]
    fn quantiles_are_numbers_that_were_measured() {
        let hundred = of((1..=100).rev().map(f64::from));
        assert_eq!((hundred.p95(), hundred.p99()), (95.0, 99.0));
        assert_eq!((hundred.quantile(0.0), hundred.quantile(1.0)), (1.0, 100.0));
        let three = of([7.0, 1.0, 3.0]);
        assert_eq!((three.p95(), three.quantile(0.34), three.quantile(0.33)), (7.0, 3.0, 1.0));
    }

    #[test]
    fn the_median_lies_in_the_middle() {
        assert_eq!(of([9.0, 1.0, 5.0]).median(), 5.0);
        assert_eq!(of([1.0, 2.0, 4.0, 100.0]).median(), 3.0);
        assert_eq!(of([4.0]).median(), 4.0);
    }

    #[test]
    fn nothing_measured_is_not_zero() {
        assert!(Samples::default().median().is_err());
        assert_eq!(Samples::default().sorted(), None);
    }

    #[test]
    fn samples_keep_the_order_in_which_they_were_taken() {
        let mut samples = Samples::with_capacity(2);
        samples.time(Duration::from_millis(20));
        samples.push(0.01);
        samples.append([0.03].into_iter().collect());
        assert_eq!(samples.as_slice(), [0.02, 0.01, 0.03]);
        assert_eq!(samples.ordered().unwrap().min(), 0.01);
        assert_eq!(samples.ordered().unwrap().max(), 0.03);
    }
}
