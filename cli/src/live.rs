//! `run --live`: a world on the terminal while it is played. The terminal is given back as it was, whatever ends it.

use std::time::{Duration, Instant};

use palisade_lab::live::{Glance, Screen, play};
use palisade_lab::load::{Loaded, RunRequest};
use palisade_lab::run::Watch;
use palisade_lab::words::{money, signed, time};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::{Axis, Block, Chart, Dataset, Gauge, GraphType, Paragraph};
use ratatui::{DefaultTerminal, Frame};

use crate::exit::Exit;
use crate::trouble::Trouble;

/// Time between two pictures.
const PICTURE: Duration = Duration::from_millis(40);
/// Time between two pictures of what stands still.
const IDLE: Duration = Duration::from_millis(500);
/// How long a run takes to watch, at first.
const LENGTH: Duration = Duration::from_secs(12);
/// Points kept of a line; of more, every second is left out.
const POINTS: usize = 1_024;
/// Events kept.
const EVENTS: usize = 200;
/// Below this width everything stands in one column.
const NARROW: u16 = 84;

/// Plays the first world on the terminal; nothing when it was watched to its end.
pub(crate) fn watch(loaded: &Loaded, request: &RunRequest) -> Result<Option<Exit>, Trouble> {
    let terminal = ratatui::try_init()
        .map_err(|error| Trouble::Usage(format!("--live: there is no terminal to draw on: {error}")))?;
    let _given_back = GivenBack;
    let mut dashboard = Dashboard::new(terminal, loaded.scenario().name.clone(), loaded.steps(request));
    let finished = play(loaded, request, &mut dashboard, &Nobody)?;
    let stays = finished && dashboard.linger();
    Ok((!stays).then_some(Exit::Interrupted))
}

/// Gives the terminal back, after an error as well.
struct GivenBack;

impl Drop for GivenBack {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// The dashboard reads keys itself, Ctrl-C too.
struct Nobody;

impl Watch for Nobody {
    fn stepped(&self, _: u64) {}

    fn interrupted(&self) -> bool {
        false
    }
}

/// What a key asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wish {
    Quit,
    Pause,
    Faster,
    Slower,
    NextMarket,
    Redraw,
}

struct Dashboard {
    terminal: DefaultTerminal,
    picture: Picture,
    /// Steps between two pictures.
    stride: u64,
    paused: bool,
    drawn: Instant,
}

/// What is on the screen.
#[derive(Default)]
struct Picture {
    scenario: String,
    last: Glance,
    start_wallet: Option<f64>,
    market: usize,
    /// Index, oracle and mark of every market, over steps.
    prices: Vec<[Line2; 3]>,
    /// Change of the attackers' wallets since the first step, their paper profit, and the protocol's solvency.
    money: [Line2; 3],
    events: Vec<String>,
    note: &'static str,
}

/// A line that grows and is thinned when it grows long.
#[derive(Clone, Default)]
struct Line2 {
    points: Vec<(f64, f64)>,
    every: u64,
    seen: u64,
}

impl Line2 {
    fn push(&mut self, at: f64, value: f64) {
        self.seen += 1;
        if !value.is_finite() || !self.seen.is_multiple_of(self.every.max(1)) {
            return;
        }
        self.points.push((at, value));
        if self.points.len() >= POINTS {
            let mut keep = false;
            self.points.retain(|_| {
                keep = !keep;
                keep
            });
            self.every = self.every.max(1) * 2;
        }
    }
}

impl Screen for Dashboard {
    fn show(&mut self, glance: &Glance) -> bool {
        self.picture.take(glance);
        if !glance.step.is_multiple_of(self.stride) && glance.step != glance.steps {
            return true;
        }
        loop {
            self.draw();
            let wait = if self.paused { IDLE } else { PICTURE.saturating_sub(self.drawn.elapsed()) };
            match self.wish(wait) {
                Some(Wish::Quit) => return false,
                Some(wish) => self.follow(wish),
                None => {}
            }
            if !self.paused && self.drawn.elapsed() >= PICTURE {
                self.drawn = Instant::now();
                return true;
            }
        }
    }
}

impl Dashboard {
    fn new(terminal: DefaultTerminal, scenario: String, steps: u64) -> Self {
        let pictures = u64::try_from(LENGTH.as_millis() / PICTURE.as_millis()).unwrap_or(1);
        let picture =
            Picture { scenario, note: "q quit   space pause   + - speed   tab next market", ..Picture::default() };
        Self { terminal, picture, stride: (steps / pictures).max(1), paused: false, drawn: Instant::now() }
    }

