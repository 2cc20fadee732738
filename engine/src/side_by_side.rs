//! Work of several layers at once.

use tokio::task::JoinSet;

use crate::Error;

/// Does all of `work`, each on a task of its own, and gives the results in its order. The first failure ends
/// the others, and so does whoever drops this future.
pub(crate) async fn side_by_side<T: Send + 'static>(
    work: impl IntoIterator<Item = impl Future<Output = Result<T, Error>> + Send + 'static>,
) -> Result<Vec<T>, Error> {
    let mut tasks = JoinSet::new();
    for (index, one) in work.into_iter().enumerate() {
        tasks.spawn(async move { one.await.map(|done| (index, done)) });
    }
    let mut done = Vec::with_capacity(tasks.len());
    while let Some(one) = tasks.join_next().await {
        done.push(one.map_err(|error| Error::Internal(error.to_string()))??);
    }
    done.sort_unstable_by_key(|(index, _)| *index);
    Ok(done.into_iter().map(|(_, one)| one).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn results_come_in_the_order_of_the_work() {
        let first = Arc::new(Notify::new());
        let work = (0..3).map(|index| {
            let first = Arc::clone(&first);
            async move {
                match index {
                    0 => first.notified().await,
                    _ => first.notify_one(),
                }
                Ok(index)
            }
        });
        assert_eq!(side_by_side(work).await.unwrap(), [0, 1, 2]);
    }

    #[tokio::test]
    async fn a_failure_ends_the_others() {
        let alive = Arc::new(());
        let work = (0..2).map(|index| {
            let alive = Arc::clone(&alive);
            async move {
                if index == 1 {
                    return Err(Error::Usage("no".to_owned()));
                }
                std::future::pending::<()>().await;
                drop(alive);
                Ok(())
            }
        });
        assert!(side_by_side(work).await.is_err());
        while Arc::strong_count(&alive) > 1 {
            tokio::task::yield_now().await;
        }
    }
}
