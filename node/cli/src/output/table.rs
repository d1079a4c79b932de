//! Tables without lines, as kubectl has them.

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};

use super::text;

/// A table that wraps its widest columns to the screen.
pub(crate) struct Rows {
    table: Table,
    /// Longest text of a cell, in columns; longer ones are cut.
    longest: usize,
}

impl Rows {
    /// An empty table for a screen of `width` columns. Columns whose heading is in `whole` are never wrapped.
    pub(crate) fn new<const N: usize>(width: usize, headings: [&str; N], whole: &[&str]) -> Self {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(u16::try_from(width).unwrap_or(u16::MAX)).set_header(headings);
        for (at, heading) in headings.iter().enumerate() {
            if let Some(column) = table.column_mut(at) {
                column.set_padding((0, 2));
                if whole.contains(heading) {
                    column.set_constraint(ColumnConstraint::ContentWidth);
                }
            }
        }
        Self { table, longest: width.saturating_mul(4) }
    }

    /// Adds a row; cells may hold anything.
    pub(crate) fn push<const N: usize>(&mut self, cells: [String; N]) {
        self.table.add_row(cells.map(|cell| text::cut(&text::line(&cell), self.longest)));
    }

    /// The table with a line feed behind each line.
    pub(crate) fn render(&self) -> String {
        let mut rendered = String::new();
        for line in self.table.lines() {
            rendered.push_str(line.trim_end());
            rendered.push('\n');
        }
        rendered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stay_whole_and_contents_wrap() {
        let mut rows = Rows::new(60, ["ID", "CONTENT"], &["ID"]);
        let id = "0123456789abcdef0123456789abcdef";
        rows.push([id.into(), "aspirin: a drug that relieves pain\nand fever\u{1b}[2J".into()]);
        let gap = " ".repeat(32);
        let contents = [id, "  aspirin: a drug that\n", &gap, "  relieves pain and\n", &gap, "  fever\\u{1b}[2J\n"].concat();
        let expected = format!("ID                                CONTENT\n{contents}");
        assert_eq!(rows.render(), expected);
    }

    #[test]
    fn a_huge_cell_is_cut() {
        let mut rows = Rows::new(60, ["CONTENT"], &[]);
        rows.push(["pain ".repeat(10_000)]);
        let rendered = rows.render();
        assert!(rendered.lines().count() < 7 && rendered.trim_end().ends_with('…'), "{rendered}");
    }
}