    /// Stays on the last picture until a key is pressed; `false` when that key was to end everything.
    fn linger(&mut self) -> bool {
        self.picture.note = "the run is over: any key shows the summary, q leaves without";
        loop {
            self.draw();
            match self.wish(IDLE) {
                Some(Wish::Quit) => return false,
                Some(Wish::Redraw) | None => {}
                Some(_) => return true,
            }
        }
    }

    fn draw(&mut self) {
        let picture = &self.picture;
        // A terminal that cannot be drawn on is found by the next key; the run is worth more than its picture.
        let _ = self.terminal.draw(|frame| picture.draw(frame));
    }

    /// Waits so long for a key.
    fn wish(&self, wait: Duration) -> Option<Wish> {
        // A terminal that is gone can ask for nothing any more.
        match event::poll(wait) {
            Ok(true) => {}
            Ok(false) => return None,
            Err(_) => return Some(Wish::Quit),
        }
        let Ok(event) = event::read() else { return Some(Wish::Quit) };
        match event {
            Event::Key(key) if key.kind == KeyEventKind::Press => match key.code {
                KeyCode::Char('q') | KeyCode::Esc => Some(Wish::Quit),
                KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Wish::Quit),
                KeyCode::Char('+' | '=') | KeyCode::Right => Some(Wish::Faster),
                KeyCode::Char('-') | KeyCode::Left => Some(Wish::Slower),
                KeyCode::Tab => Some(Wish::NextMarket),
                _ => Some(Wish::Pause),
            },
            Event::Resize(..) => Some(Wish::Redraw),
            _ => None,
        }
    }

    fn follow(&mut self, wish: Wish) {
        match wish {
            Wish::Pause => self.paused = !self.paused,
            Wish::Faster => self.stride = self.stride.saturating_mul(2).min(1 << 20),
            Wish::Slower => self.stride = (self.stride / 2).max(1),
            Wish::NextMarket => self.picture.market = (self.picture.market + 1) % self.picture.prices.len().max(1),
            Wish::Redraw | Wish::Quit => {}
        }
        self.picture.note = if self.paused {
            "paused: any key goes on, q quits"
        } else {
            "q quit   space pause   + - speed   tab next market"
        };
    }
}

impl Picture {
    #[allow(clippy::cast_precision_loss)]
    fn take(&mut self, glance: &Glance) {
        let at = glance.step as f64;
        self.prices.resize(glance.markets.len().max(self.prices.len()), Default::default());
        for (lines, market) in self.prices.iter_mut().zip(&glance.markets) {
            for (line, price) in lines.iter_mut().zip([market.index, market.oracle, market.mark]) {
                line.push(at, if price > 0.0 { price } else { f64::NAN });
            }
        }
        let start = *self.start_wallet.get_or_insert(glance.attacker_wallet);
        let money = [glance.attacker_wallet - start, glance.attacker_paper_profit, glance.solvency];
        self.money.iter_mut().zip(money).for_each(|(line, value)| line.push(at, value));
        self.events.extend(glance.events.iter().map(|event| format!("{:>9}  {event}", time(glance.time_ms))));
        let old = self.events.len().saturating_sub(EVENTS);
        self.events.drain(..old);
        self.last = glance.clone();
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        let [head, body, foot] =
            Layout::vertical([Constraint::Length(3), Constraint::Min(0), Constraint::Length(1)]).areas(frame.area());
        self.head(frame, head);
        frame.render_widget(Paragraph::new(Line::styled(self.note, Style::new().add_modifier(Modifier::DIM))), foot);
        if body.width < NARROW {
            let parts = [Constraint::Fill(3), Constraint::Fill(3), Constraint::Length(8), Constraint::Fill(2)];
            let [prices, money, safety, events] = Layout::vertical(parts).areas(body);
            self.all(frame, [prices, money, safety, events]);
        } else {
            let [left, right] = Layout::horizontal([Constraint::Fill(3), Constraint::Fill(2)]).areas(body);
            let [prices, money] = Layout::vertical([Constraint::Fill(1); 2]).areas(left);
            let [safety, events] = Layout::vertical([Constraint::Length(8), Constraint::Min(0)]).areas(right);
            self.all(frame, [prices, money, safety, events]);
        }
    }

    fn all(&self, frame: &mut Frame<'_>, [prices, money, safety, events]: [Rect; 4]) {
        let name = self.last.markets.get(self.market).map_or("", |market| market.name.as_str());
        if let Some(lines) = self.prices.get(self.market) {
            let lines = [
                ("index", &lines[0], Color::Blue),
                ("oracle", &lines[1], Color::Yellow),
                ("mark", &lines[2], Color::Green),
            ];
            chart(frame, prices, &format!(" {name}: index, oracle, mark "), &lines);
        }
        let [wallet, paper, solvency] = &self.money;
        let lines = [
            ("change of wallets", wallet, Color::Red),
            ("on paper", paper, Color::Magenta),
            ("assets − claims", solvency, Color::Cyan),
        ];
        chart(
            frame,
            money,
            " Attackers: change of wallets since the first step, profit on paper; the protocol ",
            &lines,
        );
        self.safety(frame, safety);
        self.happened(frame, events);
    }

