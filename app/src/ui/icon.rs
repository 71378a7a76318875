//! Lucide's icons as strokes: sharp at every zoom, in the colour of the text beside them, and no SVG
//! rasteriser in the program.

use eframe::egui::{Color32, Painter, Pos2, Rect, Shape, Stroke, Vec2, pos2, vec2};
pub use egui_lucide::Lucide;
use std::cell::RefCell;
use std::collections::HashMap;
use std::f32::consts::{FRAC_PI_2, PI, TAU};
use std::rc::Rc;

/// Side of the square that the icons are drawn in by their makers.
const VIEW: f32 = 24.0;

type Lines = Rc<Vec<Vec<Pos2>>>;

thread_local! {
    static PARSED: RefCell<HashMap<&'static str, Lines>> = RefCell::default();
}

/// Paints an icon into the middle of `rect`.
pub fn paint(painter: &Painter, rect: Rect, icon: Lucide, size: f32, color: Color32) {
    let scale = size / VIEW;
    let origin = rect.center() - Vec2::splat(size / 2.0);
    let stroke = Stroke::new((2.0 * scale).max(1.25), color);
    for line in lines(icon).iter() {
        let points = line.iter().map(|point| origin + point.to_vec2() * scale).collect();
        painter.add(Shape::line(points, stroke));
    }
}

fn lines(icon: Lucide) -> Lines {
    PARSED.with_borrow_mut(|parsed| {
        Rc::clone(parsed.entry(icon.name()).or_insert_with(|| Rc::new(parse(icon.inner()))))
    })
}

/// The lines of an icon: the few elements and attributes that Lucide uses.
fn parse(svg: &str) -> Vec<Vec<Pos2>> {
    let mut lines = Vec::new();
    for element in svg.split('<').skip(1) {
        let number = |name: &str| attribute(element, name).and_then(|value| value.parse::<f32>().ok());
        let at = |x: &str, y: &str| pos2(number(x).unwrap_or(0.0), number(y).unwrap_or(0.0));
        match element.split_whitespace().next() {
            Some("path") => path(attribute(element, "d").unwrap_or_default(), &mut lines),
            Some("line") => lines.push(vec![at("x1", "y1"), at("x2", "y2")]),
            Some("circle") => {
                let r = number("r").unwrap_or(0.0);
                lines.push(ellipse(at("cx", "cy"), vec2(r, r)));
            }
            Some("ellipse") => {
                lines.push(ellipse(
                    at("cx", "cy"),
                    vec2(number("rx").unwrap_or(0.0), number("ry").unwrap_or(0.0)),
                ));
            }
            Some("rect") => {
                let size = vec2(number("width").unwrap_or(0.0), number("height").unwrap_or(0.0));
                let radius = number("rx").or(number("ry")).unwrap_or(0.0);
                lines.push(rounded(Rect::from_min_size(at("x", "y"), size), radius));
            }
            Some("polyline" | "polygon") => {
                let mut numbers = Numbers::new(attribute(element, "points").unwrap_or_default());
                let mut points = Vec::new();
                while let (Some(x), Some(y)) = (numbers.next(), numbers.next()) {
                    points.push(pos2(x, y));
                }
                lines.push(points);
            }
            _ => {}
        }
    }
    lines
}

fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    element.split(&format!(" {name}=\"")).nth(1)?.split('"').next()
}

fn ellipse(center: Pos2, radius: Vec2) -> Vec<Pos2> {
    (0..=32).map(|step| center + Vec2::angled(TAU * step as f32 / 32.0) * radius).collect()
}

fn rounded(rect: Rect, radius: f32) -> Vec<Pos2> {
    let inner = rect.shrink(radius);
    let corners = [
        (inner.left_top(), PI),
        (inner.right_top(), PI + FRAC_PI_2),
        (inner.right_bottom(), 0.0),
        (inner.left_bottom(), FRAC_PI_2),
    ];
    let mut points: Vec<Pos2> = corners
        .into_iter()
        .flat_map(|(corner, start)| {
            (0..=6).map(move |step| corner + Vec2::angled(start + FRAC_PI_2 * step as f32 / 6.0) * radius)
        })
        .collect();
    points.extend(points.first().copied());
    points
}

/// Numbers of an attribute: separated by spaces, commas, signs or a second point.
struct Numbers<'a> {
    rest: &'a str,
}

impl<'a> Numbers<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    fn skip(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', ',', '\n']);
    }

    /// The next command letter, when one stands here.
    fn letter(&mut self) -> Option<char> {
        self.skip();
        let letter = self.rest.chars().next().filter(char::is_ascii_alphabetic)?;
        self.rest = self.rest.get(1..).unwrap_or_default();
        Some(letter)
    }

    /// A flag of an arc: one digit, with or without a space after it.
    fn flag(&mut self) -> Option<bool> {
        self.skip();
        let flag = self.rest.chars().next()?;
        self.rest = self.rest.get(1..).unwrap_or_default();
        Some(flag == '1')
    }
}

impl Iterator for Numbers<'_> {
    type Item = f32;

    fn next(&mut self) -> Option<f32> {
        self.skip();
        let mut end = 0;
        let mut point = false;
        for (index, c) in self.rest.char_indices() {
            match c {
                '-' if index == 0 => {}
                '.' if !point => point = true,
                '0'..='9' => {}
                _ => break,
            }
            end = index + 1;
        }
        let number = self.rest.get(..end)?.parse().ok()?;
        self.rest = self.rest.get(end..).unwrap_or_default();
        Some(number)
    }
}

