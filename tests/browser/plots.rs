//! What the page shows of a day is what the JSON of the same day says, on small screens and large ones, by day and by night.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    devtools::Browser,
    look::{Bar, Look, Plot},
    page::{DESK, PHONE, Report, Screen, picture},
    past_day::day,
};

/// A pixel is drawn or not; lengths are exact to less than one.
const PIXEL: f64 = 1.0;

#[test]
fn plots_are_drawn_to_the_scale_of_the_figures() {
    let report = Report::of(&day());
    let json = report.json(&[]);
    let by_source = report.json(&["--by", "source"]);
    let mut browser = Browser::start();
    for screen in [PHONE, DESK] {
        let look = Look::at(&mut browser, &report, screen);
        let ids: Vec<&str> = look.plots.iter().map(|plot| plot.id.as_str()).collect();
        assert_eq!(ids, ["over-time", "top-sources", "reasons", "plans"]);
        look.plots.iter().for_each(is_readable);
        let [over_time, sources, reasons, plans] = &look.plots[..] else {
            unreachable!("four plots");
        };
        time(over_time, &json);
        lengths(sources, &groups(&by_source["violations"], "source"));
        lengths(plans, &groups(&json["plans"], "plan"));
        let mut by_reason = BTreeMap::new();
        for bar in json["over_time"]["bars"].as_array().expect("bars") {
            for (fate, suffix) in [("refused", ""), ("spared", " (monitored)")] {
                for (reason, packets) in bar[fate].as_object().expect("reasons") {
                    *by_reason.entry(format!("{reason}{suffix}")).or_default() += number(packets);
                }
            }
            *by_reason
                .entry("dropped while banned".to_owned())
                .or_default() += number(&bar["banned"]);
        }
        lengths(reasons, &by_reason);
        picture(&mut browser, &format!("{}", screen.width));
    }
}

#[test]
fn text_fits_on_a_phone_and_on_a_desk() {
    let report = Report::of(&day());
    let mut browser = Browser::start();
    for screen in [PHONE, DESK] {
        let look = Look::at(&mut browser, &report, screen);
        assert_eq!(look.client, screen.width);
        assert!(
            look.scroll <= look.client,
            "{screen:?}: {} wide",
            look.scroll
        );
        assert_eq!(look.clipped, [""; 0], "{screen:?}");
        for plot in &look.plots {
            for (index, text) in plot.texts.iter().enumerate() {
                let is_within =
                    text.at.left >= plot.section.left && text.at.right <= plot.section.right;
                assert!(
                    is_within,
                    "{screen:?}: {text:?} is out of {:?}",
                    plot.section
                );
                let others = plot.texts[index + 1..]
                    .iter()
                    .filter(|other| other.svg == text.svg);
                for other in others {
                    let apart = text.at.right <= other.at.left
                        || other.at.right <= text.at.left
                        || text.at.bottom <= other.at.top + PIXEL
                        || other.at.bottom <= text.at.top + PIXEL;
                    assert!(apart, "{screen:?}: {} lies on {}", text.text, other.text);
                }
            }
        }
    }
}

#[test]
fn by_night_it_is_dark() {
    let report = Report::of(&day());
    let mut browser = Browser::start();
    let light = Look::at(&mut browser, &report, DESK).colours;
    let dark = Look::at(&mut browser, &report, Screen { dark: true, ..DESK }).colours;
    picture(&mut browser, "dark");
    let brightness = |colour: &String| -> u32 {
        let numbers = colour.split(|c: char| !c.is_ascii_digit());
        numbers
            .filter_map(|number| number.parse::<u32>().ok())
            .take(3)
            .sum()
    };
    let [page, text, bar] =
        [0, 1, 2].map(|index| (brightness(&light[index]), brightness(&dark[index])));
    assert!(page.0 > 600 && page.1 < 150, "{light:?} {dark:?}");
    assert!(text.0 < 150 && text.1 > 600, "{light:?} {dark:?}");
    assert!(bar.0 < bar.1, "{light:?} {dark:?}");
}

