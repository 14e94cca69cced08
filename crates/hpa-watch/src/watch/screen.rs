//! The table on a terminal.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    time::{Duration, Instant},
};

use autoscaleops_core::time::Span;
use jiff::Timestamp;
use ratatui::{
    DefaultTerminal, Frame,
    crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers},
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    text::Line as TextLine,
    widgets::{Block, Cell, Paragraph, Row, Sparkline, Table, Wrap},
};

use crate::{
    live::Next,
    recording::{Condition, Entry, Line, Point},
};

/// How much is remembered of the past of one autoscaler, and of all events.
const PAST: usize = 240;
const REDRAW: Duration = Duration::from_millis(250);

/// What is shown.
#[derive(Debug, Default)]
pub(super) struct View {
    hpas: BTreeMap<String, (Point, VecDeque<Option<u64>>)>,
    log: VecDeque<String>,
    chosen: usize,
    color: bool,
}

/// A terminal that is given back when this is dropped.
pub(super) struct Screen {
    terminal: DefaultTerminal,
    view: View,
    drawn: Instant,
}

impl Screen {
    pub(super) fn open(color: bool) -> io::Result<Self> {
        let terminal = ratatui::try_init()?;
        Ok(Self {
            terminal,
            view: View {
                color,
                ..View::default()
            },
            drawn: Instant::now(),
        })
    }

