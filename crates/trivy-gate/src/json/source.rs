//! The bytes of a report, read in a thread of its own: there they are hashed, checked to be UTF-8
//! and bounded, while the reader works on the chunk before.

use std::{
    fmt,
    io::{self, Read},
    sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    thread,
};

use autoscaleops_core::stop;
use sha2::{Digest as _, Sha256};

use crate::digest::hex;

const CHUNK: usize = 256 << 10;
/// How many chunks may wait for the reader.
const WAITING: usize = 4;

/// A piece of the document, cut between two characters.
#[derive(Default)]
pub(crate) struct Chunk {
    pub(crate) bytes: Vec<u8>,
}

/// Why no more bytes come.
#[derive(Debug)]
pub(crate) enum SourceError {
    Io(io::Error),
    TooLarge(u64),
    NotUtf8(u64),
    Interrupted,
}

impl SourceError {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Io(_) => "io",
            Self::TooLarge(_) => "report_too_large",
            Self::NotUtf8(_) => "not_json",
            Self::Interrupted => "interrupted",
        }
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "reading stopped: {error}"),
            Self::TooLarge(limit) => write!(f, "the report is larger than {limit} bytes"),
            Self::NotUtf8(offset) => write!(f, "byte {offset} is not UTF-8"),
            Self::Interrupted => f.write_str("interrupted while reading the report"),
        }
    }
}

impl std::error::Error for SourceError {}

enum Delivery {
    Chunk(Chunk),
    End { bytes: u64, sha256: String },
    Broken(SourceError),
}

/// The reader's end.
pub(crate) struct Source {
    deliveries: Receiver<Delivery>,
    empties: Sender<Vec<u8>>,
    end: Option<(u64, String)>,
}

impl Source {
    /// Begins to read `input`, up to `limit` bytes.
    pub(crate) fn new(input: Box<dyn Read + Send>, limit: u64) -> Self {
        let (send, deliveries) = sync_channel(WAITING);
        let (empties, returned) = channel();
        thread::spawn(move || {
            let last = match pump(input, limit, &send, &returned) {
                Ok(Some(end)) => end,
                Ok(None) => return,
                Err(problem) => Delivery::Broken(problem),
            };
            // Nobody listens any more when the reader found a fault before.
            drop(send.send(last));
        });
        Self {
            deliveries,
            empties,
            end: None,
        }
    }

    /// Returns the next chunk, or `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Chunk>, SourceError> {
        if stop::requested() {
            return Err(SourceError::Interrupted);
        }
        if self.end.is_some() {
            return Ok(None);
        }
        match self.deliveries.recv() {
            Ok(Delivery::Chunk(chunk)) => Ok(Some(chunk)),
            Ok(Delivery::End { bytes, sha256 }) => {
                self.end = Some((bytes, sha256));
                Ok(None)
            }
            Ok(Delivery::Broken(problem)) => Err(problem),
            Err(_) => Err(SourceError::Io(io::Error::other(
                "the reading thread is gone",
            ))),
        }
    }

    /// Gives the memory of a chunk back.
    pub(crate) fn recycle(&self, chunk: Chunk) {
        drop(self.empties.send(chunk.bytes));
    }

    /// Returns length and SHA-256, once the end was reached.
    pub(crate) fn seal(self) -> Option<(u64, String)> {
        self.end
    }
}

/// Returns the last delivery, or `None` when nobody listens any more.
fn pump(
    mut input: Box<dyn Read + Send>,
    limit: u64,
    send: &SyncSender<Delivery>,
    returned: &Receiver<Vec<u8>>,
) -> Result<Option<Delivery>, SourceError> {
    let mut hash = Sha256::new();
    let mut total = 0u64;
    let mut carried: Vec<u8> = Vec::with_capacity(4);
    loop {
        let mut bytes = returned.try_recv().unwrap_or_default();
        bytes.clear();
        bytes.reserve_exact(CHUNK);
        bytes.append(&mut carried);
        let before = bytes.len();
        let at_end = fill(&mut input, &mut bytes)?;
        hash.update(&bytes[before..]);
        total += (bytes.len() - before) as u64;
        if total > limit {
            return Err(SourceError::TooLarge(limit));
        }
        if let Err(problem) = std::str::from_utf8(&bytes) {
            let valid = problem.valid_up_to();
            if at_end || problem.error_len().is_some() {
                return Err(SourceError::NotUtf8(total - (bytes.len() - valid) as u64));
            }
            carried.extend_from_slice(&bytes[valid..]);
            bytes.truncate(valid);
        }
        if !bytes.is_empty() && send.send(Delivery::Chunk(Chunk { bytes })).is_err() {
            return Ok(None);
        }
        if at_end {
            let sha256 = hex(&hash.finalize());
            return Ok(Some(Delivery::End {
                bytes: total,
                sha256,
            }));
        }
    }
}

/// Fills `bytes` up to a whole chunk. Returns whether the end was reached.
fn fill(input: &mut dyn Read, bytes: &mut Vec<u8>) -> Result<bool, SourceError> {
    let wanted = CHUNK - bytes.len();
    let mut limited = input.take(wanted as u64);
    limited.read_to_end(bytes).map_err(SourceError::Io)?;
    Ok(limited.limit() > 0)
}

#[cfg(test)]
impl Source {
    /// Returns a source of exactly these chunks.
    pub(crate) fn of_chunks(chunks: Vec<Vec<u8>>) -> Self {
        let (send, deliveries) = sync_channel(chunks.len() + 1);
        let (empties, _) = channel();
        for bytes in chunks {
            send.send(Delivery::Chunk(Chunk { bytes })).unwrap();
        }
        let end = Delivery::End {
            bytes: 0,
            sha256: String::new(),
        };
        send.send(end).unwrap();
        Self {
            deliveries,
            empties,
            end: None,
        }
    }
}
