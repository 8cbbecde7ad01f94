// Forms of the board: signing in, accounts, grants, policies; and verifying the timeline.
"use strict";
(() => {
  const { $, request, words, problem, locked, proceed, ask, signIn } = Andon;

  // --- from fields to JSON ---------------------------------------------------------------------------
  const split = (text, by) => text.split(by).map((each) => each.trim()).filter(Boolean);
  function valueOf(field) { // an empty number is left out
    const has = (name) => field.hasAttribute("data-" + name), text = field.value;
    if (has("bool")) return field.checked;
    if (has("number")) return text === "" ? undefined : Number(text);
    if (has("json")) return JSON.parse(text);
    return has("words") ? split(text, /[\s,]+/) : has("lines") ? split(text, "\n") : text;
  }
  function put(values, name, value) { // `calendar.zone` is within `calendar`
    const [first, rest] = name.split(/\.(.*)/);
    if (rest) put(values[first] ??= {}, rest, value); else values[first] = value;
  }
  function valuesOf(form) {
    const values = {}, renamed = Object.fromEntries((form.dataset.rename || "").split(" ").filter(Boolean).map((each) => each.split(":")));
    for (const field of form.elements) {
      if (!field.name || field.disabled || field.name === "again" || field.hasAttribute("data-path")) continue;
      put(values, renamed[field.name] || field.name, valueOf(field));
    }
    for (const part of form.querySelectorAll("[data-grants]")) {
      values[part.dataset.grants] = [...part.querySelectorAll("li")].map((row) =>
        Object.fromEntries([...row.querySelectorAll("[data-part]")].map((each) => [each.dataset.part, each.value.trim()])));
    }
    for (const part of form.querySelectorAll("[data-list]")) values[part.dataset.list] = [...part.querySelectorAll("input:checked")].map((each) => each.value);
    for (const part of form.querySelectorAll("[data-map]")) {
      const chosen = [...part.querySelectorAll("[data-key]")].filter((each) => each.value);
      values[part.dataset.map] = Object.fromEntries(chosen.map((each) => [each.dataset.key, each.value]));
    }
    return values;
  }
  const filled = (form, text, said) => text.replace(/\{(\w+)\}/g, (_, name) => said(form.elements[name]));
  const encoded = ({ value, dataset: { path } }) => (path ? value.split(path) : [value]).map(encodeURIComponent).join(path); // data-path="/": of parts
  const addressOf = (form) => filled(form, form.dataset.api, encoded);
  const labelOf = (field) => (field.selectedOptions ? field.selectedOptions[0].textContent.trim() : field.value);
  function over(form) { // sent: empty again, and refreshed like everything else
    delete form.dataset.dirty;
    if (!form.hasAttribute("data-reload")) form.reset();
    const details = form.closest("details");
    if (details) details.open = false;
    form.querySelectorAll(".hint[role=status]").forEach((each) => { each.textContent = ""; });
    const done = $(".success", form);
    if (done && form.dataset.done) { done.textContent = form.dataset.done; done.hidden = false; }
  }
  async function send(form) {
    const task = { url: addressOf(form), method: form.dataset.method || "POST", values: valuesOf(form), once: form.dataset.once,
                   goto: form.dataset.goto, title: form.dataset.title, verb: $("button[type=submit]", form).textContent };
    task.about = (form.dataset.onceFor || "").replace("{login}", task.values.login || "");
    task.command = (form.dataset.command || "").replace("{origin}", location.origin);
    task.done = () => over(form);
    const again = form.elements.again;
    if (again && again.value !== form.elements.new_password.value) { problem(form, again.dataset.differ); again.focus(); return; }
    if (form.dataset.ask) { // what it will do, and a reason, before anything is sent
      problem(form, "");
      ask({ ...task, say: filled(form, form.dataset.ask, labelOf), needsReason: true, tone: form.dataset.tone });
      return;
    }
    const { ok, status, said } = await request(task.url, task.method, task.values);
    if (ok) { problem(form, ""); proceed(task, said); }
    else if (status === 401) { signIn(); problem(form, words(said)); }
    else if (said.code === "signature-required") { problem(form, ""); task.needsReason = false; ask({ ...task, sign: { document: documentOf(task.values), ...said.needs } }); }
    else { problem(form, words(said)); if (form.hasAttribute("data-secret")) form.elements.old.focus(); }
  }
  function documentOf(values) { const { reason, ...rest } = values; return { ...rest, reason }; }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.id === "login") { event.preventDefault(); locked(form, () => login(form)); }
    else if (form.dataset.api) { event.preventDefault(); locked(form, () => send(form)); }
  });
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form");
    if (form && form.closest("#live")) form.dataset.dirty = "";
    if (form && form.hasAttribute("data-preview")) preview(form);
    if (event.target.name === "new_password" || event.target.name === "again") strength(event.target.form);
    if (event.target.hasAttribute("data-reveal")) reveal(event.target);
  });

  // --- a plan: what it comes to, while one types ------------------------------------------------------
  let previewing = 0;
  function preview(form) {
    clearTimeout(previewing);
    previewing = setTimeout(() => {
      const asked = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
      history.replaceState(null, "", location.pathname + "?" + asked);
      Andon.refresh();
    }, 300);
  }

  // --- passwords -------------------------------------------------------------------------------------
  function strength(form) { // words, while one types; the server decides
    const field = form.elements.new_password, again = form.elements.again, text = field.value, length = [...text].length;
    const hint = $(".strength", form), match = $(".match", form), least = Number(field.minLength), kinds = new Set(text).size;
    hint.textContent = !length ? "" : length < least ? field.dataset.short.replace("{n}", least - length)
      : kinds < 6 ? field.dataset.plain : length < least + 6 ? field.dataset.fair : field.dataset.strong;
    hint.dataset.tone = !length || length < least || kinds < 6 ? "bad" : length < least + 6 ? "open" : "good";
    match.textContent = !again.value ? "" : again.value === text ? again.dataset.match : again.dataset.differ;
    match.dataset.tone = again.value === text ? "good" : "bad";
  }
  function reveal(box) {
    for (const each of box.form.querySelectorAll("[autocomplete$=password]")) each.type = box.checked ? "text" : "password";
  }

  // --- signing in ------------------------------------------------------------------------------------
  function refusal(form, said, status, wait) {
    if (said.code === "locked-out") {
      const seconds = (said.needs || {}).retry_after_s || wait;
      if (!seconds || seconds > 86400) return form.dataset.lockedSoon;
      return form.dataset.lockedOut.replace("{time}", new Date(Date.now() + seconds * 1000).toLocaleTimeString(document.documentElement.lang));
    }
    if (status === 429) return form.dataset.busy;
    const known = (said.code || "").replace(/-(\w)/g, (_, letter) => letter.toUpperCase());
    return form.dataset[known] || words(said);
  }
  async function login(form) {
    const fresh = $("#new-password"), values = { login: form.elements.login.value.trim(), password: form.elements.password.value };
    if (!fresh.disabled) {
      if (form.elements.again.value !== form.elements.new_password.value) { problem(form, form.elements.again.dataset.differ); form.elements.again.focus(); return; }
      values.new_password = form.elements.new_password.value;
    }
    problem(form, "");
    const { ok, status, said, wait } = await request("/api/v1/login", "POST", values);
    if (ok) { location.replace(form.dataset.next); return; }
    if (said.code === "password-change-required" && fresh.disabled) {
      fresh.hidden = fresh.disabled = false;
      $("button[type=submit]", form).textContent = form.dataset.verbChange;
      form.elements.new_password.focus();
      return;
    }
    problem(form, refusal(form, said, status, wait));
    const field = fresh.disabled || said.code === "bad-credentials" ? form.elements.password : form.elements.new_password;
    if (field === form.elements.password) field.value = "";
    field.focus();
  }
  const form = $("#login");
  if (form) $("button[type=submit]", form).disabled = false;

  // --- grants, copying -------------------------------------------------------------------------------
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.hasAttribute("data-add-grant")) {
      const part = button.closest("[data-grants]");
      $("ul", part).append($("template", part).content.cloneNode(true));
      $("ul", part).lastElementChild.querySelector("select").focus();
      part.closest("form").dataset.dirty = "";
    } else if (button.hasAttribute("data-remove-grant")) {
      const part = button.closest("[data-grants]");
      part.closest("form").dataset.dirty = "";
      button.closest("li").remove();
      $("[data-add-grant]", part).focus();
    } else if (button.dataset.copy) {
      const field = $(button.dataset.copy), label = button.textContent;
      field.select();
      try { await navigator.clipboard.writeText(field.value); } catch { document.execCommand("copy"); } // no clipboard without TLS
      button.textContent = button.dataset.copied;
      setTimeout(() => { button.textContent = label; }, 2000);
    } else if (button.id === "verify-now") locked($("#verify"), () => verify(button));
  });

  // --- the proof of the timeline ---------------------------------------------------------------------
  async function verify(button) {
    const panel = $("#verify"), result = $("#verify-result"), said_ = panel.dataset;
    button.disabled = true;
    result.dataset.tone = ""; result.textContent = said_.running;
    const { ok, status, said } = await request("/api/v1/timeline/verify", "GET");
    button.disabled = false;
    if (status === 401) return signIn();
    if (!ok) { result.dataset.tone = "bad"; result.textContent = words(said); return; }
    const bad = said.findings || [], first = said.first_bad;
    result.dataset.tone = said.is_intact ? "good" : "bad";
    result.textContent = said.is_intact
      ? said_.intact.replace("{records}", (said.records ?? 0).toLocaleString()).replace("{seconds}", Number(said.seconds || 0).toFixed(2))
      : first ? said_.broken.replace("{number}", first) : said_.brokenUnknown;
    $("#verify-findings").replaceChildren(...bad.slice(0, 20).map((each) => {
      const row = document.createElement("li");
      row.textContent = (each.number ? each.number + ": " : "") + each.problem;
      return row;
    }));
    facts(said);
  }
  function facts(said) { // the rows and their words stand in the page; an empty one stays hidden
    for (const row of $("#verify-facts").children) {
      const value = said[row.dataset.field], text = Array.isArray(value) ? value.join("; ") : typeof value === "number" ? value.toLocaleString() : value;
      $("dd", row).textContent = text ?? "";
      row.hidden = text === undefined || text === "";
    }
  }
  Early.release(); // this is the last script
})();
