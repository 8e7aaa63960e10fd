//! Colours, or none.

use ratatui::style::{Color, Modifier, Style};

/// How things look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Theme {
    colors: bool,
}

impl Theme {
    pub(super) fn new(colors: bool) -> Self {
        Self { colors }
    }

    /// Whether there are colours.
    pub(super) fn colors(&self) -> bool {
        self.colors
    }

    fn color(&self, color: Color) -> Style {
        if self.colors {
            Style::new().fg(color)
        } else {
            Style::new()
        }
    }

    pub(super) fn passed(&self) -> Style {
        self.color(Color::Green)
    }

    pub(super) fn dropped(&self) -> Style {
        self.color(Color::Red)
    }

    pub(super) fn banned(&self) -> Style {
        self.color(Color::Magenta)
    }

    /// What is said beside the matter.
    pub(super) fn aside(&self) -> Style {
        self.color(Color::Cyan)
    }

    /// What went wrong, or is not as it should be.
    pub(super) fn warning(&self) -> Style {
        self.color(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    pub(super) fn head(&self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(super) fn selected(&self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
}
