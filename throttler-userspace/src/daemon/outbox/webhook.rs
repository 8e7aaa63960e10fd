//! Posting a batch.
//!
//! What a status means is RFC 9110's: 408, 425, 429, 502, 503 and 504 say that it is not the request that is wrong, but the
//! time. Redirects are not followed, for what is signed and has tokens is for one place; proxies of the environment are not
//! asked, for the same reason.

use std::error::Error as _;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Response, StatusCode};

use super::batch::Batch;
use super::failure::{Failure, Kind};
use super::sign::signature;
use super::target::Webhook;

/// What is read of an answer, so that who answers can finish; it is not looked at, for it may repeat what it was told.
const READ: usize = 4096;

/// A client for one webhook. The system's authorities are read here, and by no daemon that has no `https` to post to.
///
/// # Errors
/// They cannot be read.
pub(super) fn client(webhook: &Webhook, timeout: Duration) -> Result<Client, Failure> {
    let mut builder = Client::builder()
        .user_agent(concat!("throttler/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .no_proxy()
        .referer(false)
        .http1_only()
        // A connection that a receiver has closed meanwhile would cost an attempt.
        .pool_max_idle_per_host(0)
        .connect_timeout(timeout)
        .timeout(timeout)
        .tls_built_in_root_certs(webhook.url.scheme() == "https");
    let authorities = webhook.authorities.as_deref().unwrap_or_default();
    for one in Certificate::from_pem_bundle(authorities)
        .into_iter()
        .flatten()
    {
        builder = builder.add_root_certificate(one);
    }
    builder.build().map_err(|error| {
        let text = format!("cannot make a client: {}", cause(&error));
        Failure::new(Kind::Unreachable, text)
    })
}

/// Posts it once.
///
/// # Errors
/// Why it is not delivered.
pub(super) async fn post(client: &Client, webhook: &Webhook, batch: &Batch) -> Result<(), Failure> {
    let timestamp = Timestamp::now().as_second();
    let mut request = client
        .post(webhook.url.clone())
        .headers(webhook.headers.clone())
        .header(CONTENT_TYPE, "application/json")
        .header("Throttler-Delivery", &batch.id)
        .header("Throttler-Timestamp", timestamp);
    if let Some(key) = &webhook.key {
        request = request.header(
            "Throttler-Signature",
            signature(key, timestamp, &batch.body),
        );
    }
    let request = request.body(batch.body.clone());
    let response = request.send().await.map_err(|error| broken(&error))?;
    let (status, after) = (response.status(), after(response.headers()));
    finish(response).await;
    match judge(status) {
        None => Ok(()),
        Some((kind, mend)) => Err(Failure {
            kind,
            text: format!("it answered {status}{mend}"),
            after,
        }),
    }
}

/// What an answer means, with a mend; nothing, if it is good.
fn judge(status: StatusCode) -> Option<(Kind, &'static str)> {
    match status.as_u16() {
        200..=299 => None,
        300..=399 => Some((
            Kind::Refused,
            ": redirects are not followed, as what is sent is for one place alone; write where it leads to as `webhook`",
        )),
        401 | 403 => Some((Kind::Refused, ": look at `secret` and `headers`")),
        404 | 410 => Some((Kind::Refused, ": look at `webhook`")),
        413 => Some((Kind::Refused, ": write a smaller `batch = { most = … }`")),
        408 | 425 | 429 | 502..=504 => Some((Kind::Unreachable, "")),
        500..=599 => Some((Kind::Failed, "")),
        _ => Some((Kind::Refused, "")),
    }
}

/// An attempt without an answer. The URL is left out.
fn broken(error: &reqwest::Error) -> Failure {
    let cause = cause(error);
    let text = if error.is_timeout() {
        "no answer within the `timeout`".to_owned()
    } else if cause.contains("certificate") {
        format!("cannot connect: {cause}: `ca_file` names an authority of your own")
    } else if error.is_connect() {
        format!("cannot connect: {cause}")
    } else {
        format!("no answer: {cause}")
    };
    Failure::new(Kind::Unreachable, text)
}

/// The last of what an error says it comes from.
fn cause(error: &reqwest::Error) -> String {
    let mut last = error.source();
    while let Some(next) = last.and_then(|error| error.source()) {
        last = Some(next);
    }
    last.map_or_else(|| "it cannot be sent".to_owned(), ToString::to_string)
}

/// `Retry-After` (RFC 9110, 10.2.3): seconds or a date.
fn after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let then = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Duration::try_from(then.duration_since(Timestamp::now())).ok()
}

async fn finish(mut response: Response) {
    let mut read = 0;
    while read < READ
        && let Ok(Some(piece)) = response.chunk().await
    {
        read += piece.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_meaning() {
        let kind = |status| judge(StatusCode::from_u16(status).unwrap()).map(|(kind, _)| kind);
        for good in [200, 201, 202, 204] {
            assert_eq!(kind(good), None);
        }
        for late in [408, 425, 429, 502, 503, 504] {
            assert_eq!(kind(late), Some(Kind::Unreachable), "{late}");
        }
        for failed in [500, 501, 505, 507] {
            assert_eq!(kind(failed), Some(Kind::Failed), "{failed}");
        }
        for refused in [301, 302, 307, 308, 400, 401, 403, 404, 410, 413, 422] {
            assert_eq!(kind(refused), Some(Kind::Refused), "{refused}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let said = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            after(&headers)
        };
        assert_eq!(said("120"), Some(Duration::from_secs(120)));
        assert_eq!(said("soon"), None);
        // Over for long.
        assert_eq!(said("Wed, 21 Oct 2015 07:28:00 GMT"), None);
        let later = said("Fri, 21 Oct 2095 07:28:00 GMT").unwrap();
        assert!(later > Duration::from_secs(3600));
    }
}
