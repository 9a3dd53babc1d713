//! The plots of a run, as SVG.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::anyhow;
use plotters::prelude::*;

use crate::report::{Part, Results};

const SIZE: (u32, u32) = (760, 380);
const COLOURS: [RGBColor; 4] =
    [RGBColor(31, 119, 180), RGBColor(214, 90, 20), RGBColor(44, 140, 60), RGBColor(120, 60, 160)];

/// One plot: which part, which of its series, what the axes say.
struct Plot {
    file: &'static str,
    part: &'static str,
    /// Empty: all.
    series: &'static [&'static str],
    x: &'static str,
    y: &'static str,
}

const PLOTS: [Plot; 5] = [
    Plot { file: "real.svg", part: "real", series: &[], x: "round", y: "calls/s" },
    Plot { file: "node.svg", part: "node", series: &[], x: "round", y: "calls/s" },
    Plot {
        file: "limit.svg", part: "limit", series: &["CPU, µs a call"], x: "calls/s", y: "CPU, µs a call"
    },
    Plot { file: "latency.svg", part: "latency", series: &[], x: "percentile", y: "ms" },
    Plot { file: "list.svg", part: "list", series: &[], x: "kind of query, in the table's order", y: "ms" },
];

pub fn draw(results: &Results, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    for plot in PLOTS {
        let Some(part) = results.parts.get(plot.part) else { continue };
        let series: BTreeMap<&str, &[(f64, f64)]> = part
            .series
            .iter()
            .filter(|(name, points)| {
                !points.is_empty() && (plot.series.is_empty() || plot.series.contains(&name.as_str()))
            })
            .map(|(name, points)| (name.as_str(), points.as_slice()))
            .collect();
        if !series.is_empty() {
            one(&plot, part, &series, &folder.join(plot.file))
                .map_err(|error| anyhow!("{}: {error}", plot.file))?;
        }
    }
    Ok(())
}

fn one(
    plot: &Plot,
    part: &Part,
    series: &BTreeMap<&str, &[(f64, f64)]>,
    path: &Path,
) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let points = || series.values().flat_map(|points| points.iter());
    let least = points().map(|point| point.0).fold(f64::INFINITY, f64::min);
    let most = points().map(|point| point.0).fold(f64::NEG_INFINITY, f64::max);
    let highest = points().map(|point| point.1).fold(0.0, f64::max);
    let most = if most > least { most } else { least + 1.0 };
    // From zero: a difference must not look larger than it is.
    let mut chart = ChartBuilder::on(&root)
        .caption(&part.title, ("sans-serif", 17))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(60)
        .build_cartesian_2d(least..most, 0.0..highest.max(0.001) * 1.1)?;
    chart.configure_mesh().x_desc(plot.x).y_desc(plot.y).light_line_style(WHITE).draw()?;
    for ((name, points), colour) in series.iter().zip(COLOURS.iter().cycle()) {
        let mut points = points.to_vec();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let dots = points.iter().map(|point| Circle::new(*point, 3, colour.filled()));
        chart.draw_series(dots)?;
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    root.present()?;
    Ok(())
}
