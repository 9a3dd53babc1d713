//! The plots of a run, as SVG.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::anyhow;
use plotters::prelude::*;

use crate::report::{Part, Results};

const SIZE: (u32, u32) = (760, 380);
/// Sizes of text.
const CAPTION: u32 = 21;
const LABEL: u32 = 17;
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

const PLOTS: [Plot; 4] = [
    Plot { file: "real.svg", part: "real", series: &[], x: "round", y: "calls/s" },
    Plot { file: "node.svg", part: "node", series: &[], x: "round", y: "calls/s" },
    Plot {
        file: "limit.svg", part: "limit", series: &["CPU, µs a call"], x: "calls/s", y: "CPU, µs a call"
    },
    Plot { file: "latency.svg", part: "latency", series: &[], x: "percentile", y: "ms" },
];

/// Bars: which part, the figures whose names begin and end so; what is between is the bar's name.
struct Bars {
    file: &'static str,
    part: &'static str,
    title: &'static str,
    begins: &'static str,
    ends: &'static str,
}

const BARS: [Bars; 3] = [
    Bars {
        file: "list.svg",
        part: "list",
        title: "Lists and filters at a million stored calls: p99",
        begins: "",
        ends: ", p99",
    },
    Bars {
        file: "profile-150.svg",
        part: "profile",
        title: "Where the CPU goes at 150 calls/s",
        begins: "at 150 calls/s: ",
        ends: "",
    },
    Bars {
        file: "profile-1000.svg",
        part: "profile",
        title: "Where the CPU goes at 1,000 calls/s",
        begins: "at 1000 calls/s: ",
        ends: "",
    },
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
    for plot in BARS {
        let Some(part) = results.parts.get(plot.part) else { continue };
        let named = part.figures.iter().filter_map(|figure| {
            let name = figure.name.strip_prefix(plot.begins)?.strip_suffix(plot.ends)?;
            (name != "CPU" && !name.starts_with("the slowest")).then_some((
                name,
                figure.value,
                figure.unit.as_str(),
            ))
        });
        let named: Vec<(&str, f64, &str)> = named.collect();
        if !named.is_empty() {
            bars(plot.title, &named, &folder.join(plot.file))
                .map_err(|error| anyhow!("{}: {error}", plot.file))?;
        }
    }
    Ok(())
}

fn bars(title: &str, named: &[(&str, f64, &str)], path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    const ROW: i32 = 24;
    const LEFT: i32 = 300;
    const WIDEST: f64 = 340.0;
    let root = SVGBackend::new(path, (SIZE.0, 56 + (ROW as u32) * named.len() as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    root.draw(&Text::new(title.to_owned(), (16, 12), ("sans-serif", CAPTION)))?;
    let most = named.iter().map(|(_, value, _)| *value).fold(f64::MIN_POSITIVE, f64::max);
    let mut y = 44;
    for (name, value, unit) in named {
        let end = LEFT + (WIDEST * value / most) as i32;
        root.draw(&Text::new((*name).to_owned(), (16, y + 3), ("sans-serif", LABEL)))?;
        root.draw(&Rectangle::new([(LEFT, y), (end, y + ROW - 6)], COLOURS[0].filled()))?;
        let text = format!("{} {unit}", crate::report::shown(*value));
        root.draw(&Text::new(text, (end + 6, y + 3), ("sans-serif", LABEL)))?;
        y += ROW;
    }
    root.present()?;
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
        .caption(&part.title, ("sans-serif", CAPTION))
        .margin(12)
        .x_label_area_size(48)
        .y_label_area_size(72)
        .build_cartesian_2d(least..most, 0.0..highest.max(0.001) * 1.1)?;
    chart
        .configure_mesh()
        .x_desc(plot.x)
        .y_desc(plot.y)
        .light_line_style(WHITE)
        .label_style(("sans-serif", LABEL))
        .axis_desc_style(("sans-serif", LABEL))
        .draw()?;
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
        .label_font(("sans-serif", LABEL))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    root.present()?;
    Ok(())
}
