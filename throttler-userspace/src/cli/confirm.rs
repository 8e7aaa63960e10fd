//! `throttler confirm`.

use anyhow::Result;

use super::Common;
use super::client::{Answer, Client, Interface};

pub(super) fn confirm(common: &Common) -> Result<()> {
    let answer: Answer = Client::new(common.socket()).post("/v1/confirm", &())?;
    for Interface {
        iface, generation, ..
    } in answer.interfaces
    {
        println!("{iface}: policy generation {generation} confirmed");
    }
    Ok(())
}
