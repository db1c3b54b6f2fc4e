use std::convert::Infallible;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, CONNECTION, HOST, USER_AGENT};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::Outcome;

use crate::health::HealthError;
use crate::process::launch::causes;

/// So much of a body is searched.
const BODY: usize = 64 << 10;

/// Where a URL leads.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::health) struct Target {
    /// What to connect to.
    host: String,
    port: u16,
    /// What the server knows itself by.
    authority: String,
    /// What it is asked for.
    path: String,
}

impl Target {
    pub(in crate::health) fn parse(url: &str) -> Result<Self, HealthError> {
        let wrong = |text: String| Err(HealthError(text));
        let Ok(uri) = url.parse::<Uri>() else { return wrong("`url` is not a URL".to_owned()) };
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => {
                let text = "`url`: `https` is not supported, only `http` is; a check of type `command` can run `curl`";
                return wrong(text.to_owned());
            }
            Some(other) => return wrong(format!("`url`: `{other}` is not supported, only `http` is")),
            None => return wrong("`url` must begin with `http://` and name a host".to_owned()),
        }
        let Some(authority) = uri.authority().filter(|authority| !authority.host().is_empty()) else {
            return wrong("`url` must begin with `http://` and name a host".to_owned());
        };
        // They would be shown wherever the check is.
        if authority.as_str().contains('@') {
            return wrong("`url` must not contain a user or a password".to_owned());
        }
        let host = authority.host();
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Ok(Self {
            host: address.to_owned(),
            port: authority.port_u16().unwrap_or(80),
            authority: authority.as_str().to_owned(),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        })
    }
}

/// Asks once, directly, and follows nothing.
pub(super) async fn ask(url: &str, expected_status: &[u16], expected_body: Option<&str>) -> Outcome {
    let target = match Target::parse(url) {
        Ok(target) => target,
        Err(error) => return Outcome::bad(error.to_string()),
    };
    let stream = match TcpStream::connect((target.host.as_str(), target.port)).await {
        Ok(stream) => stream,
        Err(error) => return Outcome::bad(format!("could not connect to `{}`: {error}", target.authority)),
    };
    let (mut sender, connection) = match hyper::client::conn::http1::handshake(TokioIo::new(stream)).await {
        Ok(both) => both,
        Err(error) => return Outcome::bad(format!("could not ask `{url}`: {}", causes(&error))),
    };
    let request = Request::get(&target.path)
        .header(HOST, &target.authority)
        .header(USER_AGENT, concat!("perilune/", env!("CARGO_PKG_VERSION")))
        .header(ACCEPT, "*/*")
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new());
    let request = match request {
        Ok(request) => request,
        Err(error) => return Outcome::bad(format!("could not ask `{url}`: {error}")),
    };
    let asked = async {
        match sender.send_request(request).await {
            Ok(response) => judge(response, expected_status, expected_body).await,
            Err(error) => Outcome::bad(format!("no answer: {}", causes(&error))),
        }
    };
    // The connection moves what the exchange waits for, and tells it when it fails.
    let moved = async {
        let _ = connection.await;
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        outcome = asked => outcome,
        never = moved => match never {},
    }
}

async fn judge(response: Response<Incoming>, expected_status: &[u16], expected_body: Option<&str>) -> Outcome {
    let status = response.status().as_u16();
    let expected = if expected_status.is_empty() { &[200] } else { expected_status };
    let details = format!("status {status}");
    let outcome = |error| Outcome { error, details: Some(details) };
    if !expected.contains(&status) {
        let expected: Vec<String> = expected.iter().map(u16::to_string).collect();
        return outcome(Some(format!("the answer was {status} instead of {}", expected.join(" or "))));
    }
    outcome(match expected_body {
        None => None,
        Some(text) => search(response.into_body(), text).await.err(),
    })
}

/// Reads until it is found, or cannot be.
async fn search(mut body: Incoming, text: &str) -> Result<(), String> {
    let mut read: Vec<u8> = Vec::new();
    if text.is_empty() {
        return Ok(());
    }
    loop {
        // What came before may hold its beginning.
        let from = read.len().saturating_sub(text.len());
        let frame = body.frame().await;
        let data = match frame {
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            Some(Err(error)) => return Err(format!("the answer broke off: {}", causes(&error))),
            None => return Err(format!("the answer does not contain `{text}`")),
        };
        let room = BODY - read.len().min(BODY);
        read.extend(data.iter().take(room));
        let news = read.get(from..).unwrap_or_default();
        if news.windows(text.len()).any(|window| window == text.as_bytes()) {
            return Ok(());
        }
        if read.len() >= BODY {
            return Err(format!("the first 64 KiB of the answer do not contain `{text}`"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_tells_where_to_connect_and_what_to_ask_for() {
        let target = |host: &str, port, authority: &str, path: &str| Target {
            host: host.to_owned(),
            port,
            authority: authority.to_owned(),
            path: path.to_owned(),
        };
        let parse = |url| Target::parse(url).unwrap();
        assert_eq!(parse("http://a"), target("a", 80, "a", "/"));
        assert_eq!(parse("http://a:81/b/c?d=e"), target("a", 81, "a:81", "/b/c?d=e"));
        assert_eq!(parse("HTTP://a/"), target("a", 80, "a", "/"));
        assert_eq!(parse("http://[::1]:8080/"), target("::1", 8080, "[::1]:8080", "/"));
        assert_eq!(parse("http://a/b#c"), target("a", 80, "a", "/b"));
    }
}
