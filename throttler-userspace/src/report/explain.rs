//! `explain`: what becomes of an address, and why.

use std::io::Write;

use anyhow::Result;

use super::answer::Answer;
use super::attached::Attachment;
use super::output::{Format, document, harmless};
use super::question::{Question, scopes, unknown};
use super::reader::Reader;
use super::subject::Subject;

/// Prints what becomes of the next packet of an address: in the scope that the question names, or that its protocol, port
/// and destination do, or else in every scope.
///
/// # Errors
/// Status 4 where no interface has the scope; the kernel's, or the writer's.
pub fn explain(
    out: &mut impl Write,
    attached: &[Attachment],
    question: &Question,
    format: Format,
) -> Result<()> {
    let readers: Vec<_> = attached.iter().map(Reader::new).collect();
    let mut answers = Vec::new();
    for reader in &readers {
        answers.extend(of(reader, question)?);
    }
    if let Some(unknown) = unknown(attached.iter(), question) {
        return Err(unknown.into());
    }
    if format != Format::Table {
        return document(
            out,
            format,
            "buckets",
            answers.iter().map(|answer| {
                let mut entry = Vec::new();
                answer.json(&mut entry).map(|()| entry)
            }),
        );
    }
    for answer in &answers {
        writeln!(out, "{}", harmless(answer.sentence().to_owned()))?;
        answer.limits(out)?;
    }
    Ok(())
}

/// What one interface says.
///
/// # Errors
/// The kernel's.
pub(super) fn of<'a>(reader: &'a Reader<'a>, question: &Question) -> Result<Vec<Answer<'a>>> {
    let subject = Subject::of(reader, question.addr)?;
    let scopes = scopes(reader, question)?;
    let answers = scopes.into_iter();
    answers
        .map(|scope| Answer::of(reader, &subject, scope))
        .collect()
}
