//! The load generator of `tests/bench/intake`: clients on kept-alive connections that post jobs as fast as
//! they are answered, to kartud (HTTP, multipart) or to CUPS (IPP Print-Job). It knows nothing of the daemon's
//! code, so that it costs both the same: a request is built once and only its names are patched in place.
//!
//! `intake kartud|cups ADDR --clients N --jobs N --document FILE --tag TAG [--job FILE] [--async] [--queue NAME]`
//! prints one JSON line: jobs a second, and the 50th, 95th and 99th percentile of an answer in ms.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// In the job file and in each request this stands where the job's own number goes; same length, same alphabet.
const NUMBER_HOLE: &str = "00000000-NUMBER-OF-THIS-JOB-00000000";
/// Longer than any answer may take; a station that hangs must not hang the benchmark.
const PATIENCE: Duration = Duration::from_secs(60);
/// Answers are a few hundred bytes; a longer one is read on, but not kept.
const ANSWER_KEPT_BYTES: usize = 64 * 1024;

fn main() {
    let plan = Plan::from_args();
    let request = match plan.target {
        Target::Kartud => kartud_request(&plan),
        Target::Cups => ipp_request(&plan),
    };
    let start = Barrier::new(plan.clients + 1);
    let (began, mut waits) = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..plan.clients)
            .map(|client| {
                // Connected here, so that no client is missing at the barrier.
                let wire = connect(&plan.addr);
                let (plan, request, start) = (&plan, request.clone(), &start);
                scope.spawn(move || post_share(plan, client, wire, request, start))
            })
            .collect();
        start.wait();
        let began = Instant::now();
        let waits: Vec<Duration> =
            clients.into_iter().flat_map(|c| c.join().expect("a client died")).collect();
        (began, waits)
    });
    let took = began.elapsed();
    waits.sort_unstable();
    let ms = |of_100: usize| waits[(waits.len() - 1) * of_100 / 100].as_secs_f64() * 1000.0;
    println!(
        "{{\"jobs_per_s\":{:.1},\"p50_ms\":{:.3},\"p95_ms\":{:.3},\"p99_ms\":{:.3},\"jobs\":{}}}",
        waits.len() as f64 / took.as_secs_f64(),
        ms(50),
        ms(95),
        ms(99),
        waits.len()
    );
}

/// Posts one client's share of the jobs over one connection; how long each answer took.
fn post_share(
    plan: &Plan,
    client: usize,
    mut wire: TcpStream,
    mut request: Request,
    start: &Barrier,
) -> Vec<Duration> {
    let jobs = plan.jobs / plan.clients + usize::from(client < plan.jobs % plan.clients);
    let mut waits = Vec::with_capacity(jobs);
    let mut answer = Vec::with_capacity(ANSWER_KEPT_BYTES);
    start.wait();
    for job in 0..jobs {
        request.number(&plan.tag, client, job);
        let sent = Instant::now();
        wire.write_all(&request.bytes).expect("the connection broke while sending");
        let status =
            read_answer(&mut wire, &mut answer).expect("the connection broke while answering");
        waits.push(sent.elapsed());
        plan.target.insist_on_success(status, &answer);
    }
    waits
}

fn connect(addr: &str) -> TcpStream {
    let open = || {
        let wire = TcpStream::connect(addr)?;
        wire.set_nodelay(true)?;
        wire.set_read_timeout(Some(PATIENCE))?;
        wire.set_write_timeout(Some(PATIENCE))?;
        Ok::<_, io::Error>(wire)
    };
    open().unwrap_or_else(|why| panic!("{addr}: {why}"))
}

/// A whole HTTP request, and where the job's number stands in it.
#[derive(Clone)]
struct Request {
    bytes: Vec<u8>,
    holes: Vec<usize>,
}

