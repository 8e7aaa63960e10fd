//! The terminal: taken, drawn on, and given back, whatever happens.

use std::sync::mpsc::{Receiver, Sender};
use std::thread;

use anyhow::{Context as _, Result, bail};
use log::LevelFilter;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEvent};
use ratatui::crossterm::style::force_color_output;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::app::{Answer, App, Effect, Look};
use super::draw::draw;
use super::theme::Theme;
use super::worker::Worker;

/// What may happen.
pub(super) enum Message {
    Key(KeyEvent),
    /// The terminal has another size; it is asked for it when it is drawn on.
    Resized,
    /// It cannot go on: the terminal, or the thread that looks, has gone.
    Gone(String),
    Signal(i32),
    Look(Look),
    Answer(Answer),
}

/// How it ended.
enum End {
    Quit,
    /// By a signal, which is to end the process as it would have.
    Signal(i32),
}

/// The terminal while it is ours. On drop it is as it was; in a panic already before the message is printed, which a
/// second time would paint over.
struct Screen(DefaultTerminal);

impl Screen {
    fn take() -> Result<Self> {
        let screen = ratatui::try_init().context("taking the terminal")?;
        // A line of the log would go right through the picture.
        log::set_max_level(LevelFilter::Off);
        Ok(Self(screen))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if !thread::panicking() {
            ratatui::restore();
        }
    }
}

pub(super) fn run(
    mut app: App,
    theme: &Theme,
    worker: &Worker,
    sender: &Sender<Message>,
    messages: &Receiver<Message>,
) -> Result<()> {
    // Signals first: there must be no moment at which one leaves the terminal as it is not.
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGTSTP]).context("signals")?;
    force_color_output(theme.colors());
    let mut screen = Screen::take()?;
    let to = sender.clone();
    spawn("top-signals", move || {
        signals
            .forever()
            .all(|signal| to.send(Message::Signal(signal)).is_ok());
    })?;
    let to = sender.clone();
    spawn("top-keys", move || while to.send(input()).is_ok() {})?;
    let end = until_end(&mut screen, &mut app, theme, worker, messages);
    drop(screen);
    match end? {
        End::Quit => Ok(()),
        End::Signal(signal) => {
            emulate_default_handler(signal).with_context(|| format!("ending by signal {signal}"))
        }
    }
}

fn until_end(
    screen: &mut Screen,
    app: &mut App,
    theme: &Theme,
    worker: &Worker,
    messages: &Receiver<Message>,
) -> Result<End> {
    loop {
        app.resize(screen.0.size().context("asking for the terminal's size")?);
        let drawn = screen.0.draw(|frame| draw(frame, app, theme));
        drawn.context("drawing")?;
        // All that has come meanwhile is one picture's.
        let first = messages.recv().ok();
        for message in first.into_iter().chain(messages.try_iter()) {
            let effect = match message {
                Message::Key(key) => app.key(key),
                Message::Resized => Effect::Nothing,
                Message::Look(look) => {
                    app.look(look);
                    Effect::Nothing
                }
                Message::Answer(answer) => {
                    app.answer(answer);
                    Effect::Nothing
                }
                Message::Signal(SIGTSTP) => Effect::Suspend,
                Message::Signal(signal) => return Ok(End::Signal(signal)),
                Message::Gone(why) => bail!("{why}"),
            };
            match effect {
                Effect::Nothing => {}
                Effect::Quit => return Ok(End::Quit),
                Effect::Suspend => suspend(screen)?,
                Effect::Look(query) => worker.look(query),
                Effect::Freeze(frozen) => worker.freeze(frozen),
                Effect::Explain(source) => worker.explain(source),
                Effect::Ban(source, duration) => worker.ban(source, duration),
            }
        }
    }
}

/// Gives the terminal to the shell, stops, and takes it again once somebody lets us go on.
fn suspend(screen: &mut Screen) -> Result<()> {
    ratatui::restore();
    emulate_default_handler(SIGTSTP).context("stopping")?;
    screen.0 = ratatui::try_init().context("taking the terminal again")?;
    Ok(())
}

fn input() -> Message {
    loop {
        match event::read() {
            Ok(Event::Key(key)) if key.is_press() => return Message::Key(key),
            Ok(Event::Resize(..)) => return Message::Resized,
            Ok(_) => {}
            Err(error) => return Message::Gone(format!("the terminal has gone: {error}")),
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
    let thread = thread::Builder::new().name(name.to_owned()).spawn(work);
    thread.map(drop).context("starting a thread")
}
