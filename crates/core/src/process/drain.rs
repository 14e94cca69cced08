//! Collects what a program writes.

use std::{
    io::{self, Read as _},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// Collects a stream in a thread of its own, up to one byte more than `limit`.
pub(super) fn drain(stream: Option<impl io::Read + Send + 'static>, limit: usize) -> Drain {
    let collected = Arc::new(Mutex::new(Vec::new()));
    let target = Arc::clone(&collected);
    let reader = thread::spawn(move || {
        let Some(stream) = stream else { return };
        let mut stream = stream.take(limit as u64 + 1);
        let mut chunk = vec![0; 64 * 1024];
        while let Ok(count) = stream.read(&mut chunk) {
            if count == 0 {
                break;
            }
            target
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend_from_slice(&chunk[..count]);
        }
    });
    Drain {
        collected,
        reader,
        limit,
    }
}

pub(super) struct Drain {
    collected: Arc<Mutex<Vec<u8>>>,
    reader: thread::JoinHandle<()>,
    limit: usize,
}

impl Drain {
    pub(super) fn is_over(&self) -> bool {
        self.collected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
            > self.limit
    }

    /// Waits for the end of the stream. A grandchild that keeps it open is not waited for longer
    /// than a second.
    pub(super) fn bytes(self) -> Vec<u8> {
        let started = Instant::now();
        while !self.reader.is_finished() && started.elapsed() < Duration::from_secs(1) {
            thread::sleep(Duration::from_micros(200));
        }
        let mut collected = self
            .collected
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *collected)
    }
}