    /// Takes a line, or a tick: keys and drawing.
    pub(super) fn take(&mut self, line: Option<&Line>) -> io::Result<Next> {
        if let Some(line) = line {
            self.view.take(line);
        }
        while event::poll(Duration::ZERO)? {
            if let Event::Key(key) = event::read()?
                && key.kind == KeyEventKind::Press
            {
                let control_c =
                    key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
                match key.code {
                    _ if control_c => return Ok(Next::Stop),
                    KeyCode::Char('q') | KeyCode::Esc => return Ok(Next::Stop),
                    KeyCode::Down | KeyCode::Char('j') => self.view.choose(1),
                    KeyCode::Up | KeyCode::Char('k') => self.view.choose(-1),
                    _ => {}
                }
            }
        }
        if self.drawn.elapsed() >= REDRAW {
            self.drawn = Instant::now();
            let view = &self.view;
            self.terminal
                .draw(|frame| view.draw(frame, Timestamp::now()))?;
        }
        Ok(Next::Go)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

impl View {
    pub(super) fn take(&mut self, line: &Line) {
        let at = line.at.strftime("%H:%M:%S");
        match &line.entry {
            Entry::Point { hpa, point } => {
                let entry = self
                    .hpas
                    .entry(hpa.clone())
                    .or_insert_with(|| ((**point).clone(), VecDeque::new()));
                if entry.0.size() != point.size() {
                    let text = format!("{at} {hpa}: {} → {}", entry.0.size(), point.size());
                    self.log.push_front(text);
                }
                entry.0 = (**point).clone();
                let percent = point.measured.or(point.utilization);
                entry
                    .1
                    .push_back(percent.and_then(|percent| u64::try_from(percent).ok()));
                if entry.1.len() > PAST {
                    entry.1.pop_front();
                }
            }
            Entry::Event {
                hpa,
                reason,
                message,
                ..
            } => {
                let whose = if hpa.is_empty() {
                    String::new()
                } else {
                    format!("{hpa}: ")
                };
                let text = format!("{at} {whose}{reason}: {message}");
                self.log
                    .push_front(autoscaleops_core::text::printable(&text));
            }
            Entry::Gap { what, lasted_ms } => self.log.push_front(format!(
                "{at} the watch of {what} was lost for {lasted_ms} ms"
            )),
            Entry::Deleted { hpa } => {
                self.hpas.remove(hpa);
                self.log.push_front(format!("{at} {hpa}: deleted"));
            }
            _ => {}
        }
        self.log.truncate(PAST);
    }

    fn choose(&mut self, step: isize) {
        let last = self.hpas.len().saturating_sub(1);
        self.chosen = self.chosen.saturating_add_signed(step).min(last);
    }

    pub(super) fn draw(&self, frame: &mut Frame<'_>, now: Timestamp) {
        let rows = u16::try_from(self.hpas.len()).unwrap_or(u16::MAX);
        let [table, why, chart, log] = Layout::vertical([
            Constraint::Max(rows.saturating_add(3).min(frame.area().height / 2)),
            Constraint::Length(5),
            Constraint::Length(5),
            Constraint::Min(3),
        ])
        .areas(frame.area());
        self.draw_table(frame, table);
        let chosen = self.hpas.iter().nth(self.chosen);
        let text = chosen.map_or("waiting for the cluster".to_owned(), |(_, (point, _))| {
            sentence(point)
        });
        let left = chosen
            .and_then(|(_, (point, _))| point.held_until)
            .and_then(|until| u64::try_from(until.duration_since(now).as_secs()).ok())
            .filter(|left| *left > 0);
        let title = match left {
            Some(left) => format!(" why: held for {} ", Span::seconds(left)),
            None => " why ".to_owned(),
        };
        let block = Block::bordered().title(title);
        frame.render_widget(
            Paragraph::new(text).wrap(Wrap { trim: true }).block(block),
            why,
        );
        if let Some((name, (point, past))) = chosen {
            draw_use(frame, chart, name, point, past);
        }
        let lines: Vec<TextLine<'_>> = self
            .log
            .iter()
            .take(usize::from(log.height))
            .map(|text| TextLine::raw(text.as_str()))
            .collect();
        frame.render_widget(
            Paragraph::new(lines).block(Block::bordered().title(" what happened ")),
            log,
        );
    }

    fn draw_table(&self, frame: &mut Frame<'_>, area: Rect) {
        let visible = usize::from(area.height.saturating_sub(3)).max(1);
        let first = (self.chosen + 1).saturating_sub(visible);
        // On a narrow screen the names need the room; the band stands above the chart too.
        let columns: Vec<&Column> = COLUMNS
            .iter()
            .filter(|column| area.width >= column.from_width)
            .collect();
        let taken: u16 = columns.iter().map(|column| column.width + 1).sum();
        let room = usize::from(area.width.saturating_sub(taken + 2));
        let body = self.hpas.iter().enumerate().skip(first).take(visible).map(
            |(index, (name, (point, _)))| {
                let cells = columns.iter().map(|column| self.cell(column, point));
                let name = Cell::new(shortened(name, room));
                Row::new(std::iter::once(name).chain(cells)).style(if index == self.chosen {
                    Style::new().add_modifier(Modifier::REVERSED)
                } else {
                    Style::new()
                })
            },
        );
        let heads = columns.iter().map(|column| column.head);
        let head = Row::new(std::iter::once("AUTOSCALER").chain(heads))
            .style(Style::new().add_modifier(Modifier::BOLD));
        let widths = columns
            .iter()
            .map(|column| Constraint::Length(column.width));
        let widths = std::iter::once(Constraint::Fill(1)).chain(widths);
        let title = " hpa-watch   q quit   ↑↓ choose ";
        frame.render_widget(
            Table::new(body, widths)
                .header(head)
                .block(Block::bordered().title(title)),
            area,
        );
    }

    fn cell(&self, column: &Column, point: &Point) -> Cell<'static> {
        let cell = Cell::new((column.text)(point));
        match (column.head, self.color) {
            ("STATE", true) => cell.style(Style::new().fg(state(point).1)),
            _ => cell,
        }
    }
}

/// A column of the table, after the name.
struct Column {
    head: &'static str,
    width: u16,
    /// The width of the screen from which on it is shown.
    from_width: u16,
    text: fn(&Point) -> String,
}

const COLUMNS: [Column; 9] = [
    column("USE", 9, 0, super::usage),
    column("NOW", 5, 0, |point| number_or_unknown(point.measured, "%")),
    column("HOLDS AT", 8, 100, |point| {
        let band = point.band;
        band.map_or(String::new(), |band| {
            format!("{}..{}%", band.low, band.high)
        })
    }),
    column("MIN", 4, 0, |point| point.min.to_string()),
    column("WANTS", 5, 0, |point| {
        number_or_unknown(Some(point.desired).filter(|desired| *desired > 0), "")
    }),
    column("SPEC", 4, 0, |point| {
        number_or_unknown(point.spec.or(Some(point.current)), "")
    }),
    column("READY", 5, 0, |point| number_or_unknown(point.ready, "")),
    column("MAX", 4, 0, |point| point.max.to_string()),
    column("STATE", 10, 0, |point| state(point).0.to_owned()),
];

const fn column(
    head: &'static str,
    width: u16,
    from_width: u16,
    text: fn(&Point) -> String,
) -> Column {
    Column {
        head,
        width,
        from_width,
        text,
    }
}

fn number_or_unknown(value: Option<i32>, unit: &str) -> String {
    value.map_or("?".to_owned(), |value| format!("{value}{unit}"))
}

/// A name in so many columns: its ends tell it apart.
fn shortened(name: &str, room: usize) -> String {
    let letters: Vec<char> = name.chars().collect();
    if letters.len() <= room || room < 5 {
        return name.to_owned();
    }
    let (begin, end) = ((room - 1) / 2, room / 2);
    let begin: String = letters.iter().take(begin).collect();
    let end: String = letters.iter().skip(letters.len() - end).collect();
    format!("{begin}…{end}")
}

/// Why, with what could not be looked at.
fn sentence(point: &Point) -> String {
    let mut text = point.why.clone();
    if let Some(active) = point.active.as_ref().filter(|active| !active.holds)
        && text.is_empty()
    {
        text = format!("{}: {}", active.reason, active.message);
    }
    if text.is_empty() && point.spec.is_none() && point.ready.is_none() {
        "of all namespaces the autoscalers alone are followed: name one, or its namespace with -n, to see why"
            .clone_into(&mut text);
    }
    if !point.not_checked.is_empty() {
        text.push_str(&format!("\nnot checked: {}", point.not_checked.join(", ")));
    }
    autoscaleops_core::text::printable(&text)
}

/// The state in a word or two; the colour says nothing that the words do not.
fn state(point: &Point) -> (&'static str, Color) {
    let fails = |condition: &Option<Condition>| {
        condition.as_ref().is_some_and(|condition| !condition.holds)
    };
    let reason = |condition: &Option<Condition>| {
        condition
            .as_ref()
            .filter(|condition| condition.holds)
            .map_or(String::new(), |condition| condition.reason.clone())
    };
    if fails(&point.able) {
        return ("no target", Color::Red);
    }
    if fails(&point.active) {
        let is_paused = point
            .active
            .as_ref()
            .is_some_and(|active| active.reason == "ScalingDisabled");
        return if is_paused {
            ("paused", Color::Yellow)
        } else {
            ("no metrics", Color::Red)
        };
    }
    if point.expected.is_some() {
        return ("differs", Color::Red);
    }
    match (
        reason(&point.able).as_str(),
        reason(&point.limited).as_str(),
    ) {
        ("ScaleDownStabilized" | "ScaleUpStabilized", _) => ("held", Color::Yellow),
        (_, "TooManyReplicas") => ("at maximum", Color::Yellow),
        (_, "TooFewReplicas") => ("at minimum", Color::Green),
        (_, "ScaleUpLimit" | "ScaleDownLimit") => ("by policy", Color::Yellow),
        ("SucceededRescale", _) => ("scaled", Color::Cyan),
        ("", "") => ("new", Color::Yellow),
        _ => ("ready", Color::Green),
    }
}

fn draw_use(
    frame: &mut Frame<'_>,
    area: Rect,
    name: &str,
    point: &Point,
    past: &VecDeque<Option<u64>>,
) {
    let mut title = format!(" utilization of {name}");
    if let (Some(target), Some(band)) = (point.target, point.band) {
        title.push_str(&format!(
            ": target {target}%, nothing changes at {}..{}%",
            band.low, band.high
        ));
    }
    title.push(' ');
    let width = usize::from(area.width.saturating_sub(2));
    let data: Vec<Option<u64>> = past
        .iter()
        .skip(past.len().saturating_sub(width))
        .copied()
        .collect();
    // As high as the target at least: little use looks little.
    let most = data.iter().flatten().copied().max().unwrap_or(0);
    let target = point.target.and_then(|target| u64::try_from(target).ok());
    let line = Sparkline::default()
        .max(most.max(target.unwrap_or(0)))
        .data(data)
        .absent_value_symbol("·")
        .block(Block::bordered().title(title));
    frame.render_widget(line, area);
}

#[cfg(test)]
mod tests {
    use ratatui::{Terminal, backend::TestBackend};

