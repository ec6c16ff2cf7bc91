//! A report that one looks at: one HTML page that needs nothing but a browser.
//!
//! Everything is in it, styles included; it loads nothing, runs nothing and sends nothing, and says
//! so to the browser by its content security policy.

mod figures;
mod markup;

pub(crate) use figures::Figures;

use figures::{Named, RoomFigures};
use markup::{Html, attribute};

use crate::wording::{because, count, entries};

/// What stands above the figures.
#[derive(Debug)]
pub(crate) struct Heading<'h> {
    /// Where the backup lies.
    pub(crate) store: &'h str,
    pub(crate) version: &'h str,
    pub(crate) algorithm: &'h str,
    pub(crate) public_key: &'h str,
    /// Entries that the store says it has, and did not give.
    pub(crate) missing: u64,
    /// Whether all keys are unauthenticated because the backup is an ordinary one (V1-6).
    pub(crate) is_v1: bool,
}

/// How many sessions of a room are named in the open.
const IN_THE_OPEN: usize = 3;

/// One part of a whole, as it is drawn.
struct Part {
    /// Its colour's name in the style sheet.
    class: &'static str,
    label: String,
    number: u64,
}

/// Makes the page.
pub(crate) fn page(heading: &Heading<'_>, figures: &Figures) -> String {
    let total = figures.total();
    let mut html = Html::default();
    html.raw(include_str!("head.html"));
    html.raw("<style>").raw(include_str!("style.css")).raw("</style>\n</head>\n<body>\n<main>\n");
    head(&mut html, heading);
    verdict(&mut html, heading, &total);
    whole(&mut html, &parts(&total));
    numbers(&mut html, &total, figures.rooms().len() as u64);
    rooms(&mut html, figures);
    html.raw("</main>\n</body>\n</html>\n");
    html.into_string()
}

fn head(html: &mut Html, heading: &Heading<'_>) {
    html.raw("<header>\n<h1>Key backup</h1>\n<dl>\n");
    for (term, value) in [
        ("Store", heading.store),
        ("Version", heading.version),
        ("Algorithm", heading.algorithm),
        ("Public key", heading.public_key),
    ] {
        html.raw("<div><dt>").raw(term).raw("</dt><dd>").text(value).raw("</dd></div>\n");
    }
    html.raw("</dl>\n</header>\n");
}

/// The one sentence that a person wants to read.
fn verdict(html: &mut Html, heading: &Heading<'_>, total: &RoomFigures) {
    let rejected = total.rejected_total();
    let (class, message) = if heading.missing > 0 {
        let missing = entries(heading.missing);
        ("bad", format!("The store says it has {missing} more than it gave."))
    } else if rejected > 0 {
        let entries =
            if rejected == 1 { "1 entry gives" } else { &format!("{rejected} entries give") };
        ("bad", format!("{entries} no key. What is forged was not decrypted."))
    } else if total.keys == 0 {
        ("plain", "There is no key in this backup yet.".to_owned())
    } else if heading.is_v1 {
        let message = "All entries can be read. Nobody vouches for any of them: whoever knows the \
                       public key of an ordinary backup, the server included, can have written it.";
        ("plain", message.to_owned())
    } else if total.authenticated == total.keys {
        ("good", "Every key is authenticated: its writer vouches for it.".to_owned())
    } else {
        let not = total.keys - total.authenticated;
        let message = format!(
            "Nothing is forged or unreadable. Nobody vouches for {} of {}.",
            not,
            count(total.keys, "key")
        );
        ("plain", message)
    };
    html.raw("<p class=\"verdict ").raw(class).raw("\">").text(&message).raw("</p>\n");
}

fn whole(html: &mut Html, parts: &[Part]) {
    if parts.is_empty() {
        return;
    }
    html.raw("<section aria-label=\"All keys\">\n");
    bar(html, parts, "bar large");
    legend(html, parts);
    html.raw("</section>\n");
}

fn parts(room: &RoomFigures) -> Vec<Part> {
    let part = |class, label: &str, number| Part { class, label: label.to_owned(), number };
    let mut parts = vec![part("authenticated", "authenticated", room.authenticated)];
    for (source, number) in &room.unauthenticated {
        let class = match *source {
            "m.legacy-v1" => "legacy",
            "m.forwarded_room_key" => "forwarded",
            _ => "undefined",
        };
        parts.push(part(class, because(source), *number));
    }
    for (class, number) in &room.rejected {
        let label = match *class {
            "forged" => "forged: without a right MAC, so not decrypted",
            "misplaced" => "misplaced: they belong to another room or session",
            "unreadable" => "unreadable: damaged, or of an unknown kind",
            other => other,
        };
        parts.push(part("rejected", label, *number));
    }
    parts.retain(|part| part.number > 0);
    parts
}

fn bar(html: &mut Html, parts: &[Part], class: &str) {
    let label: Vec<_> =
        parts.iter().map(|part| format!("{} {}", part.number, part.label)).collect();
    html.raw("<div class=\"").raw(class).raw("\" role=\"img\" aria-label=\"");
    html.raw(&attribute(&label.join(", "))).raw("\">");
    for part in parts {
        let Part { class, label, number } = part;
        let title = attribute(&format!("{number} {label}"));
        html.raw(&format!(
            "<i class=\"{class}\" style=\"flex-grow:{number}\" title=\"{title}\"></i>"
        ));
    }
    html.raw("</div>\n");
}

