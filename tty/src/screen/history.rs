//! Rows above the screen that come from elsewhere: a snapshot, the recording.

use alacritty_terminal::grid::{Dimensions, Grid, Row, Scroll};
use alacritty_terminal::index::Line;
use alacritty_terminal::term::cell::Cell;

use super::state::State;

/// Puts rows above the blank screen of a grid, in order, those of `next`. They come into being by scrolling blank ones out,
/// as many as there really are.
///
/// # Errors
/// The first one of `next`.
pub(super) fn fill<E>(
    grid: &mut Grid<Cell>,
    mut count: usize,
    mut next: impl FnMut() -> Result<Row<Cell>, E>,
) -> Result<(), E> {
    let rows = grid.screen_lines();
    while count > 0 {
        let some = count.min(rows);
        let read = (0..some).map(|_| next()).collect::<Result<Vec<Row<Cell>>, E>>()?;
        for (at, row) in read.into_iter().enumerate() {
            grid[Line(at as i32)] = row;
        }
        grid.scroll_up(&(Line(0)..Line(rows as i32)), some);
        count -= some;
    }
    Ok(())
}

impl State {
    /// Puts older rows above those that there are.
    pub(super) fn put_above(&mut self, older: Vec<Row<Cell>>) {
        let room = self.history.saturating_sub(self.main_grid().history_size());
        let skipped = older.len().saturating_sub(room);
        if older.len() == skipped {
            return;
        }
        let most = self.history;
        let grid = self.main.as_mut().unwrap_or_else(|| self.term.grid_mut());
        let (rows, columns) = (grid.screen_lines(), grid.columns());
        let older = older.into_iter().skip(skipped).map(|row| fitted(row, columns));
        let known = (grid.topmost_line().0..0).map(|line| grid[Line(line)].clone());
        let above: Vec<Row<Cell>> = older.chain(known).collect();
        let count = above.len();
        let mut above = above.into_iter();
        let mut fresh = Grid::new(rows, columns, most);
        // There are as many as are counted.
        let _all = fill(&mut fresh, count, || above.next().ok_or(()));
        for line in 0..rows as i32 {
            fresh[Line(line)] = grid[Line(line)].clone();
        }
        fresh.cursor = grid.cursor.clone();
        fresh.saved_cursor = grid.saved_cursor.clone();
        fresh.scroll_display(Scroll::Delta(grid.display_offset() as i32));
        *grid = fresh;
        self.damage_all();
    }
}

/// A row as wide as the screen.
fn fitted(row: Row<Cell>, columns: usize) -> Row<Cell> {
    if row.len() == columns {
        return row;
    }
    let mut cells: Vec<Cell> = row[..].iter().take(columns).cloned().collect();
    cells.resize(columns, Cell::default());
    super::state::heal(&mut cells);
    Row::from_vec(cells, columns)
}