/// Something is drawn, it is within its section, and its figures are below it and said to those who do not see it.
fn is_readable(plot: &Plot) {
    let [svg] = plot.svg[..] else {
        panic!("one plot: {plot:?}");
    };
    assert!(
        svg.width > 200.0 && svg.height > 40.0,
        "{}: {svg:?}",
        plot.id
    );
    assert!(svg.left >= plot.section.left && svg.right <= plot.section.right);
    assert!(!plot.bars.is_empty() && plot.rows > 0, "{}", plot.id);
    assert!(
        plot.title.iter().all(|title| !title.is_empty()),
        "{}",
        plot.id
    );
    for bar in &plot.bars {
        let at = bar.at;
        assert!(at.width > 0.0 && at.height > 0.0, "{bar:?}");
        let is_within = at.left >= svg.left - PIXEL
            && at.right <= svg.right + PIXEL
            && at.top >= svg.top - PIXEL
            && at.bottom <= svg.bottom + PIXEL;
        assert!(is_within, "{bar:?} is out of {svg:?}");
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

/// Packets of groups by name, as the plots sum them up.
fn groups(list: &Value, key: &str) -> BTreeMap<String, u64> {
    let groups = list.as_array().expect("groups").iter();
    let one = |group: &Value| {
        let name = group[key].as_str().unwrap_or("no plan").to_owned();
        let sums = ["refused", "spared", "banned"].map(|fate| number(&group[fate]["packets"]));
        (name, sums.iter().sum())
    };
    groups.map(one).collect()
}

/// Bars that lie: each as long as its figure.
fn lengths(plot: &Plot, expected: &BTreeMap<String, u64>) {
    let mut drawn = BTreeMap::<String, u64>::new();
    let mut end = BTreeMap::<&str, f64>::new();
    for bar in &plot.bars {
        let label = bar.label.as_deref().expect("a label");
        *drawn.entry(label.to_owned()).or_default() += bar.packets();
        // One part after the other.
        let begin = end.insert(label, bar.at.right).unwrap_or(plot.svg[0].left);
        assert!(
            (bar.at.left - begin).abs() < PIXEL,
            "{bar:?} does not begin at {begin}"
        );
    }
    assert_eq!(&drawn, expected, "{}", plot.id);
    to_scale(plot, |bar| bar.at.width);
}

/// Bars that stand: those of the JSON, where their time is, and as high as their figures, one on top of the other.
fn time(plot: &Plot, json: &Value) {
    let bars = json["over_time"]["bars"].as_array().expect("bars");
    let mut expected = BTreeMap::<i64, u64>::new();
    for bar in bars {
        let begin: jiff::Timestamp = bar["begin"]
            .as_str()
            .expect("a time")
            .parse()
            .expect("a time");
        let sums = ["refused", "spared"].map(|fate| {
            let reasons = bar[fate].as_object().expect("reasons").values();
            reasons.map(number).sum::<u64>()
        });
        expected.insert(
            begin.as_second(),
            sums.iter().sum::<u64>() + number(&bar["banned"]),
        );
    }
    let mut drawn = BTreeMap::<i64, Vec<&Bar>>::new();
    for bar in &plot.bars {
        let begin = bar
            .begin
            .as_ref()
            .expect("a time")
            .parse()
            .expect("seconds");
        drawn.entry(begin).or_default().push(bar);
    }
    let sums = drawn
        .iter()
        .map(|(begin, bars)| (*begin, bars.iter().map(|bar| bar.packets()).sum()));
    assert_eq!(sums.collect::<BTreeMap<i64, u64>>(), expected);
    to_scale(plot, |bar| bar.at.height);
    let (first, last) = (
        plot.bars.first().expect("a bar"),
        plot.bars.last().expect("a bar"),
    );
    let begins = [first, last].map(|bar| {
        bar.begin
            .as_ref()
            .expect("a time")
            .parse::<f64>()
            .expect("seconds")
    });
    let per_second = (last.at.left - first.at.left) / (begins[1] - begins[0]);
    for (begin, stack) in &drawn {
        for (below, above) in stack.iter().zip(&stack[1..]) {
            assert!(
                (below.at.top - above.at.bottom).abs() < PIXEL,
                "{below:?} {above:?}"
            );
        }
        for bar in stack {
            let left = first.at.left + (*begin as f64 - begins[0]) * per_second;
            assert!((bar.at.left - left).abs() < PIXEL, "{bar:?}");
        }
    }
}

fn to_scale(plot: &Plot, length: impl Fn(&Bar) -> f64) {
    let longest = plot
        .bars
        .iter()
        .max_by_key(|bar| bar.packets())
        .expect("a bar");
    let scale = length(longest) / longest.packets() as f64;
    for bar in &plot.bars {
        let expected = bar.packets() as f64 * scale;
        assert!(
            (length(bar) - expected).abs() < PIXEL,
            "{}: {bar:?}, not {expected}",
            plot.id
        );
    }
}
