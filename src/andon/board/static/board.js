// Keeps the living part fresh, and is honest when it hears nothing. `acting.js` sends, `forms.js` fills in.
"use strict";
const Andon = (() => {
  const STALE_MS = 15000, CALM_MS = 700, POLL_MS = 1000, LONGEST_PRESS_MS = 30000;
  const UNATTENDED = { "X-Andon-Unattended": "1" }; // what nobody asked for must not keep a session alive
  const $ = (selector, within = document) => within.querySelector(selector);
  const body = document.body, lang = document.documentElement.lang, isSignedIn = body.hasAttribute("data-signed-in");

  // --- time, in the reader's words -------------------------------------------------------------------
  const relative = new Intl.RelativeTimeFormat(lang, { numeric: "auto", style: "short" });
  const absolute = new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "medium" });
  function ago(ms) {
    const s = Math.max(0, ms / 1000);
    if (s < 60) return relative.format(-Math.round(s), "second");
    if (s < 3600) return relative.format(-Math.floor(s / 60), "minute");
    if (s < 86400) return relative.format(-Math.floor(s / 3600), "hour");
    return relative.format(-Math.floor(s / 86400), "day");
  }
  function countdown(ms) {
    const s = Math.max(0, Math.ceil(ms / 1000)), two = (n) => String(n).padStart(2, "0");
    const h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
    if (h >= 48) return relative.format(Math.floor(h / 24), "day");
    return (h ? h + ":" + two(m) : m) + ":" + two(s % 60);
  }
  let skew = 0; // the server's clock minus ours, so that a wall screen with a wrong clock counts right
  function set(element, text) { if (element.textContent !== text) element.textContent = text; }
  function tickTimes() {
    const now = Date.now() + skew;
    for (const each of document.querySelectorAll("time[datetime]")) {
      const at = Date.parse(each.dateTime);
      if (each.hasAttribute("data-ago")) { set(each, ago(now - at)); if (!each.title) each.title = absolute.format(at); }
      else if (each.hasAttribute("data-until")) set(each, countdown(at - now));
    }
  }

  // --- hearing ---------------------------------------------------------------------------------------
  let heardAt = Date.now(), source = null, isOpen = false;
  function tickHeard() {
    if (!isSignedIn || isOver) return;
    const heard = $("#heard"), silent = Date.now() - heardAt, old = $("#old"), isStale = silent > STALE_MS;
    heard.dataset.state = isStale ? "stale" : isOpen ? "live" : "connecting";
    const text = body.dataset.stale.replace("{ago}", ago(silent));
    if (isOpen && !isStale) set($("span", heard), body.dataset.live);
    else if (isStale) set($("span", heard), ago(silent));
    old.hidden = !isStale;
    if (isStale) set(old, text);
  }
  function listen() {
    if (source || isOver || !isSignedIn || !window.EventSource) return;
    source = new EventSource("/api/v1/events");
    const heard = (event) => {
      const said = JSON.parse(event.data);
      heardAt = Date.now(); isOpen = true; skew = Date.parse(said.at) - heardAt;
      if (event.type === "hello") refresh();
      else if (event.type === "changed" && concerns(said.topics)) refresh();
      tickHeard();
    };
    for (const name of ["hello", "changed", "heartbeat"]) source.addEventListener(name, heard);
    source.onerror = () => {
      isOpen = false;
      if (source.readyState === EventSource.CLOSED) { source = null; check(); setTimeout(listen, 2000); }
      tickHeard();
    };
  }
  function concerns(topics) {
    const own = new Set(($("#live").dataset.topics || "").split(" "));
    return topics.some((each) => own.has(each));
  }
  // A hidden page needs no stream; browsers allow few per host, and a wall screen must get one.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { if (source) { source.close(); source = null; isOpen = false; } }
    else { heardAt = Date.now(); listen(); }
  });

  // --- the end of a session --------------------------------------------------------------------------
  let isOver = false;
  async function check() { // a stream that is refused may mean that nobody is signed in any more
    try { if ((await fetch("/api/v1/me", { headers: UNATTENDED })).status === 401) signIn(); } catch { /* silence is said elsewhere */ }
  }
  function leaving(isLeaving) { // whoever signs out is not also led to signing in again: that would keep their page for the next
    isOver = isLeaving;
    if (!isLeaving) listen();
    else if (source) { source.close(); source = null; isOpen = false; }
  }
  function isBusyTyping() {
    return document.querySelector("form[data-dirty]") !== null || document.querySelector("dialog[open] form") !== null;
  }
  function signIn() { // back to here afterwards; what is being typed is not thrown away
    if (isOver || !isSignedIn) return;
    isOver = true;
    if (source) { source.close(); source = null; }
    const address = "/login?next=" + encodeURIComponent(location.pathname + location.search);
    if (!isBusyTyping()) { location.href = address; return; }
    const old = $("#old"), link = document.createElement("a");
    link.href = "/login?next=/me"; link.target = "_blank"; link.rel = "noopener"; link.textContent = body.dataset.signIn;
    old.replaceChildren(body.dataset.sessionOver + " ", link);
    old.hidden = false;
    $("#heard").dataset.state = "stale";
    addEventListener("focus", comeBack);
  }
  async function comeBack() { // signed in again elsewhere: take up the new session's proof, keep the form
    try {
      const answer = await fetch(location.pathname + location.search, { headers: { Accept: "text/html" } });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const proof = $("meta[name=andon-csrf]", fresh);
      if (answer.redirected || !proof || !fresh.body.hasAttribute("data-signed-in")) return;
      $("meta[name=andon-csrf]").content = proof.content;
      removeEventListener("focus", comeBack);
      isOver = false; $("#old").hidden = true; heardAt = Date.now(); listen();
    } catch { /* still away */ }
  }

  // --- the living part -------------------------------------------------------------------------------
  let isWaiting = false, isBusy = false, isDirty = false, last = 0;
  function refresh() {
    if (isWaiting || isBusy) { isDirty = isBusy || isDirty; return; }
    isWaiting = true;
    setTimeout(load, Math.max(0, CALM_MS - (Date.now() - last)) + Math.random() * 200);
  }
  async function load() {
    isWaiting = false;
    if (document.hidden) return; // it catches up with the stream's hello once it is seen
    isBusy = true; isDirty = false; last = Date.now();
    try {
      const asked = new URLSearchParams(location.search);
      asked.delete("lang"); asked.set("fragment", "true");
      const answer = await fetch(location.pathname + "?" + asked, { headers: { Accept: "text/html", ...UNATTENDED } });
      if (answer.status === 401) signIn();
      if (answer.ok) {
        const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = parsed.getElementById("live");
        while (press) await press.done;
        if (fresh && !document.hidden) { morph($("#live"), fresh); tickTimes(); logs(); }
      }
    } catch { /* the line of "last heard" says so */ }
    isBusy = false;
    if (isDirty) refresh();
  }
  // What is pressed is not taken from under the finger: a button that moves between down and up gets no click.
  let press = null;
  function down(event) {
    if (press || event.button > 0 || (event.type === "keydown" && event.key !== " ")) return;
    const begun = { end: null };
    begun.done = new Promise((done) => { begun.end = () => { if (press === begun) press = null; done(); }; });
    press = begun;
    setTimeout(begun.end, LONGEST_PRESS_MS);
  }
  function up(event) { if (press && (event.type !== "blur" || event.target === window)) setTimeout(press.end); } // after the click
  for (const name of ["pointerdown", "keydown"]) addEventListener(name, down, true);
  for (const name of ["pointerup", "pointercancel", "keyup", "blur"]) addEventListener(name, up, true);

  // Change `own` into `want` in place, so that focus, scroll, open details and selections stay.
  function morph(own, want) {
    if (own.hasAttribute("data-keep") || own.hasAttribute("data-dirty")) return;
    for (const { name, value } of want.attributes) {
      if (name === "open" && own.nodeName === "DETAILS") continue;
      if (own.getAttribute(name) !== value) own.setAttribute(name, value);
    }
    for (const { name } of [...own.attributes]) {
      if (!want.hasAttribute(name) && !(name === "open" || name === "title" || name === "data-dirty")) own.removeAttribute(name);
    }
    if (own.nodeName === "TIME") return;
    let at = own.firstChild;
    for (const next of [...want.childNodes]) {
      let match = null;
      if (next.id) { for (let each = at; each; each = each.nextSibling) if (each.id === next.id) { match = each; break; } }
      else if (at && !at.id && at.nodeType === next.nodeType && at.nodeName === next.nodeName) match = at;
      if (!match) { own.insertBefore(document.importNode(next, true), at); continue; }
      if (match !== at) own.insertBefore(match, at); else at = at.nextSibling;
      if (next.nodeType === Node.TEXT_NODE) { if (match.data !== next.data) match.data = next.data; }
      else if (next.nodeType === Node.ELEMENT_NODE) morph(match, next);
    }
    while (at) { const gone = at; at = at.nextSibling; gone.remove(); }
  }

  // --- logs ------------------------------------------------------------------------------------------
  function append(pre, text) {
    const isAtEnd = pre.scrollHeight - pre.scrollTop - pre.clientHeight < 30;
    pre.append(text);
    if (isAtEnd) pre.scrollTop = pre.scrollHeight;
  }
  async function tail(details) { // an instance's last lines, once a second while open
    if (!details.open || details.busy || Date.now() - (details.read || 0) < POLL_MS) return;
    details.busy = true;
    try {
      const answer = await fetch(details.dataset.log, { headers: UNATTENDED }), said = await answer.json(), pre = $("pre", details);
      const text = answer.ok ? said.lines.join("\n") || body.dataset.logEmpty : said.detail;
      if (pre.textContent !== text) { pre.textContent = ""; append(pre, text); pre.scrollTop = pre.scrollHeight; }
    } catch { /* try again */ }
    details.read = Date.now(); details.busy = false;
  }
  async function follow(details) { // a stage's output, from where we were
    if (!details.open || details.busy || details.over || Date.now() - (details.read || 0) < POLL_MS) return;
    details.busy = true;
    try {
      const answer = await fetch(details.dataset.runLog + "?offset=" + (details.offset || 0), { headers: UNATTENDED });
      const said = await answer.json(), pre = $("pre", details);
      if (answer.ok) {
        if (said.text) { if (!details.offset) pre.textContent = ""; append(pre, said.text); }
        else if (!details.offset) set(pre, body.dataset.logEmpty);
        details.offset = said.next_offset;
        details.over = said.is_over && !said.text;
      }
    } catch { /* try again */ }
    details.read = Date.now(); details.busy = false;
  }
  function logs() {
    document.querySelectorAll("details[data-log][open]").forEach(tail);
    document.querySelectorAll("details[data-run-log][open]").forEach(follow);
  }
  document.addEventListener("toggle", logs, true);

  // --- theme and keys --------------------------------------------------------------------------------
  function theme() {
    const root = document.documentElement, isDark = getComputedStyle(root).colorScheme === "dark";
    root.dataset.theme = isDark ? "light" : "dark";
    document.cookie = "andon_theme=" + root.dataset.theme + ";path=/;max-age=31536000;samesite=strict" + (location.protocol === "https:" ? ";secure" : "");
  }
  function open(dialog) { if (dialog && !dialog.open) dialog.showModal(); }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button"), person = $("#person");
    if (person && person.open && !person.contains(event.target)) person.open = false;
    if (!button) return;
    if (button.hasAttribute("data-close")) button.closest("dialog").close();
    else if (button.id === "help") open($("#help-dialog"));
    else if (button.id === "theme") theme();
    else if (button.hasAttribute("data-print")) print();
  });
  document.addEventListener("keydown", (event) => {
    const person = $("#person");
    if (event.key === "Escape" && person && person.open) { person.open = false; $("summary", person).focus(); }
    if (event.ctrlKey || event.metaKey || event.altKey || $("dialog[open]")) return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.nodeName)) return;
    const does = { "?": () => open($("#help-dialog")), f: () => { location.href = "/"; }, c: () => { const cord = $("#cord"); if (cord) cord.click(); }, t: theme, l: () => $("#language").click() }[event.key];
    if (does) { event.preventDefault(); does(); }
  });

  // A page that is printed shows every record's details.
  addEventListener("beforeprint", () => {
    document.querySelectorAll(".audit details:not([open])").forEach((each) => { each.open = true; each.dataset.opened = ""; });
  });
  addEventListener("afterprint", () => {
    document.querySelectorAll("details[data-opened]").forEach((each) => { each.open = false; delete each.dataset.opened; });
  });

  tickTimes(); tickHeard(); logs(); listen();
  setInterval(() => { tickTimes(); tickHeard(); logs(); }, 1000);
  return { $, refresh, signIn, leaving, open };
})();
