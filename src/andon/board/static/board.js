// The board's script: keeps the living part fresh, the cord in reach, and is honest when it hears nothing.
"use strict";
(() => {
  const STALE_MS = 15000, CALM_MS = 700, POLL_MS = 1000;
  const $ = (selector, within = document) => within.querySelector(selector);
  const body = document.body, lang = document.documentElement.lang;
  const store = { get: (key) => { try { return localStorage.getItem(key); } catch { return null; } },
                  set: (key, value) => { try { localStorage.setItem(key, value); } catch { /* private mode */ } } };

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
    const heard = $("#heard"), silent = Date.now() - heardAt, old = $("#old"), isStale = silent > STALE_MS;
    heard.dataset.state = isStale ? "stale" : isOpen ? "live" : "connecting";
    const text = body.dataset.stale.replace("{ago}", ago(silent));
    if (isOpen && !isStale) set($("span", heard), body.dataset.live);
    else if (isStale) set($("span", heard), ago(silent));
    old.hidden = !isStale;
    if (isStale) set(old, text);
  }
  function listen() {
    if (source || !window.EventSource) return;
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
      if (source.readyState === EventSource.CLOSED) { source = null; setTimeout(listen, 2000); }
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

  // --- the living part -------------------------------------------------------------------------------
  let isWaiting = false, isBusy = false, isDirty = false, last = 0;
  function refresh() {
    if (isWaiting || isBusy) { isDirty = isBusy || isDirty; return; }
    isWaiting = true;
    setTimeout(load, Math.max(0, CALM_MS - (Date.now() - last)) + Math.random() * 200);
  }
  async function load() {
    isWaiting = false; isBusy = true; isDirty = false; last = Date.now();
    try {
      const answer = await fetch(location.pathname + "?fragment=true", { headers: { Accept: "text/html" } });
      if (answer.ok) {
        const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = parsed.getElementById("live");
        if (fresh) { morph($("#live"), fresh); tickTimes(); logs(); }
      }
    } catch { /* the line of "last heard" says so */ }
    isBusy = false;
    if (isDirty) refresh();
  }
  // Change `own` into `want` in place, so that focus, scroll, open details and selections stay.
  function morph(own, want) {
    for (const { name, value } of want.attributes) {
      if (name === "open" && own.nodeName === "DETAILS") continue;
      if (own.getAttribute(name) !== value) own.setAttribute(name, value);
    }
    for (const { name } of [...own.attributes]) {
      if (!want.hasAttribute(name) && !(name === "open" || name === "title")) own.removeAttribute(name);
    }
    if (own.hasAttribute("data-keep") || own.nodeName === "TIME") return;
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
      const answer = await fetch(details.dataset.log), said = await answer.json(), pre = $("pre", details);
      const text = answer.ok ? said.lines.join("\n") || body.dataset.logEmpty : said.detail;
      if (pre.textContent !== text) { pre.textContent = ""; append(pre, text); pre.scrollTop = pre.scrollHeight; }
    } catch { /* try again */ }
    details.read = Date.now(); details.busy = false;
  }
  async function follow(details) { // a stage's output, from where we were
    if (!details.open || details.busy || details.over || Date.now() - (details.read || 0) < POLL_MS) return;
    details.busy = true;
    try {
      const answer = await fetch(details.dataset.runLog + "?offset=" + (details.offset || 0));
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

  // --- acting ----------------------------------------------------------------------------------------
  function opened(dialog) {
    const actor = $("[name=actor]", dialog);
    // Pulling must not wait for a name; every other act asks for one.
    if (actor && !actor.value) actor.value = store.get("andon-actor") || (dialog === cord ? "board" : "");
    problem(dialog, "");
    if (!dialog.open) dialog.showModal();
  }
  function problem(dialog, text) { const at = $(".problem", dialog); if (at) { at.textContent = text; at.hidden = !text; } }
  async function send(dialog, url, method, values) {
    const actor = $("[name=actor]", dialog).value.trim(), buttons = dialog.querySelectorAll("button[type=submit]");
    if (actor !== "board") store.set("andon-actor", actor);
    buttons.forEach((each) => { each.disabled = true; });
    try {
      const answer = await fetch(url, { method, body: JSON.stringify(values), headers: {
        "Content-Type": "application/json", "X-Andon-Actor": encodeURIComponent(actor) } });
      if (answer.ok) { dialog.close(); refresh(); }
      else { const said = await answer.json(); problem(dialog, said.detail + (said.hint ? " (" + said.hint + ")" : "")); }
    } catch (error) { problem(dialog, body.dataset.failed + ": " + error.message); }
    buttons.forEach((each) => { each.disabled = false; });
  }
  const act = $("#act-dialog"), cord = $("#cord-dialog"), help = $("#help-dialog");
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.hasAttribute("data-close")) button.closest("dialog").close();
    else if (button.id === "cord") opened(cord);
    else if (button.id === "help") opened(help);
    else if (button.id === "theme") theme();
    else if (button.dataset.act) {
      $("#act-title").textContent = button.dataset.title;
      $("#act-say").textContent = button.dataset.say;
      const submit = $("button[type=submit]", act);
      submit.textContent = button.dataset.verb;
      submit.className = button.classList.contains("danger") ? "pull" : "main";
      $("[name=reason]", act).value = "";
      act.todo = { url: button.dataset.act, method: button.dataset.method || "POST", extra: JSON.parse(button.dataset.body || "{}") };
      opened(act);
    }
  });
  $("form", act).addEventListener("submit", (event) => {
    event.preventDefault();
    send(act, act.todo.url, act.todo.method, { ...act.todo.extra, reason: $("[name=reason]", act).value });
  });
  $("form", cord).addEventListener("submit", (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    send(cord, "/api/v1/cord", "POST", { environment: form.get("environment") || null, return: form.has("return"), reason: form.get("reason") });
  });

  // --- theme and keys --------------------------------------------------------------------------------
  function theme() {
    const root = document.documentElement, isDark = getComputedStyle(root).colorScheme === "dark";
    root.dataset.theme = isDark ? "light" : "dark";
    document.cookie = "andon_theme=" + root.dataset.theme + ";path=/;max-age=31536000;samesite=strict";
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || $("dialog[open]")) return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.nodeName)) return;
    const does = { "?": () => opened(help), f: () => { location.href = "/"; }, c: () => opened(cord), t: theme, l: () => $("#language").click() }[event.key];
    if (does) { event.preventDefault(); does(); }
  });

  tickTimes(); tickHeard(); logs(); listen();
  setInterval(() => { tickTimes(); tickHeard(); logs(); }, 1000);
})();
