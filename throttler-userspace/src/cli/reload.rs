//! `throttler reload`.

use anyhow::Result;

use super::Common;
use super::client::{Answer, Client, Interface};

pub(super) fn reload(common: &Common) -> Result<()> {
    let answer: Answer = Client::new(common.socket()).post("/v1/reload", &())?;
    for Interface {
        iface, generation, ..
    } in answer.interfaces
    {
        println!("{iface}: policy generation {generation} in force");
    }
    Ok(())
}
