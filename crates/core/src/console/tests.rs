//! What goes where, on writers that can be read back.

use super::*;

/// A stream that a test can read back.
#[derive(Clone, Default)]
struct Stream(Arc<Mutex<Vec<u8>>>);

impl Stream {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A pipe whose reader has left.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn console() -> (Console, Stream, Stream) {
    let (answers, notes) = (Stream::default(), Stream::default());
    let console = Console::of_writers(
        "echo-tool",
        Format::Human,
        Box::new(answers.clone()),
        Box::new(notes.clone()),
    );
    (console, answers, notes)
}

#[test]
fn answers_and_notes_keep_to_their_streams() {
    let (mut console, answers, notes) = console();
    console.answer("yes").unwrap();
    console.note("by the way");
    console.warn("careful");
    assert_eq!(answers.text(), "yes\n");
    assert_eq!(notes.text(), "by the way\nwarning: careful\n");
}

#[test]
fn a_quiet_console_still_warns() {
    let (mut console, _, notes) = console();
    console.quiet = true;
    console.note("by the way");
    console.warn("careful");
    assert_eq!(notes.text(), "warning: careful\n");
}

#[test]
fn long_work_says_that_it_goes_on_where_nobody_watches_a_bar() {
    let (mut console, answers, notes) = console();
    console.reminder = Duration::from_millis(60);
    let progress = console.progress("reading tags", 3);
    progress.advance(2);
    thread::sleep(Duration::from_millis(400));
    drop(progress);
    assert!(
        notes.text().starts_with("reading tags 2/3 (0 s)\n"),
        "{}",
        notes.text()
    );
    thread::sleep(Duration::from_millis(120));
    let said = notes.text();
    thread::sleep(Duration::from_millis(200));
    assert_eq!(notes.text(), said, "it goes on after its end");
    assert_eq!(answers.text(), "");
}

#[test]
fn short_work_says_nothing() {
    let (console, _, notes) = console();
    console.spinner("reading").say("reading more");
    thread::sleep(Duration::from_millis(100));
    assert_eq!(notes.text(), "");
}

#[test]
fn a_reader_that_left_is_no_error() {
    let mut console = Console::of_writers(
        "echo-tool",
        Format::Human,
        Box::new(Closed),
        Box::new(Stream::default()),
    );
    assert!(console.answer("yes").is_ok());
}
