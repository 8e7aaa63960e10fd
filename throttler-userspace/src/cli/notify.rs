//! `throttler notify`.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::json;

use super::Common;
use super::client::Client;
use super::failure::{Failure, Status};

/// Commands on those whom `[[notify]]` names.
#[derive(Debug, Subcommand)]
pub enum Notify {
    /// Have the daemon deliver a test to each, and say what came of it
    Test(TestArgs),
}

/// Arguments of `notify test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Only this one
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Answer {
    notify: Vec<Tried>,
}

#[derive(Debug, Deserialize)]
struct Tried {
    notify: String,
    to: String,
    error: Option<String>,
    took_s: f64,
}

pub(super) fn notify(common: &Common, command: &Notify) -> Result<()> {
    let Notify::Test(args) = command;
    let asked = json!({ "notify": args.name });
    let answer: Answer = Client::new(common.socket()).post("/v1/notify/test", &asked)?;
    let mut failed = 0;
    for Tried {
        notify,
        to,
        error,
        took_s,
    } in &answer.notify
    {
        match error {
            None => println!("{notify}: {to}: delivered in {took_s:.3} s"),
            Some(why) => {
                println!("{notify}: {to}: NOT delivered: {why}");
                failed += 1;
            }
        }
    }
    match failed {
        0 => Ok(()),
        _ => {
            let message = format!("{failed} of {} could not be told", answer.notify.len());
            Err(Failure::new(Status::Runtime, message).into())
        }
    }
}
