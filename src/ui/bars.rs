//! A line a unit that moves: step, bytes, rate, time left.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use uuid::Uuid;

use super::lines::{line, outcome, verdict};
use super::{safe, unit, waits};
use crate::run::event::{Event, EventKind};

/// Columns for the unit's name, as the templates have it.
const PREFIX: usize = 20;
/// How often a waiting line moves, so that a person sees that it lives.
const TICK: Duration = Duration::from_millis(200);

/// The progress bars of all units.
#[derive(Debug, Default)]
pub struct Bars {
    screen: MultiProgress,
    of: BTreeMap<Uuid, ProgressBar>,
}

impl Bars {
    /// No bars yet; they are drawn on stderr.
    #[must_use]
    pub fn new() -> Bars {
        Bars::default()
    }

    /// The screen, to stop the bars while a person is asked something.
    #[must_use]
    pub fn screen(&self) -> MultiProgress {
        self.screen.clone()
    }

    /// Draws what happened.
    pub fn hear(&mut self, event: &Event) {
        let screen = &self.screen;
        let bar = self.of.entry(event.run).or_insert_with(|| {
            let bar = screen.add(ProgressBar::new_spinner().with_style(waiting()));
            bar.enable_steady_tick(TICK);
            bar
        });
        bar.set_prefix(short(&unit(event)));
        let step = safe(event.step.as_deref().unwrap_or_default());
        match event.event {
            EventKind::RunStarted => bar.set_message("begins"),
            EventKind::StepStarted => {
                bar.set_style(waiting());
                bar.set_message(step);
            }
            EventKind::Progress => transfer(bar, &step, event),
            EventKind::Verifying => {
                bar.set_style(waiting());
                bar.set_message(format!("{step}: verifying"));
            }
            EventKind::StepFinished => {
                bar.set_style(waiting());
                if let Some(result) = &event.result {
                    bar.set_message(format!("{step}: {}", outcome(result)));
                }
            }
            EventKind::Waiting => bar.set_message(waits(event)),
            EventKind::Away => {
                bar.set_style(away());
                bar.reset_elapsed();
                bar.set_message(safe(event.say.as_deref().unwrap_or("waits for the unit")));
            }
            EventKind::ModeChanged => {
                bar.set_style(waiting());
                bar.set_message("is back");
            }
            EventKind::Said => _ = line(event).map(|line| screen.println(line)),
            EventKind::Retry => bar.set_message(format!("{step}: again")),
            EventKind::RunFinished => {
                bar.set_style(finished());
                bar.finish_with_message(event.outcome.map_or("ended", verdict));
            }
        }
    }

    /// Leaves the last state on the screen.
    pub fn end(&self) {
        for bar in self.of.values().filter(|bar| !bar.is_finished()) {
            bar.set_style(finished());
            bar.abandon_with_message("ended");
        }
    }
}

/// The end of a long name tells units apart: their ports begin alike.
fn short(name: &str) -> String {
    let len = name.chars().count();
    if len <= PREFIX {
        name.to_owned()
    } else {
        format!("…{}", name.chars().skip(len + 1 - PREFIX).collect::<String>())
    }
}

fn transfer(bar: &ProgressBar, step: &str, event: &Event) {
    let (Some(done), Some(total)) = (event.bytes, event.total) else { return };
    if bar.length() != Some(total) || bar.position() > done {
        // A new transfer: the rate is its own.
        bar.set_style(moving());
        bar.set_length(total);
        bar.reset();
        bar.set_message(step.to_owned());
    }
    bar.set_style(moving());
    bar.set_position(done);
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

const WAITING: &str = "{prefix:20!} {spinner} {wide_msg}";
/// With the time that the unit has been waited for.
const AWAY: &str = "{prefix:20!} {spinner} {elapsed}, {wide_msg}";

fn waiting() -> ProgressStyle {
    style(WAITING)
}

fn away() -> ProgressStyle {
    style(AWAY)
}

fn moving() -> ProgressStyle {
    style(
        "{prefix:20!} {spinner} {msg:24!} [{bar:20}] {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}",
    )
    .progress_chars("=> ")
}

fn finished() -> ProgressStyle {
    style("{prefix:20!}   {wide_msg}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::AWAITED;

    #[test]
    fn long_names_differ_where_they_end() {
        assert_eq!(short("TH-0421"), "TH-0421");
        let name = short("tty:/dev/serial/by-id/usb-Zephyr_Project_0421-if00");
        assert_eq!((name.chars().count(), name.ends_with("0421-if00")), (PREFIX, true));
    }

    #[test]
    fn a_unit_that_is_away_is_shown_with_what_is_awaited_until_it_is_back() {
        let mut bars = Bars::new();
        bars.screen.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        let heard = Event::saying(EventKind::Away, AWAITED);
        bars.hear(&heard);
        assert_eq!(bars.of[&heard.run].message(), AWAITED);
        bars.hear(&Event::saying(EventKind::ModeChanged, ""));
        assert_eq!(bars.of[&heard.run].message(), "is back");
    }

    #[test]
    fn the_templates_are_understood() {
        for template in [
            WAITING,
            AWAY,
            "{prefix:20!} {spinner} {msg:24!} [{bar:20}] {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}",
            "{prefix:20!}   {wide_msg}",
        ] {
            ProgressStyle::with_template(template).unwrap();
        }
    }
}