impl Request {
    fn new(head: &str, body: &[u8]) -> Self {
        let mut bytes = format!("{head}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
        bytes.extend_from_slice(body);
        let hole = NUMBER_HOLE.as_bytes();
        let holes: Vec<usize> = bytes
            .windows(hole.len())
            .enumerate()
            .filter(|(_, w)| *w == hole)
            .map(|(at, _)| at)
            .collect();
        assert!(!holes.is_empty(), "no request may be sent twice under one number");
        Self { bytes, holes }
    }

    /// Gives the request its own number; what is too long is a fault of the caller's tag.
    fn number(&mut self, tag: &str, client: usize, job: usize) {
        let mut number = format!("{tag}/{client:03}/{job:07}/");
        assert!(number.len() <= NUMBER_HOLE.len(), "the tag is too long");
        while number.len() < NUMBER_HOLE.len() {
            number.push('0');
        }
        for &at in &self.holes {
            self.bytes[at..at + NUMBER_HOLE.len()].copy_from_slice(number.as_bytes());
        }
    }
}

/// `POST /v1/jobs` as an upstream system sends it: the envelope and the photo as two parts.
fn kartud_request(plan: &Plan) -> Request {
    let job = read(plan.job.as_ref().expect("--job is needed for kartud"));
    let mut body = b"--part\r\nContent-Disposition: form-data; name=\"job\"\r\n\
        Content-Type: application/json\r\n\r\n"
        .to_vec();
    body.extend_from_slice(&job);
    body.extend_from_slice(
        b"\r\n--part\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"photo.jpg\"\r\n\
        Content-Type: image/jpeg\r\n\r\n",
    );
    body.extend_from_slice(&plan.document);
    body.extend_from_slice(b"\r\n--part--\r\n");
    let prefer = if plan.respond_async { "Prefer: respond-async\r\n" } else { "" };
    let head = format!(
        "POST /v1/jobs HTTP/1.1\r\nHost: {}\r\nAccept: application/json\r\nIdempotency-Key: {NUMBER_HOLE}\r\n\
        {prefer}Content-Type: multipart/form-data; boundary=part\r\n",
        plan.addr
    );
    Request::new(&head, &body)
}

/// IPP Print-Job (RFC 8011 section 4.2.1) of a raw document, encoded as in RFC 8010 section 3.
fn ipp_request(plan: &Plan) -> Request {
    let uri = format!("ipp://{}/printers/{}", plan.addr, plan.queue);
    // Version 1.1, operation Print-Job, request 1, then the operation attributes.
    let mut body = vec![1, 1, 0, 0x02, 0, 0, 0, 1, 0x01];
    for (tag, name, value) in [
        (0x47, "attributes-charset", "utf-8"),
        (0x48, "attributes-natural-language", "en"),
        (0x45, "printer-uri", uri.as_str()),
        (0x42, "requesting-user-name", "bench"),
        (0x42, "job-name", NUMBER_HOLE),
        (0x49, "document-format", "application/vnd.cups-raw"),
    ] {
        body.push(tag);
        for text in [name, value] {
            body.extend_from_slice(&u16::try_from(text.len()).expect("short texts").to_be_bytes());
            body.extend_from_slice(text.as_bytes());
        }
    }
    body.push(0x03);
    body.extend_from_slice(&plan.document);
    let head = format!(
        "POST /printers/{} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/ipp\r\n",
        plan.queue, plan.addr
    );
    Request::new(&head, &body)
}

/// Reads one HTTP answer with a `Content-Length`; gives its status and leaves its body in `body`.
fn read_answer(wire: &mut TcpStream, body: &mut Vec<u8>) -> io::Result<u16> {
    let bad = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
    let mut chunk = [0; 4096];
    body.clear();
    let head_end = loop {
        if let Some(at) = body.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        match wire.read(&mut chunk)? {
            0 => return Err(bad("closed before it answered")),
            n => body.extend_from_slice(&chunk[..n]),
        }
    };
    let head = String::from_utf8_lossy(&body[..head_end]).to_ascii_lowercase();
    let status = head.get(9..12).and_then(|s| s.parse().ok()).ok_or_else(|| bad("no status"))?;

    let length: usize = match head.lines().find_map(|l| l.strip_prefix("content-length:")) {
        Some(text) => text.trim().parse().map_err(|_| bad("a length that is no number"))?,
        None => return Err(bad("an answer without Content-Length")),
    };
    while body.len() < head_end + length {
        match wire.read(&mut chunk)? {
            0 => return Err(bad("closed inside an answer")),
            n => body.extend_from_slice(&chunk[..n]),
        }
    }
    body.drain(..head_end);
    Ok(status)
}

/// Who is loaded.
enum Target {
    Kartud,
    Cups,
}

impl Target {
    /// A figure for refused jobs would be a good figure for nothing: the first one ends the run.
    fn insist_on_success(&self, http_status: u16, answer: &[u8]) {
        let well = match self {
            Self::Kartud => matches!(http_status, 201 | 202),
            // Bytes 2 and 3 are the IPP status; up to 0x00ff it is successful (RFC 8011 section 4.1.8).
            Self::Cups => http_status == 200 && answer.get(2) == Some(&0),
        };
        if !well {
            eprintln!("refused: HTTP {http_status}, {}", String::from_utf8_lossy(answer));
            std::process::exit(1);
        }
    }
}

/// What is asked for on the command line.
struct Plan {
    target: Target,
    addr: String,
    clients: usize,
    jobs: usize,
    document: Vec<u8>,
    job: Option<String>,
    tag: String,
    queue: String,
    respond_async: bool,
}

impl Plan {
    fn from_args() -> Self {
        // `cargo bench` adds `--bench` of its own.
        let mut args = std::env::args().skip(1).filter(|a| a != "--bench");
        let target = match args.next().as_deref() {
            Some("kartud") => Target::Kartud,
            Some("cups") => Target::Cups,
            // `cargo bench` alone has nobody to load; `tests/bench/intake` starts both sides.
            _ => {
                println!("run tests/bench/intake");
                std::process::exit(0);
            }
        };
        let mut plan = Self {
            target,
            addr: args.next().expect("an address is needed"),
            clients: 1,
            jobs: 1000,
            document: Vec::new(),
            job: None,
            tag: "B".into(),
            queue: "raw".into(),
            respond_async: false,
        };
        while let Some(option) = args.next() {
            if option == "--async" {
                plan.respond_async = true;
                continue;
            }
            let value = args.next().unwrap_or_else(|| panic!("{option} needs a value"));
            let number = || value.parse().expect("a number is needed");
            match option.as_str() {
                "--clients" => plan.clients = number(),
                "--jobs" => plan.jobs = number(),
                "--document" => plan.document = read(&value),
                "--job" => plan.job = Some(value),
                "--tag" => plan.tag = value,
                "--queue" => plan.queue = value,
                _ => panic!("unknown option {option}"),
            }
        }
        assert!(plan.clients > 0 && plan.jobs >= plan.clients, "every client needs a job");
        plan
    }
}

fn read(path: &str) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|why| panic!("{path}: {why}"))
}
