// Sends what a person asks for: a reason always, a signature where the policy wants one, the session's proof.
"use strict";
(() => {
  const { $, refresh, signIn, leaving, open } = Andon, body = document.body;
  const act = $("#act-dialog"), cord = $("#cord-dialog"), once = $("#once-dialog");
  const CREDENTIALS = ["bad-credentials", "signature-login-required", "locked-out", "not-the-signer"];

  // --- one way to the API ----------------------------------------------------------------------------
  async function request(url, method, values) {
    const headers = { Accept: "application/json", "X-Andon-CSRF": $("meta[name=andon-csrf]").content };
    if (values !== undefined) headers["Content-Type"] = "application/json";
    const answer = await fetch(url, { method, headers, body: values === undefined ? undefined : JSON.stringify(values) });
    const text = await answer.text();
    let said = {};
    try { said = text ? JSON.parse(text) : {}; } catch { said = { detail: text.slice(0, 200) }; }
    return { ok: answer.ok, status: answer.status, said, wait: Number(answer.headers.get("Retry-After")) || 0 };
  }
  const words = (said) => (said.detail || body.dataset.failed) + (said.hint ? " (" + said.hint + ")" : "");
  function problem(within, text) {
    const at = $(".problem", within);
    if (at) { at.textContent = text; at.hidden = !text; }
  }
  async function locked(within, work) { // no second click while the first is under way
    const buttons = [...within.querySelectorAll("button[type=submit]")];
    buttons.forEach((each) => { each.disabled = true; });
    try { return await work(); } catch (error) { problem(within, body.dataset.failed + ": " + error.message); return null; }
    finally { buttons.forEach((each) => { each.disabled = false; }); }
  }
  function show(secret, about, command) { // a secret that the server shows once, and what is typed where it goes
    $("#once-for").textContent = about || "";
    $("#once-text").value = secret;
    $("#once-command").value = command || "";
    $("#once-then").hidden = !command;
    open(once);
    $("#once-text").select();
  }
  function proceed(task, said) {
    if (task.once && said[task.once]) {
      show(said[task.once], task.about, task.command);
      once.addEventListener("close", () => { $("#once-text").value = ""; refresh(); }, { once: true });
    } else if (task.goto) location.href = task.goto.replace("{id}", encodeURIComponent(said.id || ""));
    refresh();
    if (task.done) task.done(said);
  }

  // --- the dialog of every action, which is also where one signs -------------------------------------
  // task: { url, method, values, title, say, verb, tone, needsReason, once, about, goto, done, sign }
  function ask(task) {
    const text = $("[name=reason]", act), submit = $("button[type=submit]", act);
    act.task = task;
    $("#act-title").textContent = task.title;
    $("#act-say").textContent = task.say || "";
    submit.textContent = task.verb;
    submit.className = task.tone === "danger" ? "pull" : "main";
    $("#act-reason").hidden = !task.needsReason;
    text.disabled = !task.needsReason;
    text.value = "";
    problem(act, "");
    signing(task.sign || null);
    open(act);
    (task.needsReason ? text : task.sign ? $("[name=password]", act) : submit).focus();
  }
  function signing(needs) { // show or hide what a signature needs
    const part = $("#act-signing"), login = $("#act-login"), document_ = $("#act-document");
    part.hidden = part.disabled = !needs;
    part.querySelectorAll("input").forEach((each) => { each.value = ""; });
    if (!needs) return;
    login.hidden = needs.login === false;
    $("input", login).disabled = login.hidden;
    const options = $("[name=meaning]", part).options, allowed = needs.meanings || [];
    for (const each of options) each.hidden = each.disabled = allowed.length > 0 && !allowed.includes(each.value);
    const usual = needs.meaning || (needs.action && needs.action !== "approve" ? "responsible" : "approved");
    const first = [...options].find((each) => each.value === usual && !each.disabled) || [...options].find((each) => !each.disabled);
    if (first) first.selected = true;
    document_.replaceChildren();
    for (const [name, value] of Object.entries(needs.document || {})) {
      const row = document.createElement("div"), key = document.createElement("dt"), field = document.createElement("dd");
      key.textContent = name; field.textContent = typeof value === "string" ? value : JSON.stringify(value);
      row.append(key, field); document_.append(row);
    }
    document_.hidden = !document_.children.length;
    document_.dataset.hash = needs.document_hash || ""; // what was shown is what is signed
  }
  function isSigning() { return !$("#act-signing").hidden; }
  async function perform(task) {
    const values = { ...task.values };
    if (task.needsReason) values.reason = $("[name=reason]", act).value.trim();
    if (isSigning()) {
      const login = $("#act-login input");
      values.signature = { password: $("[name=password]", act).value, meaning: $("[name=meaning]", act).value };
      if (!login.disabled) values.signature.login = login.value.trim();
      const shown = $("#act-document").dataset.hash;
      if (shown) values.signature.document_hash = shown;
    }
    const isPlain = !task.needsReason && !Object.keys(values).length;
    const { ok, status, said } = await request(task.url, task.method, isPlain ? undefined : values);
    if (ok) { act.close(); signing(null); proceed(task, said); return; }
    if (status === 401 && !CREDENTIALS.includes(said.code)) { signIn(); problem(act, words(said)); return; }
    refused(said);
  }
  function refused(said) {
    const needs = said.needs || {}, wasSigning = isSigning();
    if (said.code === "signature-required") {
      signing({ document: act.task.document, ...needs });
      problem(act, "");
      ($("#act-login").hidden ? $("[name=password]", act) : $("#act-login input")).focus();
      return;
    }
    if (said.code === "signature-login-required") { $("#act-login").hidden = false; $("#act-login input").disabled = false; }
    problem(act, words(said));
    if (wasSigning && CREDENTIALS.includes(said.code)) {
      const password = $("[name=password]", act);
      password.value = ""; password.focus();
    }
  }
  function taskOf(button) {
    const data = button.dataset;
    return { url: data.act, method: data.method || "POST", values: JSON.parse(data.body || "{}"), title: data.title,
             say: data.say, verb: data.verb, tone: button.classList.contains("danger") ? "danger" : "",
             needsReason: !button.hasAttribute("data-no-reason"), once: data.once, about: data.about, goto: data.goto,
             sign: data.sign ? JSON.parse(data.sign) : null };
  }
  let begun = 0;
  async function begin(button) { // where a signature is sure to be wanted, ask first whether the login is, too
    const task = taskOf(button), own = ++begun;
    if (task.sign) {
      const { ok, said } = await request("/api/v1/me", "GET");
      if (own !== begun) return; // another was pressed meanwhile: its dialog must not turn into this one
      if (ok && said.signing) task.sign.login = said.signing.needs_login;
      task.document = task.sign.document;
    }
    ask(task);
  }

  // --- buttons that act at once ----------------------------------------------------------------------
  async function signOut(button) {
    leaving(true);
    let text = "";
    try {
      const { ok, status, said } = await request(button.dataset.send, "POST", {});
      if (ok || status === 401) { location.href = button.dataset.go; return; }
      text = words(said);
    } catch (error) { text = body.dataset.failed + ": " + error.message; }
    leaving(false);
    problem(button.parentElement, text); // nobody walks away from a session that goes on
  }
  async function answer(button) { // the question stays, though at the server it is gone as soon as it is answered
    const panel = button.closest("section"), failed = $("#device-problem"), done = $("#device-done");
    if (panel.hasAttribute("data-keep")) return; // one answer, however often it is pressed
    panel.dataset.keep = "";
    let text = "";
    try {
      const { ok, said } = await request(button.dataset.send, "POST", {});
      if (!ok) text = words(said);
    } catch (error) { text = body.dataset.failed + ": " + error.message; }
    failed.textContent = text; failed.hidden = !text;
    if (text) { delete panel.dataset.keep; return; }
    done.textContent = button.dataset.done; done.hidden = false;
    $("#device-verbs").hidden = true;
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.getAttribute("aria-disabled") === "true") { event.preventDefault(); return; }
    if (button.id === "cord") { problem(cord, ""); open(cord); }
    else if (button.dataset.act) begin(button);
    else if (button.dataset.go) signOut(button);
    else if (button.dataset.send) answer(button);
  });
  if (act) {
    $("form", act).addEventListener("submit", (event) => { event.preventDefault(); locked(act, () => perform(act.task)); });
    act.addEventListener("close", () => signing(null)); // no password stays in a closed dialog
  }
  if (cord) $("form", cord).addEventListener("submit", (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const values = { environment: form.get("environment") || null, return: form.has("return"), reason: form.get("reason") };
    locked(cord, async () => {
      const { ok, status, said } = await request("/api/v1/cord", "POST", values);
      if (ok) { cord.close(); refresh(); } else if (status === 401) signIn();
      else if (said.code === "signature-required") { // a return aborts: go on where one signs
        const named = (at) => $(at, cord).textContent;
        cord.close();
        ask({ url: "/api/v1/cord", method: "POST", values, title: named("h2"), say: named(".check span"), verb: named(".pull"), tone: "danger", sign: said.needs });
        act.task.document = said.needs.document;
      } else problem(cord, words(said));
    });
  });
  Object.assign(Andon, { request, words, problem, locked, proceed, ask, show });
})();
