//! Just enough HTTP for Prometheus to scrape: one request, one answer.

use std::io;

use metrics_exporter_prometheus::PrometheusHandle;
use pgtls::FrontDoor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Answers every request with the numbers of now.
pub(crate) async fn serve(listener: TcpListener, handle: PrometheusHandle, door: FrontDoor) {
    loop {
        if let Ok((socket, _)) = listener.accept().await {
            door.update_metrics();
            let _ = answer(socket, &handle.render()).await;
        }
    }
}

async fn answer(mut socket: TcpStream, body: &str) -> io::Result<()> {
    // Whatever it asks for, in its first few lines.
    let _ = socket.read(&mut [0; 4096]).await?;
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).await?;
    socket.write_all(body.as_bytes()).await?;
    socket.shutdown().await
}
