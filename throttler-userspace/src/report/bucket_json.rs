//! A bucket as JSON: the only place that knows the shape of an entry of `buckets`.

use super::bucket::{Bucket, Level};
use super::digits::{number, seconds};

/// A limit's entry; `head` is what stands before its first number that changes.
pub(super) fn limit(out: &mut Vec<u8>, head: &str, level: Level) {
    out.extend_from_slice(head.as_bytes());
    number(out, level.remaining);
    out.extend_from_slice(b",\"reset_s\":");
    seconds(out, level.reset);
    out.extend_from_slice(b",\"retry_after_s\":");
    seconds(out, level.retry);
    out.push(b'}');
}

/// The fields of an entry, without the braces around them; `more` adds limits, each behind a comma if it is not
/// the first.
pub(super) fn fields(
    out: &mut Vec<u8>,
    bucket: &Bucket<'_>,
    banned_for: u64,
    more: impl FnOnce(&mut Vec<u8>, bool),
) {
    let names = bucket.names;
    let text = |out: &mut Vec<u8>, before: &str, value: &str| {
        out.extend_from_slice(before.as_bytes());
        out.extend_from_slice(value.as_bytes());
    };
    text(out, "\"iface\":", &names.iface.json);
    text(out, ",\"source\":\"", "");
    bucket.source(out);
    text(out, "\",\"scope\":", &names.scope(bucket.record.scope).json);
    text(out, ",\"class\":\"", bucket.class());
    let plan = names.plan(bucket.word.plan());
    text(out, "\",\"plan\":", plan.map_or("null", |plan| &plan.json));
    text(out, ",\"limits\":[", "");
    for (index, one) in bucket.limits.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        limit(out, &one.json, bucket.level(one));
    }
    more(out, bucket.limits.is_empty());
    let record = &bucket.record;
    for (before, tally) in [
        ("],\"passed\"", record.passed),
        (",\"dropped\"", record.dropped),
    ] {
        text(out, before, ":{\"packets\":");
        number(out, tally.packets);
        text(out, ",\"bytes\":", "");
        number(out, tally.bytes);
        out.push(b'}');
    }
    text(out, ",\"last_seen_s\":", "");
    match bucket.last_seen() {
        Some(nanos) => seconds(out, nanos),
        None => text(out, "null", ""),
    }
    text(out, ",\"banned_for_s\":", "");
    seconds(out, banned_for);
}

/// A whole entry.
pub(super) fn entry(out: &mut Vec<u8>, bucket: &Bucket<'_>) {
    out.push(b'{');
    fields(out, bucket, bucket.banned_for(), |_, _| {});
    out.push(b'}');
}
