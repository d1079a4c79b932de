//! The Markdown.

use std::fmt::Write as _;

use super::paper::Part;
use super::record::Record;
use super::unit::Unit;
use crate::scale::Scale;

/// A section of `RESULTS.md`: the machine, the table, and when each measurement was made. `missing` are measurements without a record.
pub(crate) fn render(part: Part, scale: Scale, records: &[Record], missing: &[&str]) -> String {
    let mut out = format!("{}\n", part.heading());
    if scale == Scale::Small {
        out.push_str("**Small scale: a tenth of the concepts. These are not the figures of the goals; they only show that the measurements run.**\n\n");
    }
    machine(&mut out, records);
    out.push_str("\n| what | goal | measured | how | reached? |\n|---|---|---|---|---|\n");
    for row in records.iter().flat_map(|record| &record.rows) {
        let [goal, measured, how, reached] = row.cells().map(|cell| escape(&cell));
        let _ = writeln!(out, "| {} | {goal} | {measured} | {how} | {reached} |", escape(&row.what));
    }
    for name in missing {
        let _ = writeln!(out, "| {name} | – | not measured | `cargo xtask bench {} --only {name}` was not run | – |", part.name);
    }
    out.push_str("\n| measurement | commit | when | took | load average before |\n|---|---|---|---|---|\n");
    for record in records {
        let changed = if record.commit.changed { " with changes" } else { "" };
        let took = Unit::Seconds.write(record.seconds);
        let _ = writeln!(
            out,
            "| {} | {}{changed} | {} | {took} | {:.2} |",
            record.measurement, record.commit.id, record.at, record.load
        );
    }
    out
}

fn machine(out: &mut String, records: &[Record]) {
    let mut told: Vec<String> = Vec::new();
    for record in records {
        let of = &record.machine;
        let about = format!(
            "{} cores of {}, {} of memory, Linux {}, {}",
            of.cores,
            of.processor,
            Unit::Bytes.write(of.memory_bytes as f64),
            of.kernel,
            of.file_system,
        );
        if !told.contains(&about) {
            let sync = [of.fdatasync_p50, of.fdatasync_p99].map(|time| Unit::Seconds.write(time));
            let _ = writeln!(
                out,
                "Machine: {about}. Its disk, left alone: 4 KiB appended and `fdatasync` in {} (p99 {}).",
                sync[0], sync[1]
            );
            told.push(about);
        }
    }
}

/// A bar would end the cell, and a line end the row.
fn escape(cell: &str) -> String {
    cell.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;
    use crate::report::{Goal, Row};

    const PART: Part = Part { name: "storage", title: "Storage" };

    #[test]
    fn the_table_says_what_is_reached_what_not_and_what_was_not_measured() {
        let rows = vec![
            Row::new("resident | WordNet", Unit::Bytes, Goal::Below(178_257_920.0), 157_286_400.0, "one load"),
            Row::new("start", Unit::Seconds, Goal::Below(0.1), 0.2, "5 starts"),
        ];
        let text = render(PART, Scale::Full, &[record("memory", rows)], &["idle"]);
        assert!(text.contains("| resident \\| WordNet | < 170 MiB | 150 MiB | one load | yes |"), "{text}");
        assert!(text.contains("| start | < 100 ms | 200 ms | 5 starts | **no** |"), "{text}");
        assert!(text.contains("| idle | – | not measured |"), "{text}");
        assert!(text.contains("2 cores of AMD EPYC") && text.contains("| memory | 0123456789ab |"), "{text}");
        assert!(!text.contains("Small scale"));
    }

    #[test]
    fn a_small_run_never_passes_for_a_full_one() {
        assert!(render(PART, Scale::Small, &[], &[]).contains("**Small scale"));
    }
}
