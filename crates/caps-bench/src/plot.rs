//! A report as a picture: a panel for each job, a bar for each server.

use std::path::Path;

use anyhow::ensure;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::report::{Headline, Report, Row};

const WIDTH: i32 = 860;
/// Where the bars begin: right of the servers' names.
const LEFT: i32 = 170;
/// The longest bar, beside which its figure has room.
const LONGEST: i32 = 480;
const BAR: i32 = 16;
const STEP: i32 = 22;
const HEADING: i32 = 42;

const OURS: RGBColor = RGBColor(0x1f, 0x77, 0xb4);
const OTHERS: RGBColor = RGBColor(0xb0, 0xb7, 0xc0);
const INK: RGBColor = RGBColor(0x33, 0x33, 0x33);

pub(crate) fn draw(report: &Report, svg: &Path) -> anyhow::Result<()> {
    ensure!(!report.rows.is_empty(), "the report has nothing to draw");
    let jobs = report.jobs();
    let height = jobs.len() as i32 * HEADING + report.rows.len() as i32 * STEP + 12;
    let area = SVGBackend::new(svg, (WIDTH as u32, height as u32)).into_drawing_area();
    area.fill(&WHITE)?;
    let heading = ("sans-serif", 15).into_font().style(FontStyle::Bold).color(&INK);
    let text = ("sans-serif", 13).into_font().color(&INK);
    let name = text.pos(Pos::new(HPos::Right, VPos::Center));
    let figure = text.pos(Pos::new(HPos::Left, VPos::Center));
    let mut y = 0;
    for job in jobs {
        let rows: Vec<&Row> = report.rows.iter().filter(|row| row.job == job).collect();
        let most = rows.iter().map(|row| row.headline().value()).fold(f64::MIN_POSITIVE, f64::max);
        y += HEADING;
        let what = rows.first().map(|row| measure(row)).unwrap_or_default();
        area.draw(&Text::new(format!("{job}: {what}"), (12, y - 20), heading.clone()))?;
        for row in rows {
            let value = row.headline().value();
            let end = LEFT + (f64::from(LONGEST) * value / most) as i32;
            let color = if row.server.starts_with("hub") { OURS } else { OTHERS };
            let bar = [(LEFT, y), (end.max(LEFT + 1), y + BAR)];
            area.draw(&Rectangle::new(bar, color.filled()))?;
            let middle = y + BAR / 2;
            area.draw(&Text::new(row.server.clone(), (LEFT - 8, middle), name.clone()))?;
            let ratio = report.to_node(row).map(|ratio| format!("  ({ratio:.1} × node)"));
            let label = grouped(value) + &ratio.unwrap_or_default();
            area.draw(&Text::new(label, (end + 8, middle), figure.clone()))?;
            y += STEP;
        }
    }
    area.present()?;
    Ok(())
}

/// What a bar shows.
fn measure(row: &Row) -> String {
    match row.headline() {
        Headline::Rate(_) if row.per_server_cpu_second.is_some() => {
            format!("{} a second of the server's CPU", row.unit)
        }
        Headline::Rate(_) => format!("{} a second", row.unit),
        Headline::Bytes(_) => "resident bytes each (fewer are better)".to_owned(),
        Headline::Time(_) => "microseconds, the middle one (fewer are better)".to_owned(),
    }
}

/// A number with its thousands apart.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}
