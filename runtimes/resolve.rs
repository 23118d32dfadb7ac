//! Looks up the host names that a client's certificate claims.

use super::Runtime;
use crate::Question;

/// Tells the question what the name service knows.
pub(super) async fn resolve_hosts<R: Runtime>(question: &mut Question) {
    for host in question.hosts_to_resolve().to_vec() {
        // A name that is not known is nobody's.
        let addresses = R::resolve(host.clone()).await.unwrap_or_default();
        if question.resolved(&host, &addresses) {
            return;
        }
    }
}
