//! The virtual users that have nothing to do, and the making of more.

use std::{cell::RefCell, rc::Rc};

use futures_util::future::join_all;
use tokio::sync::{mpsc, oneshot};

use super::worker::{Handle, Seed};

/// The virtual users that have nothing to do, and the means to make more.
pub(super) struct Bench {
    pub(super) idle: Vec<Handle>,
    pub(super) next: u64,
    pub(super) workers: Vec<mpsc::UnboundedSender<Seed>>,
}

/// The virtual users, shared by the scenarios.
pub(super) type SharedBench = Rc<RefCell<Bench>>;

/// Makes virtual users until `count` are idle.
pub(super) async fn fill(bench: &SharedBench, count: u64) -> Result<(), String> {
    let missing = (count as usize).saturating_sub(bench.borrow().idle.len());
    let made = join_all((0..missing).map(|_| recruit(bench))).await;
    for handle in made {
        let handle = handle?;
        bench.borrow_mut().idle.push(handle);
    }
    // The first made is the first to work.
    bench
        .borrow_mut()
        .idle
        .sort_by_key(|it| std::cmp::Reverse(it.id));
    Ok(())
}

/// Makes a virtual user.
pub(super) async fn recruit(bench: &SharedBench) -> Result<Handle, String> {
    let (tasks, receiver) = futures_channel::mpsc::unbounded();
    let (loaded, wait) = oneshot::channel();
    let id = {
        let mut bench = bench.borrow_mut();
        let id = bench.next;
        bench.next += 1;
        let seed = Seed {
            id,
            tasks: receiver,
            loaded,
        };
        let place = (id as usize - 1) % bench.workers.len().max(1);
        let sent = bench.workers.get(place).map(|it| it.send(seed));
        if !matches!(sent, Some(Ok(()))) {
            return Err("a thread of virtual users has ended".to_owned());
        }
        id
    };
    match wait.await {
        Ok(Ok(())) => Ok(Handle { id, tasks }),
        Ok(Err(text)) => Err(text),
        Err(_) => Err("a thread of virtual users has ended".to_owned()),
    }
}

/// Takes `count` virtual users, made where there are too few.
pub(super) async fn take(bench: &SharedBench, count: u64) -> Result<Vec<Handle>, String> {
    fill(bench, count).await?;
    let mut bench = bench.borrow_mut();
    let left = bench.idle.len().saturating_sub(count as usize);
    let mut taken = bench.idle.split_off(left);
    taken.reverse();
    Ok(taken)
}

/// Gives virtual users back.
pub(super) fn give_back(bench: &SharedBench, handles: impl IntoIterator<Item = Handle>) {
    let mut bench = bench.borrow_mut();
    bench.idle.extend(handles);
    bench.idle.sort_by_key(|it| std::cmp::Reverse(it.id));
}
