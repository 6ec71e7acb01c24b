//! Parts of pages of HTML. A page is one self-contained file: no network, no scripts, light and dark. All text that
//! comes from data is [`escaped`].

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
table{border-collapse:collapse;width:100%}\
td,th{text-align:left;vertical-align:top;padding:.2rem .8rem .2rem 0;border-bottom:1px solid #8884}\
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}\
svg{width:100%;height:auto}\
svg text{font:12px system-ui,sans-serif;fill:currentColor}\
code{font-size:.9em;overflow-wrap:anywhere}";

/// The beginning of a page, up to its heading.
pub(crate) fn begin(title: &str) -> String {
    let title = escaped(title);
    let mut page = String::new();
    add(
        &mut page,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">",
    );
    add(
        &mut page,
        "<meta name=\"viewport\" content=\"width=device-width\">",
    );
    add(
        &mut page,
        &format!("<title>{title}</title><style>{STYLE}</style><h1>{title}</h1>"),
    );
    page
}

/// Adds a line.
pub(crate) fn add(page: &mut String, part: &str) {
    page.push_str(part);
    page.push('\n');
}

/// Adds a row of a table: a name and a value.
pub(crate) fn row(page: &mut String, name: &str, value: &str) {
    let (name, value) = (escaped(name), escaped(value));
    add(page, &format!("<tr><th>{name}<td><code>{value}</code>"));
}

/// Text as HTML shows it, in an attribute too.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}
