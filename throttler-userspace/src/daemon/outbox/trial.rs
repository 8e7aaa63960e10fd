//! `throttler notify test`: one attempt at each target, whatever became of those before.

use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::batch::Batch;
use super::postman::Sender;
use super::target::Target;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(in crate::daemon) struct Tried {
    pub(in crate::daemon) notify: String,
    /// Scheme, host and port, or the program.
    pub(in crate::daemon) to: String,
    pub(in crate::daemon) delivered: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::daemon) error: Option<String>,
    pub(in crate::daemon) took_s: f64,
}

/// Tries all of them at once; in their order, what came of each.
pub(super) async fn all(
    targets: Vec<Arc<Target>>,
    host: Arc<str>,
    reply: oneshot::Sender<Vec<Tried>>,
) {
    let mut tasks = JoinSet::new();
    for (place, target) in targets.into_iter().enumerate() {
        let host = Arc::clone(&host);
        tasks.spawn(async move { (place, one(&target, &host).await) });
    }
    let mut tried = tasks.join_all().await;
    tried.sort_by_key(|(place, _)| *place);
    // Whoever asked may have gone.
    let _ = reply.send(tried.into_iter().map(|(_, tried)| tried).collect());
}

async fn one(target: &Arc<Target>, host: &str) -> Tried {
    let began = Instant::now();
    let batch = Batch::test(&target.name, host);
    let error = Sender::default().send(target, &batch).await.err();
    Tried {
        notify: target.name.clone(),
        to: target.place(),
        delivered: error.is_none(),
        error: error.map(|failure| failure.text),
        took_s: began.elapsed().as_secs_f64(),
    }
}
