//! What a person must find when they look at a page.

use super::browser::{Ink, Scheme, Seen};
use super::contrast::{Colour, LARGE, TEXT};

/// What is wrong with a page as it was seen, nothing if nothing is.
pub(super) fn complaints(seen: &Seen, scheme: Scheme, expected: &[String]) -> Vec<String> {
    let mut complaints = Vec::new();
    if seen.dark != (scheme == Scheme::Dark) {
        complaints.push("the browser was not asked for this scheme".to_owned());
    }
    complaints.extend(ground(seen, scheme));
    for loaded in &seen.loaded {
        complaints.push(format!("it asks for {loaded}, and should be whole by itself"));
    }
    if seen.wide > seen.width {
        let Seen { wide, width, .. } = seen;
        complaints.push(format!("it is {wide} pixels wide, in a window of {width}"));
    }
    let text = seen.text.split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in expected.iter().filter(|expected| !text.contains(*expected)) {
        complaints.push(format!("nobody can see `{expected}` in it"));
    }
    complaints.extend(seen.inks.iter().filter_map(faint));
    complaints
}

/// A dark page is dark, and a light one light.
fn ground(seen: &Seen, scheme: Scheme) -> Option<String> {
    let fits = |ground: Colour| match scheme {
        Scheme::Light => ground.luminance() > 0.8,
        Scheme::Dark => ground.luminance() < 0.1,
    };
    match Colour::parse(&seen.ground) {
        Ok(ground) if fits(ground) => None,
        Ok(_) => Some(format!("its ground is {}, which is not {}", seen.ground, scheme.name())),
        Err(error) => Some(format!("{error:#}")),
    }
}

fn faint(ink: &Ink) -> Option<String> {
    let needed = if ink.large { LARGE } else { TEXT };
    let Ink { what, colour, ground, .. } = ink;
    let colours = Colour::parse(colour).and_then(|colour| Ok((colour, Colour::parse(ground)?)));
    match colours {
        Ok((colour, ground)) if colour.contrast(ground) >= needed => None,
        Ok((one, two)) => {
            let contrast = one.contrast(two);
            Some(format!("`{what}` is {colour} on {ground}: {contrast:.1}, and needs {needed}"))
        }
        Err(error) => Some(format!("`{what}`: {error:#}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> Seen {
        let ink = Ink {
            what: "text".to_owned(),
            colour: "rgb(0, 0, 0)".to_owned(),
            ground: "rgb(255, 255, 255)".to_owned(),
            large: false,
        };
        Seen {
            dark: false,
            width: 390,
            wide: 390,
            high: 2000,
            loaded: Vec::new(),
            ground: "rgb(255, 255, 255)".to_owned(),
            text: "5\nrooms\t and more".to_owned(),
            inks: vec![ink],
        }
    }

    fn found(spoil: impl Fn(&mut Seen)) -> Vec<String> {
        let mut seen = seen();
        spoil(&mut seen);
        complaints(&seen, Scheme::Light, &["5 rooms and".to_owned()])
    }

    #[test]
    fn a_good_page_gives_no_complaints() {
        assert_eq!(found(|_| ()), [""; 0]);
        let mut dark = seen();
        dark.dark = true;
        dark.ground = "rgb(20, 20, 20)".to_owned();
        assert_eq!(complaints(&dark, Scheme::Dark, &[]), [""; 0]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        type Spoil = fn(&mut Seen);
        let spoiled: [(Spoil, &str); 8] = [
            (|seen| seen.dark = true, "not asked for"),
            (|seen| seen.ground = "rgb(20, 20, 20)".to_owned(), "not light"),
            (|seen| seen.ground = "none".to_owned(), "no opaque colour"),
            (|seen| seen.wide += 1, "391 pixels wide"),
            (|seen| seen.text = "15 rooms".to_owned(), "nobody can see `5 rooms and`"),
            (|seen| seen.loaded.push("https://x.example/".to_owned()), "https://x.example/"),
            (|seen| seen.inks[0].colour = "rgb(130, 130, 130)".to_owned(), "needs 4.5"),
            (|seen| seen.inks[0].ground = "none".to_owned(), "`text`: none"),
        ];
        for (spoil, named) in spoiled {
            let complaints = found(spoil);
            assert_eq!(complaints.len(), 1, "{complaints:?}");
            assert!(complaints[0].contains(named), "{complaints:?}");
        }
    }

    #[test]
    fn large_text_may_be_fainter() {
        let large = found(|seen| {
            seen.inks[0].large = true;
            seen.inks[0].colour = "rgb(130, 130, 130)".to_owned();
        });
        assert_eq!(large, [""; 0]);
    }
}
