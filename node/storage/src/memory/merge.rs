//! One ascending sequence out of several.

use std::iter::Peekable;

/// Merges sequences that ascend, each without repetitions, into one; what several hold comes once.
pub(crate) fn merged<'a, T: Ord + 'a>(sources: Vec<Box<dyn Iterator<Item = T> + 'a>>) -> impl Iterator<Item = T> + 'a {
    // A shard has a dozen layers or two, and a delta some twenty runs: looking at each head is cheaper than a heap.
    let mut heads: Vec<Peekable<_>> = sources.into_iter().map(Iterator::peekable).collect();
    std::iter::from_fn(move || {
        let mut least: Option<usize> = None;
        for at in 0..heads.len() {
            if heads[at].peek().is_none() {
                continue;
            }
            let smaller = match least {
                None => true,
                Some(other) => {
                    let (front, back) = heads.split_at_mut(at);
                    back[0].peek() < front[other].peek()
                }
            };
            if smaller {
                least = Some(at);
            }
        }
        let item = heads[least?].next()?;
        for head in &mut heads {
            head.next_if_eq(&item);
        }
        Some(item)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_sequences_become_one_without_repetitions() {
        let sources: Vec<Box<dyn Iterator<Item = u32>>> =
            vec![Box::new([1, 4, 7].into_iter()), Box::new([].into_iter()), Box::new([1, 2, 7, 9].into_iter())];
        assert_eq!(merged(sources).collect::<Vec<_>>(), [1, 2, 4, 7, 9]);
    }
}
