//! Requests to the control socket's router, in this process, with nothing attached: whatever is asked, no handler panics,
//! and what is refused is refused with `application/problem+json` (RFC 9457) whose detail says why.
//!
//! An input is text: `METHOD URI`, a line with the content type, and the body. What is no request to begin with (HTTP's
//! own parser refuses it) is passed over.

use std::cell::RefCell;

use throttler::daemon::control::apart::{Answer, Apart};

/// One request.
pub fn run(bytes: &[u8]) {
    thread_local! {
        static APART: RefCell<Apart> = RefCell::new(Apart::new());
    }
    let Some((method, uri, kind, body)) = parts(bytes) else {
        return;
    };
    let answer = APART.with_borrow_mut(|apart| apart.ask(&method, &uri, kind, body));
    if let Some(answer) = answer {
        check(&method, &answer);
    }
}

fn parts(bytes: &[u8]) -> Option<(String, String, &[u8], &[u8])> {
    let mut lines = bytes.splitn(3, |byte| *byte == b'\n');
    let request = String::from_utf8_lossy(lines.next()?).into_owned();
    let (method, uri) = request.split_once(' ')?;
    let (kind, body) = (lines.next()?, lines.next()?);
    Some((method.to_owned(), uri.to_owned(), kind, body))
}

fn check(method: &str, answer: &Answer) {
    let Answer { status, kind, body } = answer;
    if *status < 400 {
        assert!(matches!(status, 200..300), "{status}");
        return;
    }
    assert_ne!(*status, 500, "{}", String::from_utf8_lossy(body));
    assert_eq!(kind, "application/problem+json", "{status}");
    // What HEAD asks for has no body.
    if method == "HEAD" {
        return;
    }
    let problem: serde_json::Value = serde_json::from_slice(body).expect("JSON");
    assert_eq!(problem["status"], *status);
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(
        detail.len() > 10 && !detail.contains("panicked"),
        "{detail}"
    );
}
