//! What a browser says of a page.

use serde::Deserialize;
use serde_json::Value;

use crate::{
    devtools::Browser,
    page::{Report, Screen},
};

/// A rectangle on the screen, in pixels.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Rect {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Bar {
    #[serde(flatten)]
    pub(crate) at: Rect,
    pub(crate) packets: String,
    pub(crate) label: Option<String>,
    pub(crate) begin: Option<String>,
}

impl Bar {
    pub(crate) fn packets(&self) -> u64 {
        self.packets.parse().expect("a number")
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Text {
    #[serde(flatten)]
    pub(crate) at: Rect,
    pub(crate) text: String,
    /// Which of the page's plots it is in.
    pub(crate) svg: usize,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Plot {
    pub(crate) id: String,
    pub(crate) section: Rect,
    pub(crate) svg: Vec<Rect>,
    pub(crate) title: Vec<String>,
    pub(crate) rows: usize,
    pub(crate) bars: Vec<Bar>,
    pub(crate) texts: Vec<Text>,
}

/// A page on a screen.
#[derive(Debug, Deserialize)]
pub(crate) struct Look {
    pub(crate) scroll: u32,
    pub(crate) client: u32,
    pub(crate) clipped: Vec<String>,
    pub(crate) colours: Vec<String>,
    pub(crate) plots: Vec<Plot>,
    pub(crate) text: String,
    pub(crate) scripts: usize,
    pub(crate) hacked: String,
}

impl Look {
    /// Opens a report and looks; whatever the browser complains of, or fetches beside the file, is an error.
    pub(crate) fn at(browser: &mut Browser, report: &Report, screen: Screen) -> Self {
        report.open(browser, screen);
        let look = browser.evaluate(include_str!("measure.js"));
        let look = serde_json::from_value(look).expect("a look");
        let of = |method: &'static str| {
            let all = browser.events.iter();
            all.filter(move |event| event["method"] == method)
        };
        for complaint in [
            "Runtime.exceptionThrown",
            "Runtime.consoleAPICalled",
            "Log.entryAdded",
        ] {
            let said: Vec<&Value> = of(complaint).collect();
            assert!(said.is_empty(), "{said:#?}");
        }
        let fetched: Vec<&str> = of("Network.requestWillBeSent")
            .filter_map(|event| event["params"]["request"]["url"].as_str())
            .collect();
        assert_eq!(fetched, [report.url()]);
        look
    }
}
