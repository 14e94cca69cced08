//! The table on a terminal.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    time::{Duration, Instant},
};

use ratatui::{
    DefaultTerminal, Frame,
    crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers},
    layout::{Constraint, Layout},
    style::{Color, Modifier, Style},
    text::Line as TextLine,
    widgets::{Block, Cell, Paragraph, Row, Sparkline, Table, Wrap},
};

use crate::{
    live::Next,
    recording::{Entry, Line, Point},
};

/// How much is remembered of the past of one autoscaler, and of all events.
const PAST: usize = 240;
const REDRAW: Duration = Duration::from_millis(250);

/// What is shown.
#[derive(Debug, Default)]
pub(super) struct View {
    hpas: BTreeMap<String, (Point, VecDeque<u64>)>,
    log: VecDeque<String>,
    chosen: usize,
}

/// A terminal that is given back when this is dropped.
pub(super) struct Screen {
    terminal: DefaultTerminal,
    view: View,
    drawn: Instant,
}

impl Screen {
    pub(super) fn open() -> io::Result<Self> {
        let terminal = ratatui::try_init()?;
        Ok(Self {
            terminal,
            view: View::default(),
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
            self.terminal.draw(|frame| view.draw(frame))?;
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
                let percent = u64::try_from(point.utilization.unwrap_or(0)).unwrap_or(0);
                entry.1.push_back(percent);
                if entry.1.len() > PAST {
                    entry.1.pop_front();
                }
            }
            Entry::Event {
                hpa,
                reason,
                message,
                ..
            } => self
                .log
                .push_front(format!("{at} {hpa}: {reason}: {message}")),
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

    pub(super) fn draw(&self, frame: &mut Frame<'_>) {
        let rows = u16::try_from(self.hpas.len()).unwrap_or(u16::MAX);
        let [table, why, chart, log] = Layout::vertical([
            Constraint::Max(rows.saturating_add(3).min(frame.area().height / 2)),
            Constraint::Length(4),
            Constraint::Length(5),
            Constraint::Min(3),
        ])
        .areas(frame.area());
        let visible = usize::from(table.height.saturating_sub(3)).max(1);
        let first = (self.chosen + 1).saturating_sub(visible);
        let body = self
            .hpas
            .iter()
            .enumerate()
            .skip(first)
            .take(visible)
            .map(|(index, (name, (point, _)))| row(name, point, index == self.chosen));
        let head = Row::new([
            "AUTOSCALER",
            "USE",
            "TARGET",
            "MIN",
            "SIZE",
            "READY",
            "MAX",
            "STATE",
        ])
        .style(Style::new().add_modifier(Modifier::BOLD));
        let widths = [
            Constraint::Fill(1),
            Constraint::Length(6),
            Constraint::Length(6),
            Constraint::Length(4),
            Constraint::Length(7),
            Constraint::Length(5),
            Constraint::Length(5),
            Constraint::Length(20),
        ];
        let title = " hpa-watch   q quit   ↑↓ choose ";
        frame.render_widget(
            Table::new(body, widths)
                .header(head)
                .block(Block::bordered().title(title)),
            table,
        );
        let chosen = self.hpas.iter().nth(self.chosen);
        let text = chosen.map_or("waiting for the cluster", |(_, (point, _))| &point.why);
        let block = Block::bordered().title(" why ");
        frame.render_widget(
            Paragraph::new(text).wrap(Wrap { trim: true }).block(block),
            why,
        );
        if let Some((name, (_, past))) = chosen {
            let title = format!(" utilization of {name} ");
            let data: Vec<u64> = past
                .iter()
                .rev()
                .take(usize::from(chart.width.saturating_sub(2)))
                .rev()
                .copied()
                .collect();
            let line = Sparkline::default()
                .data(&data)
                .block(Block::bordered().title(title));
            frame.render_widget(line, chart);
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
}

fn row<'a>(name: &'a str, point: &'a Point, is_chosen: bool) -> Row<'a> {
    let percent = |value: Option<i32>| value.map_or("?".to_owned(), |value| format!("{value}%"));
    let size = if point.desired != point.size() && point.desired != 0 {
        format!("{} → {}", point.size(), point.desired)
    } else {
        point.size().to_string()
    };
    let state = [&point.active, &point.able, &point.limited]
        .into_iter()
        .zip([false, true, true])
        .filter_map(|(condition, bad)| condition.as_ref().map(|condition| (condition, bad)))
        .find(|(condition, bad)| condition.holds == *bad && condition.reason != "ReadyForNewScale");
    let (text, color) = match state {
        Some((condition, false)) => (condition.reason.as_str(), Color::Red),
        Some((condition, true)) => (condition.reason.as_str(), Color::Yellow),
        None => ("ready", Color::Green),
    };
    let style = if is_chosen {
        Style::new().add_modifier(Modifier::REVERSED)
    } else {
        Style::new()
    };
    Row::new([
        Cell::new(name),
        Cell::new(percent(point.utilization)),
        Cell::new(percent(point.target)),
        Cell::new(point.min.to_string()),
        Cell::new(size),
        Cell::new(
            point
                .ready
                .map_or("?".to_owned(), |ready| ready.to_string()),
        ),
        Cell::new(point.max.to_string()),
        Cell::new(text).style(Style::new().fg(color)),
    ])
    .style(style)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use ratatui::{Terminal, backend::TestBackend};

    use super::*;

    #[test]
    fn the_table_fits_a_small_terminal_and_names_the_numbers_apart() {
        let mut view = View::default();
        for (size, desired) in [(1, 3), (3, 3)] {
            view.take(&Line {
                at: Timestamp::UNIX_EPOCH,
                entry: Entry::Point {
                    hpa: "shop/web".to_owned(),
                    point: Box::new(Point {
                        min: 1,
                        max: 3,
                        spec: Some(size),
                        desired,
                        ready: Some(1),
                        target: Some(50),
                        utilization: Some(123),
                        why: "holding 3 for 22s more".to_owned(),
                        ..Point::default()
                    }),
                },
            });
        }
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        terminal.draw(|frame| view.draw(frame)).unwrap();
        let text: String = terminal
            .backend()
            .buffer()
            .content()
            .iter()
            .map(ratatui::buffer::Cell::symbol)
            .collect();
        for part in ["shop/web", "123%", "50%", "holding 3 for 22s more", "1 → 3"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }
}
