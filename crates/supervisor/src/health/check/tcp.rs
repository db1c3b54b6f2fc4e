use tokio::net::TcpStream;

use super::Outcome;

/// Connects, and leaves at once.
pub(super) async fn connect(host: &str, port: u16) -> Outcome {
    match TcpStream::connect((host, port)).await {
        Ok(_) => Outcome::good(None),
        Err(error) => Outcome::bad(format!("could not connect to `{host}` port {port}: {error}")),
    }
}