fn legend(html: &mut Html, parts: &[Part]) {
    let all: u64 = parts.iter().map(|part| part.number).sum();
    html.raw("<ul class=\"legend\">\n");
    for Part { class, label, number } in parts {
        html.raw("<li><i class=\"").raw(class).raw("\"></i><b>").raw(&grouped(*number));
        html.raw("</b> ")
            .text(label)
            .raw(" <small>")
            .raw(&share(*number, all))
            .raw("</small></li>\n");
    }
    html.raw("</ul>\n");
}

/// A share of a whole in percent, rounded so that neither 0 nor 100 is said where it is not so.
fn share(part: u64, whole: u64) -> String {
    let tenths = u128::from(part) * 1000 / u128::from(whole.max(1));
    match tenths {
        0 if part > 0 => "< 0.1 %".to_owned(),
        tenths => format!("{}.{} %", tenths / 10, tenths % 10),
    }
}

/// A number that can be read at a glance: 1,913,800.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn numbers(html: &mut Html, total: &RoomFigures, rooms: u64) {
    html.raw("<section class=\"numbers\" aria-label=\"Figures\">\n");
    for (number, what) in [
        (rooms, "rooms"),
        (total.sessions(), "sessions"),
        (total.keys, "keys that can be imported"),
        (total.rejected_total(), "entries that give no key"),
        (total.late, "keys that begin after their session's first message"),
        (total.messages_lost, "messages before those, which no key here reads"),
        (total.servers_word, "keys whose room only the server names"),
    ] {
        html.raw("<div><b>").raw(&grouped(number)).raw("</b><span>").text(what);
        html.raw("</span></div>\n");
    }
    html.raw("</section>\n");
}

fn rooms(html: &mut Html, figures: &Figures) {
    if figures.rooms().is_empty() {
        return;
    }
    html.raw("<section aria-label=\"Rooms\">\n<h2>Rooms</h2>\n<table>\n<thead><tr>");
    for (title, class) in [
        ("Room", ""),
        ("Sessions", " class=\"n\""),
        ("Who vouches for them", ""),
        ("Give no key", " class=\"n\""),
        ("Begin late", " class=\"n\""),
    ] {
        html.raw("<th scope=\"col\"").raw(class).raw(">").raw(title).raw("</th>");
    }
    html.raw("</tr></thead>\n");
    for (room_id, room) in figures.rooms() {
        let wrong = if room.rejected_total() > 0 { " class=\"wrong\"" } else { "" };
        html.raw("<tbody").raw(wrong).raw(">\n<tr><th scope=\"row\"><bdi>").text(room_id.as_str());
        html.raw("</bdi></th>");
        number(html, "sessions", room.sessions());
        html.raw("<td>");
        bar(html, &parts(room), "bar");
        html.raw("</td>");
        number(html, "no-key", room.rejected_total());
        number(html, "late", room.late);
        html.raw("</tr>\n");
        notes(html, room);
        html.raw("</tbody>\n");
    }
    html.raw("</table>\n</section>\n");
}

fn number(html: &mut Html, class: &str, number: u64) {
    html.raw("<td class=\"n ").raw(class).raw("\">").raw(&grouped(number)).raw("</td>");
}

/// What is to be said about single sessions of a room: the first lines in the open, since nobody
/// looks for what is folded away.
fn notes(html: &mut Html, room: &RoomFigures) {
    let mut named = room.without_key.iter().chain(&room.with_gap);
    let open: Vec<_> = named.by_ref().take(IN_THE_OPEN).collect();
    let folded: Vec<_> = named.collect();
    if open.is_empty() {
        return;
    }
    html.raw("<tr class=\"notes\"><td colspan=\"5\">");
    lines(html, &open);
    let more = folded.len() as u64 + room.not_named();
    if more > 0 {
        html.raw("<details><summary>and ").raw(&more.to_string()).raw(" more</summary>");
        lines(html, &folded);
        if room.not_named() > 0 {
            let not_named = format!("and {} that are not named", room.not_named());
            html.raw("<p>").text(&not_named).raw("</p>");
        }
        html.raw("</details>");
    }
    html.raw("</td></tr>\n");
}

fn lines(html: &mut Html, named: &[&Named]) {
    html.raw("<ul>");
    for Named { session_id, message } in named {
        html.raw("<li><code>").text(session_id).raw("</code> ").text(message).raw("</li>");
    }
    html.raw("</ul>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_share_is_rounded_to_nothing_or_all() {
        for (part, whole, said) in [
            (0, 0, "0.0 %"),
            (0, 5, "0.0 %"),
            (1, 3, "33.3 %"),
            (5, 5, "100.0 %"),
            (99_999, 100_000, "99.9 %"),
            (1, 100_000, "< 0.1 %"),
            (u64::MAX, u64::MAX, "100.0 %"),
        ] {
            assert_eq!(share(part, whole), said);
        }
    }

    #[test]
    fn large_numbers_are_in_groups_of_three() {
        for (number, said) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (12_345, "12,345"),
            (999_999, "999,999"),
            (1_913_800, "1,913,800"),
        ] {
            assert_eq!(grouped(number), said);
        }
    }

    #[test]
    fn ids_are_text_and_nothing_else() {
        let hostile = "<script>alert('1')</script>&\"\u{202e}";
        let heading = Heading {
            store: hostile,
            version: hostile,
            algorithm: hostile,
            public_key: hostile,
            missing: 0,
            is_v1: false,
        };
        let page = page(&heading, &Figures::default());
        assert!(!page.contains("<script"), "{page}");
        assert!(!page.contains('\u{202e}'));
        assert!(page.contains("&lt;script&gt;"));
        assert!(page.contains("default-src 'none'"));
    }
}
