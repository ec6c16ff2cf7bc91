//! The figures as a picture: bars, the longer the faster.

use std::fmt::Write as _;

use crate::{
    figures::{Figures, Measured},
    subject::{Operation, Who},
};

const WIDTH: usize = 880;
const LEFT: usize = 230;
const BAR: usize = 20;
const ROW: usize = 28;
const PANEL_TITLE: usize = 34;
const TOP: usize = 64;
/// Where the longest bar ends: behind it stands its figure.
const LONGEST: f64 = 430.0;

const PANELS: [(Operation, &str); 4] = [
    (Operation::EncryptCore, "Encrypting: plaintext to ephemeral key and ciphertext"),
    (Operation::DecryptCore, "Decrypting: and back"),
    (Operation::EncryptWire, "Backing up: a room key to session_data, MAC and JSON included"),
    (Operation::DecryptWire, "Restoring: session_data to a room key, MAC and JSON included"),
];

/// Draws how many keys a second each does, on one thread.
pub(crate) fn svg(figures: &Figures) -> String {
    let panels = PANELS.map(|(operation, title)| (title, bars(figures, operation)));
    let rows: usize = panels.iter().map(|(_, bars)| bars.len()).sum();
    let height = TOP + panels.len() * PANEL_TITLE + rows * ROW + 20;
    let mut out = String::new();
    draw(&mut out, figures, &panels, height).unwrap();
    out
}

fn bars(figures: &Figures, operation: Operation) -> Vec<&Measured> {
    let mut bars: Vec<_> = figures
        .measured
        .iter()
        .filter(|bar| bar.operation == operation && bar.threads == 1)
        .collect();
    bars.sort_by(|one, other| other.median_ns_per_key.total_cmp(&one.median_ns_per_key));
    bars
}

fn draw(
    out: &mut String,
    figures: &Figures,
    panels: &[(&str, Vec<&Measured>)],
    height: usize,
) -> std::fmt::Result {
    writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" font-family="system-ui, sans-serif" font-size="14" role="img" aria-label="Room keys per second, ours and others">"#
    )?;
    writeln!(out, r##"<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>"##)?;
    text(out, 20, 28, r#"font-size="18" font-weight="bold""#, "Room keys per second, one thread")?;
    let below = format!(
        "{}; plaintexts of {} bytes; in brackets: times vodozemac",
        figures.processor, figures.plaintext_bytes
    );
    text(out, 20, 50, r##"fill="#555555""##, &below)?;
    let mut y = TOP;
    for (title, bars) in panels {
        text(out, 20, y + 22, r#"font-weight="bold""#, title)?;
        y += PANEL_TITLE;
        let most = bars.iter().map(|bar| per_second(bar)).fold(0.0, f64::max);
        for bar in bars {
            draw_bar(out, bar, y, per_second(bar) / most)?;
            y += ROW;
        }
    }
    writeln!(out, "</svg>")
}

fn draw_bar(out: &mut String, bar: &Measured, y: usize, share: f64) -> std::fmt::Result {
    let colour = match bar.who {
        Who::Vodozemac | Who::VodozemacText | Who::MatrixSdkCrypto => "#9aa0a6",
        Who::One => "#8ab4f8",
        Who::Batch(_) => "#1a73e8",
    };
    let (text_y, end) = (y + BAR - 5, share * LONGEST);
    let name = bar.who.to_string();
    text(out, LEFT - 10, text_y, r#"text-anchor="end""#, &name)?;
    writeln!(out, r#"<rect x="{LEFT}" y="{y}" width="{end:.1}" height="{BAR}" fill="{colour}"/>"#)?;
    let figure = format!("{} ({:.1})", thousands(per_second(bar)), bar.vs_vodozemac);
    let x = LEFT + 8 + end as usize;
    text(out, x, text_y, "", &figure)
}

fn text(out: &mut String, x: usize, y: usize, style: &str, content: &str) -> std::fmt::Result {
    let content = content.replace('&', "&amp;").replace('<', "&lt;");
    let space = if style.is_empty() { "" } else { " " };
    writeln!(out, r#"<text x="{x}" y="{y}"{space}{style}>{content}</text>"#)
}

fn per_second(bar: &Measured) -> f64 {
    1e9 / bar.median_ns_per_key
}

/// Rounded to three digits, with commas.
fn thousands(number: f64) -> String {
    let unit = 10_f64.powf(number.log10().floor() - 2.0);
    let digits = format!("{:.0}", (number / unit).round() * unit);
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_to_what_they_say() {
        assert_eq!(thousands(1_234_567.8), "1,230,000");
        assert_eq!(thousands(9_876.5), "9,880");
        assert_eq!(thousands(123.4), "123");
    }
}
