// The pages' one script: keeps the living part fresh and is honest when it hears nothing; sends what a person
// asks for to the API and shows the API's own words; theme, keys, printing, signing in.
"use strict";
(() => {
  const STALE_MS = 15000, CALM_MS = 2000, LONGEST_PRESS_MS = 30000;
  const $ = (selector, within = document) => within.querySelector(selector);
  const body = document.body, root = document.documentElement, lang = root.lang, isSignedIn = body.hasAttribute("data-signed-in");
  function set(element, text) { if (element && element.textContent !== text) element.textContent = text; }
  function make(tag, attributes = {}, text = "") {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
    if (text) made.textContent = text;
    return made;
  }

  // --- time, in the reader's words -------------------------------------------------------------------
  const relative = new Intl.RelativeTimeFormat(lang, { numeric: "auto", style: "short" });
  function ago(ms) {
    const s = Math.max(0, ms / 1000);
    if (s < 60) return relative.format(-Math.round(s), "second");
    if (s < 3600) return relative.format(-Math.floor(s / 60), "minute");
    if (s < 86400) return relative.format(-Math.floor(s / 3600), "hour");
    return relative.format(-Math.floor(s / 86400), "day");
  }
  let skew = 0; // the server's clock minus ours, so that a wall screen with a wrong clock counts right
  function tickTimes() {
    const now = Date.now() + skew;
    for (const each of document.querySelectorAll("time[data-ago]")) set(each, ago(now - Date.parse(each.dateTime)));
  }

  // --- hearing ---------------------------------------------------------------------------------------
  let heardAt = Date.now(), source = null, isOpen = false, isOver = false;
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
    if (source || isOver || !isSignedIn) return;
    source = new EventSource("/events");
    const heard = (event) => {
      const said = JSON.parse(event.data);
      heardAt = Date.now(); isOpen = true; skew = Date.parse(said.at) - heardAt;
      if (event.type === "hello") hello(said);
      else if (event.type === "changed" && concerns(said.topics)) refresh();
      tickHeard();
    };
    for (const name of ["hello", "changed", "heartbeat"]) source.addEventListener(name, heard);
    source.onerror = () => {
      isOpen = false;
      if (source.readyState === EventSource.CLOSED) { source = null; setTimeout(() => { refresh(); listen(); }, 2000); }
      tickHeard();
    };
  }
  function hello(said) { // after a release switch another one answers: say which, and take its style and script
    set($("#release"), said.release);
    if (said.assets !== body.dataset.assets && !isBusyTyping()) { location.reload(); return; }
    refresh();
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
  function isBusyTyping() { return $("dialog[open] form") !== null; }
  // A sign-in is renewed by the page that meets its end first; a token that is used twice would end it.
  async function renew() {
    const at = Number(localStorage.getItem("mes-renewed") || 0);
    if (Date.now() - at < 20000) { await new Promise((done) => setTimeout(done, 1500)); return "perhaps"; }
    localStorage.setItem("mes-renewed", String(Date.now()));
    const answer = await fetch("/api/v1/auth/refresh", { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" });
    return answer.ok;
  }
  async function known(ask) { // what `ask` answers, and once more after the sign-in was renewed
    const answer = await ask();
    return answer.status === 401 && await renew() ? ask() : answer;
  }
  function signIn() { // back to here afterwards; what is being typed is not thrown away
    if (isOver || !isSignedIn) return;
    isOver = true;
    if (source) { source.close(); source = null; }
    if (!isBusyTyping()) { location.href = "/login?next=" + encodeURIComponent(location.pathname + location.search); return; }
    const old = $("#old"), link = make("a", { href: "/login?next=/", target: "_blank", rel: "noopener" }, body.dataset.signIn);
    old.replaceChildren(body.dataset.sessionOver + " ", link);
    old.hidden = false;
    addEventListener("focus", () => { isOver = false; old.hidden = true; heardAt = Date.now(); listen(); }, { once: true });
  }

  // --- the living part -------------------------------------------------------------------------------
  let isWaiting = false, isBusy = false, isDirty = false, last = 0, tag = "", turn = 0;
  function refresh() {
    if (isWaiting || isBusy) { isDirty = isBusy || isDirty; return; }
    isWaiting = true;
    setTimeout(load, Math.max(0, CALM_MS - (Date.now() - last)) + Math.random() * 300);
  }
  async function load(isOwn = false) {
    isWaiting = false;
    if (document.hidden) return; // it catches up with the stream's hello once it is seen
    const own = ++turn; // an answer that was asked for before another's is not shown after it
    isBusy = true; isDirty = false; last = Date.now();
    try {
      const asked = new URLSearchParams(location.search), headers = { Accept: "text/html", "If-None-Match": tag };
      asked.delete("lang"); asked.set("fragment", "true");
      if (isOwn === true) headers["X-Fresh"] = "1";
      const answer = await known(() => fetch(location.pathname + "?" + asked, { headers, cache: "no-store" }));
      if (answer.status === 401) signIn();
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
        while (press) await press.done;
        if (fresh && own === turn && !document.hidden) { tag = answer.headers.get("ETag") || ""; morph($("#live"), fresh); tickTimes(); }
      }
    } catch { /* the line of "last heard" says so */ }
    if (own !== turn) return;
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
    if (own.hasAttribute("data-keep")) return;
    for (const { name, value } of want.attributes) {
      if (name === "open" && own.nodeName === "DETAILS") continue;
      if (own.getAttribute(name) !== value) own.setAttribute(name, value);
    }
    for (const { name } of [...own.attributes]) if (!want.hasAttribute(name) && name !== "open") own.removeAttribute(name);
    if (own.hasAttribute("data-ago")) return;
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

  // --- one way to the API ----------------------------------------------------------------------------
  function key() { return [...crypto.getRandomValues(new Uint8Array(16))].map((each) => each.toString(16).padStart(2, "0")).join(""); }
  function words(said) { // the API's own sentence, in the page's language
    const text = lang === "ko" ? said.detail_ko || said.detail : said.detail;
    return text || body.dataset.failed;
  }
  async function request(task, values) {
    const headers = { Accept: "application/json" }, method = task.method || "POST", file = values && values.file;
    if (method !== "GET") headers["Idempotency-Key"] = task.key;
    if (task.etag) headers["If-Match"] = '"' + task.etag + '"'; // nobody overwrites what somebody else changed meanwhile
    let content;
    if (file instanceof File) { content = file; headers["Content-Type"] = task.content || "application/octet-stream"; }
    else if (values !== undefined && method !== "GET") { content = JSON.stringify(values); headers["Content-Type"] = "application/json"; }
    const ask = () => fetch(task.url, { method, headers, body: content });
    const answer = task.isEntry ? await ask() : await known(ask);
    if (task.save && answer.ok) { download(await answer.blob(), task.save); return { ok: true, status: answer.status, said: {} }; }
    const text = await answer.text();
    let said = {};
    try { said = text ? JSON.parse(text) : {}; } catch { said = { detail: text.slice(0, 200) }; }
    return { ok: answer.ok, status: answer.status, said };
  }
  function download(blob, name) { // what was made for a printer, as a file
    const link = make("a", { href: URL.createObjectURL(blob), download: name + (blob.type === "application/pdf" ? ".pdf" : ".zpl") });
    document.body.append(link); link.click(); link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }
  function problem(within, text) {
    const at = $(".problem", within);
    if (at) { at.textContent = text; at.hidden = !text; }
  }
  async function locked(within, work) { // no second click while the first is under way
    const buttons = [...within.querySelectorAll("button[type=submit]")];
    buttons.forEach((each) => { each.disabled = true; });
    try { return await work(); } catch (error) { problem(within, body.dataset.failed + " (" + error.message + ")"); return null; }
    finally { buttons.forEach((each) => { each.disabled = false; }); }
  }

  // --- the dialog of every action: its fields are written in the button ------------------------------
  const act = $("#act-dialog"), result = $("#result-dialog");
  function field(each) {
    const id = "f-" + each.name.replaceAll(".", "-"), row = make("div", { class: each.type === "checkbox" ? "check" : "field" });
    const common = { id, name: each.name, required: each.required, "data-type": each.type || "text" };
    if (each.hint) common["aria-describedby"] = id + "-hint";
    let input;
    if (each.type === "select") {
      input = make("select", common);
      for (const [value, label] of each.options) input.append(make("option", { value, selected: value === each.value }, label));
    } else if (each.type === "textarea" || each.type === "json") {
      input = make("textarea", { ...common, rows: each.rows || 3, maxlength: each.type === "json" ? null : each.most || 500, spellcheck: each.type === "json" ? "false" : null });
      input.value = each.value ?? "";
    } else {
      const type = { list: "text", instant: "datetime-local" }[each.type] || each.type || "text";
      input = make("input", { ...common, type, maxlength: type === "text" ? each.most || 200 : null, min: each.min, max: each.max, step: type === "number" ? each.step || "any" : type === "datetime-local" ? 1 : null,
        accept: each.accept, autocomplete: type === "password" ? each.autocomplete || "current-password" : "off", checked: type === "checkbox" && each.value === true, autocapitalize: "none", spellcheck: "false" });
      if (type !== "checkbox" && type !== "file") input.value = each.value ?? "";
    }
    input.defaulted = each.value ?? "";
    input.before = stateOf(input);
    const label = make("label", { for: id }, each.label);
    if (each.type === "checkbox") row.append(input, label); else row.append(label, input);
    if (each.hint) row.append(make("p", { id: id + "-hint", class: "hint" }, each.hint));
    return row;
  }
  const stateOf = (input) => input.type === "checkbox" ? String(input.checked) : input.value;
  function ask(task) {
    const submit = $("button[type=submit]", act), fields = $("#act-fields");
    act.task = task; task.key = key();
    $("#act-title").textContent = task.title;
    $("#act-say").textContent = task.say || "";
    submit.textContent = task.verb;
    submit.className = task.tone === "danger" ? "pull" : "main";
    fields.replaceChildren(...(task.fields || []).map(field));
    problem(act, "");
    act.showModal();
    (fields.querySelector("input, select, textarea") || submit).focus();
  }
  function valueOf(input) {
    const text = input.value.trim();
    switch (input.dataset.type) {
      case "checkbox": return input.checked;
      case "number": return text === "" ? null : Number(text);
      case "list": return text ? text.split(/[\s,]+/).filter(Boolean) : [];
      case "json": return text ? JSON.parse(text) : null;
      case "file": return input.files[0] || null;
      case "instant": return text ? text + (text.length === 16 ? ":00" : "") + body.dataset.offset : null;
      case "password": return input.value;
      default: return text;
    }
  }
  function valuesOf(form, task) { // what is empty is left out, unless it was there and is taken away
    const values = structuredClone(task.body || {});
    for (const input of form.querySelectorAll("[data-type]")) {
      if (task.onlyChanged && stateOf(input) === input.before) continue;
      const value = valueOf(input), path = input.name.split("."), name = path.pop();
      if (input.name === "*") return value;
      if ((value === "" || value === null) && !(task.method === "PATCH" && input.defaulted !== "")) continue;
      let at = values;
      for (const each of path) at = at[each] ??= {};
      at[name] = value === "" ? null : value;
    }
    return values;
  }
  async function perform(task) {
    let values, url = task.url;
    try { values = valuesOf($("form", act), task); } catch { problem(act, body.dataset.badJson); return; }
    for (const name of task.path || []) { url = url.replace("{" + name + "}", encodeURIComponent(values[name])); delete values[name]; }
    const sent = JSON.stringify(values);
    if (task.sent !== undefined && task.sent !== sent) task.key = key(); // other content is another question
    task.sent = sent;
    const { ok, status, said } = await request({ ...task, url }, values);
    if (ok) { act.close(); proceed(task, said.data || {}); return; }
    if (status === 401 && said.code !== "SIGN_IN_REFUSED") signIn();
    if (status < 500) task.key = key(); // a refusal is an answer too: the next try is a new question
    problem(act, words(said));
  }
  function planOf(steps, named) { // the lines of `andon-mes import`, in the page's words and with nothing cut
    if (!steps.length) return named.none;
    const signs = { add: "+", change: "~", deactivate: "-" }, fields = (each) => Object.entries(each.changes)
      .map(([name, [before, after]]) => "    " + name + ": " + JSON.stringify(before) + " → " + JSON.stringify(after));
    return steps.flatMap((each) => [`${signs[each.action]} ${named[each.kind] || each.kind} ${each.key}: ${named[each.action]}`, ...fields(each)]).join("\n");
  }
  function reveal(task, data) {
    const shown = data[task.show] ?? data, text = $("#result-text");
    $("#result-title").textContent = task.title; $("#result-say").textContent = task.plan && !shown.length ? "" : task.shown || "";
    text.value = task.plan ? planOf(shown, task.plan) : typeof shown === "string" ? shown : JSON.stringify(shown, null, 2);
    result.showModal(); text.focus();
    if (!task.plan) text.select(); // what is shown once is there to be copied
  }
  function proceed(task, data) {
    if (task.show) reveal(task, data);
    else if (task.goto) { location.href = task.goto.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(data[name] ?? "")); return; }
    say(task.done || "");
    load(true);
  }
  function say(text, isRefusal = false) { // a refusal is longer, and no finger reads a tooltip
    const at = $("#said");
    at.classList.toggle("why", isRefusal);
    at.textContent = text; at.hidden = !text;
    if (text) setTimeout(() => { if (at.textContent === text) at.hidden = true; }, isRefusal ? 12000 : 6000);
  }
  async function signOut() {
    if (source) { source.close(); source = null; isOpen = false; }
    isOver = true; // who signs out is not also led to signing in again: that would keep their page for the next
    const failed = { ok: false, said: {} }, { ok, status, said } = await request({ url: "/api/v1/auth/logout", key: key(), isEntry: true }, {}).catch(() => failed);
    if (ok || status === 401) { localStorage.removeItem("mes-signed-in"); location.href = "/login"; return; }
    isOver = false; listen();
    say(words(said), true); // nobody walks away from a session that goes on
  }
  async function login(form) {
    const values = {};
    for (const input of form.elements) if (input.name && !input.matches(":disabled")) values[input.name] = input.type === "password" ? input.value : input.value.trim();
    const fresh = $("#new-password");
    if (!fresh.disabled) {
      if (values.new_password !== values.again) { problem(form, form.dataset.differ); form.elements.again.focus(); return; }
      delete values.again;
    }
    const { ok, said } = await request({ url: "/api/v1/auth/login", key: key(), isEntry: true }, values);
    if (ok) { localStorage.setItem("mes-signed-in", "1"); location.replace(form.dataset.next); return; }
    if (said.code === "PASSWORD_CHANGE_REQUIRED" && fresh.disabled) { fresh.hidden = fresh.disabled = false; problem(form, ""); form.elements.new_password.focus(); return; }
    problem(form, words(said));
    if (fresh.disabled) { form.elements.password.value = ""; form.elements.password.focus(); }
  }
  async function comeBack(form) { // whose session is only too old need not type a password again
    if (!localStorage.getItem("mes-signed-in")) return;
    localStorage.removeItem("mes-signed-in");
    const renewed = await renew();
    if (renewed === true) localStorage.setItem("mes-signed-in", "1");
    if (renewed) location.replace(form.dataset.next);
  }
  if ($("#login")) comeBack($("#login"));
  if (act) $("form", act).addEventListener("submit", (event) => { event.preventDefault(); locked(act, () => perform(act.task)); });
  if (act) act.addEventListener("close", () => $("#act-fields").replaceChildren()); // no password stays in a closed dialog
  if (result) result.addEventListener("close", () => { $("#result-text").value = ""; });
  document.addEventListener("submit", (event) => {
    if (event.target.id === "login") { event.preventDefault(); locked(event.target, () => login(event.target)); }
  });
  document.addEventListener("change", (event) => { // a filter acts at once
    if (event.target.matches("form[data-at-once] select, form[data-at-once] input[type=date]")) event.target.form.requestSubmit();
  });

  // --- theme, keys, printing -------------------------------------------------------------------------
  function theme() {
    root.dataset.theme = getComputedStyle(root).colorScheme === "dark" ? "light" : "dark";
    document.cookie = "mes_theme=" + root.dataset.theme + ";path=/;max-age=31536000;samesite=strict" + (location.protocol === "https:" ? ";secure" : "");
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button"), person = $("#person");
    if (person && person.open && !person.contains(event.target)) person.open = false;
    if (!button) return;
    if (button.getAttribute("aria-disabled") === "true") { event.preventDefault(); say(button.title, true); return; }
    if (button.hasAttribute("data-task")) ask(JSON.parse(button.dataset.task));
    else if (button.hasAttribute("data-close")) button.closest("dialog").close();
    else if (button.hasAttribute("data-print")) print();
    else if (button.id === "theme") theme();
    else if (button.id === "help") $("#help-dialog").showModal();
    else if (button.id === "sign-out") signOut();
  });
  document.addEventListener("keydown", (event) => {
    const person = $("#person");
    if (event.key === "Escape" && person && person.open) { person.open = false; $("summary", person).focus(); }
    if (event.ctrlKey || event.metaKey || event.altKey || $("dialog[open]") || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.nodeName)) return;
    const does = { "?": () => $("#help-dialog").showModal(), "/": () => { const scan = $("#scan"); if (scan) { scan.focus(); scan.select(); } }, f: () => { location.href = "/"; }, t: theme, l: () => $("#language").click() }[event.key];
    if (does) { event.preventDefault(); does(); }
  });
  addEventListener("beforeprint", () => document.querySelectorAll("details.data:not([open])").forEach((each) => { each.open = true; each.dataset.opened = ""; }));
  addEventListener("afterprint", () => document.querySelectorAll("details[data-opened]").forEach((each) => { each.open = false; delete each.dataset.opened; }));

  tickTimes(); tickHeard(); listen();
  setInterval(() => { tickTimes(); tickHeard(); }, 1000);
  Early.release();
})();
