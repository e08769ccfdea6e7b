//! What a browser is served, without a browser. `tests/web` has one.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::hub::Hub;
use crate::tokens::guarded;

const BROWSER: &str = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";
const PAGES: [&str; 2] = ["/", "/driver"];

/// What a page and all that it refers to may weigh on the way.
const WEIGHT: usize = 60_000;

struct Response {
    status: u16,
    headers: BTreeMap<String, String>,
    /// As it is on the way, which is more than its content.
    body: Vec<u8>,
}

impl Response {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }
}

impl Hub {
    /// Gets what is at `path`, with these lines in the request's head.
    fn fetch(&self, path: &str, lines: &str) -> Response {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n{lines}\r\n")
            .unwrap();
        let mut response = Vec::new();
        stream.read_to_end(&mut response).unwrap();
        let end = response.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
        let body = response.split_off(end + 4);
        let head = String::from_utf8(response).unwrap();
        let (first, rest) = head.split_once("\r\n").unwrap();
        let headers = rest.lines().filter_map(|line| line.split_once(": "));
        Response {
            status: first.split(' ').nth(1).unwrap().parse().unwrap(),
            headers: headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect(),
            body,
        }
    }

    fn page(&self, path: &str) -> Response {
        let page = self.fetch(path, BROWSER);
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
        page
    }
}

/// What stands between quotation marks after `before`.
fn quoted<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
    let after = text.split(before).skip(1);
    after
        .map(|rest| rest.trim_start_matches(['"', '\'']).split(['"', '\'']).next().unwrap())
        .collect()
}

/// The files that a page refers to.
fn assets(page: &str) -> BTreeSet<&str> {
    let references = ["src=", "href="].into_iter().flat_map(|attribute| quoted(page, attribute));
    references.filter(|reference| reference.starts_with("/assets/")).collect()
}

/// Each page of a hub, and at last the one to sign in on of another hub.
fn pages() -> Vec<(&'static str, Hub, Response)> {
    let of_open = PAGES.map(|path| (path, Hub::start(&[])));
    let mut pages: Vec<_> = of_open
        .into_iter()
        .map(|(path, hub)| {
            let page = hub.page(path);
            (path, hub, page)
        })
        .collect();
    let hub = guarded(&[]);
    let page = hub.fetch("/", BROWSER);
    pages.push(("the page to sign in on", hub, page));
    pages
}

#[test]
fn a_page_has_nothing_inline_and_nothing_from_elsewhere() {
    for (path, _, page) in pages() {
        let policy = page.header("content-security-policy");
        for rule in [
            "default-src 'none'",
            "script-src 'self';",
            "style-src 'self';",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        let text = page.text();
        for inline in ["<style", "<script>", "style=", "javascript:", "://"] {
            assert!(!text.contains(inline), "{path} has {inline}");
        }
        for tag in text.split('<').filter_map(|rest| rest.split('>').next()) {
            let listens =
                tag.split_whitespace().skip(1).any(|attribute| attribute.starts_with("on"));
            assert!(!listens, "{path}: <{tag}>");
        }
    }
}

#[test]
fn what_a_page_refers_to_is_there_and_is_kept_for_good() {
    for (path, hub, page) in pages() {
        let assets = assets(page.text());
        assert!(assets.len() > 5, "{assets:?}");
        for asset in &assets {
            let file = hub.fetch(asset, "");
            assert_eq!(file.status, 200, "{asset}");
            assert!(file.header("cache-control").contains("immutable"), "{asset}");
            let kind = match asset.rsplit('.').next().unwrap() {
                "js" => "text/javascript; charset=utf-8",
                "css" => "text/css; charset=utf-8",
                "svg" => "image/svg+xml",
                _ => "application/manifest+json",
            };
            assert_eq!(file.header("content-type"), kind, "{asset}");
            // Whatever a module imports is named by the page, so that a browser fetches all at once.
            let folder = asset.rsplit_once('/').unwrap().0;
            let imports = quoted(file.text(), "from ").into_iter();
            for import in imports.filter(|import| import.starts_with('.')) {
                let wanted = match import.strip_prefix("../") {
                    Some(up) => format!("{}/{up}", folder.rsplit_once('/').unwrap().0),
                    None => format!("{folder}/{}", import.trim_start_matches("./")),
                };
                assert!(assets.contains(&*wanted), "{path} does not name {wanted}");
            }
        }
    }
}

#[test]
fn a_browser_that_has_a_page_is_told_so() {
    let hub = Hub::start(&[]);
    for path in PAGES {
        let page = hub.page(path);
        assert_eq!(page.header("cache-control"), "private, no-cache");
        let again =
            hub.fetch(path, &format!("{BROWSER}If-None-Match: {}\r\n", page.header("etag")));
        assert_eq!((again.status, again.body.len()), (304, 0));
        assert_eq!(hub.fetch(path, &format!("{BROWSER}If-None-Match: W/\"x\"\r\n")).status, 200);
    }
    // A page that was loaded from the hub before this one goes on, and keeps nothing of it.
    let other = hub.fetch("/assets/0123456789abcdef/shared/dom.js", "");
    assert_eq!((other.status, other.header("cache-control")), (200, "private, no-cache"));
}

#[test]
fn a_page_and_all_of_its_files_weigh_less_than_a_picture() {
    let hub = Hub::start(&[]);
    for path in PAGES {
        let page = hub.page(path);
        for encoding in ["br", "gzip"] {
            let weigh = |path: &str| {
                let file = hub.fetch(path, &format!("{BROWSER}Accept-Encoding: {encoding}\r\n"));
                assert_eq!(file.header("content-encoding"), encoding, "{path}");
                assert!(file.header("vary").to_lowercase().contains("accept"), "{path}");
                file.body.len()
            };
            let weight = weigh(path) + assets(page.text()).into_iter().map(weigh).sum::<usize>();
            println!("{path} as {encoding}: {weight} bytes");
            assert!(weight < WEIGHT, "{path} as {encoding}: {weight} bytes");
        }
    }
}

#[test]
fn nothing_but_the_pages_files_is_served() {
    let hub = Hub::start(&[]);
    for path in [
        "/assets/x/nothing.js",
        "/assets/x/index.html",
        "/assets/x/../../Cargo.toml",
        "/assets/x/..%2f..%2fCargo.toml",
        "/assets/x/%2fetc%2fpasswd",
        "/assets/x/",
    ] {
        assert_eq!(hub.fetch(path, "").status, 404, "{path}");
    }
}

#[test]
fn who_is_not_a_browser_is_told_in_plain_words() {
    let hub = Hub::start(&[]);
    for accept in ["", "Accept: */*\r\n"] {
        let about = hub.fetch("/", accept);
        assert_eq!(about.header("content-type"), "text/plain; charset=utf-8");
        assert!(about.text().contains("a package-delivery event hub"), "{}", about.text());
    }
}
