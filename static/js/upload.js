// <form data-upload="address">: its files go in pieces by tus 1.0, one file after the other; what has arrived survives a
// broken line, a closed browser and another device. Lines and words are templates of the page (_uploads.html).
import { scansOf } from "./disc.js";

const LARGEST = 8 * 1024 * 1024;
const SMALLEST = 256 * 1024;
const SILENCE = 60_000;
const LONGEST_WAIT = 30_000;
// So long a page that stays open asks what became of its files.
const LONGEST_CHECK = 3_600_000;
const LONGEST_PAUSE = 10_000;
const VERSION = { "Tus-Resumable": "1.0.0" };
const PIECE = { "Content-Type": "application/offset+octet-stream" };
const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte"];

const form = document.querySelector("form[data-upload]");
const input = form.querySelector("input[type=file]");
const section = document.querySelector("[data-upload-section]");
const list = section.querySelector("[data-upload-list]");
const status = document.querySelector("[data-upload-status]");
const quiet = document.querySelector("[data-upload-quiet]");
const blank = document.querySelector("template[data-upload-line]").content.firstElementChild;
const said = document.querySelector("template[data-upload-words]").content;
const token = form.elements.csrfmiddlewaretoken.value;
const queue = [];
let isWorking = false;
let leaveBy;

const wait = (time) => new Promise((done) => setTimeout(done, time));
const words = (name, values = {}) =>
  said.querySelector(`[data-word=${name}]`).textContent.replace(/{(\w+)}/g, (whole, key) => values[key] ?? whole);

function readable(bytes) {
  const step = Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const digits = step > 1 ? 1 : 0;
  const options = { style: "unit", unit: UNITS[step], minimumFractionDigits: digits, maximumFractionDigits: digits };
  return new Intl.NumberFormat(`${document.documentElement.lang}-u-nu-latn`, options).format(bytes / 1024 ** step);
}

