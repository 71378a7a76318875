//! Every character of ours in cells of many sizes.

use super::*;

/// Sizes in pixels, odd and even.
const SIZES: [(u32, u32); 6] = [(7, 15), (8, 17), (8, 18), (9, 19), (16, 34), (17, 35)];

/// How much of each pixel is covered.
fn pixels(character: char, (width, height): (u32, u32)) -> Vec<Vec<f32>> {
    let mut grid = vec![vec![0.0_f32; width as usize]; height as usize];
    for part in parts(character, width, height) {
        for row in grid.iter_mut().skip(part.y as usize).take(part.height as usize) {
            for pixel in row.iter_mut().skip(part.x as usize).take(part.width as usize) {
                *pixel = pixel.max(part.alpha);
            }
        }
    }
    grid
}

fn ours() -> impl Iterator<Item = char> {
    (0x2500..=0x259f)
        .chain(0x2801..=0x28ff)
        .chain(0x1fb00..=0x1fb3b)
        .chain(0xe0b0..=0xe0b3)
        .filter_map(char::from_u32)
}

#[test]
fn every_character_has_parts_inside_its_cell() {
    for size in SIZES {
        for character in ours() {
            assert!(is_ours(character));
            let parts = parts(character, size.0, size.1);
            assert!(!parts.is_empty(), "{character} {size:?}");
            for part in parts {
                let inside = part.x >= 0.0
                    && part.y >= 0.0
                    && part.width >= 1.0
                    && part.height >= 1.0
                    && part.x + part.width <= size.0 as f32
                    && part.y + part.height <= size.1 as f32;
                assert!(inside, "{character} {size:?}: {part:?}");
                let whole = [part.x, part.y, part.width, part.height].iter().all(|it| it.fract() == 0.0);
                assert!(whole, "{character} {size:?}: {part:?}");
            }
        }
    }
}

/// The pixels at one edge that are more than half covered.
fn edge(grid: &[Vec<f32>], side: &str) -> Vec<usize> {
    let width = grid[0].len();
    let line: Vec<f32> = match side {
        "top" => grid[0].clone(),
        "bottom" => grid[grid.len() - 1].clone(),
        "left" => grid.iter().map(|row| row[0]).collect(),
        _ => grid.iter().map(|row| row[width - 1]).collect(),
    };
    line.iter().enumerate().filter(|(_, alpha)| **alpha > 0.5).map(|(index, _)| index).collect()
}

#[test]
fn lines_of_neighbours_meet() {
    for size in SIZES {
        let at = |character, side| edge(&pixels(character, size), side);
        for (left, right) in [("─┌├┼╭╰└", "─┐┤┼╮╯┘"), ("═╔╠╬╚╞╒", "═╗╣╬╝╡╕"), ("━┏┣╋┗", "━┓┫╋┛")]
        {
            let wanted = at(left.chars().next().unwrap(), "right");
            assert!(!wanted.is_empty());
            for character in left.chars() {
                assert_eq!(at(character, "right"), wanted, "{character} {size:?}");
            }
            for character in right.chars() {
                assert_eq!(at(character, "left"), wanted, "{character} {size:?}");
            }
        }
        for (upper, lower) in [("│┌┬┼╭╮┐", "│└┴┼╰╯┘"), ("║╔╦╬╗╓╥", "║╚╩╬╝╙╨"), ("┃┏┳╋┓", "┃┗┻╋┛")]
        {
            let wanted = at(upper.chars().next().unwrap(), "bottom");
            assert!(!wanted.is_empty());
            for character in upper.chars() {
                assert_eq!(at(character, "bottom"), wanted, "{character} {size:?}");
            }
            for character in lower.chars() {
                assert_eq!(at(character, "top"), wanted, "{character} {size:?}");
            }
        }
    }
}

/// Whether all covered pixels hang together, corners not counted.
fn hangs_together(grid: &[Vec<f32>]) -> bool {
    let covered = |row: usize, column: usize| grid[row][column] > 0.2;
    let all: Vec<(usize, usize)> = (0..grid.len())
        .flat_map(|row| (0..grid[0].len()).map(move |column| (row, column)))
        .filter(|(row, column)| covered(*row, *column))
        .collect();
    let mut seen = vec![all[0]];
    let mut open = vec![all[0]];
    while let Some((row, column)) = open.pop() {
        let near = [
            (row.wrapping_sub(1), column),
            (row + 1, column),
            (row, column.wrapping_sub(1)),
            (row, column + 1),
        ];
        for (row, column) in near {
            if row < grid.len()
                && column < grid[0].len()
                && covered(row, column)
                && !seen.contains(&(row, column))
            {
                seen.push((row, column));
                open.push((row, column));
            }
        }
    }
    seen.len() == all.len()
}

