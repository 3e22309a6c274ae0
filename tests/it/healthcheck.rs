//! The probe for images without a shell, against exporters in all states.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use crate::exporter::{Exporter, command, run};
use crate::ports::free_address;

async fn check(listens_on: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a directory");
    let mut command = command();
    command
        .current_dir(folder.path())
        .env("TRTC_EXPORTER_WEB_LISTEN_ADDRESS", listens_on)
        .arg("healthcheck");
    let (code, out, said) = run(&mut command).await;
    assert_eq!(out, "");
    let left = std::fs::read_dir(folder.path()).expect("a directory");
    assert_eq!(left.count(), 0, "it needs no file and leaves none");
    (code, said)
}

/// Answers one request with these bytes.
fn answering(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("a client");
        let mut request = [0; 1024];
        let length = client.read(&mut request).expect("a request");
        let request = String::from_utf8_lossy(&request[..length]);
        assert!(
            request.starts_with("GET /-/healthy HTTP/1.1\r\n"),
            "{request}"
        );
        assert!(
            request.contains(&format!("host: {address}\r\n")),
            "{request}"
        );
        client.write_all(answer.as_bytes()).expect("it listens");
    });
    address
}

#[tokio::test]
async fn an_exporter_is_healthy_while_it_answers() {
    let exporter = Exporter::start(["demo"]).await;
    let port = exporter.address().port();
    for listens_on in [
        exporter.address().to_string(),
        format!(":{port}"),
        format!("0.0.0.0:{port}"),
        format!("localhost:{port},[::1]:1"),
    ] {
        let (code, said) = check(&listens_on).await;
        assert_eq!((code, said.as_str()), (Some(0), ""), "{listens_on}");
    }
    exporter.signal("STOP");
    let (code, said) = check(&format!(":{port}")).await;
    assert_eq!(code, Some(1));
    assert_eq!(
        said,
        format!("127.0.0.1:{port}: no answer within 3 seconds\n")
    );
    exporter.signal("CONT");
    let (code, _) = check(&format!(":{port}")).await;
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn what_is_not_healthy_is_told_in_one_line() {
    let (code, said) = check(&free_address().to_string()).await;
    assert_eq!(code, Some(1));
    assert!(
        said.contains("refused") && said.lines().count() == 1,
        "{said}"
    );

    for (answer, expected) in [
        (
            "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 47\r\n\r\nthe poll loop has not moved for 75 seconds\nmore",
            "503 Service Unavailable: the poll loop has not moved for 75 seconds\n",
        ),
        (
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
            "404 Not Found: \n",
        ),
        ("SSH-2.0-OpenSSH\r\n\r\n", "no sensible answer: "),
        ("", "no sensible answer: "),
    ] {
        let address = answering(answer);
        let (code, said) = check(&address.to_string()).await;
        assert_eq!(code, Some(1), "{answer}");
        assert!(
            said.starts_with(&format!("{address}: {expected}")),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[tokio::test]
async fn a_port_that_nobody_knows_is_a_usage_error() {
    let (code, said) = check(":0").await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--web.listen-address"), "{said}");
}