/// Follows a path's commands; a mistake ends it.
fn path(d: &str, lines: &mut Vec<Vec<Pos2>>) {
    let mut pen = Pen { at: Pos2::ZERO, start: Pos2::ZERO, control: None, line: Vec::new() };
    let mut numbers = Numbers::new(d);
    let mut command = ' ';
    loop {
        if let Some(letter) = numbers.letter() {
            command = letter;
        } else if numbers.rest.is_empty() {
            break;
        }
        if pen.follow(command, &mut numbers, lines).is_none() {
            break;
        }
        // More pairs after a move are lines.
        command = match command {
            'm' => 'l',
            'M' => 'L',
            other => other,
        };
    }
    lines.push(pen.line);
    lines.retain(|line| line.len() > 1);
}

struct Pen {
    at: Pos2,
    start: Pos2,
    control: Option<Pos2>,
    line: Vec<Pos2>,
}

impl Pen {
    fn follow(&mut self, command: char, numbers: &mut Numbers<'_>, lines: &mut Vec<Vec<Pos2>>) -> Option<()> {
        let base = if command.is_ascii_lowercase() { self.at.to_vec2() } else { Vec2::ZERO };
        let point = |numbers: &mut Numbers<'_>| Some(pos2(numbers.next()?, numbers.next()?) + base);
        let mut control = None;
        match command.to_ascii_uppercase() {
            'M' => {
                let to = point(numbers)?;
                lines.push(std::mem::take(&mut self.line));
                (self.at, self.start) = (to, to);
                self.line.push(to);
            }
            'L' => {
                let to = point(numbers)?;
                self.to(to);
            }
            'H' => {
                let x = numbers.next()? + base.x;
                self.to(pos2(x, self.at.y));
            }
            'V' => {
                let y = numbers.next()? + base.y;
                self.to(pos2(self.at.x, y));
            }
            'C' | 'S' => {
                let first = if command.eq_ignore_ascii_case(&'C') {
                    point(numbers)?
                } else {
                    self.at + (self.at - self.control.unwrap_or(self.at))
                };
                let (second, to) = (point(numbers)?, point(numbers)?);
                self.curve(first, second, to);
                control = Some(second);
            }
            'Q' => {
                let (middle, to) = (point(numbers)?, point(numbers)?);
                let third = 2.0 / 3.0;
                self.curve(self.at + (middle - self.at) * third, to + (middle - to) * third, to);
            }
            'A' => {
                let radius = vec2(numbers.next()?, numbers.next()?);
                let _tilt = numbers.next()?;
                let (large, sweep) = (numbers.flag()?, numbers.flag()?);
                let to = point(numbers)?;
                self.arc(radius, large, sweep, to);
            }
            'Z' => {
                let start = self.start;
                self.to(start);
                lines.push(std::mem::take(&mut self.line));
                self.line.push(start);
            }
            _ => return None,
        }
        self.control = control;
        Some(())
    }

    fn to(&mut self, to: Pos2) {
        self.line.push(to);
        self.at = to;
    }

    fn curve(&mut self, first: Pos2, second: Pos2, to: Pos2) {
        let from = self.at;
        for step in 1..=10 {
            let t = step as f32 / 10.0;
            let u = 1.0 - t;
            let point = from.to_vec2() * (u * u * u)
                + first.to_vec2() * (3.0 * u * u * t)
                + second.to_vec2() * (3.0 * u * t * t)
                + to.to_vec2() * (t * t * t);
            self.line.push(point.to_pos2());
        }
        self.at = to;
    }

    /// An arc by its end points (SVG 1.1, appendix F.6.5), without tilt.
    fn arc(&mut self, radius: Vec2, large: bool, sweep: bool, to: Pos2) {
        let half = (self.at - to) / 2.0;
        let reach = (half.x / radius.x).powi(2) + (half.y / radius.y).powi(2);
        if !reach.is_finite() || reach == 0.0 {
            return self.to(to);
        }
        let radius = radius * reach.max(1.0).sqrt();
        let reach = reach.min(1.0);
        let side = if large == sweep { -1.0 } else { 1.0 };
        let factor = side * ((1.0 - reach) / reach).max(0.0).sqrt();
        let offset = vec2(factor * radius.x * half.y / radius.y, -factor * radius.y * half.x / radius.x);
        let center = self.at + (to - self.at) / 2.0 + offset;
        let angle = |point: Pos2| ((point - center) / radius).angle();
        let (from, mut turn) = (angle(self.at), angle(to) - angle(self.at));
        if sweep && turn < 0.0 {
            turn += TAU;
        } else if !sweep && turn > 0.0 {
            turn -= TAU;
        }
        for step in 1..=12 {
            self.line.push(center + Vec2::angled(from + turn * step as f32 / 12.0) * radius);
        }
        self.at = to;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_icon_stays_in_its_square() {
        let mut odd = Vec::new();
        for icon in Lucide::ALL {
            let lines = parse(icon.inner());
            let inside = |point: &Pos2| (-1.0..=25.0).contains(&point.x) && (-1.0..=25.0).contains(&point.y);
            if lines.is_empty() || !lines.iter().flatten().all(inside) {
                odd.push(icon.name());
            }
        }
        assert!(odd.len() <= 2, "{odd:?}");
    }
}
