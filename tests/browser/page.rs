//! A report made by the binary as it is shipped, and opened.

use std::{path::Path, process::Command, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;
use throttler::history::Violation;

use crate::{
    devtools::Browser,
    past::{self, DAY},
};

const LIMIT: Duration = Duration::from_secs(60);

/// How a page is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    pub(crate) width: u32,
    pub(crate) dark: bool,
}

pub(crate) const PHONE: Screen = Screen {
    width: 360,
    dark: false,
};
pub(crate) const DESK: Screen = Screen {
    width: 1400,
    dark: false,
};

/// A report of the day, as a page and as JSON.
pub(crate) struct Report {
    directory: TempDir,
}

impl Report {
    pub(crate) fn of(violations: &[Violation]) -> Self {
        let directory = TempDir::with_prefix("thr-page-").expect("a directory");
        past::keep(directory.path(), "eth0", violations);
        let report = Self { directory };
        let page = report.path().join("report.html");
        report.say(&["--html", page.to_str().expect("a path")]);
        report
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn say(&self, args: &[&str]) -> String {
        let nowhere = self.path().join("nowhere");
        let mut command = Command::new(env!("CARGO_BIN_EXE_throttler"));
        command.arg("report").args(DAY).args(args);
        command.arg("--state-dir").arg(self.path());
        command
            .arg("--socket")
            .arg(&nowhere)
            .arg("--bpffs")
            .arg(&nowhere);
        let output = throttler_lab::run(&mut command, LIMIT).expect("an end");
        assert_eq!(output.code(), Some(0), "{}", output.stderr);
        output.stdout
    }

    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let text = self.say(&[args, &["-o", "json"]].concat());
        serde_json::from_str(&text).expect("JSON")
    }

    /// The page's address.
    pub(crate) fn url(&self) -> String {
        format!("file://{}/report.html", self.path().display())
    }

    /// Opens it on a screen, tables unfolded.
    pub(crate) fn open(&self, browser: &mut Browser, screen: Screen) {
        let size = json!({
            "width": screen.width, "height": 1000, "deviceScaleFactor": 1, "mobile": false,
        });
        browser.call("Emulation.setDeviceMetricsOverride", size);
        let scheme = if screen.dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        browser.call("Emulation.setEmulatedMedia", media);
        browser.events.clear();
        browser.call("Page.navigate", json!({ "url": self.url() }));
        browser.wait("Page.loadEventFired");
        browser.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)");
    }
}

/// A picture of all of the page, where the environment asks for one to look at.
pub(crate) fn picture(browser: &mut Browser, name: &str) {
    let Some(directory) = std::env::var_os("THROTTLER_PICTURES") else {
        return;
    };
    browser.evaluate("document.querySelectorAll('details').forEach(one => one.open = false)");
    let params = json!({ "format": "png", "captureBeyondViewport": true });
    let picture = browser.call("Page.captureScreenshot", params);
    let path = Path::new(&directory).join(format!("{name}.png.base64"));
    std::fs::write(path, picture["data"].as_str().expect("a picture")).expect("a file");
}
