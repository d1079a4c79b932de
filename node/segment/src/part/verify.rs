//! Reading everything there is.

use sutra_protocol::ConceptId;

use crate::attributes::{self, AttributeRuns};
use crate::part::{ALIVE, Part};
use crate::run::Run;
use crate::section::Kind;

impl Part {
    /// Reads every row and every index; what it finds is [`Container::damage`](crate::Container::damage) afterwards, too. `None`:
    /// there is damage.
    pub(crate) fn verify(&self) -> Option<()> {
        self.verify_ids(Kind::Ids, self.meta.rows)?;
        self.verify_ids(Kind::Foreign, self.meta.foreign)?;
        let mut living = 0;
        for row in 0..self.meta.rows {
            living += u32::from(self.verify_row(row)?);
        }
        self.agree(living == self.meta.living, || format!("{living} concepts are alive, not {}", self.meta.living))?;
        self.verify_edges()?;
        for kind in [Kind::Names, Kind::Keys, Kind::ByTime] {
            self.verify_run(self.run(kind))?;
        }
        for ordinal in 0..self.meta.vectors {
            self.vector_row(ordinal)?;
        }
        for index in 0..attributes::names(self).unwrap_or(0) {
            let runs = AttributeRuns::at(self, index)?;
            for run in runs.runs() {
                self.verify_run(run)?;
            }
        }
        if let Some(Err(damage)) = self.keywords().map(sutra_keyword::Part::verify) {
            self.found_damaged(&damage);
        }
        match self.container.damage() {
            Some(_) => None,
            None => Some(()),
        }
    }

    fn verify_ids(&self, kind: Kind, count: u32) -> Option<()> {
        let mut before: Option<ConceptId> = None;
        for at in 0..count as usize {
            let id = self.container.id_at(self.section(kind), at)?;
            self.agree(before.is_none_or(|before| before < id), || format!("{kind:?} {at} is not above the one before"))?;
            before = Some(id);
        }
        Some(())
    }

    /// Answers whether the row is alive.
    fn verify_row(&self, row: u32) -> Option<bool> {
        let code = self.checked(row)?;
        let alive = self.whole_row(code)?.at(None).is_some();
        let flags = *self.container.slice(self.section(Kind::RowFlags), row as usize, 1)?.first()?;
        self.agree(alive == (flags & ALIVE != 0), || format!("the flags of row {row} contradict it"))?;
        self.agree(self.find(self.id(row)?) == Some(code), || format!("row {row} is not found by its id"))?;
        Some(alive)
    }

    fn verify_edges(&self) -> Option<()> {
        if self.meta.edges == 0 {
            return Some(());
        }
        let (mut left, mut arrived) = (0u64, 0u64);
        for number in 0..self.meta.codes() as u32 {
            let id = self.id(number)?;
            let (first, count) = self.extent(Kind::Out, number)?;
            self.agree(u64::from(first) == left, || format!("associations from {id} do not follow those before"))?;
            left += u64::from(count);
            let mut before = None;
            for edge in self.leaving_number(Some(number)) {
                edge.whole_row()?;
                let (source, target) = edge.ends()?;
                self.id(target)?;
                self.agree(source == number, || format!("association {} is not one from {id}", edge.index()))?;
                let key = edge.key();
                self.agree(before.as_ref().is_none_or(|before| *before < key), || {
                    format!("associations from {id} are not sorted")
                })?;
                before = Some(key);
            }
            let (first, count) = self.extent(Kind::In, number)?;
            self.agree(u64::from(first) == arrived, || format!("associations to {id} do not follow those before"))?;
            arrived += u64::from(count);
            let mut before = None;
            for edge in self.arriving_number(Some(number)) {
                let (source, target) = edge.ends()?;
                self.agree(target == number, || format!("association {} is not one to {id}", edge.index()))?;
                let (first, count) = self.extent(Kind::Out, source)?;
                let own = edge.index().checked_sub(first).is_some_and(|at| at < count);
                self.agree(own, || format!("association {} is not one from its source", edge.index()))?;
                let key = edge.key();
                let key = (key.kind, key.label, key.source, key.validity);
                self.agree(before.as_ref().is_none_or(|before| *before < key), || {
                    format!("associations to {id} are not sorted")
                })?;
                before = Some(key);
            }
        }
        let all = u64::from(self.meta.edges);
        self.agree(left == all && arrived == all, || format!("of {all} associations {left} leave and {arrived} arrive"))?;
        let mut before = None;
        for at in 0..self.meta.supports as usize {
            let (statement, edge) = self.support(at)?;
            self.id(statement)?;
            let key = (statement, self.nth_edge(edge)?.key());
            self.agree(before.as_ref().is_none_or(|before| *before < key), || {
                format!("support {at} is not above the one before")
            })?;
            before = Some(key);
        }
        Some(())
    }

    fn verify_run(&self, run: Run<'_>) -> Option<()> {
        let mut before = None;
        let mut count = 0;
        for pair in run.all() {
            self.checked(pair.1)?;
            self.agree(before.is_none_or(|before| before < pair), || format!("pair {count} of a {} is not sorted", run.section))?;
            before = Some(pair);
            count += 1;
        }
        self.agree(count == run.count, || format!("a {} ends at pair {count}", run.section))
    }

    fn agree(&self, agrees: bool, what: impl FnOnce() -> String) -> Option<()> {
        if agrees { Some(()) } else { self.container.fault(|| format!("namespace {}: {}", self.meta.namespace, what())) }
    }
}
