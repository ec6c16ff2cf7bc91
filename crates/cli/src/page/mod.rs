//! A report that one looks at: one HTML page that needs nothing but a browser.
//!
//! Everything is in it, styles included; it loads nothing, runs nothing and sends nothing, and says
//! so to the browser by its content security policy.

mod figures;
mod markup;

pub(crate) use figures::Figures;

use figures::RoomFigures;
use markup::{Html, attribute, text};

use crate::wording::{because, count};

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
    html.raw("<section aria-label=\"All keys\">\n");
    bar(&mut html, &parts(&total), "bar large");
    legend(&mut html, &parts(&total));
    html.raw("</section>\n");
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
        let missing = count(heading.missing, "entry").replace("entrys", "entries");
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
    for (rejected, number) in &room.rejected {
        parts.push(part("rejected", rejected, *number));
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
        html.raw("<li><i class=\"").raw(class).raw("\"></i><b>").raw(&number.to_string());
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

fn numbers(html: &mut Html, total: &RoomFigures, rooms: u64) {
    html.raw("<section class=\"numbers\" aria-label=\"Figures\">\n");
    for (number, what) in [
        (rooms, "rooms"),
        (total.keys, "keys that can be imported"),
        (total.rejected_total(), "entries that give no key"),
        (total.late, "keys that begin after their session's first message"),
        (total.messages_lost, "messages before those, which no key here reads"),
        (total.servers_word, "keys whose room only the server names"),
    ] {
        html.raw("<div><b>").raw(&number.to_string()).raw("</b><span>").text(what);
        html.raw("</span></div>\n");
    }
    html.raw("</section>\n");
}

fn rooms(html: &mut Html, figures: &Figures) {
    html.raw("<section aria-label=\"Rooms\">\n<h2>Rooms</h2>\n<table>\n<thead><tr>");
    for title in ["Room", "Keys", "Who vouches for them", "Give no key", "Begin late"] {
        html.raw("<th scope=\"col\">").raw(title).raw("</th>");
    }
    html.raw("</tr></thead>\n<tbody>\n");
    for (room_id, room) in figures.rooms() {
        let wrong = if room.rejected_total() > 0 { " class=\"wrong\"" } else { "" };
        html.raw("<tr").raw(wrong).raw("><th scope=\"row\">");
        details(html, room_id.as_str(), room);
        html.raw("</th><td class=\"n\">").raw(&room.keys.to_string()).raw("</td><td>");
        bar(html, &parts(room), "bar");
        html.raw("</td><td class=\"n\">").raw(&room.rejected_total().to_string());
        html.raw("</td><td class=\"n\">").raw(&room.late.to_string()).raw("</td></tr>\n");
    }
    html.raw("</tbody>\n</table>\n</section>\n");
}

/// The room's name, with what is to be said about its sessions folded away below it.
fn details(html: &mut Html, room_id: &str, room: &RoomFigures) {
    if room.named.is_empty() {
        html.raw("<bdi>").text(room_id).raw("</bdi>");
        return;
    }
    html.raw("<details><summary><bdi>").text(room_id).raw("</bdi></summary><ul>");
    for named in &room.named {
        html.raw("<li><code>").text(&named.session_id).raw("</code> ").text(&named.message);
        html.raw("</li>");
    }
    if room.not_named > 0 {
        html.raw("<li>").raw(&text(&format!("and {} more", room.not_named))).raw("</li>");
    }
    html.raw("</ul></details>");
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
