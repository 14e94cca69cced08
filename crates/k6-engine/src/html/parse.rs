//! Makes a page of text, as browsers do.

mod filter;
mod sink;

use std::rc::Rc;

use html5ever::{
    TokenizerResult,
    tendril::StrTendril,
    tokenizer::{BufferQueue, Tokenizer, TokenizerOpts},
};

use self::{filter::Filter, sink::Sink};
use super::{Account, Bill, Document};

/// How many elements may be open in each other: twice of what browsers keep. Much of what a parser
/// does looks through all of them, so the time it takes grows with the square of this.
const DEEPEST: usize = 1024;

/// How much is parsed between looks at the limits.
const STEP: usize = 2 << 10;

/// Why there is no page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    #[error("the elements of the page are more than {DEEPEST} deep in each other")]
    TooDeep,
    #[error("the pages and selections of this virtual user are larger than its memory limit")]
    TooLarge,
    #[error("the iteration was interrupted")]
    Stopped,
}

/// Makes a page of `source`.
///
/// # Errors
///
/// Fails where the page passes a limit, or `stop` says so.
pub(crate) fn parse(
    source: &str,
    url: String,
    account: &Rc<Account>,
    stop: impl Fn() -> bool,
) -> Result<Document, Broken> {
    if u32::try_from(source.len()).is_err() || !account.has_room(source.len()) {
        return Err(Broken::TooLarge);
    }
    let options = TokenizerOpts {
        discard_bom: false,
        ..TokenizerOpts::default()
    };
    let tokenizer = Tokenizer::new(Filter::new(Sink::new(source.len())), options);
    let buffer = BufferQueue::default();
    let mut rest = source;
    while !rest.is_empty() {
        let mut end = STEP.min(rest.len());
        while !rest.is_char_boundary(end) {
            end += 1;
        }
        let (piece, more) = rest.split_at(end);
        rest = more;
        buffer.push_back(StrTendril::from_slice(piece));
        // It stops where a browser would run a script or change the encoding.
        while !matches!(tokenizer.feed(&buffer), TokenizerResult::Done) {}
        if tokenizer.sink.open() > DEEPEST {
            return Err(Broken::TooDeep);
        }
        if !account.has_room(tokenizer.sink.bytes()) {
            return Err(Broken::TooLarge);
        }
        if stop() {
            return Err(Broken::Stopped);
        }
    }
    tokenizer.end();
    let (nodes, bytes) = tokenizer.sink.finish();
    Ok(Document {
        nodes,
        url,
        bill: Bill::new(account, bytes),
    })
}