// By its size, beginning and end the same file is known again; the whole would take minutes to read.
async function fingerprintOf(file) {
  if (!crypto.subtle) return "";
  const ends = new Blob([String(file.size), file.slice(0, 1024 * 1024), file.slice(-1024 * 1024)]);
  const digest = await crypto.subtle.digest("SHA-256", await ends.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

const encoded = (values) =>
  Object.entries(values)
    .filter(([, value]) => value)
    .map(([name, value]) => `${name} ${btoa(String.fromCharCode(...new TextEncoder().encode(value)))}`)
    .join(",");

class Upload {
  constructor(file, about) {
    this.file = file;
    this.about = { ...about, filename: file.name, key: crypto.randomUUID?.() };
    this.offset = 0;
    this.piece = LARGEST;
    this.show(blank.cloneNode(true));
    list.append(this.line);
    this.say("waits");
  }

  show(line) {
    this.line = line;
    for (const place of line.querySelectorAll("[data-upload-name]")) place.textContent = this.file.name;
    this.progress = line.querySelector("progress");
    this.progress.setAttribute("aria-label", this.progress.getAttribute("aria-label").replace("{name}", this.file.name));
    this.pause = line.querySelector("[data-upload-pause]");
    this.go = line.querySelector("[data-upload-go]");
    this.pause.onclick = () => this.stop("paused");
    this.go.onclick = () => this.later();
    line.upload = this;
  }

  say(name, sentence = "") {
    this.state = name;
    const values = { part: readable(this.offset), total: readable(this.file.size) };
    this.line.querySelector("[data-upload-text]").textContent = sentence || words(name, values);
    this.progress.value = (100 * this.offset) / this.file.size;
    const isStopped = name === "paused" || name === "failed";
    const focused = document.activeElement;
    this.pause.hidden = !["waits", "sending", "broken"].includes(name);
    this.go.hidden = !isStopped;
    if (this.line.contains(focused) && focused.hidden) (isStopped ? this.go : this.pause).focus();
    const place = { done: status, failed: quiet, broken: quiet, paused: quiet }[name];
    // The name keeps its own direction.
    if (place) place.textContent = `\u2068${this.file.name}\u2069: ${sentence || words(name, values)}`;
  }

  later() {
    this.say("waits");
    queue.push(this);
    work();
  }

  stop(name, sentence) {
    this.say(name, sentence);
    this.request?.abort();
  }

  get isStopped() {
    return !["sending", "broken"].includes(this.state);
  }

  async run() {
    this.isKnown = false;
    this.say("sending");
    let pause = 1000;
    while (!this.isStopped) {
      const before = this.offset;
      try {
        this.url ??= await this.begin();
        if (!this.isStopped && !this.isKnown) await this.look();
        while (!this.isStopped && this.offset < this.file.size) await this.sendPiece();
        if (this.isStopped) return;
        this.line.querySelector("form")?.remove();
        return this.say("done");
      } catch (error) {
        if (this.isStopped) return;
        if (error.sentence !== undefined) return this.stop("failed", error.sentence);
        // The line broke: less at once, and after a while.
        this.isKnown = false;
        this.piece = Math.max(SMALLEST, this.piece / 2);
        this.say("broken");
        if (this.offset > before) pause = 1000;
        await Promise.race([wait(pause), new Promise((done) => addEventListener("online", done, { once: true }))]);
        pause = Math.min(LONGEST_WAIT, pause * 2);
      }
    }
  }

  // Go on with what this file left here before, or begin.
  async begin() {
    this.about.fingerprint = await fingerprintOf(this.file);
    const size = String(this.file.size);
    const known = [...list.querySelectorAll("[data-upload-url]")].find(
      ({ dataset, upload }) =>
        !upload && dataset.uploadSize === size && dataset.uploadFingerprint === this.about.fingerprint && this.about.fingerprint,
    );
    if (known) {
      this.line.replaceWith(known);
      this.line.remove();
      this.show(known);
      return known.dataset.uploadUrl;
    }
    const headers = { "Upload-Length": size, "Upload-Metadata": encoded(this.about) };
    const answer = await this.ask("POST", form.dataset.upload, headers);
    const url = answer.getResponseHeader("Location");
    const remove = this.line.querySelector("form");
    this.line.dataset.uploadUrl = url;
    if (remove) remove.action = `${url}remove/`;
    return url;
  }

  async look() {
    try {
      const answer = await this.ask("HEAD", this.url);
      this.stands(answer);
    } catch (error) {
      if (error.status !== 404) throw error;
      // Removed or forgotten meanwhile: from the beginning.
      delete this.line.dataset.uploadUrl;
      this.about.key = crypto.randomUUID?.();
      this.offset = 0;
      this.url = await this.begin();
      this.isKnown = true;
    }
  }

  stands(answer) {
    this.offset = Number(answer.getResponseHeader("Upload-Offset"));
    this.isKnown = true;
    this.say(this.isStopped ? this.state : "sending");
  }

  async sendPiece() {
    const start = this.offset;
    const piece = this.file.slice(start, start + this.piece);
    const headers = { ...PIECE, "Upload-Offset": String(start) };
    const answer = await this.ask("PATCH", this.url, headers, piece, (sent) => {
      if (this.isStopped) return;
      this.offset = start + Math.min(sent, piece.size);
      this.say("sending");
    });
    this.stands(answer);
    this.piece = Math.min(LARGEST, this.piece * 2);
  }

  // Resolves to a finished request; an answer nobody can mend by waiting is an error with a sentence.
  ask(method, url, headers = {}, body = null, onProgress = () => {}) {
    return new Promise((done, fail) => {
      const request = (this.request = new XMLHttpRequest());
      let silence;
      const listen = () => {
        clearTimeout(silence);
        silence = setTimeout(() => request.abort(), SILENCE);
      };
      request.open(method, url);
      for (const [name, value] of Object.entries({ ...VERSION, ...headers, "X-CSRFToken": token })) {
        request.setRequestHeader(name, value);
      }
      request.upload.onprogress = ({ loaded }) => {
        listen();
        onProgress(loaded);
      };
      request.onloadend = () => {
        clearTimeout(silence);
        const { status: code } = request;
        if ((code >= 200 && code < 300) || (code === 409 && request.getResponseHeader("Upload-Offset"))) return done(request);
        const isPlain = (request.getResponseHeader("Content-Type") ?? "").startsWith("text/plain");
        const isFinal = code >= 400 && code < 500 && code !== 429;
        const error = new Error(`${method} ${code}`);
        error.status = code;
        if (isFinal && method !== "HEAD") error.sentence = isPlain ? request.responseText : "";
        if (isFinal && method === "HEAD" && code !== 404) error.sentence = "";
        fail(error);
      };
      listen();
      request.send(body);
    });
  }
}

async function work() {
  if (isWorking) return;
  isWorking = true;
  for (let next = queue.shift(); next; next = queue.shift()) {
    if (next.state === "waits") await next.run();
    if (next.state === "done") renew();
  }
  isWorking = false;
  const isAllThere = ![...list.children].some(({ upload }) => upload && upload.state !== "done");
  if (leaveBy && isAllThere) {
    const button = leaveBy;
    leaveBy = undefined;
    form.requestSubmit(button);
  }
}

// What the server says by now: the papers that are kept, the checklist, what is still being checked. A large study takes minutes.
let renewal = 0;
async function renew() {
  const mine = ++renewal;
  const end = Date.now() + LONGEST_CHECK;
  for (let pause = 1000; Date.now() < end; pause = Math.min(LONGEST_PAUSE, pause * 2)) {
    await wait(pause);
    if (mine !== renewal) return;
    let fresh;
    try {
      const answer = await fetch(location.href);
      if (!answer.ok || answer.redirected) return;
      fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    } catch {
      continue;
    }
    // Asked before what is new moves over into this page.
    let isMoreToCome = fresh.querySelector("[data-waiting]") !== null;
    for (const part of document.querySelectorAll("[data-renewed]")) {
      const next = fresh.querySelector(`[data-renewed="${part.dataset.renewed}"]`);
      // Nothing is taken from under a reader's hands: it changes when she has gone on.
      if (part.contains(document.activeElement)) isMoreToCome = true;
      else if (next) part.replaceChildren(...next.childNodes);
    }
    for (const line of [...list.children]) {
      const url = line.dataset.uploadUrl;
      if (line.upload?.state === "done" && !fresh.querySelector(`[data-upload-url="${url}"]`)) line.remove();
    }
    section.hidden = !list.children.length;
    if (!isMoreToCome) return;
  }
}

function saidAbout() {
  const names = ["kind", "issued_on", "language", "requirement"];
  return Object.fromEntries(names.map((name) => [name, form.elements[name]?.value]));
}

function send(files, about) {
  for (const file of files) queue.push(new Upload(file, about));
  section.hidden = false;
}

form.addEventListener("submit", (event) => {
  const files = [...input.files];
  if (!files.length) return;
  event.preventDefault();
  send(files, saidAbout());
  input.value = "";
  leaveBy = event.submitter?.matches("[data-upload-stay]") ? undefined : event.submitter;
  work();
});

// A CD is chosen as a whole: its scans go as one file, as soon as they are packed.
const disc = form.querySelector("[data-upload-folder]");
const folder = disc?.querySelector("input");
if (folder && "webkitdirectory" in folder) {
  const told = disc.querySelector("[data-upload-folder-words]");
  disc.hidden = false;
  folder.addEventListener("change", async () => {
    if (!folder.files.length) return;
    told.textContent = told.dataset.packs;
    folder.disabled = true;
    try {
      const packed = await scansOf(folder.files);
      told.textContent = packed ? "" : told.dataset.none;
      if (packed) send([packed], { ...saidAbout(), kind: "imaging" });
    } catch {
      told.textContent = told.dataset.fails;
    }
    folder.disabled = false;
    folder.value = "";
    leaveBy = undefined;
    work();
  });
}

list.addEventListener("submit", async (event) => {
  event.preventDefault();
  const line = event.target.closest("li");
  line.upload?.stop("removed", " ");
  const url = line.dataset.uploadUrl;
  if (url) await fetch(url, { method: "DELETE", headers: { ...VERSION, "X-CSRFToken": token } }).catch(() => {});
  line.remove();
  section.hidden = !list.children.length;
  input.focus();
});

window.addEventListener("beforeunload", (event) => {
  if (isWorking) event.preventDefault();
});

input.multiple = true;
section.querySelector("[data-upload-hint]")?.removeAttribute("hidden");
if (document.querySelector("[data-waiting]")) renew();
