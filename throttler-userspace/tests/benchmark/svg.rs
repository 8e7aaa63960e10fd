//! `figures::svg`.

use crate::figures::svg::*;
use crate::sample;

#[test]
fn bars_are_as_long_as_costs_and_what_is_missing_has_none() {
    let svg = render(&sample::report());
    assert!(
        svg.starts_with("<svg ") && svg.ends_with("</svg>\n"),
        "{svg}"
    );
    // The background, three of ours and one of the others; the other one was not measured.
    assert_eq!(svg.matches("<rect ").count(), 5, "{svg}");
    assert!(
        svg.contains(">200</text>") && svg.contains("width=\"390.0\""),
        "{svg}"
    );
    assert!(svg.contains("width=\"117.0\""), "60 of 200: {svg}");
}

#[test]
fn markup_in_names_is_text() {
    assert_eq!(escaped("a<b>&c"), "a&lt;b&gt;&amp;c");
}
