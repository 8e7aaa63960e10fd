//! `throttler explain`.

use std::net::IpAddr;

use anyhow::Result;
use clap::Args;

use super::Common;
use super::selection::Selection;
use crate::kernel::checks;
use crate::report::{self, Question};

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The source address
    #[arg(value_name = "ADDR")]
    addr: IpAddr,
    /// Name of a scope or layer: explain that one, not all scopes
    #[arg(long, value_name = "NAME", conflicts_with_all = ["port", "proto", "to"])]
    scope: Option<String>,
    /// Destination port: explain the scope that it belongs to, not all scopes
    #[arg(long, value_name = "P")]
    port: Option<u16>,
    /// Protocol: tcp, udp, icmp, icmpv6 or a number
    #[arg(long, value_parser = protocol, value_name = "PROTO")]
    proto: Option<u8>,
    /// Destination address, where scopes differ by it
    #[arg(long, value_name = "ADDR")]
    to: Option<IpAddr>,
    #[command(flatten)]
    selection: Selection,
}

/// A protocol as an argument.
pub(crate) fn protocol(text: &str) -> Result<u8, String> {
    match text {
        "tcp" => Ok(6),
        "udp" => Ok(17),
        "icmp" => Ok(1),
        "icmpv6" => Ok(58),
        number => number.parse().map_err(|_| {
            format!("`{number}` is not tcp, udp, icmp, icmpv6 or a number from 0 to 255")
        }),
    }
}

pub(super) fn explain(common: &Common, args: &ExplainArgs) -> Result<()> {
    checks::privilege("explain")?;
    let attached = report::attachments(&common.bpffs, &args.selection.of.iface)?;
    let question = Question {
        addr: args.addr,
        scope: args.scope.clone(),
        port: args.port,
        protocol: args.proto,
        to: args.to,
    };
    report::explain(
        &mut std::io::stdout().lock(),
        &attached,
        &question,
        args.selection.output,
    )
}
