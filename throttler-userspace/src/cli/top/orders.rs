//! What is done to a source, and what came of it.

use ipnet::IpNet;

use super::app::Answer;
use crate::cli::{Common, overrides};
use crate::report::{self, Format, Question};

/// What `throttler explain` says of the source's first address.
pub(super) fn explain(common: &Common, ifaces: &[String], source: IpNet) -> Answer {
    let question = Question {
        scope: None,
        addr: source.network(),
        port: None,
        protocol: None,
        to: None,
    };
    let mut text = Vec::new();
    let attached = report::attachments(&common.bpffs, ifaces);
    let said = attached
        .and_then(|attached| report::explain(&mut text, &attached, &question, Format::Table));
    match said {
        Ok(()) => Answer::Explained(source, String::from_utf8_lossy(&text).into_owned()),
        Err(error) => Answer::Failed(format!("cannot explain {source}: {error:#}")),
    }
}

/// What `throttler ban add` does.
pub(super) fn ban(common: &Common, source: IpNet, duration: Option<&str>) -> Answer {
    match overrides::ban_from_top(common, source, duration) {
        Ok(ifaces) => {
            let end = duration.map_or_else(
                || format!("until `throttler ban del {source}`"),
                |duration| format!("for {duration}"),
            );
            Answer::Banned(format!("{source} is banned {end} on {}", ifaces.join(", ")))
        }
        Err(error) => Answer::Failed(format!("{source} is not banned: {error:#}")),
    }
}