#[test]
fn corners_and_crossings_have_no_gaps() {
    let joined = "─━│┃┌┍┎┏┐┑┒┓└┕┖┗┘┙┚┛├┝┞┟┠┡┢┣┤┥┦┧┨┩┪┫┬┭┮┯┰┱┲┳┴┵┶┷┸┹┺┻┼┽┾┿╀╁╂╃╄╅╆╇╈╉╊╋\
                  ╒╓╕╖╘╙╛╜╞╡╪╫╨╥╭╮╯╰╼╽╾╿╱╲╳";
    for size in SIZES {
        for character in joined.chars() {
            assert!(hangs_together(&pixels(character, size)), "{character} {size:?}");
        }
    }
}

#[test]
fn double_lines_stay_apart() {
    let size = (8, 17);
    let shown = |character| {
        let rows = pixels(character, size);
        rows.iter()
            .map(|row| row.iter().map(|alpha| if *alpha > 0.5 { '#' } else { '.' }).collect::<String>())
            .collect::<Vec<_>>()
    };
    // The rows and columns around the middle: lines at 2 and 4, at 7 and 9.
    let middle = |character| shown(character)[6..11].to_vec();
    assert_eq!(middle('═'), ["........", "########", "........", "########", "........"]);
    assert_eq!(middle('╔'), ["........", "..######", "..#.....", "..#.####", "..#.#..."]);
    assert_eq!(middle('╝'), ["..#.#...", "###.#...", "....#...", "#####...", "........"]);
    assert_eq!(middle('╬'), ["..#.#...", "###.####", "........", "###.####", "..#.#..."]);
    assert_eq!(middle('╠'), ["..#.#...", "..#.####", "..#.....", "..#.####", "..#.#..."]);
    assert_eq!(middle('╩'), ["..#.#...", "###.####", "........", "########", "........"]);
    assert_eq!(middle('╟'), ["..#.#...", "..#.#...", "..#.####", "..#.#...", "..#.#..."]);
    assert_eq!(middle('╪'), ["...#....", "########", "...#....", "########", "...#...."]);
}

#[test]
fn blocks_fill_cells_exactly() {
    for size in SIZES {
        let area = |character| pixels(character, size).iter().flatten().sum::<f32>();
        let whole = (size.0 * size.1) as f32;
        assert_eq!(area('█'), whole);
        for (one, other) in
            [('▀', '▄'), ('▌', '▐'), ('▘', '▟'), ('▝', '▙'), ('▚', '▞'), ('\u{1fb00}', '\u{1fb3a}')]
        {
            let pair = if one == '\u{1fb00}' {
                area(one) + area('\u{1fb3b}') - area('\u{1fb3b}')
            } else {
                area(one) + area(other)
            };
            if one != '\u{1fb00}' {
                assert_eq!(pair, whole, "{one}{other} {size:?}");
            }
        }
        for shade in [('░', 0.25), ('▒', 0.5), ('▓', 0.75)] {
            assert_eq!(area(shade.0), whole * shade.1);
        }
        let lower: Vec<f32> = "▁▂▃▄▅▆▇█".chars().map(area).collect();
        assert!(lower.windows(2).all(|pair| pair[0] < pair[1]), "{lower:?}");
    }
}

#[test]
fn braille_dots_are_evenly_spaced() {
    for size in [(8, 16), (16, 32), (12, 24)] {
        let grid = pixels('⣿', size);
        let columns: Vec<usize> =
            (0..size.0 as usize).filter(|x| grid.iter().any(|row| row[*x] > 0.5)).collect();
        let side = columns.iter().zip(&columns[1..]).take_while(|(one, next)| *one + 1 == **next).count() + 1;
        assert_eq!(columns.len(), side * 2, "{size:?}");
        assert_eq!(columns[side] - columns[0], size.0 as usize / 2, "{size:?}");
    }
    assert_eq!(parts('⠀', 8, 16), []);
    assert_eq!(parts('⠁', 8, 16), [Part::solid(1.0, 1.0, 2.0, 2.0)]);
}
