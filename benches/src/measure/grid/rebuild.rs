//! A replica made anew.
//!
//! A grid of three is taught a million concepts with their associations, without vectors: graphs over vectors are never sent, they are built where they
//! are. A node that follows is killed, its directory emptied, and a new node takes its place; the time is from the request for that until the
//! new replica votes and has applied everything. The reference, in the same turn, is a copy of the leader's files, but for its log, through a socket into
//! files that are synced: the figure is the median of the turns' ratios.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use sutra_protocol::http::{LearnAssociation, LearnRequest};

use crate::disk::{Copied, socket_copy};
use crate::generator::Generator;
use crate::process::{Grid, quiet};
use crate::progress;
use crate::report::{Goal, Recorder, Row, Unit};
use crate::setting::Setting;
use crate::statistics::Samples;

/// How long the load may be tidied up after.
const SETTLE: std::time::Duration = std::time::Duration::from_secs(600);

pub(crate) fn run(setting: &Setting, recorder: &mut Recorder) -> anyhow::Result<()> {
    let turns = setting.scale.of(1, 3);
    let concepts = setting.scale.concepts();
    let dir = setting.directory("rebuild")?;
    let file = dir.path().join("concepts.ndjson");
    let associations = write_import(&Generator::new(setting.seed, false), concepts, &file)?;
    let mut grid = Grid::start(setting, 3)?;
    let leader = grid.leader()?;
    let (time, report) = grid.node(leader)?.import(&file)?;
    anyhow::ensure!(report.concepts as usize == concepts, "the import reports {} of {concepts} concepts", report.concepts);
    progress::step(format_args!("{concepts} concepts on three replicas after {:.0} s", time.as_secs_f64()));
    std::fs::remove_file(&file).with_context(|| format!("remove {}", file.display()))?;
    grid.whole()?;
    for at in 0..grid.size() {
        quiet(grid.node(at)?.id(), SETTLE)?;
    }
    let [mut ratios, mut times, mut copies] = [(); 3].map(|()| Samples::default());
    let mut bytes = 0;
    for turn in 1..=turns {
        let leader = grid.leader()?;
        let away = (leader + 1) % grid.size();
        let to = tempfile::tempdir_in(dir.path())?;
        let Copied { bytes: all, time: copy } = socket_copy(grid.data(leader), to.path(), &["wal"])?;
        drop(to);
        grid.kill(away)?;
        let started = Instant::now();
        grid.replace(away)?;
        grid.whole()?;
        let rebuilt = started.elapsed();
        progress::step(format_args!("turn {turn}: {:.2} s, copied in {:.2} s", rebuilt.as_secs_f64(), copy.as_secs_f64()));
        bytes = all;
        times.time(rebuilt);
        copies.time(copy);
        ratios.push(copy.as_secs_f64() / rebuilt.as_secs_f64());
    }
    let how = format!(
        "{concepts} concepts, {associations} associations, no vectors: {} in {}, copied in {}; median of {turns} turns; from the request until it votes and has everything",
        Unit::Bytes.write(bytes as f64),
        Unit::Seconds.write(times.median()?),
        Unit::Seconds.write(copies.median()?),
    );
    let what = format!("follower rebuild, {concepts} concepts, of a raw socket copy");
    recorder.row(Row::new(what, Unit::Share, Goal::AtLeast(0.6), ratios.median()?, how));
    recorder.samples("rebuild", &times);
    recorder.samples("raw copy", &copies);
    Ok(())
}

/// The generated concepts as lines of an import; how many associations they have.
fn write_import(generator: &Generator, concepts: usize, to: &Path) -> anyhow::Result<usize> {
    let cannot = || format!("write {}", to.display());
    let mut file = BufWriter::new(File::create(to).with_context(cannot)?);
    let mut count = 0;
    for index in 0..concepts {
        let concept = generator.concept(index);
        let associations: Vec<LearnAssociation> = generator
            .associations(index)
            .into_iter()
            .map(|association| LearnAssociation {
                target: Some(association.key.target),
                kind: Some(association.key.kind),
                label: Some(association.key.label.to_string()),
                confidence: Some(association.confidence),
                ..LearnAssociation::default()
            })
            .collect();
        count += associations.len();
        let line = LearnRequest {
            content: concept.content.to_string(),
            key: concept.key.map(|key| key.to_string()),
            aliases: concept.aliases.iter().map(ToString::to_string).collect(),
            semantic_type: concept.semantic_type,
            confidence: concept.confidence,
            attributes: concept.attributes,
            source: concept.source,
            associations,
            ..LearnRequest::default()
        };
        serde_json::to_writer(&mut file, &line)?;
        file.write_all(b"\n").with_context(cannot)?;
    }
    file.flush().with_context(cannot)?;
    Ok(count)
}
