//! The page, its scripts and its styles: parts of the program. A path of a request is compared with these names and
//! never reaches the file system.

use crate::http::Response;

/// The address of each page. All are the same document; its script shows the page of its address.
pub const PAGES: [&str; 7] = [
    "/",
    "/recall",
    "/items",
    "/compare",
    "/map",
    "/quality",
    "/training",
];

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";

/// A table of files below `assets`.
macro_rules! files {
    ($($kind:ident $name:literal),* $(,)?) => {
        &[$((
            concat!("/assets/", $name),
            $kind,
            include_bytes!(concat!("../assets/", $name)),
        )),*]
    };
}

/// Address, type and content of each file.
const FILES: &[(&str, &str, &[u8])] = files![
    CSS "studio.css",
    SVG "icon.svg",
    SCRIPT "app.js",
    SCRIPT "lib/api.js",
    SCRIPT "lib/charts.js",
    SCRIPT "lib/filter.js",
    SCRIPT "lib/format.js",
    SCRIPT "lib/hits.js",
    SCRIPT "lib/layout.js",
    SCRIPT "lib/points.js",
    SCRIPT "lib/report.js",
    SCRIPT "lib/route.js",
    SCRIPT "lib/search.js",
    SCRIPT "lib/ui.js",
    SCRIPT "lib/user.js",
    SCRIPT "lib/users.js",
    SCRIPT "pages/compare.js",
    SCRIPT "pages/items.js",
    SCRIPT "pages/map.js",
    SCRIPT "pages/overview.js",
    SCRIPT "pages/quality.js",
    SCRIPT "pages/recall.js",
    SCRIPT "pages/training.js",
    TEXT "vendor/LICENSE-htm",
    TEXT "vendor/LICENSE-preact",
    SCRIPT "vendor/preact-htm.js",
];

/// The document of all pages.
pub fn page() -> Response {
    Response::of_static(HTML, include_bytes!("../assets/index.html"))
}

/// The file at an address.
pub fn file(path: &str) -> Option<Response> {
    let (_, kind, bytes) = FILES.iter().find(|(name, _, _)| *name == path)?;
    Some(Response::of_static(kind, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    #[test]
    fn every_script_and_style_is_served() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
        let mut count = 0;
        for folder in ["", "lib", "pages"] {
            for entry in fs::read_dir(root.join(folder)).unwrap() {
                let path = entry.unwrap().path();
                if path
                    .extension()
                    .is_some_and(|kind| kind == "js" || kind == "css")
                {
                    let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
                    let address = format!("/assets/{}", name.replace('\\', "/"));
                    assert!(file(&address).is_some(), "{address} is not in the table");
                    count += 1;
                }
            }
        }
        assert!(count > 5);
    }

    #[test]
    fn what_scripts_import_is_served() {
        for (name, _, bytes) in FILES.iter().filter(|(_, kind, _)| *kind == SCRIPT) {
            let text = std::str::from_utf8(bytes).unwrap();
            for part in text.split("from '/assets/").skip(1) {
                let target = format!("/assets/{}", part.split('\'').next().unwrap());
                assert!(file(&target).is_some(), "{name} imports {target}");
            }
        }
    }

    #[test]
    fn scripts_are_asked_for_at_once_and_not_one_after_the_other() {
        let page = include_str!("../assets/index.html");
        let scripts = FILES.iter().filter(|(_, kind, _)| *kind == SCRIPT);
        for (name, ..) in scripts.filter(|(name, ..)| *name != "/assets/app.js") {
            let link = format!("<link rel=\"modulepreload\" href=\"{name}\">");
            assert!(page.contains(&link), "index.html lacks {link}");
        }
        assert_eq!(
            page.matches("modulepreload").count(),
            FILES.iter().filter(|(_, kind, _)| *kind == SCRIPT).count() - 1
        );
    }

    #[test]
    fn nothing_needs_another_server() {
        for (name, _, bytes) in FILES.iter().filter(|(_, kind, _)| *kind != TEXT) {
            let text = String::from_utf8_lossy(bytes);
            let hosts = text.split("://").skip(1).filter_map(|rest| {
                let host = rest.split(['/', '"', '\'', '`', ' ']).next()?;
                // Names of XML, not addresses.
                (!host.ends_with("w3.org") && !host.starts_with('$')).then_some(host)
            });
            assert_eq!(hosts.collect::<Vec<_>>(), Vec::<&str>::new(), "{name}");
        }
    }
}