    use super::*;
    use crate::recording::Band;

    fn line(hpa: &str, point: Point) -> Line {
        Line {
            at: Timestamp::UNIX_EPOCH,
            entry: Entry::Point {
                hpa: hpa.to_owned(),
                point: Box::new(point),
            },
        }
    }

    fn condition(holds: bool, reason: &str) -> Condition {
        Condition {
            holds,
            reason: reason.to_owned(),
            message: "the message".to_owned(),
        }
    }

    fn held(percent: i32) -> Point {
        Point {
            min: 1,
            max: 3,
            current: 3,
            spec: Some(3),
            desired: 3,
            ready: Some(2),
            target: Some(50),
            utilization: Some(percent),
            measured: Some(percent),
            band: Some(Band { low: 45, high: 55 }),
            able: Some(condition(true, "ScaleDownStabilized")),
            active: Some(condition(true, "ValidMetricFound")),
            why: "holding 3: cpu at 2% of 50% asks for 1, but a recommendation of 8 stays in the 1m window for 45s more".to_owned(),
            held_until: Some(Timestamp::from_second(45).unwrap()),
            not_checked: vec!["the events (no permission: watch events)".to_owned()],
            ..Point::default()
        }
    }

    /// Three autoscalers, as rows of a terminal.
    fn drawn(width: u16, height: u16, color: bool) -> (Vec<String>, bool) {
        let mut view = View {
            color,
            ..View::default()
        };
        for percent in [2, 123, 123, 90, 2] {
            view.take(&line("shop/web", held(percent)));
        }
        view.take(&line(
            "staging/a-service-with-quite-a-long-name",
            Point {
                min: 2,
                max: 10,
                current: 1,
                active: Some(condition(false, "FailedGetResourceMetric")),
                able: Some(condition(true, "SucceededGetScale")),
                target: Some(80),
                ..Point::default()
            },
        ));
        view.take(&line(
            "shop/worker",
            Point {
                min: 1,
                max: 9,
                current: 4,
                desired: 4,
                metric: "queue 12 of 10 a pod".to_owned(),
                able: Some(condition(true, "ReadyForNewScale")),
                ..Point::default()
            },
        ));
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal
            .draw(|frame| view.draw(frame, Timestamp::from_second(3).unwrap()))
            .unwrap();
        let buffer = terminal.backend().buffer();
        let rows = buffer
            .content()
            .chunks(usize::from(width))
            .map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect())
            .collect();
        let is_colored = buffer.content().iter().any(|cell| cell.fg != Color::Reset);
        (rows, is_colored)
    }

