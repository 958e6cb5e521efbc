// The page for a person at the station: asks /v1/station, /v1/jobs and /v1/blanks, again whenever /v1/events says that
// something has changed. Everything is set as text, never as HTML.
"use strict";
const WORDS = {
  id: { other: "English", printer: "Printer", counts: "Pekerjaan", jobs: "Terakhir", none: "Belum ada pekerjaan.",
    blanks: "Blangko", expected: "seharusnya ada di stasiun", counted: "dihitung", uncounted: "belum dihitung hari ini",
    ribbon: "pita", unknown: "belum menjawab", lost: "Stasiun tidak menjawab. Halaman ini mencoba lagi sendiri.",
    specimen: "Profil kantor belum dipasang atau masih contoh = true: setiap kartu bertanda CONTOH.",
    waiting: "menunggu petugas",
    idle: "siap", processing: "mencetak", stopped: "perlu bantuan", encoding: "mengisi chip", encoder: "pembaca chip" },
  en: { other: "Bahasa Indonesia", printer: "Printer", counts: "Jobs", jobs: "Latest", none: "No jobs yet.",
    blanks: "Blanks", expected: "should be at the station", counted: "counted", uncounted: "not counted today",
    ribbon: "ribbon", unknown: "has not answered yet", lost: "The station does not answer. This page tries again by itself.",
    specimen: "No office profile is configured, or it says contoh = true: every card says CONTOH.",
    waiting: "waiting for a person",
    idle: "ready", processing: "printing", stopped: "needs help", encoding: "encoding", encoder: "chip reader" },
};
const LATEST = 15;
let language = localStorage.getItem("language") === "en" ? "en" : "id";
let asking = false, again = false;

const at = (id) => document.getElementById(id);
const add = (parent, tag, text) => parent.appendChild(Object.assign(document.createElement(tag), { textContent: text }));

// Today, and every shown day that does not close.
function showBlanks(days) {
  const words = WORDS[language], today = days[days.length - 1];
  at("blanks").textContent = `${today.expected} ${words.expected}, `
    + (today.counted === null ? words.uncounted : `${words.counted} ${today.counted}`);
  at("blanks").className = today.closes === false ? "stopped" : "";
  at("open-days").replaceChildren();
  for (const day of days.filter((day) => day.closes === false)) {
    const line = add(at("open-days"), "li", day.remarks.map((r) => r[language]).join(" ") + " ");
    add(line, "code", day.date);
  }
}

function show(station, jobs) {
  const words = WORDS[language];
  document.documentElement.lang = language;
  at("language").textContent = words.other;
  for (const part of ["printer", "counts", "blanks", "jobs"]) at("t-" + part).textContent = words[part];
  at("name").textContent = station.station;
  const encodes = station.encoder && station.encoder.state === "processing";
  // Green is only for a station where nothing waits for anybody.
  const { held, unsure } = station.waiting, waits = held + unsure;
  at("state").textContent = (encodes ? words.encoding : words[station.state]) + (waits ? `, ${waits} ${words.waiting}` : "");
  at("state").className = station.state === "stopped" || unsure ? "stopped" : waits ? "processing" : station.state;
  at("specimen").hidden = !station.specimen;
  at("specimen").textContent = words.specimen;
  const cut = station.power_cut;
  at("power-cut").hidden = !cut;
  at("power-cut").textContent = cut ? cut.message[language] : "";
  const p = station.printer;
  at("printer").textContent = p
    ? `${p.model} ${p.serial}` + (p.ribbon ? `, ${words.ribbon} ${p.ribbon.panels} ${p.ribbon.remaining}/${p.ribbon.capacity}` : "")
    : words.unknown;
  const e = station.encoder;
  if (e) add(at("printer"), "br"), at("printer").append(
    `${words.encoder}: ${e.state === "processing" ? words.encoding : words[e.state]}`);
  at("reasons").replaceChildren();
  for (const reason of station.state_reasons) {
    const line = add(at("reasons"), "li", reason.message[language] + " ");
    add(line, "code", reason.keyword + (reason.vendor_code ? " " + reason.vendor_code : ""));
  }
  at("counts").replaceChildren();
  for (const [state, n] of Object.entries(station.jobs).filter(([, n]) => n > 0)) {
    const cell = add(at("counts"), "span", "");
    add(cell, "b", n);
    cell.append(" " + (language === "id" ? station.job_labels[state] : state.replaceAll("_", " ")));
  }
  at("jobs").replaceChildren();
  if (jobs.length === 0) add(at("jobs").insertRow(), "td", words.none);
  for (const job of jobs) {
    const row = at("jobs").insertRow();
    add(row, "td", job.ref);
    add(row, "td", job.product + (job.kind ? " " + job.kind : ""));
    add(row, "td", language === "id" ? job.state_label : job.state.replaceAll("_", " "));
    const why = add(row, "td", "");
    for (const reason of job.reasons) add(why, "div", reason.code + ": " + reason.message[language]);
    add(row, "td", new Date(job.changed_at).toLocaleString(language === "id" ? "id-ID" : "en-GB"));
  }
}

async function get(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(answer.status);
  return answer.json();
}

// One question at a time; what changes meanwhile is asked once more at the end.
async function refresh() {
  if (asking) { again = true; return; }
  asking = true;
  do {
    again = false;
    try {
      const [station, page, blanks] = await Promise.all(
        [get("/v1/station"), get("/v1/jobs?order=newest&limit=" + LATEST), get("/v1/blanks")]);
      show(station, page.jobs);
      showBlanks(blanks.days);
    } catch {
      at("state").textContent = WORDS[language].lost;
      at("state").className = "stopped";
    }
  } while (again);
  asking = false;
}

at("language").addEventListener("click", () => {
  language = language === "id" ? "en" : "id";
  localStorage.setItem("language", language);
  refresh();
});
const events = new EventSource("/v1/events");
for (const kind of ["job", "station", "reset", "error"]) events.addEventListener(kind, refresh);
refresh();
