//! Many threads at once.

use std::thread;

use sutra_vector::{Effort, Filter, Graph, Ordinals, Part, Query, Recent, Scalar};

use crate::fixture::{Embeddings, found, part, shape, with_graph};

#[test]
fn what_is_shared_may_be() {
    fn shared<T: Send + Sync>() {}
    shared::<(Graph, Part, Recent, Query, Ordinals)>();
}

#[test]
fn more_threads_than_contexts_search_one_graph_and_find_the_same() {
    let mut texts = Embeddings::clustered(6, 32, 10);
    let part = with_graph(&part(shape(32, Scalar::F16), &texts.vectors(3_000)));
    let half: Ordinals = (0..3_000).step_by(2).collect();
    let queries = texts.vectors(20);
    let all = || -> Vec<_> {
        queries
            .iter()
            .flat_map(|query| [Filter::All, Filter::Among(&half)].map(|filter| found(&part, query, 10, filter, Effort::Usual)))
            .collect()
    };
    let alone = all();
    // Far more than the contexts of any machine that runs this.
    thread::scope(|scope| {
        let threads: Vec<_> = (0..150).map(|_| scope.spawn(all)).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), alone);
        }
    });
}

#[test]
fn a_vector_is_found_by_whoever_takes_a_snapshot_after_it() {
    let mut texts = Embeddings::uniform(7, 16);
    let vectors = texts.vectors(600);
    let shape = shape(16, Scalar::F16);
    let (send, receive) = std::sync::mpsc::sync_channel::<Recent>(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut recent = Recent::new(shape);
            for vector in &vectors {
                recent.push(vector).unwrap();
                send.send(recent.clone()).unwrap();
            }
            drop(send);
        });
        for (last, snapshot) in receive.into_iter().enumerate() {
            assert_eq!(snapshot.len() as usize, last + 1);
            let query = Query::new(shape, &vectors[last]).unwrap();
            let found = snapshot.search(&query, 1, &Filter::All, Effort::Usual).unwrap();
            assert_eq!(found[0].ordinal as usize, last);
        }
    });
}