    #[test]
    fn the_table_fits_a_small_terminal_and_names_the_numbers_apart() {
        let (rows, _) = drawn(80, 24, true);
        let text = rows.join("\n");
        let row = rows.iter().find(|row| row.contains("│shop/web ")).unwrap();
        let cells: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(
            cells,
            [
                "│shop/web",
                "2%/50%",
                "2%",
                "1",
                "3",
                "3",
                "2",
                "3",
                "held",
                "│"
            ],
            "{text}"
        );
        for part in [
            "held for 42s",
            "a recommendation of 8 stays in the",
            "1m window for 45s more",
            "not checked: the events",
            "no metrics",
            "target 50%, nothing changes at 45..55%",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }

    #[test]
    fn a_wide_terminal_shows_long_names_in_full() {
        let (rows, _) = drawn(160, 40, true);
        let text = rows.join("\n");
        assert!(
            text.contains("staging/a-service-with-quite-a-long-name "),
            "{text}"
        );
        assert!(text.contains(" 45..55% "), "{text}");
        assert!(rows.iter().all(|row| row.chars().count() == 160));
    }

    #[test]
    fn a_long_name_keeps_its_ends() {
        let (rows, _) = drawn(80, 24, true);
        let text = rows.join("\n");
        assert!(text.contains("staging/a-s…-a-long-name"), "{text}");
        assert_eq!(shortened("shop/web", 8), "shop/web");
        assert_eq!(shortened("shop/website", 8), "sho…site");
    }

    #[test]
    fn without_colour_the_words_stay() {
        let (colored, has_color) = drawn(80, 24, true);
        let (plain, has_none) = drawn(80, 24, false);
        assert!(has_color && !has_none);
        assert_eq!(colored, plain);
    }

    #[test]
    fn a_terminal_that_is_far_too_small_does_no_harm() {
        for (width, height) in [(1, 1), (10, 3), (20, 8)] {
            let (rows, _) = drawn(width, height, true);
            assert_eq!(rows.len(), usize::from(height));
        }
    }
}