    #[allow(clippy::cast_precision_loss)]
    fn head(&self, frame: &mut Frame<'_>, area: Rect) {
        let Glance { step, steps, time_ms, .. } = self.last;
        let ratio = if steps == 0 { 0.0 } else { (step as f64 / steps as f64).clamp(0.0, 1.0) };
        let title = format!(" {} ", self.scenario);
        let label = format!("step {step} of {steps}, {}", time(time_ms));
        let gauge = Gauge::default()
            .block(Block::bordered().title(title))
            .gauge_style(Style::new().fg(Color::Blue))
            .ratio(ratio)
            .label(label);
        frame.render_widget(gauge, area);
    }

    fn safety(&self, frame: &mut Frame<'_>, area: Rect) {
        let ratio = |value: f64| if value.is_finite() { format!("{value:.2}") } else { "–".to_owned() };
        let mut lines = vec![
            Line::from(format!("assets − claims   {}", signed(self.last.solvency))),
            Line::from(format!("value at risk     {}", money(self.last.value_at_risk))),
        ];
        if self.last.cheapest_route.is_finite() {
            let margin = self.last.cheapest_route - self.last.value_at_risk;
            let style = if margin < 0.0 { Style::new().fg(Color::Red) } else { Style::new().fg(Color::Green) };
            lines.push(Line::styled(format!("security margin   {}", signed(margin)), style));
        }
        for vault in &self.last.vaults {
            let style = if vault.cap_ratio < 1.0 { Style::new().fg(Color::Red) } else { Style::new() };
            let text = format!(
                "vault {}: cap {} stake {} cover {}",
                vault.name,
                ratio(vault.cap_ratio),
                ratio(vault.stake_ratio),
                ratio(vault.cover)
            );
            lines.push(Line::styled(text, style));
        }
        frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" Backing and margin ")), area);
    }

    fn happened(&self, frame: &mut Frame<'_>, area: Rect) {
        let room = usize::from(area.height.saturating_sub(2));
        let shown = self.events.iter().rev().take(room).rev().map(|event| Line::from(event.as_str()));
        frame.render_widget(Paragraph::new(shown.collect::<Vec<_>>()).block(Block::bordered().title(" Events ")), area);
    }
}

fn chart(frame: &mut Frame<'_>, area: Rect, title: &str, lines: &[(&str, &Line2, Color)]) {
    let points = || lines.iter().flat_map(|(_, line, _)| line.points.iter());
    let fold = |pick: fn(&(f64, f64)) -> f64| {
        points()
            .map(pick)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
    };
    let ((left, right), (low, high)) = (fold(|point| point.0), fold(|point| point.1));
    if !(low.is_finite() && left.is_finite()) {
        frame.render_widget(Block::bordered().title(title.to_owned()), area);
        return;
    }
    let room = if high > low { 0.05 * (high - low) } else { high.abs().max(1.0) * 0.05 };
    let data = lines.iter().map(|(name, line, color)| {
        Dataset::default()
            .name((*name).to_owned())
            .marker(Marker::Braille)
            .graph_type(GraphType::Line)
            .style(Style::new().fg(*color))
            .data(&line.points)
    });
    let y = Axis::default().bounds([low - room, high + room]).labels([
        short(low),
        short(f64::midpoint(low, high)),
        short(high),
    ]);
    let x = Axis::default().bounds([left, right.max(left + 1.0)]);
    frame.render_widget(
        Chart::new(data.collect()).block(Block::bordered().title(title.to_owned())).x_axis(x).y_axis(y),
        area,
    );
}

/// A number in few characters.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 1e9 => format!("{:.1}G", value / 1e9),
        size if size >= 1e6 => format!("{:.1}M", value / 1e6),
        size if size >= 1e4 => format!("{:.0}k", value / 1e3),
        size if size >= 10.0 => format!("{value:.0}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_keeps_its_span_in_bounded_room() {
        let mut line = Line2::default();
        (0..100_000).for_each(|step| line.push(f64::from(step), 1.0));
        assert!(line.points.len() < POINTS, "{}", line.points.len());
        let (first, last) = (line.points[0].0, line.points[line.points.len() - 1].0);
        assert!(first < 1_000.0 && last > 99_000.0, "{first} {last}");
    }
}
