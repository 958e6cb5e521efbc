//! A whole station on this desk: `kartud run` with its reader behind pcscd, and the card machine as a process of its own.
//! Machine and reader know nothing of each other, as in a printer, whose reader has a plug of its own: somebody looks
//! where the machine holds a blank, puts that blank's chip into the reader while it stands at the station, and pulls it
//! out again when it moves on.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use crate::Test;
use crate::office::{FIRST, Pcscd, Rig, SOON, open, until};
use crate::process::{Process, json_of, kartud, ran};

pub const TESTS: &[Test] = &[
    ("a_staff_card_is_encoded_through_pcscd", a_staff_card_is_encoded_through_pcscd),
    ("a_blank_pulled_out_while_it_is_written", a_blank_pulled_out_while_it_is_written),
    ("pcscd_is_started_after_the_station", pcscd_is_started_after_the_station),
    ("mute_card", mute_card),
];

/// The drawn sample card, and where its portrait is.
const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../src/render/golden/staf-front.png");
const PORTRAIT: (usize, usize, usize, usize) = (64, 188, 206, 274);
/// The portrait has half of the points that a photo must have.
const LARGER: usize = 3;
/// Somebody who looks so often is there before the reader is asked.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Fast, and still slower than pcscd notices that a card was pulled.
const SLOWNESS: &str = "0.1";

struct Station {
    folder: PathBuf,
    url: String,
    control: String,
    hand: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
    _station: Process,
    _machine: Process,
}

impl Station {
    /// The first blanks have these troubles, in TOML; the others none.
    fn start(rig: &Rig, folder: &Path, troubles: &'static [&'static str]) -> Self {
        Self::with_deadline(rig, folder, troubles, SOON.as_secs())
    }

    /// The same with another limit for an answer of the reader, s.
    fn with_deadline(
        rig: &Rig,
        folder: &Path,
        troubles: &'static [&'static str],
        deadline: u64,
    ) -> Self {
        let mut emulate = kartud(rig, &["emulate", "evolis", "--listen", "127.0.0.1:0"]);
        emulate.args(["--control", "127.0.0.1:0", "--fit", "CONTACTLESS", "--slowness", SLOWNESS]);
        emulate.arg("--out").arg(folder.join("cards"));
        let log = folder.join("machine.log");
        let (machine, control) = Process::that_says(&mut emulate, &log, "control on http://");
        let said = fs::read_to_string(log).unwrap();
        let address = said.split_whitespace().find(|word| word.starts_with("tcp://")).unwrap();
        fs::write(folder.join("kartud.toml"), config(address, deadline)).unwrap();
        let keys = folder.join("keys");
        let new = ["keys", "new", "document", "--folder", keys.to_str().unwrap()];
        let (code, said) = ran(rig, &new);
        assert_eq!(code, Some(0), "{said}");
        let mut run = kartud(rig, &["run", "--new-ledger", "--config"]);
        run.arg(folder.join("kartud.toml"));
        let log = folder.join("station.log");
        let (station, address) = Process::that_says(&mut run, &log, "address=");
        let stop = Arc::new(AtomicBool::new(false));
        let hand = {
            let hand = Hand { rig: rig.clone(), folder: folder.to_owned(), troubles };
            let (stop, control) = (stop.clone(), control.clone());
            std::thread::spawn(move || hand.work(&control, &stop))
        };
        Self {
            folder: folder.to_owned(),
            url: format!("http://{address}"),
            control,
            hand: Some((stop, hand)),
            _station: station,
            _machine: machine,
        }
    }

    /// Posts a staff card, as a clerk does; its id.
    fn post(&self, rig: &Rig) -> String {
        let (job, photo) = (self.folder.join("job.json"), self.folder.join("photo.png"));
        fs::write(&job, staff().to_string()).unwrap();
        draw_photo(&photo);
        let output = kartud(rig, &["submit", "--json", "--url", &self.url, "--photo"])
            .args([photo, job])
            .output()
            .unwrap();
        json_of(&output)["id"].as_str().unwrap().to_owned()
    }

    /// The job and its events, once it is printed.
    fn printed(&self, rig: &Rig, id: &str) -> Value {
        let mut told = Value::Null;
        until("the card is printed", || {
            told =
                json_of(&kartud(rig, &["job", id, "--json", "--url", &self.url]).output().unwrap());
            let state = &told["job"]["state"];
            // A card that was lost is unsure until it lies in the reject box.
            assert_ne!(state, "held", "{told:#}");
            state == "printed"
        });
        told
    }

    /// What another counter says of the chip of this blank, from its bytes as the card kept them.
    fn verify(&self, rig: &Rig, blank: usize) -> (Option<i32>, String) {
        let (list, chip) = (self.folder.join("list.toml"), self.folder.join("ef0101"));
        let keys = self.folder.join("keys");
        let show = ["keys", "show", "document", "--label", "Kantor", "--folder"];
        let (_, entry) = ran(rig, &[&show[..], &[keys.to_str().unwrap()]].concat());
        fs::write(&list, format!("format = \"kartu-keys/1\"\n{entry}")).unwrap();
        fs::write(&chip, kept(&self.folder, blank)).unwrap();
        let files = [chip.to_str().unwrap(), "--keys", list.to_str().unwrap()];
        ran(rig, &[&["verify", "--chip"][..], &files].concat())
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        let Some((stop, hand)) = self.hand.take() else { return };
        stop.store(true, Ordering::Relaxed);
        let well = hand.join().is_ok();
        if std::thread::panicking() {
            let log = fs::read_to_string(self.folder.join("station.log"));
            eprintln!("{}", log.unwrap_or_default());
        } else {
            assert!(well, "the hand that moves the chips fell ill");
        }
    }
}

