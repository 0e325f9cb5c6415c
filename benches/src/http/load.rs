//! A small load generator: keep-alive connections, each asking again as soon as it is answered.

use super::node::Node;
use crate::clock::number;
use crate::fault::{Fault, fault};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How a load went.
#[derive(Debug)]
pub struct Load {
    /// Evaluations a second.
    pub per_s: f64,
    /// Evaluations answered, warm-up included.
    pub evaluations: u64,
    /// Median, ms.
    pub p50_ms: f64,
    /// 99 of 100, ms.
    pub p99_ms: f64,
}

/// Drives a node with `connections`, `batch` evaluations a request.
pub async fn drive(
    node: &Node,
    connections: usize,
    batch: usize,
    long: Duration,
) -> Result<Load, Fault> {
    let warm = long / 5;
    let begin = Instant::now();
    let mut tasks = Vec::new();
    for c in 0..connections {
        let (token, request) = node
            .requests
            .get(c % node.requests.len())
            .cloned()
            .ok_or_else(|| fault("no request"))?;
        let bytes = request_bytes(&token, &request, batch);
        let address = node.address;
        tasks.push(tokio::spawn(async move {
            one(address, bytes, begin, warm, long).await
        }));
    }
    let (mut counted, mut all, mut times) = (0u64, 0u64, Vec::new());
    for t in tasks {
        let (total, mut each) = t.await.map_err(fault)??;
        all += total;
        counted += each.len() as u64;
        times.append(&mut each);
    }
    let took = (long - warm).as_secs_f64();
    times.sort_unstable_by(f64::total_cmp);
    let at = |percent: usize| {
        let ix = times.len() * percent / 100;
        times
            .get(ix.min(times.len().saturating_sub(1)))
            .copied()
            .unwrap_or(f64::NAN)
    };
    let size = batch as u64;
    Ok(Load {
        per_s: number(usize::try_from(counted * size).unwrap_or(0)) / took,
        evaluations: all * size,
        p50_ms: at(50),
        p99_ms: at(99),
    })
}

fn request_bytes(token: &str, request: &Value, batch: usize) -> Vec<u8> {
    let (path, body) = if batch == 1 {
        ("evaluation", request.to_string())
    } else {
        let mut many = request.clone();
        if let Some(map) = many.as_object_mut() {
            map.insert("evaluations".into(), Value::Array(vec![json!({}); batch]));
        }
        ("evaluations", many.to_string())
    };
    format!(
        "POST /access/v1/{path} HTTP/1.1\r\nhost: node\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

async fn one(
    address: std::net::SocketAddr,
    bytes: Vec<u8>,
    begin: Instant,
    warm: Duration,
    long: Duration,
) -> Result<(u64, Vec<f64>), Fault> {
    let mut stream = TcpStream::connect(address).await.map_err(fault)?;
    stream.set_nodelay(true).map_err(fault)?;
    let (mut total, mut times, mut buffer) =
        (0, Vec::with_capacity(1 << 16), Vec::with_capacity(1 << 18));
    while begin.elapsed() < long {
        let start = Instant::now();
        stream.write_all(&bytes).await.map_err(fault)?;
        answer(&mut stream, &mut buffer).await?;
        total += 1;
        if begin.elapsed() >= warm && begin.elapsed() < long {
            times.push(start.elapsed().as_secs_f64() * 1000.0);
        }
    }
    Ok((total, times))
}

async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<(), Fault> {
    buffer.clear();
    loop {
        if let Some(head) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(buffer.get(..head).unwrap_or_default()).into_owned();
            if !text.starts_with("HTTP/1.1 200") {
                return Err(Fault(format!("the node answered: {text}")));
            }
            let length = text
                .lines()
                .find_map(|l| {
                    l.to_ascii_lowercase()
                        .strip_prefix("content-length:")
                        .map(|v| v.trim().to_owned())
                })
                .and_then(|v| v.parse::<usize>().ok())
                .ok_or_else(|| fault("an answer without a length"))?;
            let end = head + 4 + length;
            while buffer.len() < end {
                if stream.read_buf(buffer).await.map_err(fault)? == 0 {
                    return Err(fault("the node closed the connection"));
                }
            }
            return Ok(());
        }
        if stream.read_buf(buffer).await.map_err(fault)? == 0 {
            return Err(fault("the node closed the connection"));
        }
    }
}
