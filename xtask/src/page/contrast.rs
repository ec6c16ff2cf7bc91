//! Whether text can be read: the contrast of WCAG 2.2, of colours as a browser computes them.

use anyhow::{Context as _, Result};

/// What text needs against its ground (WCAG 1.4.3).
pub(super) const TEXT: f64 = 4.5;
/// What large text (1.4.3) and drawings (1.4.11) need.
pub(super) const LARGE: f64 = 3.0;

/// An opaque colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colour([u8; 3]);

impl Colour {
    /// Reads `rgb(1, 2, 3)`.
    ///
    /// # Errors
    ///
    /// When it is another form, as a browser writes what one can see through.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let channels = text.strip_prefix("rgb(").and_then(|rest| rest.strip_suffix(')'));
        let channels = channels.with_context(|| format!("{text} is no opaque colour"))?;
        let channels: Vec<u8> = channels
            .split(',')
            .map(|channel| channel.trim().parse())
            .collect::<Result<_, _>>()
            .with_context(|| format!("{text} is no opaque colour"))?;
        let channels = channels.try_into().ok().with_context(|| format!("{text} is no colour"))?;
        Ok(Self(channels))
    }

    /// How bright it is, from 0 (black) to 1 (white).
    pub(super) fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let share = f64::from(channel) / 255.0;
            if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue] = self.0.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// From 1 (the same) to 21 (black and white).
    pub(super) fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colour(text: &str) -> Colour {
        Colour::parse(text).unwrap()
    }

    /// The figures that everybody's calculators give.
    #[test]
    fn contrast_is_that_of_wcag() {
        for (one, two, expected) in [
            ("rgb(0, 0, 0)", "rgb(255, 255, 255)", 21.0),
            ("rgb(255, 255, 255)", "rgb(255, 255, 255)", 1.0),
            ("rgb(118, 118, 118)", "rgb(255, 255, 255)", 4.54), // the lightest grey on white
            ("rgb(119, 119, 119)", "rgb(255, 255, 255)", 4.48),
            ("rgb(255, 0, 0)", "rgb(255, 255, 255)", 4.0),
        ] {
            let found = colour(one).contrast(colour(two));
            assert!((found - expected).abs() < 0.005, "{one} on {two}: {found}");
        }
    }

    #[test]
    fn what_is_seen_through_is_no_colour() {
        for text in ["rgba(0, 0, 0, 0)", "rgb(1, 2)", "rgb(1, 2, 300)", "red", ""] {
            Colour::parse(text).unwrap_err();
        }
    }
}
