//! The Runtime API with the standard library alone; the crate lambda_runtime does the same and more.
use crate::json::Json;
use std::io::{BufRead, BufReader, Read, Result, Write};
use std::net::TcpStream;
use std::panic::{catch_unwind, AssertUnwindSafe};

pub struct Invocation {
    pub request_id: String,
}

/// What the caller is told of a call that failed.
pub struct Failure {
    pub kind: &'static str,
    pub message: String,
}

/// Asks for events and answers them until the environment ends.
pub fn serve(mut handler: impl FnMut(&Invocation, Json) -> std::result::Result<Json, Failure>) -> ! {
    let host = std::env::var("AWS_LAMBDA_RUNTIME_API").expect("started by Lambda");
    let mut api = Api::connect(&host).expect("the Runtime API answers");
    loop {
        let (request_id, event) = api.next().expect("an event");
        let invocation = Invocation { request_id };
        let outcome = catch_unwind(AssertUnwindSafe(|| match Json::parse(&event) {
            Ok(event) => handler(&invocation, event),
            Err(message) => Err(Failure { kind: "BadEvent", message }),
        }));
        let outcome = outcome.unwrap_or_else(|_| Err(Failure { kind: "Panic", message: "the handler panicked".into() }));
        let (path, answer) = match outcome {
            Ok(answer) => ("response", answer),
            Err(failure) => {
                eprintln!("failed: {}", failure.message);
                ("error", document(failure))
            }
        };
        api.answer(&invocation.request_id, path, &answer.to_string()).expect("the answer is taken");
    }
}

fn document(failure: Failure) -> Json {
    Json::object([
        ("errorType", Json::Text(failure.kind.into())),
        ("errorMessage", Json::Text(failure.message)),
        ("stackTrace", Json::List(Vec::new())),
    ])
}

/// One connection, used again for every request.
struct Api {
    host: String,
    stream: BufReader<TcpStream>,
}

impl Api {
    fn connect(host: &str) -> Result<Api> {
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        Ok(Api { host: host.into(), stream: BufReader::new(stream) })
    }

    fn next(&mut self) -> Result<(String, String)> {
        self.request("GET", "next", "")
    }

    fn answer(&mut self, request_id: &str, kind: &str, body: &str) -> Result<()> {
        self.request("POST", &format!("{request_id}/{kind}"), body).map(|_| ())
    }

    /// The request id of the answer, if it has one, and its body.
    fn request(&mut self, method: &str, path: &str, body: &str) -> Result<(String, String)> {
        let head = format!(
            "{method} /2018-06-01/runtime/invocation/{path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n",
            self.host,
            body.len()
        );
        self.stream.get_mut().write_all((head + body).as_bytes())?;
        let (mut request_id, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            match line.trim_end().split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().unwrap_or(0),
                Some((name, value)) if name.eq_ignore_ascii_case("lambda-runtime-aws-request-id") => {
                    request_id = value.into()
                }
                _ if line == "\r\n" => break,
                _ => {}
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok((request_id, String::from_utf8_lossy(&body).into_owned()))
    }
}
