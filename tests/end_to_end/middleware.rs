//! The README's Python, against a daemon.

use std::{fs, path::Path};

use crate::site::{FIVE_A_DAY, LONG, Site, address};

/// The snippet, as the README has it.
fn snippet() -> String {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let text = fs::read_to_string(readme).expect("the README");
    let (_, rest) = text
        .split_once("```python\n")
        .expect("Python in the README");
    let (snippet, _) = rest.split_once("```").expect("its end");
    snippet.to_owned()
}

#[test]
fn the_middleware_of_the_readme_gets_the_headers() {
    let site = Site::start("middleware", FIVE_A_DAY, &[]);
    assert_eq!(site.offer(address("192.0.2.1"), 2), 2);
    let asks = r#"
import sys
throttler = Throttler(sys.argv[1])
print(headers(throttler, "192.0.2.1", "dns")["RateLimit-Policy"])
print(headers(throttler, "192.0.2.1", "dns")["X-RateLimit-Remaining"])
print(headers(throttler, "192.0.2.1", "web"))
print(headers(throttler, "192.0.2.2", "dns")["X-RateLimit-Remaining"])
print(headers(Throttler("/nonexistent"), "192.0.2.1", "dns"))
"#;
    let mut python = std::process::Command::new("python3");
    python
        .args(["-c", &(snippet() + asks)])
        .arg(site.daemon.socket());
    let output = throttler_lab::run(&mut python, LONG).expect("python3");
    assert_eq!(output.code(), Some(0), "{output:?}");
    let expected = "\"daily\";q=5;w=86400\n3\n{}\n5\n{}\n";
    assert_eq!(output.stdout, expected, "{output:?}");
}