/// Whoever stands before the machine.
struct Hand {
    rig: Rig,
    folder: PathBuf,
    troubles: &'static [&'static str],
}

impl Hand {
    fn work(&self, control: &str, stop: &AtomicBool) {
        let (mut blanks, mut inside) = (0, None);
        while !stop.load(Ordering::Relaxed) {
            let here = machine(control)["machine"]["card"]["place"] == "contactless";
            if here && inside.is_none() {
                blanks += 1;
                inside = Some(self.put_in(blanks));
            } else if !here && let Some(chip) = inside.take() {
                chip.end();
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// The next blank of the pack: each has an identifier of its own.
    fn put_in(&self, blank: usize) -> Process {
        let name = |end: &str| self.folder.join(format!("blank-{blank}.{end}"));
        let trouble = self.troubles.get(blank - 1).copied().unwrap_or_default();
        let card = format!("kind = \"file\"\nuid = \"044B4152545{blank:03X}\"\n{trouble}");
        fs::write(name("toml"), card).unwrap();
        let mut command = kartud(&self.rig, &["emulate", "card", "--card"]);
        Process::start(command.arg(name("toml")).arg("--keep").arg(name("json")), &name("log"))
    }
}

/// What the machine says of itself.
fn machine(control: &str) -> Value {
    get(control, "/state")
}

/// Asks over HTTP, at once: what is told for a moment only is heard.
fn get(address: &str, path: &str) -> Value {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// What stands in the record's file of a blank; nothing where there is no such file.
fn kept(folder: &Path, blank: usize) -> Vec<u8> {
    let text = fs::read(folder.join(format!("blank-{blank}.json"))).unwrap();
    let kept: Value = serde_json::from_slice(&text).unwrap();
    let digits = kept["content"][1]["files"][0]["content"].as_str().unwrap_or_default();
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

fn config(machine: &str, deadline: u64) -> String {
    let reader = FIRST.0;
    format!(
        "[station]\nledger = \"ledger.db\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
         [vault]\nfolder = \"keys\"\n[printer]\naddress = \"{machine}\"\n\
         [encoder]\nfamily = \"pcsc\"\naddress = \"{reader}\"\nstation = \"contactless\"\ndeadline_seconds = {deadline}\n"
    )
}

fn staff() -> Value {
    json!({
        "product": "staf", "ref": "STAF-417", "reason": "BARU",
        "fields": {
            "nama": "RINA CONTOH, S.Kom.", "jabatan": "OPERATOR", "unit": "PENDAFTARAN PENDUDUK",
            "no_pegawai": "PS-000417", "berlaku_hingga": "2099-12-31",
        },
        "recommendation": {
            "keputusan": "SETUJU", "nomor": "800/417", "oleh": { "nama": "CONTOH SEKRETARIS" },
            "peringatan_disetujui": ["W_PHOTO_SOFT", "W_PHOTO_FACE"],
        },
    })
}

/// The sample's portrait as somebody's photo.
fn draw_photo(to: &Path) {
    let decoder = png::Decoder::new(std::io::BufReader::new(File::open(SAMPLE).unwrap()));
    let mut sample = decoder.read_info().unwrap();
    let mut points = vec![0; sample.output_buffer_size().unwrap()];
    let info = sample.next_frame(&mut points).unwrap();
    assert_eq!((info.color_type, info.bit_depth), (png::ColorType::Rgb, png::BitDepth::Eight));
    let (left, top, width, height) = PORTRAIT;
    let (wide, high) = (width * LARGER, height * LARGER);
    let mut photo = Vec::with_capacity(wide * high * 3);
    for at in 0..wide * high {
        let (x, y) = (left + at % wide / LARGER, top + at / wide / LARGER);
        let from = y * info.line_size + x * 3;
        photo.extend_from_slice(&points[from..from + 3]);
    }
    let size = |side| u32::try_from(side).unwrap();
    let mut encoder = png::Encoder::new(File::create(to).unwrap(), size(wide), size(high));
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(&photo).unwrap();
}

fn events(told: &Value) -> Vec<&str> {
    let events = told["events"].as_array().unwrap();
    events.iter().map(|event| event["event"].as_str().unwrap()).collect()
}

fn a_staff_card_is_encoded_through_pcscd(rig: &Rig) {
    let folder = tempfile::tempdir().unwrap();
    let _pcscd = Pcscd::with_vpcd(rig, folder.path());
    drop(open(FIRST.0));
    let station = Station::start(rig, folder.path(), &[]);
    let told = station.printed(rig, &station.post(rig));
    assert!(events(&told).ends_with(&["encode", "chip_good", "print", "card_out"]), "{told:#}");
    let encoding = &told["job"]["encoding"];
    let chip = &encoding["chip"];
    assert_eq!((&encoding["blanks_used"], &chip["uid"]), (&json!(1), &json!("044b4152545001")));
    assert_eq!(chip["content_sha256"], chip["record_sha256"]);
    assert!(chip["atr"].as_str().is_some_and(|atr| atr.starts_with("3b8")), "{chip}");
    assert!(folder.path().join("cards/card-000001-front.png").exists());
    let (code, said) = station.verify(rig, 1);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("STAF-417 (staf)"), "{said}");
    // A bit less is no card of this office.
    let mut changed = fs::read(folder.path().join("ef0101")).unwrap();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(folder.path().join("blank-9.json"), as_kept(&changed)).unwrap();
    assert_eq!(station.verify(rig, 9).0, Some(3));
    // Nothing of the person stands in what the station wrote down.
    let log = fs::read_to_string(folder.path().join("station.log")).unwrap();
    let all = told.to_string() + &log;
    assert!(!all.contains("RINA") && !all.contains("PS-000417"), "{all}");
}

/// A card's content as `kartud emulate card` keeps it.
fn as_kept(record: &[u8]) -> String {
    let digits: String = record.iter().map(|byte| format!("{byte:02X}")).collect();
    json!({ "content": [{}, { "files": [{ "content": digits }] }] }).to_string()
}

fn a_blank_pulled_out_while_it_is_written(rig: &Rig) {
    let folder = tempfile::tempdir().unwrap();
    let _pcscd = Pcscd::with_vpcd(rig, folder.path());
    drop(open(FIRST.0));
    // Its identifier is asked for, its application and file are made; the record is on its way when it goes.
    let station = Station::start(rig, folder.path(), &["[faults]\ntorn_out_after = 4\n"]);
    let told = station.printed(rig, &station.post(rig));
    let encoding = &told["job"]["encoding"];
    assert_eq!(encoding["blanks_used"], 2, "{told:#}");
    assert_eq!(encoding["chip"]["uid"], "044b4152545002");
    let spoilt = told["events"].as_array().unwrap().iter().find(|event| event["event"] == "spoil");
    assert_eq!(spoilt.unwrap()["detail"]["cause"], "GAGAL_ENCODE", "{told:#}");
    let machine = machine(&station.control);
    let lie = [&machine["hopper_cards"], &machine["reject_box_cards"]];
    assert_eq!(lie, [&json!(1), &json!(1)], "the good one is out, the other in the reject box");
    assert_eq!(station.verify(rig, 1).0, Some(3), "no card of this office");
    assert_eq!(station.verify(rig, 2).0, Some(0));
}

fn pcscd_is_started_after_the_station(rig: &Rig) {
    let folder = tempfile::tempdir().unwrap();
    let mut pcscd = Pcscd::with_vpcd(rig, folder.path());
    pcscd.kill();
    let station = Station::start(rig, folder.path(), &[]);
    let id = station.post(rig);
    let reasons = || {
        let status = kartud(rig, &["status", "--json", "--url", &station.url]).output().unwrap();
        json_of(&status)["state_reasons"].to_string()
    };
    let told = "The service pcscd, which drives the card readers, is not running.";
    until("the station says what is wrong with its reader", || reasons().contains(told));
    assert_eq!(machine(&station.control)["machine"]["cards_entered"], 0, "no blank is spent");
    pcscd.start_anew();
    let told = station.printed(rig, &id);
    assert_eq!(told["job"]["encoding"]["blanks_used"], 1);
    until("the trouble is gone", || !reasons().contains("pcscd"));
}

/// Nobody can end the call that waits for it, so the printer takes the card away; and somebody is told.
fn mute_card(rig: &Rig) {
    const DEADLINE_S: u64 = 2;
    // At the question for its identifier, while it is switched on; and in the middle of the profile.
    for mute in [&["[faults]\nmute = true\n"], &["[faults]\nmute_after = 3\n"]] {
        let folder = tempfile::tempdir().unwrap();
        let _pcscd = Pcscd::with_vpcd(rig, folder.path());
        drop(open(FIRST.0));
        let station = Station::with_deadline(rig, folder.path(), mute, DEADLINE_S);
        let id = station.post(rig);
        let told = station.printed(rig, &id);
        let encoding = &told["job"]["encoding"];
        assert_eq!(encoding["blanks_used"], 2, "{told:#}");
        assert_eq!(encoding["chip"]["uid"], "044b4152545002");
        let stuck = format!("The card reader is stuck: no answer within {DEADLINE_S} s.");
        let why = encoding["failed"][0]["message"]["en"].as_str().unwrap();
        assert!(why.contains(&stuck), "{why}");
        let cause = |event: &&Value| event["event"] == "spoil";
        let spoilt = told["events"].as_array().unwrap().iter().find(cause).unwrap();
        assert_eq!(spoilt["detail"]["cause"], "GAGAL_ENCODE", "{told:#}");
        let machine = machine(&station.control);
        let lie = [&machine["hopper_cards"], &machine["reject_box_cards"]];
        assert_eq!(
            lie,
            [&json!(1), &json!(1)],
            "the good one is out, the mute one in the reject box"
        );
        assert_eq!(machine["machine"]["cards_entered"], 1, "nothing was printed on the mute one");
        assert_eq!(station.verify(rig, 2).0, Some(0));
        let address = station.url.strip_prefix("http://").unwrap();
        let reasons = || get(address, "/v1/station")["state_reasons"].to_string();
        until("the trouble is gone", || !reasons().contains("stuck"));
    }
}
