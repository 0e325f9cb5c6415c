//! A browser without scripts, and accounts for whoever sits before it.

use crate::support::{Node, Reply};
use serde_json::json;

pub const SECRET: &str = "four calm words here";

/// A browser without scripts: it keeps a cookie and says where its forms come from.
pub struct Browser<'a> {
    pub node: &'a Node,
    pub cookie: String,
}

impl<'a> Browser<'a> {
    pub fn new(node: &'a Node) -> Self {
        Self {
            node,
            cookie: String::new(),
        }
    }

    fn keep(&mut self, reply: Reply) -> Reply {
        if let Some(set) = reply.header("set-cookie") {
            assert!(set.contains("HttpOnly; SameSite=Lax"), "{set}");
            self.cookie = set.split(';').next().unwrap().to_owned();
        }
        reply
    }

    pub fn get(&mut self, path: &str) -> Reply {
        let reply = self
            .node
            .call("get", path)
            .header("cookie", &self.cookie)
            .send();
        self.keep(reply)
    }

    pub fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let call = self
            .node
            .call("post", path)
            .header("cookie", &self.cookie)
            .header("sec-fetch-site", "same-origin")
            .body("application/x-www-form-urlencoded", form(fields).as_bytes());
        let reply = call.send();
        self.keep(reply)
    }

    pub fn to(&mut self, reply: &Reply) -> Reply {
        assert_eq!(reply.status, 303, "{}", reply.text());
        let place = reply.header("location").unwrap().to_owned();
        self.get(&place)
    }
}

pub fn form(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| -> String {
        text.bytes()
            .map(|b| match b {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => char::from(b).to_string(),
                b => format!("%{b:02X}"),
            })
            .collect()
    };
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect();
    pairs.join("&")
}

/// Opens an account as a service centre does; number and activation code.
pub fn open(node: &Node, reference: &str) -> (String, String) {
    open_as(node, "citizen", reference)
}

/// Opens an account of a role.
pub fn open_as(node: &Node, role: &str, reference: &str) -> (String, String) {
    let order = json!({
        "do": "open_account", "role": role, "reference": reference,
        "method": "document seen at a service centre",
    });
    let answer = node.operator(&order).ok();
    let text = |key: &str| answer[key].as_str().unwrap().to_owned();
    (text("number"), text("activation"))
}

/// The codes that a page shows once.
pub fn codes(page: &str) -> Vec<String> {
    let marked = page.split("<li><code>").skip(1);
    marked
        .map(|rest| rest.split("</code>").next().unwrap().to_owned())
        .collect()
}

/// An account that is set up, and its printed codes.
pub fn set_up(node: &Node, reference: &str) -> (String, Vec<String>) {
    set_up_as(node, "citizen", reference)
}

/// An account of a role that is set up, and its printed codes.
pub fn set_up_as(node: &Node, role: &str, reference: &str) -> (String, Vec<String>) {
    let (number, activation) = open_as(node, role, reference);
    let mut browser = Browser::new(node);
    let activated = browser.post(
        "/en/activate",
        &[("number", &number), ("code", &activation)],
    );
    let page = browser.to(&activated);
    assert!(
        page.text().contains("two independent ways"),
        "{}",
        page.text()
    );
    let set = browser.post("/en/my/identity/secret", &[("secret", SECRET)]);
    browser.to(&set);
    let printed = browser.post("/en/my/identity/codes", &[]);
    assert_eq!(printed.status, 200, "{}", printed.text());
    let codes = codes(&printed.text());
    assert_eq!(codes.len(), 10);
    (number, codes)
}

pub fn sign_in<'a>(node: &'a Node, number: &str, code: &str) -> (Browser<'a>, Reply) {
    let mut browser = Browser::new(node);
    let fields = [("number", number), ("secret", SECRET), ("code", code)];
    let reply = browser.post("/en/sign-in/secret", &fields);
    (browser, reply)
}

/// Somebody of a role who is signed in.
pub fn signed_in<'a>(node: &'a Node, role: &str, reference: &str) -> Browser<'a> {
    let (number, codes) = set_up_as(node, role, reference);
    let (mut browser, reply) = sign_in(node, &number, &codes[0]);
    assert_eq!(reply.status, 303, "{}", reply.text());
    let home = reply.header("location").unwrap().to_owned();
    browser.get(&home);
    browser
}

/// The place that an answer leads to.
pub fn place(reply: &Reply) -> String {
    assert_eq!(reply.status, 303, "{}", reply.text());
    reply.header("location").unwrap().to_owned()
}
