//! `throttler confirm`.

use anyhow::Result;
use serde::Deserialize;

use super::Common;
use super::client::Client;

#[derive(Debug, Deserialize)]
struct Answer {
    interfaces: Vec<Interface>,
}

#[derive(Debug, Deserialize)]
struct Interface {
    iface: String,
    generation: u32,
}

pub(super) fn confirm(common: &Common) -> Result<()> {
    let answer: Answer = Client::new(common.socket()).post("/v1/confirm", &())?;
    for Interface { iface, generation } in answer.interfaces {
        println!("{iface}: policy generation {generation} confirmed");
    }
    Ok(())
}
